"""Readers find what is there, by the right reader, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from duecare.core import DataError
from duecare.measure.reader import LEAST, Reading, fit, probe


def names(count: int) -> list[str]:
    return [f"a:{i}" for i in range(count)]


def readings(x: np.ndarray, z: np.ndarray, seed: int = 0) -> dict[str, Reading]:
    return {each.reader: each for each in probe(x, z, names(len(z)), seed)}


def test_a_linear_trace_is_found_and_the_control_task_is_not() -> None:
    rng = np.random.default_rng(0)
    z = (rng.random(240) < 0.25).astype(np.int64)
    x = rng.standard_normal((240, 20))
    x[:, 3] += 2.0 * z
    for found in readings(x, z).values():
        assert found.accuracy.low > 0.6
        assert found.control.low < 0.5 < found.control.high
        assert found.learnt is not None
        assert found.learnt > 0.55  # random labels are learnt by heart, in part, on rows that were seen


def test_what_is_bent_is_found_by_the_bent_reader_alone() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((500, 4))
    z = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    found = readings(x, z)
    assert found["linear"].accuracy.low < 0.5 < found["linear"].accuracy.high
    assert found["mlp"].accuracy.low > 0.7


def test_noise_is_read_at_chance_at_the_rate_promised() -> None:
    """Of 60 worlds without a trace the interval of a reader leaves out chance in a few at most."""
    missed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        z = (rng.random(80) < 0.4).astype(np.int64)
        (reading,) = probe(rng.standard_normal((80, 5)), z, names(80), seed, readers=("linear",))
        found = reading.accuracy
        missed += not found.low <= 0.5 <= found.high
    assert missed <= 5


def test_copies_of_a_row_do_not_leak_between_folds() -> None:
    """Each vector ten times with its own label: folds by row would read it off, by cluster they do not."""
    rng = np.random.default_rng(2)
    x = np.repeat(rng.standard_normal((30, 40)), 10, axis=0)
    z = np.repeat(np.arange(30) % 2, 10)
    together = {each.reader: each for each in probe(x, z, [f"r{i // 10}" for i in range(300)], 0)}
    apart = readings(x, z)
    assert together["linear"].accuracy.low < 0.5 < together["linear"].accuracy.high
    assert apart["linear"].accuracy.low > 0.9


def test_rows_without_a_group_are_left_out_and_too_few_say_nothing() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((60, 3))
    z = np.where(np.arange(60) < 20, -1, np.arange(60) % 2)
    assert readings(x, z)["linear"].accuracy.n == 40
    few = readings(x[: 2 * LEAST - 2], np.arange(2 * LEAST - 2) % 2)["linear"].accuracy
    assert few.value is None
    assert "independent rows" in (few.reason or "")
    alone = readings(x, np.zeros(60, np.int64))["mlp"].accuracy
    assert "two groups" in (alone.reason or "")
    with pytest.raises(DataError, match="finite"):
        readings(np.full((60, 3), np.inf), np.arange(60) % 2)


def test_gradients_of_a_reader_are_those_of_its_loss() -> None:
    from scipy.optimize import check_grad

    from duecare.measure.reader import _loss

    rng = np.random.default_rng(4)
    x, told, weight, sizes = (
        rng.standard_normal((9, 3)),
        np.eye(3)[np.arange(9) % 3],
        rng.random(9),
        [3, 4, 3],
    )
    flat = rng.standard_normal(3 * 4 + 4 + 4 * 3 + 3)

    def value(at: np.ndarray) -> float:
        return _loss(at, x, told, weight, sizes)[0]

    def slope(at: np.ndarray) -> np.ndarray:
        return _loss(at, x, told, weight, sizes)[1]

    assert check_grad(value, slope, flat) < 1e-4
    z = (x[:, 0] > 0).astype(np.int64)
    assert (fit("mlp", x, z, 2, 0)(x) == z).mean() > 0.8


def test_selectivity_is_there_for_a_trace_and_not_for_random_labels() -> None:
    rng = np.random.default_rng(6)
    z = np.arange(200) % 2
    x = rng.standard_normal((200, 8))
    x[:, 1] += 2.0 * z
    units = [f"pair {number // 2}" for number in range(200)]
    (told,) = probe(x, z, units, 0, readers=("linear",), level=0.95)
    assert told.selectivity().low > 0.15
    (noise,) = probe(x, rng.permutation(z), units, 0, readers=("linear",), level=0.95)
    assert noise.selectivity().low < 0 < noise.selectivity().high
    gain = told.gain_over(noise)
    assert gain.low > 0.15
    assert gain.value == pytest.approx(told.accuracy.value - noise.accuracy.value)
    assert gain.level == 0.95


def test_an_eraser_never_sees_the_rows_that_a_reader_is_judged_on() -> None:
    x, z, seen = np.arange(60.0)[:, None] + np.zeros((60, 3)), np.arange(60) % 2, []

    def eraser(rows: np.ndarray, _: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        seen.append(set(rows[:, 0]))
        return lambda all_rows: all_rows

    probe(x, z, names(60), 0, readers=("linear",), eraser=eraser)
    assert [len(rows) for rows in seen] == [48] * 5
    assert all(sum(row not in rows for rows in seen) == 1 for row in x[:, 0])


def test_readings_of_other_rows_are_no_pairs() -> None:
    x, z = np.random.default_rng(7).standard_normal((60, 3)), np.arange(60) % 2
    (one,) = probe(x, z, names(60), 0, readers=("linear",))
    (other,) = probe(x[:40], z[:40], names(40), 0, readers=("linear",))
    with pytest.raises(DataError, match="different rows"):
        one.gain_over(other)
    (few,) = probe(x[:6], z[:6], names(6), 0, readers=("linear",))
    assert few.selectivity().value is None
    assert "independent rows" in (one.gain_over(few).reason or "")
