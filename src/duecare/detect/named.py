"""Identifiers without a form of their own: what stands right before them says what they are.

"passport number X1234567", "account 5081134670", "licence plate: AB12 CDE". The naming words and nothing
but "number", "is", a colon and the like may stand between.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator, Sequence

from duecare.detect.context import word_set
from duecare.detect.spans import Span

_BEFORE = 64
"""Code points before an identifier that are read for what names it."""
_MARK = r"(?:\ (?:account|number|no\.?|nr\.?|num|id|identifier|card|code|\#))"
_BETWEEN = r"(?:\ (?:is|was|reads|ending\ in|there|here|in\ question))?\s?[:=\#]?\s?\#?$"


def _named(names: str, between: str = "*") -> re.Pattern[str]:
    return re.compile(rf"\b(?:{names}){_MARK}{between}{_BETWEEN}", re.IGNORECASE | re.VERBOSE)


_NAMES: tuple[tuple[str, frozenset[str], re.Pattern[str]], ...] = (
    ("PASSPORT", word_set("passport"), _named("passport")),
    (
        "LICENCE",
        word_set("driver drivers driving license licence dl s"),
        _named(r"driv(?:er'?s?|er’s|ing)\ licen[cs]e|\bdl|\blicen[cs]e(?:\ (?:number|no\.?|\#))"),
    ),
    (
        "PLATE",
        word_set("plate vehicle car"),
        _named(
            r"(?:licen[cs]e|number|registration)\ plate|plate|vehicle\ reg(?:istration)?|car\ reg(?:istration)?"
        ),
    ),
    ("VIN", word_set("vin vehicle chassis"), _named(r"vin|vehicle\ identification|chassis")),
    ("NINO", word_set("national nino"), _named(r"national\ insurance|nino")),
    ("TAX_ID", word_set("tax taxpayer vat"), _named(r"tax(?:payer)?|vat", "+")),
    (
        "HEALTH_ID",
        word_set("mrn medical patient health insurance"),
        _named(r"mrn|medical\ record|(?:patient|health\ (?:card|insurance)|insurance)(?=\ (?:n|id|card|\#))"),
    ),
    (
        "USER_NAME",
        word_set("user userid username login"),
        _named(r"user\ ?(?:id|name)|username|login(?:\ (?:id|name))?"),
    ),
    (
        "ACCOUNT",
        word_set("account acct a c sort iban routing"),
        _named(r"account|acct|a/c|sort\ code|iban|routing"),
    ),
    (
        "ACCOUNT",
        word_set("member membership customer client policy loyalty flyer employee student"),
        _named(r"member(?:ship)?|customer|client|policy|loyalty|frequent\ flyer|employee|student", "+"),
    ),
)
"""Label, the words of which one must be among those before the number, and how they stand there."""
_AMONG = frozenset().union(*(among for _, among, _ in _NAMES))
_VALUE = re.compile(r"[A-Za-z0-9]{1,32}(?:[ -][A-Za-z0-9]{1,16}){0,6}")
_PIECE = re.compile(r"[A-Za-z0-9]+")
_YEAR = re.compile(r"(?:19|20)\d\d")


def named_number(text: str, start: int, words: Sequence[str]) -> Iterator[Span]:
    """The identifier that begins at `start`, where the words before it name one."""
    if _AMONG.isdisjoint(words):
        return
    before = text[max(0, start - _BEFORE) : start]
    for label, among, pattern in _NAMES:
        if not among.isdisjoint(words) and pattern.search(before) is not None:
            end = _value_end(text, start, plate=label == "PLATE")
            if end is not None:
                yield Span(start, end, label, 0.9)
            return


def _value_end(text: str, start: int, *, plate: bool) -> int | None:
    """Where an identifier ends: at least four signs, three of them digits; no year, amount or time."""
    value = _VALUE.match(text, start)
    if value is None:
        return None
    end, seen = start, ""
    for piece in _PIECE.finditer(text, start, value.end()):
        shown = piece.group()
        closing = plate and shown.isupper() and len(shown) <= 3
        opening = not seen and shown.isupper() and len(shown) <= 4
        if not (opening or closing or any(sign.isdigit() for sign in shown)):
            break
        end, seen = piece.end(), seen + shown
    digits = sum(sign.isdigit() for sign in seen)
    if len(seen) < 4 or digits < (2 if plate else 4) or _YEAR.fullmatch(seen):
        return None
    after = text[end : end + 2]
    goes_on = (after[:1] in (".", ",") and after[1:].isdigit()) or after[:1] == "_"
    return None if goes_on else end
