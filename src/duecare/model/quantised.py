"""Weights held in few bits: their plain value, and what a model holds. Imports JAX.

Under low-rank updates a base may be quantised (QLoRA; Dettmers et al. 2023): qwix then keeps whole numbers
and scales where the weight was. Whoever reads a weight gets its value in floating point, which is what the
model computes with; nothing is rounded a second time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import qwix
from flax import nnx

from duecare.model.tensors import Array


def plain(variable: Any) -> Array:
    """The value of a weight, as it is or as its numbers and scales say; dtype that of the scales."""
    if not in_few_bits(variable):
        return np.asarray(variable[...])
    return np.asarray(qwix.dequantize(jax.tree.map(_unboxed, variable.array, is_leaf=_boxed)))


def in_few_bits(variable: Any) -> bool:
    """Whether a weight is held as numbers of few bits and their scales."""
    return isinstance(getattr(variable, "array", None), qwix.QArray)


@dataclass(frozen=True, slots=True)
class Held:
    """What a model holds: its `parameters`, how many of them are `quantised`, and `bytes` of all.

    `bytes` go by the bits of each type: four-bit numbers count half a byte. (JAX on a processor keeps
    each of them in a byte of its own; on an accelerator two share one.)
    """

    parameters: int
    quantised: int
    bytes: int


def held(model: nnx.Module) -> Held:
    """What `model` holds without its low-rank updates."""
    numbers = size = quantised = 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(nnx.state(model, _of_base)):
        size += math.ceil(leaf.size * _bits(leaf.dtype) / 8)
        part = _part(path)
        numbers += leaf.size if part != "scale" else 0
        quantised += leaf.size if part == "qvalue" else 0
    return Held(parameters=numbers, quantised=quantised, bytes=size)


def _of_base(path: Any, variable: Any) -> bool:
    return isinstance(variable, nnx.Param) and not isinstance(variable, nnx.LoRAParam)


def _part(path: Any) -> str:
    """Which part of a quantised weight is at `path`: "qvalue" or "scale"; of another weight nothing."""
    names = [str(getattr(key, "key", getattr(key, "name", key))) for key in path]
    for outer, inner in pairwise(names):
        if outer == "array" and inner in ("qvalue", "scale"):
            return inner
    return ""


def _bits(dtype: Any) -> int:
    numbers = jnp.finfo if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo
    return int(numbers(dtype).bits)


def _boxed(value: Any) -> bool:
    return isinstance(value, nnx.Variable)


def _unboxed(value: Any) -> Any:
    return value[...] if _boxed(value) else value
