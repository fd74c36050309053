"""DSSE v1: an envelope around a document, signed so that its type is signed with it.

The protocol is that of https://github.com/secure-systems-lab/dsse (v1.0.0): what a key signs is the
pre-authentication encoding (PAE) of type and content, which cannot be taken for another document or type.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Final

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.sign import Key, holds

IN_TOTO: Final = "application/vnd.in-toto+json"
"""The type of every document that is signed here."""


class Signature(Noun, frozen=True, kw_only=True):
    """A signature (base64) and whose it says it is: `keyid` is the public key in hex, and not signed."""

    sig: str
    keyid: str = ""


class Envelope(Noun, frozen=True, kw_only=True, rename="camel"):
    """A document (base64) of some type, and the signatures over both."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]

    def content(self) -> bytes:
        """The document. Raises LedgerError where it is not in base64."""
        return unbase64(self.payload)

    def message(self) -> bytes:
        """What its signatures cover."""
        return pae(self.payload_type, self.content())


def pae(kind: str, content: bytes) -> bytes:
    """The pre-authentication encoding: lengths in bytes, in decimal, before type and content."""
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(content), content)


def sealed_by(content: bytes, keys: Sequence[Key]) -> Envelope:
    """A document of in-toto in an envelope that each of these Ed25519 keys signs."""
    message = pae(IN_TOTO, content)
    signatures = [Signature(keyid=key.public, sig=to_base64(key.sign_envelope(message))) for key in keys]
    return Envelope(payload=to_base64(content), payload_type=IN_TOTO, signatures=tuple(signatures))


def signed_with(content: bytes, sign: Callable[[bytes], bytes]) -> Envelope:
    """A document of in-toto in an envelope that one key signs which the envelope does not name."""
    signature = Signature(sig=to_base64(sign(pae(IN_TOTO, content))))
    return Envelope(payload=to_base64(content), payload_type=IN_TOTO, signatures=(signature,))


def signers(envelope: Envelope) -> tuple[str, ...]:
    """The Ed25519 keys (hex) that signed. Raises LedgerError where one of the signatures does not hold, or
    there is none."""
    message = envelope.message()
    for each in envelope.signatures:
        if not holds(each.keyid, unbase64(each.sig).hex(), message):
            raise LedgerError(f"a signature does not hold for the key that it names ({each.keyid[:16]})")
    if not envelope.signatures:
        raise LedgerError("nobody signed it")
    return tuple(each.keyid for each in envelope.signatures)


def write_line(envelope: Envelope) -> bytes:
    """The bytes of a file of one attestation (*.intoto.jsonl): one envelope on one line."""
    return encode(envelope) + b"\n"


def read_line(data: bytes) -> Envelope:
    """The envelope in such a file. Raises LedgerError where it is malformed."""
    try:
        found = decode(data, Envelope)
        found.message()
    except (DuecareError, ValueError, RecursionError) as error:
        raise LedgerError("it is no signed attestation (DSSE)") from error
    if found.payload_type != IN_TOTO or write_line(found) != data:
        raise LedgerError("the attestation is of another type, or not in the form in which it is written")
    return found


def to_base64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode("ascii")


def unbase64(text: str) -> bytes:
    """The bytes of standard base64 in its one spelling. Raises LedgerError for any other text."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LedgerError("what should be base64 is not") from error
    if to_base64(found) != text:
        raise LedgerError("base64 that is spelled in another way")
    return found
