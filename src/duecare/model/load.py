"""A Hugging Face folder into a Tunix model. Imports JAX; see `family` for what can be loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh
from safetensors import safe_open
from tunix.models.gemma3 import model as gemma3
from tunix.models.llama3 import model as llama3
from tunix.models.qwen2 import model as qwen2
from tunix.models.qwen3 import model as qwen3

from duecare.core import ModelError
from duecare.model.family import Shape, shape_of
from duecare.model.mesh import expect_fit, placed
from duecare.model.rope import LlamaAttention, QwenAttention
from duecare.model.tensors import Array, rules
from duecare.model.tokenize import Tokenizer

PASSED_OVER = (
    "vision_tower.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
)


def _hashable(kind: Any) -> Any:
    """A Tunix config type that can be hashed, as Llama's can: compiled programs are found by it."""
    return type(kind.__name__, (kind,), {"__hash__": lambda self: hash(repr(self))})


_GEMMA3, _QWEN2, _QWEN3 = map(_hashable, (gemma3.ModelConfig, qwen2.ModelConfig, qwen3.ModelConfig))


@dataclass(slots=True)
class Loaded:
    """A model ready to train or to ask.

    `model` may be replaced by one with LoRA on top; `lora_scale` (alpha / rank) is then set too. `mesh` is
    where its parameters lie, None for one device.
    """

    model: Any
    config: Any
    shape: Shape
    tokenizer: Tokenizer
    family: str
    folder: Path
    lora_scale: float | None = None
    mesh: Mesh | None = None


def load(folder: Path, dtype: str = "float32", mesh: Mesh | None = None) -> Loaded:
    """Load the model of a Hugging Face folder (config.json, *.safetensors, tokenizer files).

    `dtype` "float32" or "bfloat16" is that of parameters and arithmetic; `mesh` (see `make_mesh`) deals the
    parameters out over several devices. Raises ModelError for an architecture that is not supported, a
    field that Tunix cannot represent, tensors that are missing, left over or of another shape, and heads
    that the mesh does not divide.
    """
    return load_as(folder, shape_of(read_config(folder)), dtype, mesh)


def load_as(
    folder: Path, shape: Shape, dtype: str, mesh: Mesh | None, beside: frozenset[str] = frozenset()
) -> Loaded:
    """`load` for a shape that is known; tensors called as in `beside` are another's to read."""
    if dtype not in ("float32", "bfloat16"):
        raise ModelError(f"dtype = {dtype!r}: expected float32 or bfloat16")
    if mesh is not None:
        expect_fit(shape, mesh)
    config, model = unfilled(shape, dtype)
    _fill(model, shape, folder, jnp.dtype(dtype), mesh, beside=beside)
    return Loaded(
        model=model,
        config=config,
        shape=shape,
        tokenizer=Tokenizer(folder),
        family=shape.family,
        folder=folder,
        mesh=mesh,
    )


def read_config(folder: Path) -> dict[str, Any]:
    """The parsed `config.json` of a folder."""
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{folder.name} has no readable config.json") from error
    except ValueError as error:
        raise ModelError(f"{folder.name}/config.json is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{folder.name}/config.json holds no object")
    return found


def unfilled(shape: Shape, dtype: str) -> tuple[Any, Any]:
    """The Tunix config of a model of this shape, and the model with parameters that hold nothing yet."""
    config, plan, parameters = _outline(shape, dtype)
    return config, nnx.merge(plan, parameters, copy=True)


@lru_cache(maxsize=4)
def _outline(shape: Shape, dtype: str) -> tuple[Any, Any, Any]:
    """Config, graph and shapes of a model, kept: building them takes as long as reading the weights."""
    config, build = _builder(shape, dtype)
    return config, *nnx.split(nnx.eval_shape(build))


