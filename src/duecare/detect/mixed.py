"""Codes of letters and digits in one word: its length says which kinds it can be, a check decides."""

from __future__ import annotations

import re
from collections.abc import Callable

from duecare.detect import checks, national, places, registers, wallets
from duecare.detect.context import last_of, word_set, words_before
from duecare.detect.named import named_number
from duecare.detect.spans import Span

_LONGEST = 128
"""Code points of a word that are looked at; no code that we know is longer than 90."""
_CODE = 26
"""Signs of the shortest code that may be written in small letters."""
_TOKEN = re.compile(rf"[A-Za-z0-9]{{1,{_LONGEST}}}")
_IBAN = re.compile(r"[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9_])")
_NINO = re.compile(r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D](?![A-Za-z0-9_])")
_HETU = re.compile(r"\d{6}[-+]\d{3}[A-Z](?![A-Za-z0-9_])")
_RUT = re.compile(r"(?:\d{7,8}|\d\d?\.\d{3}\.\d{3})-[Kk](?![A-Za-z0-9_])")
_DNI = re.compile(r"(?:\d{8}|\d\d\.\d{3}\.\d{3}|[XYZ][- ]?\d{7})[- ]?[A-Z](?![A-Za-z0-9_])")
_CODES = word_set(
    "order model serial part sku item ticket tracking reference case version booking invoice code"
)
_CHECKS: dict[int, tuple[tuple[str, Callable[[str], bool]], ...]] = {
    9: (("NINO", national.nino), ("DNI", national.dni), ("NRIC", registers.nric)),
    10: (("PAN", national.pan),),
    11: (("HETU", registers.hetu),),
    15: (("INSEE", national.insee),),
    16: (("CODICE_FISCALE", national.codice_fiscale),),
    17: (("VIN", national.vin),),
    18: (("CURP", registers.curp), ("RESIDENT_ID", registers.resident_id)),
    **dict.fromkeys((*range(25, 36), 42, 43, 62, 63, 95), (("WALLET", wallets.wallet),)),
}
_CHECKED = frozenset({"CODICE_FISCALE", "WALLET", "VIN", "INSEE", "CURP", "RESIDENT_ID"})
"""Kinds whose check leaves so little to chance that a word such as "order" before them is not asked for."""


def mixed_token(text: str, digit: int, *, plain: bool = False) -> tuple[list[Span], int]:
    """What the word around the digit at `digit` is, and where the search goes on behind it.

    `plain` True says that the text names no numbers and has no houses: then a short word of small letters
    is nothing.
    """
    start = digit
    while start and digit - start < _LONGEST and text[start - 1].isalnum():
        start -= 1
    token = _TOKEN.match(text, start)
    if token is None or token.end() <= digit:  # letters of another script before the digits
        return [], _behind(text, digit)
    end = token.end()
    small = end - start < _CODE and token.group().islower()
    if small and plain and not _begins_iban(token.group()):
        return [], end
    if (start and (text[start - 1].isalnum() or text[start - 1] == "_")) or (
        end < len(text) and (text[end].isalnum() or text[end] == "_")
    ):
        return [], _behind(text, max(end, digit + 1))
    return _whole(text, start, end, token.group()), end


def _behind(text: str, at: int) -> int:
    """The first place from `at` on that no digit of the same word stands at."""
    while at < len(text) and text[at].isalnum():
        at += 1
    return at


def _whole(text: str, start: int, end: int, token: str) -> list[Span]:
    found = list(places.address_at(text, start, end)) if token[:-1].isdigit() else []
    words = words_before(text, start) if end - start >= 4 else []
    found += named_number(text, start, words)
    if token.islower() and len(token) < _CODE and not _begins_iban(token):
        return found
    if (spaced := _spaced(text, start, words)) is not None:
        found.append(spaced)
    for label, check in _CHECKS.get(len(token), ()):
        if (label in _CHECKED or last_of(words, _CODES) < 0) and check(token):
            found.append(Span(start, end, label))
            break
    return found


def _begins_iban(token: str) -> bool:
    """Whether a word can be the begin of an account number: a country and two digits."""
    return len(token) >= 4 and token[2:4].isdigit() and token[:2].upper() in checks.IBAN_LENGTH


def _spaced(text: str, start: int, words: list[str]) -> Span | None:
    """A code whose first word this is, and which goes on behind a space or a dash."""
    if (iban := _IBAN.match(text, start)) is not None:
        end = _shortened(text, start, iban.end())
        if end is not None:
            return Span(start, end, "IBAN")
    for label, form, check in (("NINO", _NINO, national.nino), ("DNI", _DNI, national.dni)):
        if (
            (code := form.match(text, start)) is not None
            and check(code.group())
            and last_of(words, _CODES) < 0
        ):
            return Span(start, code.end(), label)
    return None


def _shortened(text: str, start: int, end: int) -> int | None:
    """The end of the account number that begins at `start`: words behind it are not its part."""
    while end - start >= 15:
        if checks.iban(text[start:end]):
            return end
        end = max(text.rfind(" ", start, end), text.rfind("-", start, end))
    return None


def spaced_code(text: str, start: int, words: list[str]) -> Span | None:
    """A code that begins with two capitals before a space ("AB 12 34 56 C"), for digits from `start` on."""
    begin = start - 3
    if begin < 0 or text[start - 1] != " " or not text[begin : start - 1].isupper():
        return None
    return None if text[begin - 1 : begin].isalnum() else _spaced(text, begin, words)


def dotted_code(text: str, start: int, end: int) -> Span | None:
    """A number that a letter closes behind a dot or a dash: 12.345.678-Z, 131052-308T, 7.654.321-K."""
    if not 7 <= end - start <= 10 or not text[end : end + 2].strip("- ").upper().isalpha():
        return None
    for label, form, check in _CLOSED:
        if (code := form.match(text, start)) is not None and check(code.group()):
            words = words_before(text, start)
            named = label != "RUT" or last_of(words, registers.REGISTERS[label].words) >= 0
            ordered = label != "DNI" and last_of(words, _CODES) >= 0
            return Span(start, code.end(), label) if named and not ordered else None
    return None


_CLOSED: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("DNI", _DNI, national.dni),
    ("HETU", _HETU, registers.hetu),
    ("RUT", _RUT, registers.rut),
)
