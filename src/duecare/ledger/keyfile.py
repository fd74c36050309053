"""A person's signing key in a file that only a passphrase opens.

The key is sealed with AES-256-GCM under a key that Argon2id (RFC 9106) derives from the passphrase, so that
guessing costs memory as well as time. Name and public key stand beside it in plain, and are sealed against
change. Nothing here keeps or prints a passphrase.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final, Literal

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.durable import read_regular, sync_folder
from duecare.ledger.sign import Key

FOLDER: Final = "people"
"""Keys of people lie in <home>/people, one file a person."""
SHORTEST = 12
MEMORY_KIB, PASSES, LANES = 65_536, 3, 4
"""The second recommended choice of RFC 9106, section 4: 64 MiB and three passes."""
_MOST_KIB, _MOST_PASSES, _MOST_LANES = 1_048_576, 16, 16
_SALT, _NONCE = 16, 12


class KeyFile(Noun, frozen=True, kw_only=True):
    """What stands in the file: whose key, its public half, how the passphrase is stretched, and the sealed
    private half (all bytes in hex)."""

    duecare: Literal["person's key"] = "person's key"
    name: str
    public: str
    kdf: Literal["argon2id"] = "argon2id"
    memory_kib: int
    passes: int
    lanes: int
    salt: str
    nonce: str
    sealed: str

    def bound(self) -> bytes:
        """What is not secret and must not be changed."""
        return encode([self.duecare, self.name, self.public, self.kdf, *self.cost, self.salt])

    @property
    def cost(self) -> tuple[int, int, int]:
        """Memory (KiB), passes and lanes."""
        return self.memory_kib, self.passes, self.lanes


def make_key(path: Path, name: str, passphrase: str) -> str:
    """Make a key for `name`, sealed with the passphrase, at `path`, where nothing may be; its public half.

    Raises LedgerError for a passphrase under 12 characters, and where a file is there already.
    """
    if len(passphrase) < SHORTEST or len(set(passphrase)) < 5:
        raise LedgerError(f"a passphrase has at least {SHORTEST} characters, and not one over and over")
    private = Ed25519PrivateKey.generate()
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    public = private.public_key().public_bytes_raw().hex()
    plain = {"memory_kib": MEMORY_KIB, "passes": PASSES, "lanes": LANES, "salt": salt.hex()}
    empty = KeyFile(name=name, public=public, nonce=nonce.hex(), sealed="", **plain)  # type: ignore[arg-type]  # numbers and text, by name
    sealed = _cipher(empty, passphrase).encrypt(nonce, private.private_bytes_raw(), empty.bound())
    made = KeyFile(name=name, public=public, nonce=nonce.hex(), sealed=sealed.hex(), **plain)  # type: ignore[arg-type]  # numbers and text, by name
    _write_new(path, encode(made) + b"\n")
    return public


def read_key(path: Path) -> KeyFile:
    """What a key file says in plain. Raises LedgerError where it is none, or others may read it."""
    data = read_regular(path)
    if os.name != "nt" and path.stat().st_mode & 0o077:  # Windows keeps rights in access lists
        raise LedgerError(f"key {path} is open to others (mode {stat.S_IMODE(path.stat().st_mode):04o})")
    try:
        found = decode(data, KeyFile)
        raw = [bytes.fromhex(each) for each in (found.salt, found.nonce, found.sealed, found.public)]
    except (DuecareError, ValueError, RecursionError) as error:
        raise LedgerError(f"{path.name} is no key file of a person") from error
    bounds = zip(found.cost, (8, 1, 1), (_MOST_KIB, _MOST_PASSES, _MOST_LANES), strict=True)
    sound = all(low <= each <= high for each, low, high in bounds) and found.memory_kib >= 8 * found.lanes
    if not sound or [len(each) for each in raw] != [_SALT, _NONCE, 48, 32]:
        raise LedgerError(f"{path.name} is no key file of a person: a length or a cost is out of bounds")
    return found


def open_key(path: Path, passphrase: str) -> Key:
    """The key of a file. Raises LedgerError where the passphrase is another, or the file was changed."""
    found = read_key(path)
    try:
        cipher, nonce = _cipher(found, passphrase), bytes.fromhex(found.nonce)
        raw = cipher.decrypt(nonce, bytes.fromhex(found.sealed), found.bound())
    except InvalidTag as error:
        raise LedgerError(
            f"{path.name} does not open: another passphrase, or the file was changed"
        ) from error
    key = Key(Ed25519PrivateKey.from_private_bytes(raw))
    if key.public != found.public:
        raise LedgerError(f"{path.name} holds another key than the public one that it names")
    return key


def _cipher(file: KeyFile, passphrase: str) -> AESGCM:
    memory, passes, lanes = file.cost
    try:
        kdf = Argon2id(
            salt=bytes.fromhex(file.salt), length=32, iterations=passes, lanes=lanes, memory_cost=memory
        )
    except UnsupportedAlgorithm as error:
        raise LedgerError(
            "keys of people need OpenSSL 3.2 or newer behind the package cryptography"
        ) from error
    return AESGCM(kdf.derive(passphrase.encode("utf-8", "surrogatepass")))


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there: whole or not at all, and never over another."""
    pending = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(pending, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise LedgerError(f"{path} is there already: a key is never replaced") from error
    except OSError as error:
        raise LedgerError(f"no key can be made at {path} ({error.strerror})") from error
    finally:
        pending.unlink(missing_ok=True)
