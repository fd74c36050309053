"""A model with LoRA on top as a plain model, while the LoRA is still being trained. Imports JAX.

qwix adds the low-rank update anew at every call. Sampling calls a model once a token: there the update is
added to the weights beforehand. Weights without an update are shared, not copied.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp

from duecare.core import ModelError
from duecare.model.export import low_rank, merged
from duecare.model.load import Loaded, parameter, unfilled
from duecare.model.mesh import placed
from duecare.model.tensors import rules


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
            parameter(model, rule.path).set_value(parameter(loaded.model, rule.path)[...])
            if low_rank(loaded.model, rule) is not None:
                self._moving.append(rule)

    def start(self) -> Loaded:
        """A plain model without the updates: what the model was before its first one. Weights are shared."""
        _, model = unfilled(self._source.shape, str(self._first_dtype))
        for rule in rules(self._source.shape):
            value = parameter(self._source.model, rule.path)[...]
            parameter(model, rule.path).set_value(value)
        return dataclasses.replace(self._plain, model=model)

    def now(self) -> Loaded:
        """The plain model with the updates as they are now; the next call changes it."""
        for rule in self._moving:
            variable = parameter(self._plain.model, rule.path)
            value, mesh = merged(self._source.model, rule, self._scale), self._plain.mesh
            variable.set_value(jnp.asarray(value) if mesh is None else placed(value, variable, mesh))
        return self._plain
