"""Watching the watchers: how people of a round agree, and what is known of each of them and of their panels.

Figures are worked out anew from the labels that count, whichever version of the guideline they were made
under. People stand in them by pseudonym. A figure about few labels has a wide interval, or says why it has
none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from typing import Literal

import numpy as np

from duecare.core import Estimate
from duecare.measure import Ratings, agreements, self_consistency, severities, twin_bias
from duecare.measure.interval import proportion
from duecare.measure.panels import panel_differences
from duecare.measure.raters import Leaning
from duecare.review.export import value_of
from duecare.review.gathered import Gathered, Label, gather
from duecare.review.oversight import LEAST_PANEL
from duecare.review.question import Question
from duecare.review.queue import as_expected
from duecare.review.store import Store

__all__ = ["agreement", "panel_gaps", "raters"]


def agreement(store: Store, round: str) -> list[Estimate]:
    """Agreement on each rating and choice, over items that chance or a stratum drew."""
    found = gather(store, round)
    labels = list(found.labels())
    return [
        interval.estimate(f"review.agreement.{name}", {"round": found.round.name, "question": question.name})
        for question in _asked(found, "rate", "choose")
        for name, interval in agreements(
            _ratings(question, labels), np.random.default_rng(0), _scale(question)
        ).items()
    ]


def raters(store: Store, round: str) -> list[Estimate]:
    """Of each person: attention, consistency with themselves, severity, and what they make of a group.

    Severity and twins speak of ratings on a scale: how many steps higher than others, or than for the twin.
    Comparisons of many people are corrected (Holm); the corrected p-value stands in the slice as `holm`.
    """
    found = gather(store, round)
    labels = list(found.labels())
    estimates = [*_attention(found, labels), *_repeats(found, labels)]
    for question in _asked(found, "rate"):
        if question.ordered:
            within = (1.0, float(len(question.scale)))
            leanings = severities(_ratings(question, labels), within=within)
            estimates += [_leaning("severity", found, question, one) for one in leanings]
            estimates += _twins(found, question, labels, within)
    return sorted(estimates, key=lambda one: (one.slice["person"], one.metric))


def panel_gaps(store: Store, round: str) -> list[Estimate]:
    """By how much panels of people differ on the same items, for panels of at least two people."""
    found = gather(store, round)
    labels = list(found.labels())
    estimates = []
    for axis in sorted({axis for said in found.said.values() for axis in said}):
        panels = _panels(found, labels, axis)
        for question in _asked(found, "rate", "choose"):
            if len(set(panels.values())) > 1 and (question.kind == "choose" or question.ordered):
                for (one, other), interval in panel_differences(_ratings(question, labels), panels).items():
                    about = {"round": found.round.name, "question": question.name, "axis": axis}
                    about["panels"] = f"{one} against {other}"
                    estimates.append(interval.estimate("review.panel.difference", about))
    return estimates


def _asked(found: Gathered, *kinds: str) -> list[Question]:
    return [question for question in found.round.questions if question.kind in kinds]


def _scale(question: Question) -> Literal["ordinal", "nominal"]:
    ordered = question.kind == "choose" or (question.ordered and len(question.scale) > 2)
    return "ordinal" if ordered else "nominal"


def _ratings(question: Question, labels: list[Label]) -> Ratings:
    """First labels of plain items, one a person."""
    own = [label for label in labels if label.item["purpose"] == "item" and label.given["turn"] == 0]
    steps = range(1, len(question.scale) + 1) if question.kind == "rate" else (0.0, 0.5, 1.0)
    return Ratings.of(
        [label.item["id"] for label in own],
        [label.decision["person"] for label in own],
        [_value(question, label) for label in own],
        categories=[float(step) for step in steps],
    )


def _value(question: Question, label: Label) -> float | None:
    return value_of(question, label.decision["answers"].get(question.name))[0]


def _attention(found: Gathered, labels: list[Label]) -> Iterator[Estimate]:
    """The share of items with a known answer that each person gave it to."""
    for purpose in ("attention", "qualification"):
        right: dict[str, list[bool]] = {}
        for label in labels:
            if label.item["purpose"] == purpose:
                met = as_expected(label.item["hidden"], label.decision["answers"])
                right.setdefault(label.decision["person"], []).append(met)
        for person, met_all in right.items():
            about = {"round": found.round.name, "person": person}
            interval = proportion(sum(met_all), len(met_all))
            yield interval.estimate(f"review.rater.{purpose}", about)


def _repeats(found: Gathered, labels: list[Label]) -> Iterator[Estimate]:
    """The share of repeated items that each person answered as the first time, a question at a time."""
    timed = sorted(labels, key=lambda label: (label.decision["time"], label.decision["id"]))
    twice = {(label.item["id"], label.decision["person"]) for label in timed if label.given["turn"] == 1}
    own = [label for label in timed if (label.item["id"], label.decision["person"]) in twice]
    for question in _asked(found, "rate", "choose"):
        known = self_consistency(
            [label.decision["person"] for label in own],
            [label.item["id"] for label in own],
            [_value(question, label) for label in own],
        )
        for person, interval in known.items():
            about = {"round": found.round.name, "person": str(person), "question": question.name}
            yield interval.estimate("review.rater.self_consistency", about)


def _twins(
    found: Gathered, question: Question, labels: list[Label], within: tuple[float, float]
) -> Iterator[Estimate]:
    """How many steps each person gives one group's text above its twin's, by axis of the groups."""
    for axis in sorted({axis for label in labels for axis in _groups(label)}):
        own = [
            (label, value)
            for label in labels
            if label.item["purpose"] == "twin" and axis in _groups(label)
            if (value := _value(question, label)) is not None and label.given["turn"] == 0
        ]
        groups = [_groups(label)[axis] for label, _ in own]
        if len(set(groups)) < 2:
            continue
        reference = min(Counter(groups).items(), key=lambda each: (-each[1], each[0]))[0]
        leanings = twin_bias(
            [label.decision["person"] for label, _ in own],
            [label.item["hidden"].get("pair_id") for label, _ in own],
            groups,
            [value for _, value in own],
            reference=reference,
            within=within,
        )
        for one in leanings:
            words = {"axis": axis, "group": f"{one.about} against {reference}"}
            yield _leaning("twins", found, question, one, words)


def _groups(label: Label) -> Mapping[str, str]:
    groups: Mapping[str, str] = label.item["hidden"].get("groups", {})
    return groups


def _leaning(
    name: str, found: Gathered, question: Question, one: Leaning, more: Mapping[str, str] | None = None
) -> Estimate:
    about = {"round": found.round.name, "person": str(one.rater), "question": question.name, **(more or {})}
    if one.adjusted is not None:
        about["holm"] = f"{one.adjusted:.3f}"
    return one.interval.estimate(f"review.rater.{name}", about, "steps")


def _panels(found: Gathered, labels: list[Label], axis: str) -> dict[Hashable, str | None]:
    """What people of this round said on an axis, where at least LEAST_PANEL said the same."""
    judged = {label.decision["person"] for label in labels}
    said = {person: words[axis] for person, words in found.said.items() if axis in words and person in judged}
    people = Counter(said.values())
    return {person: value for person, value in said.items() if people[value] >= LEAST_PANEL}
