"""The signs that the compiled kernel sees: none that a search can use is missing, and what is found is the same."""

from __future__ import annotations

# ruff: noqa: E501 - pieces of texts are read line by line
import random
import re
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from test_forms import TRUE
from test_forms_hostile import WRITTEN

from duecare.core.errors import DataError
from duecare.detect import hints, numbers, signs
from duecare.detect.folded import _table, folded
from duecare.detect.invented import invented_places, may_hold_invented
from duecare.detect.kernel import library
from duecare.detect.patterns import _SEARCHES, find_forms, forms_in
from duecare.detect.spans import longest

pytestmark = pytest.mark.skipif(library() is None, reason="the kernels are not compiled here")

PIECES = [
    "passport",
    "driver's license",
    "dl",
    "licence no.",
    "plate",
    "car registration",
    "vin",
    "national insurance",
    "nino",
    "VAT",
    "a/c",
    "sort code",
    "IBAN",
    "number",
    "no.",
    "id",
    "is",
    "reads",
    "ending in",
    ":",
    "#",
    "on",
    "12345678",
    "AB123456",
    "a1234",
    "1234 5678",
    "12-34-56",
    "9",
    "$4,500",
    "12.345.678-Z",
    "AB12 CDE",
    "12 Mill Lane",
    "7b N. Old Kent Rd",
    "P.O. Box 77",
    "Lindenweg 5",
    "10 A B C Ave, Leeds",
    "42 42nd Street",
    "8 north Élan way",
    "Platz 1",
    "sk-",
    "AKIA",
    "xoxb-",
    "eyJ",
    "SG.",
    "-----BEGIN",
    "ghp_",
    "dapi",
    "00:1b:63:",
    "::1:",
    "a-12-34-",
    "3c22.fb1a.",
    "://",
    "www.",
    "t.me/",
    "u/",
    ".com/",
    " dot ",
    "(at)",
    "@",
    "@ gmail.com",
    "[.]",
    "%40",
    "born",
    "d.o.b",
    "née le",
    "pin 123",
    "one-time code 77",
    "pass:",
    "pass ",
    "pwd",
    "login is",
    "user name: ",
    "api key ",
    "é",
    "ß",
    "’",
    "ı",
    "ſ",
    "K",
    "İd",
    "１２",
    "😀",
    "שלום",
    "_",
    "Q8ZK2LM9XV4TN7RB",
    "abcdefghijklmnopqrstuvwxyz",
    "1.2.3.4",
    "X1",
    "1A",
]


def rows_of(seed: int, many: int) -> list[str]:
    draw = random.Random(seed)
    pieces = [*PIECES, *(text for _, text, _ in TRUE)]
    return [
        "".join(
            each + draw.choice([" ", " ", " ", "", "\n", ", ", ".", "-"])
            for each in draw.choices(pieces, k=draw.randint(1, 7))
        )
        for _ in range(many)
    ]


def test_what_is_found_is_the_same_without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    column = pa.array(["", *rows_of(1, 12000), ""], pa.string())
    compiled = list(forms_in(column.slice(1)))
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert compiled == list(forms_in(column.slice(1)))
    assert len(compiled) > 4000


def test_a_column_gives_what_each_text_gives_alone() -> None:
    """As a word at the end of one text is not that word with the letters of the next."""
    rows = [row[:cut] for row in rows_of(2, 3000) for cut in (len(row), len(row) - 3)]
    found = dict(forms_in(pa.array(rows, pa.string())))
    assert found == {
        place: spans
        for place, row in enumerate(rows)
        if any(re.search(each, folded(row)) for each in signs.CANDIDATES) and (spans := find_forms(row))
    }


