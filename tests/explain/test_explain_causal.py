"""What is read is not yet what acts: erasing tells the two apart, and a price is stated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_layers import LAYER, LAYERS, twins_of_letters, write_planted

from duecare.core import INSUFFICIENT, PASS, DataError
from duecare.explain import causal, probes
from duecare.explain.causal import Erased, Site, erasers, shuffled, verdicts
from duecare.explain.patching import Cell
from duecare.explain.twinned import REGIONS, Pair, Side
from duecare.measure.interval import Interval

ISSUES = 40
jax = pytest.mark.jax


def texts_of(pairs: list[Pair]) -> tuple[list[Side], np.ndarray, list[str]]:
    sides = [side for pair in pairs for side in (pair.mine, pair.other)]
    return sides, np.array([1, 0] * len(pairs)), [pair.cluster for pair in pairs for _ in range(2)]


def known(model: Any, pairs: list[Pair], group: np.ndarray | None = None) -> list[probes.Known]:
    from duecare.explain.engine_layers import vectors_at

    sides, own, clusters = texts_of(pairs)
    vectors = vectors_at(model, sides, range(LAYERS + 1), "last")
    return probes.by_depth(vectors, own if group is None else group, clusters, 0)


@jax
def test_a_group_is_read_from_the_layer_that_writes_it_on_and_not_before(planted: Any) -> None:
    found = known(planted, twins_of_letters(planted.tokenizer, ISSUES, named=False))
    assert [each.found for each in found] == [depth >= LAYER for depth in range(LAYERS + 1)]
    assert probes.first_known(found) == LAYER
    assert all(each.reading.accuracy.value == 1.0 for each in found[LAYER:])
    assert all(each.reading.accuracy.low <= 0.5 for each in found[:LAYER])


@jax
def test_random_labels_are_read_nowhere(planted: Any) -> None:
    pairs = twins_of_letters(planted.tokenizer, ISSUES, named=False)
    group = shuffled(np.array([1, 0] * ISSUES), texts_of(pairs)[2], np.random.default_rng(4))
    found = known(planted, pairs, group)
    assert not any(each.found for each in found)
    assert all(each.selectivity.low <= 0 for each in found)


def test_a_group_that_is_read_worse_than_random_labels_is_not_known() -> None:
    below = Interval(-0.2, -0.3, -0.1, 40, 20, "")
    group = np.array([1, 0] * ISSUES)
    names = [f"issue-{number // 2}" for number in range(2 * ISSUES)]
    vectors = np.random.default_rng(0).standard_normal((2 * ISSUES, 6))
    vectors[:, 0] += 8 * group  # read well: only the comparison with random labels decides
    (well,) = probes.by_depth({0: vectors}, group, names, 0)
    known = [
        probes.Known(depth, well.reading, each, 0.001)
        for depth, each in enumerate((below, replace(below, value=0.2, low=0.1, high=0.3)))
    ]
    assert [each.found for each in known] == [False, True]
    assert probes.first_known(known) == 1


def test_probes_of_two_models_are_compared_as_pairs() -> None:
    rng = np.random.default_rng(0)
    group = np.array([1, 0] * ISSUES)
    names = [f"issue-{number // 2}" for number in range(2 * ISSUES)]

    def read(strength: float) -> list[probes.Known]:
        noise = rng.standard_normal((2, 2 * ISSUES, 6))
        noise[1, :, 0] += strength * group
        return probes.by_depth({0: noise[0], 1: noise[1]}, group, names, 0)

    base, tuned = read(0.5), read(4.0)
    told = list(probes.changes(tuned, base, {"model": "tuned"}, "base"))
    assert [(each.metric, each.slice["layer"]) for each in told] == [
        ("explain.probe.change", x) for x in "01"
    ]
    assert told[0].low < 0 < told[0].high
    assert told[1].low > 0.1
    assert told[1].slice["against"] == "base"
    same = list(probes.changes(tuned, tuned, {"model": "tuned"}, "base"))
    assert all(each.value is None and "no spread" in each.reason for each in same)
    with pytest.raises(DataError, match="other depths"):
        list(probes.changes(tuned, base[1:], {}, "base"))


@jax
def test_erasing_what_makes_the_gap_closes_it_and_is_a_finding(planted: Any) -> None:
    from duecare.explain.engine_causal import erased

    pairs = twins_of_letters(planted.tokenizer, ISSUES)
    found = erased(planted, pairs, [pair.mine for pair in pairs[:4]], LAYER, 0)
    assert found.removed().low > 0.99
    assert found.by_chance().high < 0.95
    assert found.kl.min() > 0
    (finding,) = causal.erasure_findings([found], {"model": "base"})
    assert finding.verdict == PASS
    told = {each.metric: each for each in found.estimates({"model": "base"}) if "when" not in each.slice}
    assert told["explain.erase.gap_moved"].high < 0
    assert told["explain.erase.kl"].value > 0
    assert told["explain.erase.neutral_logprob"].n == 4


@jax
def test_what_can_be_read_but_does_not_act_is_not_validated(planted: Any) -> None:
    """The group is written into a place that nothing looks at; the gap comes from a letter drawn by lot."""
    from duecare.explain.engine_causal import erased

    pairs = twins_of_letters(planted.tokenizer, ISSUES, tied=False)
    assert all(each.found for each in known(planted, pairs)[1:])
    (finding,) = causal.erasure_findings([erased(planted, pairs, [pairs[0].mine], LAYER, 0)], {})
    assert finding.verdict != PASS
    assert "not validated" in finding.detail
    assert finding.next


@jax
def test_sites_chosen_on_one_half_hold_on_the_other(tmp_path: Path) -> None:
    from duecare.explain.engine_causal import sites_tested
    from duecare.explain.engine_layers import effects
    from duecare.model.load import load

    planted = load(write_planted(tmp_path / "leaky", leak=0.1))
    pairs = twins_of_letters(planted.tokenizer, 16, tied=False, named=False)
    cells = [Cell(part, layer) for part in ("attention", "mlp") for layer in range(1, LAYERS + 1)]
    cells.append(
        Cell("stream", 0, "name")
    )  # the words themselves carry all of it, and are not put to the test
    found = sites_tested(planted, pairs, effects(planted, pairs, cells), 1, 0)
    (site,) = found
    assert site.cell == Cell("attention", LAYER)
    assert len(site.gap) == 8
    assert 0.8 < site.restored().value < 0.999
    assert [each.verdict for each in causal.site_findings(found, {})] == [PASS]
    assert "attention of layer 3" in causal.site_findings(found, {})[0].detail


@jax
def test_what_is_tested_had_no_part_in_choosing(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell carries the gap on the half that chooses, another one far more of it on the half that tests;
    an eraser is applied to no pair that it was fitted on."""
    from duecare.explain import engine_causal
    from duecare.explain.patching import Effects, halves

    pairs = twins_of_letters(planted.tokenizer, 8)
    names = tuple(pair.cluster for pair in pairs)
    first, gap = halves(names, 0), np.ones(8)
    effect = np.stack([np.where(first, -0.5, 0.0), np.where(first, -0.1, -9.0)])
    here = Effects((Cell("mlp", 1), Cell("mlp", 2)), effect, gap, names)
    (site,) = engine_causal.sites_tested(planted, pairs, here, 1, 0)
    assert site.cell == Cell("mlp", 1)
    assert site.clusters == tuple(name for name, own in zip(names, first, strict=True) if not own)
    fitted, asked, fit, apply = list[Any](), list[Any](), engine_causal.erasers, engine_causal._apply
    monkeypatch.setattr(
        engine_causal,
        "erasers",
        lambda states, sides, *rest: fitted.append(sides) or fit(states, sides, *rest),
    )
    monkeypatch.setattr(
        engine_causal,
        "_apply",
        lambda model, sides, *rest, **more: (
            asked.append((fitted[-1], sides)) or apply(model, sides, *rest, **more)
        ),
    )
    price = [pairs[0].mine]
    engine_causal.erased(planted, pairs, price, LAYER, 0)
    applied = [(learnt, sides) for learnt, sides in asked if sides is not price]
    assert len(applied) == 2 * (1 + causal.DRAWS)
    assert sum(len(sides) for _, sides in applied) == 2 * len(pairs) * (1 + causal.DRAWS)
    assert not any(id(side) in map(id, learnt) for learnt, sides in applied for side in sides)


