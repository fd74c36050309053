"""The self-test on the step that trains: sound it passes, broken on purpose it is caught beforehand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from private_toys import PRIVACY, ROWS, STEP
from training_toys import Told, base_artifact, data_artifact

from duecare.core import FAIL, PASS, Artifact, Finding, ModelError
from duecare.privacy import Promise, Secret, plan
from duecare.privacy.clip import clipped_sum, noised

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A private run ready for its first step."""
    from duecare.train.engine_loop import adapted, read_parts, start_folder
    from duecare.train.engine_private import world_of
    from duecare.train.private_methods import SftMethod
    from duecare.train.units import members

    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base: Artifact = base_artifact(folder)
        inputs = {"base": base, "data": data_artifact(folder / "data", ROWS[:-8], ROWS[-8:])}
        method = SftMethod(STEP, start_folder(inputs), *read_parts(inputs, ()))
        units = members(method.data, method.taught.rows, PRIVACY)
        made = plan(Promise(epsilon=8, delta=1e-3), units=60, batch=8, steps=12, noise_multiplier=0.8)
        _, model = adapted(STEP, start_folder(inputs))
        method.prepare(units, None)
        return world_of(STEP, made, units, method, model, Secret.fresh())


def verdicts(world: Any, choose: Callable[[Secret, int], Any] | None = None) -> dict[str, str]:
    """What the self-test says, by check."""
    from duecare.train.private_check import Bench, checked

    world.trainer.clear_jit_cache()
    told = Told()
    bench = Bench.of(world.trainer, world.batches)
    with contextlib.suppress(ModelError):
        checked("sft", bench, choose or world.chosen, world.mechanism.rate, told)
    return {each.name: each.verdict for each in told.all if isinstance(each, Finding)}


def failed(found: dict[str, str]) -> set[str]:
    return {name.removeprefix("sft.private.") for name, verdict in found.items() if verdict == FAIL}


def test_the_sound_step_passes_and_stands_where_it_stood(world: Any) -> None:
    from duecare.train.lora import training_state

    before = training_state(world.trainer.model, world.trainer.optimizer)
    found = verdicts(world)
    assert set(found.values()) == {PASS}
    assert len(found) == 7
    after = training_state(world.trainer.model, world.trainer.optimizer)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def without(total: Any, key: Any, deviation: float) -> Any:
    return total


def two_thirds(total: Any, key: Any, deviation: float) -> Any:
    return noised(total, key, deviation * 2 / 3)


def the_same(total: Any, key: Any, deviation: float) -> Any:
    return noised(total, jnp.zeros_like(key), deviation)


def of_the_batch(loss: Any, weights: Any, units: Any, absent: Any, *, clip: float, together: int) -> Any:
    """The sum clipped as a whole, as ordinary gradient clipping does."""
    total, told, norms = clipped_sum(loss, weights, units, absent, clip=1e30, together=together)
    length = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(total)))
    shrink = jnp.minimum(1.0, clip / jnp.maximum(length, 1e-30))
    return jax.tree.map(lambda leaf: leaf * shrink, total), told, norms


def loosely(loss: Any, weights: Any, units: Any, absent: Any, *, clip: float, together: int) -> Any:
    return clipped_sum(loss, weights, units, absent, clip=1.5 * clip, together=together)


@pytest.mark.parametrize(
    ("part", "broken", "caught"),
    [
        ("noised", without, {"noise.scale", "noise.always"}),
        ("noised", two_thirds, {"noise.scale", "noise.always"}),
        ("noised", the_same, {"noise.fresh", "noise.always"}),
        ("clipped_sum", of_the_batch, {"clipping.each"}),
        ("clipped_sum", loosely, {"clipping"}),
    ],
)
def test_what_is_broken_is_caught(
    world: Any, monkeypatch: pytest.MonkeyPatch, part: str, broken: Any, caught: set[str]
) -> None:
    from duecare.train import private_step

    monkeypatch.setattr(private_step, part, broken)
    assert failed(verdicts(world)) == caught


def test_shuffled_batches_are_caught(world: Any) -> None:
    units = len(world.batches.units)
    order = np.random.default_rng(0)
    epochs = [order.permutation(units) for _ in range(100)]
    stream = np.concatenate(epochs)

    def shuffled(secret: Secret, step: int) -> np.ndarray:
        return np.sort(stream[step * 8 : (step + 1) * 8])

    assert failed(verdicts(world, shuffled)) == {"sampling"}
