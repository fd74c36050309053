"""ECDSA on P-256 with SHA-256 (FIPS 186-5, section 6.4.2), checked in plain Python.

It only verifies, so nothing here is secret and nothing has to take the same time. A point is (X, Y, Z) with
x = X/Z^2 and y = Y/Z^3; Z = 0 is the point at infinity.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

P256_FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""What comes before the point in a public key (RFC 5480), in its one spelling (DER, uncompressed)."""
PEM_BEGIN, PEM_END = "-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n"


def p256_holds(pem: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (DER) is that of the public key (PEM) over `message`."""
    key, numbers = p256_key(pem), der_pair(signature)
    if key is None or numbers is None:
        return False
    r, s = numbers
    if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, P256_ORDER)
    one = p256_times(digest * inverse % P256_ORDER, P256_BASE)
    x, _, z = p256_sum(one, p256_times(r * inverse % P256_ORDER, key))
    if z == 0:
        return False
    affine = x * pow(z, -2, P256_FIELD) % P256_FIELD
    return affine % P256_ORDER == r


def p256_key(pem: bytes) -> tuple[int, int, int] | None:
    """The point of a public key in PEM; None where it is none on this curve."""
    text = pem.decode("ascii", "replace")
    if not (text.startswith(PEM_BEGIN) and text.endswith(PEM_END)):
        return None
    try:
        raw = base64.b64decode(text[len(PEM_BEGIN) : -len(PEM_END)].replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    point = raw[len(P256_PREFIX) :]
    if not raw.startswith(P256_PREFIX) or len(point) != 65 or point[0] != 4:
        return None
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    if max(x, y) >= P256_FIELD or (y * y - x * x * x + 3 * x - P256_B) % P256_FIELD:
        return None
    return x, y, 1


def der_pair(data: bytes) -> tuple[int, int] | None:
    """The two numbers of a signature; None for any spelling but the one of DER."""
    if len(data) < 8 or data[0] != 0x30 or data[1] != len(data) - 2 or data[1] > 127:
        return None
    numbers, place = [], 2
    for _ in range(2):
        if data[place : place + 1] != b"\x02" or place + 2 > len(data):
            return None
        size = data[place + 1]
        part = data[place + 2 : place + 2 + size]
        if len(part) != size or size == 0 or part[0] > 127:
            return None
        if size > 1 and part[0] == 0 and part[1] < 128:
            return None
        numbers.append(int.from_bytes(part, "big"))
        place += 2 + size
    return (numbers[0], numbers[1]) if place == len(data) else None


def p256_double(point: tuple[int, int, int]) -> tuple[int, int, int]:
    """Twice a point."""
    x, y, z = point
    if z == 0 or y == 0:
        return 1, 1, 0
    square = y * y % P256_FIELD
    s = 4 * x * square % P256_FIELD
    m = 3 * (x - z * z) * (x + z * z) % P256_FIELD
    new = (m * m - 2 * s) % P256_FIELD
    return new, (m * (s - new) - 8 * square * square) % P256_FIELD, 2 * y * z % P256_FIELD


def p256_sum(one: tuple[int, int, int], two: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sum of two points."""
    (x1, y1, z1), (x2, y2, z2) = one, two
    if z1 == 0 or z2 == 0:
        return two if z1 == 0 else one
    u1, u2 = x1 * z2 * z2 % P256_FIELD, x2 * z1 * z1 % P256_FIELD
    s1, s2 = y1 * z2 * z2 * z2 % P256_FIELD, y2 * z1 * z1 * z1 % P256_FIELD
    h, r = (u2 - u1) % P256_FIELD, (s2 - s1) % P256_FIELD
    if h == 0:
        return p256_double(one) if r == 0 else (1, 1, 0)
    cube, v = h * h * h % P256_FIELD, u1 * h * h % P256_FIELD
    x = (r * r - cube - 2 * v) % P256_FIELD
    return x, (r * (v - x) - s1 * cube) % P256_FIELD, z1 * z2 * h % P256_FIELD


def p256_times(scalar: int, point: tuple[int, int, int]) -> tuple[int, int, int]:
    """`scalar` times a point, by doubling and adding."""
    result = (1, 1, 0)
    while scalar:
        if scalar & 1:
            result = p256_sum(result, point)
        point, scalar = p256_double(point), scalar >> 1
    return result
