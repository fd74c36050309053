"""Heads fitted on states: planted worlds in which length and a group are paid for, and the cures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from duecare.core import DataError, ModelError, StudyError
from duecare.core.wire import settings
from duecare.model.heads import FILE, Heads, read_heads
from duecare.train import Influence, Limits, Privacy, Probes, RewardModel, Robust
from duecare.train.heads import States, differences, fit_heads, length_share

WIDTH = 24
QUALITY, LENGTH, GROUP = np.eye(WIDTH)[:3]


def world(count: int = 400, seed: int = 0, *, twins: int = 60) -> States:
    """People want quality and, somewhat, length, and think better of what names one group."""
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((2, count, WIDTH))
    wanted = states @ (2.0 * QUALITY + 1.5 * LENGTH + 0.8 * GROUP)
    better = rng.random(count) < 1 / (1 + np.exp(wanted[1] - wanted[0]))
    chosen = np.where(better[:, None], states[0], states[1])
    rejected = np.where(better[:, None], states[1], states[0])
    tokens = 20 + 6 * (chosen - rejected)[:, 1] + rng.standard_normal(count)
    padded = LENGTH * rng.uniform(0.5, 1.5, (twins, 1)) + 0.02 * rng.standard_normal((twins, WIDTH))
    apart = GROUP * rng.uniform(0.5, 1.5, (twins, 1)) + 0.02 * rng.standard_normal((twins, WIDTH))
    return States(chosen, rejected, np.ones(count), tokens - 20, apart, padded)


TAUGHT, HELD = world(seed=0), world(seed=1)


def fitted(robust: Robust, taught: States = TAUGHT, start: np.ndarray | None = None) -> Heads:
    first = np.zeros(WIDTH) if start is None else start
    return fit_heads(taught, robust, centring=0.01, start=first, seed=0)


def figures(heads: Heads) -> dict[str, float]:
    margin = heads.scores(HELD.chosen) - heads.scores(HELD.rejected)
    spread = np.sqrt(np.mean(margin**2))
    twins = heads.scores(HELD.apart) - heads.scores(np.zeros((1, WIDTH)))
    share = length_share(margin, HELD.longer)
    assert share is not None
    return {
        "accuracy": float((margin > 0).mean()),
        "length": share,
        "twins": float(np.sqrt(np.mean(twins**2)) / spread),
        "padding": float(np.mean(heads.scores(HELD.pads) - heads.scores(np.zeros((1, WIDTH)))) / spread),
    }


PLAIN = Robust(heads=1, hold=0.001)


def test_control_a_plain_head_is_paid_for_length_and_for_a_group() -> None:
    found = figures(fitted(PLAIN))
    assert found["accuracy"] > 0.8
    assert found["length"] > 0.4
    assert found["twins"] > 0.15


def test_the_length_term_takes_the_pay_by_length_away_at_a_cost() -> None:
    plain, cured = figures(fitted(PLAIN)), figures(fitted(Robust(heads=1, length=1000.0, hold=0.001)))
    assert abs(cured["length"]) < 0.1 < plain["length"]
    assert plain["accuracy"] - 0.2 < cured["accuracy"] < plain["accuracy"], "people did want length"
    assert cured["accuracy"] > 0.65


def test_the_padding_term_pays_nothing_for_a_sentence_that_says_nothing() -> None:
    plain, cured = figures(fitted(PLAIN)), figures(fitted(Robust(heads=1, padding=100.0, hold=0.001)))
    assert plain["padding"] > 0.3
    assert abs(cured["padding"]) < 0.05
    assert cured["accuracy"] > 0.65
    # Control: the term against twins leaves it be.
    assert figures(fitted(Robust(heads=1, twins=100.0, hold=0.001)))["padding"] > 0.3


def test_the_twins_term_pays_twins_alike() -> None:
    plain, cured = figures(fitted(PLAIN)), figures(fitted(Robust(heads=1, twins=100.0, hold=0.001)))
    assert cured["twins"] < 0.03
    assert cured["accuracy"] > plain["accuracy"] - 0.07
    # Control: the other term does nothing for twins.
    other = figures(fitted(Robust(heads=1, length=100.0, hold=0.001)))
    assert other["twins"] > 0.15


def test_a_fitted_head_is_the_minimum() -> None:
    """Another optimiser from another start: the loss is convex, so there is one."""
    robust = Robust(heads=1, length=2.0, twins=1.0, hold=0.05)
    near = fitted(robust).values[0]
    again = fit_heads(TAUGHT, robust, centring=0.01, start=np.zeros(WIDTH), seed=99).values[0]
    assert near == pytest.approx(again, abs=1e-6), "one head alone draws nothing"
    held = fitted(Robust(heads=1, hold=1e5), start=np.arange(WIDTH) / WIDTH).values[0]
    assert held == pytest.approx(np.arange(WIDTH) / WIDTH, abs=1e-3)


def test_a_fitted_head_is_where_what_is_said_of_the_loss_has_its_minimum() -> None:
    """Every term as the module states it, written out here; at its minimum it is level all around."""
    weights = np.linspace(0.5, 1.5, len(TAUGHT.chosen))
    taught, start = replace(TAUGHT, weights=weights), np.linspace(-0.3, 0.3, WIDTH)
    robust = Robust(heads=1, length=2.0, twins=1.0, padding=0.5, hold=0.05)
    margin, total = taught.chosen - taught.rejected, taught.chosen + taught.rejected
    size = np.sqrt((margin**2).mean(axis=0))

    def terms(head: np.ndarray) -> np.ndarray:
        said, share = margin @ head, weights / weights.sum()
        length = np.mean(said * taught.longer) / np.sqrt(np.mean(taught.longer**2))
        return np.array(
            [
                (share * np.log1p(np.exp(-said))).sum(),
                0.3 * (share * (total @ head) ** 2).sum(),
                2.0 * length**2,
                1.0 * np.mean((taught.apart @ head) ** 2),
                0.5 * np.mean((taught.pads @ head) ** 2),
                0.05 * (((head - start) * size) ** 2).sum(),
            ]
        )

    best = fit_heads(taught, robust, centring=0.3, start=start, seed=0).values[0].astype(float)
    slopes = np.array([(terms(best + 1e-4 * way) - terms(best - 1e-4 * way)) / 2e-4 for way in np.eye(WIDTH)])
    assert slopes.sum(axis=1) == pytest.approx(np.zeros(WIDTH), abs=2e-3)
    assert (np.abs(slopes).max(axis=0) > 2e-2).all()  # the control: each term pulls somewhere


def test_weights_count() -> None:
    """Pairs of weight 0 might as well not be there."""
    half = np.where(np.arange(len(TAUGHT.chosen)) < 200, 2.0, 0.0)
    some = States(TAUGHT.chosen, TAUGHT.rejected, half, TAUGHT.longer * 0, TAUGHT.apart)
    few = States(
        *(each[:200] for each in (TAUGHT.chosen, TAUGHT.rejected)), np.ones(200), np.zeros(200), TAUGHT.apart
    )
    # The scale by which `hold` has no unit is read off all pairs; with next to no hold it does not matter.
    tight = Robust(heads=1, hold=1e-5)
    assert fitted(tight, some).values[0] == pytest.approx(fitted(tight, few).values[0], abs=0.02)


def test_several_heads_differ_where_pairs_say_nothing() -> None:
    heads = fitted(Robust(heads=8, combine="lower", hold=0.001))
    rng = np.random.default_rng(5)
    known, far = HELD.chosen, HELD.chosen + 6 * rng.standard_normal(HELD.chosen.shape)
    assert heads.each(far).std(axis=1).mean() > 3 * heads.each(known).std(axis=1).mean()
    plain = Heads(heads.values, heads.offsets, "mean")
    assert (heads.scores(far) < plain.scores(far)).all()
    worst = Heads(heads.values, heads.offsets, "worst")
    assert (worst.scores(known) <= plain.scores(known)).all()
    assert heads.scores(known) == pytest.approx(plain.scores(known) - heads.each(known).std(axis=1))
    # The average of the weights scores as the mean of all scores, but for a constant.
    apart = known @ heads.mean.astype(float) - plain.scores(known)
    assert apart == pytest.approx(np.full(len(apart), heads.offsets.mean()), abs=1e-5)
    # Control: copies of one head agree everywhere.
    copies = Heads(np.repeat(heads.values[:1], 4, axis=0), np.repeat(heads.offsets[:1], 4), "lower", 3.0)
    assert copies.scores(far) == pytest.approx(copies.each(far)[:, 0])


def test_heads_come_back_from_the_disk_bit_for_bit(tmp_path: Path) -> None:
    heads = fitted(Robust(heads=3, combine="worst", k=2.0))
    heads.write(tmp_path)
    found = read_heads(tmp_path, WIDTH)
    assert found is not None
    assert (found.combine, found.k) == ("worst", 2.0)
    assert found.values.tobytes() == heads.values.tobytes()
    assert found.scores(HELD.chosen).tolist() == heads.scores(HELD.chosen).tolist()
    assert read_heads(tmp_path / "other", WIDTH) is None
    with pytest.raises(ModelError, match=f"expected heads of width {WIDTH + 1}"):
        read_heads(tmp_path, WIDTH + 1)
    (tmp_path / FILE).write_text('{"heads": 3}')
    with pytest.raises(ModelError, match="holds no heads"):
        read_heads(tmp_path, WIDTH)


def test_length_and_differences_are_what_they_are_called() -> None:
    margin, longer = np.array([1.0, -1.0, 2.0]), np.array([2.0, -2.0, 4.0])
    assert length_share(margin, longer) == pytest.approx(1.0)
    assert length_share(margin, -longer) == pytest.approx(-1.0)
    assert length_share(margin, np.zeros(3)) is None
    assert differences(np.array([1.0, 4.0, 9.0]), [(2, 0), (1, 2)]).tolist() == [8.0, -5.0]


def test_broken_states_are_refused() -> None:
    broken = TAUGHT.chosen.copy()
    broken[3, 4] = np.nan
    with pytest.raises(DataError, match="not finite"):
        fitted(PLAIN, States(broken, TAUGHT.rejected, TAUGHT.weights, TAUGHT.longer, TAUGHT.apart))
    one = States(
        *(each[:1] for each in (TAUGHT.chosen, TAUGHT.rejected, TAUGHT.weights, TAUGHT.longer)), TAUGHT.apart
    )
    with pytest.raises(DataError, match="1 pairs"):
        fitted(PLAIN, one)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"heads": 0}, "heads"),
        ({"heads": 1, "combine": "worst"}, "heads"),
        ({"combine": "best"}, "combine"),
        ({"k": 0.0}, "k"),
        ({"length": -1.0}, "length"),
        ({"twins": float("nan")}, "twins"),
        ({"padding": -1.0}, "padding"),
        ({"axes": ("shoe",)}, "axes"),
        ({"hold": 0.0}, "hold"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(StudyError) as error:
        Robust(**given)
    assert f"train.robust.{field}" in [problem.where for problem in error.value.problems]


def test_what_cannot_stand_beside_it_is_refused() -> None:
    with pytest.raises(StudyError, match="no heads fitted anew where rows are private"):
        RewardModel(on="pairs", robust=Robust(), privacy=Privacy(epsilon=8.0, delta=1e-5))
    with pytest.raises(StudyError, match="it follows the head that was trained"):
        RewardModel(on="pairs", robust=Robust(), influence=Influence(of="margin_gap", axis="a", group="b"))
    with pytest.raises(StudyError, match="no limit on twins beside `robust`"):
        RewardModel(on="pairs", robust=Robust(), probe=Probes(), limits=Limits(twins_reward_gap=0.3))
    with pytest.raises(StudyError, match="how heads are fitted anew, or none"):
        RewardModel(on="pairs", robust={"heads": 3})  # type: ignore[arg-type]


def test_a_study_without_it_has_the_digest_that_it_had() -> None:
    assert "robust" not in settings(RewardModel(on="pairs"))
    assert settings(RewardModel(on="pairs", robust=Robust(heads=4)))["robust"]["heads"] == 4
