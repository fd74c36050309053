from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest

from duecare.detect import checks
from duecare.detect.personal import LABELS, _beside, _taken, find_personal
from duecare.detect.spans import Span

FOUND = [
    ("write to jo.smith+x@mail.example.org please", "EMAIL", "jo.smith+x@mail.example.org"),
    ("jo at example dot com", "EMAIL", "jo at example dot com"),
    ("call (555) 234-5678", "PHONE", "(555) 234-5678"),
    ("reach me on +49 30 901820", "PHONE", "+49 30 901820"),
    ("My number is 555-0102.", "PHONE", "555-0102"),
    ("SSN 123-45-6789", "SSN", "123-45-6789"),
    ("912 34 3773 is my SSN", "SSN", "912 34 3773"),
    ("paid with 4111 1111 1111 1111", "CARD", "4111 1111 1111 1111"),
    ("IBAN GB82 WEST 1234 5698 7654 32", "IBAN", "GB82 WEST 1234 5698 7654 32"),
    ("from 81.2.69.142 today", "IP", "81.2.69.142"),
    (
        "see https://a.example/reset?token=abcd1234efgh",
        "URL_TOKEN",
        "https://a.example/reset?token=abcd1234efgh",
    ),
    ("account number 5081134670", "ACCOUNT", "5081134670"),
    ("born on 3 May 1981", "DATE_OF_BIRTH", "3 May 1981"),
    ("dob: 1990-02-28", "DATE_OF_BIRTH", "1990-02-28"),
    ("I live at 12 Elm Street, Springfield", "ADDRESS", "12 Elm Street, Springfield"),
    ("my name is Ngozi Okafor", "PERSON", "Ngozi Okafor"),
    ("Best regards, Wei Zhang", "PERSON", "Wei Zhang"),
    ("Mr Patel called", "PERSON", "Patel"),
    ("This is Zoltan speaking", "PERSON", "Zoltan"),
    ("i am jakob ito and i signed", "PERSON", "jakob ito"),
]


@pytest.mark.parametrize(("text", "label", "place"), FOUND, ids=[f"{f[1]}-{n}" for n, f in enumerate(FOUND)])
def test_finds(text: str, label: str, place: str) -> None:
    spans = find_personal(text)
    assert [(span.label, text[span.start : span.end]) for span in spans] == [(label, place)]
    assert label in LABELS


@pytest.mark.parametrize(
    "text",
    [
        "order 5081134670 was shipped",
        "it costs $1,299.00 or 2 499,99 euros",
        "version 1.2.3.4 of the firmware",
        "at 12:30 on 2024-05-01",
        "ticket #89732, model SN-9474",
        "card 4111 1111 1111 1112",
        "000-12-3456",
        "GB82 WEST 1234 5698 7654 33",
        "the router at 192.168.0.1",
        "born on 31/31/1990",
        "I am Muslim American and proud of it",
        "I am Gay. I am Black British.",
        "my business is in New York",
        "Dear Customer Service",
        "Thank You Very Much",
    ],
)
def test_passes_over_what_only_looks_alike(text: str) -> None:
    assert find_personal(text) == []


@pytest.mark.parametrize(
    "before", ["😀👩‍👩‍👧 ", unicodedata.normalize("NFD", "café é "), "שלום עליכם ", "𝔘𝔫𝔦 "]
)
def test_offsets_count_code_points(before: str) -> None:
    text = f"{before}mail ana@mail.example.org"
    (span,) = find_personal(text)
    assert text[span.start : span.end] == "ana@mail.example.org"


def test_what_was_taken_out_is_not_found_again() -> None:
    text = " ".join(sentence for sentence, _, _ in FOUND)
    redacted = text
    for span in reversed(find_personal(text)):
        redacted = f"{redacted[: span.start]}[{span.label}]{redacted[span.end :]}"
    assert len(re.findall(r"\[[A-Z_]+\]", redacted)) >= len(FOUND) - 2
    assert find_personal(redacted) == []


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("my passport no. C01X00T47 and VIN 1HGCM82633A004352; ok", ["PASSPORT", "VIN"]),
        (
            "and 12345678Z, RSSMRA85T10A562S, NINO AB123456C. PAN ABCPE1234F",
            ["DNI", "CODICE_FISCALE", "NINO", "PAN"],
        ),
        ("My login is jsmith", ["USER_NAME"]),
        ("commit 5e884898da28047151d0e56f8dc6292773603d0d is good", []),
        ("the sha256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", []),
    ],
)
def test_a_check_goes_before_a_guess(text: str, labels: list[str]) -> None:
    assert [span.label for span in find_personal(text)] == labels


