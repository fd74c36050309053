"""Rows that are near duplicates of each other, found by locality-sensitive hashing and verified exactly.

Two rows are alike as the sets of their shingles are (Jaccard similarity): of words, five at a time, or,
where both rows are short, of characters, four at a time, because one changed word breaks most of a short
row's word runs. Rows that share a band of their MinHash signatures are compared exactly; which rows those
are is a matter of chance (fixed chance: the same rows always give the same answer).

State: band keys lie in a file without a name, shingles of candidates in another. In memory are a few
numbers a row.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from duecare.core.errors import refuse_unless
from duecare.detect.overlap import Banding, Passages, Shape, band_keys, jaccard, shingle_sets

WORDS, CHARS = Shape(5), Shape(4, chars=True)
SHORT = 60
"""A row with fewer word shingles (some 64 words) is short."""

SORTED = 1 << 20
"""Keys of a band that are read and sorted at once; of more rows parts are made, by the keys' upper bits."""

COMPARED = 1 << 11
"""Pairs compared at once, in the order of their shingles: what was read is let go of before the next. The
system maps 64 kB around each place, so these are at most some 130 MB."""

WHOLE = 32
"""Rows that share a band are all compared with each other up to this many; beyond, with the first ones."""

ROUNDS = 64
"""How many rows of one large band, or of one cluster, the others are compared with."""


