"""Bytes that are sealed while they are under way: under a key that lives in memory and goes with its run.

What an engine of others carries about it may put down where it likes: in shared memory that outlives a kill,
in a store that spills to a disk. Sealed, that tells nobody anything once the run is over.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from duecare.core.errors import LedgerError

_NONCE = 12


@dataclass(frozen=True, slots=True)
class Parcels:
    """Seals and opens under one random key (AES-256-GCM, a random nonce for each parcel: NIST SP 800-38D)."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def seal(self, content: bytes, address: str) -> bytes:
        """`content` as a parcel that opens under the same `address` alone."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, content, address.encode())

    def open(self, parcel: bytes, address: str) -> bytes:
        """What was sealed; a LedgerError where the parcel was changed, or is another's."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self.key).decrypt(parcel[:_NONCE], parcel[_NONCE:], address.encode())
        except (InvalidTag, ValueError) as error:
            raise LedgerError(
                f"parcel {address}: was changed under way; expected what was sealed in this run"
            ) from error
