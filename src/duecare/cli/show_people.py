"""What the commands about people show: keys, the list of a study, and what was signed."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duecare.cli import signing
from duecare.cli.main import OK
from duecare.cli.run import now
from duecare.cli.show import console, run_folder
from duecare.core import LedgerError
from duecare.core.wire import encode
from duecare.ledger import keyfile, sign
from duecare.ledger.durable import read_regular, write_durably
from duecare.ledger.duties import Account, missing
from duecare.ledger.people import Listing, unfit_name
from duecare.ledger.sign import Key
from duecare.ledger.statement import Request, Statement, parse_request, printable, write_request
from duecare.vault import keys

_KEY = ".key"


@dataclass(frozen=True, slots=True)
class By:
    """Who signs (NAME or ROLE/NAME), with which key file and passphrase; or the file for a request."""

    who: str
    key: Path | None = None
    passphrase: Path | None = None
    request: Path | None = None

    @property
    def name(self) -> str:
        """The person's name."""
        return self.who.rpartition("/")[2]

    @property
    def role(self) -> str | None:
        """The role, where one was named."""
        return self.who.rpartition("/")[0] or None

    def opened(self) -> Key:
        """The person's key. Raises LedgerError where it is not here or does not open."""
        path = self.key or _place(self.name)
        if self.key is None and not path.exists():
            raise LedgerError(
                f"the key of {self.name} is not on this machine ({path}): give --key FILE, or let them sign "
                "where it is (--request FILE, `duecare people sign FILE`, `duecare sign RUN --take-in FILE`)"
            )
        return keyfile.open_key(path, passphrase_of(self.passphrase, f"Passphrase of {self.name}"))


def _place(name: str) -> Path:
    """Where the key of a person lies on this machine."""
    if expected := unfit_name(name):
        raise LedgerError(f"{name!r}: expected {expected}")
    return keys.home() / keyfile.FOLDER / f"{name}{_KEY}"


def passphrase_of(path: Path | None, question: str, *, twice: bool = False) -> str:
    """The first line of a file, or what is typed. Raises LedgerError where nobody can be asked."""
    if path is not None:
        lines = read_regular(path).decode("utf-8", "surrogateescape").splitlines()
        return lines[0] if lines else ""
    if not sys.stdin.isatty():
        raise LedgerError("nobody can be asked for a passphrase here: give --passphrase-file FILE")
    said = getpass.getpass(f"{question}: ")
    if twice and getpass.getpass("Once more: ") != said:
        raise LedgerError("these are two different passphrases")
    return said


def show_keygen(name: str, out: Path | None, passphrase: Path | None) -> int:
    """Make a key and say what the study needs of it."""
    own = _place(name)
    path = own if out is None else out
    said = passphrase_of(passphrase, f"A passphrase for {name}", twice=True)
    public = keyfile.make_key(path, name, said)
    to = console()
    to.print(f"Key of {escape(name)}: {escape(str(path))}. Only the passphrase opens it.", soft_wrap=True)
    to.print("In the study, under `people`:")
    to.print(f"  {escape(name)}: {{roles: [...], key: {public}}}", soft_wrap=True)
    return OK


def show_people(given: Path | None, *, as_json: bool) -> int:
    """The list of a run, or the keys on this machine."""
    to = console()
    try:
        folder = run_folder(given)
        at = signing.desk(folder)
    except LedgerError:
        if given is not None:
            raise
        _keys_here(to)
        return OK
    if given is None and at.account.listed is None:  # the latest run is of a study without people
        _keys_here(to)
        return OK
    if as_json:
        to.print(encode(told(at.account)).decode(), markup=False, soft_wrap=True)
        return OK
    _keys_here(to)
    listed = at.listed
    signed = f"signed by an owner in entry {listed.signed}" if listed.signed is not None else "not signed yet"
    to.print(f"[bold]{escape(folder.name)}[/]: the list of entry {listed.entry}, {signed}", soft_wrap=True)
    to.print(_table(at.account, listed.listing))
    for index, fault in at.account.faults:
        to.print(f"[red]entry {index}: {escape(fault)}[/]", soft_wrap=True)
    lacking = missing(at.account, now())
    for text in lacking:
        to.print(f"[yellow]Missing for a release:[/] {escape(text)}", soft_wrap=True)
    if not lacking and not at.account.faults:
        to.print("[green]Nothing is missing for a release.[/]")
    return OK


def told(account: Account) -> dict[str, object]:
    """What the ledger says of people, as plain values."""
    listed = account.listed
    return {
        "list": listed.listing.plain() if listed else None,
        "list_entry": listed.entry if listed else None,
        "list_signed": listed.signed if listed else None,
        "recorded_by": account.recorded_by,
        "signed": [{"entry": each.entry, "statement": each.statement} for each in account.said],
        "faults": [{"entry": index, "says": text} for index, text in account.faults],
        "missing": missing(account, now()),
    }


