"""Envelopes and the key of the weights: published vectors, foreign keys, and what is refused."""

from __future__ import annotations

import base64
import os
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from small_run import KEY, OTHER_KEY

from duecare.core.errors import LedgerError
from duecare.ledger.envelope import pae, read_line, sealed_by, signers, write_line
from duecare.ledger.manifest import File
from duecare.ledger.modelsig import check_model, sign_model
from duecare.ledger.outside.p256 import P256_ORDER, p256_holds
from duecare.ledger.sign import load_or_create
from duecare.ledger.weightkey import WEIGHTS_FILE, load_or_create_weights_key, signed

# RFC 6979, appendix A.2.5: P-256 with SHA-256; private key, and signatures of "sample" and "test".
PRIVATE = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_6979 = [
    (
        b"sample",
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        b"test",
        0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
        0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
    ),
]


def pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_the_encoding_is_that_of_the_protocol() -> None:
    """The example of the DSSE protocol, version 1."""
    said = pae("http://example.com/HelloWorld", b"hello world")
    assert said == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()  # lengths are of bytes


@pytest.mark.parametrize(("message", "r", "s"), RFC_6979)
def test_the_vectors_of_rfc_6979(message: bytes, r: int, s: int) -> None:
    public = pem(ec.derive_private_key(PRIVATE, ec.SECP256R1()))
    good = encode_dss_signature(r, s)
    assert p256_holds(public, message, good)
    assert signed(public, good, message)
    assert not p256_holds(public, message + b"\0", good)
    for one, two in ((r, s + P256_ORDER), (r + P256_ORDER, s), (0, s), (r, 0), (s, r)):
        assert not p256_holds(public, message, encode_dss_signature(one, two))
    for other in (good + b"\0", good[:-1], b"\x30\x81" + good[1:], b"", b"\x30\x00"):
        assert not p256_holds(public, message, other)
        assert not signed(public, other, message)
    assert not p256_holds(public.replace(b"\n", b"\r\n"), message, good)


def test_both_say_the_same_of_what_the_library_signs() -> None:
    draw = random.Random(6979)
    for _ in range(12):
        private = ec.derive_private_key(draw.randrange(1, P256_ORDER), ec.SECP256R1())
        message = draw.randbytes(draw.randrange(200))
        signature, public = private.sign(message, ec.ECDSA(hashes.SHA256())), pem(private)
        assert p256_holds(public, message, signature)
        forged = bytearray(signature)
        forged[draw.randrange(8, len(forged))] ^= 1 << draw.randrange(8)
        assert not p256_holds(public, message, bytes(forged))
        assert signed(public, signature, message)
        assert not signed(public, bytes(forged), message)
    other = ec.generate_private_key(ec.SECP384R1())
    signature = other.sign(b"x", ec.ECDSA(hashes.SHA256()))
    assert not p256_holds(pem(other), b"x", signature)
    assert not signed(pem(other), signature, b"x")


def test_the_key_of_weights_is_kept_like_the_other_and_signs_the_same_each_time(tmp_path: Path) -> None:
    made = load_or_create_weights_key(tmp_path / "home")
    assert load_or_create_weights_key(tmp_path / "home").public == made.public
    path = tmp_path / "home" / WEIGHTS_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.sign(b"one") == made.sign(b"one")
    assert decode_dss_signature(made.sign(b"one")) != decode_dss_signature(made.sign(b"two"))
    assert "PRIVATE" not in repr(made)
    path.chmod(0o644)
    with pytest.raises(LedgerError, match="open to others"):
        load_or_create_weights_key(tmp_path / "home")
    load_or_create(tmp_path / "other")
    os.rename(tmp_path / "other" / "signing.pem", tmp_path / "other" / WEIGHTS_FILE)
    with pytest.raises(LedgerError, match="another kind; expected ECDSA"):
        load_or_create_weights_key(tmp_path / "other")


def test_an_envelope_holds_for_the_keys_that_signed_it() -> None:
    line = write_line(sealed_by(b"{}", [KEY, OTHER_KEY]))
    assert signers(read_line(line)) == (KEY.public, OTHER_KEY.public)
    renamed = line.replace(KEY.public.encode(), OTHER_KEY.public.encode())
    with pytest.raises(LedgerError, match="does not hold for the key"):
        signers(read_line(renamed))
    with pytest.raises(LedgerError, match="does not hold for the key"):
        signers(read_line(line.replace(base64.b64encode(b"{}"), base64.b64encode(b"[]"))))
    with pytest.raises(LedgerError, match="nobody signed it"):
        signers(read_line(write_line(sealed_by(b"{}", []))))
    for other in (b"", b"{}\n", line + b"\n", line.replace(b"in-toto", b"in-tata"), line[:-1]):
        with pytest.raises(LedgerError):
            read_line(other)


def test_what_an_envelope_signs_is_no_note_and_no_statement_is_an_envelope() -> None:
    with pytest.raises(LedgerError, match="it is no note"):
        KEY.sign_note(pae("text", b"x").decode())
    with pytest.raises(LedgerError, match="not what an envelope signs"):
        KEY.sign_envelope(b"duecare.statement.v1\n{}")


def test_a_model_is_checked_as_it_is_signed(tmp_path: Path) -> None:
    key = load_or_create_weights_key(tmp_path / "home")
    files = [
        File(path=path, size=1, sha256=f"{number:02x}" * 32)
        for number, path in enumerate(("b.json", "a/two.bin", "a/one.bin", "a.json", ".gitattributes"))
    ]
    data = sign_model("toy", files, key)
    assert check_model(data, "toy", files, key.public) == []
    assert check_model(data, "toy", files[:-1], key.public) == []  # what git keeps for itself
    changed = [*files[:1], File(path="a/two.bin", size=1, sha256="ff" * 32), *files[2:]]
    for others in (files[1:], changed, [*files, File(path="c", size=0, sha256="00" * 32)]):
        assert "of other files" in check_model(data, "toy", others, key.public)[0]
    other = load_or_create_weights_key(tmp_path / "other")
    assert check_model(data, "toy", files, other.public) == ["it names another key than the ledger"]
    assert "no signature of a model" in check_model(b"{}", "toy", files, key.public)[0]
    with pytest.raises(LedgerError, match="without files"):
        sign_model("toy", files[-1:], key)
