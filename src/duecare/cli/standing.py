"""Where a run stands: what the ledger tells of it, and what `run.started` says so that it can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duecare.core import Note
from duecare.core.wire import encode
from duecare.ledger.standing import NO_GATES, Standing, gates, standing, verdict

__all__ = ["NO_GATES", "Standing", "gates", "plan_note", "standing", "verdict"]


def plan_note(planned: Sequence[str], standing: Iterable[str]) -> Note:
    """What `run.started` says of the jobs: all, and those of which nothing has to be done."""
    kept = list(standing)
    return Note(
        topic="plan",
        text=f"{len(planned)} jobs, {len(kept)} of them done before.",
        data={"plan": encode(list(planned)).decode(), "standing": encode(kept).decode()},
    )
