"""Lines of packed rows: full, each row once an epoch, and a pure function of seed and names."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest

from duecare.core import DataError, StudyError
from duecare.train import Sft
from duecare.train.batch import Plan
from duecare.train.packing import LOOK_AHEAD, Lines, draw_lines, filling, lay_lines, lines_of
from duecare.train.rows import NO_ANSWER, Passage, UnusableRowError

NAMES = [f"chats:{i}" for i in range(300)]
LENGTH = 256


def sized(size: int, first: int = 0) -> Passage:
    tokens = first + np.arange(size, dtype=np.int32)
    return Passage(tokens=tokens, taught=np.arange(size) >= size // 2, cut=False)


def sizes(seed: int = 0) -> dict[str, int]:
    """Lengths as of conversations: skewed, many short, some as long as a line."""
    drawn = np.random.default_rng(seed).lognormal(3.8, 0.7, len(NAMES)).astype(int)
    return dict(zip(NAMES, np.clip(drawn, 12, LENGTH).tolist(), strict=True))


def reader(names: list[str], refused: frozenset[str] = frozenset()) -> Callable[[int], Passage]:
    lengths = sizes()

    def read(place: int) -> Passage:
        if names[place] in refused:
            raise UnusableRowError(NO_ANSWER)
        return sized(lengths[names[place]])

    return read


def stream(lines: Lines, names: list[str]) -> list[list[str]]:
    """Row names by line."""
    return [[names[lines.plan.rows[entry]] for entry in line] for line in lines.lines]


def test_each_epoch_has_every_usable_row_once_and_lines_are_full():
    refused = frozenset(NAMES[::50])
    lines = draw_lines(NAMES, reader(NAMES, refused), 170, LENGTH, seed=3)
    held = stream(lines, NAMES)
    flat = [name for line in held for name in line]
    usable = len(NAMES) - len(refused)
    assert len(flat) > 2 * usable
    for epoch in range(2):
        assert set(flat[epoch * usable : (epoch + 1) * usable]) == set(NAMES) - refused
    assert flat[:usable] != flat[usable : 2 * usable]
    lengths = sizes()
    filled = np.array([sum(lengths[name] for name in line) for line in held]) / LENGTH
    assert filled.max() <= 1
    assert filled.mean() > 0.98
    assert np.quantile(filled, 0.05) > 0.9
    assert lines.plan.unusable == {NO_ANSWER: len(refused)}
    assert lines.plan.met == len(lines.plan.read) + len(refused)


def test_control_without_looking_ahead_lines_are_not_full():
    lengths = sizes()
    filled, room = [], 0
    for name in NAMES:
        if lengths[name] > room:
            filled.append(LENGTH - room)
            room = LENGTH
        room -= lengths[name]
    assert np.mean(filled[1:]) / LENGTH < 0.9


def test_lines_are_a_function_of_seed_and_names_alone():
    lines = stream(draw_lines(NAMES, reader(NAMES), 60, LENGTH, seed=1), NAMES)
    shuffled = random.Random(0).sample(NAMES, len(NAMES))
    assert stream(draw_lines(shuffled, reader(shuffled), 60, LENGTH, seed=1), shuffled) == lines
    assert stream(draw_lines(NAMES, reader(NAMES), 20, LENGTH, seed=1), NAMES) == lines[:20]
    assert stream(draw_lines(NAMES, reader(NAMES), 60, LENGTH, seed=2), NAMES) != lines


def test_the_order_stays_near_the_drawn_one():
    """A row is at most LOOK_AHEAD places early, and long rows do not come first."""
    lengths, early = sizes(), []
    for seed in range(8):
        lines = draw_lines(NAMES, reader(NAMES), 60, LENGTH, seed)
        flat = [name for line in stream(lines, NAMES) for name in line][:200]
        early.append(np.corrcoef(np.arange(200), [lengths[name] for name in flat])[0, 1])
        whole = draw_lines(NAMES, lambda _: sized(LENGTH), 300, LENGTH, seed)
        drawn = {name: place for place, (name,) in enumerate(stream(whole, NAMES))}
        assert all(drawn[name] - place < LOOK_AHEAD for place, name in enumerate(flat))
    assert abs(np.mean(early)) < 0.1


def test_only_rows_looked_over_are_read_and_those_in_lines_are_counted():
    touched: list[int] = []

    def read(place: int) -> Passage:
        touched.append(place)
        return sized(100)

    lines = draw_lines(NAMES, read, 3, LENGTH, 0)
    assert len(lines.plan.read) == lines.plan.met == 6
    assert len(touched) == len(set(touched)) <= 6 + LOOK_AHEAD


def test_few_rows_fill_lines_epoch_after_epoch():
    lines = draw_lines(NAMES[:3], lambda _: sized(40), 4, LENGTH, 0)
    assert [len(line) for line in lines.lines] == [6, 6, 6, 6]
    assert all(sorted(line[:3]) == sorted(line[3:]) == [0, 1, 2] for line in stream_of_entries(lines))


def stream_of_entries(lines: Lines) -> list[list[int]]:
    return [line.tolist() for line in lines.lines]


def test_rows_to_measure_stand_in_lines_once_each():
    read = tuple(sized(size) for size in sizes().values())
    plan = Plan(np.arange(len(read)), read, np.arange(len(read)), {}, len(read))
    lines = lines_of(plan, LENGTH)
    assert sorted(np.concatenate(lines.lines).tolist()) == list(range(len(read)))
    assert len(lines.lines) < 1.02 * sum(sizes().values()) / LENGTH + 2
    assert lines_of(Plan(np.arange(0), (), np.arange(0), {}, 0), LENGTH).lines == ()


def test_without_a_usable_row_it_stops_and_says_why():
    with pytest.raises(DataError, match=r"of 300 rows none can be trained on.*no answer.*300"):
        draw_lines(NAMES, reader(NAMES, frozenset(NAMES)), 4, LENGTH, 0)
    with pytest.raises(DataError, match="of 0 rows"):
        draw_lines([], reader([]), 4, LENGTH, 0)
    with pytest.raises(DataError, match="a row of 257 tokens: expected at most 256"):
        draw_lines(NAMES, lambda _: sized(257), 4, LENGTH, 0)


@pytest.mark.parametrize("first", [True, False])
def test_no_choice_fills_a_line_better(first: bool):
    """Held against every subset there is."""
    draw = random.Random(0)
    for _ in range(200):
        waiting = [draw.randint(1, 30) for _ in range(draw.randint(1, 9))]
        room = draw.randint(max(waiting), 60)
        chosen = filling(waiting, room, first=first)
        assert chosen == sorted(set(chosen))
        assert 0 in chosen or not first
        subsets = itertools.chain.from_iterable(
            itertools.combinations(range(len(waiting)), count) for count in range(len(waiting) + 1)
        )
        sums = [sum(waiting[i] for i in each) for each in subsets if 0 in each or not first]
        assert sum(waiting[i] for i in chosen) == max(each for each in sums if each <= room)


def test_rows_stand_behind_each_other_and_positions_start_anew():
    lines = [[sized(3, 10), sized(2, 20)], [sized(4, 30)]]
    laid = lay_lines(lines, (3, 6), 8, pad_id=99)
    assert laid.tokens.tolist() == [[10, 11, 12, 20, 21, 99], [30, 31, 32, 33, 99, 99], [99] * 6]
    assert laid.position.tolist() == [[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 0, 0], [0] * 6]
    assert laid.segment.tolist() == [[0, 0, 0, 1, 1, -1], [2, 2, 2, 2, -1, -1], [-1] * 6]
    asked = laid.asked
    said = list(zip(asked.row, asked.place, asked.target, laid.side, asked.counts, strict=True))
    assert said == [
        (0, 0, 11, 0, 1),
        (0, 1, 12, 0, 1),
        (0, 3, 21, 1, 1),
        (1, 1, 32, 2, 1),
        (1, 2, 33, 2, 1),
        *[(0, 0, 0, 0, 0)] * 3,
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"batch_tokens": 512, "batch_size": 4}, r"batch_size = 4:.*beside batch_tokens"),
        ({"batch_tokens": 512, "max_tokens": 192}, r"batch_tokens = 512:.*multiple of max_tokens = 192"),
        ({"batch_tokens": 128, "max_tokens": 256}, r"batch_tokens = 128:.*multiple of max_tokens = 256"),
        ({"batch_tokens": 1}, r"batch_tokens = 1:.*2 to"),
        ({"batch_tokens": 2.5}, r"batch_tokens = 2.5:.*2 to"),
        ({"batch_tokens": True}, r"batch_tokens = True:.*2 to"),
        ({"batch_tokens": 512, "max_tokens": 0}, r"max_tokens = 0:.*2 to"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], says: str):
    with pytest.raises(StudyError, match=says):
        Sft(on="chats", **settings)  # type: ignore[arg-type]


def test_a_batch_is_so_many_lines():
    def shape(**settings: int) -> tuple[int, int]:
        step = Sft(on="chats", **settings)  # type: ignore[arg-type]
        return step.lines, step.row_tokens

    assert shape() == (4, 128)
    assert shape(batch_size=2) == (2, 128)
    assert shape(batch_tokens=1024) == (1, 1024)
    assert shape(batch_tokens=1024, max_tokens=256) == (4, 256)
