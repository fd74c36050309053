"""How a data key is kept: what wraps it, and how it comes back.

A guard turns a data key of 32 bytes into what may lie on a disk, and back. What it needs for that (a
passphrase, a key in a file or in the keyring of the system, a key management service behind a command) never
stands beside what it wraps. `about` says which key it is; a wrapped key that is passed off as another one, or
of which a byte was changed, is refused.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from duecare.core.errors import LedgerError, refuse_unless

PASSPHRASE = "DUECARE_PASSPHRASE"
"""The environment variable that holds the passphrase; where it is not set, the terminal is asked."""
COMMANDS = "DUECARE_KEY_COMMANDS"
"""The environment variable that names the programs which may be asked for keys, with `:` between them."""
LEAST = 12
"""Characters of a passphrase that wraps a new key, at least."""
SIZE = 32
_N, _R, _P = 2**17, 8, 1
"""Cost of scrypt: 128 MiB and about 0.4 s (the recommendation of OWASP's password storage cheat sheet)."""
_MOST_N, _MOST_WRAPPED, _PATIENCE = 2**20, 65_536, 60
_SERVICE = "duecare"

Record = dict[str, str]
"""What lies on the disk of a wrapped key: text by name."""


class Guard(Protocol):
    """Wraps data keys, and gives them back. Raises LedgerError where it cannot."""

    kind: ClassVar[str]

    def wrap(self, key: bytes, about: bytes) -> Record: ...

    def unwrap(self, record: Mapping[str, str], about: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """The key as it is, in a file that nobody but its owner may read."""

    kind: ClassVar[str] = "home"

    def wrap(self, key: bytes, about: bytes) -> Record:
        """See `Guard`."""
        return {"key": _text(key)}

    def unwrap(self, record: Mapping[str, str], about: bytes) -> bytes:
        """See `Guard`."""
        return _bytes(record, "key")


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Wraps with a key that scrypt (RFC 7914) makes of a passphrase."""

    kind: ClassVar[str] = "passphrase"

    def wrap(self, key: bytes, about: bytes) -> Record:
        """See `Guard`."""
        phrase = _phrase(new=True)
        salt = _salts.setdefault(hashlib.sha256(phrase).digest(), secrets.token_bytes(16))
        cost = {"n": str(_N), "r": str(_R), "p": str(_P), "salt": _text(salt)}
        return cost | _locked(_stretched(phrase, salt, _N, _R, _P), key, about)

    def unwrap(self, record: Mapping[str, str], about: bytes) -> bytes:
        """See `Guard`."""
        try:
            n, r, p = (int(record[name]) for name in "nrp")
        except (KeyError, ValueError) as error:
            raise LedgerError("its record is damaged") from error
        if not (2 <= n <= _MOST_N and n & (n - 1) == 0 and 1 <= r <= 16 and 1 <= p <= 16):
            raise LedgerError("its record is damaged: no such cost of scrypt")
        phrase, salt = _phrase(new=False), _bytes(record, "salt")
        try:
            key = _unlocked(_stretched(phrase, salt, n, r, p), record, about)
        except LedgerError:
            _asked.clear()
            raise LedgerError("the passphrase is another one, or its record was changed") from None
        _salts.setdefault(hashlib.sha256(phrase).digest(), salt)
        return key


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Wraps with what a file of at least 32 random bytes holds.

    - file: the path of that file, from the study's folder; nobody but its owner may read it
    """

    file: str
    kind: ClassVar[str] = "file"

    def __post_init__(self) -> None:
        refuse_unless("storage.key", (bool(self.file.strip()), "file", self.file, "the path of a file"))

    def wrap(self, key: bytes, about: bytes) -> Record:
        """See `Guard`."""
        return {"file": self.file} | _locked(self._key(), key, about)

    def unwrap(self, record: Mapping[str, str], about: bytes) -> bytes:
        """See `Guard`."""
        try:
            return _unlocked(self._key(), record, about)
        except LedgerError as error:
            if "key file" in str(error):
                raise
            raise LedgerError("the key file is another one, or its record was changed") from None

    def _key(self) -> bytes:
        name = Path(self.file).name
        try:
            with open(self.file, "rb") as file:
                mode, content = os.fstat(file.fileno()).st_mode, file.read(1_048_577)
        except OSError as error:
            raise LedgerError(f"the key file {name} cannot be read ({error.strerror})") from error
        if os.name != "nt" and mode & 0o077:
            raise LedgerError(
                f"the key file {name} is open to others (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
            )
        if not SIZE <= len(content) <= 1_048_576:
            raise LedgerError(f"the key file {name} has {len(content)} bytes; expected 32 to 1,048,576")
        return _derived(content, b"duecare key file 1")


@dataclass(frozen=True, slots=True)
class Keyring:
    """Wraps with a key that the operating system's keyring keeps (package `keyring`)."""

    kind: ClassVar[str] = "keyring"

    def wrap(self, key: bytes, about: bytes) -> Record:
        """See `Guard`."""
        return _locked(self._key(make=True), key, about)

    def unwrap(self, record: Mapping[str, str], about: bytes) -> bytes:
        """See `Guard`."""
        return _unlocked(self._key(make=False), record, about)

    def _key(self, *, make: bool) -> bytes:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError as error:
            raise LedgerError(
                'the keyring needs the package keyring: pip install "duecare[keyring]"'
            ) from error
        try:
            found = keyring.get_password(_SERVICE, "vault")
            if found is None and make:
                keyring.set_password(_SERVICE, "vault", _text(secrets.token_bytes(SIZE)))
                found = keyring.get_password(_SERVICE, "vault")
        except KeyringError as error:  # its words may name what it keeps
            raise LedgerError(f"the keyring of this system gives no key ({type(error).__name__})") from error
        if found is None:
            raise LedgerError("the keyring of this system does not hold the key of the vault (any more)")
        return _bytes({"key": found}, "key")


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """Lets two commands wrap and unwrap, as a key management service does: its key never comes here.

    The data key (32 bytes) goes to the standard input of `wrap`, whose output is kept; `unwrap` is given that
    and gives the key back. No shell is started, and what they write to standard error is not looked at.
    A study or an envelope may come from somebody else: only what $DUECARE_KEY_COMMANDS names is run.

    - wrap, unwrap: a program and its arguments, one by one
    """

    wrap_with: tuple[str, ...]
    unwrap_with: tuple[str, ...]
    kind: ClassVar[str] = "command"

    def __post_init__(self) -> None:
        refuse_unless(
            "storage.key",
            *(
                (bool(argv) and all(argv), name, list(argv), "a program and its arguments")
                for name, argv in (("wrap", self.wrap_with), ("unwrap", self.unwrap_with))
            ),
        )

    def wrap(self, key: bytes, about: bytes) -> Record:
        """See `Guard`."""
        wrapped = _answer(self.wrap_with, key)
        if key in wrapped:
            raise LedgerError(f"{Path(self.wrap_with[0]).name} gave the key back as it was: it wraps nothing")
        return {"wrapped": _text(wrapped)}

    def unwrap(self, record: Mapping[str, str], about: bytes) -> bytes:
        """See `Guard`."""
        return _answer(self.unwrap_with, _bytes(record, "wrapped"))


def _answer(argv: tuple[str, ...], given: bytes) -> bytes:
    name = Path(argv[0]).name
    if argv[0] not in os.environ.get(COMMANDS, "").split(os.pathsep):
        raise LedgerError(
            f"{name} is to be asked for keys, but a study may come from somebody else; if it is yours, name "
            f"the program as it stands there in {COMMANDS}"
        )
    try:
        done = subprocess.run(  # noqa: S603  # the user's own command: a list, never a shell
            list(argv),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != PASSPHRASE},
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LedgerError(f"{name} gave no answer within {_PATIENCE} seconds") from error
    except OSError as error:
        raise LedgerError(f"{name} cannot be started ({error.strerror})") from error
    if done.returncode != 0:
        raise LedgerError(f"{name} refused (exit code {done.returncode})")
    if not 0 < len(done.stdout) <= _MOST_WRAPPED:
        raise LedgerError(f"{name} answered {len(done.stdout)} bytes; expected 1 to {_MOST_WRAPPED}")
    return done.stdout


_asked: list[bytes] = []
"""The passphrase that the terminal was asked for: once a process."""
_salts: dict[bytes, bytes] = {}
_stretch: dict[bytes, bytes] = {}


def _phrase(*, new: bool) -> bytes:
    given = os.environ.get(PASSPHRASE)
    if given is None and not _asked:
        if not sys.stdin.isatty():
            raise LedgerError(
                f"no passphrase: set {PASSPHRASE}, or call from a terminal, which is then asked"
            )
        typed = getpass.getpass("Passphrase of the vault: ")
        if new and getpass.getpass("Once more: ") != typed:
            raise LedgerError("the passphrases differ")
        _asked.append(_coded(typed))
    phrase = _coded(given) if given is not None else _asked[0]
    if new and len(phrase.decode("utf-8", "replace")) < LEAST:
        _asked.clear()
        raise LedgerError(f"the passphrase is short: expected at least {LEAST} characters")
    return phrase


def _coded(phrase: str) -> bytes:
    """Its bytes, as the terminal or the environment gave them: they need not be UTF-8."""
    return phrase.encode("utf-8", "surrogateescape")


def _stretched(phrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    about = hashlib.sha256(b"%d %d %d " % (n, r, p) + salt + phrase).digest()
    if about not in _stretch:
        _stretch[about] = hashlib.scrypt(
            phrase, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r + 2**20, dklen=SIZE
        )
    return _stretch[about]


def _derived(content: bytes, what: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), SIZE, salt=None, info=what).derive(content)


def _locked(by: bytes, key: bytes, about: bytes) -> Record:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)
    return {"nonce": _text(nonce), "wrapped": _text(AESGCM(by).encrypt(nonce, key, about))}


def _unlocked(by: bytes, record: Mapping[str, str], about: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(by).decrypt(_bytes(record, "nonce"), _bytes(record, "wrapped"), about)
    except (InvalidTag, ValueError) as error:
        raise LedgerError("what wraps it is another key, or its record was changed") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(record: Mapping[str, str], name: str) -> bytes:
    try:
        return base64.b64decode(record[name], validate=True)
    except (KeyError, binascii.Error, TypeError) as error:
        raise LedgerError("its record is damaged") from error
