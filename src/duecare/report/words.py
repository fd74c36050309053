"""Plain words and numbers: what a metric is called, how its figures are written, what a verdict says."""

from __future__ import annotations

import math
import re

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, written
from duecare.report.metrics import metric, sentence
from duecare.report.shown import Form

VERDICTS = {PASS: "holds", FAIL: "fails", INSUFFICIENT: "not enough evidence"}
MARKS = {PASS: "✓", FAIL: "✕", INSUFFICIENT: "?"}
KINDS = {PASS: "pass", FAIL: "fail", INSUFFICIENT: "unsure"}


def number(value: float, form: Form, figure: int | None = None) -> str:
    """`value` in its form; the end of an interval is given the decimals of its `figure`."""
    if form == "count":
        return f"{value:,.0f}"
    scaled, least, landmark = value * _scale(form), _least(value * _scale(form), form), _LANDMARKS.get(form)
    if figure is not None and form in ("share", "ratio") and 0 < scaled < _TINY:
        return f"under {_TINY:g}" + ("%" if form == "share" else "")
    if figure is None:
        places = written.decimals(scaled, least, landmark)
    else:
        places = written.beside(scaled, figure, least, landmark)
    text = written.written(abs(scaled), places)
    sign = "−" if scaled < 0 else "+" if scaled > 0 and form in ("points", "signed") else ""
    return sign + text + {"share": "%", "points": " pp"}.get(form, "")


_LANDMARKS: dict[Form, float] = {"share": 100.0, "ratio": 1.0}
"""What a figure must not be rounded to, besides 0: all of them, or no difference."""


_TINY = 0.001
"""The end of an interval below this, but not 0, is said to be below it: its digits would tell nothing."""
_VAST = 1_000_000
"""The end of an interval of a ratio above this, where the figure itself is not, is said to be above it."""


def _scale(form: Form) -> float:
    return 100.0 if form in ("share", "points") else 1.0


def _least(scaled: float, form: Form) -> int:
    """Decimals that a figure of this size and form has at least."""
    size = abs(scaled)
    if form in ("share", "points"):
        return 1 if size >= 1 or size == 0 else 2
    if size >= 100 or size == 0:
        return 0 if size else 1
    leading = math.floor(math.log10(size))
    if form == "number":
        return min(4, max(1, 2 - leading))
    return min(4, max(2 if form == "ratio" else 1, 1 - leading))


def value(estimate: Estimate) -> str:
    """The figure alone, or "not known"; the same wherever it stands."""
    if estimate.value is None:
        return "not known"
    return number(estimate.value, metric(estimate.metric, estimate.unit).form)


def interval(estimate: Estimate) -> str:
    """The interval in words ("1.2% to 3.4%"), or "" where it is a count of everything or not known."""
    if estimate.low is None or estimate.high is None or estimate.value is None or is_exact(estimate):
        return ""
    form = metric(estimate.metric, estimate.unit).form
    scaled = estimate.value * _scale(form)
    figure = written.decimals(scaled, _least(scaled, form), _LANDMARKS.get(form))
    low, high = (number(end, form, figure) for end in (estimate.low, estimate.high))
    if form == "ratio" and estimate.value <= _VAST < estimate.high:
        high = f"over {_VAST:,}"
    return f"{low.removesuffix(' pp')} to {high}"


def is_exact(estimate: Estimate) -> bool:
    """Whether the figure is a count of everything there is."""
    return estimate.method == "exact count"


def support(estimate: Estimate) -> str:
    """On what a figure rests: "n = 240 in 60 clusters, Wilson, 95% interval"."""
    parts = [f"n = {estimate.n:,}"]
    if estimate.clusters is not None and estimate.clusters != estimate.n:
        parts[0] += f" in {estimate.clusters:,} clusters"
    parts.append(estimate.method)
    if not is_exact(estimate):
        parts.append(f"{100 * estimate.level:.4g}% interval" if estimate.value is not None else "no interval")
    if estimate.rests_on:
        parts.append(f"rests on {', '.join(estimate.rests_on)}")
    return "; ".join(parts)


def tooltip(estimate: Estimate) -> str:
    """Everything about a figure on one line."""
    known = f"{value(estimate)} ({interval(estimate)})" if interval(estimate) else value(estimate)
    why = f"; {estimate.reason}" if estimate.reason else ""
    return f"{subject(estimate)}: {known}{why}; {support(estimate)}"


def subject(estimate: Estimate) -> str:
    """What a figure speaks of: metric and slice in words."""
    title = metric(estimate.metric, estimate.unit).title
    about = ", ".join(f"{key} {val}" for key, val in sorted(estimate.slice.items()))
    return f"{title} ({about})" if about else title


def title(name: str) -> str:
    """A dotted or underscored name as a heading: "toxicity.disparate_impact_ratio"."""
    return sentence(re.sub(r"[._:-]+", " ", name).strip())


def plural(count: int, one: str, many: str | None = None) -> str:
    """ "1 row", "2 rows"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


_NUMBER = r"([-+−]?\d+(?:[.,]\d+)?(?:e-?\d+)?)\s*(%|percentage points|pp\b)?"
_LIMITS = (
    (rf"between {_NUMBER} and {_NUMBER}", "both"),
    (rf"(?:within|from) {_NUMBER} to {_NUMBER}", "both"),
    (rf"within (?:±|\+/-)\s*{_NUMBER}", "around"),
    (rf"\[{_NUMBER},\s*{_NUMBER}\]", "both"),
    (rf"(?:at most|below|under|no more than|less than|<=|≤|<)\s*{_NUMBER}", "high"),
    (rf"(?:at least|above|over|no less than|more than|>=|≥|>)\s*{_NUMBER}", "low"),
)


def bounds(limit: str) -> tuple[float | None, float | None]:
    """The two ends of a limit given in words; None where it has no such end or cannot be read.

    >>> bounds("between 0.8 and 1.25")
    (0.8, 1.25)
    >>> bounds("at most 2%")
    (None, 0.02)
    """
    for pattern, kind in _LIMITS:
        if match := re.search(pattern, limit, re.IGNORECASE):
            ends = [_read(*pair) for pair in zip(match.groups()[::2], match.groups()[1::2], strict=True)]
            if kind == "both":
                return ends[0], ends[1]
            if kind == "around":
                return -ends[0], ends[0]
            return (None, ends[0]) if kind == "high" else (ends[0], None)
    return None, None


def _read(digits: str, percent: str | None) -> float:
    figure = float(digits.replace("−", "-").replace(",", "."))
    return figure / 100 if percent else figure
