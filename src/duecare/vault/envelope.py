"""Data keys in envelopes: each random, wrapped by a guard, kept apart from what it opens, destroyable.

`$DUECARE_HOME/secrets/NAME.key` holds one, as JSON: which guard wraps it, what that needs, until when it may
be used, and a check value. A key past its date opens nothing more; `duecare forget --expired` destroys it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from duecare.core.errors import LedgerError
from duecare.vault import keys
from duecare.vault.guards import SIZE, Guard, KeyCommand, KeyFile, Keyring, Passphrase, Plain

ENDING = ".key"
_FORMAT = "duecare.key.v1"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How new keys are kept: by which guard, and until when (a day; None: for ever)."""

    guard: Guard
    until: date | None = None


_keeping: ContextVar[Keeping | None] = ContextVar("keeping", default=None)
_known: dict[Path, tuple[bytes, bytes]] = {}
"""Keys of this process, each with the record that it came of: in memory alone."""


@contextmanager
def keeping(how: Keeping | None) -> Iterator[None]:
    """While entered, keys that are made are kept like this; None: as they always were."""
    token = _keeping.set(how)
    try:
        yield
    finally:
        _keeping.reset(token)


def in_force() -> Keeping | None:
    """How keys are kept here and now."""
    return _keeping.get()


def today() -> date:
    """The day by which keys expire."""
    return datetime.now(UTC).date()


def named(*parts: str) -> str:
    """The name of a data key ("data", study, source), fit for a file; a long one ends in a digest."""
    name = ".".join(parts)
    return name if len(name) <= 90 else f"{name[:74]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def data_key(study: str, source: str, what: str = "data") -> str:
    """The name of the secret that seals rows of a source (or what else is made of it): where a way of keeping
    keys is in force a data key of its own, so that it can be destroyed alone; else the study's secret."""
    return study if _keeping.get() is None else named(what, study, source)


def key_id(key: bytes) -> str:
    """16 hex digits by which a key is told from another one of its name, and which tell nothing else."""
    return hmac.digest(key, b"duecare key id 1", "sha256").hex()[:16]


def make(path: Path, name: str, key: bytes | None = None) -> bytes:
    """A new data key (or `key`) in the envelope that is in force, at `path`; of two that try, one wins."""
    how = _keeping.get() or Keeping(Plain())
    keys.write_once(path, _enclosed(how, name, secrets.token_bytes(SIZE) if key is None else key))
    return read(path, name)


def _enclosed(how: Keeping, name: str, key: bytes) -> bytes:
    until = how.until.isoformat() if how.until else ""
    about = _about(name, how.guard.kind, until)
    record = {"format": _FORMAT, "name": name, "kind": how.guard.kind, "until": until, "id": key_id(key)}
    record |= {"check": hmac.digest(key, about, "sha256").hex(), **_also(how.guard)}
    return json.dumps(record | how.guard.wrap(key, about), indent=1).encode() + b"\n"


def renew(folder: Path, study: str) -> None:
    """Put the keys of a study that are kept otherwise than is in force now into new envelopes.

    So a study may change its guard, and its date before that is past. Raises LedgerError as `read` does.
    """
    how = _keeping.get()
    for path in sorted((folder / keys.SECRETS).glob(f"*{ENDING}")) if how else ():
        name = path.name.removesuffix(ENDING)
        if how is None or (name != study and name.split(".")[1:2] != [study]):
            continue
        record = _parsed(keys.read_own(path, f"key {name}", 256 * 1024), name)
        until = how.until.isoformat() if how.until else ""
        if (record["kind"], record["until"]) != (how.guard.kind, until):
            keys.replace_own(path, _enclosed(how, name, read(path, name)))


def id_of(folder: Path, name: str) -> str:
    """The id of a key that is here, without opening its envelope; "" where there is none, or where what lies
    there can be none any more: damaged, or overwritten by a call that was killed before it removed it."""
    path = folder / keys.SECRETS / f"{name}{ENDING}"
    if path.exists():
        data = keys.read_own(path, f"key {name}", 256 * 1024)
        try:
            return _parsed(data, name).get("id", "")
        except LedgerError:
            return ""
    key = keys.held(folder, name)
    return key_id(key) if key is not None else ""


def read(path: Path, name: str) -> bytes:
    """The key in the envelope at `path`.

    Raises LedgerError where its guard does not give it back, it was changed, or its date is past.
    """
    data = keys.read_own(path, f"key {name}", 256 * 1024)
    record = _parsed(data, name)
    if record["until"] and today() > date.fromisoformat(record["until"]):
        raise LedgerError(
            f"key {name} was to be used until {record['until']}: what it opens stays shut, "
            "and `duecare forget --expired` destroys it"
        )
    if path in _known and _known[path][0] == data:
        return _known[path][1]
    about = _about(name, record["kind"], record["until"])
    try:
        key = _guard(record).unwrap(record, about)
    except LedgerError as error:
        raise LedgerError(f"key {name} cannot be opened: {error}") from error
    if len(key) != SIZE or not hmac.compare_digest(hmac.digest(key, about, "sha256").hex(), record["check"]):
        raise LedgerError(f"key {name} cannot be opened: it is another key, or its record was changed")
    _known[path] = data, key
    return key


def let_go(path: Path) -> None:
    """Forget a key that this process knows."""
    _known.pop(path, None)


def _about(name: str, kind: str, until: str) -> bytes:
    return "\0".join((_FORMAT, name, kind, until)).encode()


def _also(guard: Guard) -> dict[str, str]:
    """What a guard needs beside what it wrapped; none of it is secret."""
    return {"unwrap": json.dumps(list(guard.unwrap_with))} if isinstance(guard, KeyCommand) else {}


def _parsed(data: bytes, name: str) -> dict[str, str]:
    try:
        record = {str(key): str(value) for key, value in dict(json.loads(data)).items()}
        if record["format"] != _FORMAT or record["name"] != name or not record["check"]:
            raise ValueError("another format, or another key")
        if record["until"]:
            date.fromisoformat(record["until"])
        record["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"key {name} cannot be opened: its record is damaged") from error
    return record


def _guard(record: Mapping[str, str]) -> Guard:
    """The guard that wrapped a key; the one in force where it is of that kind, for a key file may move."""
    how = _keeping.get()
    if how is not None and how.guard.kind == record["kind"]:
        return how.guard
    kind = record["kind"]
    if kind == KeyFile.kind and record.get("file"):
        return KeyFile(record["file"])
    if kind == KeyCommand.kind:
        try:
            argv = tuple(map(str, json.loads(record["unwrap"])))
        except (KeyError, ValueError, TypeError) as error:
            raise LedgerError("its record is damaged") from error
        return KeyCommand(argv, argv)
    plain: dict[str, Guard] = {each.kind: each for each in (Plain(), Passphrase(), Keyring())}
    if kind not in plain:
        raise LedgerError("its record is damaged")
    return plain[kind]
