"""What a training step's own probe follows, as the study file says it."""

from __future__ import annotations

from duecare.cli.document import Node
from duecare.train.limits import probed
from duecare.train.sampled import SCORED_BY, figures_by


def followed(probe: Node | None, kind: str) -> tuple[str, ...] | None:
    """Figures on twins, before the probe is known to be sound; None without one.

    Where it does not say in sound words by what answers are scored, the figures of all detectors.
    """
    if probe is None or probe.value is None:
        return None if probe is None else ()
    sampled = probe.value.get("sampled") if isinstance(probe.value, dict) else None
    if sampled is None or sampled.value is None:
        return probed(kind)
    own = sampled.plain().get("detectors") if isinstance(sampled.value, dict) else None
    named = [each for each in own if each in SCORED_BY] if isinstance(own, list) else SCORED_BY
    return (*probed(kind), *figures_by(named))
