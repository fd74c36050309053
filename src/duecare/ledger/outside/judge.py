"""What holds of a bundle, what does not, and what cannot be said, a sentence each."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from duecare.ledger.outside.archive import Archive, RefusedError
from duecare.ledger.outside.attested import judge_attested
from duecare.ledger.outside.duties import judge_people
from duecare.ledger.outside.entries import COUNTED, plain_json, read_entries, read_head, unique_keys
from duecare.ledger.outside.notes import Noted, Pinned, log_signed, read_note, witness_time
from duecare.ledger.outside.people import book_of, today
from duecare.ledger.outside.tree import hash_of_leaf, root_of

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be said"
LOG_FILE, HEAD_FILE, NOTE_FILE = "run/ledger/log.jsonl", "run/ledger/head.json", "run/ledger/checkpoint"
TIME_FORM = "%Y-%m-%dT%H:%M:%S+00:00"
READ_FILE, VERIFY_FILE, MANIFEST_FILE = "READ-ME.txt", "verify.py", "manifest.json"


@dataclass
class Trusted:
    """What the reader got by another way than the bundle: a key, a head seen before, witnesses' keys."""

    key: str | None = None
    head: bytes | None = None
    witnesses: list[Pinned] = field(default_factory=list)


@dataclass
class Judgement:
    """Verdict and sentence, in order; and what the ledger tells, once it is known to be whole."""

    said: list[tuple[str, str]] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def say(self, holds: bool | None, yes: str, no: str = "") -> bool:
        """Note `yes` where something holds or (None) cannot be said, `no` where it does not."""
        verdict = UNKNOWN if holds is None else HOLDS if holds else FAILS
        self.said.append((verdict, no if holds is False else yes))
        return holds is True

    @property
    def code(self) -> int:
        """0: all holds; 1: something does not; 2: nothing is wrong, but not all could be said."""
        verdicts = {verdict for verdict, _ in self.said}
        return 1 if FAILS in verdicts else 2 if UNKNOWN in verdicts else 0


def judge(archive: Archive, trusted: Trusted, read_me: bytes, verifier: bytes) -> Judgement:
    """Everything that can be checked of a bundle without network and without duecare."""
    found = Judgement()
    head_bytes, log = archive.content(HEAD_FILE), archive.content(LOG_FILE)
    if head_bytes is None or log is None:
        found.say(False, "", "The bundle holds no head or no log: nothing vouches for the rest.")
        return found
    try:
        head = read_head(head_bytes)
    except RefusedError as error:
        found.say(False, "", f"{error}.")
        return found
    found.say(True, f"The head is signed by key {head['key']} and names {head['size']} entries.")
    lines = log.split(b"\n")
    whole = lines.pop() == b"" and len(lines) == head["size"]
    leaves = [hash_of_leaf(line) for line in lines]
    same = whole and root_of(leaves).hex() == head["root"]
    found.say(
        same,
        "The log holds these entries, every byte as signed: none was changed, added, removed or moved.",
        "The log is not what its head signs: an entry was changed, added, removed or moved.",
    )
    entries, problems = read_entries(lines, head["run"])
    found.say(
        not problems,
        "Every entry follows the one before it, and uses only results that an earlier entry made.",
        " ".join(problems[:10]),
    )
    judge_files(found, archive, entries)
    judge_extras(found, archive, read_me, verifier)
    judge_note(found, archive.content(NOTE_FILE), head, leaves, trusted.witnesses)
    judge_anchor(found, trusted, head, leaves)
    signed: list[str] = []
    if same and not problems:
        signed = judge_people(found.say, entries, lines, leaves, head, today())
        judge_attested(found.say, archive, book_of(entries, lines, leaves, head))
    if found.code != 1:
        found.story += [*story_of(entries), *signed]
    return found


def judge_files(found: Judgement, archive: Archive, entries: list[dict[str, Any]]) -> None:
    """Whether every file is one that the latest entry about its folder recorded."""
    recorded: dict[str, str] = {}
    for entry in entries:
        if entry["happened"] in COUNTED:
            recorded |= entry.get("outputs") or {}
    expected, whole, left_out, problems = {READ_FILE, VERIFY_FILE, LOG_FILE, HEAD_FILE, NOTE_FILE}, 0, 0, []
    for path, digest in recorded.items():
        folder = f"run/{path}/"
        listed = listed_files(archive, folder, digest)
        if listed is None:
            problems.append(f"The list of files of {path!a} is not there, or not the recorded one.")
            continue
        expected |= {folder + MANIFEST_FILE, *(folder + name for name in listed)}
        here = [name for name in listed if folder + name in archive.members]
        for name in here:
            member = archive.members[folder + name]
            if (member.size, archive.digest(member.name)) != listed[name]:
                problems.append(f"{path + '/' + name!a} is not the file that was recorded.")
        whole += len(here)
        left_out += len(listed) - len(here)
    strangers = sorted(archive.members.keys() - expected)
    problems += [f"{name!a} is in the bundle, and no entry records it." for name in strangers]
    found.say(
        not problems,
        f"{whole} files are byte for byte those that the log recorded, and nothing else is there.",
        " ".join(problems[:10]),
    )
    if left_out:
        found.say(
            None,
            f"{left_out} recorded files are left out: their digests are here, their content is unchecked.",
        )


