"""Recorder: the one way in which a run's ledger grows."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.step import Artifact, Note
from duecare.core.wire import decode, encode, plain
from duecare.ledger.anchor import step_back
from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.claims import contradictions
from duecare.ledger.digest import bytes_digest, value_digest
from duecare.ledger.durable import sync_folder, sync_tree
from duecare.ledger.entry import Entry, Happened
from duecare.ledger.layout import (
    ARTIFACTS,
    ATTESTATIONS,
    HEAD,
    LEDGER,
    LOCK,
    LOG,
    REPORT,
    RESUME,
    SCRATCH,
    folder_name,
    is_run_id,
)
from duecare.ledger.lock import Lock
from duecare.ledger.log import Log, create_log, entry_line, open_log, parse_line
from duecare.ledger.manifest import check, manifest_digest, seal
from duecare.ledger.sign import Head, Key

_AGAIN = (REPORT, ATTESTATIONS)
_FILLED_IN = ("index", "run", "actor", "time", "previous")


class Recorder:
    """Opens the run folder `run` for writing, alone, and puts right what a crash left.

    A run that is not there is begun (with `run_id`, or a random one). `key` signs, `actor` is who runs
    it, `clock` gives the time with its zone. `last_head`, where known, is the head last seen of this run:
    a run that went backwards since is refused. Use it as a context manager, or call `close`.

    On opening, bytes after the last acknowledged entry are cut and artifact folders without an entry are
    moved back to scratch, each with a `repair` entry. Raises LedgerError where entries were lost or
    changed, another process writes, or another key signed.
    """

    def __init__(
        self,
        run: Path,
        key: Key,
        actor: str,
        clock: Callable[[], datetime],
        *,
        run_id: str | None = None,
        last_head: Head | None = None,
    ) -> None:
        self._run, self._actor, self._clock = run, actor, clock
        self._guard = threading.RLock()  # steps may tell from callback threads
        folder = run / LEDGER
        with _as_ledger_error(f"{run} cannot be made"):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(folder / LOCK)
        try:
            with _as_ledger_error(f"{run} cannot be opened"):
                self._log, lines, tail = self._open(folder, key, run_id)
        except BaseException:
            self._lock.release()
            raise
        try:
            if last_head is not None:
                _refuse_step_back(last_head, self._log.head, lines)
            self._entries = [parse_line(line) for line in lines]
            self._known = {digest for entry in self._entries for digest in entry.outputs.values()}
            with _as_ledger_error(f"{run} cannot be put right"):
                self._repair(tail)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every acknowledged entry, oldest first."""
        return tuple(self._entries)

    @property
    def head(self) -> Head:
        """The signed head over all acknowledged entries."""
        return self._log.head

    def append(self, happened: Happened, **fields: Any) -> Entry:
        """Add one entry; when this returns it is durable and signed. Fields as in `Entry`.

        Index, run, actor, time and previous are filled in, and settings_digest where settings are given.
        Raises LedgerError for an entry that `verify` would object to. `run.finished` removes scratch/.
        """
        return self.append_many([{"happened": happened, **fields}])[0]

    def append_many(self, records: Iterable[Mapping[str, Any]]) -> list[Entry]:
        """Add several entries with one write and one signature; all are acknowledged, or none."""
        with self._guard:
            known = set(self._known)
            added: list[Entry] = []
            lines: list[bytes] = []
            for record in records:
                previous = leaf_hash(lines[-1]).hex() if lines else self._log.previous
                entry, line = self._entry(record, len(self._entries) + len(added), previous)
                self._refuse_unverifiable(entry, known)
                known.update(entry.outputs.values())
                added.append(entry)
                lines.append(line)
            if not lines:
                return []
            if any(entry.happened == "run.finished" for entry in added):
                shutil.rmtree(self._run / SCRATCH, ignore_errors=True)
            self._log.append(lines, added[-1].time)
            self._entries += added
            self._known = known
            return added

    def finished(self, step_key: str) -> Entry | None:
        """The latest `step.finished` entry with this key whose results are still on the disk, unchanged.

        Every file of the artifact is hashed again.
        """
        for entry in reversed(self._entries):
            if (
                entry.happened == "step.finished"
                and entry.step_key == step_key
                and not any(check(self._run / path, digest) for path, digest in entry.outputs.items())
            ):
                return entry
        return None

    def publish(self, scratch: Path, job: str, step_key: str) -> Artifact:
        """Seal `scratch` and move it to artifacts/<job>-<key8>; record it with outputs {path: digest}.

        `.resume` and empty folders are removed first. Until the entry is appended the artifact counts
        for nothing: a crash in between moves it back. Where the folder is taken by a recorded result that
        is still whole, an equal one is used as it is and a different one goes beside it (<name>.2); a
        damaged one is replaced, with a note.
        """
        return self._publish(scratch, job, f"{ARTIFACTS}/{folder_name(job, step_key)}")

    def publish_report(self, scratch: Path) -> Artifact:
        """Seal `scratch` and make it the run's report/; record it with outputs {"report": digest}."""
        return self._publish(scratch, REPORT, REPORT)

    def publish_attestations(self, scratch: Path) -> Artifact:
        """The same for the run's attestations/, with outputs {"attestations": digest}."""
        return self._publish(scratch, ATTESTATIONS, ATTESTATIONS)

    def close(self) -> None:
        """Give up the lock. Nothing is pending: what was acknowledged is on the disk."""
        self._log.close()
        self._lock.release()

    def _open(self, folder: Path, key: Key, run_id: str | None) -> tuple[Log, list[bytes], bytes]:
        if run_id is not None and not is_run_id(run_id):
            raise LedgerError(f"run_id {run_id!r} is not 8 to 64 lower-case hex digits")
        if os.path.lexists(folder / HEAD):
            log, lines, tail = open_log(folder, key)
            if run_id is not None and log.head.run != run_id:
                log.close()
                raise LedgerError(f"{self._run} holds run {log.head.run}, not {run_id}")
            return log, lines, tail
        if os.path.lexists(folder / LOG) or any((self._run / ARTIFACTS).glob("*")):
            raise LedgerError(f"{self._run} lost its {LEDGER}/{HEAD}: restore it from a copy")
        return create_log(folder, key, run_id or secrets.token_hex(16), self._now()), [], b""

    def _now(self) -> str:
        now = self._clock()
        if now.tzinfo is None:
            raise LedgerError("the clock gave a time without its zone")
        return now.astimezone(UTC).isoformat(timespec="microseconds")

    def _entry(self, record: Mapping[str, Any], index: int, previous: str) -> tuple[Entry, bytes]:
        """The entry as it will be read back (tuples become lists), and its line."""
        if clash := sorted(set(_FILLED_IN) & record.keys()):
            raise LedgerError(f"entry: {', '.join(clash)} cannot be given, the recorder fills it in")
        try:
            fields = {name: plain(value) for name, value in record.items()}
            if fields.get("settings") or fields["happened"] == "step.finished":
                settings = fields["settings"] = decode(encode(fields.get("settings", {})), dict)
                fields.setdefault("settings_digest", value_digest(settings))
            own = dict(
                zip(_FILLED_IN, (index, self._log.head.run, self._actor, self._now(), previous), strict=True)
            )
            line = entry_line(msgspec.convert(own | fields, Entry))
            return parse_line(line), line
        except (DuecareError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise LedgerError(f"entry cannot be written: {error}") from error

    def _refuse_unverifiable(self, entry: Entry, known: set[str]) -> None:
        problems = contradictions(entry, known)
        for path, digest in entry.outputs.items() if not problems else ():
            if manifest_digest(self._run / path) != digest:
                problems.append(f"output {path!r} on the disk has another digest")
        if problems:
            raise LedgerError(f"entry {entry.happened} ({entry.job or 'no job'}): " + "; ".join(problems))

    def _publish(self, scratch: Path, job: str, path: str) -> Artifact:
        with self._guard, _as_ledger_error(f"{job} cannot be published"):
            _remove(scratch / RESUME)
            _prune(scratch)
            digest = seal(scratch)
            sync_tree(scratch)
            path = path if path in _AGAIN else self._place(path, digest)
            target = self._run / path
            if os.path.lexists(target):
                if path not in _AGAIN and self._is_whole(path):
                    _remove(scratch)
                    return Artifact(job=job, path=target, digest=digest)
                self._make_room(path)
            target.parent.mkdir(exist_ok=True)
            os.rename(scratch, target)
            sync_folder(target.parent)
            sync_folder(self._run)
            return Artifact(job=job, path=target, digest=digest)

    def _place(self, path: str, digest: str) -> str:
        """`path`, or path.2, path.3, ...: the first that is free, damaged, or holds just this result."""
        place, number = path, 2
        while self._is_whole(place) and manifest_digest(self._run / place) != digest:
            place, number = f"{path}.{number}", number + 1
        return place

    def _is_whole(self, path: str) -> bool:
        """Whether an entry records this folder and it is still as its latest entry says."""
        recorded = [entry.outputs[path] for entry in self._entries if path in entry.outputs]
        return bool(recorded) and not check(self._run / path, recorded[-1])

    def _make_room(self, path: str) -> None:
        """Remove a damaged result, or the report before; the record keeps the digest it had."""
        if path not in _AGAIN:  # these are made anew whenever somebody asks
            self._note("replaced", "A damaged result was made again.", path)
        _remove(self._run / path)

    def _repair(self, tail: bytes) -> None:
        """Note what a crash left, then put it right: a crash in between notes it again, and loses no note."""
        if tail:
            data = {"bytes": str(len(tail)), "sha256": bytes_digest(tail)}
            text = "Bytes after the last acknowledged entry were cut: an append was interrupted."
            self.append("repair", note=Note(topic="cut", text=text, data=data))
        recorded = {path for entry in self._entries for path in entry.outputs}
        for name in sorted(path.name for path in (self._run / ARTIFACTS).glob("*")):
            if f"{ARTIFACTS}/{name}" in recorded:
                continue
            text = "A result without entry went back to scratch: the step was interrupted at its end."
            self._note("unrecorded", text, f"{ARTIFACTS}/{name}")
            (self._run / SCRATCH).mkdir(exist_ok=True)
            os.rename(self._run / ARTIFACTS / name, _free(self._run / SCRATCH / name))

    def _note(self, topic: str, text: str, path: str) -> None:
        try:
            digest = manifest_digest(self._run / path)
        except LedgerError:
            digest = "not sealed"
        data = {"path": path.encode("utf-8", "backslashreplace").decode(), "digest": digest}
        self.append("repair", note=Note(topic=topic, text=text, data=data))


@contextmanager
def _as_ledger_error(what: str) -> Iterator[None]:
    """An operating system's refusal, said as what could not be done."""
    try:
        yield
    except OSError as error:
        raise LedgerError(f"{what} ({error.strerror})") from error


def _refuse_step_back(known: Head, head: Head, lines: list[bytes]) -> None:
    problem = step_back(known, head)
    if problem is None and tree_root(map(leaf_hash, lines[: known.size])) != known.root:
        problem = f"rewritten: its first {known.size} entries are not those last seen"
    if problem:
        raise LedgerError(f"run {head.run}: {problem}; restore the run from a copy")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Remove empty folders below `folder`, which a manifest could not hold."""
    for parent, _, _ in os.walk(folder, topdown=False):
        if parent != str(folder) and not os.listdir(parent):
            os.rmdir(parent)


def _free(path: Path) -> Path:
    """`path`, or the first of path.2, path.3, ... that is not taken."""
    number, free = 2, path
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.name}.{number}"), number + 1
    return free
