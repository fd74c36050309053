"""The self-test of a private step, before hours are spent: on the very step that will train. Imports JAX.

The compiled step is run on chosen batches with noise of a throw-away secret, and what it hands to the
optimiser is looked at. Afterwards the weights are as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from duecare.core import FAIL, PASS, Finding, ModelError, Tell
from duecare.privacy import check
from duecare.privacy.check import Seen
from duecare.privacy.noise import Secret
from duecare.train.lora import restore, training_state, weights_state
from duecare.train.private_step import PrivateTrainer
from duecare.train.units import Batches, Entries

DRAWS = 400
"""Batches drawn to look at the sampling."""

FEW = 3
"""Units whose gradients are looked at."""

LONG = 1e6
"""Factor on a loss that makes any gradient longer than the clipping norm."""

LIMITS = {
    "noise.scale": "noise of the scale claimed, on every weight, in a step that draws no one",
    "noise.always": "the same noise in a step that draws units",
    "noise.fresh": "new noise at every step",
    "clipping": "no unit adds more than the clipping norm, and short gradients are left as they are",
    "clipping.each": "each unit clipped by itself",
    "sampling": "each unit drawn by itself with the probability accounted for",
    "weights": "weights move by the optimiser's step on the noised gradient and by nothing else",
}


@dataclass(slots=True)
class Bench:
    """The step under test, from the start: what it hands to the optimiser, and where the weights go."""

    trainer: PrivateTrainer
    batches: Batches
    start: dict[str, npt.NDArray[Any]]

    @staticmethod
    def of(trainer: PrivateTrainer, batches: Batches) -> Bench:
        """The trainer as it stands."""
        return Bench(trainer, batches, training_state(trainer.model, trainer.optimizer))

    def run(self, inputs: Any) -> tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The compiled step, once: the gradient, norms before clipping [C], weights after it [D].

        Then everything is put back as it was.
        """
        step, _ = self.trainer.jit_train_and_eval_step()
        _, aux, _ = step(inputs)
        weights = _flat(weights_state(self.trainer.model).values())
        restore(self.trainer.model, self.trainer.optimizer, self.start)
        return aux["gradient"], np.asarray(aux["norm"]), weights

    def sums(self, units: Entries, key: npt.NDArray[np.uint32], scale: Any) -> tuple[list[Any], Any]:
        """The noised sum of `units`' gradients, one array a weight, and norms before clipping [C]."""
        batch = self.batches.batch(units)
        gradient, norms, _ = self.run({**batch, "scale": batch["scale"] * np.float32(scale), "key": key})
        expected = self.trainer.recipe.expected
        return [np.asarray(leaf) * expected for leaf in jax.tree.leaves(gradient)], norms


def checked(
    method: str, bench: Bench, choose: Callable[[Secret, int], Entries], rate: float, tell: Tell
) -> None:
    """Tell a Finding for each check; raises ModelError where one fails.

    `choose(secret, step)` are the units of a step, drawn at `rate`.
    """
    failed = []
    for seen in (*_gradients(bench), _sampling(bench, choose, rate), _weights(bench)):
        tell(
            Finding(
                name=f"{method}.private.{seen.name}",
                verdict=PASS if seen.sound else FAIL,
                limit=f"{LIMITS[seen.name]} (missed by chance in one of {1 / check.ERROR:g} self-tests)",
                detail=f"Self-test before the first step: {seen.said}.",
                next="" if seen.sound else "Do not train: the promise of privacy would not hold.",
            )
        )
        if not seen.sound:
            failed.append(seen.name)
    if failed:
        raise ModelError(f"train.{method}: the self-test of privacy failed: {', '.join(failed)}")


def _gradients(bench: Bench) -> Iterator[Seen]:
    """Noise and clipping, read off differences of noised sums under the same noise."""
    recipe = bench.trainer.recipe
    deviation = recipe.noise * recipe.clip
    secret = Secret.fresh()
    one, two = secret.noise_key(0), secret.noise_key(1)
    nobody = np.zeros(0, dtype=np.int64)
    units = np.arange(min(FEW, len(bench.batches.units), bench.batches.shape.capacity))
    noise, other = bench.sums(nobody, one, 1.0)[0], bench.sums(nobody, two, 1.0)[0]
    yield check.noise_scale("noise.scale", [*noise, *other], deviation)
    yield check.independent(_flat(noise), _flat(other), deviation)
    together, again = bench.sums(units, one, LONG)[0], bench.sums(units, two, LONG)[0]
    apart = [a - b for a, b in zip(again, together, strict=True)]
    yield check.noise_scale("noise.always", apart, deviation * np.sqrt(2))
    base = _flat(noise)
    alone = [_flat(bench.sums(units[[i]], one, LONG)[0]) - base for i in range(len(units))]
    halves = [_half(bench, units[[i]], one, base) for i in range(len(units))]
    yield check.clips(alone, halves, recipe.clip, deviation)
    yield check.adds_up(_flat(together) - base, alone, recipe.clip, deviation)


def _half(bench: Bench, unit: Entries, key: npt.NDArray[np.uint32], base: Any) -> Any:
    """What a unit adds whose gradient is made half as long as the clipping norm."""
    clip = bench.trainer.recipe.clip
    norms = bench.sums(unit, key, 1.0)[1]
    norm = float(norms[~bench.batches.batch(unit)["absent"]][0])
    if not norm > 0:
        raise ModelError("privacy: a unit has no gradient, so clipping cannot be looked at")
    return _flat(bench.sums(unit, key, clip / 2 / norm)[0]) - base


def _sampling(bench: Bench, choose: Callable[[Secret, int], Entries], rate: float) -> Seen:
    secret = Secret.fresh()
    return check.poisson([choose(secret, step) for step in range(DRAWS)], len(bench.batches.units), rate)


def _weights(bench: Bench) -> Seen:
    """Where the step takes the weights, against its optimiser fed with the gradient seen."""
    trainer = bench.trainer
    batch = bench.batches.batch(np.arange(min(FEW, len(bench.batches.units))))
    before = _flat(weights_state(trainer.model).values())
    gradient, _, after = bench.run({**batch, "key": Secret.fresh().noise_key(0)})
    weights = nnx.state(trainer.model, nnx.LoRAParam)
    rule = trainer.optimizer.tx
    update, _ = rule.update(gradient, rule.init(weights), weights)
    expected = _flat(jax.tree.leaves(optax.apply_updates(weights, update)))
    return check.moves(before, after, expected)


def _flat(arrays: Any) -> npt.NDArray[np.float32]:
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])
