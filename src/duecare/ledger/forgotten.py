"""What was forgotten, as the ledger tells it: whose keys were destroyed, what that touched, and when.

Two entries a time: `forgetting`, before the first key is destroyed, and `forgotten`, after the last. One
without the other is a call that was interrupted; the next call of `duecare forget` completes it. Where
somebody has to sign, `forget-asked` comes first and says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from duecare.core.errors import DuecareError
from duecare.core.finding import INSUFFICIENT, PASS, Finding
from duecare.core.wire import decode, encode
from duecare.ledger.entry import Entry

ASKED, BEGUN, DONE = "forget-asked", "forgetting", "forgotten"
"""Topics of the notes: a request that somebody has to sign first; the first key; the last one."""
SUBJECT, EXPIRED = "subject", "expired"
"""Why: a person asked, or the day until which data may be kept is past."""
_LIMIT = "what was to be forgotten is"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One request, and what it came to.

    `keys` are names of destroyed keys, each with the id it had ("" where it was gone before). `sealed` are
    artifacts of which nothing can be read any more that those keys opened, `open` artifacts with rows that
    lie in plain, `models` what was trained on the data, `results` what was measured of it (all by folder).
    `terms` are keyed digests of what was asked for, `files` digests of the sources that were read.
    """

    entry: int
    request: str
    why: str
    time: str
    sources: tuple[str, ...]
    keys: Mapping[str, str]
    sealed: tuple[str, ...]
    open: tuple[str, ...]
    models: tuple[str, ...]
    results: tuple[str, ...]
    terms: tuple[str, ...]
    files: tuple[str, ...]
    done: bool

    @property
    def touched(self) -> tuple[str, ...]:
        """Every artifact that holds the data, or was made of it."""
        return tuple(dict.fromkeys((*self.sealed, *self.open, *self.models, *self.results)))

    @property
    def text(self) -> str:
        """In words."""
        reason = "a person asked" if self.why == SUBJECT else "the day until which they may be kept is past"
        when = f"on {self.time[:10]} (entry {self.entry}), as {reason}"
        said = f"Data of {', '.join(self.sources)} were forgotten {when}"
        if self.models:
            said += f"; {_short(self.models)} learned from them and would need to be trained again"
        if self.open:
            said += f"; rows of them lie open in {_short(self.open)}, which no key can take back"
        return said + "."


def note_data(found: Forgotten) -> dict[str, str]:
    """What the note of an entry says of it."""
    lists = ("sources", "sealed", "open", "models", "results", "terms", "files")
    said = {name: encode(list(getattr(found, name))).decode() for name in lists}
    return {"request": found.request, "why": found.why, "keys": encode(dict(found.keys)).decode(), **said}


def forgotten(entries: Iterable[Entry]) -> tuple[Forgotten, ...]:
    """Every request on record, the oldest first; what cannot be read as one is none."""
    found: dict[str, Forgotten] = {}
    for entry in entries:
        if entry.happened != "told" or entry.note is None or entry.note.topic not in (BEGUN, DONE):
            continue
        one = _read(entry, entry.note.data, done=entry.note.topic == DONE)
        if one is not None:
            found[one.request] = one
    return tuple(found.values())


def asked(entries: Iterable[Entry]) -> tuple[Forgotten, ...]:
    """Every request that was entered to be signed first, the oldest first, and begun no more than that."""
    entries = list(entries)
    begun = {one.request for one in forgotten(entries)}
    found = [
        _read(entry, entry.note.data, done=False)
        for entry in entries
        if entry.happened == "told" and entry.note is not None and entry.note.topic == ASKED
    ]
    return tuple(one for one in found if one is not None and one.request not in begun)


def concerns(entry: Entry) -> bool:
    """Whether an entry is about something forgotten."""
    return entry.note is not None and entry.note.topic in (ASKED, BEGUN, DONE)


def inspect_forgotten(entries: Iterable[Entry]) -> list[Finding]:
    """What verification says: a finding for each request, that it was completed or was not."""
    said = []
    for one in forgotten(entries):
        if one.done:
            said.append(Finding(name="verify.forgotten", verdict=PASS, limit=_LIMIT, detail=one.text))
            continue
        detail = (
            f"Forgetting data of {', '.join(one.sources)} was begun on {one.time[:10]} (entry {one.entry}) "
            "and not completed: some of the keys may still be here."
        )
        then = "Call `duecare forget RUN --resume`: it destroys the keys that the entry names."
        said.append(
            Finding(name="verify.forgotten", verdict=INSUFFICIENT, limit=_LIMIT, detail=detail, next=then)
        )
    return said


def _read(entry: Entry, data: Mapping[str, str], *, done: bool) -> Forgotten | None:
    try:
        return Forgotten(
            entry=entry.index,
            request=data["request"],
            why=data["why"],
            time=entry.time,
            keys=decode(data["keys"], dict[str, str]),
            done=done,
            sources=_list(data, "sources"),
            sealed=_list(data, "sealed"),
            open=_list(data, "open"),
            models=_list(data, "models"),
            results=_list(data, "results"),
            terms=_list(data, "terms"),
            files=_list(data, "files"),
        )
    except (KeyError, DuecareError):
        return None


def _list(data: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(decode(data[name], list[str]))


def _short(folders: tuple[str, ...]) -> str:
    return ", ".join(folder.partition("/")[2] or folder for folder in folders)
