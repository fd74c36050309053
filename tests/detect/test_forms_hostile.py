"""Forms in hostile texts: offsets count code points, and work grows with the length whatever stands in it."""

from __future__ import annotations

import random
import re
import sys
from itertools import product
from types import FrameType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_forms import TRUE

from duecare.core.table import TEXTS
from duecare.detect import credentials, ipv4, links, mixed, named, numbers, online, places, signs, spelled
from duecare.detect.patterns import _SEARCHES, Forms, find_forms, forms_in
from duecare.detect.signs import signs_in, signs_of
from duecare.detect.spans import apart_from, longest

STRANGE = st.text(st.sampled_from("😀👩\u200d👧e\u0301ש\u202eم𝔘\u0000\ufffd\n 0１²٣"), max_size=8)


@given(STRANGE, st.sampled_from(TRUE), STRANGE)
@settings(max_examples=150)
def test_offsets_count_code_points_between_strange_signs(
    before: str, example: tuple[str, str, str], behind: str
) -> None:
    label, text, place = example
    shown = f"{before}\n{text}\n{behind}"
    spans = [span for span in find_forms(shown) if span.label == label]
    assert place in [shown[span.start : span.end] for span in spans]


@given(st.lists(st.text(max_size=30) | st.sampled_from([text for _, text, _ in TRUE]), max_size=8))
def test_a_column_gives_what_each_text_gives_alone(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    found = {place: longest(spans) for place, spans in forms_in(pa.array(texts, pa.string()))}
    alone = {place: spans for place, text in enumerate(texts) if (spans := longest(find_forms(text)))}
    assert found == alone


@given(st.text(st.sampled_from("0123456789-. /()+@:#abXYZ\nß€$_'\"=&?"), max_size=120))
@settings(max_examples=200)
def test_no_text_breaks_it_and_signs_never_hide_a_find(text: str) -> None:
    spans = longest(find_forms(text))
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    places, held = signs_in(pa.array([text], pa.string()))
    seen = int(held[0]) if len(places) else 0
    assert len(spans) == 0 or seen == signs_of(text)


def calls_of(text: str) -> int:
    """How often Python functions of the detector are entered for `text`: a count, not a time."""
    count = 0

    def counting(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counting)
    try:
        for _ in find_forms(text):
            pass
    finally:
        sys.setprofile(None)
    return count


HOSTILE = ["1 ", "a1", "@", "a@", "a@b.", "1-", "1.1.1.1 ", "12 Elm ", "password is ", "key token secret ",
           "http://a?", "1:", "a'", "a.", "born on 3 ", "account number ", "AB 12 ", "(1", "0x", "eyJ",
           "sk-a", "-----BEGIN ", "bc1q", "x 123-45-", "+1 ", "4111 ", "DE89 3704 ", "@@@ handle ", "00",
           "١", "²", "box 1 ", "jo at ", "jo dot ", "x%40", "a @ ", "github.com/", "u/",
           "1.2.3.4 ", 'pwd "a" ']  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_length(piece: str) -> None:
    short, long = (calls_of((piece * size)[:size]) for size in (4000, 16_000))
    assert long <= 5 * short + 200


def test_the_count_sees_work_that_grows_with_the_square() -> None:
    """Control: what is done for each pair of places is counted as such."""
    count = 0

    def counting(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    def squared(text: str) -> None:
        for at in range(len(text)):
            for _ in text[at:]:
                ord(text[at])

    counts = []
    for size in (40, 160):
        count = 0
        sys.setprofile(counting)
        squared("a" * size)
        sys.setprofile(None)
        counts.append(count)
    assert counts[1] > 5 * counts[0] + 200


PATTERNS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (credentials, ipv4, links, mixed, named, numbers, online, places, signs, spelled)
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_no_pattern_repeats_a_repetition_without_bound(name: str) -> None:
    """Only a single class of signs may repeat without bound: else a search can cost more than its length."""
    import re._parser as parser  # type: ignore[import-not-found]

    def unbounded(tree: Any, inside: bool) -> bool:
        for operation, argument in tree:
            kind = str(operation)
            if kind in ("MAX_REPEAT", "MIN_REPEAT"):
                _, most, body = argument
                endless = most == parser.MAXREPEAT
                if endless and (
                    inside or len(body) != 1 or str(body[0][0]) not in ("IN", "LITERAL", "CATEGORY")
                ):
                    return True
                if unbounded(body, inside or endless or most > 64):
                    return True
            elif kind == "BRANCH":
                if any(unbounded(branch, inside) for branch in argument[1]):
                    return True
            elif kind == "SUBPATTERN":
                if unbounded(argument[-1], inside):
                    return True
            elif kind in ("ASSERT", "ASSERT_NOT") and unbounded(argument[1], inside):
                return True
        return False

    pattern = PATTERNS[name]
    assert not unbounded(parser.parse(pattern.pattern, pattern.flags), False)


@pytest.mark.timeout(300)
def test_ten_megabytes_in_one_cell() -> None:
    text = ("Order 4711 came late, it cost $ 12.50. " * 300 + "mail me@acme.test now. 😀 ") * 800
    text = text[:10_000_000]
    row = pa.array(["a:0"])
    batch = pa.RecordBatch.from_arrays([row, row, pa.array(["text"]), pa.array([text])], schema=TEXTS)
    spans = Forms()(batch)
    assert len(spans) == text.count("me@acme.test")
    assert {text[s["start"] : s["end"]] for s in spans.to_pylist()} == {"me@acme.test"}


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 6), st.sampled_from("AB"), st.sampled_from([0.5, 1.0]))
    )
)
def test_longest_and_apart_are_what_a_plain_search_says(drawn: list[tuple[int, int, str, float]]) -> None:
    from duecare.detect.spans import Span

    spans = [Span(start, start + size, label, value) for start, size, label, value in drawn]
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, -s.value, s.start, s.label)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    assert longest(spans) == sorted(kept)
    taken = [(5, 8), (12, 13), (20, 26)]
    apart = [span for span in spans if all(span.end <= a or b <= span.start for a, b in taken)]
    assert list(apart_from(spans, taken)) == apart


