"""Personal data that has a form of its own: addresses, numbers, dates and keys, each with its check.

A form proposes, a check decides. Where the form alone says too little (ten digits may be an order
number), words before it must name what it is. Those words are compared as whole words: "sin" in
"business" is no social insurance number. Most texts hold none of the signs without which nothing can be
found, and are passed over by one search at the speed of Rust; in the others each search starts at a sign
that must be there, and looks a bounded way around it.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator

import pyarrow as pa

from duecare.detect.credentials import find_named_secrets, find_vendor_keys
from duecare.detect.invented import stands_for_nobody
from duecare.detect.numbers import find_numbers
from duecare.detect.online import (
    find_emails,
    find_hexadecimal,
    find_links,
    find_spelled_emails,
    find_user_names,
)
from duecare.detect.places import find_births
from duecare.detect.spans import Span, longest, span_batch

LABELS = (
    "EMAIL", "PHONE", "SSN", "ITIN", "EIN", "NINO", "NHS", "SIN", "STEUER_ID", "INSEE", "DNI", "CODICE_FISCALE",
    "AADHAAR", "PAN", "CPF", "TFN", "ABN", "MEDICARE", "TAX_ID", "HEALTH_ID", "PASSPORT", "LICENCE", "PLATE", "VIN",
    "CARD", "IBAN", "ACCOUNT", "IP", "MAC", "IMEI", "WALLET", "URL_TOKEN", "SECRET", "USER_NAME", "DATE_OF_BIRTH",
    "ADDRESS",
)  # fmt: skip
"""Every kind that has a form; what each means, and what vouches for it, stands in docs/personal-data.md."""

_USER = r"user ?name|user ?id|login|screen name|handle|gamer ?tag"
_NAMED = r"key|token|secret|credential|bearer|basic|passw|passphrase|passcode|pwd|pin\b|cvv|cvc|one[- ]time|otp|code"
_VENDOR = r"sk-|[sr]k_|whsec_|gh[pousr]_|github_pat|glpat-|A(?:KIA|SIA|ROA|IDA)|xox|xapp-|AIza|ya29|hf_|npm_|pypi-|SG\.|shp|do[opr]_v1|dapi|SK[a-f0-9]|EAA|eyJ|-----BEGIN"

CANDIDATE = (
    rf"[0-9@]|://|\[at\]|\(at\)| at \S+ dot |eyJ|-----BEGIN|(?i:{_USER}|passw|passphrase|passcode|pwd)"
)
"""RE2 and Rust: what any text must hold for one of the forms to fit."""

_ANY_VENDOR = re.compile(_VENDOR)
_ANY_NAMED = re.compile(rf"\b(?:{_NAMED})|[_-](?:key|token|secret)", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{0,4}([:-])[0-9A-Fa-f]{0,4}\1[0-9A-Fa-f]{1,4}")


class Forms:
    """Points at personal data with a form of its own: the first tier of the detector of personal data."""

    instrument = "forms@1"

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        return span_batch(texts, self.instrument, lambda text: longest(find_forms(text)), candidate=CANDIDATE)


def find_forms(text: str) -> Iterator[Span]:
    """Every place in `text` that fits a form and passes its check; they may overlap."""
    for span in _proposed(text):
        if not stands_for_nobody(span.label, text[span.start : span.end]):
            yield span


def _proposed(text: str) -> Iterator[Span]:
    lower = (
        text.lower()
    )  # asked for words only: a few signs change their length, so no place is taken from it
    if "@" in text:
        yield from find_emails(text)
    if " dot " in lower or "[dot]" in lower or "(dot)" in lower:
        yield from find_spelled_emails(text)
    if "://" in text:
        yield from find_links(text)
    yield from find_numbers(text)
    if ("born" in lower or "birth" in lower or "dob" in lower or "d.o" in lower) and not text.isalpha():
        yield from find_births(text)
    if _HEXADECIMAL.search(text) is not None:
        yield from find_hexadecimal(text)
    if _ANY_VENDOR.search(text) is not None:
        yield from find_vendor_keys(text)
    if _ANY_NAMED.search(text) is not None:
        yield from find_named_secrets(text)
    if "user" in lower or "login" in lower or "handle" in lower or "screen" in lower or "tag" in lower:
        yield from find_user_names(text)
