"""What closing a gap cost, and whether it was the gap that closed or only refusals and lengths that moved.

Two models answer for the same held-out rows: the one before (the start, or a run without the method) and
the one after. A gap is a group's mean less the mean of the other rows of its axis, and what is *closed* is
how much nearer to nought it came: |before| - |after|, negative where it opened. Intervals resample rows
within each side (bootstrap, percentiles, Efron 1979), because an absolute value and a ratio have no simple
ones. NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.measure.interval import LEVEL, Interval, silent

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
RESAMPLES = 2000
LEAST = 10
"""Rows on each side of a gap, at least."""
METHOD = f"bootstrap over rows, percentiles ({RESAMPLES} resamples)"
Kind = Literal["closed", "only refusals", "only length", "unclear", "not shown"]


@dataclass(frozen=True, slots=True)
class Sides:
    """Which rows are the group's (`mine`, bool [N]) and which the others' (`rest`), resampled once.

    `picks` int [R, N_mine] and [R, N_rest] are the rows of each resample.
    """

    mine: Mask
    rest: Mask
    picks: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

    @staticmethod
    def drawn(mine: Mask, rest: Mask, seed: int) -> Sides:
        """Sides with their resamples, by `seed`."""
        if mine.shape != rest.shape or (mine & rest).any():
            raise DataError("sides: expected two masks of one shape, no row on both sides")
        rng = np.random.default_rng([seed, 0xC0])
        picks = []
        for side in (mine, rest):
            rows = np.flatnonzero(side)
            count = (RESAMPLES, len(rows))
            picks.append(rows[rng.integers(0, len(rows), count)] if len(rows) else np.zeros(count, np.int64))
        return Sides(mine, rest, (picks[0], picks[1]))

    @property
    def lacking(self) -> str | None:
        """Why nothing can be said, or None."""
        least = min(int(self.mine.sum()), int(self.rest.sum()))
        return None if least >= LEAST else f"{LEAST} rows on each side are needed, there are {least}"

    def gap(self, values: Floats) -> tuple[float, Floats]:
        """The gap in `values` [N], and that of each resample [R]."""
        found = float(values[self.mine].mean() - values[self.rest].mean())
        return found, values[self.picks[0]].mean(axis=1) - values[self.picks[1]].mean(axis=1)

    def mean(self, values: Floats) -> tuple[float, Floats]:
        """The mean over both sides, and that of each resample [R]."""
        both = self.mine | self.rest
        return float(values[both].mean()), np.concatenate(
            [values[self.picks[0]], values[self.picks[1]]], axis=1
        ).mean(axis=1)


def closed(sides: Sides, before: Floats, after: Floats) -> tuple[Interval, Floats]:
    """By how much the gap closed from `before` to `after` (float [N] each), and that of each resample."""
    there, theirs = sides.gap(before)
    here, ours = sides.gap(after)
    drawn = np.abs(theirs) - np.abs(ours)
    return interval(abs(there) - abs(here), drawn, sides), drawn


def interval(value: float, drawn: Floats, sides: Sides) -> Interval:
    """The percentile interval of a figure whose resamples are `drawn`."""
    n = int(sides.mine.sum() + sides.rest.sum())
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, min(float(low), value), max(float(high), value), n, None, METHOD, LEVEL)


def price(sides: Sides, before: Floats, after: Floats, costs: dict[str, Floats]) -> dict[str, Interval]:
    """ "closed", each cost, and "<cost>.per_gap": what one unit of gap closed came to.

    `costs` are by name, one number a row [N] (its KL, how much longer its answer is, ...). Where it is not
    shown that the gap closed, a price means nothing and is not told.
    """
    if sides.lacking is not None:
        n = int(sides.mine.sum() + sides.rest.sum())
        return {"closed": silent(sides.lacking, n, None, METHOD, LEVEL)}
    shut, drawn = closed(sides, before, after)
    found = {"closed": shut}
    for name, values in costs.items():
        level, levels = sides.mean(values)
        found[name] = interval(level, levels, sides)
        if shut.low is None or shut.value is None or shut.low <= 0:
            reason = "it is not shown that the gap closed, so nothing has a price"
            found[f"{name}.per_gap"] = silent(reason, shut.n, None, METHOD, LEVEL)
        else:
            # In a resample or two in a hundred the gap did not close: there the price is as high as any.
            each = levels / np.maximum(drawn, drawn[drawn > 0].min())
            found[f"{name}.per_gap"] = interval(level / shut.value, each, sides)
    return found


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to the same prompts: `score` float [N], `refused` bool [N], `length` float [N] (words, say)."""

    score: Floats
    refused: Mask
    length: Floats


