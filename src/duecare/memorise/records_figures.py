"""Figures and verdicts of the step `records`, as they follow from what it leaves. Free of JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from duecare.core import Estimate, Finding, exact
from duecare.memorise import extraction, missed, records_limits, redacted
from duecare.memorise.records import Records
from duecare.memorise.records_limits import Look
from duecare.memorise.records_tables import Kept, read


def figures(step: Records, kept: Kept) -> Iterator[Estimate]:
    """All that follow from the tables: of redacted values, of rows, of what was missed."""
    about = {"source": step.on}
    if kept.tried or kept.left_out:
        count = kept.left_out + len(kept.tried)
        yield exact("memorise.redacted.left_out", kept.left_out, count, about, "values")
        yield from redacted.figures(kept.tried, kept.groups, about)
    if step.rows:
        yield from extraction.figures(kept.shown, step.prefixes, step.copied, kept.groups, about)
    if kept.sample is not None:
        yield from missed.figures(kept.sample, about)


def verdicts(step: Records, kept: Kept) -> list[Finding]:
    """What could not be asked for, and what limits came to."""
    return [*kept.findings, *records_limits.findings(list(_looks(step, kept)), step.alpha)]


def again(settings: Mapping[str, Any], folder: Path) -> tuple[list[Estimate], list[Finding]]:
    """Figures and verdicts from a step's settings and what it left in `folder`; those of a detector aside."""
    step, kept = msgspec.convert(dict(settings), Records), read(folder)
    return list(figures(step, kept)), verdicts(step, kept)


def _looks(step: Records, kept: Kept) -> Iterator[Look]:
    limits, about = step.limits, {"source": step.on}
    gone = any(each.name == records_limits.REDACTED for each in kept.findings)
    if limits.redacted is not None and step.values and not gone:
        name = "memorise.redacted.excess"
        yield Look("redacted", name, limits.redacted, about, lambda level: redacted.excess(kept.tried, level))
    for prefix in step.prefixes if limits.verbatim is not None and step.rows else ():
        own = [each for each in kept.shown if each.beginning.prefix == prefix]
        yield Look(
            "verbatim",
            "memorise.verbatim.excess",
            limits.verbatim or 0.0,
            about | {"prefix": str(prefix)},
            lambda level, own=own: extraction.excess(own, level),  # type: ignore[misc]  # own is bound now
        )
