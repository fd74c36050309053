"""Verification of the head and of the entries: format, order, links, tree, and what entries claim."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.core.finding import FAIL, PASS, Finding
from duecare.ledger.chain import tree_root
from duecare.ledger.claims import contradictions
from duecare.ledger.digest import bytes_digest
from duecare.ledger.durable import read_regular
from duecare.ledger.entry import Entry
from duecare.ledger.inspect_lines import Examined, examine, leaves_of
from duecare.ledger.layout import HEAD, LEDGER, LOG
from duecare.ledger.log import parse_line
from duecare.ledger.manifest import show
from duecare.ledger.sign import Head, parse_head

MOST_SHOWN = 20
"""So many entries or files are named one by one; the rest is counted."""

RESTORE = "Restore the run from a copy, and find out who changed it: `duecare run` does not make this good."


@dataclass(frozen=True, slots=True)
class Ledger:
    """What could be read: the head (None if unusable), the leaf hashes of all lines, and the entries that
    say something about files, gates or people, or begin or end a run (figures told midway are let go)."""

    head: Head | None
    leaves: list[bytes]
    entries: list[tuple[int, Entry]]
    findings: list[Finding]


def fail(name: str, limit: str, detail: str, then: str = RESTORE) -> Finding:
    """A limit crossed, and what to do next; `detail` may quote what a stranger wrote."""
    return Finding(name=f"verify.{name}", verdict=FAIL, limit=limit, detail=show(detail), next=then)


def hold(name: str, limit: str, detail: str) -> Finding:
    """A limit held."""
    return Finding(name=f"verify.{name}", verdict=PASS, limit=limit, detail=show(detail))


def inspect_log(run: Path) -> Ledger:
    """Read and check RUN/ledger/head.json and log.jsonl; findings for whatever does not hold."""
    head, findings = _head(run / LEDGER)
    lines, more = _lines(run / LEDGER, head)
    findings += more
    examined = examine(lines, head.run if head is not None else _run_of(lines))
    findings += _entries(examined, len(lines))
    leaves = leaves_of(examined)
    findings += _tree(head, leaves)
    entries = [(index, parse_line(lines[index])) for index in examined.matter]
    findings += _claims(entries, len(lines))
    return Ledger(head=head, leaves=leaves, entries=entries, findings=findings)


def shorten(findings: list[Finding]) -> list[Finding]:
    """The first findings of one kind, and how many more there are."""
    if len(findings) <= MOST_SHOWN:
        return findings
    last = findings[MOST_SHOWN]
    rest = f"... and {len(findings) - MOST_SHOWN} more of this kind."
    return [*findings[:MOST_SHOWN], fail(last.name.removeprefix("verify."), last.limit, rest, last.next)]


def _head(folder: Path) -> tuple[Head | None, list[Finding]]:
    limit = "the head is well formed and its signature holds"
    try:
        head = parse_head(read_regular(folder / HEAD))
    except LedgerError as error:
        return None, [fail("head", limit, f"{LEDGER}/{HEAD}: {error}.")]
    return head, [hold("head", limit, f"{LEDGER}/{HEAD}: {head.size} entries, signed by key {head.key}.")]


def _lines(folder: Path, head: Head | None) -> tuple[list[bytes], list[Finding]]:
    """The whole lines of the log (without newline), and whether they are as many as the head signs."""
    limit = "the log holds exactly the entries that its head signs"
    if head is not None and head.size == 0 and not os.path.lexists(folder / LOG):
        return [], []
    try:
        *lines, torn = read_regular(folder / LOG).split(b"\n")
    except LedgerError as error:
        return [], [fail("log", limit, f"{LEDGER}/{LOG}: {error}.")]
    signed = len(lines) if head is None else head.size
    if len(lines) < signed:
        detail = f"{LEDGER}/{LOG}: {len(lines)} whole entries, the head signs {signed}: some were lost."
        return lines, [fail("log", limit, detail)]
    if len(lines) > signed or torn:
        after = b"\n".join([*lines[signed:], torn])
        detail = (
            f"{LEDGER}/{LOG}: {len(after)} bytes (SHA-256 {bytes_digest(after)}) after the last acknowledged "
            "entry: an interrupted or running write, or somebody added them."
        )
        then = "If no process writes this run, `duecare run` cuts them and notes it in the ledger."
        return lines, [fail("log", limit, detail, then)]
    return lines, []


def _entries(examined: Examined, count: int) -> list[Finding]:
    limit = "every entry is well formed, in its place, of this run, and names the entry before it"
    problems = [fail("entry", limit, f"{LEDGER}/{LOG}, entry {at}: {text}.") for at, text in examined.wrong]
    if problems or not count:
        return shorten(problems)
    return [hold("entry", limit, f"{LEDGER}/{LOG}: {count} entries.")]


def _run_of(lines: list[bytes]) -> str:
    """The run that the first readable entry names: without a head nothing else does."""
    for line in lines:
        with suppress(LedgerError):
            return parse_line(line).run
    return ""


def _tree(head: Head | None, leaves: list[bytes]) -> list[Finding]:
    limit = "the tree over all entries (RFC 6962) has the root that the head signs"
    if head is None or len(leaves) < head.size:
        return []
    if tree_root(leaves[: head.size]) != head.root:
        detail = f"{LEDGER}/{LOG}: its {head.size} entries are not those that {LEDGER}/{HEAD} signs."
        return [fail("tree", limit, detail)]
    return [hold("tree", limit, f"{LEDGER}/{HEAD}: root {head.root}.")]


def _claims(entries: list[tuple[int, Entry]], count: int) -> list[Finding]:
    limit = "inputs are outputs of earlier entries; digests and step keys are those of what is recorded"
    known: set[str] = set()
    problems = []
    for index, entry in entries:
        problems += [
            fail("claim", limit, f"{LEDGER}/{LOG}, entry {index} ({entry.happened}): {text}.")
            for text in contradictions(entry, known)
        ]
        known.update(entry.outputs.values())
    if problems or not count:
        return shorten(problems)
    return [hold("claim", limit, f"{LEDGER}/{LOG}: {len(known)} results, recomputed where possible.")]
