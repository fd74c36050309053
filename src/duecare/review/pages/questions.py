"""Questions as forms: what is asked, what was entered, and the answers that this makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from duecare.review.errors import ReviewError
from duecare.review.pages.render import Blanks
from duecare.review.pages.visit import Form, FormError
from duecare.review.question import Question
from duecare.review.shown import by_part

CHOICES = {
    "left": "The left answer",
    "right": "The right answer",
    "tie": "Both are as good",
    "neither": "Neither is good",
}
_ROLES = {"user": "Person", "assistant": "Assistant", "system": "Instruction"}
_ROW = ("words", "label", "part", "start", "end")
_NO_ROW = dict.fromkeys(_ROW, "")


def asked(questions: Iterable[Question], texts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the templates need of each question."""
    parts = [(part, label) for part, label in _labels(texts).items()]
    return [
        {
            "name": question.name,
            "ask": question.ask,
            "kind": question.kind,
            "required": question.required,
            "help": question.help,
            "labels": question.labels,
            "parts": parts,
            "options": list(CHOICES.items())
            if question.kind == "choose"
            else [(str(step), name) for step, name in enumerate(question.scale, start=1)],
        }
        for question in questions
    ]


def laid(texts: Mapping[str, Any], markable: bool = False) -> list[dict[str, Any]]:
    """The texts as they lie on the page: turns one under the other, two answers side by side."""
    labels, found = _labels(texts), by_part(texts)

    def text(part: str) -> dict[str, Any]:
        label = "" if part == "text" else labels[part]
        return {"label": label, "part": part, "text": found[part], "markable": markable}

    turns = [text(part) for part in found if part not in ("left", "right")]
    sides = [text(part) for part in ("left", "right") if part in found]
    return [
        group
        for group in ({"beside": False, "texts": turns}, {"beside": True, "texts": sides})
        if group["texts"]
    ]


def _labels(texts: Mapping[str, Any]) -> dict[str, str]:
    turns = {
        f"messages.{place}": f"{_ROLES.get(turn['role'], 'Turn')}, turn {place + 1}"
        for place, turn in enumerate(texts.get("messages", ()))
    }
    named = {"text": "The text", "left": "Left answer", "right": "Right answer"} | turns
    return {part: named[part] for part in by_part(texts)}


def typed(questions: Iterable[Question], form: Form) -> dict[str, Any]:
    """What was entered, as a draft keeps it: text by question, and rows of text where places are marked."""
    found: dict[str, Any] = {}
    for question in questions:
        field = f"q.{question.name}"
        found[question.name] = _rows(form, field) if question.kind == "spans" else form.get(field)
    return found


def _rows(form: Form, field: str) -> list[dict[str, str]]:
    columns = [form.all(f"{field}.{name}") for name in _ROW]
    if len({len(column) for column in columns}) != 1:
        raise FormError("This form could not be read. Load the page again, and send it anew.")
    rows = [dict(zip(_ROW, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return [row for row in rows if row["words"].strip() or row["start"].strip() or row["end"].strip()]


def values(questions: Iterable[Question], entered: Mapping[str, Any], blank: int = 1) -> Blanks:
    """What stands in the form: a draft's entries, or an answer's; `blank` rows are free for further marks."""
    found = Blanks()
    for question in questions:
        given = entered.get(question.name)
        if question.kind == "spans":
            rows = [_NO_ROW | {name: str(cell) for name, cell in row.items()} for row in given or ()]
            found[f"q.{question.name}.rows"] = rows + [dict(_NO_ROW)] * blank
        else:
            found[f"q.{question.name}"] = "" if given is None else str(given)
    return found


def answers(
    questions: Iterable[Question], entered: Mapping[str, Any], texts: Mapping[str, Any]
) -> dict[str, Any]:
    """Answers for the store from what was entered; a ReviewError names the question that is wrong.

    `texts` may be {} where no mark was entered `by_words`.
    """
    parts = by_part(texts)
    found: dict[str, Any] = {}
    for question in questions:
        given = entered[question.name]
        if question.kind == "spans":
            found[question.name] = [_span(question, row, parts) for row in given]
        elif given:
            found[question.name] = given
    return found


def _span(question: Question, row: Mapping[str, str], parts: Mapping[str, str]) -> dict[str, Any]:
    start, end, text = row["start"].strip(), row["end"].strip(), parts.get(row["part"])
    if row["words"].strip() and text is None:
        raise ReviewError("Say in which text the words stand.", field=question.name)
    if start or end:
        place = _place(question, row["words"], start, end, text)
    else:
        place = _found(question, row["words"], text or "")
    return {"part": row["part"], "start": place[0], "end": place[1], "label": row["label"]}


def _place(question: Question, words: str, start: str, end: str, text: str | None) -> tuple[int, int]:
    """Places that were given as numbers; words beside them must stand there. The store looks at the rest."""
    if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in (start, end)):
        raise ReviewError("Where words begin and end are whole numbers, both of them.", field=question.name)
    first, last = int(start), int(end)
    if first >= last:
        raise ReviewError("A mark ends after it begins.", field=question.name)
    if words.strip() and _flat((text or "")[first:last]) != _flat(words):
        raise ReviewError("The words do not stand at the place that is given.", field=question.name)
    return first, last


def _found(question: Question, words: str, text: str) -> tuple[int, int]:
    """The one place where the words stand."""
    wanted = words.strip()
    for letters in (words, wanted):
        if letters and (count := text.count(letters)):
            if count > 1:
                raise ReviewError(
                    f"These words stand there {count} times: say where the ones you mean begin and end. "
                    f"They begin at {_starts(text, letters)}.",
                    field=question.name,
                )
            start = text.index(letters)
            return start, start + len(letters)
    raise ReviewError("Words that you entered do not stand in that text as they are.", field=question.name)


def _starts(text: str, letters: str, most: int = 5) -> str:
    found: list[int] = []
    at = text.find(letters)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = text.find(letters, at + 1)
    return ", ".join(map(str, found))


def _flat(words: str) -> str:
    return " ".join(words.split())


def read_back(
    questions: Sequence[Question], given: Mapping[str, Any], texts: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Answers as a reader understands them; marked words are shown where the texts are at hand."""
    parts = by_part(texts) if texts is not None else {}
    found = []
    for question in questions:
        value = given.get(question.name)
        one: dict[str, Any] = {"ask": question.ask, "text": "", "marks": []}
        if value is None or value == "":
            one["text"] = "no answer"
        elif question.kind == "rate":
            one["text"] = question.scale[int(value) - 1]
        elif question.kind == "choose":
            one["text"] = CHOICES.get(str(value), str(value))
        elif question.kind == "comment":
            one["text"] = value
        else:
            one["text"] = "" if value else "nothing marked"
            one["marks"] = [
                {
                    "label": span["label"],
                    "words": parts.get(span["part"], "")[span["start"] : span["end"]] or "…",
                }
                for span in value
            ]
        found.append(one)
    return found


def by_words(questions: Iterable[Question], entered: Mapping[str, Any]) -> bool:
    """Whether a mark was entered whose place must be looked up in the text."""
    return any(row["words"].strip() for one in questions if one.kind == "spans" for row in entered[one.name])
