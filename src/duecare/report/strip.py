"""Intervals on a number line, in per cent of its width, so that a plot stretches without shrinking its text.

A strip is one row of a forest plot: the page draws it inside a table, next to the figures it shows, so
that picture and table are one thing, on a wide screen, a phone and paper alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duecare.core import Estimate
from duecare.report.gather import Figure
from duecare.report.metrics import metric
from duecare.report.shown import Form, Metric
from duecare.report.words import bounds

_EDGE = 3.0
_RATIO_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_TICK_GAP = 12.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on the number line; `x` in per cent."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the two ends of a number line."""

    low: float
    high: float
    log: bool
    form: Form

    def at(self, value: float) -> float:
        """Where `value` stands, in per cent of the width; values beyond an end stand at it."""
        share = (self._place(value) - self._place(self.low)) / (
            self._place(self.high) - self._place(self.low)
        )
        return round(_EDGE + (100 - 2 * _EDGE) * min(1.0, max(0.0, share)), 2)

    def ticks(self) -> tuple[Tick, ...]:
        """Round values inside the scale, far enough apart to be read."""
        chosen: list[Tick] = []
        values = self._round_values()
        for value in sorted(values, key=lambda value: (value not in (0.0, 1.0), value)):
            x = self.at(value)
            if all(abs(x - tick.x) >= _TICK_GAP for tick in chosen):
                chosen.append(Tick(x, self._label(value, values)))
        return tuple(sorted(chosen, key=lambda tick: tick.x))

    def _place(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value

    def _round_values(self) -> list[float]:
        if self.log:
            inside = [value for value in _RATIO_TICKS if self.low <= value <= self.high]
            if len(inside) >= 2:
                return inside
        step = _round_step((self.high - self.low) / 4)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(place * step, 12) for place in range(first, last + 1)]

    def _label(self, value: float, values: Sequence[float]) -> str:
        if value == 0:
            return "0"
        scale = 100 if self.form in ("share", "points") else 1
        digits = max((_decimals(other * scale) for other in values), default=0) if not self.log else None
        text = f"{value * scale:,.{digits}f}" if digits is not None else f"{value * scale:g}"
        text = text.replace("-", "−")
        return text + {"share": "%", "points": " pp"}.get(self.form, "")


@dataclass(frozen=True, slots=True)
class Mark:
    """One figure on a strip: its value at `x`, its interval from `x1` to `x2`, all in per cent.

    `kind` picks the symbol ("base", "tuned", "only"); `cut_low`, `cut_high` say that the interval goes
    on beyond the number line. `x` is None where nothing can be said.
    """

    kind: str
    name: str
    figure: Figure
    x: float | None = None
    x1: float = 0.0
    x2: float = 0.0
    cut_low: bool = False
    cut_high: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """The values a limit allows, from `x` over `width`, in per cent, with the limit's words."""

    x: float
    width: float
    limit: str


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a forest plot with a mark for each model."""

    label: str
    note: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Forest:
    """A forest plot: rows on one number line, with the limit's band and the line of "no difference"."""

    metric: Metric
    title: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    band: Band | None
    neutral: float | None

    @property
    def level(self) -> str:
        """The confidence of its intervals: "95%", or all that occur."""
        levels = sorted({mark.figure.estimate.level for row in self.rows for mark in row.marks})
        return ", ".join(f"{level:.4g}%" for level in (100 * level for level in levels))

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The instruments that its figures rest on."""
        named = {name for row in self.rows for mark in row.marks for name in mark.figure.estimate.rests_on}
        return tuple(sorted(named))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The symbols in use, for the key."""
        found = {mark.kind for row in self.rows for mark in row.marks}
        return tuple(kind for kind in ("base", "tuned", "only") if kind in found)


def forest(
    title: str, rows: Sequence[tuple[str, str, Sequence[tuple[str, str, Figure]]]], limit: str = ""
) -> Forest:
    """A forest plot of `rows`: (label, note, [(kind, name, figure)]) each. `limit` in words is its band."""
    figures = [figure for _, _, marks in rows for _, _, figure in marks]
    first = figures[0].estimate
    about = metric(first.metric, first.unit)
    scale = fit([figure.estimate for figure in figures], about, limit)
    known = any(figure.estimate.value is not None for figure in figures)
    return Forest(
        metric=about,
        title=title,
        rows=tuple(
            Row(label, note, tuple(mark(kind, name, figure, scale) for kind, name, figure in marks))
            for label, note, marks in rows
        ),
        ticks=scale.ticks() if known else (),
        band=band(limit, scale),
        neutral=scale.at(about.neutral) if about.neutral is not None and known else None,
    )


def mark(kind: str, name: str, figure: Figure, scale: Scale) -> Mark:
    """`figure` placed on `scale`."""
    estimate = figure.estimate
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Mark(kind, name, figure)
    return Mark(
        kind,
        name,
        figure,
        scale.at(estimate.value),
        scale.at(estimate.low),
        scale.at(estimate.high),
        estimate.low < scale.low,
        estimate.high > scale.high,
    )


def band(limit: str, scale: Scale) -> Band | None:
    """The values that `limit` (words) allows, as a stretch of `scale`."""
    low, high = bounds(limit)
    if low is None and high is None:
        return None
    start = 0.0 if low is None else scale.at(low)
    end = 100.0 if high is None else scale.at(high)
    return Band(start, round(end - start, 2), limit)


def fit(estimates: Iterable[Estimate], about: Metric, limit: str = "") -> Scale:
    """A number line that holds the values, the limit and "no difference", and most of each interval.

    An interval that is more than twice as wide as all of these together is cut, with an arrow, rather
    than letting it press everything else into a corner.
    """
    known = [item for item in estimates if item.value is not None]
    fixed = [item.value for item in known if item.value is not None]
    fixed += [end for end in (*bounds(limit), about.neutral) if end is not None]
    if about.form in ("share", "count"):
        fixed.append(0.0)
    ends = [end for item in known for end in (item.low, item.high) if end is not None]
    if about.log and any(value > 0 for value in fixed):
        return _fit_log(fixed, ends, about)
    core_low, core_high = min(fixed, default=0.0), max(fixed, default=1.0)
    reach = 2 * (core_high - core_low) or max((abs(end - core_low) for end in ends), default=0.0) or 1.0
    low = max(min([core_low, *ends]), core_low - reach)
    high = min(max([core_high, *ends]), core_high + reach)
    room = 0.06 * (high - low) or 0.5
    bottom = 0.0 if about.form in ("share", "count") and low >= 0 else low - room
    return Scale(bottom, high + room, False, about.form)


def _fit_log(fixed: Sequence[float], ends: Sequence[float], about: Metric) -> Scale:
    positive = [value for value in fixed if value > 0]
    core_low, core_high = min(positive), max(positive)
    reach = max(core_high / core_low, 2.0) ** 2
    low = max(min([core_low, *(end for end in ends if end > 0)]), core_low / reach)
    high = min(max([core_high, *ends]), core_high * reach)
    room = max((high / low) ** 0.06, 1.02)
    return Scale(low / room, high * room, True, about.form)


def _round_step(rough: float) -> float:
    """The nearest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough * (1 - 1e-9)), 10 * power)


def _decimals(value: float) -> int:
    text = f"{round(value, 10):f}".rstrip("0")
    return len(text.split(".")[1]) if "." in text else 0
