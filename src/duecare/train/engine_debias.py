"""What a debiasing method adds to a training run: its loss, its state, and what it tells of each step.

A method carries state from step to step (group weights, an adversary). The state goes into a step with
the batch and comes back with what the loss function returned beside the loss, so Tunix's loop needs to know
nothing of it; it is written into every checkpoint and put back from there, so a killed run goes on bit for
bit. Nothing of it is exported. Imports JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from duecare.core import DataError, Estimate, ModelError
from duecare.train.batch import Plan
from duecare.train.engine_loop import Batch, Data, Trainer
from duecare.train.watch import Point

Loss = Callable[[Any, Mapping[str, Any]], tuple[jax.Array, dict[str, Any]]]
UNDECLARED = "none declared"
"""The group of rows that declare none, where every row must have one."""


class Treatment:
    """Training as it is, with `loss`; methods change what they need to.

    `carried` is the method's state, a tree of arrays; `trainer` the class of the trainer.
    """

    trainer: type[Trainer] = Trainer

    def __init__(self, loss: Loss, carried: Any = None) -> None:
        self.loss, self.carried = loss, carried

    def batch(self, number: int, batch: Batch) -> Batch:
        """The batch of step `number` (from 0) with what the method needs beside it."""
        return batch

    def take(self, aux: Mapping[str, Any]) -> Sequence[Point]:
        """Keep the state that a step left; what is to be drawn of it."""
        return ()

    def estimates(self) -> list[Estimate]:
        """What the method came to."""
        return []

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The state, by path."""
        return {
            f"debias{jax.tree_util.keystr(path)}": np.asarray(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(self.carried)
        }

    def put_back(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `arrays` gave; ModelError where that was another method's."""
        mine = self.arrays()
        if any(name not in arrays or arrays[name].shape != own.shape for name, own in mine.items()):
            raise ModelError("the checkpoint to resume from is not of this way of debiasing")
        fresh = [np.asarray(arrays[name], own.dtype) for name, own in mine.items()]
        self.carried = jax.tree.unflatten(jax.tree.structure(self.carried), fresh)


class Membership:
    """Which group of `axis` each row of `part` belongs to, as numbers.

    `names` are the groups; `of` int32 [N] is each row's, -1 where it declares none and `whole` is False;
    with `whole` such rows are a group of their own. Fewer groups than `least` are a DataError.
    """

    def __init__(self, part: Data, axis: str, *, whole: bool, least: int = 2) -> None:
        self.axis = axis
        labels = part.groups.of.get(axis, np.array([], dtype=object))
        self.names = sorted({label for label in labels if label is not None})
        if len(self.names) < least:
            found = ", ".join(map(repr, self.names)) or "no group"
            raise DataError(f"debias: axis {axis!r} has {found} in the rows to train on, expected 2 or more")
        numbers = {name: number for number, name in enumerate(self.names)}
        if whole and any(label is None for label in labels):
            self.names.append(UNDECLARED)
        rest = len(numbers) if whole else -1
        self.of = np.array([numbers.get(label, rest) for label in labels], dtype=np.int32)

    def groups(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The group of each of the rows of a batch, -1 also where it has room for a row and holds none."""
        return np.where(rows >= 0, self.of[rows], -1)

    def present(
        self, plan: Plan[Any], steps: int, entries: Callable[[int], npt.NDArray[np.int64]]
    ) -> npt.NDArray[np.float32]:
        """The share of all batches that hold a row of each group: float32 [G].

        `entries(number)` are the entries of `plan.read` in the batch of a training step.
        """
        found = np.zeros(len(self.names), dtype=np.float64)
        for number in range(steps):
            found[np.unique(self.of[plan.rows[entries(number)]])] += 1
        return (found / steps).astype(np.float32)

    def rows(self, plan: Plan[Any]) -> npt.NDArray[np.int64]:
        """How many distinct rows of each group are read: int64 [G]."""
        return np.bincount(self.of[plan.rows], minlength=len(self.names))
