"""What the figures of explanations are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Metric

EXPLAINED: dict[str, Metric] = {
    "words.identity_share": Metric(
        "Weight of the words that name the group",
        "Of the absolute weights of all words, the share that words carry which name the group.",
        "share",
    ),
    "words.identity_excess": Metric(
        "Their weight beyond their number",
        "That share less the share of the words which they are; 0 means that they weigh as much as others.",
        "points",
        0.0,
        "near",
    ),
    "words.identity_effect": Metric(
        "What the words that name the group add",
        "Above 0 they make the answer likelier, or the score higher.",
        "signed",
        0.0,
        "near",
    ),
    "words.residual": Metric(
        "What the parts miss of the whole",
        "Of all weight that was handed out, what does not add up to the value explained.",
        "share",
        better="lower",
    ),
    "words.likeness": Metric(
        "Likeness to a model with random weights",
        "Rank correlation of the sizes of the words' weights; 0 is none.",
        better="lower",
    ),
    "words.deletion": Metric(
        "What taking the weightiest words away costs beyond random ones",
        form="signed",
        neutral=0.0,
        better="higher",
    ),
    "words.insertion": Metric(
        "What putting the weightiest words back gains beyond random ones",
        form="signed",
        neutral=0.0,
        better="higher",
    ),
    "words.leading": Metric(
        "What the word named first costs, of what the costliest word does",
        "Each is taken away alone; 1 where the right word is named first.",
        "share",
        better="higher",
    ),
}
"""By name: what the step `words` tells."""
