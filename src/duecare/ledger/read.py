"""Reading a ledger, for whoever does not write it."""

from __future__ import annotations

from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.ledger.chain import leaf_hash
from duecare.ledger.duties import Account, account
from duecare.ledger.entry import Entry
from duecare.ledger.layout import LEDGER
from duecare.ledger.log import parse_line, read_log
from duecare.ledger.sign import Head


def entries(run: Path) -> list[Entry]:
    """Every acknowledged entry of a run, oldest first; a run that is being written can be read.

    Raises LedgerError where the log is not what its head signs. Artifacts are not looked at: `verify` does.
    """
    _, lines, _ = read_log(run / LEDGER)
    found = []
    for index, line in enumerate(lines):
        try:
            found.append(parse_line(line))
        except LedgerError as error:
            raise LedgerError(f"entry {index}: {error}") from error
    return found


def answering(run: Path) -> tuple[Head, Account]:
    """The signed head of a run, and what its ledger says of the people who answer for it.

    Raises LedgerError where the log is not what its head signs.
    """
    signed, lines, _ = read_log(run / LEDGER)
    leaves = [leaf_hash(line) for line in lines]
    return signed, account([parse_line(line) for line in lines], leaves, signed.run, signed.key)


def head(run: Path) -> Head:
    """The signed head of a run, its signature and root checked."""
    return read_log(run / LEDGER)[0]
