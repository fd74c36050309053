"""A model with LoRA, merged while it is trained, says what the model with LoRA says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from duecare.core import ModelError
from duecare.model.tiny import write_tiny

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of qwix on the Flax of today
]


def adapted(folder: Path, family: str) -> Any:
    """A tiny model with LoRA that has an effect."""
    import jax.numpy as jnp
    import qwix
    from flax import nnx

    from duecare.model.load import load

    loaded = load(write_tiny(folder, family))
    projections = r".*(q_proj|v_proj|down_proj|q_einsum|kv_einsum)"
    provider = qwix.LoraProvider(module_path=projections, rank=2, alpha=6.0)
    ids = jnp.arange(6, dtype=jnp.int32)[None]
    where = (ids, None, jnp.tril(jnp.ones((1, 6, 6), bool)))
    loaded.model = qwix.apply_lora_to_model(loaded.model, provider, ids, *where, rngs=nnx.Rngs(0))
    loaded.lora_scale = 3.0
    shake(loaded.model)
    return loaded


def shake(model: Any) -> None:
    """Move every low-rank weight."""
    import jax
    from flax import nnx

    rng = np.random.default_rng(1)
    state = nnx.state(model, nnx.LoRAParam)
    nnx.update(
        model, jax.tree.map(lambda leaf: leaf + 0.3 * rng.normal(size=leaf.shape).astype("float32"), state)
    )


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3"])
def test_merged_says_what_the_low_rank_model_says_and_follows_it(family: str, tmp_path: Path) -> None:
    import jax.numpy as jnp

    from duecare.model.load import load
    from duecare.model.merge import Merged

    loaded = adapted(tmp_path, family)
    ids = jnp.arange(6, dtype=jnp.int32)[None]
    where = (ids, None, jnp.tril(jnp.ones((1, 6, 6), bool)))
    merged = Merged(loaded)
    before = np.asarray(merged.now().model(ids, *where)[0])
    np.testing.assert_allclose(before, np.asarray(loaded.model(ids, *where)[0]), atol=2e-4)
    base = np.asarray(load(tmp_path).model(ids, *where)[0])
    assert np.abs(before - base).max() > 0.05
    shake(loaded.model)
    after = np.asarray(merged.now().model(ids, *where)[0])
    np.testing.assert_allclose(after, np.asarray(loaded.model(ids, *where)[0]), atol=2e-4)
    assert np.abs(after - before).max() > 0.05


def test_a_scale_that_is_not_known_is_refused(tmp_path: Path) -> None:
    from duecare.model.load import load
    from duecare.model.merge import Merged

    with pytest.raises(ModelError, match="scale"):
        Merged(load(write_tiny(tmp_path)))


def test_sampled_ids_are_the_answers_and_their_ends(tmp_path: Path) -> None:
    """One static length or many, and ids or texts: the same answers."""
    from duecare.model.generate import answer_text, generate, sampled
    from duecare.model.load import load

    loaded = load(write_tiny(tmp_path))
    prompts = ["a", "something longer to read"]
    how: dict[str, Any] = {"samples": 6, "max_tokens": 60, "temperature": 1.0, "seed": 3, "batch": 6}
    rows = [loaded.tokenizer.encode(prompt, special=True) for prompt in prompts]
    names = [f"0\0{prompt}" for prompt in prompts]
    ids = sampled(loaded, rows, names, **how)
    assert [[answer_text(loaded, one) for one in answers] for answers in ids] == generate(
        loaded, prompts, **how
    )
    ends = set(loaded.tokenizer.eos_ids)
    flat = [one.tolist() for answers in ids for one in answers]
    assert all(not ends & set(one[:-1]) for one in flat)
    assert any(one[-1] in ends for one in flat)
    assert all(one[-1] in ends or len(one) == 60 for one in flat)
    fixed = sampled(loaded, rows, names, length=64, **how)
    same = [np.array_equal(*pair) for pair in zip(ids[0], fixed[0], strict=True)]
    assert sum(same) >= 5  # another shape may round another way
