"""The models that goldens exist for, and how they are made; used by tests and `scripts/golden_logits.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from duecare.model.tiny import write_tiny

GOLDEN = Path(__file__).parent / "golden"
LENGTH = 96
"""Tokens of each row: several times Gemma's window and the original context of the stretched Llama."""

TINY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "llama": ("llama", {}),
    "llama-stretched": (
        "llama",
        {
            "tie_word_embeddings": False,
            "rope_theta": 500_000.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        },
    ),
    "qwen2": ("qwen2", {}),
    "qwen2-tied": ("qwen2", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
    "qwen3": ("qwen3", {}),
    "gemma3": ("gemma3", {}),
    "gemma3-fused": (
        "gemma3",
        {"num_key_value_heads": 4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    ),
    "gemma3-one-key": ("gemma3", {"num_key_value_heads": 1, "head_dim": 16, "query_pre_attn_scalar": 8}),
}
"""Name of a golden -> family and changed fields of config.json."""

TUNED = ("llama", "qwen2", "qwen3", "gemma3", "gemma3-fused")
"""Of these a LoRA is merged and the result exported."""

SMOLLM = "smollm2-135m-instruct"
QUESTIONS = (
    "What is the capital of France?",
    "My parcel with 3 books (order 48213) has not arrived. What can I do?",
    "Write two sentences about a nurse who works at night.",
)

ASKED = ("Hi", "Where is my parcel? I ordered three books.", "Write about a nurse who works at night.", "Hi")
SAID = (
    "No.",
    "It is on its way; I am sorry for the wait.",
    "She drives home at six, né ✓",
    "Hello! How are you?",
)
"""Questions and answers that reward models score; short and long, so that some are padded."""


def make(name: str, folder: Path) -> Path:
    """The tiny folder called `name`."""
    family, changes = TINY[name]
    return write_tiny(folder / name, family, seed=7, **changes)


def rewarding(name: str, folder: Path) -> tuple[Any, np.ndarray]:
    """A tiny model with LoRA, loaded, and a head for it; Qwen's tokenizer pads with the end of a turn."""
    import json

    from duecare.model.load import load

    made = make(name, folder)
    if name == "qwen2":
        settings = made / "tokenizer_config.json"
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"pad_token": "<|im_end|>"}))
    loaded = load(made)
    put_lora(loaded)
    return loaded, head(loaded.shape.width)


def head(width: int) -> np.ndarray:
    """A head for a reward model, float32 [width]."""
    return np.random.default_rng(3).standard_normal(width).astype(np.float32)


def rows(vocabulary: int) -> np.ndarray:
    """Two rows of token ids, int64 [2, LENGTH]: the same in every environment."""
    return np.random.default_rng(11).integers(0, vocabulary, (2, LENGTH))


def put_lora(loaded: Any, seed: int = 5) -> None:
    """LoRA on all linear layers of a loaded model, with weights that change its logits much."""
    import jax.numpy as jnp
    import qwix
    from flax import nnx

    paths = r".*(q_proj|k_proj|v_proj|o_proj|einsum|gate_proj|up_proj|down_proj)"
    provider = qwix.LoraProvider(module_path=paths, rank=2, alpha=6.0)
    model = qwix.apply_lora_to_model(
        loaded.model, provider, rngs=nnx.Rngs(seed), **loaded.model.get_model_input()
    )
    generator = np.random.default_rng(seed)
    state = nnx.to_flat_state(nnx.state(model, nnx.LoRAParam))
    for _, variable in sorted(state, key=lambda item: str(item[0])):
        drawn = 0.2 * generator.standard_normal(variable.shape)
        variable.set_value(jnp.asarray(drawn, jnp.float32))
    nnx.update(model, nnx.from_flat_state(state))
    loaded.model, loaded.lora_scale = model, 3.0
