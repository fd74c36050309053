"""What a training step's own probe follows, as the study file says it."""

from __future__ import annotations

from duecare.cli.document import Node
from duecare.train.limits import probed
from duecare.train.sampled import SCORED_BY, figures_by


def followed(probe: Node | None, kind: str) -> tuple[str, ...] | None:
    """Figures on twins, before the probe is known to be sound: of scores all there are; None without one."""
    if probe is None or probe.value is None:
        return None if probe is None else ()
    sampled = probe.value.get("sampled") if isinstance(probe.value, dict) else None
    scores = figures_by(SCORED_BY) if sampled is not None and sampled.value is not None else ()
    return (*probed(kind), *scores)
