"""Checks that tell a real number from one that merely looks alike."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

_ABROAD = {
    there: english
    for english, forms in {
        "jan": "ene gen", "feb": "fév fev", "mar": "mär", "apr": "avr abr", "may": "mai mag", "jun": "giu",
        "jul": "lug", "aug": "aoû ago", "sep": "set", "oct": "okt ott out", "dec": "dez déc dic",
    }.items()
    for there in forms.split()
}  # fmt: skip
"""How months begin in German, French, Spanish, Italian and Portuguese, where not as in English."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_BIRTH_YEARS = range(1900, 2031)
_RUN_OF_DATE = 8
_CARD_LENGTHS = range(12, 20)
_BRANDS: tuple[tuple[int, int, Sequence[int]], ...] = (
    (4000, 4999, (13, 16, 19)),  # Visa
    (5100, 5599, (16,)),  # Mastercard
    (2221, 2720, (16,)),  # Mastercard
    (3400, 3499, (15,)),  # American Express
    (3700, 3799, (15,)),  # American Express
    (3000, 3059, range(14, 20)),  # Diners Club
    (3095, 3095, range(14, 20)),  # Diners Club
    (3600, 3699, range(14, 20)),  # Diners Club
    (3800, 3999, range(14, 20)),  # Diners Club
    (6011, 6011, range(16, 20)),  # Discover
    (6440, 6599, range(16, 20)),  # Discover
    (3528, 3589, range(16, 20)),  # JCB
    (1800, 1800, (15,)),  # JCB
    (2131, 2131, (15,)),  # JCB
    (6200, 6299, range(14, 20)),  # UnionPay
    (8100, 8171, range(16, 20)),  # UnionPay
    (5000, 5099, range(12, 20)),  # Maestro
    (5600, 5899, range(12, 20)),  # Maestro
    (6000, 6099, range(12, 20)),  # Maestro and RuPay
    (6300, 6399, range(12, 20)),  # Maestro
    (6660, 6799, range(12, 20)),  # Maestro
    (2200, 2204, range(16, 20)),  # Mir
)
"""First four digits from and to, and the lengths that the brand gives to such numbers (ISO/IEC 7812)."""
_HOME = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
IBAN_LENGTH = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC",
        32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Signs of an account number by country (SWIFT's registry of IBAN formats)."""
_LETTER_VALUE = 55
"""ord("A") - 55 = 10: what a letter stands for in an IBAN."""


def luhn(digits: str) -> bool:
    """Whether the last of `digits` is the right check digit (ISO/IEC 7812-1, annex B)."""
    if not (digits.isascii() and digits.isdigit()) or not digits.strip("0"):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def card_number(text: str) -> bool:
    """A payment card's number: a brand's range and length, the check digit right."""
    digits = re.sub(r"\D", "", text)
    if len(digits) not in _CARD_LENGTHS or not luhn(digits):
        return False
    prefix = int(digits[:4])
    return any(low <= prefix <= high and len(digits) in lengths for low, high, lengths in _BRANDS)


def iban(text: str) -> bool:
    """An account number of its country's length whose remainder modulo 97 is 1 (ISO 13616)."""
    plain = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", plain) or len(plain) != IBAN_LENGTH.get(plain[:2]):
        return False
    moved = plain[4:] + plain[:4]
    number = "".join(c if c.isdigit() else str(ord(c) - _LETTER_VALUE) for c in moved)
    return int(number) % 97 == 1


def social_security(text: str) -> bool:
    """A US social security number that can have been issued: no 000, 666 or 9xx, no 00, no 0000."""
    digits = re.sub(r"\D", "", text)
    if len(digits) != 9:
        return False
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def ip_address(text: str) -> bool:
    """An IPv4 or IPv6 address that can single out a connection: not one that every home network uses."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    at_home = any(address in network for network in _HOME if network.version == address.version)
    return not (at_home or address.is_unspecified or address.is_loopback or address.is_link_local)


def mac_address(text: str) -> bool:
    """A device's address of six bytes (EUI-48): none for all, for a group, or kept for documentation."""
    raw = bytes.fromhex(re.sub(r"[:.-]", "", text))
    group, documented = raw[0] & 1, raw[:5] == bytes.fromhex("00005e0053")  # RFC 7042, 2.1.2
    return len(raw) == 6 and not group and not documented and len(set(raw)) > 1


def birth_date(text: str) -> bool:
    """A day that somebody can have been born on: month 1 to 12, a day that month has, a year since 1900.

    "3/4/1990" is good either way round, and so are eight digits in a row; a year of two digits is taken for
    any century.
    """
    if len(text) == _RUN_OF_DATE and text.isdigit():
        first, second, last = int(text[:2]), int(text[2:4]), int(text[4:])
        return (
            _day(last, first, second)
            or _day(last, second, first)
            or _day(int(text[:4]), int(text[4:6]), int(text[6:]))
        )
    named = re.search(
        r"(?!de\b|di\b)[^\W\d_]{3,}", re.sub(r"\d(?:st|nd|rd|th)\b", lambda found: found.group()[0], text)
    )
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if named:
        begins = named.group()[:4].lower().replace("juin", "jun").replace("juil", "jul")[:3]
        return _named_date(_ABROAD.get(begins, begins), numbers)
    if len(numbers) != 3:
        return False
    first, second, third = numbers
    if first > 31:
        return _day(first, second, third)
    return _day(third, first, second) or _day(third, second, first)


def _named_date(month: str, numbers: list[int]) -> bool:
    if month not in _MONTHS or not 1 <= len(numbers) <= 2:
        return False
    year = numbers[1] if len(numbers) == 2 else 2000
    return _day(year, _MONTHS.index(month) + 1, numbers[0])


def _day(year: int, month: int, day: int) -> bool:
    plausible = year in _BIRTH_YEARS or year < 100
    return plausible and 1 <= month <= 12 and 1 <= day <= _LONGEST[month - 1]