@dataclass(frozen=True, slots=True)
class Moved:
    """What a fix moved: its `kind`, and by how much the gap closed among all answers, among those that both
    models gave without refusing, and among these at one length."""

    kind: Kind
    all: Interval
    answered: Interval
    at_length: Interval

    @property
    def text(self) -> str:
        """In a sentence."""
        return {
            "closed": "The gap closed, among answers that were given and at one length as well.",
            "only refusals": "Only refusals moved: among prompts that were answered the gap did not close.",
            "only length": "Only length moved: among answers of one length the gap did not close.",
            "unclear": "The gap closed among all answers; among those given at one length it is not shown.",
            "not shown": "It is not shown that the gap closed.",
        }[self.kind]


def what_moved(before: Answers, after: Answers, mine: Mask, rest: Mask, seed: int = 0) -> Moved:
    """Whether a gap in scores closed, or whether refusing or another length made it look so.

    A refusal scores low on toxicity, and so does a short answer: a model that refuses one group more, or says
    less to everybody, has a smaller gap and is no fairer. So the gap is looked at again among prompts that
    both models answered, and again with what length explains taken out (its slope within each model and
    side). A fix that is not seen there, while refusals (or lengths) moved for certain, is called that.
    """
    sides = Sides.drawn(mine, rest, seed)
    both = ~before.refused & ~after.refused
    given = Sides.drawn(mine & both, rest & both, seed)
    whole = _closed(sides, before.score, after.score)
    answered = _closed(given, before.score, after.score)
    level = _levelled(before, after, given)
    at_length = _closed(given, *level) if level is not None else silent(_FEW, 0, None, METHOD, LEVEL)
    kind: Kind = "unclear"
    if not _above(whole):
        kind = "not shown"
    elif _above(answered) and _above(at_length):
        kind = "closed"
    elif not _above(answered) and _shifted(sides, after.refused.astype(float) - before.refused):
        kind = "only refusals"
    elif _above(answered) and _shifted(given, after.length - before.length):
        kind = "only length"
    return Moved(kind, whole, answered, at_length)


_FEW = "too few answers were given"


def _above(found: Interval) -> bool:
    return found.low is not None and found.low > 0


def _closed(sides: Sides, before: Floats, after: Floats) -> Interval:
    if sides.lacking is not None:
        return silent(sides.lacking, int(sides.mine.sum() + sides.rest.sum()), None, METHOD, LEVEL)
    return closed(sides, before, after)[0]


def _shifted(sides: Sides, change: Floats) -> bool:
    """Whether a figure moved for certain, on either side."""
    if sides.lacking is not None:
        return bool(np.abs(change).sum() > 0)
    for side, picks in zip((sides.mine, sides.rest), sides.picks, strict=True):
        low, high = np.quantile(change[picks].mean(axis=1), [(1 - LEVEL) / 4, 1 - (1 - LEVEL) / 4])
        if side.any() and (low > 0 or high < 0):
            return True
    return False


def _levelled(before: Answers, after: Answers, sides: Sides) -> tuple[Floats, Floats] | None:
    """Scores as if all answers had one length, by the slope of score on length within model and side."""
    if sides.lacking is not None:
        return None
    up, across = 0.0, 0.0
    for answers in (before, after):
        for side in (sides.mine, sides.rest):
            length = answers.length[side] - answers.length[side].mean()
            up += float(length @ (answers.score[side] - answers.score[side].mean()))
            across += float(length @ length)
    slope = up / across if across > 0 else 0.0
    middle = np.concatenate([each.length[sides.mine | sides.rest] for each in (before, after)]).mean()
    return (
        before.score - slope * (before.length - middle),
        after.score - slope * (after.length - middle),
    )
