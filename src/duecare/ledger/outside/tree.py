"""The Merkle tree of RFC 6962: its root, and the proof that an entry is in it (RFC 9162, section 2.1.3.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def hash_of_leaf(line: bytes) -> bytes:
    """The leaf hash of one line of the log."""
    return hashlib.sha256(b"\x00" + line).digest()


def hash_of_node(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes: pairs level by level, a last one without partner goes up as it is."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        paired = [hash_of_node(*level[place : place + 2]) for place in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def proof_holds(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf at `index` of `size` to the root."""
    if not 0 <= index < size or any(len(each) != 32 for each in proof):
        return False
    value, steps = leaf, list(proof)
    while size > 1:
        alone = index == size - 1 and index % 2 == 0
        if not alone:
            if not steps:
                return False
            beside = steps.pop(0)
            value = hash_of_node(beside, value) if index % 2 else hash_of_node(value, beside)
        index, size = index // 2, (size + 1) // 2
    return not steps and value == root
