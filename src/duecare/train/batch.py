"""Which rows a step sees, and the arrays they become.

The order is a pure function of seed, step and row names: it needs no state to resume, does not change
when rows are reordered in their file, and does not depend on a library's random generator.
All batches of a run have one shape, so the model is compiled once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.train.rows import Ids, Mask, Passage, UnusableRowError

T = TypeVar("T")
ROUND = 16
"""Lengths are rounded up to a multiple of this, so that similar data share a compiled shape."""

ASKED_TOGETHER = 64
"""Log-probabilities are asked for in groups of this many, so that few logits exist at one time."""


def epoch_order(names: Sequence[str], seed: int, epoch: int) -> list[int]:
    """The places of `names` in the order in which epoch number `epoch` visits them."""

    def rank(place: int) -> bytes:
        return hashlib.sha256(f"{seed}\0{epoch}\0{names[place]}".encode()).digest()

    return sorted(range(len(names)), key=rank)


@dataclass(frozen=True, slots=True)
class Plan(Generic[T]):
    """What is read in a run.

    `slots` int64 [N]: which entry of `read` stands at each place of the stream, first to last.
    `rows` int64 [len(read)]: its place in the table. `unusable` counts rows met and left out, by
    reason; `met` counts all distinct rows met.
    """

    slots: npt.NDArray[np.int64]
    read: tuple[T, ...]
    rows: npt.NDArray[np.int64]
    unusable: dict[str, int]
    met: int

    def step(self, step: int, size: int) -> npt.NDArray[np.int64]:
        """Entries of `read` in the batch of training step `step` (0-based): int64 [size]."""
        return self.slots[step * size : (step + 1) * size]


def draw(names: Sequence[str], read: Callable[[int], T], count: int, seed: int) -> Plan[T]:
    """Read rows in order, epoch after epoch, until `count` places are filled.

    Only rows that are needed are read. `read(place)` raises UnusableRowError for a row that cannot be
    trained on; such a row is passed over in every epoch. Raises DataError where no row is left.
    """
    entries: dict[int, int] = {}
    refused: dict[int, str] = {}
    found: list[T] = []
    slots: list[int] = []
    epoch = 0
    while len(slots) < count:
        for place in epoch_order(names, seed, epoch):
            if place not in entries and place not in refused:
                try:
                    found.append(read(place))
                    entries[place] = len(found) - 1
                except UnusableRowError as reason:
                    refused[place] = str(reason)
            if place in entries:
                slots.append(entries[place])
                if len(slots) == count:
                    break
        if not slots:
            raise DataError(f"of {len(names)} rows none can be trained on: {counted(refused.values())}")
        epoch += 1
    return Plan(
        slots=np.array(slots, dtype=np.int64),
        read=tuple(found),
        rows=np.array(list(entries), dtype=np.int64),
        unusable=counted(refused.values()),
        met=len(entries) + len(refused),
    )


def take(names: Sequence[str], read: Callable[[int], T], limit: int, seed: int) -> Plan[T]:
    """At most `limit` usable rows, each once, chosen by seed: for measuring, not for training."""
    entries: list[int] = []
    refused: list[str] = []
    found: list[T] = []
    for place in epoch_order(names, seed, 0):
        if len(found) == limit:
            break
        try:
            found.append(read(place))
            entries.append(place)
        except UnusableRowError as reason:
            refused.append(str(reason))
    return Plan(
        slots=np.arange(len(found), dtype=np.int64),
        read=tuple(found),
        rows=np.array(entries, dtype=np.int64),
        unusable=counted(refused),
        met=len(found) + len(refused),
    )


def chunks(count: int, size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Entries 0..count-1 in batches of `size`; the last is filled by repeating its last entry."""
    for start in range(0, count, size):
        yield np.minimum(np.arange(start, start + size), count - 1)