def _builder(shape: Shape, dtype: str) -> tuple[Any, Callable[[], Any]]:
    sizes: dict[str, Any] = {
        "num_layers": shape.layers,
        "embed_dim": shape.width,
        "hidden_dim": shape.hidden,
        "num_heads": shape.heads,
        "head_dim": shape.head_width,
        "num_kv_heads": shape.kv_heads,
    }
    kind = jnp.dtype(dtype)
    if shape.family == "gemma3":
        scale = gemma3.QueryPreAttentionNormalisation
        config = _GEMMA3(
            **sizes,
            num_embed=shape.vocabulary,
            sliding_window_size=shape.window,
            local_base_frequency=shape.local_theta,
            global_base_frequency=shape.theta,
            global_scale_factor=shape.global_factor,
            query_pre_attn_norm=(
                scale.BY_ONE_OVER_SQRT_HEAD_DIM
                if shape.query_width == shape.head_width
                else scale.BY_ONE_OVER_SQRT_EMBED_DIM_DIV_NUM_HEADS
            ),
            param_dtype=kind,
        )
        return config, lambda: gemma3.Gemma3(config, rngs=nnx.Rngs(0))
    sizes |= {"vocab_size": shape.vocabulary, "rope_theta": shape.theta, "norm_eps": shape.eps}
    if shape.family == "llama":
        config = llama3.ModelConfig(**sizes, weight_tying=shape.tied)
        return config, lambda: _mended(llama3.Llama3(config, rngs=nnx.Rngs(0)), LlamaAttention, shape)
    config = (_QWEN2 if shape.family == "qwen2" else _QWEN3)(
        **sizes, use_tied_embedding=shape.tied, dtype=kind, param_dtype=kind
    )
    if shape.family == "qwen2":
        return config, lambda: qwen2.Qwen2(config, rngs=nnx.Rngs(0))
    return config, lambda: _mended(qwen3.Qwen3(config, rngs=nnx.Rngs(0)), QwenAttention, shape)


def _mended(model: Any, attention: Callable[..., Any], shape: Shape) -> Any:
    """`model` with its attention replaced by one that knows the model's rotary frequencies."""
    for layer in model.layers:
        layer.attn = attention(model.config, frequencies=shape.frequencies(), rngs=nnx.Rngs(0))
    return model


def parameter(model: Any, path: tuple[str | int, ...]) -> Any:
    """The nnx variable at `path` of a model."""
    for step in path:
        model = model[step] if isinstance(step, int) else getattr(model, step)
    return model


def _fill(
    model: Any, shape: Shape, folder: Path, dtype: Any, mesh: Mesh | None, *, beside: frozenset[str]
) -> None:
    with ExitStack() as stack:
        tensors = dict(_tensors(folder, stack))
        wanted = list(rules(shape))
        names = {name for rule in wanted for name in rule.names}
        if missing := sorted(names - tensors.keys()):
            raise ModelError(f"{folder.name}: {len(missing)} tensors are missing, the first is {missing[0]}")
        spare = beside | ({"lm_head.weight"} if shape.tied else set())
        if surplus := sorted(tensors.keys() - names - spare):
            raise ModelError(
                f"{folder.name}: {len(surplus)} tensors have no place, the first is {surplus[0]}"
            )
        for rule in wanted:
            variable = parameter(model, rule.path)
            try:
                value = rule.join([tensors[name]() for name in rule.names])
            except ValueError as error:
                raise ModelError(
                    f"{folder.name}: {rule.names[0]} does not fit config.json: {error}"
                ) from error
            if value.shape != variable.shape:
                raise ModelError(
                    f"{folder.name}: {rule.names[0]} has shape {value.shape}, expected {variable.shape}"
                )
            value = value.astype(dtype)
            variable.set_value(jnp.asarray(value) if mesh is None else placed(value, variable, mesh))


def _tensors(folder: Path, stack: ExitStack) -> Iterator[tuple[str, Callable[[], Array]]]:
    """Tensor names of all safetensors files, each with a way to read it."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder.name} has no .safetensors file (pickled weights are never loaded)")
    for path in files:
        try:
            opened = stack.enter_context(safe_open(path, framework="flax"))  # type: ignore[no-untyped-call]  # typed by stubs only
        except Exception as error:  # safetensors raises its own type, and it is not exported for all causes
            raise ModelError(f"{path.name} is not a readable safetensors file: {error}") from error
        for name in opened.keys():  # noqa: SIM118 - not a dict, it only has keys()
            if name.startswith(PASSED_OVER) or name.endswith("rotary_emb.inv_freq"):
                continue
            yield _plain_name(name), partial(_tensor, opened, name)


def _tensor(opened: Any, name: str) -> Array:
    return np.asarray(opened.get_tensor(name))


def _plain_name(name: str) -> str:
    """Multimodal Gemma 3 keeps its text model one level down, at one of two places."""
    for prefix in ("model.language_model.", "language_model.model."):
        if name.startswith(prefix):
            return "model." + name.removeprefix(prefix)
    return name.removeprefix("language_model.")
