"""How a round is drawn and carried: settings that a study or the command line gives. Needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from duecare.core.errors import refuse_unless
from duecare.review.question import Question

Point = Literal["data", "pairs", "reward", "model"]
"""What of a run is reviewed: its rows, preference pairs, pairs with a reward model's scores, answers."""
Purpose = Literal["item", "qualification", "attention", "twin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """Which candidates become items. Every candidate's chance to be drawn is known and above zero.

    - items: how many are drawn; all, where there are no more
    - every: instead of `items`: every n-th of each stratum, from a random start
    - uncertain: share of the items for candidates whose detector score lies within `margin` of `limit`
    - disagreeing: share for candidates that detectors put on different sides of `limit`
    - limit, margin: of detector scores
    - cover: axes of groups; each combination is a stratum, and gets at least `least` items
    - seed: of chance
    """

    items: int = 200
    every: int | None = None
    uncertain: float = 0.4
    disagreeing: float = 0.3
    limit: float = 0.5
    margin: float = 0.2
    cover: tuple[str, ...] = ()
    least: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_unless(
            "draw",
            (self.items >= 1, "items", self.items, "a whole number, at least 1"),
            (self.every is None or self.every >= 1, "every", self.every, "a whole number, at least 1"),
            (0 <= self.uncertain <= 1, "uncertain", self.uncertain, "a share from 0 to 1"),
            (
                0 <= self.disagreeing <= 1 and self.uncertain + self.disagreeing < 1,
                "disagreeing",
                self.disagreeing,
                "a share that leaves, with uncertain, some items to chance",
            ),
            (0 <= self.margin <= 1, "margin", self.margin, "a number from 0 to 1"),
            (self.least >= 1, "least", self.least, "a whole number, at least 1"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Care:
    """What protects the people who read disturbing text.

    - a_day: disturbing items that a person is given in 24 hours, at most
    - stretch: disturbing items in a row after which there is a break from them
    - break_minutes: how long that break is; a pause as long ends a row, too
    """

    a_day: int = 100
    stretch: int = 15
    break_minutes: float = 10.0

    def __post_init__(self) -> None:
        refuse_unless(
            "care",
            (self.a_day >= 0, "a_day", self.a_day, "a whole number, 0 or more"),
            (self.stretch >= 1, "stretch", self.stretch, "a whole number, at least 1"),
            (self.break_minutes >= 0, "break_minutes", self.break_minutes, "minutes, 0 or more"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """How a round looks after the reliability of its labels.

    - qualify: share of the qualification items that must be answered as expected before other items come
    - attention_every: among so many items is one attention check, at a random place, while there are any
    - twins_every: after so many items comes one of a pair of counterfactual twins
    - consistency: share of a person's items that come again
    - apart: items between an item and its repeat, at least
    """

    qualify: float = 0.8
    attention_every: int = 20
    twins_every: int = 10
    consistency: float = 0.05
    apart: int = 10

    def __post_init__(self) -> None:
        refuse_unless(
            "quality",
            (0 <= self.qualify <= 1, "qualify", self.qualify, "a share from 0 to 1"),
            (self.attention_every >= 1, "attention_every", self.attention_every, "at least 1"),
            (self.twins_every >= 1, "twins_every", self.twins_every, "at least 1"),
            (0 <= self.consistency <= 0.5, "consistency", self.consistency, "a share from 0 to 0.5"),
            (self.apart >= 1, "apart", self.apart, "at least 1"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """An item whose answer is known: for "qualification", or to check "attention".

    It should look like the items of its round, or people know it for what it is.

    - text: what is judged
    - expected: for each question the answers that count as right; of a choice "a" is `text`, "b" is `other`
    - prompt: what `text` answers, where the round is about chats or answers
    - other: the answer beside `text`, where the round compares two
    """

    text: str
    expected: Mapping[str, tuple[Any, ...]]
    purpose: Literal["qualification", "attention"] = "qualification"
    prompt: str = ""
    other: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """As a Candidate has it."""
        turns = [{"role": "user", "content": self.prompt}] if self.prompt else []
        if self.other:
            return {"kind": "answers", "messages": turns, "answers": {"a": self.text, "b": self.other}}
        if self.prompt:
            return {"kind": "chat", "messages": [*turns, {"role": "assistant", "content": self.text}]}
        return {"kind": "text", "text": self.text}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One round: what is asked, under which guideline, of how many people.

    - name: of the round, unique in its store
    - point: what of the run is reviewed
    - run, source, source_digest: the run's id, the job whose artifact is read, and that artifact's digest
    - questions, guideline: what is asked, and the text that says how to judge
    - overlap: people who judge each item
    - blind: whether declared groups are kept from the annotators
    - lease_minutes: how long an item is held for a person who was given it
    - undo_minutes: how long a decision may be taken back
    - twins: pairs of counterfactual twins that every annotator judges, at most
    """

    name: str
    point: Point
    questions: tuple[Question, ...]
    guideline: str
    run: str = ""
    source: str = ""
    source_digest: str = ""
    overlap: int = 3
    blind: bool = True
    lease_minutes: float = 30.0
    undo_minutes: float = 10.0
    twins: int = 0
    draw: Draw = field(default_factory=Draw)
    care: Care = field(default_factory=Care)
    quality: Quality = field(default_factory=Quality)
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        names = [question.name for question in self.questions]
        refuse_unless(
            "round",
            (bool(self.name.strip()) and len(self.name) <= 80, "name", self.name, "a name, at most 80 long"),
            (self.point in get_args(Point), "point", self.point, f"one of {', '.join(get_args(Point))}"),
            (
                bool(names) and len(set(names)) == len(names),
                "questions",
                names,
                "questions of different names",
            ),
            (bool(self.guideline.strip()), "guideline", self.guideline, "a text that says how to judge"),
            (self.overlap >= 1, "overlap", self.overlap, "a whole number, at least 1"),
            (self.lease_minutes > 0, "lease_minutes", self.lease_minutes, "minutes above 0"),
            (self.undo_minutes >= 0, "undo_minutes", self.undo_minutes, "minutes, 0 or more"),
            (self.twins >= 0, "twins", self.twins, "a whole number, 0 or more"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One thing that may be reviewed.

    - row, key, part: its address in the run ("chats:17", the row's key, "text", "answer", "pair")
    - shown: {"kind": "text", "text"}, {"kind": "chat", "messages": [{"role", "content"}]} or
      {"kind": "answers", "messages": [...], "answers": {"a", "b"}}
    - groups: declared value by axis; scores: by instrument; hidden: what else annotators must not see
    - pair_id: what a counterfactual twin shares with its twin
    - disturbing: whether it is blurred until asked for
    """

    row: str
    key: str
    part: str
    shown: Mapping[str, Any]
    groups: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)
    pair_id: str | None = None
    disturbing: bool = False
