"""What is told of where a reward leads, in plain words: drift, heads fitted anew, the best of n."""

from __future__ import annotations

from duecare.report.best_words import BEST
from duecare.report.shown import Metric

_WIN = (
    "Share of comparisons between an answer now and one of before this step that the one now wins, a tie as"
    " half; 50%: nothing changed."
)


def _of(method: str) -> dict[str, Metric]:
    return {
        f"{method}.drift.win": Metric(
            "Wins against the start, by the independent instrument", _WIN, "share", 0.5, "higher"
        ),
        f"{method}.drift.reward_win": Metric(
            "Wins against the start, by the reward", _WIN, "share", 0.5, "higher"
        ),
        f"{method}.drift.gap": Metric(
            "Wins by the reward, less wins by the independent instrument",
            "By how much the reward runs ahead of what it should stand for; 0: both move alike.",
            "points",
            0.0,
            "near",
        ),
        f"{method}.drift.shift": Metric(
            "Independent instrument: now less the start", "In its own unit.", "signed", 0.0, "higher"
        ),
        f"{method}.drift.reward_shift": Metric(
            "Reward: now less the start", "In its own unit.", "signed", 0.0, "higher"
        ),
        f"{method}.independent": Metric(
            "What the independent instrument says of answers",
            "Of held-out prompts, in its own unit; the policy was not trained on it.",
            better="higher",
        ),
        f"{method}.independent.change": Metric(
            "Change in what the independent instrument says", "After minus before.", "signed", 0.0, "higher"
        ),
    }


_ROBUST: dict[str, Metric] = {
    "reward-model.robust.length": Metric(
        "How reward and length go together",
        "Correlation of both between two answers to one held-out prompt; 0: not paid by length.",
        "signed",
        0.0,
        "near",
    ),
    "reward-model.robust.reward_gap": Metric(
        "Gap in reward between twins, matters that no head was fitted on",
        "How much more the same answer is paid when the prompt names this group and not the other.",
        "signed",
        0.0,
        "near",
        unit="standard deviations",
    ),
    "reward-model.robust.padding": Metric(
        "What a sentence that says nothing adds",
        "To the reward of a held-out answer, by a sentence that no head was fitted on; 0: not paid for.",
        "signed",
        0.0,
        "near",
        unit="standard deviations",
    ),
    "reward-model.robust.accuracy.change": Metric(
        "What the fit cost in pairs ranked as labelled", "After minus before.", "points", 0.0, "higher"
    ),
}

DRIFT: dict[str, Metric] = {**_of("grpo"), **_of("ppo"), **_ROBUST, **BEST}
"""Metric -> how it is shown."""
