"""Rows as training read them: the rows themselves, places in them, and what a model reads before a place.

Needs no JAX. Values are held in memory only, by what asks a model for them; nothing here writes any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import DuecareError, Example, Message
from duecare.core.table import CHANGES, expect
from duecare.detect.invented import stands_for_nobody
from duecare.vault import opened, stored

TRAIN, HELD_OUT = "train", "held_out"
_MARK = "\u00a4mark\u00a4"
"""Something that no template has in its own words."""
One = TypeVar("One")


class Speaks(Protocol):
    """What is used of `duecare.model.tokenize.Tokenizer`."""

    @property
    def eos_ids(self) -> tuple[int, ...]: ...
    def encode(self, text: str, special: bool = False) -> list[int]: ...
    def decode(self, ids: Sequence[int], special: bool = False) -> str: ...
    def chat(self, messages: Sequence[Message], answer: bool = False) -> str: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Code points [start, end) of the text `part` of a row, and the kind of personal value there."""

    row: str
    part: str
    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Value:
    """A personal value that a model is asked for.

    `place` is where it stood, `before` all that a model reads before it in training, `value` what stood
    there, `split` whether its row was trained on, `taught` whether its text is one that answers are
    learned from; what people ask is context.
    """

    place: Place
    split: str
    before: str
    value: str
    taught: bool = True


def read_places(folder: Path) -> list[Place]:
    """What the step `personal` replaced, as places of the texts before it."""
    with opened(stored(folder, "changes.parquet")) as raw:
        rows = pq.read_table(raw)
    expect(rows, CHANGES, "changes.parquet")
    done = pc.and_(pc.equal(rows["step"], "personal"), pc.equal(rows["action"], "changed"))
    return [
        Place(row["row"], row["part"], row["start"], row["end"], row["label"] or "")
        for row in rows.filter(done).to_pylist()
        if row["part"] is not None and row["start"] is not None
    ]


def ranked(names: Sequence[str], seed: int) -> list[int]:
    """The numbers of `names` in an order that each name and `seed` alone decide."""
    rank = [hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in names]
    return sorted(range(len(names)), key=rank.__getitem__)


def drawn(items: Sequence[One], names: Sequence[str], most: int, seed: int) -> list[One]:
    """At most `most` of `items`, each as likely as any and by its name and `seed` alone, in their order."""
    return [items[number] for number in sorted(ranked(names, seed)[:most])]


def after(text: str, places: Sequence[Place], redacted: str) -> list[int] | None:
    """Where in `redacted` what stands for each of `places` of `text` begins; None where they do not fit.

    What stands between two places is the same in both texts. A tag is known by its kind, a surrogate by its
    form (`detect.invented`), a mask by its length; so that no two readings are mistaken for one another.
    """
    begins, at, done = [], 0, 0
    for number, place in enumerate(places):
        kept = text[done : place.start]
        if redacted[at : at + len(kept)] != kept:
            return None
        at += len(kept)
        begins.append(at)
        last = number + 1 == len(places)
        follows = text[place.end :] if last else text[place.end : places[number + 1].start]
        if (length := _written(redacted, at, place, follows, last=last)) is None:
            return None
        at, done = at + length, place.end
    return begins if redacted[at:] == text[done:] else None


def _written(redacted: str, at: int, place: Place, follows: str, *, last: bool) -> int | None:
    """How many code points stand for `place` from `at` on; `follows` is what comes behind them."""
    for shape in (f"[{place.kind}]", "x" * (place.end - place.start)):
        if redacted.startswith(shape + follows, at):
            return len(shape)
    if last:
        end = len(redacted) - len(follows)
        return end - at if end >= at and redacted.endswith(follows) else None
    fallback = None
    end = redacted.find(follows, at)
    while end >= 0:
        if end > at and stands_for_nobody(place.kind, redacted[at:end]):
            return end - at
        if fallback is None:
            fallback = end - at
        if not follows or end > at + 200:  # no surrogate is so long
            break
        end = redacted.find(follows, end + 1)
    return fallback


