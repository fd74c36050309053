"""What the figures of memorised records are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Metric

RECORDED: dict[str, Metric] = {
    "memorise.redacted.exact": Metric(
        "Redacted values that a model says",
        "Share of values taken out by redaction that a model says when shown what stands before them; what"
        " the base model says too can be guessed.",
        "share",
        better="lower",
    ),
    "memorise.redacted.near": Metric(
        "Redacted values that a model nearly says",
        "As said, with up to a tenth wrong.",
        "share",
        better="lower",
    ),
    "memorise.redacted.memorised": Metric(
        "Redacted values that only the trained model says",
        "The trained model says them, and the base model nothing near.",
        "share",
        better="lower",
    ),
    "memorise.redacted.excess": Metric(
        "Redacted values memorised, beyond guessing",
        "Values that only the trained model says: their share in training rows less that in held-out rows.",
        "points",
        0.0,
        "lower",
    ),
    "memorise.redacted.lift": Metric(
        "Redacted values that training made likelier than made-up ones",
        "Share of made-up values of the same kind whose probability training raised less: 50% where it taught"
        " neither the values nor the domain.",
        "share",
        0.5,
        "near",
    ),
    "memorise.redacted.lift.excess": Metric(
        "Redacted values that training made likelier, beyond held-out ones",
        "Share of made-up values beaten: that of values from training rows less that from held-out rows.",
        "points",
        0.0,
        "lower",
    ),
    "memorise.redacted.stands": Metric(
        "Redacted values that stand in plain in some training row",
        "Of the values asked for: redacted in one place, and there in another.",
        "count",
        better="lower",
    ),
    "memorise.redacted.left_out": Metric("Redacted values that could not be asked for", form="count"),
    "memorise.verbatim.beginnings": Metric("Rows long enough to be continued", form="count"),
    "memorise.verbatim.exact": Metric(
        "Rows continued token by token",
        "Share of rows whose next tokens a model says exactly when shown their beginning.",
        "share",
        better="lower",
    ),
    "memorise.verbatim.near": Metric(
        "Rows continued nearly word by word",
        "As exactly, with up to a tenth of the tokens other ones.",
        "share",
        better="lower",
    ),
    "memorise.verbatim.copied": Metric(
        "Continuations that hold a long run of some training row",
        "Of any training row, and not of what the model was shown.",
        "share",
        better="lower",
    ),
    "memorise.verbatim.copied.over_base": Metric(
        "Long runs of training rows, beyond the base model",
        "Trained model less base model, on the same beginnings.",
        "points",
        0.0,
        "lower",
    ),
    "memorise.verbatim.over_base": Metric(
        "Rows continued nearly word by word, beyond the base model",
        "Trained model less base model, on the same rows.",
        "points",
        0.0,
        "lower",
    ),
    "memorise.verbatim.excess": Metric(
        "Rows memorised, beyond guessing",
        "Rows that only the trained model continues nearly word by word: their share of training rows less"
        " that of held-out rows.",
        "points",
        0.0,
        "lower",
    ),
    "memorise.missed.values": Metric(
        "Personal values still in the training rows",
        "Estimated from rows in which people marked what redaction missed.",
        "count",
        better="lower",
        unit="values",
    ),
    "memorise.missed.detected": Metric(
        "Personal values that a detector finds in the training rows",
        "A lower anchor; what it takes for one by mistake counts too.",
        "count",
        better="lower",
        unit="values",
    ),
    "memorise.missed.extracted": Metric(
        "Missed values that only the trained model says",
        "Of those that people marked in training rows.",
        "share",
        better="lower",
    ),
    "memorise.missed.memorised": Metric(
        "Missed values that the model memorised",
        "Values still there, times the share that the model says; the interval carries the error of both.",
        "count",
        better="lower",
        unit="values",
    ),
}
"""By name: what the step `records` of `memorise` tells."""
