"""Names of people, addresses, places, organisations and the like, by the model of `tagging`.

Words that name groups ("Muslim", "Black") are never taken for a person: to blot them out would destroy
what an audit of a data set rests on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.detect.firms import begins_firm, names_no_person
from duecare.detect.identity import protected_words
from duecare.detect.places import before_stop
from duecare.detect.spans import Span, picked
from duecare.detect.tagging import tagger

LABELS = (
    "PERSON", "ADDRESS", "LOCATION", "ORGANIZATION", "DATE", "AGE", "TITLE", "NRP", "PHONE", "LINK", "NUMBER",
)  # fmt: skip
"""What the model tells apart. NRP: nationality, religion or political group; TITLE: form of address or job;
PHONE, LINK and NUMBER are for measuring: `patterns` finds these with their checks."""

IDENTIFYING = ("PERSON", "ADDRESS")
"""Those that by themselves lead to a person: what is looked for unless more is asked."""

_EDGE = ' \t\r\n\v\f\xa0,;:!?"“”„«»()[]{}<>|*#~=/\\_-–—…'
_SURE = 0.9
_WORDED = frozenset({"PERSON", "ADDRESS", "LOCATION", "ORGANIZATION"})
_TWO_LETTERS = re.compile(r"[^\W\d_][\s\S]*?[^\W\d_]")
_ALSO_GROUPS = frozenset({"trans"})
"""Words that name a group though `identity` counts them beside a word for people only."""
_NUMBERS = frozenset(
    {
        "iban",
        "bic",
        "ssn",
        "itin",
        "ein",
        "nino",
        "nhs",
        "sin",
        "dni",
        "cpf",
        "abn",
        "tfn",
        "vin",
        "imei",
        "pin",
    }
    | {
        "pesel",
        "bsn",
        "ahv",
        "avs",
        "cpr",
        "hetu",
        "niss",
        "nif",
        "nric",
        "curp",
        "cuil",
        "cnp",
        "egn",
        "oib",
        "rrn",
    }
    | {"otp", "cvv", "id", "dob", "ok", "d.o.b", "isbn", "pwd", "sha", "geboren", "née", "né", "steuer"}
)
"""Words that say which number or date follows, or only "ok": in capitals they look like names."""


def named(texts: pa.Array, wanted: Collection[str] = IDENTIFYING, dial: float = 0.0) -> dict[int, list[Span]]:
    """Places with one of the labels `wanted` by number of the text, in order; texts without one are absent.

    `dial`, in log-odds, is taken from the score of "nothing here": more is found, and more of it wrongly.
    """
    places = tagger(dial).places(texts)
    asked = np.flatnonzero(np.isin(places.label, sorted(wanted)))
    columns = (places.text, places.start, places.end, places.label)
    found: dict[int, list[Span]] = {}
    said = picked(texts, np.unique(places.text[asked]))
    for number, start, end, label in zip(*(column[asked].tolist() for column in columns), strict=True):
        text = said[number]
        if (told := trimmed(text[start:end], label)) is not None:
            span = Span(start + told[0], start + told[1], label, _SURE)
            if label == "PERSON" and begins_firm(text, span.start, span.end):
                continue
            if number in found:
                _add(found[number], span, text)
            else:
                found[number] = [span]
    return found


def find_names(text: str, wanted: Collection[str] = IDENTIFYING, dial: float = 0.0) -> list[Span]:
    """The places of one text."""
    whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair counts as a question mark
    return named(pa.array([whole], pa.string()), wanted, dial).get(0, [])


def _add(spans: list[Span], span: Span, text: str) -> None:
    """Two names with nothing but a blank between them are one: "Wei" and "Zhang"."""
    before = spans[-1] if spans else None
    if before and before.label == span.label == "PERSON" and text[before.end : span.start] == " ":
        spans[-1] = before._replace(end=span.end)
    else:
        spans.append(span)


@lru_cache(maxsize=1 << 15)
def trimmed(said: str, label: str) -> tuple[int, int] | None:
    """The place in `said` less marks at its edges; None where nothing is left that can be meant."""
    start, end = len(said) - len(said.lstrip(_EDGE)), len(said.rstrip(_EDGE))
    if label == "ADDRESS":
        end = before_stop(said, start, end)
    plain = said[start:end]
    if label in _WORDED and not _TWO_LETTERS.search(plain):
        return None
    if label == "PERSON" and all(map(_names_nobody, plain.split())):
        return None
    return (start, end) if start < end else None


def _names_nobody(word: str) -> bool:
    plain = word.strip(".'’").casefold()
    return (
        plain in protected_words()
        or plain in _ALSO_GROUPS
        or plain in _NUMBERS
        or names_no_person(plain)
        or names_no_person(plain.removesuffix("'s").removesuffix("’s"))
    )