@jax
def test_a_stand_in_lies_as_far_away_in_another_direction() -> None:
    from duecare.explain.engine_layers import elsewhere

    rng = np.random.default_rng(3)
    own, donor = rng.standard_normal((2, 4, 1, 5, 16)).astype(np.float32)
    donor[:, :, 2] = own[:, :, 2]
    found = np.asarray(elsewhere(own, donor, rng))
    far, wanted = (np.linalg.norm(each - own, axis=-1) for each in (found, donor))
    np.testing.assert_allclose(far, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[:, :, 2], own[:, :, 2])
    alike = ((found - own) * (donor - own)).sum(axis=-1)[wanted > 0] / (wanted**2)[wanted > 0]
    assert np.abs(alike).max() < 0.95


def test_what_helps_no_more_than_its_control_does_not_pass() -> None:
    """An eraser that closes the gap as the control does, and one that makes it wider where the control does
    so more."""
    rng = np.random.default_rng(0)
    gap = rng.standard_normal(30)
    names = tuple(f"issue-{number}" for number in range(30))
    cost = np.abs(rng.standard_normal(5))
    as_chance = Erased(
        2, gap, 0.4 * gap, np.abs(0.4 * gap * (1 + 0.2 * rng.standard_normal(30))), names, cost, cost
    )
    wider = Erased(2, gap, 1.5 * gap, np.abs(3 * gap), names, cost, cost)
    good = Erased(
        2, gap, 0.1 * gap, np.abs(0.9 * gap * (1 + 0.1 * rng.standard_normal(30))), names, cost, cost
    )
    told = [each.verdict for each in causal.erasure_findings([as_chance, wider, good], {})]
    assert told[0] == INSUFFICIENT
    assert told[1] != PASS
    assert told[2] == PASS
    lot = Site(Cell("mlp", 3), 0.5 * np.abs(gap), 0.5 * np.abs(gap) + 0.01 * gap, np.abs(gap), names)
    assert causal.site_findings([lot], {})[0].verdict != PASS


