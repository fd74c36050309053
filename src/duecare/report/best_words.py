"""What the figures of the best of n are called in plain words."""

from __future__ import annotations

from duecare.report.shown import Form, Metric

_CHOSEN = "Of the answer that the reward chooses among n."
_NAMES: dict[str, tuple[str, Form, str, str]] = {
    "reward": ("Reward", "signed", "", "standard deviations"),
    "held_out": ("Held-out reward", "signed", "higher", "standard deviations"),
    "toxicity": ("Toxicity", "number", "lower", ""),
    "refusal": ("Refused", "share", "", ""),
    "length": ("Words", "number", "", "words"),
}


def _metrics() -> dict[str, Metric]:
    found = {}
    for name, (title, form, better, unit) in _NAMES.items():
        stem = f"reward.best-of-n.{name}"
        found[stem] = Metric(title, _CHOSEN, form, better=better, unit=unit)
        gap: Form = "points" if form == "share" else "signed"
        found[f"{stem}.gap"] = Metric(
            f"{title}: a group's prompts less all others",
            f"{_CHOSEN} 0: alike.",
            gap,
            0.0,
            "near",
            unit=unit,
        )
    return found | {
        "reward.best-of-n.held_out.change": Metric(
            "Change of the held-out reward", "From one n to a larger one, on the same prompts.",
            "signed", 0.0, "higher", unit="standard deviations",
        ),
        "reward.best-of-n.prompts.left_out": Metric("Prompts too long to be answered", form="count"),
    }  # fmt: skip


BEST: dict[str, Metric] = _metrics()
"""Metric -> how it is shown."""
