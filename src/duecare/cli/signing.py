"""What people sign about a run: drafts of statements, their signatures, and their way into the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from duecare.cli.reviewing import recording
from duecare.cli.run import now
from duecare.core import PASS, Finding, LedgerError
from duecare.ledger.chain import leaf_hash
from duecare.ledger.digest import value_digest
from duecare.ledger.duties import Account, Listed, missing, moment, waivers_of
from duecare.ledger.entry import Entry
from duecare.ledger.log import entry_line
from duecare.ledger.people import MATTERS, Listing, Person
from duecare.ledger.read import answering
from duecare.ledger.sign import Head, Key
from duecare.ledger.statement import (
    LONGEST_TEXT,
    SIGNED,
    Act,
    Signed,
    Statement,
    results_of,
    sign_statement,
)

LIST = "people"
"""What is approved of a run beside the matters: the list of people and rules, by an owner."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A run as those who sign see it: its head, and what its ledger says of people."""

    head: Head
    account: Account

    @property
    def listed(self) -> Listed:
        """The list of people in force. Raises LedgerError where the study lists nobody."""
        if self.account.listed is None:
            raise LedgerError(
                "the study of this run lists no people, so nobody can sign: give it a section `people` "
                "(docs/people.md) and run it again"
            )
        return self.account.listed

    def person(self, name: str) -> Person:
        """Somebody on the list, or on the one that waits for an owner. Raises LedgerError elsewhere."""
        people = self.listed.listing.people
        if name not in people:
            raise LedgerError(f"{name!r} is not on the list of people: {', '.join(people)}")
        return people[name]

    def role(self, name: str, given: str | None, may: Sequence[str] | None = None) -> str:
        """As what somebody signs: the role given, or the first of theirs that may (None: any)."""
        roles = self.person(name).roles
        if given is not None:
            return given
        fitting = [role for role in roles if may is None or role in may]
        if not fitting:
            raise LedgerError(
                f"{name} is {', '.join(roles)}; by the rules of the study this takes {' or '.join(may or ())}"
            )
        return fitting[0]

    def draft(self, act: Act, name: str, role: str, **said: Any) -> Statement:
        """A statement about the run as it is now."""
        text = " ".join(str(said.pop("text", "")).split())
        if len(text) > LONGEST_TEXT or not text.isprintable():
            raise LedgerError(f"expected at most {LONGEST_TEXT} printable characters of text")
        return Statement(
            run=self.head.run,
            size=self.head.size,
            root=self.head.root,
            act=act,
            person=name,
            role=role,
            time=now().isoformat(timespec="seconds"),
            text=text,
            **said,
        )


def desk(run: Path) -> Desk:
    """The run in this folder. Raises LedgerError where its ledger is not what its head signs."""
    return Desk(*answering(run))


def entry_of(at: Desk, name: str, role: str | None, entry: int, text: str) -> list[Statement]:
    """That somebody signs one entry of the ledger; none where they have."""
    leaf = at.account.leaf(entry)
    if leaf is None:
        raise LedgerError(f"there is no entry {entry}: the ledger holds {at.head.size}")
    for each in at.account.said:
        if (each.statement.act, each.statement.person, each.statement.of) == ("entry", name, entry):
            return []
    return [at.draft("entry", name, at.role(name, role), of=entry, subject=leaf, text=text)]


def approvals(
    at: Desk, name: str, role: str | None, matters: Sequence[str], text: str = ""
) -> list[Statement]:
    """Approvals of these matters ("people": the list itself), or of all that wait for this person.

    What somebody approved as it is now is not approved again. Raises LedgerError for a matter that is none.
    """
    if unknown := [each for each in matters if each not in (LIST, *MATTERS)]:
        raise LedgerError(f"there is no matter {', '.join(unknown)}; there are {LIST}, {', '.join(MATTERS)}")
    person, found = at.person(name), []
    wanted = matters or ((LIST, *MATTERS) if "owner" in person.roles else MATTERS)
    if LIST in wanted:
        found += _list_signed(at, name, text)
    state, rules = at.account.standing(), at.listed.listing.rules
    for matter in MATTERS:
        if matter not in wanted or not results_of(state, matter):
            continue
        subject = at.account.subject(matter, state)
        roles = [each for each in rules.approvals.of(matter) if each in person.roles]
        if matters and not roles:
            at.role(name, None, rules.approvals.of(matter))  # says who may
        for each in roles if role is None else [role]:
            draft = at.draft("approve", name, each, about=matter, subject=subject, text=text)
            if not _said(at, draft):
                found.append(draft)
    return found


def _said(at: Desk, draft: Statement) -> bool:
    """Whether somebody said the same before, of the same."""
    kept = ("act", "person", "role", "about", "subject", "of")
    return any(
        all(getattr(each.statement, field) == getattr(draft, field) for field in kept)
        for each in at.account.said
    )


