"""What the commands about proofs show: checkpoint, witness, prove, bundle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from rich.console import Console
from rich.markup import escape

from duecare.cli.main import FAILED, OK
from duecare.cli.run import now
from duecare.cli.show import console, run_folder
from duecare.cli.terminal import findings_table, size
from duecare.core import FAIL, LedgerError
from duecare.ledger import sign
from duecare.ledger.bundle import entry_proof, verifier, write_bundle
from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.checkpoint import CHECKPOINT, parse_checkpoint, sign_checkpoint, with_lines, witnessed
from duecare.ledger.digest import bytes_digest
from duecare.ledger.durable import PENDING, read_regular, write_durably
from duecare.ledger.inspect_people import about_people
from duecare.ledger.layout import LEDGER
from duecare.ledger.log import read_log
from duecare.ledger.note import SignedNote, parse_key, parse_signature
from duecare.ledger.read import head
from duecare.ledger.stamp import check_stamp, stamp_name, stamp_request, stamped_size
from duecare.ledger.verify import verify
from duecare.ledger.witness import Witness, parse_request, request_for
from duecare.vault import keys

OK_HTTP = 200


def show_checkpoint(
    given: Path | None, *, since: int, out: Path | None, add: Path | None, witnesses: Sequence[str]
) -> int:
    """Sign the head, or take a witness's line; then write the request, where one is asked for."""
    folder = run_folder(given)
    to = console()
    if add is not None:
        _take_line(to, folder, add, witnesses)
    else:
        sign_head(to, folder)
    if out is not None:
        asked = request_for(folder, since)
        write_durably(out, asked.encode())
        to.print(
            f"Request: {escape(str(out))}. The witness runs `duecare witness {escape(out.name)} --key "
            f"{head(folder).key}`; give what it says to `duecare checkpoint --add`.",
            soft_wrap=True,
        )
    return OK


def _stands(folder: Path) -> bool:
    """Whether the checkpoint that lies there is of the head as it is now."""
    path = folder / LEDGER / CHECKPOINT
    return os.path.lexists(path) and parse_checkpoint(read_regular(path))[0].size == head(folder).size


def sign_head(to: Console, folder: Path) -> None:
    """Write the checkpoint of the head, unless the one that stands is of it (and may bear co-signatures)."""
    path, current = folder / LEDGER / CHECKPOINT, head(folder)
    if _stands(folder):
        path.with_name(CHECKPOINT + PENDING).unlink(missing_ok=True)  # left by a call that was killed
        to.print(
            f"The checkpoint of these {current.size} entries stands: {escape(str(path))}", soft_wrap=True
        )
        return
    note = sign_checkpoint(current, sign.load_or_create(keys.home()))
    write_durably(path, note.encode())
    to.print(f"Checkpoint of {current.size} entries: {escape(str(path))}", soft_wrap=True)


def _take_line(to: Console, folder: Path, add: Path, witnesses: Sequence[str]) -> None:
    """Put the lines of a witness's answer under the checkpoint, after looking whether they belong there."""
    path = folder / LEDGER / CHECKPOINT
    _, note = parse_checkpoint(read_regular(path))
    lines = [parse_signature(line) for line in add.read_text("utf-8").splitlines() if line.strip()]
    answer = SignedNote(note.text, tuple(lines))
    for key in map(parse_key, witnesses):
        if witnessed(answer, key) is None:
            raise LedgerError(f"{add.name} holds no line of witness {key.name} under this checkpoint")
        to.print(f"{escape(key.name)} co-signed this checkpoint.")
    if not witnesses:
        to.print("Kept unchecked: with --witness KEY it is checked that the line is that witness's.")
    write_durably(path, with_lines(note, lines).encode())


def certificates(paths: Sequence[Path]) -> list[x509.Certificate]:
    """The certificates in PEM files. Raises LedgerError where one holds none."""
    found = []
    for path in paths:
        try:
            found += x509.load_pem_x509_certificates(read_regular(path))
        except ValueError as error:
            raise LedgerError(f"{path.name} holds no certificate in PEM") from error
    return found


