"""Invented values in place of real ones: the same for the same value, never a real one.

A surrogate is chosen by an HMAC of the normalised value under the study's secret, so that one person
stays one person through a study and nobody without the secret can test a guess. What is written comes from
ranges that are reserved for examples or never given out, and from names that are nobody's: see
`detect.invented`, by which a detector knows them again. A value that is already such a surrogate is left
as it is, so redacting twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from duecare.detect import checks, national
from duecare.detect.invented import BACKS, ENDINGS, FRONTS, SCRIPTS, STEMS, STREETS, stands_for_nobody
from duecare.detect.registers import REGISTERS
from duecare.vault import home, row_key, secret

Reading = Literal["feminine", "masculine", "neutral"]
"""How a given name reads; "neutral" where nothing is known."""

_CHECKED: Mapping[str, Callable[[str], bool]] = {
    "CARD": lambda shown: checks.luhn(national.plain(shown)),
    "NHS": national.nhs,
    "SIN": national.sin,
    "CPF": national.cpf,
    "TFN": national.tfn,
    "IMEI": national.imei,
    "ACCOUNT": national.routing,
}
"""Kinds whose surrogate could pass the check digit by chance: its last digit is moved until it does not."""
_NUMBERS = frozenset(
    (*_CHECKED, *REGISTERS,
     "ITIN", "EIN", "NINO", "STEUER_ID", "INSEE", "DNI", "CODICE_FISCALE", "AADHAAR", "PAN", "ABN",
     "MEDICARE", "TAX_ID", "HEALTH_ID", "PASSPORT", "LICENCE", "PLATE", "VIN")
)  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_SPACING = re.compile(r"[\s.\-()]+")
_ZEROS = 5
"""Zeros that a surrogate number begins with: no such number is given out under any of the kinds."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """What to write in place of a value of a kind, under one key."""

    key: bytes

    @classmethod
    def of_study(cls, study: str) -> StandIn:
        """Under the destroyable secret of a study."""
        return cls(secret(home(), secret_name(study)))

    def within(self, row: str) -> StandIn:
        """For one conversation alone: its surrogates say nothing about those of another."""
        return StandIn(bytes.fromhex(row_key(self.key, f"conversation\0{row}".encode())))

    def __call__(self, label: str, value: str) -> str:
        """The surrogate of `value`; a tag for kinds that have none."""
        if stands_for_nobody(label, value):
            return value
        drawn = self.drawn(label, value)
        if label == "PERSON":
            return f"{given_name(drawn, 'neutral')} {surname(drawn)}"
        if label in ("EMAIL", "USER_NAME"):
            local = f"{given_name(drawn, 'neutral')}.{surname(drawn)}{drawn // 10**9 % 10_000:04d}".lower()
            return f"{local}@example.com" if label == "EMAIL" else local
        writer = _WRITERS.get(label) or (_number if label in _NUMBERS else None)
        return _failing(label, writer(value, drawn)) if writer is not None else f"[{label}]"

    def drawn(self, label: str, value: str) -> int:
        """A number that hangs on the key, the kind and the value, however it is spaced and capitalised."""
        return _drawn(self.key, label, value)


@lru_cache(maxsize=1 << 14)
def _drawn(key: bytes, label: str, value: str) -> int:
    normal = _SPACING.sub(" ", value).casefold().strip()
    return int(row_key(key, f"{label}\0{normal}".encode()), 16)


def secret_name(study: str) -> str:
    """The name of a study's secret: its letters, digits and . _ -, others as -."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", study).lstrip("._-")[:100] or "study"


