"""Records as rows: which column is what, turns and transcripts in one form, and why a record is no row."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from duecare.core.example import Kind
from duecare.core.wire import encode_texts

Turn = tuple[str, str]
"""Role and content."""

PARENT = "parent"
"""Name of the kept column of a copy that holds the row it was made from."""

_ROLES = {
    "system": "system",
    **dict.fromkeys(("user", "human", "customer", "client", "caller", "prompter", "visitor"), "user"),
    **dict.fromkeys(("assistant", "gpt", "agent", "bot", "chatbot", "model", "ai", "operator"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation"), "tool"),
}
_SPOKEN = re.compile(r"\n\n\s*(Human|Assistant):")


class Unfit(Exception):  # noqa: N818  # a verdict on a record, not an error of the program
    """Why a record is set aside; never with any of its text."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a row says."""

    kind: Kind
    text: str | None = None
    messages: tuple[Turn, ...] = ()
    chosen: str | None = None
    rejected: str | None = None

    def canonical(self) -> bytes:
        """Bytes that are equal exactly where kind, roles and texts are; what a row's key is made of.

        Raises Unfit where a text holds half of a surrogate pair, which no UTF-8 can carry.
        """
        try:
            return encode_texts([self.kind, self.text, self.messages, self.chosen, self.rejected])
        except UnicodeEncodeError:
            raise Unfit("holds half of a surrogate pair, which is no character") from None

    @property
    def size(self) -> int:
        """Characters of all texts together."""
        return sum([len(content) for _, content in self.messages]) + sum(
            len(text) for text in (self.text, self.chosen, self.rejected) if text is not None
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Which column of a source is what. `prompt` is None where transcripts carry the prompt.

    `rights` names columns that are kept under another name ("licence"), `stated` what is kept with every row.
    """

    kind: Kind
    text: str | None = None
    prompt: str | None = None
    answer: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    groups: tuple[str, ...] = ()
    undeclared: str = ""
    fields: tuple[str, ...] = ()
    max_chars: int = 100_000
    id: str | None = None
    weight: str | None = None
    consent: str | None = None
    consented: tuple[str, ...] = ()
    rights: Mapping[str, str] = field(default_factory=dict)
    stated: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        content = (self.text, self.prompt, self.answer, self.chosen, self.rejected)
        named = [name for name in (*content, self.id, self.consent, self.weight) if name]
        return tuple(dict.fromkeys([*named, *self.groups, *self.fields, *self.rights.values()]))

    def content(self, record: object) -> Content:
        """What the record says; raises Unfit where it is no row of this kind."""
        if not isinstance(record, (dict, Mapping)):  # most are a dict, which is told sooner
            raise Unfit(f"{_what(record)}, not a mapping of columns")
        if self.kind == "text":
            found = Content("text", text=_text(record, self.text or ""))
        elif self.kind == "chat":
            found = Content("chat", messages=self._chat(record))
        else:
            found = self._preference(record)
        if found.size > self.max_chars:
            raise Unfit(f"longer than {self.max_chars} characters")
        return found

    def memberships(self, record: Mapping[str, object]) -> list[dict[str, str]]:
        """Declared groups; an empty value declares none, or puts the row among the `undeclared`."""
        found = {name: _word(record.get(name), name).strip() or self.undeclared for name in self.groups}
        return [{"axis": name, "value": value} for name, value in found.items() if value]

    def kept(self, record: Mapping[str, object]) -> list[dict[str, str]]:
        """Further columns that stay with the row; empty values are left out."""
        found = {name: _word(record.get(name), name, lists=True) for name in self.fields}
        found |= {name: _word(record.get(column), column) for name, column in self.rights.items()}
        found |= self.stated
        return [{"name": name, "value": value} for name, value in found.items() if value]

    def expect_consent(self, record: Mapping[str, object]) -> None:
        """Raise Unfit where a column of consent is named, and what stands there is none."""
        if self.consent and _word(record.get(self.consent), self.consent).strip().casefold() not in (
            each.casefold() for each in self.consented
        ):
            raise Unfit(f"{self.consent} gives no consent")

    def identity(self, record: Mapping[str, object]) -> str | None:
        """The row's id in its source; None where no such column is named."""
        if self.id is None:
            return None
        found = _word(record.get(self.id), self.id).strip()
        if not found:
            raise Unfit(f"{self.id} is empty")
        return found

    def weighed(self, record: Mapping[str, object]) -> float:
        """How much the row counts; 1 where no column says so."""
        if self.weight is None:
            return 1.0
        word = _word(record.get(self.weight), self.weight)
        try:
            weight = float(word)
        except ValueError:
            raise Unfit(f"{self.weight} is no number") from None
        if not (math.isfinite(weight) and weight > 0):
            raise Unfit(f"{self.weight} is not a number above 0")
        return weight

    def _chat(self, record: Mapping[str, object]) -> tuple[Turn, ...]:
        if self.prompt and self.answer:
            return (("user", _text(record, self.prompt)), ("assistant", _text(record, self.answer)))
        name = self.text or ""
        found = turns(_present(record, name), name)
        if not _answers(found):
            raise Unfit(f"{name} has no turn of an assistant")
        return found

    def _preference(self, record: Mapping[str, object]) -> Content:
        names = (self.chosen or "", self.rejected or "")
        answers = [_present(record, name) for name in names]
        if self.prompt is not None and all(isinstance(answer, str) for answer in answers):
            prompt = _prompt(record, self.prompt)
            chosen, rejected = (_text(record, name) for name in names)
        else:
            first, second = (_spoken(answer, name) for answer, name in zip(answers, names, strict=True))
            if first[:-1] != second[:-1]:
                raise Unfit(f"{names[0]} and {names[1]} part before their last turn")
            prompt, chosen, rejected = first[:-1], first[-1][1], second[-1][1]
            if not prompt and self.prompt is not None:
                prompt = _prompt(record, self.prompt)
        if not prompt:
            raise Unfit("no prompt before the two answers")
        if chosen == rejected:
            raise Unfit(f"{names[0]} and {names[1]} are the same")
        return Content("preference", messages=prompt, chosen=chosen, rejected=rejected)


def turns(value: object, name: str) -> tuple[Turn, ...]:
    """A list of turns in one form, whatever its source calls role and content.

    A list inside a CSV field comes as JSON. A role "system" that answers (later than the first turn, in
    a chat that has no other assistant) is an assistant; one that opens the chat is a system prompt, and
    is left out where it is empty.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise Unfit(f"{name} is a text that is no JSON list of turns") from None
    if not isinstance(value, list | tuple):
        raise Unfit(f"{name} is {_what(value)}, not a list of turns")
    if not value:
        raise Unfit(f"{name} is empty")
    found = [_plain_turn(turn) or _turn(turn, name, place) for place, turn in enumerate(value)]
    if not _answers(found):
        found = [
            ("assistant" if place and role == "system" else role, content)
            for place, (role, content) in enumerate(found)
        ]
    if found[0][0] == "system" and not found[0][1].strip():
        found = found[1:]
    for place, (_, content) in enumerate(found):
        if not content.strip():
            raise Unfit(f"{name}.{place} is empty")
    return tuple(found)


def transcript(text: str, name: str) -> tuple[Turn, ...]:
    """The turns of a "\\n\\nHuman: ...\\n\\nAssistant: ..." transcript (as in the HH-RLHF data)."""
    pieces = _SPOKEN.split(f"\n\n{text}")  # a blank line to begin with is looked for much sooner than none
    if len(pieces) < 3 or pieces[0].strip():
        raise Unfit(f"{name} is no transcript of Human and Assistant")
    found = [
        (_ROLES[speaker.lower()], said.strip())
        for speaker, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]
    for place, (_, content) in enumerate(found):
        if not content:
            raise Unfit(f"turn {place} of {name} is empty")
    return tuple(found)


def _spoken(value: object, name: str) -> tuple[Turn, ...]:
    """Turns that end in an answer, from a list or a transcript."""
    found = transcript(value, name) if isinstance(value, str) else turns(value, name)
    if found[-1][0] != "assistant":
        raise Unfit(f"{name} does not end in a turn of an assistant")
    return found


def _prompt(record: Mapping[str, object], name: str) -> tuple[Turn, ...]:
    """A prompt column: a plain text of the user, a transcript, or a list of turns."""
    value = _present(record, name)
    if not isinstance(value, str):
        return turns(value, name)
    return transcript(value, name) if value.startswith("\n\nHuman:") else (("user", _text(record, name)),)


def _answers(found: Sequence[Turn]) -> bool:
    """Whether an assistant says something."""
    return "assistant" in [role for role, _ in found]


@lru_cache(maxsize=256)
def _role(name: str) -> str | None:
    """Our name of a role; None where it has none."""
    return _ROLES.get(name) or _ROLES.get(name.strip().lower())


def _plain_turn(turn: object) -> Turn | None:
    """A turn as most sources have it, which is told sooner; None for `_turn` to look at."""
    if type(turn) is dict:
        role, content = turn.get("role"), turn.get("content")
    elif type(turn) is list and len(turn) == 2:
        role, content = turn
    else:
        return None
    if type(role) is not str or type(content) is not str or (known := _role(role)) is None:
        return None
    return known, content


def _turn(turn: object, name: str, place: int) -> Turn:
    if isinstance(turn, Mapping):
        role = turn.get("role", turn.get("from"))
        content = turn.get("content", turn.get("value"))
    elif isinstance(turn, list | tuple) and len(turn) == 2:
        role, content = turn
    else:
        raise Unfit(f"{name}.{place} is {_what(turn)}, not a turn")
    if not isinstance(role, str):
        raise Unfit(f"{name}.{place} has no role")
    known = _role(role)
    if known is None:
        raise Unfit(f"{name}.{place} has a role that is none of {', '.join(_ROLES)}")
    if not isinstance(content, str):
        raise Unfit(f"{name}.{place} has {_what(content)} for content, not a text")
    return known, content


def _present(record: Mapping[str, object], name: str) -> object:
    value = record.get(name)
    if value is None:
        raise Unfit(f"{name} is missing")
    return value


def _text(record: Mapping[str, object], name: str) -> str:
    value = _present(record, name)
    if not isinstance(value, str):
        raise Unfit(f"{name} is {_what(value)}, not a text")
    if not value.strip():
        raise Unfit(f"{name} is empty")
    return value


def _word(value: object, name: str, *, lists: bool = False) -> str:
    """One plain value as text, "" for none; lists and mappings as JSON where they are allowed."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict | bytes):
        if not lists or isinstance(value, bytes):
            raise Unfit(f"{name} is {_what(value)}, not one plain value")
        value = msgspec.json.encode(value, order="sorted").decode()
    word = str(value)
    try:
        word.encode()
    except UnicodeEncodeError:
        raise Unfit(f"{name} holds half of a surrogate pair, which is no character") from None
    return word


def _what(value: object) -> str:
    """The kind of a value in words; never the value."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "a text"),
        (bool, "true or false"),
        ((int, float), "a number"),
        ((list, tuple), "a list"),
        (Mapping, "a mapping"),
        (bytes, "bytes"),
    )
    if value is None:
        return "nothing"
    return next((word for kind, word in kinds if isinstance(value, kind)), "something else")