def test_holm_makes_one_of_many_harder() -> None:
    rng = np.random.default_rng(5)
    values = 0.9 + rng.standard_normal(20)

    def at(level: float) -> Interval:
        from duecare.measure.interval import cluster_mean

        return cluster_mean(values, level=level)

    def none(level: float) -> Interval:
        from duecare.measure.interval import cluster_mean

        return cluster_mean(values - values.mean() + 0.01, level=level)

    ((alone, p),) = verdicts([(at, at)])
    many = verdicts([(at, at), *[(none, none)] * 40])
    assert alone == PASS
    assert p < 0.05 < many[0][1]
    assert many[0][0] == INSUFFICIENT


def test_controls_move_as_far_as_what_they_control() -> None:
    rng = np.random.default_rng(2)
    group = np.array([0, 1] * 30)
    region = np.repeat([0, 2, 4], 3).astype(np.int32)
    sides = [Side(tuple(range(9)), 6, region) for _ in group]
    states = [rng.standard_normal((9, 12)) + 2.0 * label for label in group]
    names = [f"i{number // 2}" for number in range(60)]
    mixed = shuffled(group, names, np.random.default_rng(0))
    assert (mixed.reshape(-1, 2).sum(axis=1) == 1).all()
    assert (mixed != group).any()
    ours, by_lot = erasers(states, sides, group, [mixed])
    (alone,) = erasers(states, sides, group)
    for one, two in zip(ours, alone, strict=True):
        np.testing.assert_array_equal(one, two)
    for number in (0, 2, 4):
        x = np.concatenate([own[region == number] for own in states])
        far = [
            (((x - mean[number]) @ right[number].T @ left[number].T) ** 2).sum()
            for mean, left, right in (ours, by_lot)
        ]
        assert far[1] == pytest.approx(far[0], rel=1e-3)
        assert far[0] > 1
        assert np.abs(ours[1][number] - by_lot[1][number]).max() > 0.01
    assert not by_lot[1][REGIONS.index("later")].any()
    assert not ours[1][REGIONS.index("later")].any()
    with pytest.raises(DataError, match="two groups"):
        erasers(states, sides, np.zeros(60, dtype=np.int64))
