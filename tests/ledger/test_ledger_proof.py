"""Proofs against three things made apart from them: the recursion as the RFCs write it, published vectors,
and every mutation that a forger could try."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ledger_chain import INPUTS, ROOTS, naive

from duecare.core import LedgerError
from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.proof import consistency, consistent, included, inclusion

LEAVES = [leaf_hash(each) for each in INPUTS]
# Inclusion and consistency proofs of Certificate Transparency's own tests (certificate-transparency,
# cpp/merkletree/merkle_verifier_test.cc), over the eight INPUTS.
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
GROWN = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def split(size: int) -> int:
    """The largest power of two below `size`, by search."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def path(index: int, data: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, section 2.1.1, word for word."""
    if len(data) == 1:
        return []
    k = split(len(data))
    if index < k:
        return [*path(index, data[:k]), naive(data[k:])]
    return [*path(index - k, data[k:]), naive(data[:k])]


def subproof(old: int, data: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962, section 2.1.2, word for word."""
    if old == len(data):
        return [] if whole else [naive(data)]
    k = split(len(data))
    if old <= k:
        return [*subproof(old, data[:k], whole), naive(data[k:])]
    return [*subproof(old - k, data[k:], False), naive(data[:k])]


@pytest.mark.parametrize(("index", "size", "expected"), PATHS)
def test_published_inclusion_proofs(index: int, size: int, expected: list[str]) -> None:
    proof = inclusion(LEAVES, index, size)
    assert [each.hex() for each in proof] == expected
    assert included(LEAVES[index], index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old", "new", "expected"), GROWN)
def test_published_consistency_proofs(old: int, new: int, expected: list[str]) -> None:
    proof = consistency(LEAVES, old, new)
    assert [each.hex() for each in proof] == expected
    assert consistent(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), proof)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_of_small_trees_is_that_of_the_recursion(size: int) -> None:
    data = [b"%d" % number for number in range(size)]
    leaves, root = list(map(leaf_hash, data)), naive(data)
    for index in range(size):
        proof = inclusion(leaves, index)
        assert proof == path(index, data)
        assert included(leaves[index], index, size, proof, root)
        wrong = [other for other in range(size) if included(leaves[index], other, size, proof, root)]
        assert wrong == [index]
    for old in range(1, size + 1):
        proof = consistency(leaves, old)
        assert proof == subproof(old, data, True)
        assert consistent(old, naive(data[:old]), size, root, proof)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_proofs_of_larger_trees(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    items = [b"%d" % number for number in range(size)]
    leaves, root = list(map(leaf_hash, items)), naive(items)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    assert inclusion(leaves, index) == path(index, items)
    assert included(leaves[index], index, size, inclusion(leaves, index), root)
    assert consistent(old, naive(items[:old]), size, root, consistency(leaves, old))
    changed = [*leaves]
    place = data.draw(st.integers(0, size - 1))
    changed[place] = leaf_hash(b"another")
    grown = bytes.fromhex(tree_root(changed))
    if old:
        holds = consistent(old, naive(items[:old]), size, grown, consistency(changed, old))
        assert holds == (place >= old)  # a change after the old head is growth, one before is a rewriting


def mutations(proof: list[bytes], draw: random.Random) -> list[bytes]:
    """A proof with a bit flipped, a hash taken out, doubled, swapped, cut or made up."""
    forged = list(proof)
    place = draw.randrange(len(forged))
    kind = draw.randrange(6)
    if kind == 0:
        value = bytearray(forged[place])
        value[draw.randrange(32)] ^= 1 << draw.randrange(8)
        forged[place] = bytes(value)
    elif kind == 1:
        del forged[place]
    elif kind == 2:
        forged.insert(place, draw.randbytes(32))
    elif kind == 3:
        other = draw.randrange(len(forged))
        forged[place], forged[other] = forged[other], forged[place]
    elif kind == 4:
        forged[place] = forged[place][: draw.randrange(32)]
    else:
        forged.append(forged[-1])
    return forged


def test_two_thousand_mutations_of_proofs_are_all_refused() -> None:
    draw = random.Random(6962)
    refused = unchanged = 0
    while refused < 2000:
        size = draw.randrange(2, 300)
        leaves = [leaf_hash(b"%d" % number) for number in range(size)]
        index, old = draw.randrange(size), draw.randrange(1, size)
        root, before = (bytes.fromhex(tree_root(leaves[:count])) for count in (size, old))
        proof, grown = inclusion(leaves, index), consistency(leaves, old)
        for _ in range(10):
            forged, forged_growth = mutations(proof, draw), mutations(grown, draw)
            if forged == proof or forged_growth == grown:  # two equal places were swapped
                unchanged += 1
                continue
            assert not included(leaves[index], index, size, forged, root)
            assert not consistent(old, before, size, root, forged_growth)
            refused += 2
        assert not included(leaves[index], (index + 1) % size, size, proof, root)
        assert not included(leaf_hash(b"never"), index, size, proof, root)
        assert not consistent(old, before, size, draw.randbytes(32), grown)
        assert not consistent(old, draw.randbytes(32), size, root, grown)
    assert unchanged < 1000


@pytest.mark.parametrize(
    ("old", "old_root", "new", "new_root", "proof"),
    [
        (0, ROOTS[1], 3, ROOTS[3], []),
        (0, ROOTS[0], 3, ROOTS[3], [ROOTS[1]]),
        (3, ROOTS[3], 3, ROOTS[3], [ROOTS[1]]),
        (3, ROOTS[3], 3, ROOTS[4], []),
        (3, ROOTS[3], 4, ROOTS[4], []),
        (4, ROOTS[4], 3, ROOTS[3], []),
        (-1, ROOTS[0], 3, ROOTS[3], []),
        (4, ROOTS[4][:10], 4, ROOTS[4][:10], []),
    ],
)
def test_border_cases_are_refused(old: int, old_root: str, new: int, new_root: str, proof: list[str]) -> None:
    hashes = [bytes.fromhex(each) for each in proof]
    assert not consistent(old, bytes.fromhex(old_root), new, bytes.fromhex(new_root), hashes)


def test_an_empty_log_grows_into_any() -> None:
    assert consistent(0, bytes.fromhex(ROOTS[0]), 5, bytes.fromhex(ROOTS[5]), [])
    assert not included(LEAVES[0], 0, 0, [], bytes.fromhex(ROOTS[0]))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, 9)])
def test_what_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(LedgerError, match="not in a tree"):
        inclusion(LEAVES, index, size)
    with pytest.raises(LedgerError, match="no proof from"):
        consistency(LEAVES, size + 1, size)


def test_a_proof_is_short_however_long_the_log() -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(100_000)]
    root, proof = bytes.fromhex(tree_root(leaves)), inclusion(leaves, 77_777)
    assert len(proof) == 17
    began = time.process_time()
    assert included(leaves[77_777], 77_777, len(leaves), proof, root)
    assert time.process_time() - began < 1  # milliseconds; the bound only finds what went quadratic
