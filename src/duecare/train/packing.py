"""Several rows to a line of tokens, so that a batch is text and hardly any padding.

Rows differ in length, and a batch has one shape: padded, every row costs what the longest costs. Here rows
are put one behind the other into lines of one length. Each sees itself only, and its positions start anew,
so that its loss is what it would be alone (Krell et al. 2021, "Efficient Sequence Packing without
Cross-contamination", arXiv:2107.02027).

Lines are filled in the order of the epoch: each begins with the row that has waited longest, and takes those
of the `LOOK_AHEAD` next that fill it best (a subset sum, exact). A window this short keeps the order close to
the drawn one (sorting a whole epoch by length would teach long rows first) and needs no more than these
rows read. A line that the last rows of an epoch do not fill goes on with the first of the next. What a line
holds is a pure function of seed, row names and rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.train.batch import Asked, Plan, ask, counted, epoch_order, most_asked
from duecare.train.rows import Ids, Passage, UnusableRowError

LOOK_AHEAD = 32
"""Rows looked over for those that fill a line."""

Entries = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows in lines: `lines` holds, first to last, which entries of `plan.read` stand in each."""

    plan: Plan[Passage]
    lines: tuple[Entries, ...]

    def step(self, step: int, size: int) -> tuple[Entries, ...]:
        """The lines of training step `step` (0-based), `size` of them."""
        return self.lines[step * size : (step + 1) * size]

    def steps(self, size: int) -> int:
        """Batches of `size` lines, the last one perhaps with fewer."""
        return -(-len(self.lines) // size)

    def room(self, size: int) -> tuple[int, int]:
        """The most rows in any batch of `size` lines, and the most positions that one asks for."""
        batches = [np.concatenate(self.step(number, size)) for number in range(self.steps(size))]
        taught = np.array([one.taught[1:].sum() for one in self.plan.read], dtype=np.int64)
        return max((len(entries) for entries in batches), default=1), most_asked(taught, batches)


def draw_lines(
    names: Sequence[str], read: Callable[[int], Passage], count: int, length: int, seed: int
) -> Lines:
    """Read rows in order, epoch after epoch, until `count` lines of `length` tokens are filled.

    `read` as in `duecare.train.batch.draw`; it gives rows of `length` tokens at most. Each usable row
    stands in the lines once an epoch, and no row of an epoch comes before a row of the epoch before it.
    Rows that were looked at but stand in no line are not counted as read.
    """
    ahead = _Ahead(names, read, seed)
    return ahead.lines([np.array(list(ahead.fill(length)), dtype=np.int64) for _ in range(count)])


def lines_of(plan: Plan[Passage], length: int) -> Lines:
    """The rows of a plan in lines, each once, filled by the same rule."""
    waiting, lines = list(range(len(plan.read))), []
    while waiting:
        sizes = [len(plan.read[entry].tokens) for entry in waiting[:LOOK_AHEAD]]
        chosen = filling(sizes, length, first=True)
        lines.append(np.array([waiting[place] for place in chosen], dtype=np.int64))
        for place in reversed(chosen):
            del waiting[place]
    return Lines(plan, tuple(lines))


def filling(sizes: Sequence[int], room: int, *, first: bool) -> list[int]:
    """Which rows of `sizes` tokens leave the least of `room` empty, early rows preferred, in order.

    `first` asks for row 0 among them; DataError where that is longer than `room`.
    """
    if first and sizes[0] > room:
        raise DataError(f"a row of {sizes[0]} tokens: expected at most {room}, the length of a line")
    # Bit n of reach[i]: whether some of the rows before i make n tokens.
    reach = [1]
    for place, size in enumerate(sizes):
        longer = reach[-1] << size
        reach.append((longer if first and place == 0 else reach[-1] | longer) & ((2 << room) - 1))
    left, chosen = reach[-1].bit_length() - 1, []
    for place in reversed(range(len(sizes))):
        if (first and place == 0) or not reach[place] >> left & 1:
            chosen.append(place)
            left -= sizes[place]
    return chosen[::-1]


class _Ahead:
    """The next rows of an endless stream of epochs, as far as they are looked over."""

    def __init__(self, names: Sequence[str], read: Callable[[int], Passage], seed: int) -> None:
        self.names, self.read, self.seed = names, read, seed
        self.epoch = 0
        self.order = iter(epoch_order(names, seed, 0))
        self.known: dict[int, Passage] = {}
        self.refused: dict[int, str] = {}
        self.waiting: list[int] = []

    def fill(self, length: int) -> Iterator[int]:
        """The rows of the next line, by their places in the table."""
        room, first = length, True
        while room:
            if not self._looked() and not self._next_epoch():
                raise DataError(
                    f"of {len(self.names)} rows none can be trained on: {counted(self.refused.values())}"
                )
            sizes = [len(self.known[place].tokens) for place in self.waiting]
            chosen = filling(sizes, room, first=first)
            room, first = room - sum(sizes[place] for place in chosen), False
            yield from [self.waiting[place] for place in chosen]
            for place in reversed(chosen):
                del self.waiting[place]
            if self.waiting:
                return

    def lines(self, lines: Sequence[Entries]) -> Lines:
        """`lines` of places as lines of entries, with what was read for them."""
        slots = np.concatenate([np.zeros(0, np.int64), *lines])
        places = list(dict.fromkeys(slots.tolist()))
        entry = {place: number for number, place in enumerate(places)}
        plan = Plan(
            slots=np.array([entry[place] for place in slots.tolist()], dtype=np.int64),
            read=tuple(self.known[place] for place in places),
            rows=np.array(places, dtype=np.int64),
            unusable=counted(self.refused.values()),
            met=len(places) + len(self.refused),
        )
        ends = np.cumsum([len(line) for line in lines])
        return Lines(plan, tuple(np.split(plan.slots, ends[:-1])))

    def _looked(self) -> bool:
        """Look over as many rows of this epoch as there are, LOOK_AHEAD at most; whether any waits."""
        while len(self.waiting) < LOOK_AHEAD and (place := next(self.order, None)) is not None:
            if place not in self.known and place not in self.refused:
                try:
                    self.known[place] = self.read(place)
                except UnusableRowError as reason:
                    self.refused[place] = str(reason)
            if place in self.known:
                self.waiting.append(place)
        return bool(self.waiting)

    def _next_epoch(self) -> bool:
        self.epoch += 1
        self.order = iter(epoch_order(self.names, self.seed, self.epoch))
        return self._looked()


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch of lines, int32 [B, L] each: `tokens`, `position` (from 0 in every row) and `segment`.

    `segment` numbers the rows of the batch through all its lines, -1 in padding. `side` int32 [N] says of
    each position asked to which row it belongs.
    """

    tokens: Ids
    position: Ids
    segment: Ids
    asked: Asked
    side: Ids


def lay_lines(lines: Sequence[Sequence[Passage]], shape: tuple[int, int], asked: int, pad_id: int) -> Packed:
    """Rows one behind the other in each line, in an array of `shape` [B, L] that has room for the lines.

    What is taught of them is filled up to `asked` positions.
    """
    tokens = np.full(shape, pad_id, dtype=np.int32)
    position, segment = np.zeros_like(tokens), np.full_like(tokens, -1)
    found: list[tuple[npt.NDArray[Any], ...]] = [(np.zeros(0), np.zeros(0), np.zeros(0))]
    sides = [np.zeros(0, np.int64)]
    for number, line in enumerate(lines):
        start = 0
        for one in line:
            size = len(one.tokens)
            there = (number, slice(start, start + size))
            tokens[there], position[there], segment[there] = one.tokens, np.arange(size), len(sides) - 1
            places = np.flatnonzero(one.taught[1:])
            found.append((np.full(len(places), number), start + places, one.tokens[places + 1]))
            sides.append(np.full(len(places), len(sides) - 1))
            start += size
    side = np.concatenate(sides).astype(np.int32)
    side = np.pad(side, (0, asked - len(side)))
    return Packed(tokens, position, segment, ask(found, asked), side)


def useful(plan: Plan[Passage]) -> int:
    """Tokens of rows in all batches; the rest is padding."""
    return int(np.array([len(one.tokens) for one in plan.read], dtype=np.int64)[plan.slots].sum())
