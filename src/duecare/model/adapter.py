"""Low-rank updates in PEFT's layout, put onto a model in memory: a state on the way to the last. Imports JAX.

A training step leaves its merged model, its last update, and where it is asked for earlier ones beside
them (`snapshots/step-000020`). The model of an earlier step is the merged one less its own update plus the
earlier one. So no other folder is needed, nothing is written, and what a base in few bits was
rounded to stays as it was. Rounding apart (float32) it is the model that was trained then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from duecare.core import ModelError
from duecare.model.load import Loaded, parameter
from duecare.model.mesh import placed
from duecare.model.tensors import Array, Rule, rules

SNAPSHOTS = "snapshots"
"""The folder of an artifact that holds its earlier updates."""
_STEP = "step-"
_STEM, _LOW, _HIGH = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def snapshot_folder(artifact: Path, step: int) -> Path:
    """Where the update that a model had after training step `step` lies in an artifact."""
    return artifact / SNAPSHOTS / f"{_STEP}{step:06d}"


def snapshots_of(artifact: Path) -> dict[int, Path]:
    """The earlier updates of an artifact by training step, in order; empty where it has none."""
    found = (artifact / SNAPSHOTS).glob(f"{_STEP}*")
    steps = {path.name.removeprefix(_STEP): path for path in found}
    return {int(step): steps[step] for step in sorted(filter(str.isdigit, steps), key=int)}


@dataclass(frozen=True, slots=True)
class Adapter:
    """Low-rank updates by the tensor they add to: `low` [rank, in], `high` [out, rank], and their `scale`
    (alpha / rank)."""

    low: Mapping[str, Array]
    high: Mapping[str, Array]
    scale: float

    def update(self, name: str) -> Array:
        """What is added to the tensor `name`: float32 [out, in]."""
        found: Array = (self.high[name] @ self.low[name]) * np.float32(self.scale)
        return found


def read_adapter(folder: Path) -> Adapter:
    """The update of a folder in PEFT's layout; ModelError where it is absent, damaged, or of another kind."""
    try:
        told = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
        scale = float(told["lora_alpha"]) / int(told["r"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(f"{folder.name}: expected a whole low-rank update in PEFT's layout") from error
    if told.get("peft_type") != "LORA" or told.get("use_dora") or told.get("use_rslora"):
        raise ModelError(f"{folder.name}: expected a plain low-rank update (LoRA)")
    low, high = (
        {
            name.removeprefix(_STEM).removesuffix(end) + ".weight": np.asarray(tensor, np.float32)
            for name, tensor in tensors.items()
            if name.startswith(_STEM) and name.endswith(end)
        }
        for end in (_LOW, _HIGH)
    )
    if not low or low.keys() != high.keys():
        raise ModelError(f"{folder.name}: expected both factors of every update, and one update at least")
    return Adapter(low, high, scale)


def exchange(loaded: Loaded, own: Adapter, other: Adapter) -> None:
    """Make of a merged model, which holds `own`, the one that holds `other` instead.

    Of `loaded` nothing but the parameters that move is touched. ModelError where the updates are not of
    this model, or not of the same tensors.
    """
    known = {name for rule in rules(loaded.shape) for name in rule.names}
    if own.low.keys() != other.low.keys() or not own.low.keys() <= known:
        raise ModelError("the low-rank updates to be exchanged are not of one and the same model")
    for rule in rules(loaded.shape):
        if own.low.keys() & set(rule.names):
            _move(loaded, rule, own, other)


def _move(loaded: Loaded, rule: Rule, own: Adapter, other: Adapter) -> None:
    variable = parameter(loaded.model, rule.path)
    value = np.asarray(variable[...])
    try:
        more = rule.join([other.update(name) - own.update(name) for name in rule.names])
    except (KeyError, ValueError) as error:
        raise ModelError(f"{rule.names[0]}: the low-rank update does not fit the model") from error
    if more.shape != value.shape:
        raise ModelError(f"{rule.names[0]}: the low-rank update does not fit the model")
    moved = (value.astype(np.float32) + more).astype(value.dtype)
    variable.set_value(jnp.asarray(moved) if loaded.mesh is None else placed(moved, variable, loaded.mesh))
