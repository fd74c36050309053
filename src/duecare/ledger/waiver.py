"""Waivers on record: two people let one failed gate pass for a time. Who reads them decides nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from duecare.core.finding import Finding
from duecare.ledger.digest import value_digest
from duecare.ledger.entry import Entry

WAIVER = "waiver"
"""Topic of the note of a waiver that two people signed (`review.waive`)."""


@dataclass(frozen=True, slots=True)
class Waived:
    """Entry `entry` says that two people, by pseudonym, waived a gate until `expires`, and why.

    `reason` is free text by one of them: shown quoted, and never taken for anything else.
    """

    entry: int
    people: tuple[str, str]
    reason: str
    expires: datetime

    @property
    def text(self) -> str:
        """In words. Whether it still holds depends on the day of reading, which a record cannot know."""
        return f"Waived until {self.expires.date()} by {self.people[0]} and {self.people[1]}"

    @property
    def quoted(self) -> str:
        """The reason between quotation marks, on one line; it holds no such mark, and no sign unseen."""
        flat = " ".join(self.reason.replace('"', "'").split())
        return '"' + "".join(sign if sign.isprintable() else "\ufffd" for sign in flat) + '"'


def waivers(entries: Iterable[Entry], finding: Finding) -> tuple[Waived, ...]:
    """Every waiver of this very finding on record that two different people signed, the oldest first."""
    named = value_digest(finding)
    found = []
    for entry in entries:
        said = entry.note.data if entry.note is not None and entry.note.topic == WAIVER else {}
        people = (said.get("asked_by", ""), said.get("seconded_by", ""))
        ends = _moment(said.get("expires", ""))
        if entry.happened != "told" or said.get("finding") != named or ends is None:
            continue
        if all(people) and people[0] != people[1]:
            found.append(Waived(entry.index, people, said.get("reason", ""), ends))
    return tuple(found)


def _moment(written: str) -> datetime | None:
    """A moment with its zone; None for any other text."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
