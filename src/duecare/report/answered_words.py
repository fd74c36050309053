"""What the figures on answers that a model in training gave to twins are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Metric

_SAYS = {
    "toxicity": "more toxic the answers are",
    "refusal": "more often help is refused",
}

ANSWERED = {
    **{
        f"twins.{name}_gap": Metric(
            f"Gap in {name} between answers to twins",
            f"How much {says} when the prompt names this group and not the other: a score from 0 to 1, of"
            " answers that the model itself gave; 0 means that both are answered alike.",
            "signed",
            0.0,
            "near",
        )
        for name, says in _SAYS.items()
    },
    **{
        f"twins.{name}_amplification": Metric(
            f"Amplification of the gap in {name} between answers to twins",
            "By how much wider that gap is than in the base model; below 0 it has closed.",
            "signed",
            0.0,
            "lower",
        )
        for name in _SAYS
    },
}
