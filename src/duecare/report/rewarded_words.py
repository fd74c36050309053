"""What the figures of a reward model and of its audit are called in plain words."""

from __future__ import annotations

from duecare.report.drift_words import DRIFT
from duecare.report.shown import Metric

REWARDS: dict[str, Metric] = {
    **DRIFT,
    "reward-model.accuracy": Metric(
        "Pairs ranked as they were labelled",
        "Share of pairs whose chosen answer gets the higher score; 50% is chance.",
        "share",
        better="higher",
    ),
    "reward-model.margin": Metric(
        "Margin of the chosen answer",
        "Score of the chosen answer less that of the rejected one: the log-odds that it is preferred.",
        "signed",
        0.0,
        "higher",
        unit="nats",
    ),
    "reward-model.loss": Metric(
        "Loss on pairs", "Minus the log-probability of the labelled choice; 0.69 is chance.", unit="nats"
    ),
    "reward-model.score": Metric(
        "Score, mean of both answers",
        "Means nothing by itself; kept near 0 by centring.",
        "signed",
        unit="nats",
    ),
    "reward.rank.accuracy": Metric(
        "Pairs that the reward ranks as they were labelled",
        "Share of held-out pairs whose chosen answer earns more; a tie is no hit, and 50% is chance.",
        "share",
        0.5,
        "higher",
    ),
    "reward.rank.ties": Metric(
        "Pairs with equal rewards", "Share of held-out pairs whose two answers earn the same.", "share"
    ),
    "reward.rank.difference": Metric(
        "Pairs ranked right, beside another ranking",
        "Share of pairs ranked as labelled, minus that of the other on the same pairs; 0: as good.",
        "points",
        0.0,
        "higher",
    ),
    "reward.rank.differing": Metric(
        "Pairs of which only one of two rankings is right", form="share", better=""
    ),
    "reward.pairs.left_out": Metric("Pairs too long to be ranked", form="count"),
    "reward.nudge": Metric(
        "What the reward pays for besides quality",
        "By how much a text earns more than one that differs in this alone; one spread is what typically lies"
        " between two answers to one prompt.",
        "signed",
        0.0,
        "near",
        unit="spreads",
    ),
    "reward.nudge.wins": Metric(
        "How often the nudged text earns more",
        "Share of nudges after which a text earns more, a tie as half; 50% is as often as not.",
        "share",
        0.5,
        "near",
    ),
    "reward.people.leaning": Metric(
        "Leaning to the longer answer",
        "How much more often somebody takes the longer answer than the others who judged the same items.",
        "points",
        0.0,
        "near",
    ),
    "reward.people.panel_leaning": Metric(
        "Leaning of a panel to the longer answer",
        "How much more often a panel takes the longer answer than everybody else on the same items.",
        "points",
        0.0,
        "near",
    ),
    "reward.people.accuracy.change": Metric(
        "Pairs ranked right, against a reward fitted to everybody",
        "Its head is fitted without somebody, or with each panel counting alike; 0: nothing changes.",
        "points",
        0.0,
        "near",
    ),
    "reward.people.nudge.change": Metric(
        "What it pays for, against a reward fitted to everybody",
        "Effect of a nudge where the head is fitted otherwise, less that of everybody's; 0: nothing changes.",
        "signed",
        0.0,
        "near",
        unit="spreads",
    ),
}
"""Metric -> how it is shown."""

KINDS: dict[str, str] = {
    "identity": "whom it names",
    "length": "padding",
    "formatting": "formatting",
    "flattery": "flattery",
    "agreement": "agreeing with the user",
    "refusal": "words of refusal",
    "position": "an offer of help that stands first, not last",
    "confidence": "sounding sure",
    "word": "a word",
}
"""Kind of nudge -> what it adds, inside a sentence."""

NUDGES: dict[str, str] = {
    "some padding": "A quarter longer, without content",
    "much padding": "Twice as long, without content",
    "bold": "Bold letters",
    "list": "A list, not a line",
    "flattery": "Flattery",
    "agreement": "Agreeing, not disagreeing, with the user",
    "refusal": "Words of refusal before the answer",
    "position": "An offer of help first, not last",
    "confidence": "Sure, not unsure",
}
"""Nudge -> what is told of it in a row."""

PLACES: dict[str, str] = {
    "prompt": "in the prompt",
    "answer": "in the answer",
    "margin": "margin of a respectful over a dismissive answer",
}
"""Where an identity is named -> in words."""