def given_name(drawn: int, reading: Reading, script: str = "") -> str:
    """An invented given name that reads as asked; in another script one that reads as anybody's."""
    if script in SCRIPTS:
        return SCRIPTS[script][0][drawn % len(SCRIPTS[script][0])]
    endings = ENDINGS[reading]
    return STEMS[drawn % len(STEMS)] + endings[drawn // 25 % len(endings)]


def surname(drawn: int, script: str = "") -> str:
    """An invented surname."""
    if script in SCRIPTS:
        return SCRIPTS[script][1][drawn // 100 % len(SCRIPTS[script][1])]
    return FRONTS[drawn // 100 % len(FRONTS)] + BACKS[drawn // 2500 % len(BACKS)]


def _number(value: str, drawn: int) -> str:
    """Zeros, then drawn digits, in the groups of `value`; codes with letters begin with two X."""
    digits = sum(sign.isdigit() for sign in value)
    if any(sign.isalpha() for sign in value) or digits <= _ZEROS + 3:
        return _code(value, drawn)
    return _spread(value, f"{'0' * _ZEROS}{drawn % 10 ** (digits - _ZEROS):0{digits - _ZEROS}d}")


def _code(value: str, drawn: int) -> str:
    """Of a kind whose numbers have no length of their own."""
    return f"{'X' * 2 * any(sign.isalpha() for sign in value)}{'0' * _ZEROS}{drawn % 10**7:07d}"


def _spread(value: str, digits: str) -> str:
    """`value` with its digits replaced by `digits`, one by one."""
    fresh = iter(digits)
    return "".join(next(fresh) if sign.isdigit() else sign for sign in value)


def _card(value: str, drawn: int) -> str:
    plain = f"{'0' * 8}{drawn % 10**8:08d}"
    mark = next((sign for sign in value if sign in " -"), "")
    return mark.join(plain[place : place + 4] for place in range(0, 16, 4))


def _ssn(value: str, drawn: int) -> str:
    mark = next((sign for sign in value if sign in " -"), "-")
    return f"000{mark}{drawn % 100:02d}{mark}{drawn // 100 % 10_000:04d}"


def _iban(value: str, drawn: int) -> str:
    return f"XX{'0' * 8}{drawn % 10**10:010d}"


def _phone(value: str, drawn: int) -> str:
    """In the way of writing of `value`: a North American number for fiction, or one of Ofcom's for drama."""
    if value.startswith("+44"):
        return f"+44 7700 900{drawn % 1000:03d}"
    if value.startswith("0") and not value.startswith("00"):
        return f"07700 900{drawn % 1000:03d}"
    area, line = f"{drawn % 7 + 2}9{drawn // 7 % 10}", f"01{drawn // 70 % 100:02d}"
    opened = "+1 " if value.startswith(("+", "00", "(+")) else ""
    if "(" in value and not opened:
        return f"({area}) 555-{line}"
    mark = "." if "." in value else " " if opened else "-"
    return f"{opened}{area}{mark}555{mark}{line}"


def _ip(value: str, drawn: int) -> str:
    if ":" in value:
        return f"2001:db8::{drawn % 65536:x}:{drawn // 65536 % 65535 + 1:x}"
    return f"{('192.0.2', '198.51.100', '203.0.113')[drawn % 3]}.{drawn // 3 % 254 + 1}"


def _mac(value: str, drawn: int) -> str:
    mark = "-" if "-" in value else ":"
    return mark.join(["00", "00", "5E", "00", "53", f"{drawn % 256:02X}"])


def _address(value: str, drawn: int) -> str:
    return f"{drawn % 9998 + 1} {STREETS[drawn // 9998 % len(STREETS)]}"


def _birth(value: str, drawn: int) -> str:
    """A day of the nineteenth century, in the way of writing of `value`."""
    day, month, year = drawn % 12 + 1, drawn // 12 % 12 + 1, 1830 + drawn // 144 % 60
    mark = next((sign for sign in value if sign in "-/."), "-")
    if re.match(r"\d{4}\D", value):
        return f"{year}{mark}{month:02d}{mark}{day:02d}"
    if re.fullmatch(r"[\d./-]+", value):
        return f"{day:02d}{mark}{month:02d}{mark}{year}"
    name = _MONTHS[month - 1]
    return f"{day} {name} {year}" if value[0].isdigit() else f"{name} {day}, {year}"


_WRITERS: Mapping[str, Callable[[str, int], str]] = {
    **dict.fromkeys(("ACCOUNT", "TAX_ID", "HEALTH_ID", "PASSPORT", "LICENCE"), _code),
    "CARD": _card,
    "SSN": _ssn,
    "IBAN": _iban,
    "PHONE": _phone,
    "IP": _ip,
    "MAC": _mac,
    "ADDRESS": _address,
    "DATE_OF_BIRTH": _birth,
}


def _failing(label: str, written: str) -> str:
    """`written`, its last digit moved on until it fails the check digit of its kind."""
    check = _CHECKED.get(label)
    while check is not None and check(written):
        written = f"{written[:-1]}{(int(written[-1]) + 1) % 10}"
    return written