def test_no_search_finds_what_its_hint_leaves_out() -> None:
    texts = [
        "".join(each) for written in WRITTEN for each in product(*(piece.split("|") for piece in written))
    ]
    texts += [folded(row) for row in rows_of(3, 6000)]
    bits = hints.hinted(pa.array(texts, pa.string())).tolist()
    found = [0] * len(_SEARCHES)
    for text, seen in zip(texts, bits, strict=True):
        if seen & hints.CASED:
            continue  # looked at for everything
        for place, (sign, find) in enumerate(_SEARCHES):
            if not seen & sign and any(True for _ in find(text)):
                raise AssertionError((find.__name__, text))
            found[place] += bool(seen & sign)
    assert min(found) > 20, found


def test_hints_of_numbers_leave_out_none() -> None:
    texts = [folded(row) for row in rows_of(4, 12000)]
    bits = signs._with_numbers(hints.hinted(pa.array(texts, pa.string())))
    some = 0
    for text, seen in zip(texts, np.asarray(bits).tolist(), strict=True):
        if seen & hints.CASED:
            continue
        every = numbers.find_numbers(text)
        housed, said = bool(seen & signs.HOUSED), bool(seen & signs.NAMED)
        assert numbers.find_numbers(text, housed=housed, named=said) == every, text
        assert seen & signs.NUMBER or not every, text
        some += bool(every) and not (housed and said)
    assert some > 2000


def test_few_texts_have_a_hint_that_the_expressions_do_not_see() -> None:
    """Else each search would be asked of texts in which it finds nothing."""
    said = "We met at 5 o'clock. He passed the order to a user, dotted lines, and/or 12 people at home; see no. 4."
    rows = [said.replace("12", str(number)) for number in range(50)]
    assert not (hints.hinted(pa.array(rows, pa.string())) & ((1 << 14) - 1)).any()


def test_every_sign_with_a_plain_form_is_told() -> None:
    plain = sorted(_table())
    assert (hints.hinted(pa.array([chr(code) for code in plain], pa.string())) & hints.FOLDED).all()


def test_what_duecare_may_have_written_is_told_wherever_it_stands() -> None:
    words = [
        "12 Example Street",
        "Abribrin Amberwickle",
        "jAmberwickle",
        "Белоквилл",
        "+1 (291) 555-0142",
        "07700 900123",
        "00:00:5E:00:53:0a",
        "bl",
        "192.0.2.17",
        "198.51.100.3",
        "2001:db8::1f:2",
        "XX000001234567",
        "000-12-3456",
        "0-00-00 4 5",
        "00-00-5E-00-53-01",
        "velvetloam7",
        "call",
        "elder sister",
        "555",
        "0 of 12",
        "a sample",
    ]
    draw = random.Random(6)
    rows = [
        "".join(each + draw.choice([" ", "_", ".", ""]) for each in draw.choices(words, k=2))
        for _ in range(4000)
    ]
    held = may_hold_invented(pa.array(rows, pa.string())).tolist()
    there = [bool(invented_places(row)) for row in rows]
    assert all(may or not is_there for may, is_there in zip(held, there, strict=True))
    assert 500 < sum(there) < len(rows) > sum(held)


def test_other_columns_are_refused() -> None:
    with pytest.raises(DataError, match="null"):
        hints.hinted(pa.array(["a", None]))
    assert not len(hints.hinted(pa.array([], pa.string())))


def test_the_bits_are_those_of_the_expressions() -> None:
    said = {
        "at": "a@b", "link": "http://x", "spelled": "jo dot me", "born": "born", "hexadecimal": "a:b:c:d", "password": "passwd",
        "vendor": "ghp_abcdefghijkl", "secret": "key a1b2c3d4e5f6g7h8", "pin": "pin 123", "user": "login: jo", "long": "A1",
        "naming": "passport 1", "house": "1 Mill Lane", "box": "box 7",
    }  # fmt: skip
    assert set(said) == set(signs._BIT)
    for name, bits in zip(said, hints.hinted(pa.array([*said.values()], pa.string())).tolist(), strict=True):
        assert bits & signs._BIT[name], name


def test_spans_of_the_examples_are_found() -> None:
    spans = dict(forms_in(pa.array([text for _, text, _ in TRUE], pa.string())))
    assert all(longest(spans[place]) for place in range(len(TRUE)))
