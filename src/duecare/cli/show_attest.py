"""What `duecare attest` shows."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from duecare.cli import signing
from duecare.cli.attesting import attest, put_away
from duecare.cli.main import OK
from duecare.cli.reviewing import recording
from duecare.cli.show import console, run_folder
from duecare.cli.show_people import By
from duecare.core import LedgerError
from duecare.ledger.attestation import MODEL
from duecare.ledger.attested import KEY_FILE, model_files, subject_told, told_by
from duecare.ledger.layout import ATTESTATIONS
from duecare.ledger.modelsig import SIGNATURE_FILE


def show_attest(given: Path | None, model: str | None, by: By | None) -> int:
    """Sign attestations of a run as it is, and say how others check them."""
    folder, to = run_folder(given), console()
    key = None
    if by is not None:
        person, key = signing.desk(folder).person(by.name), by.opened()
        if key.public != person.key:
            raise LedgerError(f"the key is not that of {by.name} on the list of people")
    with recording(folder) as recorder:
        put_away(folder)
        entry, new = attest(folder, recorder, model, [key] if key is not None else [])
        subject = subject_told(folder, recorder.entries, told_by(entry).model)
    place = folder / ATTESTATIONS
    did = "Signed" if new else "These stand"
    to.print(f"{did}: {escape(str(place))} (entry {entry.index}).", soft_wrap=True)
    for path in sorted(place.iterdir()):
        to.print(f"  {escape(path.name)}")
    if model_files(subject):
        to.print("Others check the weights with the program of OpenSSF:", soft_wrap=True)
        to.print(
            f"  model_signing verify key {escape(str(folder / subject.folder / MODEL))} --signature "
            f"{escape(str(place / SIGNATURE_FILE))} --public_key {escape(str(place / KEY_FILE))}",
            soft_wrap=True,
        )
    return OK
