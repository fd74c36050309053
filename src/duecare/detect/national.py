"""Check digits of numbers that states give to people and firms, each after its published rule.

Every check takes the number as it stands in a text, with its spaces, dots and dashes, and says whether it
can have been issued. Where the last signs are check digits, a changed digit is refused.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Sequence

_D5 = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
"""Multiplication in the dihedral group of the pentagon (Verhoeff 1969)."""
_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""The permutation that is applied once more at each place further left."""

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_OMOCODIA = str.maketrans("LMNPQRSTUV", "0123456789")
_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14,
         16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip
"""Italian tax code: what a sign counts at an odd place (decree of 23 December 1976)."""
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_VIN_VALUE = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_EIN_NEVER = frozenset({"00", "07", "08", "09", "17", "18", "19", "28", "29", "49", "69", "70", "78", "79", "89",
                        "96", "97"})  # fmt: skip


def plain(text: str) -> str:
    """Letters and digits of `text` alone, in capitals."""
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def _digits(text: str, length: int) -> list[int] | None:
    """The digits of `text` where it holds `length` of them, not all alike, and no letter."""
    shown = plain(text)
    if len(shown) != length or not (shown.isascii() and shown.isdigit()) or len(set(shown)) == 1:
        return None
    return [int(digit) for digit in shown]


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def verhoeff(digits: Sequence[int]) -> bool:
    """Whether the last of `digits` is the check digit of Verhoeff's scheme."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        turned = digit
        for _ in range(place % 8):
            turned = _TURN[turned]
        check = _D5[check][turned]
    return check == 0


def itin(text: str) -> bool:
    """US taxpayer number: 9xx, and a fourth and fifth digit from the ranges the IRS issues."""
    digits = _digits(text, 9)
    if digits is None or digits[0] != 9:
        return False
    group = digits[3] * 10 + digits[4]
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def ein(text: str) -> bool:
    """US employer number: nine digits with a prefix that an IRS campus gives out (it has no check digit)."""
    return _digits(text, 9) is not None and plain(text)[:2] not in _EIN_NEVER


def nino(text: str) -> bool:
    """UK national insurance number: letters that are used, six digits, a suffix A to D."""
    return _NINO.fullmatch(plain(text)) is not None


def nhs(text: str) -> bool:
    """English NHS number: ten digits, the last by modulus 11."""
    digits = _digits(text, 10)
    if digits is None:
        return False
    check = -_weighted(digits, range(10, 1, -1)) % 11
    return check != 10 and check == digits[9]


def sin(text: str) -> bool:
    """Canadian social insurance number: nine digits, the last by Luhn; 8 begins numbers of firms."""
    digits = _digits(text, 9)
    return digits is not None and digits[0] != 8 and _luhn(digits)


def _luhn(digits: Sequence[int]) -> bool:
    doubled = [digit * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def steuer_id(text: str) -> bool:
    """German tax number of a person: eleven digits, one of the first ten twice or thrice, ISO 7064 mod 11,10."""
    digits = _digits(text, 11)
    if digits is None or digits[0] == 0:
        return False
    counts = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    if counts[0] not in (2, 3) or (len(counts) > 1 and counts[1] > 1):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[10]


def insee(text: str) -> bool:
    """French social security number: sex, year, month, place, order, and a key of 97 minus the rest."""
    shown = plain(text)
    if not re.fullmatch(r"[1-478]\d{4}(?:\d\d|2A|2B)\d{8}", shown):
        return False
    month = int(shown[3:5])
    if not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    body = shown[:13].replace("2A", "19", 1) if shown[5:7] == "2A" else shown[:13]
    body = body.replace("2B", "18", 1) if shown[5:7] == "2B" else body
    return 97 - int(body) % 97 == int(shown[13:])


def dni(text: str) -> bool:
    """Spanish DNI (eight digits) or NIE (X, Y or Z and seven), the letter by modulus 23."""
    shown = plain(text)
    if not re.fullmatch(r"(?:\d{8}|[XYZ]\d{7})[A-Z]", shown) or len(set(shown[:8])) == 1:
        return False
    number = int(shown[:8].translate(str.maketrans("XYZ", "012")))
    return _DNI_LETTERS[number % 23] == shown[8]


def codice_fiscale(text: str) -> bool:
    """Italian tax code: letters of the name, birth, place, and a letter by weights that differ by place."""
    shown = plain(text)
    digit = "[0-9LMNPQRSTUV]"
    form = rf"[A-Z]{{6}}{digit}{{2}}[ABCDEHLMPRST]{digit}{{2}}[A-Z]{digit}{{3}}[A-Z]"
    if not re.fullmatch(form, shown):
        return False
    day = int(shown[9:11].translate(_OMOCODIA)) % 40
    even = sum(int(sign) if sign.isdigit() else ord(sign) - ord("A") for sign in shown[1:15:2])
    return (
        1 <= day <= 31 and chr(ord("A") + (sum(_ODD[sign] for sign in shown[:15:2]) + even) % 26) == shown[15]
    )


def aadhaar(text: str) -> bool:
    """Indian Aadhaar: twelve digits, the first 2 to 9, the last by Verhoeff."""
    digits = _digits(text, 12)
    return digits is not None and digits[0] > 1 and verhoeff(digits)


def pan(text: str) -> bool:
    """Indian tax number: five letters of which the fourth says what holds it, four digits, a letter."""
    return re.fullmatch(r"[A-Z]{3}[ABCFGHJLPT][A-Z](?!0000)\d{4}[A-Z]", plain(text)) is not None


def cpf(text: str) -> bool:
    """Brazilian CPF: eleven digits, the last two by modulus 11."""
    digits = _digits(text, 11)
    if digits is None:
        return False
    first = _weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(digits, range(11, 1, -1)) * 10 % 11 % 10
    return [first, second] == digits[9:]


def tfn(text: str) -> bool:
    """Australian tax file number: nine digits whose weighted sum 11 divides."""
    digits = _digits(text, 9)
    return digits is not None and _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def abn(text: str) -> bool:
    """Australian business number: eleven digits, less one at the first, weighted, divided by 89."""
    digits = _digits(text, 11)
    if digits is None or digits[0] == 0:
        return False
    return _weighted([digits[0] - 1, *digits[1:]], (10, *range(1, 20, 2))) % 89 == 0


def medicare(text: str) -> bool:
    """Australian Medicare number: 2 to 6, eight digits of which the ninth checks, an issue, perhaps a line."""
    shown = plain(text)
    digits = _digits(shown[:10], 10) if len(shown) in (10, 11) and shown.isdigit() else None
    if digits is None or not 2 <= digits[0] <= 6 or digits[9] == 0:
        return False
    return _weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == digits[8]


def vin(text: str) -> bool:
    """Vehicle identification number with the check digit of North America (49 CFR 565.15)."""
    shown = plain(text)
    if (
        not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", shown)
        or not re.search("[A-Z]", shown)
        or not re.search(r"\d", shown)
    ):
        return False
    total = sum(
        weight * (int(sign) if sign.isdigit() else _VIN_VALUE[sign])
        for sign, weight in zip(shown, _VIN_WEIGHTS, strict=True)
    )
    return "0123456789X"[total % 11] == shown[8]


def routing(text: str) -> bool:
    """US bank routing number: nine digits, weighted 3 7 1, divided by 10; prefixes that are in use."""
    digits = _digits(text, 9)
    if digits is None:
        return False
    prefix = digits[0] * 10 + digits[1]
    used = prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    return used and _weighted(digits, (3, 7, 1) * 3) % 10 == 0


def imei(text: str) -> bool:
    """A mobile device's IMEI: fifteen digits, the last by Luhn (3GPP TS 23.003)."""
    digits = _digits(text, 15)
    return digits is not None and _luhn(digits)
