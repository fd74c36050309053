"""Which models can be loaded, and how their `config.json` and tensors map onto Tunix's modules.

Tunix picks its configs by name from a fixed table; this maps any size from the folder itself. Needs no
JAX. What cannot be represented faithfully is refused by field, with the list of what works.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from duecare.core import ModelError

ARCHITECTURES: Final[dict[str, str]] = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "Gemma3ForCausalLM": "gemma3",
    "Gemma3ForConditionalGeneration": "gemma3",
}
CLASSIFIERS: Final[dict[str, str]] = {
    "LlamaForSequenceClassification": "llama",
    "Qwen2ForSequenceClassification": "qwen2",
    "Qwen3ForSequenceClassification": "qwen3",
    "Gemma3TextForSequenceClassification": "gemma3",
}
"""The same models with a linear head on their last hidden state: reward models."""
HEAD: Final = "score.weight"
"""The tensor of that head, [1, D]."""
WORKS: Final = (
    "Llama (2, 3, 3.1, 3.2 and models of that shape such as SmolLM2), Qwen2 and Qwen2.5, Qwen3 (dense), "
    "Gemma 3 (text)"
)
GEMMA_PATTERN: Final = ("sliding_attention",) * 5 + ("full_attention",)


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Llama 3.1's stretching of rotary frequencies (`rope_type` "llama3")."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_positions: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What is needed to build a model: sizes, and what its attention does."""

    family: str
    layers: int
    vocabulary: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_width: int
    eps: float
    theta: float
    tied: bool
    scaling: RopeScaling | None = None
    local_theta: float = 10_000.0
    global_factor: float = 1.0
    window: int | None = None
    query_width: int | None = None

    @property
    def parameters(self) -> int:
        """Number of weights, embeddings counted once where they are tied."""
        attention = self.width * self.head_width * (2 * self.heads + 2 * self.kv_heads)
        block = attention + 3 * self.width * self.hidden + 2 * self.width
        if self.family == "gemma3":
            block += 2 * self.width
        if self.family in ("qwen3", "gemma3"):
            block += 2 * self.head_width
        if self.family == "qwen2":
            block += self.head_width * (self.heads + 2 * self.kv_heads)
        tables = self.vocabulary * self.width * (1 if self.tied else 2)
        return self.layers * block + tables + self.width

    def frequencies(self) -> tuple[float, ...]:
        """Rotary frequencies in radians per position, [head_width / 2], Llama 3.1 scaling applied."""
        plain = [self.theta ** (-2 * i / self.head_width) for i in range(self.head_width // 2)]
        return tuple(plain if self.scaling is None else (_stretched(f, self.scaling) for f in plain))


def shape_of(config: Mapping[str, Any], architectures: Mapping[str, str] = ARCHITECTURES) -> Shape:
    """The Shape of a parsed `config.json`; ModelError names the field that cannot be represented."""
    named = config.get("architectures") or ["(none)"]
    family = architectures.get(str(named[0]))
    if family is None:
        if str(named[0]) in CLASSIFIERS:
            raise ModelError(f"config.json: architectures = {named[0]}: a reward model writes no answers")
        raise ModelError(f"config.json: architectures = {named[0]} cannot be loaded; what works: {WORKS}")
    text = config.get("text_config") if "text_config" in config else config
    if not isinstance(text, Mapping):
        raise ModelError("config.json: text_config is not an object")
    reader = _Reader(text)
    if family == "gemma3":
        return _gemma(reader)
    return _llama_like(reader, family)


class _Reader:
    """Fields of a config with their types checked; a wrong one is a ModelError."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        parameters = config.get("rope_parameters")
        self.rope: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.config.get(name)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise ModelError(f"config.json: {name} = {value!r}: expected a positive whole number")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.config.get(name)
        return _positive(name, default if value is None else value)

    def only(self, name: str, allowed: tuple[object, ...], default: object) -> None:
        """Refuse a value that the modules cannot represent."""
        value = self.config.get(name, default)
        if value not in allowed:
            choice = " or ".join(map(repr, allowed))
            raise ModelError(f"config.json: {name} = {value!r} is not supported: expected {choice}")


def _positive(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ModelError(f"config.json: {name} = {value!r}: expected a positive number")
    return float(value)


def _llama_like(read: _Reader, family: str) -> Shape:
    read.only("hidden_act", ("silu",), "silu")
    read.only("attention_bias", (False,) if family != "qwen2" else (False, True), False)
    read.only("mlp_bias", (False,), False)
    for name in ("use_sliding_window", "quantization_config"):
        read.only(name, (False, None), None)
    read.only("partial_rotary_factor", (1.0, None), None)
    heads = read.integer("num_attention_heads")
    width = read.integer("hidden_size")
    theta = read.rope.get("rope_theta", read.config.get("rope_theta", 10_000.0))
    scaling = _scaling(read)
    if scaling is not None and family == "qwen2":
        raise ModelError("config.json: rope_scaling is not supported for qwen2: expected none")
    return _checked(
        Shape(
            family=family,
            layers=read.integer("num_hidden_layers"),
            vocabulary=read.integer("vocab_size"),
            width=width,
            hidden=read.integer("intermediate_size"),
            heads=heads,
            kv_heads=read.integer("num_key_value_heads", heads),
            head_width=read.integer("head_dim", 128 if family == "qwen3" else max(width // heads, 1)),
            eps=read.number("rms_norm_eps", 1e-6),
            theta=_positive("rope_theta", theta),
            tied=bool(read.config.get("tie_word_embeddings", False)),
            scaling=scaling,
        )
    )


def _gemma(read: _Reader) -> Shape:
    _refuse_other_gemmas(read)
    width, heads, head_width = (
        read.integer(name, default)
        for name, default in (("hidden_size", None), ("num_attention_heads", None), ("head_dim", 256))
    )
    scalar = read.number("query_pre_attn_scalar", 256.0)
    if scalar not in (head_width, width // heads):
        raise ModelError(
            f"config.json: query_pre_attn_scalar = {scalar:g}: expected head_dim = {head_width} "
            f"or hidden_size // num_attention_heads = {width // heads}"
        )
    full, sliding = (read.rope.get(name, {}) for name in ("full_attention", "sliding_attention"))
    return _checked(
        Shape(
            family="gemma3",
            layers=read.integer("num_hidden_layers"),
            vocabulary=read.integer("vocab_size", 262_208),
            width=width,
            hidden=read.integer("intermediate_size"),
            heads=heads,
            kv_heads=read.integer("num_key_value_heads"),
            head_width=head_width,
            query_width=int(scalar),
            eps=1e-6,
            theta=_positive("rope_theta", full.get("rope_theta", read.config.get("rope_theta", 1e6))),
            tied=True,
            local_theta=_positive(
                "rope_local_base_freq",
                sliding.get("rope_theta", read.config.get("rope_local_base_freq", 1e4)),
            ),
            global_factor=_linear_factor(full or read.config.get("rope_scaling") or {}),
            window=read.integer("sliding_window", 4096),
        )
    )


def _refuse_other_gemmas(read: _Reader) -> None:
    """What Tunix's module has built in."""
    read.only("hidden_activation", ("gelu_pytorch_tanh",), "gelu_pytorch_tanh")
    for name in ("attn_logit_softcapping", "final_logit_softcapping", "quantization_config"):
        read.only(name, (None,), None)
    for name in ("attention_bias", "use_bidirectional_attention"):
        read.only(name, (False,), False)
    read.only("tie_word_embeddings", (True,), True)
    read.only("rms_norm_eps", (1e-6,), 1e-6)
    read.only("sliding_window_pattern", (6, None), None)
    pattern = tuple(GEMMA_PATTERN[i % 6] for i in range(read.integer("num_hidden_layers")))
    if tuple(read.config.get("layer_types") or pattern) != pattern:
        raise ModelError("config.json: layer_types: expected five sliding_attention for one full_attention")


def _checked(shape: Shape) -> Shape:
    if shape.heads % shape.kv_heads:
        raise ModelError(
            f"config.json: num_attention_heads = {shape.heads}: expected a multiple of num_key_value_heads"
        )
    if shape.head_width % 2:
        raise ModelError(f"config.json: head_dim = {shape.head_width}: expected an even number")
    return shape


def _scaling(read: _Reader) -> RopeScaling | None:
    found = read.rope or read.config.get("rope_scaling") or {}
    kind = found.get("rope_type", found.get("type", "default"))
    if kind == "default":
        return None
    if kind != "llama3":
        raise ModelError(f"config.json: rope_type = {kind!r} is not supported: expected default or llama3")
    return RopeScaling(
        factor=_positive("rope_scaling.factor", found.get("factor")),
        low_freq_factor=_positive("rope_scaling.low_freq_factor", found.get("low_freq_factor")),
        high_freq_factor=_positive("rope_scaling.high_freq_factor", found.get("high_freq_factor")),
        original_positions=int(
            _positive(
                "rope_scaling.original_max_position_embeddings", found.get("original_max_position_embeddings")
            )
        ),
    )


def _linear_factor(found: Mapping[str, Any]) -> float:
    kind = found.get("rope_type", found.get("type", "default"))
    if kind not in ("default", "linear"):
        raise ModelError(f"config.json: rope_type = {kind!r} is not supported: expected default or linear")
    return _positive("rope_scaling.factor", found.get("factor", 1.0)) if kind == "linear" else 1.0


def _stretched(frequency: float, by: RopeScaling) -> float:
    """Llama 3.1: long waves divided by the factor, short ones kept, a ramp between."""
    turns = by.original_positions * frequency / (2 * math.pi)  # turns within the original context
    if turns < by.low_freq_factor:
        return frequency / by.factor
    if turns > by.high_freq_factor:
        return frequency
    share = (turns - by.low_freq_factor) / (by.high_freq_factor - by.low_freq_factor)
    return (1 - share) * frequency / by.factor + share * frequency
