"""Low-rank updates on a loaded model, their optimiser, and their state as plain arrays. Imports JAX."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
import qwix
from flax import nnx

from duecare.core import ModelError
from duecare.train.answering import Answering
from duecare.train.batch import ASKED_TOGETHER
from duecare.train.rules import Quantize, Schedule, Targets, learning_rate_at

PATHS = {
    "q-v": r".*(q_proj|v_proj|q_einsum|kv_einsum)",
    "all-linear": (
        r".*(q_proj|k_proj|v_proj|o_proj|q_einsum|kv_einsum|qkv_einsum|attn_vec_einsum"
        r"|gate_proj|up_proj|down_proj)"
    ),
}
"""Module paths by target, over the names that Tunix's Llama, Qwen and Gemma modules use."""

READ: dict[str, tuple[str, ...]] = {
    "width": (
        *("q_proj", "k_proj", "v_proj", "q_einsum", "kv_einsum", "qkv_einsum"),
        *("gate_proj", "up_proj"),
    ),
    "hidden": ("down_proj",),
    "heads": ("o_proj", "attn_vec_einsum"),
}
"""Modules by what they read: the model's width, its hidden units, or what its heads say."""
BLOCK = 64
"""Weights that share a scale in nf4, at most (Dettmers et al. 2023)."""

OptState = nnx.optimizer.OptState


class Loop(Protocol):
    """The settings of a step that the optimiser needs."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def warmup(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def clip(self) -> float: ...


def with_lora(
    model: Any,
    *,
    rank: int,
    alpha: float,
    targets: Targets,
    seed: int,
    quantize: Quantize | None = None,
    under: Callable[[Any], Answering] = Answering,
) -> Answering:
    """`model` under a call for log-probabilities, with low-rank updates that as yet change nothing.

    `under` puts it under another call, of the same arguments. qwix makes a copy: let go of the model given,
    or its weights are held twice. With `quantize` the weights of all projections, whether they get an update
    or not, are held in few bits; embeddings, norms and head stay as they are.
    """
    update: dict[str, Any] = {"rank": rank, "alpha": alpha}
    if quantize is None:
        provider = qwix.LoraProvider(module_path=PATHS[targets], **update)
    else:
        provider = _InFewBits(_in_few_bits(model.config, targets, quantize, update))
    adapted: Answering = qwix.apply_lora_to_model(
        under(model), provider, *_smallest_call(), rngs=nnx.Rngs(seed)
    )
    if not jax.tree.leaves(nnx.state(adapted.model, nnx.LoRAParam)):
        raise ModelError(f"{type(model).__name__} has no projections for targets {targets!r}")
    return adapted


class _InFewBits(qwix.LoraProvider):  # type: ignore[misc]  # qwix is untyped
    """qwix's provider, for modules that call `jnp.astype` on their weight too (Tunix's Qwen).

    A quantised weight passes as it is: it is computed with in the type of its scales, and under another
    object qwix would no longer know whose update is to be added.
    """

    def get_intercept_map(self) -> dict[str, Any]:
        return {**super().get_intercept_map(), "jax.numpy.astype": self.astype}

    @staticmethod
    def astype(x: Any, dtype: Any, **settings: Any) -> Any:
        return x if isinstance(getattr(x, "array", None), qwix.QArray) else jnp.astype(x, dtype, **settings)


def _in_few_bits(
    config: Any, targets: Targets, quantize: Quantize, update: Mapping[str, Any]
) -> list[qwix.QuantizationRule]:
    """How each projection is held; those of `targets` with an `update`. The first rule that fits counts."""
    found: list[qwix.QuantizationRule] = []
    for axis, names in READ.items():
        held = {"weight_qtype": quantize, "tile_size": _block(config, axis) if quantize == "nf4" else None}
        tuned = [name for name in names if re.fullmatch(PATHS[targets], name)]
        rest = [name for name in names if name not in tuned]
        if tuned:
            found.append(qwix.LoraRule(module_path=_ending(tuned), **held, **update))
        if rest:
            found.append(qwix.QuantizationRule(module_path=_ending(rest), **held))
    return found


def _ending(names: Sequence[str]) -> str:
    return rf".*({'|'.join(names)})"


def _block(config: Any, axis: str) -> int:
    """Numbers along the last axis a module reads that share a scale: as many as divide it, BLOCK at most.

    qwix lets blocks run through all heads at once, so that there each takes fewer numbers of a head.
    """
    sizes = {"width": config.embed_dim, "hidden": config.hidden_dim, "heads": config.head_dim}
    most = max(1, BLOCK // config.num_heads) if axis == "heads" else BLOCK
    return max(each for each in range(1, most + 1) if sizes[axis] % each == 0)


def _smallest_call() -> tuple[Any, ...]:
    """Inputs of Answering for the one call in which qwix makes the updates; their values do not matter."""
    tokens = jnp.zeros((1, 2), jnp.int32)
    asked = jnp.zeros(ASKED_TOGETHER, jnp.int32)
    return tokens, tokens, jnp.ones((1, 2, 2), bool), (asked, asked, asked)


def optimiser(loop: Loop, accumulate: int = 1, *, clipped: bool = True) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) on gradients clipped to norm `clip`, without weight decay.

    Not `clipped` where each unit's gradient has been already, and noise lies on their sum.
    It makes one update for every `accumulate` steps of `loop`. The rates are computed here once and looked
    up by update: in one float32 table they are the same numbers however the schedule's arithmetic would
    have been compiled.
    """
    updates, warmup = loop.steps // accumulate, -(-loop.warmup // accumulate)
    rates = np.array(
        [
            learning_rate_at(update, loop.learning_rate, loop.schedule, warmup, updates)
            for update in range(updates)
        ],
        dtype=np.float32,
    )

    def rate(step: Any) -> Any:
        return jnp.asarray(rates)[step]

    return optax.chain(*([optax.clip_by_global_norm(loop.clip)] if clipped else []), optax.adam(rate))


