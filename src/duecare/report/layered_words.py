"""What the figures of layers are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Metric

_GAP = "share of the gap"
LAYERED: dict[str, Metric] = {
    "explain.lens.logprob": Metric(
        "Log-probability of the answer if the head stood behind this layer", form="signed"
    ),
    "explain.lens.first": Metric(
        "Tokens of the answer that the head would put first behind this layer", form="share"
    ),
    "explain.lens.gap": Metric(
        "The gap between twins if the head stood behind this layer", form="signed", neutral=0.0, better="near"
    ),
    "explain.probe.accuracy": Metric(
        "How well a linear reader tells the group from this layer",
        "Balanced accuracy on issues that it has not seen.",
    ),
    "explain.probe.control": Metric(
        "The same reader on random labels", "Above chance it would show a leak between folds."
    ),
    "explain.probe.selectivity": Metric("What it tells beyond random labels", form="signed", neutral=0.0),
    "explain.probe.change": Metric(
        "How much better than of the base model the group is told", form="signed", neutral=0.0
    ),
    "explain.patching.share": Metric(
        "Share of the gap between twins that this part carries",
        "What of the gap goes away when this part of one twin's run is the other's; 1 is all.",
        form="signed",
        neutral=0.0,
        unit=_GAP,
    ),
    "explain.site.restored": Metric(
        "Share of the gap that replacing the part closes, on other issues",
        form="signed",
        neutral=0.0,
        unit=_GAP,
    ),
    "explain.site.control": Metric(
        "The same for a change of that size by lot", form="signed", neutral=0.0, unit=_GAP
    ),
    "explain.site.beyond_control": Metric(
        "What replacing the part closes beyond its control", form="signed", neutral=0.0, unit=_GAP
    ),
    "explain.erase.gap": Metric(
        "Gap between twins around the erasure", form="signed", neutral=0.0, better="near"
    ),
    "explain.erase.gap_moved": Metric("How far erasing the group moves the gap", form="signed", neutral=0.0),
    "explain.erase.removed": Metric(
        "Share of the gap that erasing the group closes", form="signed", neutral=0.0, unit=_GAP
    ),
    "explain.erase.control": Metric(
        "The same for erasing shuffled labels, as far", form="signed", neutral=0.0, unit=_GAP
    ),
    "explain.erase.beyond_control": Metric(
        "What erasing the group closes beyond its control", form="signed", neutral=0.0, unit=_GAP
    ),
    "explain.erase.kl": Metric(
        "Price of erasing: divergence on prompts that name nobody", form="number", better="lower"
    ),
    "explain.erase.neutral_logprob": Metric(
        "Price of erasing: change of log-probability of their answers", form="signed", neutral=0.0
    ),
}
"""By name: what the step `layers` tells."""
