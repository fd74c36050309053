"""Check digits of states' numbers against another library's word, and what follows from the rules alone."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from national_numbers import COUNT, KINDS, candidates

from duecare.detect import registers
from duecare.detect.numbers import SHAPES
from duecare.detect.patterns import find_forms

GOLDEN: dict[str, str] = json.loads((Path(__file__).parent / "golden_national.json").read_text("utf-8"))
UNKNOWN = {"NRIC", "SNILS"}
"""Kinds that the other library does not know."""


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_check_says_what_another_library_says(kind: str) -> None:
    check = KINDS[kind][0]
    ours = {number for number in candidates(kind) if check(number)}
    bits = int(GOLDEN[kind], 16)
    theirs = {number for place, number in enumerate(candidates(kind)) if bits >> place & 1}
    assert ours == theirs
    assert 5 <= len(ours) <= COUNT / 2, "else it says little"


def test_every_register_is_held_against_the_other_library() -> None:
    assert set(registers.REGISTERS) - set(KINDS) == UNKNOWN
    assert GOLDEN.keys() == KINDS.keys()


def test_a_changed_digit_is_refused_where_all_are_checked() -> None:
    for number, check in (("S1234567D", registers.nric), ("11223344595", registers.snils)):
        assert check(number)
        for place, sign in enumerate(number):
            if sign.isdigit():
                for digit in set("0123456789") - {sign}:
                    assert not check(f"{number[:place]}{digit}{number[place + 1 :]}")


def test_findings_do_not_hang_on_the_day() -> None:
    """A number of somebody born in 2049 is one today; libraries that ask the date say no."""
    assert registers.cpr("0101494000")
    number = 2_490_101_001
    assert registers.niss(f"{number % 10**9}{97 - number % 97:02d}")
    assert not registers.niss(f"{500_101_001}{97 - 2_500_101_001 % 97:02d}")


def test_a_shape_that_needs_no_word_passes_hardly_any_number() -> None:
    """One in fifty at most, of numbers whose digits are drawn, and nine in ten of the kinds need a word."""
    alone = [(kind, shape) for kind, each in registers.REGISTERS.items() for shape in each.alone]
    assert {kind for kind, _ in alone} == {"AHV", "NISS", "SNILS", "RESIDENT_ID"}
    draw = random.Random(4)
    for kind, shape in alone:
        drawn = (
            "".join(draw.choice("0123456789") if sign == "9" else sign for sign in shape) for _ in range(3000)
        )
        assert sum(registers.REGISTERS[kind].check(number) for number in drawn) <= 60


def test_every_shape_of_a_register_is_looked_for() -> None:
    for kind, register in registers.REGISTERS.items():
        for shape in (*register.named, *register.alone):
            assert kind in {rule.label for rule in SHAPES[shape]}


def test_the_word_before_a_number_says_whose_it_is() -> None:
    """One number that is right for two countries: its name decides."""
    number = next(
        n for n in (f"010203{n:04d}" for n in range(50, 10_000)) if registers.egn(n) and registers.cpr(n)
    )
    assert [span.label for span in find_forms(f"CPR {number}")] == ["CPR"]
    assert [span.label for span in find_forms(f"ЕГН {number}")] == ["EGN"]
    assert find_forms(f"see {number}") == []
