"""Addresses of cryptocurrencies, told from look-alikes by their checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE = str.maketrans("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz", _BASE58)
"""The same digits in the order in which the XRP ledger writes them."""
_VERSIONS = frozenset({0, 5, 48, 50, 30, 22, 76, 16, 65})
"""First bytes: Bitcoin 0 and 5, Litecoin 48 and 50, Dogecoin 30 and 22, Dash 76 and 16, Tron 65."""
_MONERO = 95
_MONERO_BYTES = (0, 2, 3, 5, 6, 7, 9, 10, 11)
"""Signs of a block of base58 by the bytes it holds, from none to eight."""
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32M = 0x2BC830A3
_MASK = (1 << 64) - 1
_RATE = 136
"""Bytes that Keccak-256 takes in at once."""
_TURNS = (
    (0, 36, 3, 41, 18),
    (1, 44, 10, 45, 2),
    (62, 6, 43, 15, 61),
    (28, 55, 25, 21, 56),
    (27, 20, 39, 8, 14),
)


def wallet(text: str) -> bool:
    """An address with a checksum: base58check (Bitcoin, Litecoin, Dogecoin, Dash, Tron, XRP), bech32 and
    bech32m (Bitcoin, Litecoin), EIP-55 (Ethereum), Monero."""
    if text.startswith("0x"):
        return ethereum(text)
    if text.lower().startswith(("bc1", "ltc1")):
        return bech32(text)
    if len(text) == _MONERO:
        return monero(text)
    return base58check(text) or (text[0] == "r" and base58check(text.translate(_RIPPLE)))


def base58check(text: str) -> bool:
    """An address whose last four bytes are the double SHA-256 of the 21 before, with a version in use."""
    if not 25 <= len(text) <= 35 or any(sign not in _BASE58 for sign in text):
        return False
    number = 0
    for sign in text:
        number = number * 58 + _BASE58.index(sign)
    if number >> 200:
        return False
    raw = number.to_bytes(25, "big")
    zeros = len(text) - len(text.lstrip("1"))
    if raw[0] not in _VERSIONS or zeros != len(raw) - len(raw.lstrip(b"\0")):
        return False
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32(text: str) -> bool:
    """A segregated-witness address of Bitcoin or Litecoin (BIP 173, and BIP 350 from version 1 on)."""
    if text not in (text.lower(), text.upper()):
        return False
    prefix, _, data = text.lower().partition("1")
    if prefix not in ("bc", "ltc") or not 14 <= len(data) <= 74 or any(sign not in _BECH32 for sign in data):
        return False
    values = [_BECH32.index(sign) for sign in data]
    expanded = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    wanted = 1 if values[0] == 0 else _BECH32M
    return values[0] <= 16 and _polymod([*expanded, *values]) == wanted


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, part in enumerate(_GENERATOR):
            check ^= part if (top >> place) & 1 else 0
    return check


def monero(text: str) -> bool:
    """A standard address: 65 bytes and four of Keccak-256, in blocks of eight bytes."""
    if text[0] not in "48" or any(sign not in _BASE58 for sign in text):
        return False
    raw = b""
    for start in range(0, len(text), _MONERO_BYTES[-1]):
        number, block = 0, text[start : start + _MONERO_BYTES[-1]]
        for sign in block:
            number = number * 58 + _BASE58.index(sign)
        size = _MONERO_BYTES.index(len(block))
        if number >> 8 * size:
            return False
        raw += number.to_bytes(size, "big")
    return keccak256(raw[:-4])[:4] == raw[-4:]


def ethereum(text: str) -> bool:
    """0x and forty hexadecimal digits; where capitals and small letters are mixed, as EIP-55 sets them."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text) or len(set(text[2:])) < 4:
        return False
    body = text[2:]
    if body in (body.lower(), body.upper()):
        return True
    digest = keccak256(body.lower().encode()).hex()
    return all(
        not sign.isalpha() or sign.isupper() == (int(deed, 16) >= 8)
        for sign, deed in zip(body, digest, strict=False)
    )


def keccak256(data: bytes) -> bytes:
    """Keccak-256 with the padding that Ethereum uses: the submission of 2011, not SHA3-256 of FIPS 202."""
    padded = data + b"\x01" + b"\0" * (_RATE - 1 - len(data) % _RATE)
    padded = padded[:-1] + bytes([padded[-1] | 0x80])
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        block = padded[start : start + _RATE]
        for place in range(_RATE // 8):
            lanes[place % 5][place // 5] ^= int.from_bytes(block[8 * place : 8 * place + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lanes[place % 5][place // 5].to_bytes(8, "little") for place in range(4))


def _permuted(lanes: list[list[int]]) -> list[list[int]]:
    """Keccak-f[1600]: 24 rounds on five by five lanes of 64 bits."""
    for constant in _constants():
        columns = [row[0] ^ row[1] ^ row[2] ^ row[3] ^ row[4] for row in lanes]
        mixed = [columns[x - 1] ^ _left(columns[(x + 1) % 5], 1) for x in range(5)]
        turned = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                turned[y][(2 * x + 3 * y) % 5] = _left(lanes[x][y] ^ mixed[x], _TURNS[x][y])
        lanes = [
            [turned[x][y] ^ (~turned[(x + 1) % 5][y] & _MASK & turned[(x + 2) % 5][y]) for y in range(5)]
            for x in range(5)
        ]
        lanes[0][0] ^= constant
    return lanes


def _left(lane: int, places: int) -> int:
    return (lane << places | lane >> (64 - places)) & _MASK if places else lane


def _constants() -> Iterator[int]:
    """The 24 round constants, from the shift register that defines them."""
    register = 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant ^= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register >> 7 else 0)
        yield constant
