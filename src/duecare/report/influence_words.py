"""What the figures on the influence of rows are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Metric

INFLUENCE: dict[str, Metric] = {
    "slice": Metric(
        "Influence of a slice",
        "What a row of the slice accounts for in the gap, less what a row of all others does; above 0 it"
        " raises the gap. Estimated by gradients: what would be without the slice, only training again says.",
        "signed",
        0.0,
    ),
    "slice.total": Metric("What a slice accounts for", form="signed", neutral=0.0),
    "change": Metric("Change of the gap in training", form="signed", neutral=0.0),
    "sum": Metric("What all rows account for", form="signed", neutral=0.0),
    "control": Metric("Shufflings of the slices in which something stands out", form="share"),
    "without": Metric("Gap without the slice", "Less the gap with all rows.", "signed", 0.0),
    "without_random": Metric("Gap without as many random rows", "Less that with all.", "signed", 0.0),
    "against_random": Metric("Gap without the slice, less without random rows", form="signed", neutral=0.0),
    "predicted": Metric("Predicted of that difference", form="signed", neutral=0.0),
}
"""By the end of the name: what a training step tells of its rows' influence, in the unit of the gap."""