def moved(place: Place, taken: Sequence[Place], was: str | None, now: str | None) -> Place | None:
    """Where a place of `was` stands in `now`, the same text with the places `taken` (in order) replaced.

    None where some of it was replaced, or the texts do not fit together.
    """
    if was is None or now is None or any(each.start < place.end and place.start < each.end for each in taken):
        return None
    begins = after(was, taken, now)
    if begins is None:
        return None
    ahead = sum(each.end <= place.start for each in taken)
    at, stands = (taken[ahead].start, begins[ahead]) if ahead < len(taken) else (len(was), len(now))
    shift = stands - at
    return replace(place, start=place.start + shift, end=place.end + shift)


def text_of(example: Example, part: str) -> str | None:
    """The text `part` of a row."""
    return dict(example.parts()).get(part)


def read_before(example: Example, part: str, upto: int, tokenizer: Speaks) -> str | None:
    """All that a model reads of a row before code point `upto` of its text `part`.

    None where the chat template, if there is one, takes no such conversation.
    """
    content = (text_of(example, part) or "")[:upto]
    if part == "text":
        return content
    turns = list(example.messages)
    if part.startswith("messages."):
        number = int(part.partition(".")[2])
        turns, role = turns[:number], turns[number].role
    else:
        role = "assistant"
    try:
        shown = tokenizer.chat([*turns, Message(role=role, content=content + _MARK)])
    except DuecareError:
        return None
    head, mark, _ = shown.rpartition(_MARK)
    return head if mark else None


@dataclass(frozen=True, slots=True)
class Answer:
    """The longest answer of a row as training taught it: its tokens behind those of its context."""

    row: str
    split: str
    context: tuple[int, ...]
    tokens: tuple[int, ...]


def answer_of(example: Example, split: str, tokenizer: Speaks, max_tokens: int) -> Answer | None:
    """The longest answer of a row, or a text as a whole; None where there is none within `max_tokens`.

    Context and answer are tokenised apart, as training does.
    """
    pair = _text(example, tokenizer) if example.kind == "text" else _longest(example, tokenizer)
    if pair is None:
        return None
    context, tokens = pair
    tokens = tokens[: max(0, max_tokens - len(context))]
    return Answer(example.row, split, tuple(context), tuple(tokens)) if context and tokens else None


def _text(example: Example, tokenizer: Speaks) -> tuple[list[int], list[int]]:
    begun, plain = tokenizer.encode(example.text or "", special=True), tokenizer.encode(example.text or "")
    mark = begun[: len(begun) - len(plain)]
    return (mark, plain) if mark else (plain[:1], plain[1:])


def _longest(example: Example, tokenizer: Speaks) -> tuple[list[int], list[int]] | None:
    turns = list(example.messages)
    if example.chosen is not None:
        turns.append(Message(role="assistant", content=example.chosen))
    spoken = [number for number, turn in enumerate(turns) if number and turn.role == "assistant"]
    if not spoken:
        return None
    at = max(spoken, key=lambda number: len(turns[number].content))
    try:
        before, whole = tokenizer.chat(turns[:at], answer=True), tokenizer.chat(turns[: at + 1])
    except DuecareError:
        return None
    if not whole.startswith(before):
        return None
    ids = tokenizer.encode(whole[len(before) :])
    ends = [place for place, token in enumerate(ids) if token in tokenizer.eos_ids]
    return tokenizer.encode(before, special=True), ids[: ends[-1] + 1] if ends else ids


def slices(groups: Mapping[str, Mapping[str, str]], rows: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every axis and group that one of `rows` declares, sorted."""
    yield from sorted({each for row in rows for each in groups.get(row, {}).items()})


def taught(example: Example, part: str) -> bool:
    """Whether the text `part` of a row is an answer, or a text that is taught whole."""
    if part.startswith("messages."):
        return example.messages[int(part.partition(".")[2])].role == "assistant"
    return True
