"""Dates of birth and postal addresses."""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator

from duecare.detect import checks
from duecare.detect.spans import Span

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,7}\.?"
_DATE = rf"""(?P<it>\d{{8}} | \d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}} | \d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d\d)
    | \d{{1,2}}(?:st|nd|rd|th)?\ (?:of\ )?{_MONTH}(?:,?\ \d{{4}})?
    | {_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?(?:,?\ \d{{4}})?)(?!\w)"""
_STREET = r"""(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|close|
    crescent|square|sq|parkway|pkwy|highway|hwy|circle|cir|trail|row|grove|gardens|mews|hill|plaza|alley|loop)"""
_PLAIN_NAME = r"[A-ZÀ-ÖØ-Þ0-9][\w'’.-]{0,40}"
_REST = rf"""(?:,?\ (?:apt|apartment|unit|suite|ste|flat|floor|room|\#)\.?\ ?\#?[\w-]{{1,20}})?
    (?:,\ (?-i:{_PLAIN_NAME}(?:\ {_PLAIN_NAME}){{0,2}}))?(?:,?\ (?-i:[A-Z]{{2}})\b)?
    (?:,?\ (?:\d{{5}}(?:-\d{{4}})?|(?-i:[A-Z]{{1,2}}\d[A-Z\d]?\ ?\d[A-Z]{{2}}))\b)?"""
_BORN = re.compile(
    rf"[BbDd](?<!\w.)(?i:(?:(?<=b)orn(?:\ on)?|(?<=d)ate\ of\ birth|(?<=b)irth\s?da(?:te|y)|(?<=d)\.?o\.?b\.?)(?!\w)"
    rf"(?:\ (?:is|was|on|as)){{0,2}}\s?[:=(-]?\s?(?:the\ )?{_DATE})",
    re.VERBOSE,
)
_BORN_ABROAD = re.compile(
    r"""(?<!\w)(?:geboren(?:\ am)?|geburts(?:datum|tag)|n[ée]e?\ le|date\ de\ naissance|nacid[oa]\ el|fecha\ de\ nacimiento
    |nat[oa]\ il|data\ di\ nascita|nascid[oa]\ em|data\ de\ nascimento)(?:\ ist|\ est|\ es|:)?\ (?:d[ae]s?\ |den\ )?
    (?P<it>\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d)|\d{4}-\d\d-\d\d
    |\d{1,2}(?:er|\.)?\ (?:de\ )?[a-zäéû]{3,10}\ (?:de\ )?\d{4})(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
_ABROAD = ("geb", "né", "nee le", "ne le", "naiss", "naci", "nato il", "nata il", "nasci")
"""Of which one stands wherever the pattern above fits."""
_NOUNS = ("of birth", "birthda", "birth da", "dob", "d.o.b", "d.ob", "do.b")
"""Of which one stands behind every date that the pattern below finds."""
_BIRTH_BEHIND = re.compile(
    rf"(?<![\w./-]){_DATE}(?=\s?[(,-]?\s?(?:is\ |as\ )?(?:(?:my|his|her|their)\ )?(?:date\ of\ birth|birth\s?da(?:te|y)|d\.?o\.?b)\b)",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(
    rf"\d{{1,5}}[a-z]?(?:-\d{{1,4}})?\ (?:(?:north|south|east|west|[nsew]\.?)\ )?"
    rf"(?-i:{_PLAIN_NAME}\ ){{1,4}}{_STREET}\b\.?{_REST}",
    re.IGNORECASE | re.VERBOSE,
)
_BOX = re.compile(rf"(?:p\.?\ ?o\.?|post\ office)\ box\ \d{{1,9}}{_REST}", re.IGNORECASE | re.VERBOSE)
_GERMAN = re.compile(
    r"(?<!\w)[A-ZÄÖÜ][a-zäöüß-]{0,40}(?:straße|strasse|str\.|weg|platz|allee|gasse)\ \d{1,4}[a-z]?"
    r"(?:,\ \d{5}\ [A-ZÄÖÜ][a-zäöüß-]{1,40})?\b"
)
_SHORTENED = re.compile(r"\b(?:st|ave|rd|blvd|ln|dr|ct|pl|sq|pkwy|hwy|cir|apt|ste|[a-z])\.\Z", re.IGNORECASE)
"""A shortened word at the end of an address, whose full stop is its own."""
_GERMAN_ENDS = ("straße", "strasse", "str.", "weg", "platz", "allee", "gasse")
_MORE = 56
"""Code points before a house number in which the name of a street, or of a post box, can begin."""


def find_births(text: str) -> Iterator[Span]:
    """Dates that stand beside a word for birth and that somebody can have been born on."""
    lower = text.lower()
    patterns = [_BORN]
    patterns += [_BORN_ABROAD] if any(word in lower for word in _ABROAD) else []
    patterns += [_BIRTH_BEHIND] if any(word in lower for word in _NOUNS) else []
    for pattern in patterns:
        for match in pattern.finditer(text):
            start, end = match.span("it")
            if checks.birth_date(text[start:end]):
                yield Span(start, end, "DATE_OF_BIRTH")


def address_at(text: str, start: int, end: int) -> Iterator[Span]:
    """The address whose house number, perhaps with a letter, is [start, end)."""
    if not start < end or end - start > 12 or not text[start].isdigit():
        return
    if start and (text[start - 1] in "$€£.#-_" or text[start - 1].isalnum()):
        return
    ahead = text[end : end + 2]
    if ahead[:1] == " " and (ahead[1:].isupper() or ahead[1:].isdigit() or ahead[1:] in "nsewNSEW"):
        match = _ADDRESS.match(text, start)
        if match is not None:
            yield Span(start, before_stop(text, start, match.end()), "ADDRESS", 0.9)
            return
    if not start or text[start - 1] != " ":
        return
    before = text[max(0, start - 8) : start - 1]
    if before.endswith(_GERMAN_ENDS):
        pattern, value = _GERMAN, 0.9
    elif before[-3:].lower() == "box":
        pattern, value = _BOX, 1.0
    else:
        return
    for match in pattern.finditer(text, max(0, start - _MORE), end + 2 * _MORE):
        if match.start() <= start < match.end():
            yield Span(match.start(), before_stop(text, *match.span()), "ADDRESS", value)


def before_stop(text: str, start: int, end: int) -> int:
    """The end of the address [start, end) less the full stop of the sentence that it closes."""
    stops = text[end - 1 : end] == "." and not _SHORTENED.search(text, start, end)
    return end - stops
