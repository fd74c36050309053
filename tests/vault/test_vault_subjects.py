"""The keyed index: it misses nobody, rarely errs, is bounded, and says nothing without its key."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from duecare.core import LedgerError
from duecare.vault.subjects import (
    BLOCK,
    MOST_BITS,
    Block,
    asked,
    digests,
    read_blocks,
    terms,
    write_blocks,
)

KEY, OTHER = b"k" * 32, b"o" * 32
TEXT = "Hello, I am Ada Brown (ada.brown@mail.test); call +49 151 123-45678, customer AB-99-17. Ada's cat."


@pytest.mark.parametrize(
    "subject",
    [
        "ada.brown@mail.test",
        "ADA.Brown@Mail.TEST ",
        "Ada Brown",
        "ada   brown",
        "AB-99-17",
        "+49 (151) 12345678",
        "4915112345678",
        "Ada",
    ],
)
def test_a_person_is_found_however_the_words_are_written(subject: str) -> None:
    assert set(asked(subject)) <= terms(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "12 030 1234567",
        "030 1234567 2024-05-01",
        "2024-05-01 0301234567",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 (030) 123-4567",
        "+49 (0)30 1234567",
        "id030-1234567.",
    ],
)
def test_a_number_is_found_beside_other_figures(text: str) -> None:
    assert set(asked("030 1234567")) <= terms(text)
    assert not set(asked("030 1234568")) <= terms(text)  # the control


def test_long_lines_of_figures_are_bounded() -> None:
    assert len(terms("7 " * 4000)) < 50
    assert len(terms(" ".join(str(10 + number) for number in range(1000)))) < 15_000


@pytest.mark.parametrize("subject", ["Brown Ada", "ada@mail.test", "Ada Browne", "AB-99-18", "4915112345679"])
def test_somebody_else_is_not(subject: str) -> None:
    assert not set(asked(subject)) <= terms(TEXT)


@pytest.mark.parametrize("subject", ["", "  ", "a", "?!", "-"])
def test_what_tells_nobody_apart_is_refused(subject: str) -> None:
    with pytest.raises(LedgerError, match="three letters"):
        asked(subject)


def test_the_index_never_misses_and_errs_as_often_as_it_says() -> None:
    chance = random.Random(7)
    held = [f"person{chance.randrange(10**9)}" for _ in range(20_000)]
    block = Block.of(0, BLOCK, digests(KEY, held))
    assert all(block.holds([each]) for each in digests(KEY, held[:500]))
    strangers = digests(KEY, [f"stranger{number}" for number in range(3_000)])
    wrong = sum(block.holds([each]) for each in strangers)
    assert block.mistaken < 0.002
    assert wrong <= 3_000 * block.mistaken + 12
    foreign = digests(OTHER, held[:500])  # control: under another key they are strangers
    assert sum(block.holds([each]) for each in foreign) <= 10


def test_a_block_is_bounded_and_says_what_that_costs() -> None:
    chance = random.Random(1)
    many = [chance.randbytes(16) for _ in range(300_000)]
    block = Block.of(0, BLOCK, many)
    assert len(block.bits) == MOST_BITS // 8
    few = Block.of(0, BLOCK, many[:1000])
    assert len(few.bits) < 3_000
    assert block.mistaken > few.mistaken


def test_it_is_written_and_read_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "subjects.index"
    blocks = [Block.of(start, 10, digests(KEY, terms(TEXT))) for start in (0, 10)]
    assert write_blocks(path, blocks) == path.stat().st_size
    assert list(read_blocks(path)) == blocks
    assert b"brown" not in path.read_bytes().lower()
    whole = path.read_bytes()
    for left in (5, len(whole) - 1, len(whole) - len(blocks[1].bits) - 3):
        path.write_bytes(whole[:left])
        with pytest.raises(LedgerError, match="index"):
            list(read_blocks(path))
