"""Personal data that has a form of its own: addresses, numbers, dates and keys, each with its check.

A form proposes, a check decides. Where the form alone says too little (ten digits may be an order
number), words before it must name what it is. Those words are compared as whole words: "sin" in
"business" is no social insurance number. Most texts hold none of the signs without which nothing can be
found, and are passed over by one search at the speed of Rust; in the others each search starts at a sign
that must be there, and looks a bounded way around it.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
from collections.abc import Callable, Iterator

import pyarrow as pa

from duecare.core.table import TEXTS, expect
from duecare.detect import signs
from duecare.detect.credentials import find_named_keys, find_passwords, find_pins, find_vendor_keys
from duecare.detect.folded import folded
from duecare.detect.invented import stands_for_nobody
from duecare.detect.links import find_links, find_pages
from duecare.detect.numbers import find_numbers
from duecare.detect.online import (
    find_emails,
    find_hexadecimal,
    find_user_names,
)
from duecare.detect.places import find_births
from duecare.detect.registers import REGISTERS
from duecare.detect.signs import signed, signs_of
from duecare.detect.spans import Span, longest, spans_of
from duecare.detect.spelled import find_spelled_emails

__all__ = ["LABELS", "Forms", "find_forms", "forms_in"]

LABELS = (
    "EMAIL", "PHONE", "SSN", "ITIN", "EIN", "NINO", "NHS", "SIN", "STEUER_ID", "INSEE", "DNI", "CODICE_FISCALE",
    "AADHAAR", "PAN", "CPF", "TFN", "ABN", "MEDICARE", "TAX_ID", "HEALTH_ID", "PASSPORT", "LICENCE", "PLATE", "VIN",
    "CARD", "IBAN", "ACCOUNT", "IP", "MAC", "IMEI", "WALLET", "URL_TOKEN", "SECRET", "USER_NAME", "DATE_OF_BIRTH",
    "ADDRESS", *REGISTERS,
)  # fmt: skip
"""Every kind that has a form; what each means, and what vouches for it, stands in docs/personal-data.md."""


class Forms:
    """Points at personal data with a form of its own: the first tier of the detector of personal data."""

    instrument = "forms@3"

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        found = {place: longest(spans) for place, spans in forms_in(texts.column("text"))}
        return spans_of(texts, self.instrument, found)


def forms_in(texts: pa.Array) -> Iterator[tuple[int, list[Span]]]:
    """(position, spans) of every text of a column in which a form fits; the spans may overlap."""
    for place, text, held_here in zip(*signed(texts), strict=True):
        if found := _found(text, held_here):
            yield place, found


def find_forms(text: str) -> list[Span]:
    """Every place in `text` that fits a form and passes its check; they may overlap."""
    text = folded(text)
    return _found(text, signs_of(text))


def _found(text: str, held: int) -> list[Span]:
    found: list[Span] = []
    if held & signs.NUMBER:
        found += find_numbers(text, housed=bool(held & signs.HOUSED), named=bool(held & signs.NAMED))
    for sign, find in _SEARCHES:
        if held & sign:
            found += find(text)
    return [span for span in found if not stands_for_nobody(span.label, text[span.start : span.end])]


_SEARCHES: tuple[tuple[int, Callable[[str], Iterator[Span]]], ...] = (
    (signs.AT, find_emails),
    (signs.SPELLED, find_spelled_emails),
    (signs.LINK, find_links),
    (signs.LINK, find_pages),
    (signs.BORN, find_births),
    (signs.HEXADECIMAL, find_hexadecimal),
    (signs.VENDOR, find_vendor_keys),
    (signs.SECRET, find_named_keys),
    (signs.PASSWORD, find_passwords),
    (signs.PIN, find_pins),
    (signs.USER, find_user_names),
)
"""What is searched for where a sign stands in the text."""
