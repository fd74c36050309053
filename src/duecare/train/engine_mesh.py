"""Training over a mesh of devices: where the model lies, and where the rows of a batch do. Imports JAX.

Parameters are placed when a model is loaded (`model.mesh`); low-rank updates and their optimiser follow them.
Rows of a batch are dealt out over "fsdp" where it divides their number. XLA derives the rest. What comes out
differs from one device by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import jax
import numpy as np
import numpy.typing as npt
from jax.sharding import Mesh

from duecare.model.mesh import make_mesh, rows_over

Batch = Mapping[str, npt.NDArray[Any]]


class Spread(Protocol):
    """A step that says over which devices it runs: (fsdp, tp), or None for one."""

    @property
    def mesh(self) -> tuple[int, int] | None: ...


def mesh_of(step: Spread) -> Mesh | None:
    """The devices of a step; ModelError where there are not so many."""
    return None if step.mesh is None else make_mesh(*step.mesh)


def over(step: Spread) -> AbstractContextManager[Any]:
    """What a step runs within, so that new arrays know the mesh."""
    mesh = mesh_of(step)
    return nullcontext() if mesh is None else jax.set_mesh(mesh)


def dealt(step: Spread, batch: Callable[[int], Batch]) -> Callable[[int], Batch]:
    """`batch` with its rows dealt out; what is no line of tokens (weights, what is asked) lies everywhere."""
    mesh = mesh_of(step)
    if mesh is None:
        return batch

    def of(number: int) -> Batch:
        found = dict(batch(number))
        lines = [name for name, each in found.items() if isinstance(each, np.ndarray) and each.ndim > 1]
        return found | dict(zip(lines, rows_over(mesh, *(found[name] for name in lines)), strict=True))

    return of
