"""One model over several devices: which part of each tensor lies where. Imports JAX.

Tunix names the axes of every parameter: "fsdp" (fully sharded data parallel: rows of a batch and one side of
each weight are dealt out) and "tp" (tensor parallel: heads, hidden units and vocabulary are dealt out).
Parameters are placed so; XLA derives the rest of each program from where they lie.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from duecare.core import ModelError
from duecare.model.family import Shape

AXES = ("fsdp", "tp")


def make_mesh(fsdp: int, tp: int = 1) -> Mesh:
    """A mesh of the first fsdp * tp devices; ModelError where there are not so many."""
    if fsdp < 1 or tp < 1:
        raise ModelError(f"mesh: fsdp = {fsdp}, tp = {tp}: expected whole numbers of at least 1")
    devices = jax.devices()
    if fsdp * tp > len(devices):
        raise ModelError(
            f"mesh: fsdp = {fsdp}, tp = {tp}: expected at most {len(devices)} devices in all,"
            f" which is what JAX sees on {devices[0].platform}"
        )
    return Mesh(np.array(devices[: fsdp * tp]).reshape(fsdp, tp), AXES)


def expect_fit(shape: Shape, mesh: Mesh) -> None:
    """Refuse a model whose attention heads or hidden units "tp" does not divide."""
    tp = mesh.shape["tp"]
    sizes = {"heads": shape.heads, "key-value heads": shape.kv_heads, "hidden units": shape.hidden}
    if odd := [f"{size} {name}" for name, size in sizes.items() if size % tp]:
        raise ModelError(f"mesh: tp = {tp} does not divide {', '.join(odd)} of this model")


def placed(value: Any, variable: Any, mesh: Mesh) -> jax.Array:
    """`value` over the mesh as Tunix names the axes of its `variable`.

    A side that its axis does not divide (a vocabulary of odd size) stays whole on every device.
    """
    names = tuple(variable.get_metadata().get("out_sharding") or ())
    spec = [
        name if name is None or size % _ways(mesh, name) == 0 else None
        for name, size in zip(names, value.shape, strict=False)
    ]
    return jax.device_put(value, NamedSharding(mesh, PartitionSpec(*spec)))


def rows_over(mesh: Mesh | None, *arrays: Any) -> tuple[Any, ...]:
    """Arrays whose first axis is the batch, dealt out over "fsdp" where it divides them.

    Without a mesh they are given back as they came.
    """
    if mesh is None:
        return arrays
    ways = mesh.shape["fsdp"]
    return tuple(
        jax.device_put(each, NamedSharding(mesh, PartitionSpec("fsdp" if len(each) % ways == 0 else None)))
        for each in arrays
    )


def _ways(mesh: Mesh, name: str | tuple[str, ...]) -> int:
    return math.prod(mesh.shape[each] for each in ((name,) if isinstance(name, str) else name))