def test_the_signs_of_a_column_are_those_of_each_text() -> None:
    """Beside letters, blanks and marks of all kinds."""
    draw = random.Random(3)
    said = """sk-|rk_|whsec_|ghp_|github_pat|glpat-|AKIA|ASIA|AROA|AIDA|xoxb|xapp-|AIza|ya29|hf_|npm_|pypi-
SG.|shp|dop_v1|dapi|SK0|EAA|eyJ|-----BEGIN|00:1b:63:|::1:|a-12-34-56-|12-34-|:|-|taxe|tax|\u017ftreet|street|ln|dr
birth|born|d.o.b|pin 123|12 M|7 Lane|box 4|nino|\u212aey|key|token|abcdefghijklmnopqrst|passw|login
@|://| dot |é|ß|\u0301|😀|שלום|_|1234567|A1|a""".replace("\n", "|").split("|")
    marks = [" ", " ", "", "", ".", "-", "\u0301", "é", "\n"]
    rows = ["".join(each + draw.choice(marks) for each in draw.choices(said, k=6)) for _ in range(6000)]
    places, held = signs_in(pa.array(rows, pa.string()))
    told = dict(zip(places.tolist(), held.tolist(), strict=True))
    wanted = {
        at: signs_of(row)
        for at, row in enumerate(rows)
        if any(re.search(each, row) for each in signs.CANDIDATES)
    }
    assert told == {at: bits for at, bits in wanted.items() if bits}
    assert all(any(bits & bit for bits in told.values()) for bit in signs._BIT.values())


