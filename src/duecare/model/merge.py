"""A model with LoRA on top as a plain model, while the LoRA is still being trained. Imports JAX.

qwix adds the low-rank update anew at every call. Sampling calls a model once a token: there the update is
added to the weights beforehand. Weights without an update are shared, not copied, unless they are held in few
bits: a plain model computes with none of these, so they are spelled out.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from duecare.core import ModelError
from duecare.model.export import low_rank, merged
from duecare.model.load import Loaded, parameter, unfilled
from duecare.model.mesh import placed
from duecare.model.quantised import in_few_bits, plain
from duecare.model.tensors import Rule, rules


class Merged:
    """The plain model behind `loaded`; ModelError where the scale of its LoRA is not known."""

    def __init__(self, loaded: Loaded) -> None:
        if loaded.lora_scale is None:
            raise ModelError("the scale of the LoRA (alpha / rank) is not known")
        self._source, self._scale = loaded, loaded.lora_scale
        first = parameter(loaded.model, next(iter(rules(loaded.shape))).path)
        self._first_dtype = first[...].dtype
        _, model = unfilled(loaded.shape, str(self._first_dtype))
        self._plain = dataclasses.replace(loaded, model=model, lora_scale=None)
        self._moving = []
        for rule in rules(loaded.shape):
            parameter(model, rule.path).set_value(_still(loaded, rule))
            if low_rank(loaded.model, rule) is not None:
                self._moving.append(rule)

    def start(self) -> Loaded:
        """A plain model without the updates: what the model was before its first one. Weights are shared."""
        _, model = unfilled(self._source.shape, str(self._first_dtype))
        for rule in rules(self._source.shape):
            parameter(model, rule.path).set_value(_still(self._source, rule))
        return dataclasses.replace(self._plain, model=model)

    def now(self) -> Loaded:
        """The plain model with the updates as they are now; the next call changes it."""
        for rule in self._moving:
            variable = parameter(self._plain.model, rule.path)
            value, mesh = merged(self._source.model, rule, self._scale), self._plain.mesh
            variable.set_value(jnp.asarray(value) if mesh is None else placed(value, variable, mesh))
        return self._plain


def _still(loaded: Loaded, rule: Rule) -> Any:
    """The value of a weight without its update: shared, but that of one held in few bits."""
    variable = parameter(loaded.model, rule.path)
    return jnp.asarray(plain(variable)) if in_few_bits(variable) else variable[...]