def _table(account: Account, listing: Listing) -> Table:
    table = Table("who", "roles", "key", "signed", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, person in listing.people.items():
        mine = [each for each in account.said if each.statement.person == name]
        did = [f"{each.statement.words.partition(') ')[2]} (entry {each.entry})" for each in mine]
        runs = "\nruns the jobs" if name == account.recorded_by else ""
        table.add_row(
            escape(name) + runs, ", ".join(person.roles), f"{person.key[:16]}...", escape("\n".join(did))
        )
    return table


def _keys_here(to: Console) -> None:
    own, people = sign.load_or_create(keys.home()), keys.home() / keyfile.FOLDER
    to.print(f"This machine records runs with key {own.public} (`records`).", soft_wrap=True)
    for path in sorted(people.glob(f"*{_KEY}")):
        found = keyfile.read_key(path)
        to.print(f"Key of {escape(found.name)} on this machine: {found.public}", soft_wrap=True)


def show_sign(given: Path, by: By, entry: int, text: str) -> int:
    """Sign one entry."""
    folder = run_folder(given)
    return settled(folder, by, signing.entry_of(signing.desk(folder), by.name, by.role, entry, text))


def show_approve(given: Path, by: By, matters: Sequence[str], text: str) -> int:
    """Approve what waits for this person."""
    folder = run_folder(given)
    return settled(folder, by, signing.approvals(signing.desk(folder), by.name, by.role, matters, text))


def show_waive(given: Path, by: By, gates: Sequence[str], reason: str, days: float) -> int:
    """Waive gates."""
    folder = run_folder(given)
    return settled(folder, by, signing.waivers(signing.desk(folder), by.name, by.role, gates, reason, days))


def show_incident(given: Path, by: By, severity: str, what: str) -> int:
    """Report an incident."""
    folder = run_folder(given)
    return settled(folder, by, signing.incident(signing.desk(folder), by.name, by.role, severity, what))


def show_answer(given: Path, by: By, entry: int, how: str) -> int:
    """Answer an incident."""
    folder = run_folder(given)
    return settled(folder, by, signing.answer(signing.desk(folder), by.name, by.role, entry, how))


def settled(folder: Path, by: By, drafts: Sequence[Statement]) -> int:
    """Sign the drafts and enter them, or write them down for another machine."""
    to = console()
    if not drafts:
        to.print("Nothing to sign: it stands in the ledger as it is now.")
        return OK
    for each in drafts:
        _print_statement(to, each)
    if by.request is not None:
        write_durably(by.request, write_request(Request(statements=tuple(drafts))))
        to.print(
            f"To be signed: {escape(str(by.request))}. `duecare people sign` there, then `duecare sign RUN "
            "--take-in` here.",
            soft_wrap=True,
        )
        return OK
    for entry in signing.enter(folder, signing.signed_by(drafts, by.opened())):
        to.print(f"Signed and entered: entry {entry.index}.")
    return OK


def _print_statement(to: Console, said: Statement) -> None:
    to.print(f"[bold]{escape(said.words)}[/] {escape(said.quoted)}", soft_wrap=True)
    where = f"  run {said.run}, its first {said.size} entries (root {said.root[:16]}...)"
    to.print(escape(printable(where)), soft_wrap=True)


def show_sign_request(
    path: Path, who: str, key: Path | None, passphrase: Path | None, out: Path | None
) -> int:
    """Show what is asked of this person, and sign it."""
    to, by, asked = console(), By(who, key, passphrase), parse_request(read_regular(path))
    mine = [each for each in asked.statements if each.person == by.name and by.role in (None, each.role)]
    if not mine:
        raise LedgerError(f"{path.name} asks nothing of {by.who} that is not signed")
    for each in mine:
        _print_statement(to, each)
    rest = tuple(each for each in asked.statements if each not in mine)
    signed = (*asked.signed, *signing.signed_by(mine, by.opened()))
    write_durably(out or path, write_request(Request(statements=rest, signed=signed)))
    to.print(f"Signed: {escape(str(out or path))}. `duecare sign RUN --take-in` enters it.", soft_wrap=True)
    return OK


def show_take_in(given: Path, path: Path) -> int:
    """Enter what was signed on another machine."""
    to, brought = console(), parse_request(read_regular(path))
    if not brought.signed:
        raise LedgerError(f"{path.name} holds nothing that was signed")
    entered = signing.enter(run_folder(given), brought.signed)
    for entry in entered:
        to.print(f"Entry {entry.index}: {escape(entry.note.text if entry.note else '')}", soft_wrap=True)
    if not entered:
        to.print("Nothing to enter: it stands in the ledger.")
    if brought.statements:
        to.print(f"{len(brought.statements)} statements in {escape(path.name)} are not signed yet.")
    return OK