def test_signs_of_numbers_leave_out_nothing_that_is_found_without_them() -> None:
    """A text without the sign that a number is named, or that a house has one, holds none."""
    draw = random.Random(5)
    names = "passport|driver's license|dl|licence no.|plate|vehicle reg|car registration|vin|chassis"
    names += "|insurance|vehicle identification"
    names += "|national insurance|nino|tax|VAT|mrn|medical record|health card|user id|userid|login name"
    names += "|account|acct|a/c|sort code|IBAN|routing|membership|frequent flyer|policy|student|taxi|report"
    marks = "account|number|no.|nr|num|id|identifier|card|code|#|is|was|reads|ending in|there|:|= |#|on|the"
    codes = (
        "12345678|AB123456|a1234|1234 5678|12-34-56|2018|AB12 CDE|X1234567|9|12/24/2018|$4,500|12.345.678-Z"
    )
    places = "12 Mill Lane|7b N. Old Kent Rd|P.O. Box 77|Lindenweg 5|4 old street|10 A B C Ave, Leeds"
    groups = [each.split("|") for each in (names, marks, marks, codes, codes, places)]
    seen = {"housed": 0, "named": 0, "neither": 0}
    for _ in range(20000):
        words = [draw.choice(draw.choice(groups)) for _ in range(draw.randint(2, 7))]
        text = "".join(word + draw.choice([" ", " ", " ", "", "\n", ", ", "é "]) for word in words)
        held = signs_of(text)
        housed, named_ = bool(held & signs.HOUSED), bool(held & signs.NAMED)
        all_ = numbers.find_numbers(text)
        assert numbers.find_numbers(text, housed=housed, named=named_) == all_, text
        assert held & signs.NUMBER or not all_, text
        seen["housed" if housed else "named" if named_ else "neither"] += bool(all_) or not (housed or named_)
    assert min(seen.values()) > 500


WRITTEN = (
    ("|db_|my ", "pass|PASS|password|Passwd|pwd|passcode", "=| = |: |\t=| is ", "hunter22x9|Blue-sky"),
    (
        "|b. ",
        "born on|Birthday:|DOB|d.o.b.|Geburtstag:|geburtsdatum ist|geboren am|née le|date de naissance:"
        "|nacida el|fecha de nacimiento|nato il|data di nascita:|nascida em|Data de nascimento:",
        " ",
        "12.03.1980|12/03/1980|1980-03-12",
    ),
    ("it was ", "12/03/1980|3 May 1980", " (|, ", "my birthday|date of birth|d.o.b"),
    (
        "jo|jo.may",
        " at | [at] |(at)|-at-|_at_|@|<@>",
        "acme|mail dot acme",
        " dot |[dot]|(.) | [.] |_dot_",
        "com|org",
    ),
    ("jo", " at |@| @ |@ |%40|(at)", "gmail|web", ".|,| . ", "com|de"),
    ("|my ", "login|user name|UserID|handle|gamertag|screen name", " is |: |=", "jsmith|@jo_9"),
    ("|my_", "api_key|Token|client secret|bearer|basic", " is |=|: | ", "q8Zk2Lm9Xv4Tn7Rb|q8~k2Lm9~v4Tn7Rb3"),
    ("|the ", "PIN|cvv2|OTP|security code|one-time code", " |: | is ", "4711|123"),
    ("https://|www.|", "x.test/|t.me/|github.com/|twitter.com/", "jsmith|reset/q8Zk2Lm9Xv4Tn7Rb|?key=q8Zk2"),
    ("|mac ", "3c:22:fb:1a:0e:9d|3C-22-FB-1A-0E-9D|3c22.fb1a.0e9d|2a02:8109::1|::ab:cd:12"),
    ("|key ", "ghp_|hf_|glpat-|AKIA|sk-", "Q8ZK2LM9XV4TN7RB3C5D|Q8ZK2LM9XV4TN7RB3C5DQ8ZK"),
    ("|so ", "jo@acme.org|jo+a@b.co.uk|follow @jsmith|@jsmith on Instagram"),
)  # fmt: skip
"""Pieces of what each search looks for; with some, every way to join them is a text."""


def test_no_search_finds_what_its_sign_leaves_out() -> None:
    """As its sign alone decides whether it is asked at all."""
    found = [0] * len(_SEARCHES)
    for pieces in WRITTEN:
        for each in product(*(piece.split("|") for piece in pieces)):
            text = "".join(each)
            for place, (sign, find) in enumerate(_SEARCHES):
                if any(True for _ in find(text)):
                    found[place] += 1
                    assert signs_of(text) & sign, (find.__name__, text)
                    assert any(re.search(each, text) for each in signs.CANDIDATES), text
    assert min(found) > 4, found
