"""Proofs over the ledger's Merkle tree: that an entry is in it, and that it only grew.

Made as RFC 6962, sections 2.1.1 and 2.1.2, says; checked as RFC 9162, sections 2.1.3.2 and 2.1.4.2, says.
A proof is a list of at most 64 hashes of 32 bytes each, whatever the size of the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from duecare.core.errors import LedgerError
from duecare.ledger.chain import EMPTY_ROOT, Frontier, node_hash

HASH = 32
"""Bytes of a hash."""


def inclusion(leaves: Sequence[bytes], index: int, size: int | None = None) -> list[bytes]:
    """The hashes from the sibling of leaf `index` up to the child of the root of the first `size` leaves.

    Raises LedgerError where there is no such leaf in a tree of that size.
    """
    size = len(leaves) if size is None else size
    if not 0 <= index < size <= len(leaves):
        raise LedgerError(f"entry {index} is not in a tree of {size} entries (the log holds {len(leaves)})")
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _left(end - begin)
        if index < middle:
            path.append(_root(leaves, middle, end))
            end = middle
        else:
            path.append(_root(leaves, begin, middle))
            begin = middle
    return path[::-1]


def consistency(leaves: Sequence[bytes], old: int, new: int | None = None) -> list[bytes]:
    """The hashes that show the first `old` leaves to be a beginning of the first `new`.

    Empty where `old` is 0 or equals `new`. Raises LedgerError where `old` is larger, or `new` is not there.
    """
    new = len(leaves) if new is None else new
    if not 0 <= old <= new <= len(leaves):
        raise LedgerError(f"no proof from {old} to {new} entries: the log holds {len(leaves)}")
    if old in (0, new):
        return []
    begin, end, whole, path = 0, new, True, []
    while end - begin > 1 and old - begin != end - begin:
        middle = begin + _left(end - begin)
        if old <= middle:
            path.append(_root(leaves, middle, end))
            end = middle
        else:
            path.append(_root(leaves, begin, middle))
            begin, whole = middle, False
    if not whole:  # the old tree is no full subtree of the new: its last part has to be told
        path.append(_root(leaves, begin, end))
    return path[::-1]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows the leaf hash at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size or not _well_formed([leaf, root, *proof]):
        return False
    place, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            value = node_hash(step, value)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            value = node_hash(value, step)
        place, last = place >> 1, last >> 1
    return last == 0 and value == root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `new` leaves with `new_root` begins with the tree of `old`."""
    if not 0 <= old <= new or not _well_formed([old_root, new_root, *proof]):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    if not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _left(size: int) -> int:
    """The largest power of two below `size`: so many leaves are in the left subtree."""
    return 1 << (size - 1).bit_length() - 1


def _root(leaves: Sequence[bytes], begin: int, end: int) -> bytes:
    grown = Frontier()
    for place in range(begin, end):
        grown.add(leaves[place])
    return grown.root()


def _well_formed(hashes: Sequence[bytes]) -> bool:
    return all(len(each) == HASH for each in hashes)
