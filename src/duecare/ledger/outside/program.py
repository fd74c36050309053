"""The command: `python verify.py BUNDLE`, or a proof of one entry."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from duecare.ledger.outside.archive import Archive, RefusedError
from duecare.ledger.outside.judge import HOLDS, Judgement, Trusted, judge, judge_witness
from duecare.ledger.outside.notes import (
    base64_bytes,
    log_signed,
    pinned_witness,
    read_note,
)
from duecare.ledger.outside.tree import hash_of_leaf, proof_holds

READ_ME = """This bundle holds the ledger of a run of duecare: what was done to a model, on which data, with
which settings, by whom, and what was measured; with the lists of all files that came of it, and some of them.

    python -I verify.py BUNDLE.tar [--key HEX] [--head FILE] [--witness KEY]

says in plain words what holds and what does not. It needs Python 3.9 or newer, nothing else, and no network.
A verify.py that lies in a bundle came from whoever made the bundle: take the program from a source that you
trust, and the key of the run's owner by another way than the bundle.
"""
PROOF_BEGINS = b"c2sp.org/tlog-proof@v1\n"
ENDINGS = (
    "Everything that was checked holds.",
    "Do not rely on it: something does not hold.",
    "Nothing is wrong, but not everything could be said.",
)


def judge_proof(data: bytes, trusted: Trusted) -> Judgement:
    """A proof (C2SP tlog-proof) that one entry is in a log: the entry is its extra data."""
    found, lines = Judgement(), data.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    note = read_note(data.partition(b"\n\n")[2])
    if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise RefusedError("the proof names no entry and no place")
    entry, index = base64_bytes(lines[1].removeprefix("extra ")), lines[2].removeprefix("index ")
    if not index.isascii() or not index.isdigit() or str(int(index)) != index:
        raise RefusedError("the proof's place is no number")
    path = [base64_bytes(line) for line in lines[3:]]
    found.say(
        proof_holds(hash_of_leaf(entry), int(index), note.size, path, note.root),
        f"The entry is number {index} of the {note.size} that the checkpoint covers.",
        "The entry is not in the tree of this checkpoint.",
    )
    if trusted.key is None:
        found.say(None, "Who signed the checkpoint was not checked: give --key, from the run's owner.")
    else:
        signed = log_signed(note, bytes.fromhex(trusted.key))
        found.say(
            signed, "The key that you gave signed the checkpoint.", "The key that you gave did not sign it."
        )
    for key in trusted.witnesses:
        judge_witness(found, note, key)
    if found.code != 1:
        found.story.append(ascii(entry.decode("utf-8", "replace"))[1:-1])
    return found


def trusted_of(given: argparse.Namespace) -> Trusted:
    """What the reader brought along; a RefusedError where it is malformed."""
    key = given.key
    if key is not None and (len(key) != 64 or set(key.lower()) - set("0123456789abcdef")):
        raise RefusedError("--key is not 64 hex digits")
    head = None if given.head is None else Path(given.head).read_bytes()
    return Trusted(key, head, [pinned_witness(text) for text in given.witness])


def judged(given: argparse.Namespace, verifier: bytes) -> Judgement:
    """The judgement of the file that was given, extracted where that was asked and nothing is wrong."""
    trusted = trusted_of(given)
    with open(given.bundle, "rb") as file:
        begin = file.read(len(PROOF_BEGINS))
        if begin == PROOF_BEGINS:
            return judge_proof(begin + file.read(1 << 24), trusted)
        archive = Archive(file)
        found = judge(archive, trusted, READ_ME.encode(), verifier)
        if given.extract is not None and found.code != 1:
            archive.extract(Path(given.extract))
        return found


def shown(found: Judgement) -> str:
    """The judgement as a person reads it."""
    marks = {HOLDS: "yes"}
    lines = [f"  {marks.get(verdict, verdict)}: {sentence}" for verdict, sentence in found.said]
    if found.story:
        lines += ["", "What it tells:", *(f"  {line}" for line in found.story)]
    return "\n".join([*lines, "", ENDINGS[found.code]])


def verifier_main(arguments: list[str], verifier: bytes) -> int:
    """Check what the arguments name and print what was found: 0 all holds, 1 not, 2 not all can be said."""
    parser = argparse.ArgumentParser(description="Check a bundle of a duecare run, or a proof of one entry.")
    parser.add_argument("bundle", help="the bundle (.tar) or the proof (.tlog-proof)")
    parser.add_argument("--key", help="the public key (64 hex digits) that must have signed")
    parser.add_argument("--head", help="a head.json of this run that you saw before")
    parser.add_argument("--witness", action="append", default=[], help="key of a witness: name+id+base64")
    parser.add_argument("--extract", help="a new folder to extract to, if nothing is wrong")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        found = judged(given, verifier)
    except RefusedError as error:
        found = Judgement()
        found.say(False, "", f"{str(error)[:1].upper()}{str(error)[1:]}.")
    except OSError as error:
        found = Judgement()
        found.say(False, "", f"It cannot be read or extracted: {error.strerror}.")
    except MemoryError:
        found = Judgement()
        found.say(False, "", "It is larger than what this machine has memory for: it was not checked.")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        found = Judgement()
        found.say(False, "", f"It holds what no bundle can ({type(error).__name__}).")
    if given.json:
        said: list[dict[str, Any]] = [{"verdict": verdict, "says": text} for verdict, text in found.said]
        print(json.dumps({"code": found.code, "found": said, "tells": found.story}))
    else:
        print(shown(found))
    return found.code


def script() -> int:
    """What the joined file runs."""
    return verifier_main(sys.argv[1:], Path(__file__).read_bytes())
