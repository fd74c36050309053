"""The key that signs weights: ECDSA on P-256, for that is what verifiers of OpenSSF Model Signing take.

It lies beside the Ed25519 key of this machine. Alone it proves nothing: whose it is says the ledger, in the
entry that names its public half, under the head that the Ed25519 key signs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from duecare.core.errors import LedgerError
from duecare.ledger.sign import create_key_file, read_private

WEIGHTS_FILE: Final = "weights.pem"
_SHA256 = hashes.SHA256()


class WeightsKey:
    """A private P-256 key; its `repr` shows the public half only.

    `public` is the public key as PEM (SubjectPublicKeyInfo), the form in which verifiers take it.
    """

    __slots__ = ("_private", "public")

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def __repr__(self) -> str:
        return f"WeightsKey(public={hint(self.public)!r})"

    def sign(self, message: bytes) -> bytes:
        """The signature (DER) of a message: the same each time (RFC 6979) where OpenSSL knows how."""
        try:
            return self._private.sign(message, ec.ECDSA(_SHA256, deterministic_signing=True))
        except UnsupportedAlgorithm:
            return self._private.sign(message, ec.ECDSA(_SHA256))


def hint(public: bytes) -> str:
    """How a public key (PEM) is named in a signature: SHA-256 of the PEM, in hex."""
    return hashlib.sha256(public).hexdigest()


def signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature (DER) is that of the public P-256 key (PEM) over the message."""
    try:
        key = serialization.load_pem_public_key(public)
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            return False
        key.verify(signature, message, ec.ECDSA(_SHA256))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def load_or_create_weights_key(folder: Path) -> WeightsKey:
    """The key of `folder` that signs weights, made on first use (file 0600).

    Raises LedgerError where others may read the key or replace it, or the file holds no such key.
    """
    path = folder / WEIGHTS_FILE
    create_key_file(path, lambda: ec.generate_private_key(ec.SECP256R1()))
    private = read_private(path)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise LedgerError(f"{path} holds a key of another kind; expected ECDSA on P-256")
    return WeightsKey(private)