class Space:
    """One kind of shingle: which rows are looked at by it, their band keys, their shingles.

    `member` bool [rows]; `place` int32 [rows] (int64 from 2^31 rows on) is where a candidate's set lies, -1
    where it has none.
    """

    def __init__(self, shape: Shape, banding: Banding, rows: int, folder: Path) -> None:
        self.shape, self.banding, self.rows = shape, banding, rows
        self.member = np.zeros(rows, dtype=bool)
        self.place: np.ndarray = np.full(rows, -1, dtype=np.int32 if rows < 1 << 31 else np.int64)
        # Files without a name: shingles tell what a text says, and nothing of it may outlive a killed run.
        self._keys = TemporaryFile(dir=folder)  # noqa: SIM115  # NearRows is the context manager
        self._values = TemporaryFile(dir=folder)  # noqa: SIM115  # NearRows is the context manager
        self._ends: list[np.ndarray] = [np.zeros(1, dtype=np.int64)]
        self._sets, self._end = 0, 0

    def close(self) -> None:
        """Let go of the files, which are gone then."""
        self._keys.close()
        self._values.close()

    def add_keys(self, start: int, keys: np.ndarray, member: np.ndarray) -> None:
        """The band keys of the rows from position `start` on; `member` says whose mean something."""
        self.member[start : start + len(member)] = member
        for band, column in enumerate(np.ascontiguousarray(keys.T)):
            self._keys.seek(8 * (band * self.rows + start))
            self._keys.write(column.tobytes())

    def add_sets(self, positions: np.ndarray, passages: Passages) -> None:
        """The shingles of candidates at `positions`, whose texts `passages` holds."""
        values, starts = shingle_sets(passages, self.shape)
        self.place[positions] = self._sets + np.arange(len(positions))
        self._sets += len(positions)
        self._ends.append(self._end + starts[1:])
        self._end += int(starts[-1])
        self._values.write(values.tobytes())

    def groups(self, among: np.ndarray, *, ordered: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each band the positions (of `among`, ascending) that share a key with another, group by group,
        and the number of each one's group. Positions of a group ascend if `ordered`, which takes longer."""
        parts = 1 << max(0, (len(among) // SORTED).bit_length())
        for band in range(self.banding.bands if len(among) > 1 else 0):
            for part in range(parts):
                keys, places = self._part(band, among, part, parts)
                if len(keys) < 2:
                    continue
                order = np.argsort(keys, kind="stable" if ordered else None)
                keys = keys[order]
                same = keys[1:] == keys[:-1]
                shared = np.concatenate((same, [False])) | np.concatenate(([False], same))
                fresh = np.concatenate(([True], ~same))
                yield among[places[order[shared]]], np.cumsum(fresh)[shared]

    def _part(self, band: int, among: np.ndarray, part: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
        """The keys in a band of the rows `among` whose upper bits say that they are of this part of `parts`,
        and where in `among` each is."""
        shift, found, where = np.uint64(65 - parts.bit_length()), [], []
        for first in range(0, len(among), SORTED):
            here = among[first : first + SORTED]
            start = int(here[0])
            self._keys.seek(8 * (band * self.rows + start))
            read = self._keys.read(8 * (int(here[-1]) + 1 - start))
            keys = np.frombuffer(read, dtype=np.uint64)[here - start]
            if parts == 1:
                return keys, np.arange(len(keys))
            mine = np.flatnonzero(keys >> shift == part)
            found.append(keys[mine])
            where.append(first + mine)
        return np.concatenate(found), np.concatenate(where)

    def similarity(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Jaccard similarity of the rows at positions one[i] and other[i]; 0 where one has no set here."""
        found = np.zeros(len(one))
        known = np.flatnonzero((self.place[one] >= 0) & (self.place[other] >= 0))
        known = known[np.argsort(self.place[one[known]], kind="stable")]
        if not len(known):
            return found
        self._values.flush()
        self._ends = [starts := np.concatenate(self._ends)]
        mapped = mmap.mmap(self._values.fileno(), 0, access=mmap.ACCESS_READ)
        values = np.frombuffer(mapped, dtype=np.uint32)
        for first in range(0, len(known), COMPARED):
            here = known[first : first + COMPARED]
            pairs = (self.place[each[here]].astype(np.int64) for each in (one, other))
            found[here] = jaccard(values, starts, *pairs)
            _let_go(mapped)
        return found


def _let_go(mapped: mmap.mmap) -> None:
    """Take what was read of a file out of this process's memory, where the system can be told so."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class Kept:
    """For every row the position of the row that stands for it (its own, where it stays), int64 [rows],
    and how similar the two are, float64 [rows]."""

    keeper: np.ndarray
    similarity: np.ndarray


class NearRows:
    """Near duplicates among `rows` rows: first `add` all, then `add_candidates`, then ask.

    `similarity` is in (0, 1): 1 would ask for the same wording, which needs no signatures. Used with `with`:
    files without a name take up room in `folder` until the end.
    """

    def __init__(self, rows: int, similarity: float, folder: Path) -> None:
        refuse_unless("near_rows", (0 < similarity < 1, "similarity", similarity, "a number between 0 and 1"))
        self.similarity, self.rows = similarity, rows
        self._long = np.zeros(rows, dtype=bool)
        self.words, self.chars = (
            Space(shape, Banding.at(similarity), rows, folder) for shape in (WORDS, CHARS)
        )
        self._done = 0
        self._clusters: np.ndarray | None = None

    def __enter__(self) -> NearRows:
        return self

    def __exit__(self, *_: object) -> None:
        self.words.close()
        self.chars.close()

    def add(self, passages: Passages, wanted: np.ndarray) -> None:
        """The next rows; those that are not `wanted` (bool) are near to none."""
        keys, counts = band_keys(passages, WORDS, self.words.banding)
        here = slice(self._done, self._done + len(passages))
        self._long[here] = counts >= SHORT
        # Similar sets are of similar size: a short row is held against long ones where it nearly is one.
        self.words.add_keys(self._done, keys, wanted & (counts >= SHORT * self.similarity))
        short = np.flatnonzero(wanted & (counts > 0) & (counts < SHORT))
        keys = np.zeros((len(passages), self.chars.banding.bands), dtype=np.uint64)
        keys[short], _ = band_keys(passages.take(short), CHARS, self.chars.banding)
        member = np.zeros(len(passages), dtype=bool)
        member[short] = True
        self.chars.add_keys(self._done, keys, member)
        self._done += len(passages)

    def only(self, wanted: np.ndarray) -> None:
        """Of all rows those that are not `wanted`, bool [rows], are near to none."""
        for space in (self.words, self.chars):
            space.member &= wanted

    def candidates(self) -> np.ndarray:
        """Which rows share a band with another, bool [rows]."""
        found = np.zeros(self.rows, dtype=bool)
        for space in (self.words, self.chars):
            for positions, _ in space.groups(np.flatnonzero(space.member), ordered=False):
                found[positions] = True
        return found

    def add_candidates(self, positions: np.ndarray, passages: Passages) -> None:
        """The rows at `positions` (ascending over all calls), which `candidates` named."""
        for space in (self.words, self.chars):
            inside = np.flatnonzero(space.member[positions])
            space.add_sets(positions[inside], passages.take(inside))

    def clusters(self) -> np.ndarray:
        """For every row the lowest position of its cluster, int64 [rows].

        Two rows are in one cluster where a chain of similar pairs joins them.
        """
        if self._clusters is None:
            self._clusters = self._joined()
        return self._clusters

    def kept(self) -> Kept:
        """Which rows stay. Of a cluster the first stays; with it go those similar to it; of the rest, again
        the first stays. So every row that goes is similar to one that stays."""
        label = self.clusters()
        left = np.flatnonzero((np.bincount(label, minlength=self.rows) > 1)[label])
        left = left[np.argsort(label[left], kind="stable")]
        keeper, similarity = np.arange(self.rows), np.ones(self.rows)
        for _ in range(ROUNDS):
            first, others = _led(label[left])
            one, other = left[first], left[others]
            if not len(one):
                break
            found = self._similar(one, other)
            near = found >= self.similarity
            keeper[other[near]], similarity[other[near]] = one[near], found[near]
            left = left[others[~near]]
        return Kept(keeper, similarity)

    def _similar(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """How similar two rows are, by characters where both are short."""
        short = ~(self._long[one] | self._long[other])
        found = np.empty(len(one))
        found[short] = self.chars.similarity(one[short], other[short])
        found[~short] = self.words.similarity(one[~short], other[~short])
        return found

    def _joined(self) -> np.ndarray:
        label = np.arange(self.rows)
        for space in (self.words, self.chars):
            for positions, group in space.groups(np.flatnonzero(space.place >= 0), ordered=True):
                for one, other in self._pairs(positions, group, label.copy()):
                    near = self._similar(one, other) >= self.similarity
                    _unite(label, one[near], other[near])
        for first in range(0, self.rows, COMPARED):
            label[first : first + COMPARED] = _roots(
                label, np.arange(first, min(first + COMPARED, self.rows))
            )
        return label

    def _pairs(
        self, positions: np.ndarray, group: np.ndarray, label: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of one band to compare, that are not in one cluster yet by `label`."""
        size = np.bincount(group)[group]
        for shift in range(1, min(WHOLE, int(size.max(initial=0)))):
            few = np.flatnonzero((size[shift:] <= WHOLE) & (group[shift:] == group[:-shift]))
            yield _apart(positions[few], positions[few + shift], label)
        many = np.flatnonzero(size > WHOLE)
        positions, group = positions[many], group[many]
        for _ in range(ROUNDS):
            first, others = _led(group)
            if not len(first):
                return
            one, other = positions[first], positions[others]
            fresh = _roots(label, one) != _roots(label, other)
            near = np.ones(len(one), dtype=bool)
            near[fresh] = self._similar(one[fresh], other[fresh]) >= self.similarity
            yield one[near & fresh], other[near & fresh]
            positions, group = positions[others[~near]], group[others[~near]]


def _led(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each member of a run of equal numbers but the first: the place of that first, and its own."""
    fresh = np.flatnonzero(np.diff(group, prepend=-1))
    leader = np.repeat(fresh, np.diff(fresh, append=len(group)))
    others = np.flatnonzero(leader != np.arange(len(group)))
    return leader[others], others


def _apart(one: np.ndarray, other: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fresh = _roots(label, one) != _roots(label, other)
    return one[fresh], other[fresh]


def _roots(label: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The lowest position of the cluster of each of `places`; shortens the way to it in `label`.

    `label` [rows] leads from each row to an earlier one of its cluster, from the first to itself.
    """
    root: np.ndarray = label[places]
    while len(onward := np.flatnonzero((further := label[root]) != root)):
        root[onward] = further[onward]
    label[places] = root
    return root


def _unite(label: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    """Make the clusters of one[i] and other[i] one."""
    if not len(one):
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    roots = np.concatenate((_roots(label, one), _roots(label, other)))
    names, joined = np.unique(roots, return_inverse=True)
    graph = coo_array(
        (np.ones(len(one), dtype=bool), (joined[: len(one)], joined[len(one) :])), (len(names),) * 2
    )
    _, component = connected_components(graph, directed=False)
    lowest = np.full(component.max() + 1, len(label))
    np.minimum.at(lowest, component, names)
    label[names] = lowest[component]
