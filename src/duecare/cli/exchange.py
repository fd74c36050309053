"""Runs to a store and back: pieces by their digests, and one file that says what a run is made of.

What a run is made of is written last. Until then nothing in the store is a run, and a call that was
interrupted is made good by the next one. What comes back is hashed piece by piece, file by file, and verified
as a whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from duecare.core import LedgerError
from duecare.core.errors import DuecareError
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.checkpoint import CHECKPOINT
from duecare.ledger.layout import ARTIFACTS, HEAD, LEDGER, LOG, MANIFEST, REPORT, is_digest, is_run_id
from duecare.ledger.log import read_log
from duecare.ledger.manifest import read_manifest, show, survey
from duecare.ledger.sign import Head
from duecare.ledger.stamp import stamp_size
from duecare.vault.blobs import PIECE, Blobs, pieces

_RUNS = "runs"
_FORMAT = "duecare.stored.v1"


class Stored(Noun, frozen=True, kw_only=True):
    """One file of a run: its path, size and digest, and the pieces that it is made of, in order."""

    path: str
    size: int
    sha256: str
    pieces: tuple[str, ...]


class Listing(Noun, frozen=True, kw_only=True):
    """What a run is made of: every file, and the entries and root of its ledger."""

    run: str
    entries: int
    root: str
    files: tuple[Stored, ...]
    format: str = _FORMAT


@dataclass(slots=True)
class Moved:
    """What a call came to: files, pieces and bytes that had to be moved, and those that were there."""

    run: str
    files: int = 0
    sent: int = 0
    bytes: int = 0
    there: int = 0


def push(run: Path, url: str, tell: Callable[[str], None] = lambda _: None) -> Moved:
    """Bring a run into the store at `url`: ledger, artifacts and report, sealed files as they are.

    The store of human review names people and stays here, and so does work in progress. Raises LedgerError
    where a file is not as its manifest has it, or the store cannot be used.
    """
    blobs = Blobs(url)
    head, _, tail = read_log(run / LEDGER)
    if tail:
        raise LedgerError("the last write to the ledger was interrupted; `duecare run` puts that right")
    moved, files = Moved(head.run), []
    for path, wanted in _files(run):
        tell(show(path))
        stored = _sent(blobs, run / path, path, moved)
        if wanted is not None and stored.sha256 != wanted:
            raise LedgerError(f"{show(path)} is not as its manifest has it; see `duecare verify`")
        files.append(stored)
        moved.files += 1
    _expect_still(run, head)
    listing = Listing(run=head.run, entries=head.size, root=head.root, files=tuple(files))
    blobs.put(f"{_RUNS}/{head.run}/{head.size:010d}-{head.root[:16]}.json", encode(listing) + b"\n")
    return moved


def _files(run: Path) -> Iterator[tuple[str, str | None]]:
    """Every file of a run by path, with the digest that its manifest has for it; the ledger last."""
    folders = [path for path in sorted((run / ARTIFACTS).glob("*")) if path.is_dir()]
    folders += [run / REPORT] if (run / REPORT).is_dir() else []
    for folder in folders:
        listed = {file.path: file.sha256 for file in read_manifest(folder).files}
        names, problems = survey(folder)
        strange = sorted(set(names) ^ set(listed))
        if problems or strange:
            raise LedgerError(f"{folder.name} is not as its manifest has it; see `duecare verify`")
        where = folder.relative_to(run).as_posix()
        for name in names:
            yield f"{where}/{name}", listed[name]
        yield f"{where}/{MANIFEST}", None
    stamps = sorted(path.name for path in (run / LEDGER).iterdir() if stamp_size(path.name) is not None)
    for name in (*stamps, CHECKPOINT, LOG, HEAD):
        if (run / LEDGER / name).is_file():
            yield f"{LEDGER}/{name}", None


def _sent(blobs: Blobs, file: Path, path: str, moved: Moved) -> Stored:
    whole, size, names = hashlib.sha256(), 0, []
    for piece in pieces(file):
        digest, sent = blobs.send(piece)
        whole.update(piece)
        size += len(piece)
        names.append(digest)
        moved.there += not sent
        moved.sent += sent
        moved.bytes += len(piece) if sent else 0
    return Stored(path=path, size=size, sha256=whole.hexdigest(), pieces=tuple(names))


def _expect_still(run: Path, head: Head) -> None:
    now, _, _ = read_log(run / LEDGER)
    if (now.size, now.root) != (head.size, head.root):
        raise LedgerError(
            "the run went on while it was sent; call again, what is in the store is not sent twice"
        )


def runs_at(blobs: Blobs) -> list[str]:
    """The runs that a store holds whole."""
    return [name for name in blobs.names(_RUNS) if is_run_id(name) and blobs.names(f"{_RUNS}/{name}")]


def pull(
    url: str, folder: Path, run: str | None = None, tell: Callable[[str], None] = lambda _: None
) -> Moved:
    """Bring a run from the store at `url` to `folder`; `run` says which, where there are several.

    What is there already with the right bytes is not fetched again. The ledger comes last, so that a call
    that was interrupted has left no run that looks whole. Raises LedgerError where the store holds no such
    run, a piece was changed, or the folder holds something else.
    """
    blobs = Blobs(url)
    listing = _listing(blobs, run)
    _expect_room(folder, listing)
    moved = Moved(listing.run)
    for stored in listing.files:
        tell(show(stored.path))
        _fetched(blobs, stored, folder / stored.path, moved)
        moved.files += 1
    return moved


def whole_run(url: str | Blobs, run: str | None = None) -> str:
    """The run that a store holds, or `run`; LedgerError where it is not there whole, or one of many."""
    blobs = Blobs(url) if isinstance(url, str) else url
    known = runs_at(blobs)
    if run is None and len(known) != 1:
        held = f"the runs {', '.join(known)}; name one with --id" if known else "no run that was sent whole"
        raise LedgerError(f"{blobs.url} holds {held}")
    name = known[0] if run is None else run
    if name not in known:
        raise LedgerError(f"{blobs.url} holds no run {name!a} that was sent whole")
    return name


def _listing(blobs: Blobs, run: str | None) -> Listing:
    name = whole_run(blobs, run)
    latest = blobs.names(f"{_RUNS}/{name}")[-1]
    try:
        listing = decode(blobs.get(f"{_RUNS}/{name}/{latest}"), Listing)
    except DuecareError as error:
        if isinstance(error, LedgerError):
            raise
        raise LedgerError(f"{blobs.url}: what says of which files run {name} is made is malformed") from error
    if listing.format != _FORMAT or listing.run != name or not all(map(_sound, listing.files)):
        raise LedgerError(f"{blobs.url}: what says of which files run {name} is made is malformed")
    return listing


def _sound(stored: Stored) -> bool:
    """Whether a file of a listing leads nowhere but into a run, and can be of its pieces."""
    path = PurePosixPath(stored.path)
    inside = path.parts and path.parts[0] in (ARTIFACTS, REPORT, LEDGER) and path.as_posix() == stored.path
    plain = inside and ".." not in path.parts and not {"\\", "\0"} & set(stored.path)
    whole = 0 <= stored.size <= len(stored.pieces) * PIECE
    return bool(plain) and whole and all(map(is_digest, (stored.sha256, *stored.pieces)))


def _expect_room(folder: Path, listing: Listing) -> None:
    """Refuse a folder in which something else lies than this run, or a part of it."""
    if not folder.exists():
        return
    wanted = {stored.path for stored in listing.files}
    here = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    strange = [
        path for path in here if path.relative_to(folder).as_posix().removesuffix(".part") not in wanted
    ]
    linked = [path for path in (folder, *folder.rglob("*")) if path.is_symlink()]
    if not folder.is_dir() or strange or linked:
        raise LedgerError(
            f"{folder} holds something else; name an empty folder, or one of an interrupted call"
        )


def _fetched(blobs: Blobs, stored: Stored, path: Path, moved: Moved) -> None:
    if path.is_file() and path.stat().st_size == stored.size and _digest(path) == stored.sha256:
        moved.there += len(stored.pieces)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pending, whole = path.with_name(path.name + ".part"), hashlib.sha256()
    with pending.open("wb") as file:
        for name in stored.pieces:
            piece = blobs.fetch(name)
            whole.update(piece)
            file.write(piece)
            moved.sent += 1
            moved.bytes += len(piece)
        file.flush()
        os.fsync(file.fileno())
    if whole.hexdigest() != stored.sha256 or pending.stat().st_size != stored.size:
        pending.unlink()
        raise LedgerError(f"{show(stored.path)}: its pieces do not make the file that was sent")
    os.replace(pending, path)


def _digest(path: Path) -> str:
    from duecare.ledger.digest import file_digest

    return file_digest(path)
