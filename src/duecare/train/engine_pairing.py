"""Counterfactual logit pairing: answers to a row and to its twin are drawn together. Imports JAX.

Twins come from curation (`stereotypes` with mode augment): the copy of row "chats:17" with women and men
exchanged is called "chats:17~gender:women>men". Both are rows like any other and are taught as such; here
they are read once more, side by side, and how much likelier the model finds one answer than the other
is added to the loss (Garg et al. 2019, arXiv 1809.10610, on logits of a classifier; here on the mean
log-probability per token of the answers, which is what a language model has in their place).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.train.batch import Plan
from duecare.train.engine_debias import Loss, Treatment
from duecare.train.engine_loop import Batch
from duecare.train.robust import Distance, Pairing
from duecare.train.watch import Point

_COPY = re.compile(r"(?P<root>.+)~(?P<axis>[^~:]+):[^~]+")
DISTANCE = "pair_distance"
T = TypeVar("T")


def twins(names: Sequence[str], axes: Sequence[str] = ()) -> list[tuple[int, int]]:
    """The places of rows and of their copies on `axes` (none: on any), for copies whose original is there.

    A copy that balancing drew ("~copy:2") is no twin.
    """
    place = {name: number for number, name in enumerate(names)}
    found = []
    for number, name in enumerate(names):
        copy = _COPY.fullmatch(name)
        if copy and copy["axis"] != "copy" and copy["root"] in place and (not axes or copy["axis"] in axes):
            found.append((place[copy["root"]], number))
    return found


def needed_twins(names: Sequence[str], axes: Sequence[str]) -> list[tuple[int, int]]:
    """`twins`; a DataError where there are none."""
    found = twins(names, axes)
    if not found:
        of = f" on {', '.join(axes)}" if axes else ""
        raise DataError(
            f"debias.pairing: no row to train on has a copy{of};"
            " let curation add them (stereotypes, mode augment)"
        )
    return found


def in_turns(plan: Plan[tuple[T, T]], found: Sequence[tuple[int, int]]) -> Plan[T]:
    """A plan of pairs as one of their rows, first and second in turns; `found` are the places of each."""
    read = tuple(one for pair in plan.read for one in pair)
    rows = np.array([row for place in plan.rows for row in found[place]], dtype=np.int64)
    return Plan(slots=np.arange(len(read)), read=read, rows=rows, unusable=plan.unusable, met=plan.met)


def both(entries: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The entries of both rows of each of these pairs, as `in_turns` has them."""
    return np.stack([2 * entries, 2 * entries + 1], axis=-1).reshape(-1)


class Paired(Treatment):
    """Training with `pairs` pairs of twins beside each batch.

    `plan` says which pairs are read when; `twin_batch(entries)` gives the rows of those pairs as a batch,
    first and second in turns; `losses(model, batch)` is each row's loss per taught token.
    """

    def __init__(
        self,
        method: Pairing,
        plain: Loss,
        losses: Callable[[Any, Mapping[str, Any]], jax.Array],
        plan: Plan[Any],
        twin_batch: Callable[[np.ndarray], Batch],
    ) -> None:
        self.method, self.plan, self.twin_batch = method, plan, twin_batch
        super().__init__(paired_loss(method, plain, losses))

    def batch(self, number: int, batch: Batch) -> Batch:
        """With the pairs of this step."""
        found: dict[str, Any] = {**batch, "twins": self.twin_batch(self.plan.step(number, self.method.pairs))}
        return found

    def take(self, aux: Mapping[str, Any]) -> Sequence[Point]:
        """How far the pairs of this step were apart, before it."""
        return [Point(metric=DISTANCE, value=float(aux["distance"]))]


def distance_of(losses: jax.Array, kind: Distance) -> jax.Array:
    """Mean distance of pairs whose losses stand in turns, [2P]: in nats per token (squared: nats squared)."""
    apart = losses[0::2] - losses[1::2]
    return (jnp.abs(apart) if kind == "absolute" else apart**2).mean()


def paired_loss(method: Pairing, plain: Loss, losses: Callable[[Any, Mapping[str, Any]], jax.Array]) -> Loss:
    """The plain loss of a batch, and `method.weight` times the mean distance of its twins."""

    def loss(model: Any, batch: Mapping[str, Any]) -> tuple[jax.Array, dict[str, Any]]:
        taught, aux = plain(model, batch)
        apart = losses(model, batch["twins"])
        added = method.weight * distance_of(apart, method.distance)
        # Of batches that make one update `taught` is a share; what is told is the loss of this batch.
        told = {"loss": aux["loss"] + added, "distance": distance_of(apart, "absolute")}
        return taught + added, {**aux, **told}

    return loss
