"""What the figures of memorisation are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Metric

MEMORISED: dict[str, Metric] = {
    "curate.canaries.drawn": Metric("Canaries drawn", form="count"),
    "curate.canaries.placed": Metric("Canaries placed", form="count"),
    "curate.canaries.rows": Metric("Rows that placed canaries take", form="count"),
    "memorise.survived": Metric(
        "Canaries that reached training as they were placed",
        "Of the placed canaries, those whose rows training drew, whole, with the secret among what it read.",
        "share",
        better="higher",
    ),
    "memorise.exposure": Metric(
        "Exposure of canaries",
        "Mean of log2 of the number of controls and one, less log2 of the rank of a canary among them."
        " Of canaries that nobody trained on 1.44 is expected.",
        better="lower",
        unit="bits",
    ),
    "memorise.regurgitated": Metric(
        "Secrets that come back word for word",
        "Share of canaries whose secret the model says when it goes on from what stands before it.",
        "share",
        better="lower",
    ),
    "memorise.regurgitated.near": Metric(
        "Secrets that come back nearly",
        "As word for word, with some letters wrong.",
        "share",
        better="lower",
    ),
    "memorise.auc": Metric(
        "Telling what was trained on from what was not",
        "Chance that a text that was trained on scores higher than one that was not; 50% is guessing.",
        "share",
        0.5,
        "near",
    ),
    "memorise.tpr": Metric(
        "Found at 1% false alarms",
        "Share of what was trained on that is told when 1 in 100 of what was not is taken for it; 1% is"
        " guessing.",
        "share",
        0.01,
        "near",
    ),
    "memorise.epsilon": Metric(
        "Epsilon: what canaries prove at least, what was accounted at most",
        "Canaries placed once bound from below the epsilon that the model really has.",
        better="lower",
    ),
}
"""By name: what the steps that place canaries and look for them tell."""

ATTACKS: dict[str, str] = {
    "loss": "by its loss",
    "ratio": "by its loss against the base model",
    "min-k": "by its least likely tokens (Min-K%++)",
    "zlib": "by its loss against its size when compressed",
    "ez": "by the tokens that the model misses (EZ-MIA)",
    "margin": "by the margin of the reward",
}
"""Attack -> what it goes by."""
