"""What an annotator sees of an item: its texts in the order drawn for them, and nothing that is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duecare.core.wire import plain
from duecare.ledger.digest import value_digest
from duecare.review.question import Question

_OTHER = {"a": "b", "b": "a"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Guideline:
    """One version of what a round's people judge by."""

    version: int
    text: str
    why: str
    time: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One item as it is put before a person.

    `texts` is {"kind": "text", "text"}, {"kind": "chat", "messages"} or {"kind": "answers", "messages",
    "left", "right"}; "groups" is among it where the round is not blind to them. `position` counts the
    person's items of this round from 1, `of` is the size of the round. `draft` holds what was typed before,
    {} for nothing.
    """

    assignment: str
    item: str
    round: str
    texts: Mapping[str, Any]
    questions: Sequence[Question]
    guideline: Guideline
    blurred: bool
    position: int
    of: int
    lease: str
    draft: Mapping[str, Any] = field(default_factory=dict)
    draft_comment: str = ""
    flagged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """Why there is no item now, and until when (None: until somebody changes it).

    `reason` is "break" (from disturbing text), "limit" (of disturbing text a day), "qualification" (not
    passed) or "waiting" (what is left is with others).
    """

    reason: str
    until: str | None


def arranged(shown: Mapping[str, Any], left: str) -> dict[str, Any]:
    """The texts as they are put on the page; of two answers, `left` ("a" or "b") stands left."""
    found = {name: value for name, value in shown.items() if name != "answers"}
    if "answers" in shown:
        found["left"], found["right"] = shown["answers"][left], shown["answers"][_OTHER[left]]
    return found


def by_part(texts: Mapping[str, Any]) -> dict[str, str]:
    """Every text by the part that a span in it names: "text", "messages.0", "left", "right"."""
    found = {name: texts[name] for name in ("text", "left", "right") if name in texts}
    found |= {f"messages.{place}": turn["content"] for place, turn in enumerate(texts.get("messages", ()))}
    return found


def mapped(questions: Sequence[Question], answers: Mapping[str, Any], left: str) -> dict[str, Any]:
    """Answers with sides ("left", "right") as answers about "a" and "b"."""
    return _renamed(questions, answers, {"left": left, "right": _OTHER[left]})


def unmapped(questions: Sequence[Question], answers: Mapping[str, Any], left: str) -> dict[str, Any]:
    """Answers about "a" and "b" as the person saw them: the inverse of `mapped`."""
    return _renamed(questions, answers, {left: "left", _OTHER[left]: "right"})


def _renamed(
    questions: Sequence[Question], answers: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    kinds = {question.name: question.kind for question in questions}
    found = dict(answers)
    for name, value in answers.items():
        if kinds.get(name) == "choose":
            found[name] = names.get(value, value)
        elif kinds.get(name) == "spans":
            found[name] = [{**span, "part": names.get(span["part"], span["part"])} for span in value]
    return found


def digest_of(texts: Mapping[str, Any], questions: Sequence[Question], guideline: int) -> str:
    """The digest of what stood on the page: texts in their order, questions, version of the guideline."""
    return value_digest(
        {"texts": texts, "questions": [plain(each) for each in questions], "guideline": guideline}
    )
