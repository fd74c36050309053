"""Numbers in a text: every run of digits is looked at once, by its shape and the words before it.

A number's shape ("999-99-9999") says in one look-up which kinds it can be; a check digit, and where the
shape says too little a word before it, decide. Work grows with the length of a text, whatever stands in it:
runs, windows over their groups and contexts are all bounded.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from duecare.detect import checks, national, places
from duecare.detect.context import last_of, word_set, words_after, words_before
from duecare.detect.ipv4 import ipv4_in
from duecare.detect.mixed import dotted_code, mixed_token, spaced_code
from duecare.detect.named import named_number
from duecare.detect.registers import REGISTERS
from duecare.detect.spans import Span
from duecare.detect.telephone import extended, formed, possible, says_which, spoken_of

_RUN = re.compile(r"[0-9]+(?:[-. /()]{1,3}[0-9]+){0,24}")
_GROUP = re.compile(r"[0-9]+")
_MONEY = frozenset("$€£¥₹")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_NINES = str.maketrans("012345678", "999999999")
_LEAST = 9
"""Signs of the shortest number that has a shape or a check digit."""
_WIDEST = 9
"""Groups of digits that make one number at most (a French social security number has seven)."""

_SOCIAL = word_set("ssn social")
_CARD_WORDS = word_set("card visa mastercard amex credit debit discover diners maestro")
_NO_CARD = word_set("order tracking invoice ticket serial isbn imei parcel reference transaction")


class Rule(NamedTuple):
    """A kind of number: its check, and the words of which one must stand before it (empty: none need)."""

    label: str
    check: Callable[[str], bool]
    words: frozenset[str] = frozenset()


_ITIN = Rule("ITIN", national.itin, word_set("itin taxpayer tax irs individual"))
_EIN = Rule("EIN", national.ein, word_set("ein fein employer tin taxpayer tax"))
_SIN = Rule("SIN", national.sin, word_set("sin nas insurance canadian canada"))
_TFN = Rule("TFN", national.tfn, word_set("tfn tax ato"))
_NHS = Rule("NHS", national.nhs, word_set("nhs"))
_ABN = Rule("ABN", national.abn, word_set("abn australian"))
_MEDICARE = Rule("MEDICARE", national.medicare, word_set("medicare"))
_STEUER = Rule(
    "STEUER_ID", national.steuer_id, word_set("steuer steuerid steuernummer identifikationsnummer idnr tin tax german")
)  # fmt: skip
_CPF = Rule("CPF", national.cpf, word_set("cpf cadastro contribuinte brazilian"))
_AADHAAR = Rule("AADHAAR", national.aadhaar, word_set("aadhaar aadhar uidai uid"))
_IMEI = Rule("IMEI", national.imei, word_set("imei device handset"))
_ROUTING = Rule("ACCOUNT", national.routing, word_set("routing aba rtn"))
_INSEE = Rule("INSEE", national.insee)

SHAPES: dict[str, tuple[Rule, ...]] = {
    "999-99-9999": (Rule("ITIN", national.itin),),
    "999 99 9999": (_ITIN,),
    "999999999": (_ITIN, _EIN, _SIN, _TFN, _ROUTING),
    "99-9999999": (_EIN,),
    "999-999-999": (_SIN, _TFN),
    "999 999 999": (_SIN, _TFN),
    "999 999 9999": (_NHS,),
    "999-999-9999": (_NHS,),
    "9999999999": (_NHS, _MEDICARE),
    "99999999999": (_STEUER, _CPF, _ABN, _MEDICARE),
    "99 999 999 999": (_STEUER, _ABN),
    "99 999 999 99 9": (_STEUER,),
    "999.999.999-99": (Rule("CPF", national.cpf),),
    "9999 9999 9999": (_AADHAAR,),
    "9999-9999-9999": (_AADHAAR,),
    "999999999999": (_AADHAAR,),
    "9999 99999 9": (_MEDICARE,),
    "9999 99999 9-9": (_MEDICARE,),
    "9999 99999 9/9": (_MEDICARE,),
    "999999999999999": (_INSEE, _IMEI),
    "9 99 99 99 999 999 99": (_INSEE,),
    "9 99 99 99 999 999": (),
    "99-999999-999999-9": (_IMEI,),
    "99 999999 999999 9": (_IMEI,),
}
"""What a number of this shape can be; card and telephone numbers have too many shapes to be listed."""
for _label, _register in REGISTERS.items():
    for _shape in _register.named:
        SHAPES[_shape] = (*SHAPES.get(_shape, ()), Rule(_label, _register.check, _register.words))
    for _shape in _register.alone:
        SHAPES[_shape] = (*SHAPES.get(_shape, ()), Rule(_label, _register.check))


def find_numbers(text: str, *, housed: bool = True, named: bool = True) -> list[Span]:
    """Every place in `text` that holds a number of one of the kinds; they may overlap.

    `housed` False says that no address can stand in the text, `named` False that no word in it names a number.
    """
    found: list[Span] = []
    at, length, plain = 0, len(text), not (housed or named)
    while (run := _RUN.search(text, at)) is not None:
        start, end = run.span()
        if start and ((before := text[start - 1]) == "_" or before.isalpha()):
            spans, at = mixed_token(text, start, plain=plain)
            found += spans
            continue
        if 7 <= end - start <= 10 and (code := dotted_code(text, start, end)) is not None:
            found.append(code)
            at = code.end
            continue
        after = text[end] if end < length else " "
        if (after == "_" or after.isalpha()) and not _extension(text, start, end):
            last = max(start, *(text.rfind(sign, start, end) + 1 for sign in "-. /()"))
            if last > start:
                end = last
                while not text[end - 1].isdigit():
                    end -= 1
                _number(text, (start, end), found, housed=housed, named=named)
            spans, at = mixed_token(text, last, plain=plain)
            found += spans
            continue
        if end - start < 4:
            if housed:
                found += places.address_at(text, start, end)
        else:
            _number(text, (start, end), found, housed=housed, named=named)
        at = end
    return found


def _number(text: str, run: tuple[int, int], found: list[Span], *, housed: bool, named: bool) -> None:
    """Add what a run of digits holds."""
    start, end = run
    if housed:
        found += places.address_at(text, start if end - start <= 12 else text.rfind(" ", start, end) + 1, end)
    before = text[start - 1] if start else " "
    behind_blank = text[start - 2] if start > 1 and before == " " else before
    short = end - start < (4 if named or behind_blank.isupper() else 7)
    if short or (behind_blank in _MONEY and not named):
        return
    words = words_before(text, start)
    if before == " " and (code := spaced_code(text, start, words)) is not None:
        found.append(code)
        return
    taken = list(ipv4_in(text, start, end)) if text.count(".", start, end) > 2 else []
    if taken:
        found += [Span(*place, "IP") for place in taken]
    if _goes_on(text, end):
        return
    if named:
        found += named_number(text, start, words)
    if behind_blank in _MONEY or end - start < 7 or _stands_for_nobody(text, start, end):
        return
    if text.count(".", start, end) == 3 and checks.ip_address(text[start:end]):
        return
    groups = [group.span() for group in _GROUP.finditer(text, start, end)]
    if taken:
        groups = [each for each in groups if not any(begin <= each[0] < stop for begin, stop in taken)]
    if len(groups) > _WIDEST and sum(end - start for start, end in groups) < 2 * len(groups):
        return  # a list of small numbers
    _windows(text, groups[1:] if before in ".-,=/" else groups, words, found)


def _stands_for_nobody(text: str, start: int, end: int) -> bool:
    """Whether the digits are of those that duecare writes: no part of them is a telephone number either."""
    if text[start] != "0":
        return False
    digits = _NOT_DIGITS.sub("", text[start : start + 12])
    return digits.startswith("00000") or (text[start : start + 4] in ("000-", "000 ") and end - start == 11)


def _extension(text: str, start: int, end: int) -> bool:
    """Whether the letter at `end` begins the extension of a telephone number: "555-867-5309x12"."""
    return end - start >= 7 and text[end] in "xX" and text[end + 1 : end + 2].isdigit()


def _goes_on(text: str, end: int) -> bool:
    """Whether what follows makes the digits part of something else: an amount, a time, a code."""
    after = text[end : end + 2]
    if after[:1] == "-":
        return not words_after(text, end, 1) or not says_which(words_after(text, end, 1)[0])
    return after[:1] in (".", ",", ":") and after[1:].isdigit()


def _windows(text: str, groups: list[tuple[int, int]], words: Sequence[str], found: list[Span]) -> None:
    """Add numbers of a known shape, from left to right, the widest first; telephone numbers in what is left."""
    first, left = 0, 0
    while first < len(groups):
        start = groups[first][0]
        for last in range(min(len(groups), first + _WIDEST) - 1, first - 1, -1):
            end = groups[last][1]
            if end - start >= _LEAST and (label := _shaped(text, start, end, words)) is not None:
                _telephones(text, groups[left:first], words, found)
                found.append(Span(start, end, label))
                left = last + 1
                break
        first = max(first + 1, left)
    _telephones(text, groups[left:], words, found)


def _shaped(text: str, start: int, end: int, words: Sequence[str]) -> str | None:
    """The label of the number [start, end), where its shape and its check say one."""
    shown = text[start:end]
    shape = shown.translate(_NINES)
    if shape in ("999-99-9999", "999 99 9999", "999.99.9999", "999999999") and _ssn(text, start, end, words):
        return "SSN"
    for rule in SHAPES.get(shape, ()):
        if (not rule.words or last_of(words, rule.words) >= 0) and rule.check(shown):
            return rule.label
    if 12 <= shape.count("9") <= 19 and _card(shape, shown, words):
        return "CARD"
    return None


def _card(shape: str, shown: str, words: Sequence[str]) -> bool:
    if set(shape) not in ({"9"}, {"9", " "}, {"9", "-"}, {"9", "."}):
        return False
    named = last_of(words, _CARD_WORDS)
    short = shape.count("9") < 14
    if last_of(words, _NO_CARD) > named or (short and named < 0):
        return False
    return checks.card_number(shown)


def _ssn(text: str, start: int, end: int, words: Sequence[str]) -> bool:
    """Nine digits that are called a social security number, or that have its dashes and can be one.

    A number that is named is personal whether or not it can have been issued: digits get swapped, and
    tax numbers, which begin with 9, are called by that name too.
    """
    shown = text[start:end]
    named = last_of(words, _SOCIAL) >= 0 or bool(_SOCIAL & set(words_after(text, end)))
    return named or (shown.count("-") == 2 and checks.social_security(shown))


def _telephones(text: str, groups: list[tuple[int, int]], words: Sequence[str], found: list[Span]) -> None:
    """Add telephone numbers in groups of digits that nothing else has claimed: a form of its own goes before
    one that only words speak for, the longer before the shorter."""
    if not groups or groups[-1][1] - groups[0][0] < 7:
        return
    spoken = spoken_of(words, words_after(text, groups[-1][1], 1))
    if spoken is None:
        return
    behind = 0
    for start, end, digits in _of_7_to_15(text, groups):
        if start >= behind and formed(text[start:end], digits):
            found.append(Span(start, extended(text, end), "PHONE"))
            behind = end
    if spoken and not behind:
        for start, end, _ in _of_7_to_15(text, groups):
            if start >= behind and possible(text[start:end]):
                found.append(Span(start, extended(text, end), "PHONE"))
                behind = end


def _of_7_to_15(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """(start, end, digits) of every run of groups with 7 to 15 digits, from left to right, the longest first."""
    for first, (begin, _) in enumerate(groups):
        windows, digits = [], 0
        for start, end in groups[first : first + _WIDEST]:
            digits += end - start
            if digits > 15:
                break
            if digits >= 7:
                windows.append((end, digits))
        if windows:
            opened = _opened(text, begin)
            yield from ((opened, end, count) for end, count in reversed(windows))


def _opened(text: str, start: int) -> int:
    """Where a number begins that is written with + or a bracket before its first digit."""
    if start == 0 or text[start - 1] not in "+(":
        return start
    begin = start - (2 if text[start - 2 : start] == "(+" else 1)
    return start if text[max(0, begin - 1) : begin].isalnum() else begin
