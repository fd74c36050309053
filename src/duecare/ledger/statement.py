"""What a person signs about a run: one statement, bound to the run and to the state that it was made in.

The signature covers the run, the number of entries and their root when it was made, who signs as what, and
the digest of what is signed. So it says nothing in another run, in another state, or about anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.step import Note
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.digest import value_digest
from duecare.ledger.entry import Entry
from duecare.ledger.people import MATTERS, Listing
from duecare.ledger.sign import STATEMENT, Key, holds
from duecare.ledger.standing import Standing

Act = Literal["people", "entry", "approve", "waive", "incident", "answer", "release", "forget"]
Severity = Literal["low", "serious", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "serious", "critical")
SIGNED: Final = "signed"
"""What happened in the entry of a statement; the topic of its note is the act."""
LONGEST_TEXT = 2_000
MOST_STATEMENTS = 100

_HOW = {
    "people": "signs the list of people and rules of entry {of}",
    "entry": "signs entry {of}",
    "approve": "approves the {about}",
    "waive": "waives the gate {about} until {expires}",
    "incident": "reports an incident ({about})",
    "answer": "answers the incident of entry {of}",
    "release": "releases the run",
    "forget": "signs the request to forget of entry {of}",
}


class Statement(Noun, frozen=True, kw_only=True):
    """What `person` says as `role` of `run` when it had `size` entries with the root `root`.

    `about` is the matter approved, the gate waived or how severe an incident is, `of` the entry that is meant
    (a list of people, any entry, an incident, attestations, a request to forget), `subject` the digest of
    what is signed: of the list, of the entry (its leaf hash), of the results that an approval or a release is
    about, of the finding waived. `expires` is when a waiver ends, `text` what the person says in words.
    """

    run: str
    size: int
    root: str
    act: Act
    person: str
    role: str
    time: str
    about: str = ""
    of: int | None = None
    subject: str = ""
    expires: str | None = None
    text: str = ""

    @property
    def words(self) -> str:
        """Who says what, on one line."""
        did = _HOW[self.act].format(of=self.of, about=self.about, expires=(self.expires or "")[:10])
        if self.act == "release" and self.of is not None:
            did += f" with the attestations of entry {self.of}"
        return printable(f"{self.person} ({self.role}) {did}")

    @property
    def quoted(self) -> str:
        """What the person says, between quotation marks, on one line; it holds no such mark itself."""
        flat = " ".join(self.text.replace('"', "'").split())
        return f'"{printable(flat)}"' if flat else ""


def printable(text: str) -> str:
    """The text without signs that steer a terminal: what somebody is asked to sign is what they see."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


class Signed(Noun, frozen=True, kw_only=True):
    """A statement as canonical JSON, the public key of who signed it (hex), and the signature (hex)."""

    statement: str
    key: str
    signature: str

    def note(self) -> Note:
        """The note of its entry."""
        said = self.said()
        data = {"statement": self.statement, "key": self.key, "signature": self.signature}
        return Note(topic=said.act, text=f"{said.words}.", data=data)

    def said(self) -> Statement:
        """The statement; LedgerError where it is malformed or not in its one form."""
        try:
            found = decode(self.statement, Statement)
            canonical = encode(found).decode()
        except (DuecareError, ValueError, RecursionError, OverflowError) as error:
            raise LedgerError(f"the statement is malformed: {type(error).__name__}") from error
        if canonical != self.statement or len(found.text) > LONGEST_TEXT or found.size < 0:
            raise LedgerError("the statement is not in the form in which it is written")
        return found

    @property
    def is_signed(self) -> bool:
        """Whether the signature is that of the key it names."""
        return holds(self.key, self.signature, STATEMENT + self.statement.encode())


class Request(Noun, frozen=True, kw_only=True):
    """What somebody is asked to sign on another machine, and what comes back: so far unsigned statements,
    and those that are signed."""

    duecare: Literal["statements"] = "statements"
    statements: tuple[Statement, ...] = ()
    signed: tuple[Signed, ...] = ()


def sign_statement(statement: Statement, key: Key) -> Signed:
    """The statement, signed."""
    text = encode(statement)
    return Signed(statement=text.decode(), key=key.public, signature=key.sign_statement(text).hex())


def signed_of(entry: Entry) -> Signed:
    """What the entry of a statement holds; LedgerError where it holds none, or its note tells otherwise."""
    note = entry.note
    try:
        found = msgspec.convert(note.data if note else None, Signed)
    except msgspec.ValidationError as error:
        raise LedgerError("it holds no statement") from error
    if found.note() != note:
        raise LedgerError("its note says something else than the statement that is signed")
    return found


def write_request(request: Request) -> bytes:
    """The bytes of a request file."""
    return msgspec.json.format(encode(request), indent=1) + b"\n"


def parse_request(data: bytes) -> Request:
    """Read a request file; LedgerError where it is none."""
    try:
        found = decode(data, Request)
    except (DuecareError, RecursionError) as error:
        raise LedgerError("the file holds no statements to sign, and none that were signed") from error
    if not 0 < len(found.statements) + len(found.signed) <= MOST_STATEMENTS:
        raise LedgerError(f"expected 1 to {MOST_STATEMENTS} statements in the file")
    return found


def matter_of(entry: Entry) -> str:
    """Which matter a finished step belongs to: by the stage its class comes from."""
    stage = (entry.step or "").removeprefix("duecare.").partition(".")[0]
    return {"curate": "data", "train": "training", "model": "training"}.get(stage, "evaluation")


def results_of(state: Standing, matter: str) -> list[list[str]]:
    """Job, step key and digests of every result that counts and belongs to a matter ("release": all): of its
    files, and of the findings and figures that its entry states, which nobody may exchange for better ones.
    """
    jobs = state.planned or tuple(state.done)
    done = {job: state.done[job] for job in jobs if job in state.done}
    return [
        [
            job,
            entry.step_key or "",
            *(entry.outputs[path] for path in sorted(entry.outputs)),
            value_digest(entry.findings),
            value_digest(entry.estimates),
        ]
        for job, entry in sorted(done.items())
        if matter in (matter_of(entry), MATTERS[-1])
    ]


def subject_of(state: Standing, matter: str, listing: Listing, events: Iterable[str]) -> str:
    """What an approval of a matter is of: its results, of an evaluation also what the gates say; the release:
    all of these, the list of people, and what happened to the run (`events`: leaf hashes of waivers,
    incidents and answers, in order)."""
    whole = sorted({value_digest(gate) for gate in state.gates}) if matter in MATTERS[-2:] else []
    whole += [listing.digest, *events] if matter == MATTERS[-1] else []
    subject: Sequence[object] = [matter, results_of(state, matter), whole]
    return value_digest(subject)
