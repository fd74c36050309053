"""Group DRO, and what it needs: group weights that are moved by the groups' losses. Imports JAX.

Both algorithms that this follows draw a group first and then a row of it. Here rows come in the order of the
data, so a step may hold no row of a rare group; its mean loss is then divided by the share of batches that do
hold one. That is the same in expectation, lets a rare group count as much as a frequent one, and is what both
papers do at their ends: with one row a batch it is the N / N_g of Ramesh et al., with all groups in every
batch it is the plain group mean of Sagawa et al.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from duecare.core import Estimate, exact
from duecare.train.batch import Plan
from duecare.train.engine_debias import Loss, Membership, Treatment
from duecare.train.engine_loop import Batch
from duecare.train.robust import GroupDro
from duecare.train.watch import Point

Figures = Callable[[Any, Mapping[str, Any]], dict[str, jax.Array]]
WEIGHT = "group_weight"


def group_means(
    values: jax.Array, weight: jax.Array, group: jax.Array, groups: int
) -> tuple[jax.Array, jax.Array]:
    """Weighted mean of `values` [B] for each group, and which groups are there: float32, bool [G]."""
    total = jax.ops.segment_sum(weight, group, groups)
    sums = jax.ops.segment_sum(weight * values, group, groups)
    here = total > 0
    return jnp.where(here, sums / jnp.where(here, total, 1.0), 0.0), here


def moved(weights: jax.Array, losses: jax.Array, step_size: float) -> jax.Array:
    """Group weights [G] after one step of exponentiated gradient ascent on `losses` [G]; they sum to 1."""
    return jax.nn.softmax(jnp.log(weights) + step_size * jax.lax.stop_gradient(losses))


class Robust(Treatment):
    """Group DRO over the groups of `member`, a row that declares none among them.

    `figures(model, batch)` gives each row's figures, "loss" among them (float32 [B]); `entries(number)` are
    the entries of `plan.read` in the batch of a training step.
    """

    def __init__(
        self,
        method: GroupDro,
        figures: Figures,
        member: Membership,
        plan: Plan[Any],
        *,
        steps: int,
        entries: Callable[[int], npt.NDArray[np.int64]],
        name: str,
    ) -> None:
        self.member, self.name = member, name
        rows, share = member.rows(plan), member.present(plan, steps, entries)
        here = rows > 0
        added = np.where(here, method.adjustment / np.sqrt(np.maximum(rows, 1)), 0.0).astype(np.float32)
        self.constants = {"share": np.where(here, share, 1.0).astype(np.float32), "added": added}
        equal = np.where(here, 1.0 / here.sum(), 0.0).astype(np.float32)
        super().__init__(dro_loss(method.step_size, figures), equal)

    def batch(self, number: int, batch: Batch) -> Batch:
        """With each row's group and the weights of the groups."""
        group = self.member.groups(batch["row"])
        return {**batch, **self.constants, "group": group, "carried": self.carried}

    def take(self, aux: Mapping[str, Any]) -> Sequence[Point]:
        """The weights after this step."""
        self.carried = np.asarray(aux["carried"], np.float32)
        return [
            Point(metric=WEIGHT, axis=self.member.axis, group=group, value=float(weight))
            for group, weight in zip(self.member.names, self.carried, strict=True)
        ]

    def estimates(self) -> list[Estimate]:
        """Each group's weight at the end."""
        about = {"axis": self.member.axis, "when": "after"}
        return [
            exact(f"{self.name}.{WEIGHT}", float(weight), len(self.carried), {**about, "group": group})
            for group, weight in zip(self.member.names, self.carried, strict=True)
        ]


def dro_loss(step_size: float, figures: Figures) -> Loss:
    """The robust loss of a batch: its group weights move first, then weigh the groups' mean losses.

    The batch's "carried" [G] are the weights so far, "share" [G] is the share of batches that hold a row
    of the group, "added" [G] goes to the losses that move the weights.
    """

    def loss(model: Any, batch: Mapping[str, Any]) -> tuple[jax.Array, dict[str, Any]]:
        found, share = figures(model, batch), batch["share"]
        means, here = group_means(found["loss"], batch["weight"], batch["group"], len(share))
        losses = jnp.where(here, means / share, 0.0)
        weights = moved(batch["carried"], losses + batch["added"], step_size)
        total = (weights * losses).sum()
        return total, {"loss": total, "row": batch["row"], "figures": found, "carried": weights}

    return loss