def _list_signed(at: Desk, name: str, text: str) -> list[Statement]:
    """That the list of people that waits for an owner is theirs; none where none waits."""
    listed = at.listed
    listing: Listing | None = listed.listing
    place = listed.entry
    if at.account.pending is not None:
        listing, place = at.account.proposed, at.account.pending
    elif listed.signed is not None:
        return []
    if listing is None:
        raise LedgerError("the study as it was run last lists nobody: that cannot be signed; list people")
    role = at.role(name, None, ("owner",))
    return [at.draft("people", name, role, of=place, subject=listing.digest, text=text)]


def waivers(  # noqa: PLR0917  # in the order of the command
    at: Desk, name: str, role: str | None, gates: Sequence[str], reason: str, days: float
) -> list[Statement]:
    """Waivers of these gates, for so many days; none of one that this person has waived and that holds."""
    rules, open_now = at.listed.listing.rules, not_held(at)
    names = [gate.name for gate in open_now]
    if unknown := [each for each in gates if each not in names]:
        known = ", ".join(names) or "none"
        raise LedgerError(f"no gate that did not hold is called {', '.join(unknown)}; there are {known}")
    if not 0 < days <= rules.waiver_days:
        raise LedgerError(f"a waiver ends after at most {rules.waiver_days} days (rules.waiver_days)")
    if len(reason.strip()) < 10:
        raise LedgerError("a waiver has a reason that others can follow (--reason)")
    ends, found = (now() + timedelta(days=days)).isoformat(timespec="seconds"), []
    who = at.role(name, role, rules.waive)
    for gate in [gate for gate in open_now if gate.name in gates]:
        subject = value_digest(gate)
        mine = [each for each in waivers_of(at.account, subject) if each.statement.person == name]
        if any((moment(each.statement.expires or "") or now()) > now() for each in mine):
            continue
        found.append(
            at.draft("waive", name, who, about=gate.name, subject=subject, expires=ends, text=reason)
        )
    return found


def not_held(at: Desk) -> list[Finding]:
    """The gates that did not pass, as the run is now."""
    return [gate for gate in at.account.standing().gates if gate.verdict != PASS]


def incident(at: Desk, name: str, role: str | None, severity: str, what: str) -> list[Statement]:
    """A report of an incident; none where this person reported the very same and nobody answered yet."""
    for each in at.account.incidents:
        said = each.reported.statement
        if each.answer is None and (said.person, said.about, said.text) == (name, severity, what):
            return []
    return [at.draft("incident", name, at.role(name, role), about=severity, text=what)]


def answer(at: Desk, name: str, role: str | None, of: int, how: str) -> list[Statement]:
    """An answer to the incident of entry `of`; none where it was answered."""
    known = {each.reported.entry: each for each in at.account.incidents}
    if of not in known:
        places = ", ".join(map(str, known)) or "none"
        raise LedgerError(f"entry {of} reports no incident; incidents are in entries: {places}")
    if known[of].answer is not None:
        return []
    who, leaf = at.role(name, role, at.listed.listing.rules.answer), at.account.leaf(of)
    return [at.draft("answer", name, who, of=of, subject=leaf, text=how)]


def forgettings(at: Desk, name: str, role: str | None, entries: Sequence[int]) -> list[Statement]:
    """Signatures of requests to forget a person, by the entries that hold them."""
    who = at.role(name, role, at.listed.listing.rules.forget)
    return [at.draft("forget", name, who, of=entry, subject=at.account.leaf(entry)) for entry in entries]


def signed_by(drafts: Sequence[Statement], key: Key) -> list[Signed]:
    """The statements, signed with a key."""
    return [sign_statement(each, key) for each in drafts]


def enter(run: Path, signed: Sequence[Signed]) -> list[Entry]:
    """Enter signed statements in the ledger of the run, one by one; those that stand there are passed over.

    Raises LedgerError where the run is not ours to record, and with every reason why a statement cannot
    stand; what was entered before it is kept.
    """
    made = []
    with recording(run) as recorder:
        at = desk(run).account
        log = list(at.log)
        at.log = log
        for each in signed:
            if any(said.statement == each.said() for said in at.said):
                continue
            wrong = at.objections(each)
            if each.said().act == "release":
                wrong += [*missing(at, now()), *(text for _, text in at.faults)]
                if at.listed is not None and each.said().subject != at.subject("release"):
                    wrong.append("it is signed for another state of the run")
            if wrong:
                raise LedgerError(f"{each.said().words}: it cannot be entered: {'; '.join(wrong)}")
            entry = recorder.append(SIGNED, note=each.note())
            log.append(leaf_hash(entry_line(entry)))
            at.take(entry)
            made.append(entry)
    return made
