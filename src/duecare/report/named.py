"""The entries that a document names, with their hashes, and in whose name a study declares what it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from duecare.ledger.chain import leaf_hash
from duecare.ledger.entry import Entry
from duecare.ledger.log import entry_line
from duecare.report.markdown import table_of
from duecare.report.view import View

HEADING = "## The entries that are named"


@dataclass(frozen=True, slots=True)
class Declarer:
    """Who declares what a study says, and the entry that it stands in; no entry where no run began."""

    name: str
    entries: tuple[int, ...]


def declarer(view: View) -> Declarer:
    """The owner of the study, else whoever recorded it."""
    starts = [entry for entry in view.story.entries if entry.happened == "run.started"]
    if not starts:
        return Declarer(view.owner or "nobody named", ())
    return Declarer(view.owner or starts[-1].actor, (starts[-1].index,))


def digests(view: View) -> dict[int, str]:
    """The leaf hash (hex) of every entry told of: what a proof of that entry is about."""
    last = view.story.entries[-1].index
    return {
        entry.index: leaf_hash(entry_line(entry)).hex() for entry in view.story.ledger if entry.index <= last
    }


def cited(view: View, entries: Iterable[int]) -> list[tuple[Entry, str]]:
    """Entries in their order, each with its leaf hash."""
    named, found = set(entries), digests(view)
    return [(entry, found[entry.index]) for entry in view.story.ledger if entry.index in named]


def happened(entry: Entry) -> str:
    """ "step.finished sft"."""
    return f"{entry.happened} {entry.job}" if entry.job else entry.happened


def entries_table(view: View, entries: Iterable[int]) -> str:
    """Entries with their hashes as a Markdown table: `duecare prove` is about these hashes."""
    rows = [[str(entry.index), digest, happened(entry), entry.time] for entry, digest in cited(view, entries)]
    return table_of(["Entry", "Leaf hash (SHA-256)", "What", "When"], rows)