def listed_files(archive: Archive, folder: str, digest: str) -> dict[str, tuple[int, str]] | None:
    """File name to size and SHA-256, as a folder's manifest lists them; None where it is not as recorded."""
    name = folder + MANIFEST_FILE
    if name not in archive.members or archive.digest(name) != digest:
        return None
    try:
        manifest = json.loads(archive.content(name) or b"", object_pairs_hook=unique_keys)
        return {each["path"]: (each["size"], each["sha256"]) for each in manifest["files"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def judge_extras(found: Judgement, archive: Archive, read_me: bytes, verifier: bytes) -> None:
    """The two files that no entry records: they must be the ones that this verifier knows."""
    inside = archive.content(VERIFY_FILE)
    same = archive.content(READ_FILE) == read_me and inside in (None, verifier)
    first = verifier.split(b"\n", 2)[:2]
    other_version = inside is not None and inside.split(b"\n", 2)[:2] != first
    found.say(
        None if not same and other_version else same,
        "READ-ME.txt is as this verifier knows it, and a verify.py in the bundle is this very program."
        if same
        else "The verify.py in the bundle is of another version than this program; do not run it unseen.",
        "READ-ME.txt or verify.py in the bundle is not as this verifier knows it; do not run that verify.py.",
    )


def judge_note(
    found: Judgement, data: bytes | None, head: dict[str, Any], leaves: list[bytes], witnesses: list[Pinned]
) -> None:
    """The checkpoint, where there is one, and the line of each witness whose key was given."""
    if data is None:
        for key in witnesses:
            found.say(None, f"Witness {key.name!a} co-signed nothing: there is no checkpoint.")
        return
    try:
        note = read_note(data)
    except RefusedError as error:
        found.say(False, "", f"{error}.")
        return
    fits = (
        note.run == head["run"]
        and log_signed(note, bytes.fromhex(head["key"]))
        and note.size <= len(leaves)
        and root_of(leaves[: note.size]) == note.root
    )
    found.say(
        fits,
        f"The checkpoint is signed by the same key and is the head that the log had at {note.size} entries.",
        "The checkpoint is not a head of this log under this key.",
    )
    for key in witnesses if fits else []:
        judge_witness(found, note, key)


def judge_witness(found: Judgement, note: Noted, key: Pinned) -> None:
    """What one witness said."""
    try:
        seconds = witness_time(note, key)
        when = "" if seconds is None else time.strftime(TIME_FORM, time.gmtime(seconds))
    except (RefusedError, OverflowError, ValueError, OSError) as error:
        found.say(False, "", f"{error}.")
        return
    found.say(
        None if seconds is None else True,
        f"Witness {key.name!a} says that at {when} the log had {note.size} entries and had only grown."
        if when
        else f"Witness {key.name!a} has no line under the checkpoint.",
    )


def judge_anchor(found: Judgement, trusted: Trusted, head: dict[str, Any], leaves: list[bytes]) -> None:
    """Whose key it is, and whether anything was taken back, by what the reader brought along."""
    if trusted.key is None and trusted.head is None:
        found.say(None, "Whose key this is cannot be said: give --key, from its owner by another way.")
    if trusted.key is not None:
        found.say(
            head["key"] == trusted.key.lower(),
            "It is the key that you gave.",
            "It is not the key that you gave: somebody else signed this.",
        )
    if trusted.head is None:
        found.say(
            None,
            "Whether this is an older state of the run cannot be said: give --head, a head seen before.",
        )
        return
    try:
        known = read_head(trusted.head)
    except RefusedError as error:
        found.say(False, "", f"The head that you gave: {error}.")
        return
    goes_on = (
        (known["run"], known["key"]) == (head["run"], head["key"])
        and known["size"] <= len(leaves)
        and root_of(leaves[: known["size"]]).hex() == known["root"]
    )
    found.say(
        goes_on,
        f"The log goes on from the {known['size']} entries of the head that you gave.",
        "The log does not go on from the head that you gave: it was rolled back, rewritten or re-signed.",
    )


def story_of(entries: list[dict[str, Any]]) -> list[str]:
    """What the ledger tells, a line each."""
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry["happened"]] = counts.get(entry["happened"], 0) + 1
    actors = sorted({str(entry.get("actor")) for entry in entries})
    told = [f"run {entries[0]['run']}, written by {', '.join(actors)!a}" if entries else "an empty log"]
    told += [f"from {entries[0].get('time')!a} to {entries[-1].get('time')!a}"] if entries else []
    told += [f"{count} times: {name}" for name, count in sorted(counts.items())]
    gates = {}
    for entry in entries:
        for finding in entry.get("findings") or []:
            if finding.get("gate"):
                gates[plain_json([finding.get("name"), finding.get("limit")])] = finding
    told += [
        f"gate {each.get('name')!a} ({each.get('limit')!a}): {each.get('verdict')!a}"
        for each in gates.values()
    ]
    return told
