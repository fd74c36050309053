"""Where the randomness of private training comes from: one secret of the operating system per run.

Whoever knows the noise can take it off, and whoever knows who was drawn has no amplification by sampling
to face: both must stay secret, so neither comes from a study's seed. Everything is derived from 32 bytes of
`os.urandom` by HMAC-SHA256. They are kept beside the checkpoints for as long as the run is unfinished,
readable by its owner only, so that a killed run goes on with the same noise: other noise on gradients that
were noised before would be a second look at them. When the run is done they are gone. So two private runs
of one study differ.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from duecare.core import DataError

BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """32 bytes that nobody may learn; never shown, never in a ledger or an artifact."""

    key: bytes

    @staticmethod
    def fresh() -> Secret:
        """A new one from the operating system."""
        return Secret(os.urandom(BYTES))

    def derived(self, purpose: str, step: int) -> bytes:
        """32 bytes for one purpose at one step."""
        return hmac.new(self.key, f"{purpose}\0{step}".encode(), hashlib.sha256).digest()

    def noise_key(self, step: int) -> npt.NDArray[np.uint32]:
        """Key of JAX's threefry generator for the noise of training step `step`: uint32 [2]."""
        return np.frombuffer(self.derived("noise", step), dtype="<u4")[:2].astype(np.uint32)

    def draws(self, purpose: str, step: int, count: int) -> npt.NDArray[np.uint64]:
        """`count` uniform 64-bit numbers (the key stream of ChaCha20; RFC 8439): uint64 [count]."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

        stream = Cipher(algorithms.ChaCha20(self.derived(purpose, step), bytes(16)), mode=None).encryptor()
        return np.frombuffer(stream.update(bytes(8 * count)), dtype="<u8").astype(np.uint64)


def kept_secret(path: Path, *, begun: bool) -> Secret:
    """The secret at `path`, made where the run has not `begun` yet; only its owner can read the file.

    Raises DataError where a begun run has lost its secret: it cannot go on, it must start again.
    """
    if path.exists():
        key = path.read_bytes()
        if len(key) == BYTES:
            return Secret(key)
    if begun:
        raise DataError(f"{path.name}: expected {BYTES} bytes, the secret that this run began with")
    path.unlink(missing_ok=True)
    secret = Secret.fresh()
    torn = path.with_name(path.name + ".part")
    torn.unlink(missing_ok=True)
    handle = os.open(torn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secret.key)
        file.flush()
        os.fsync(file.fileno())
    torn.replace(path)
    return secret
