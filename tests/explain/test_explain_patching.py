"""Patching finds the planted head, layer and position, and nothing elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_layers import HEAD, LAYER, LAYERS, twins_of_letters

from duecare.core import DataError
from duecare.explain.patching import Cell, Effects, depths, grid, halves, mapped, masks, share, strongest
from duecare.explain.twinned import REGIONS, matched, paired, regions

jax = pytest.mark.jax
CLUSTERS = [f"issue-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def found(planted: Any) -> Effects:
    from duecare.explain.engine_layers import effects

    pairs = twins_of_letters(planted.tokenizer, 12, tied=False, named=False)
    heads = [Cell("head", layer, None, head) for layer in range(1, LAYERS + 1) for head in range(4)]
    return effects(planted, pairs, [*grid(LAYERS, 1), *heads])


def carried(found: Effects) -> dict[tuple[str, int, str | int | None], float]:
    """The share of each cell by value; 0 where no answer moved by more than rounding."""
    whole = np.abs(found.gap).sum()
    return {
        (cell.part, cell.depth, cell.region if cell.head is None else cell.head): float(
            found.toward(number).sum() / whole
        )
        for number, cell in enumerate(found.cells)
    }


@jax
def test_the_planted_site_carries_the_gap_and_nothing_else_does(found: Effects) -> None:
    """Both directions of "p" and "q" are among the pairs: signs are heeded."""
    assert np.abs(found.gap).min() > 1
    assert {*np.sign(found.gap)} == {-1.0, 1.0}
    part = carried(found)
    for depth in range(LAYERS + 1):
        before = depth < LAYER
        for region in REGIONS:
            whole = region == ("name" if before else "end")
            assert part["stream", depth, region] == pytest.approx(float(whole), abs=1e-4), (depth, region)
    for layer in range(1, LAYERS + 1):
        here = float(layer == LAYER)
        assert part["attention", layer, None] == pytest.approx(here, abs=1e-4)
        assert part["mlp", layer, None] == pytest.approx(0, abs=1e-4)
        for head in range(4):
            assert part["head", layer, head] == pytest.approx(here * (head == HEAD), abs=1e-4)


@jax
def test_the_map_names_the_planted_cells_after_holm(found: Effects) -> None:
    told = mapped(found)
    assert {(each.cell.part, each.cell.depth, each.cell.region) for each in told if each.found} == {
        *(("stream", depth, "name") for depth in range(LAYER)),
        *(("stream", depth, "end") for depth in range(LAYER, LAYERS + 1)),
        ("attention", LAYER, None),
        ("head", LAYER, None),
    }
    quiet = next(each for each in told if each.cell == Cell("mlp", 1))
    assert quiet.share.value is None
    assert quiet.share.reason == "replacing it moves no answer by more than rounding"
    assert quiet.p is None


@jax
def test_patching_all_restores_and_patching_nothing_changes_nothing(planted: Any) -> None:
    from duecare.explain.engine_layers import effects, gaps

    pairs = twins_of_letters(planted.tokenizer, 3)
    mine, other = gaps(planted, pairs)
    all_of_it = effects(planted, pairs, [Cell("stream", depth) for depth in range(LAYERS + 1)])
    for row in all_of_it.effect:
        np.testing.assert_allclose(row, other - mine, atol=2e-6)
    nothing = effects(planted, pairs, [Cell("stream", 2, "later")])  # there are no later words here
    np.testing.assert_allclose(nothing.effect, 0, atol=2e-6)


@jax
def test_the_guess_by_slopes_points_at_the_planted_head(planted: Any) -> None:
    from duecare.explain.engine_layers import guessed_heads

    pairs = twins_of_letters(planted.tokenizer, 6, tied=False, named=False)
    guess = guessed_heads(planted, pairs)
    (first,) = strongest(guess, 1)
    assert guess.cells[first] == Cell("head", LAYER, None, HEAD)
    assert guess.toward(first).sum() > 0.3 * np.abs(guess.gap).sum()
    others = [np.abs(guess.effect[number]).max() for number in range(len(guess.cells)) if number != first]
    assert max(others) < 1e-4


def test_the_share_of_nothing_is_at_zero_as_often_as_promised() -> None:
    """Effects that have nothing to do with the gap: the interval of the share leaves out zero in few
    worlds."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(200):
        gap = rng.standard_normal(12)
        effect = 0.3 * rng.standard_normal(12)
        told = Effects((Cell("mlp", 1),), effect[None], gap, tuple(CLUSTERS)).share(0)
        missed += not told.low <= 0 <= told.high
    assert missed <= 18


def test_half_of_every_gap_is_a_share_of_a_half() -> None:
    rng = np.random.default_rng(1)
    gap = rng.standard_normal(12)
    effect = -gap * (0.5 + 0.02 * rng.standard_normal(12))
    told = Effects((Cell("mlp", 1),), effect[None], gap, tuple(CLUSTERS)).share(0)
    assert told.value == pytest.approx(0.5, abs=0.02)
    assert told.high - told.low < 0.1
    assert told.clusters == 12


def test_twins_without_a_gap_have_nothing_to_explain() -> None:
    told = share(np.zeros(4), np.zeros(4), CLUSTERS[:4])
    assert told.value is None
    assert told.reason == "there is no gap between the twins to explain"


def test_masks_leave_out_what_has_no_counterpart(tmp_path: Any) -> None:
    from duecare.model.tiny import write_tiny
    from duecare.model.tokenize import Tokenizer

    tokenizer = Tokenizer(write_tiny(tmp_path / "tiny"))
    about = {"pair": "p", "cluster": "c", "axis": "gender", "group": "women", "against": "men"}
    pair = paired(tokenizer, ("a lady is here.", "a man is here."), " yes", **about)
    assert not pair.whole
    length = len(pair.mine.tokens)
    cells = [Cell("stream", 1), Cell("head", 2, None, 3), Cell("mlp", 1)]
    chosen = masks(cells, pair, 2, 4, length)
    assert chosen["stream"][1, 0].sum() == length - 1  # one letter more than "man"
    assert chosen["stream"].sum() == chosen["mlp"].sum() == length - 1
    assert chosen["heads"][1, 1, :, 3].sum() == chosen["heads"].sum() == length - 1
    same = paired(tokenizer, ("the man", "the cat"), " yes", **about)
    assert same.whole
    with pytest.raises(DataError, match="twins are equal"):
        paired(tokenizer, ("the man", "the man"), " yes", **about)


def test_words_are_matched_from_the_end_of_what_differs() -> None:
    source, differs = matched([1, 2, 3, 9, 9, 4, 5], [1, 2, 3, 8, 4, 5])
    assert source.tolist() == [0, 1, 2, -1, 3, 4, 5]
    assert differs.tolist() == [False, False, False, True, True, False, False]
    found = regions(np.array([0, 1, 1, 0, 0, 1, 0, 0, 0], dtype=bool), 1, 7, 6)
    assert [REGIONS[each] if each >= 0 else "" for each in found] == [
        "",
        "name",
        "name",
        "between",
        "between",
        "later",
        "end",
        "answer",
        "answer",
    ]


def test_halves_keep_clusters_whole_and_depths_end_with_the_last() -> None:
    names = [f"c{number // 3}" for number in range(30)]
    first = halves(names, 0)
    assert first.sum() == 15
    assert all(len({bool(first[i]) for i in range(30) if names[i] == name}) == 1 for name in names)
    assert (halves(names, 1) != first).any()
    assert depths(30, 7) == [1, 8, 15, 22, 29, 30]
    assert depths(2, 1) == [1, 2]