def rounded(longest: int, limit: int) -> int:
    """The common length of a run's batches: `longest` rounded up, at most `limit`."""
    return min(limit, -(-longest // ROUND) * ROUND)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which log-probabilities are wanted of a batch: int32 [N] each, filled up to N at the end.

    After `place` of line `row` the token `target`; `counts` float32 [N] is 1, or 0 for filling.
    """

    row: Ids
    place: Ids
    target: Ids
    counts: npt.NDArray[np.float32]


def stack(passages: Sequence[Passage], length: int, asked: int, pad_id: int) -> tuple[Ids, Mask, Asked]:
    """Passages as tokens int32 [B, L] and real bool [B, L], padded at the end, and what is taught."""
    tokens = np.full((len(passages), length), pad_id, dtype=np.int32)
    real = np.zeros((len(passages), length), dtype=np.bool_)
    found = []
    for line, one in enumerate(passages):
        size = len(one.tokens)
        tokens[line, :size] = one.tokens
        real[line, :size] = True
        places = np.flatnonzero(one.taught[1:])
        found.append((np.full(len(places), line), places, one.tokens[places + 1]))
    return tokens, real, ask(found, asked)


def ask(parts: Sequence[tuple[npt.NDArray[Any], ...]], size: int) -> Asked:
    """Rows, places and targets of each part in one list of `size`."""
    columns = [np.concatenate(column).astype(np.int32) for column in zip(*parts, strict=True)]
    filling = size - len(columns[0])
    row, place, target = (np.pad(column, (0, filling)) for column in columns)
    counts = np.pad(np.ones(len(columns[0]), dtype=np.float32), (0, filling))
    return Asked(row=row, place=place, target=target, counts=counts)


def taught_tokens(plan: Plan[Passage]) -> npt.NDArray[np.int64]:
    """How many tokens of each passage are taught: int64 [len(plan.read)]."""
    return np.array([one.taught[1:].sum() for one in plan.read], dtype=np.int64)


def most_asked(sizes: npt.NDArray[np.int64], batches: Iterable[npt.NDArray[np.int64]]) -> int:
    """The most positions that any batch asks for, rounded up to whole chunks; `sizes` by entry."""
    most = max((int(sizes[entries].sum()) for entries in batches), default=0)
    return max(1, -(-most // ASKED_TOGETHER)) * ASKED_TOGETHER


class Answered(Protocol):
    """A prompt with its answers, int32 [P] and [A] each; all that are laid out have as many answers."""

    @property
    def prompt(self) -> Ids: ...
    @property
    def answers(self) -> Sequence[Ids]: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Prompts and answers as lines of tokens, int32 [B, T] each: `part` is 0 in a prompt, 1 in its first
    answer (of a pair the chosen), 2 in its second and so on, -1 in padding; `position` counts on from the
    prompt in every answer. `side` int32 [N] says for each position asked to which answer it belongs: the
    answer's number times the number of prompts, plus that of its prompt."""

    tokens: Ids
    position: Ids
    part: Ids
    asked: Asked
    side: Ids


def lay_out(prompts: Sequence[Answered], length: int, asked: int, pad_id: int, *, shared: bool) -> Lines:
    """Each prompt once with all its answers behind it, or (not `shared`) one line for each answer.

    A shared prompt is read once for all answers, which must not see each other. Not for models with
    a sliding window that lines outgrow: Tunix counts the window in places, not in positions.
    """
    lines = len(prompts) if shared else len(prompts) * len(prompts[0].answers)
    tokens = np.full((lines, length), pad_id, dtype=np.int32)
    position, part = np.zeros_like(tokens), np.full_like(tokens, -1)
    found, sides = [], []

    def write(line: int, start: int, ids: Ids, first: int, number: int) -> None:
        there = (line, slice(start, start + len(ids)))
        tokens[there], position[there], part[there] = ids, first + np.arange(len(ids)), number

    for number, one in enumerate(prompts):
        asks = start = len(one.prompt)
        for which, answer in enumerate(one.answers):
            own = number + which * len(prompts)
            line = number if shared else own
            write(line, 0, one.prompt, 0, 0)
            write(line, start, answer, asks, 1 + which)
            before = start + np.arange(len(answer)) - 1
            before[0] = asks - 1
            found.append((np.full(len(answer), line), before, answer))
            sides.append(np.full(len(answer), own, dtype=np.int32))
            start += len(answer) if shared else 0
    side = np.concatenate(sides)
    side = np.pad(side, (0, asked - len(side)))
    return Lines(tokens=tokens, position=position, part=part, asked=ask(found, asked), side=side)


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """How often each reason was given, by name."""
    return dict(sorted(Counter(reasons).items()))