def test_forms_that_overlap_are_cut_out_of_a_guess_once() -> None:
    """A form within a form does not give its rest back to the name around both."""
    text = "Anna Berg 0123456789 of Acme"
    forms = [Span(10, 20, "ACCOUNT"), Span(12, 15, "SECRET")]
    left = _beside(text, Span(0, len(text), "ORGANIZATION"), _taken(forms))
    assert [text[span.start : span.end] for span in left] == ["Anna Berg", "of Acme"]
    assert _beside(text, Span(0, 9, "PERSON"), _taken(forms)) == [Span(0, 9, "PERSON")]
    street = [Span(3, 8, "PHONE"), Span(3, 8, "ADDRESS")]
    assert _beside("12 Elm Street", Span(0, 13, "ADDRESS"), _taken(street)) == [Span(0, 13, "ADDRESS")]


@pytest.mark.timeout(20)
def test_names_and_forms_by_the_ten_thousand_are_set_apart_soon() -> None:
    """Each name is held against the forms beside it, not against all: that took minutes."""
    piece, count = "Ana Berg 123-45-6789; ", 100_000
    text = piece * count
    taken = _taken([Span(at, at + 11, "SSN") for at in range(9, len(text), len(piece))])
    for at in range(0, len(text), len(piece)):
        assert _beside(text, Span(at, at + 8, "PERSON"), taken) == [Span(at, at + 8, "PERSON")]


def test_an_address_leaves_the_full_stop_of_its_sentence() -> None:
    text = "I live at 221B Baker Street, London NW1 6XE. My dog does too."
    (span,) = find_personal(text)
    assert text[span.start : span.end] == "221B Baker Street, London NW1 6XE"


def test_spans_never_overlap_and_the_longest_wins() -> None:
    text = "Mr John Smith of 12 Elm Street, mail john.smith@mail.example.org, phone 555-234-5678"
    spans = find_personal(text)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert "John Smith" in [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.luhn, "4111111111111111", "4111111111111112"),
        (checks.iban, "DE89370400440532013000", "DE89370400440532013001"),
        (checks.social_security, "123-45-6789", "666-45-6789"),
        (checks.birth_date, "29 Feb 1980", "31 Feb 1980"),
        (checks.ip_address, "81.2.69.142", "10.0.0.7"),
        (checks.card_number, "5555 5555 5555 4444", "9999 9999 9999 9995"),
    ],
)
def test_checks_tell_good_from_bad(check: object, good: str, bad: str) -> None:
    assert callable(check)
    assert check(good)
    assert not check(bad)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("piece", ["A", "Aa", "a1", "1 ", "A b", "x@"])
def test_a_long_run_does_not_hang_the_search(piece: str) -> None:
    """Seconds where search grows with the length; hours where it grows with its square, as it once did."""
    find_personal((piece * 100_000)[:100_000])


LAWS = (
    "They broke 15 U.S.C. 1681 and never answered.",
    "As 28 U.S.C. 1746 says, I declare it to be true.",
    "See 15 U.S. Code 1692 for what a collector may do.",
    "They wrote back for denying the dispute as required by 15 United States Code 1666",
)


@pytest.mark.parametrize("text", LAWS)
def test_a_law_is_no_address(text):
    assert "ADDRESS" not in {span.label for span in find_personal(text)}


def test_control_an_address_beside_a_law_is_found():
    text = "They broke 15 U.S.C. 1681. I live at 418 Wexford Lane, Dayton, OH 45402."
    (found,) = (span for span in find_personal(text) if span.label == "ADDRESS")
    assert text[found.start : found.end].startswith("418 Wexford Lane")
    assert "ADDRESS" in {span.label for span in find_personal("My address is 27 USC Village Road, Columbus.")}
