"""Who has to sign that a person is forgotten, and of which requests on record nobody did.

A request is entered first (`forget-asked`), with all that it comes to; whoever may by the rules signs that
entry, and only then are keys destroyed. Where nobody on the list has such a role, nobody has to sign.
"""

from __future__ import annotations

from dataclasses import dataclass

from duecare.core.finding import INSUFFICIENT, Finding
from duecare.ledger.duties import Account
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import ASKED, BEGUN
from duecare.ledger.inspect_log import fail, hold
from duecare.ledger.people import Listing

NAME = "people.forgotten"
_LIMIT = "whoever may by the rules signed that a person is forgotten"
_SIGN = "Whoever may signs it: `duecare forget RUN --resume --as NAME`."


@dataclass(frozen=True, slots=True)
class Owed:
    """A request of entry `entry` that nobody signed; `begun` says that keys were destroyed all the same."""

    entry: int
    roles: tuple[str, ...]
    begun: bool

    @property
    def text(self) -> str:
        """In words."""
        who = " or ".join(self.roles)
        if self.begun:
            return f"entry {self.entry} destroyed keys, and nobody signed that as {who}"
        return f"the request to forget of entry {self.entry} waits for the signature of a person as {who}"


def signing_roles(listing: Listing) -> tuple[str, ...]:
    """The roles of the rules that somebody on the list has: one of these has to sign."""
    held = {role for person in listing.people.values() for role in person.roles}
    return tuple(role for role in listing.rules.forget if role in held)


def is_signed(account: Account, entry: Entry) -> bool:
    """Whether somebody signed this request: the entry itself, or another that holds just the same."""
    signed = {said.statement.of for said in account.said if said.statement.act == "forget"}
    told = [each.note.data for each in account.forgetting if each.note and each.index in signed]
    return entry.note is not None and entry.note.data in told


def owed(account: Account) -> list[Owed]:
    """Every request that nobody signed and somebody has to, by the list that held when it was entered."""
    ended = [each.note.data for each in account.forgetting if each.note and each.note.topic == BEGUN]
    found = []
    for entry in account.forgetting:
        roles = account.forgetters.get(entry.index, ())
        asked = entry.note is not None and entry.note.topic == ASKED
        if not roles or is_signed(account, entry) or (asked and entry.note and entry.note.data in ended):
            continue
        found.append(Owed(entry.index, roles, not asked))
    return found


def inspect_forgetting(account: Account) -> list[Finding]:
    """What verification says: a fault where keys went unsigned, work to do where a request waits."""
    if not any(account.forgetters.values()):
        return []
    found = []
    for each in owed(account):
        detail = f"{each.text[:1].upper()}{each.text[1:]}."
        made = fail(NAME, _LIMIT, detail, _SIGN)
        found.append(
            made
            if each.begun
            else Finding(name=made.name, verdict=INSUFFICIENT, limit=_LIMIT, detail=detail, next=_SIGN)
        )
    return found or [hold(NAME, _LIMIT, f"{len(account.forgetting)} entries about it are signed.")]
