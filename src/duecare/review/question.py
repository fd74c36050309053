"""Questions of a round, and what counts as an answer to each."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from duecare.core.errors import refuse_unless
from duecare.review.errors import ReviewError

Kind = Literal["rate", "choose", "spans", "comment"]
SIDES = ("left", "right")
CHOICES = (*SIDES, "tie", "neither")
"""What may be answered to a question that compares two answers."""
LONGEST = 10_000
"""Characters of a comment, at most."""
MOST_SPANS = 500
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question about every item of a round.

    - name: how exports call it: lower-case letters, digits and _
    - ask: the question as people read it
    - kind: "rate" on a scale, "choose" the better of two answers, mark "spans", or a free "comment"
    - scale: for "rate": what each step is called, from the lowest; answers are 1 .. len(scale)
    - ordered: for "rate": whether the steps have an order (a scale), or are names (categories)
    - labels: for "spans": what a marked place may be called
    - required: whether an item cannot be answered without it
    - help: a sentence beside the question
    """

    name: str
    ask: str
    kind: Kind = "rate"
    scale: tuple[str, ...] = ()
    ordered: bool = True
    labels: tuple[str, ...] = ()
    required: bool = True
    help: str = ""

    def __post_init__(self) -> None:
        refuse_unless(
            "question",
            (bool(_NAME.fullmatch(self.name)), "name", self.name, "lower-case letters, digits and _"),
            (bool(self.ask.strip()), "ask", self.ask, "a question"),
            (self.kind in get_args(Kind), "kind", self.kind, f"one of {', '.join(get_args(Kind))}"),
            (
                self.kind != "rate" or (len(self.scale) >= 2 and len(set(self.scale)) == len(self.scale)),
                "scale",
                self.scale,
                "two or more different steps for a rating",
            ),
            (
                self.kind != "spans" or (bool(self.labels) and len(set(self.labels)) == len(self.labels)),
                "labels",
                self.labels,
                "one or more different labels for spans",
            ),
        )


def checked(
    questions: Sequence[Question], answers: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, Any]:
    """The answers in the form in which they are kept; a ReviewError names the first question that is wrong.

    `texts` are the texts shown by the part that spans give. A rating is a whole number from 1, a choice one
    of `CHOICES`, spans are dicts of part, start, end (code points, end exclusive) and label, sorted.
    """
    known = {question.name: question for question in questions}
    if stray := sorted(answers.keys() - known.keys()):
        raise ReviewError("there is no such question", field=stray[0])
    found: dict[str, Any] = {}
    for question in questions:
        given = answers.get(question.name)
        if given is None or given in ("", []):
            if question.required and question.kind != "spans":  # no span is an answer: nothing is there
                raise ReviewError(f"“{question.ask}” wants an answer", field=question.name)
            if question.kind == "spans":
                found[question.name] = []
            continue
        found[question.name] = _ONE[question.kind](question, given, texts)
    return found


def comment_of(text: object, field: str = "comment") -> str:
    """A comment as it is kept; a ReviewError where it is no text, too long, or no text that can be kept."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ReviewError(f"a comment is a text of at most {LONGEST} characters", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ReviewError("a comment is a text without broken characters", field=field) from None
    return text.replace("\x00", "").strip()


def reason_of(text: object, field: str = "reason") -> str:
    """As `comment_of`, and not empty."""
    reason = comment_of(text, field)
    if not reason:
        raise ReviewError("expected a reason", field=field)
    return reason


def _rate(question: Question, given: Any, _texts: Mapping[str, str]) -> int:
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,3}", given):
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= len(question.scale):
        raise ReviewError(f"expected a step from 1 to {len(question.scale)}", field=question.name)
    return given


def _choose(question: Question, given: Any, _texts: Mapping[str, str]) -> str:
    if given not in CHOICES:
        raise ReviewError(f"expected one of {', '.join(CHOICES)}", field=question.name)
    return str(given)


def _spans(question: Question, given: Any, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    if not isinstance(given, list | tuple) or len(given) > MOST_SPANS:
        raise ReviewError(f"expected a list of at most {MOST_SPANS} spans", field=question.name)
    found = {_span(question, each, texts) for each in given}
    return [
        {"part": part, "start": start, "end": end, "label": label}
        for part, start, end, label in sorted(found)
    ]


def _span(question: Question, given: Any, texts: Mapping[str, str]) -> tuple[str, int, int, str]:
    wrong = ReviewError("a span has a part, a start, an end and a label", field=question.name)
    if not isinstance(given, Mapping):
        raise wrong
    part, start, end, label = (given.get(name) for name in ("part", "start", "end", "label"))
    if not isinstance(start, int) or not isinstance(end, int) or not isinstance(part, str):
        raise wrong
    if part not in texts or not 0 <= start < end <= len(texts[part]):
        raise ReviewError("a span lies inside one of the texts shown", field=question.name)
    if not isinstance(label, str) or label not in question.labels:
        raise ReviewError(f"a span's label is one of {', '.join(question.labels)}", field=question.name)
    return part, start, end, label


def _comment(question: Question, given: Any, _texts: Mapping[str, str]) -> str:
    return comment_of(given, question.name)


_ONE = {"rate": _rate, "choose": _choose, "spans": _spans, "comment": _comment}


def seconds_of(given: float | None) -> float | None:
    """The seconds an answer took; None where a browser did not say it in a way that can be believed."""
    if not isinstance(given, int | float) or not math.isfinite(given) or not 0 <= given <= 86_400:
        return None
    return round(given, 3)
