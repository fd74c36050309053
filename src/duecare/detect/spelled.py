"""E-mail addresses that are written so that no harvester reads them: "jo at example dot com", "jo(at)web.de".

Where at and dot are both spelled out, or at stands in brackets, any domain is one; where only one of them is, as in
"jo at gmail.com" and "jo @ gmail.com", the domain has to be one of those that give addresses to everybody.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator

from duecare.detect.context import word_set
from duecare.detect.spans import Span

_TOP = r"(?:com|org|net|edu|gov|io|co|info|biz|eu|uk|de|fr|es|nl|ch|pl|ru|jp|cn|au|br|us|ca|example)"
"""Without those that are words, as "it" and "me": "look at the dot it drew"."""
_AT = r"(?:\ ?[\[({<]\ ?at\ ?[\])}>]\ ?|\ at\ |[-_]at[-_])"
_BRACED_AT = r"\ ?[\[({<]\ ?(?:at|@)\ ?[\])}>]\ ?"
_DOT = r"(?:\ ?[\[({<]\ ?(?:dot|\.)\ ?[\])}>]\ ?|\ dot\ |[-_]dot[-_])"
_LOCAL = rf"(?<![\w.+-])(?:[\w+]{{1,32}}(?:{_DOT}|[.-]))?[\w.+]{{1,64}}"
EVERYBODYS = word_set(
    "gmail googlemail yahoo ymail hotmail outlook live msn icloud aol proton protonmail gmx web mail yandex zoho"
)
"""Who gives addresses to everybody."""
_EVERYBODYS = rf"(?:{'|'.join(sorted(EVERYBODYS))})"
SIGN = rf"(?i: dot |[\[({{<] ?(?:at|dot|@|\.) ?[\])}}>]|[-_]dot[-_]| at {_EVERYBODYS}\.| @ ?{_EVERYBODYS}|@ {_EVERYBODYS}|@{_EVERYBODYS},|%40)"
"""What every text with such an address holds, for either engine of regular expressions."""
CANDIDATE = (
    r"(?i:[\[({<] ?at ?[\])}>]| at \S+ ?(?:[\[({<]? ?dot|[\[({<] ?\.)|[-_]at[-_][^\n]{1,99}(?:dot|[\[({<] ?\.)"
    rf"| at {_EVERYBODYS}\.)"
)
"""What it holds besides, where it has neither a digit nor an @."""
_SPELLED = re.compile(
    rf"{_LOCAL}{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{2,63}}){{0,2}}?{_DOT}{_TOP}(?![\w-])"  # jo at mail dot acme dot com
    rf"|{_LOCAL}{_BRACED_AT}[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,2}}\.[A-Za-z]{{2,12}}(?![\w-])"  # jo(at)web.de
    rf"|{_LOCAL}@[\w-]{{1,63}}(?:{_DOT}[\w-]{{2,63}}){{0,2}}?{_DOT}{_TOP}(?![\w-])"  # jo@acme dot com
    rf"|{_LOCAL}\ at\ {_EVERYBODYS}\.(?:com|net|de|fr|es|it|ru|me|co\.uk|co\.in)(?![\w-])"  # jo at gmail.com
    rf"|(?<!\w)(?:(?:\w\ ){{3,30}}\w|[\w.+-]{{1,64}})(?:\ @\ ?|@\ ){_EVERYBODYS}\ ?[.,]\ ?(?:com|net|de|fr|es|it|ru)(?![\w-])"  # j o @ gmail.com
    rf"|{_LOCAL}@{_EVERYBODYS},(?:com|net)(?![\w-])"  # a comma for the dot
    r"|[\w.+-]{1,64}%40(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,12}",  # in the address of a page
    re.IGNORECASE | re.VERBOSE,
)
_BEGINS = re.compile(r"[^\W_]+(?=[ @\[({<]|[-_]at[-_])")
_NO_LOCAL = word_set(
    "look looks looking looked work works working worked is are was were be been being am me us it you him them he she they "
    "meet meets met stay stays stayed live lives lived found find finds available hosted here there and or but in up on out that "
    "this arrive arrived sat sits pointed points"
)
"""Words that stand before "at" in prose: "she works at yahoo.com"."""


def find_spelled_emails(text: str) -> Iterator[Span]:
    """Addresses written out: "jo at example dot com"."""
    for match in _SPELLED.finditer(text):
        begins = _BEGINS.match(match.group())
        if begins is None or begins.group().lower() not in _NO_LOCAL:
            yield Span(*match.span(), "EMAIL")
