"""The signature of a model's files as `model_signing verify` takes it: OpenSSF Model Signing, v1.0.

A Sigstore bundle (v0.3) around a DSSE envelope around a statement of in-toto: the list of all files with
their SHA-256, and as its subject the SHA-256 over these digests in that order. The key is on P-256. A file
that was changed, added or removed is found; what git keeps for itself, and the signature, are not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from duecare.core.errors import DuecareError, LedgerError
from duecare.core.wire import Noun, decode, encode
from duecare.ledger.attestation import STATEMENT_TYPE
from duecare.ledger.envelope import IN_TOTO, Envelope, signed_with, unbase64
from duecare.ledger.manifest import File
from duecare.ledger.weightkey import WeightsKey, hint, signed

SIGNATURE_FILE: Final = "model.sig"
PREDICATE: Final = "https://model_signing/signature/v1.0"
BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
IGNORED: Final = (".git", ".gitattributes", ".github", ".gitignore", SIGNATURE_FILE)
"""What verifiers leave out, too: the signature may lie in the folder of the model."""


class _Key(Noun, frozen=True, kw_only=True):
    hint: str


class _Material(Noun, frozen=True, kw_only=True, rename="camel"):
    public_key: _Key
    tlog_entries: tuple[()] = ()


class Bundle(Noun, frozen=True, kw_only=True, rename="camel"):
    """A Sigstore bundle for a key of one's own: which key, and the envelope."""

    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"] = BUNDLE_TYPE
    verification_material: _Material
    dsse_envelope: Envelope


def sign_model(name: str, files: Sequence[File], key: WeightsKey) -> bytes:
    """The bytes of model.sig for a model's files (paths relative to its folder)."""
    envelope = signed_with(model_statement(name, files), key.sign)
    material = _Material(public_key=_Key(hint=hint(key.public)))
    return encode(Bundle(verification_material=material, dsse_envelope=envelope)) + b"\n"


def model_statement(name: str, files: Sequence[File]) -> bytes:
    """The list of files that is signed, and the digest of them all. Raises LedgerError for no files."""
    listed = sorted(
        (file for file in files if PurePosixPath(file.path).parts[0] not in IGNORED),
        key=lambda file: PurePosixPath(file.path).parts,
    )
    if not listed:
        raise LedgerError("a model without files cannot be signed")
    whole = hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in listed))
    said: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": whole.hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(IGNORED),
            },
            "resources": [
                {"name": file.path, "algorithm": "sha256", "digest": file.sha256} for file in listed
            ],
        },
    }
    return encode(said)


def check_model(data: bytes, name: str, files: Sequence[File], public: bytes) -> list[str]:
    """Why model.sig is not the signature of these files by the public key (PEM); nothing where it is."""
    try:
        bundle = decode(data, Bundle)
        content, envelope = bundle.dsse_envelope.content(), bundle.dsse_envelope
        signatures = [unbase64(each.sig) for each in envelope.signatures]
    except (DuecareError, ValueError, RecursionError) as error:
        return [f"it is no signature of a model ({type(error).__name__})"]
    problems = []
    if encode(bundle) + b"\n" != data or envelope.payload_type != IN_TOTO or len(signatures) != 1:
        problems.append("it is not in the form in which it is written")
    elif bundle.verification_material.public_key.hint != hint(public):
        problems.append("it names another key than the ledger")
    elif not signed(public, signatures[0], envelope.message()):
        problems.append("the signature does not hold for the key that the ledger names")
    if content != model_statement(name, files):
        problems.append(f"it is of other files: {_other(content, files)}")
    return problems


def _other(content: bytes, files: Sequence[File]) -> str:
    """The first file in which a signed list and a model differ."""
    try:
        listed = {each["name"]: each["digest"] for each in json.loads(content)["predicate"]["resources"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return "its list cannot be read"
    here = {file.path: file.sha256 for file in files}
    differing = sorted(path for path in {*listed, *here} if listed.get(path) != here.get(path))
    return differing[0] if differing else "the same ones under another name"
