"""Signs of personal data in a column of texts, as the compiled kernel sees them in one pass.

It sees at least what the expressions of `signs` see and a search can use, and now and then more.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
from collections.abc import Collection
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.detect.context import word_set
from duecare.detect.invented import FRONTS, STEMS
from duecare.detect.kernel import buffers_of, library
from duecare.detect.spelled import EVERYBODYS

NAMING = (
    "passport|driver|drivers|driving|licen[cs]e|dl|plate|vehicle|car|vin|chassis|national|nino|tax|taxpayer|vat|mrn|medical|"
    "patient|health|insurance|user|userid|username|login|account|acct|a/c|sort|iban|routing|member|membership|customer|"
    "client|policy|loyalty|flyer|employee|student"
)
BETWEEN = (
    "account|number|no|nr|num|id|identifier|card|code|is|was|reads|ending|in|there|here|question|name|licen[cs]e|plate|reg|"
    "registration|identification|insurance|record"
)
"""Words that name a number, and those that may stand between one of them and the number (see `named`)."""
STREET = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|close|crescent|square|sq|"
    "parkway|pkwy|highway|hwy|circle|cir|trail|row|grove|gardens|mews|hill|plaza|alley|loop"
)

DIGITS, FOLDED, CASED, INVENTED = (1 << place for place in range(14, 18))
"""Behind the bits of `signs`: a digit; a sign that `folded` may change; a letter of another case that is also one of
ASCII; what duecare may have written."""
UNSURE = sum(1 << place for place in (1, 2, 4, 5, 7, 9)) | CASED
"""Of which a text without a digit or an @ must hold one for one of the forms to fit: a link, an address spelled out,
a hexadecimal number, a key, a password or a user name."""
_BORN = word_set("born dob")
_BEGIN_BORN = word_set("birt gebo gebu naci nato nata nais nasc")
_PASSWORD = word_set("pwd")
_PIN = word_set("pin cvv cvc otp security verification one")
_TOLD_BY_NEXT = word_set(
    "user username userid login screen gamer gamertag handle pass dot at ne nee do d www a sample example placeholder "
    "specimen invented"
)
_PREFIX = 255


@lru_cache(maxsize=1)
def _words() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words that the kernel looks at: their first eight letters as a number, length, and what they mean, as bits."""
    listed = (NAMING, BETWEEN, STREET, "north|south|east|west|n|s|e|w")
    whole = [{form for word in words.split("|") for form in _forms(word)} for words in listed]
    meant: list[tuple[int, Collection[str]]] = [
        *enumerate((*whole, _BORN, _PASSWORD, _PIN, _TOLD_BY_NEXT, set(), EVERYBODYS))
    ]
    rows = [(word[:8], len(word), 1 << bit) for bit, words in meant for word in sorted(words)]
    rows += [(word, _PREFIX, 1 << 4) for word in sorted(_BEGIN_BORN)]
    rows += [(word, _PREFIX, 1 << 5) for word in ("pass",)]
    rows += [(word[:4].lower(), _PREFIX, 1 << 8) for word in (*STEMS, *FRONTS)]
    keys, lengths, means = zip(*rows, strict=True)
    return (
        np.array([int.from_bytes(key.encode(), "little") for key in keys], np.uint64),
        np.array(lengths, np.uint8),
        np.array(means, np.uint16),
    )


def _forms(word: str) -> tuple[str, ...]:
    return ("license", "licence") if word == "licen[cs]e" else () if "/" in word else (word,)


def hinted(texts: pa.Array) -> np.ndarray:
    """The signs that each text of a column without nulls may hold, as bits, int64 [texts].

    Raises DataError where the column is no column of strings, or holds a null. Only where there is a kernel.
    """
    flat, bits = buffers_of(texts), np.empty(len(texts), np.int64)
    if (kernel := library()) is not None and len(texts):
        keys, lengths, means = _words()
        kernel.duecare_signs(flat.data, flat.starts, len(flat), keys, lengths, means, len(keys), bits)
    return bits
