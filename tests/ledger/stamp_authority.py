"""A time stamping authority for tests: certificates by `cryptography`, answers (RFC 3161) in DER by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

WHEN = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def number(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    body = bytes([40 * first + second])
    for each in rest:
        digits = [each & 0x7F]
        while each := each >> 7:
            digits.append(each & 0x7F | 0x80)
        body += bytes(reversed(digits))
    return der(0x06, body)


SHA256_ID = der(0x30, oid("2.16.840.1.101.3.4.2.1"))
ECDSA_SHA256 = der(0x30, oid("1.2.840.10045.4.3.2"))
TST_INFO, SIGNED_DATA = oid("1.2.840.113549.1.9.16.1.4"), oid("1.2.840.113549.1.7.2")


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A root and a certificate for time stamping under it; `stamp` answers a request."""

    def __init__(self, name: str = "Stamps", *, may_stamp: bool = True) -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self._certificate(f"{name} root", f"{name} root", self._root_key, None)
        usage = ExtendedKeyUsageOID.TIME_STAMPING if may_stamp else ExtendedKeyUsageOID.CODE_SIGNING
        self.leaf = self._certificate(name, f"{name} root", self._key, x509.ExtendedKeyUsage([usage]))

    @property
    def pem(self) -> bytes:
        return self.root.public_bytes(Encoding.PEM)

    def _certificate(
        self, name: str, issuer: str, key: ec.EllipticCurvePrivateKey, usage: x509.ExtendedKeyUsage | None
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(WHEN - timedelta(days=900))
            .not_valid_after(WHEN + timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        )
        if usage is not None:
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._root_key, SHA256())

    def stamp(self, request: bytes, when: datetime = WHEN) -> bytes:
        """The answer to a request (TimeStampReq, DER), at that time."""
        token = der(0x30, SIGNED_DATA, der(0xA0, self._signed(self._info(imprint_of(request), when))))
        return der(0x30, der(0x30, number(0)), token)

    def _info(self, imprint: bytes, when: datetime) -> bytes:
        time = der(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())
        return der(0x30, number(1), oid("1.2.3.4.1"), imprint, number(7), time)

    def _signed(self, info: bytes) -> bytes:
        attributes = sorted(
            [
                attribute("1.2.840.113549.1.9.3", TST_INFO),
                attribute("1.2.840.113549.1.9.4", der(0x04, hashlib.sha256(info).digest())),
                attribute("1.2.840.113549.1.9.16.2.47", self._own()),
            ],
            key=lambda each: (len(each), each),
        )
        signature = self._key.sign(der(0x31, *attributes), ec.ECDSA(SHA256()))
        issuer = der(0x30, self.leaf.issuer.public_bytes(), number(self.leaf.serial_number))
        signer = der(
            0x30,
            number(1),
            issuer,
            SHA256_ID,
            der(0xA0, *attributes),
            ECDSA_SHA256,
            der(0x04, signature),
        )
        content = der(0x30, TST_INFO, der(0xA0, der(0x04, info)))
        known = der(0xA0, self.leaf.public_bytes(Encoding.DER))
        return der(0x30, number(3), der(0x31, SHA256_ID), content, known, der(0x31, signer))

    def _own(self) -> bytes:
        """signingCertificateV2 (RFC 5816): which certificate signs."""
        digest = hashlib.sha256(self.leaf.public_bytes(Encoding.DER)).digest()
        return der(0x30, der(0x30, der(0x30, der(0x04, digest))))


def attribute(name: str, value: bytes) -> bytes:
    return der(0x30, oid(name), der(0x31, value))


def imprint_of(request: bytes) -> bytes:
    """The messageImprint of a request: what follows its version."""

    def element(data: bytes, at: int) -> tuple[int, int]:
        """Where the content of the element at a place begins and ends."""
        length, begin = data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
        return begin, begin + length

    inside, _ = element(request, 0)
    _, after_version = element(request, inside)
    _, end = element(request, after_version)
    return request[after_version:end]