def show_stamp(
    given: Path | None, tsa: str | None, out: Path | None, add: Path | None, roots: Sequence[Path]
) -> int:
    """Ask a time stamping authority, or write down what it is asked, or keep what it answered."""
    folder, to = run_folder(given), console()
    if (tsa is None) + (out is None) + (add is None) != 2:
        raise LedgerError("give one of --tsa URL, --out FILE and --add FILE")
    if out is not None:
        write_durably(out, stamp_request(head(folder)))
        to.print(f"Request: {escape(str(out))} (TimeStampReq). Keep the answer with --add.", soft_wrap=True)
        return OK
    data = _ask(tsa, stamp_request(head(folder))) if tsa is not None else read_regular(add or Path())
    signed, lines, _ = read_log(folder / LEDGER)
    leaves = [leaf_hash(line) for line in lines]
    size_of = stamped_size(data, signed.run, leaves)
    path, about = folder / LEDGER / stamp_name(size_of), (signed.run, size_of, tree_root(leaves[:size_of]))
    trusted = certificates(roots)
    if roots:
        found = check_stamp(data, *about, trusted)
        to.print(f"Stamped: at {found.time.isoformat()} the log had {size_of} entries.", soft_wrap=True)
    else:
        to.print("Kept unchecked: with --root FILE it is checked whose stamp it is.")
    for left in path.parent.glob(f"stamp-*.tsr{PENDING}"):  # of a call that was killed
        left.unlink()
    if _is_earlier(path, data, trusted, about):
        to.print(f"An earlier stamp of them is kept: {escape(str(path))}", soft_wrap=True)
        return OK
    write_durably(path, data)
    to.print(f"Time stamp of {size_of} entries: {escape(str(path))}", soft_wrap=True)
    return OK


def _is_earlier(
    path: Path, data: bytes, roots: Sequence[x509.Certificate], about: tuple[str, int, str]
) -> bool:
    """Whether a stamp that is there is as good as the new one, and no later: it proves more.

    Raises LedgerError where that cannot be said.
    """
    if not os.path.lexists(path) or read_regular(path) == data:
        return False
    if not roots:
        raise LedgerError(f"{path.name} is there already: --root FILE says which of the two is kept")
    try:
        return check_stamp(read_regular(path), *about, roots).time <= check_stamp(data, *about, roots).time
    except LedgerError:
        return False  # it is no stamp that these roots vouch for


def _ask(url: str, request: bytes) -> bytes:
    """An authority's answer. Raises LedgerError where it gives none."""
    import httpx

    kind = {"Content-Type": "application/timestamp-query"}
    try:
        answer = httpx.post(url, content=request, headers=kind, timeout=30.0)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LedgerError(f"the authority could not be asked ({type(error).__name__})") from error
    if answer.status_code != OK_HTTP:
        raise LedgerError(f"the authority answered with status {answer.status_code}")
    return answer.content


def show_witness(request: Path | None, name: str | None, key: str | None, out: Path | None) -> int:
    """Co-sign, or show who this witness is."""
    to = console()
    witness = Witness(keys.home(), name, now)
    if request is None:
        to.print(f"This witness: {escape(witness.key.text())}", soft_wrap=True)
        return OK
    line = witness.cosign(parse_request(request.read_bytes()), key).line()
    if out is not None:
        write_durably(out, f"{line}\n".encode())
        to.print(f"Co-signed: {escape(str(out))}", soft_wrap=True)
    else:
        to.print(escape(line), soft_wrap=True)
    return OK


def show_proof(given: Path, entry: int, out: Path | None) -> int:
    """Write the proof of one entry under the run's checkpoint (signed now, where there is none)."""
    folder, to = run_folder(given), console()
    if not os.path.lexists(folder / LEDGER / CHECKPOINT):
        sign_head(to, folder)
    path = out if out is not None else Path(f"entry-{entry}.tlog-proof")
    write_durably(path, entry_proof(folder, entry))
    to.print(f"Proof of entry {entry}: {escape(str(path))}. verify.py of a bundle checks it.", soft_wrap=True)
    return OK


def show_bundle(given: Path | None, out: Path | None, chosen: Sequence[str], program: Path | None) -> int:
    """Write the bundle of a run in which nothing is wrong, and say how to check it."""
    folder, to = run_folder(given), console()
    found = [each for each in verify(folder) if each.verdict == FAIL and not about_people(each)]
    if found:
        to.print(findings_table(found, f"verify {folder}"))
        to.print("[red]No bundle was written: something in the run is not what was recorded.[/]")
        return FAILED
    _sign_if_ours(to, folder)
    path = out if out is not None else Path(f"{folder.resolve().name}.tar")
    made = write_bundle(folder, path, chosen)
    to.print(f"Bundle: {escape(str(path))}, {made.files} files, {size(made.size)}.", soft_wrap=True)
    to.print(f"Whole in it: {escape(', '.join(made.whole) or 'nothing')}; of the rest, lists of digests.")
    source = verifier()
    if program is not None:
        write_durably(program, source)
        to.print(f"Checking program: {escape(str(program))}", soft_wrap=True)
    to.print(f"SHA-256 of verify.py: {bytes_digest(source)}", soft_wrap=True)
    to.print(f"Tell whoever checks, by another way than the bundle: --key {head(folder).key}", soft_wrap=True)
    return OK


def _sign_if_ours(to: Console, folder: Path) -> None:
    """A checkpoint goes along; where none lies there, it can be made with our own key only."""
    own = keys.home() / sign.KEY_FILE
    ours = own.exists() and sign.load(own).public == head(folder).key
    if ours and not os.path.lexists(folder / LEDGER / CHECKPOINT):
        sign_head(to, folder)