def in_training(model: nnx.Module) -> tuple[str, Any]:
    """Which variables are trained, and a prefix for them: low-rank updates if there are any, else all."""
    has_lora = bool(jax.tree.leaves(nnx.state(model, nnx.LoRAParam)))
    return ("lora", nnx.LoRAParam) if has_lora else ("weights", nnx.Param)


def weights_state(model: nnx.Module) -> dict[str, npt.NDArray[Any]]:
    """The weights in training, by path."""
    prefix, kind = in_training(model)
    return _arrays(prefix, nnx.state(model, kind))


def training_state(model: nnx.Module, optimizer: nnx.Optimizer) -> dict[str, npt.NDArray[Any]]:
    """Everything that a training step changes, by path."""
    return weights_state(model) | _arrays("optimizer", nnx.state(optimizer, OptState))


def restore(model: nnx.Module, optimizer: nnx.Optimizer, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Put back what `training_state` gave; ModelError where it is another model's."""
    restore_weights(model, arrays)
    _put_back("optimizer", optimizer, OptState, arrays)


def restore_weights(model: nnx.Module, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put back what `weights_state` gave; ModelError where it is another model's."""
    prefix, kind = in_training(model)
    _put_back(prefix, model, kind, arrays)


def _put_back(prefix: str, owner: Any, kind: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    state = nnx.state(owner, kind)
    names = [
        f"{prefix}{jax.tree_util.keystr(path)}" for path, _ in jax.tree_util.tree_leaves_with_path(state)
    ]
    leaves, shape = jax.tree.flatten(state)
    if any(
        name not in arrays or arrays[name].shape != leaf.shape or arrays[name].dtype != leaf.dtype
        for name, leaf in zip(names, leaves, strict=True)
    ):
        raise ModelError("the checkpoint to resume from is not of this model and these settings")
    # An array that was free to move stays so: one tied to its device would have the step compiled twice.
    fresh = [
        jax.device_put(arrays[name], leaf.sharding if leaf.committed else None)
        for name, leaf in zip(names, leaves, strict=True)
    ]
    nnx.update(owner, jax.tree.unflatten(shape, fresh))


def finite(arrays: dict[str, npt.NDArray[Any]]) -> bool:
    """Whether no weight is NaN or infinite."""
    return all(
        bool(np.isfinite(array).all()) for name, array in arrays.items() if not name.startswith("optimizer")
    )


def most_memory() -> tuple[int | None, bool]:
    """The most memory held so far in bytes, and whether that is the accelerator's (else this process's)."""
    told = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in told:
        return int(told["peak_bytes_in_use"]), True
    status = Path("/proc/self/status")
    if status.is_file() and (most := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(most[1]) * 1024, False  # getrusage would tell of the process that started this one, too
    try:
        import resource
    except ImportError:  # Windows
        return None, False
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024), False


def _arrays(prefix: str, state: Any) -> dict[str, npt.NDArray[Any]]:
    return {
        f"{prefix}{jax.tree_util.keystr(path)}": np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }
