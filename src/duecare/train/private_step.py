"""One private training step on Tunix's trainer: clipped per unit, noised, averaged. Imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from duecare.privacy.clip import clipped_sum, noised
from duecare.train.answering import Answering
from duecare.train.engine_loop import Trainer

UnitLoss = Callable[[Answering, Mapping[str, jax.Array]], tuple[jax.Array, dict[str, jax.Array]]]
"""(model, one unit as from `Batches.batch`) -> (its loss, figures float32 [R] of its rows)."""

ALONE = ("absent", "key")
"""What of a batch is not data of units."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The arithmetic of a private step.

    `clip` is the largest norm of a unit's gradient, `noise` the noise's standard deviation / clip,
    `expected` the number of units that a step draws on average: sums are divided by it, not by how many
    were drawn, which is private.
    """

    clip: float
    noise: float
    expected: int
    together: int


class PrivateTrainer(Trainer):
    """Tunix's trainer with another step: no gradient reaches the optimiser but a clipped and noised one."""

    recipe: Recipe
    unit_loss: UnitLoss

    def _train_step(self, model: Any, optimizer: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        graph, lora, rest = nnx.split(model, nnx.LoRAParam, ...)

        def loss(weights: Any, unit: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
            value, figures = self.unit_loss(nnx.merge(graph, weights, rest), unit)
            return unit["scale"] * value, {"of_unit": value, **figures}

        units = {name: array for name, array in inputs.items() if name not in ALONE}
        gradient, figures, norms = self.gradient(loss, lora, units, inputs["absent"], inputs["key"])
        optimizer.update(model, gradient)
        there = ~inputs["absent"]
        mean = jnp.where(there, figures["of_unit"], 0.0).sum() / jnp.maximum(there.sum(), 1)
        aux = {"row": units["row"], "present": units["present"], "there": there, "norm": norms, **figures}
        aux["gradient"] = gradient  # for the self-test, which looks at what the optimiser was given
        return mean, aux, optax.global_norm(gradient)

    def gradient(
        self, loss: Any, weights: Any, units: Any, absent: jax.Array, key: jax.Array
    ) -> tuple[Any, Any, jax.Array]:
        """The noised mean gradient, what `loss` told of each unit, and norms before clipping [C]."""
        recipe = self.recipe
        total, figures, norms = clipped_sum(
            loss, weights, units, absent, clip=recipe.clip, together=recipe.together
        )
        noisy = noised(total, key, recipe.noise * recipe.clip)
        return jax.tree.map(lambda each: each / recipe.expected, noisy), figures, norms

    def _post_process_train_step(self, aux: Any) -> None:
        """Hand on the figures of rows that are there; those of a step that drew no one are empty."""
        kept = {name: array for name, array in aux.items() if name != "gradient"}
        told = {name: np.asarray(array) for name, array in jax.device_get(kept).items()}
        there, norm, of_unit = (told.pop(name) for name in ("there", "norm", "of_unit"))
        row, present = told.pop("row"), told.pop("present") & there[:, None]
        wide = {"grad_norm": norm, "clipped": (norm > self.recipe.clip).astype(np.float32)}
        if self.recipe.noise:
            # A unit's clipped gradient against the noise in its own direction.
            wide["signal_to_noise"] = np.minimum(norm / self.recipe.clip, 1.0) / self.recipe.noise
        figures = told | {name: np.repeat(each[:, None], row.shape[1], axis=1) for name, each in wide.items()}
        self.after_step(
            {
                "loss": float(of_unit[there].mean()) if there.any() else None,
                "row": row[present],
                "figures": {name: each[present] for name, each in figures.items()},
            }
        )
