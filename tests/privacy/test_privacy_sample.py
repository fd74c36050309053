"""The secret and what is derived from it: who is drawn, and with which key noise is made."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from duecare.core import DataError
from duecare.privacy import Secret, kept_secret, poisson_batch
from duecare.privacy.check import poisson

KNOWN = Secret(bytes(range(32)))


def test_the_same_secret_and_step_draw_the_same_and_others_do_not() -> None:
    drawn = [poisson_batch(KNOWN, step, units=200, rate=0.1, capacity=200) for step in (3, 3, 4)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    other = poisson_batch(Secret(bytes(32)), 3, units=200, rate=0.1, capacity=200)
    assert not np.array_equal(drawn[0], other)


def test_noise_keys_differ_by_step_and_from_sampling() -> None:
    keys = {tuple(KNOWN.noise_key(step)) for step in range(100)}
    assert len(keys) == 100
    assert KNOWN.derived("noise", 1) != KNOWN.derived("sample", 1)


def test_batches_pass_for_poisson_and_shuffled_ones_do_not() -> None:
    drawn = [poisson_batch(KNOWN, step, units=120, rate=0.05, capacity=120) for step in range(400)]
    assert poisson(drawn, 120, 0.05).sound
    rng = np.random.default_rng(0)
    shuffled = [
        part for _ in range(20) for part in np.split(rng.permutation(120), 20)
    ]  # every unit once in 20 batches of 6
    assert not poisson(shuffled, 120, 0.05).sound
    fixed = [rng.choice(120, 6, replace=False) for _ in range(400)]  # one size, but units by chance
    assert not poisson(fixed, 120, 0.05).sound
    assert not poisson(drawn, 120, 0.07).sound  # another rate than was accounted for


def test_everyone_is_drawn_at_rate_1_and_capacity_holds() -> None:
    assert np.array_equal(poisson_batch(KNOWN, 0, units=9, rate=1.0, capacity=9), np.arange(9))
    few = poisson_batch(KNOWN, 0, units=1000, rate=0.5, capacity=20)
    assert len(few) == 20
    assert np.all(np.diff(few) > 0)
    assert few.max() > 500  # kept at random, not the first ones


def test_the_secret_is_not_shown_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path / "secret", begun=False)
    assert secret.key.hex() not in repr(secret)
    assert str(secret.key) not in repr(secret)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert kept_secret(tmp_path / "secret", begun=True) == secret
    assert kept_secret(tmp_path / "other", begun=False) != secret


def test_a_begun_run_does_not_go_on_with_other_noise(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the secret that this run began with"):
        kept_secret(tmp_path / "secret", begun=True)
    (tmp_path / "secret").write_bytes(b"torn")
    with pytest.raises(DataError, match="32 bytes"):
        kept_secret(tmp_path / "secret", begun=True)
    assert len(kept_secret(tmp_path / "secret", begun=False).key) == 32  # nothing was done with it yet
