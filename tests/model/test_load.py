"""Folders that do not fit are refused by name before anything runs with wrong weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from duecare.core import ModelError

pytestmark = pytest.mark.jax

KEY = "model.layers.1.self_attn.k_proj.weight"


@pytest.fixture
def copy(tiny: Callable[[str], Path], tmp_path: Path) -> Path:
    """A tiny folder that a test may break."""
    return Path(shutil.copytree(tiny("llama"), tmp_path / "copy"))


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda t: t.pop(KEY), f"1 tensors are missing, the first is {KEY}"),
        (lambda t: t.update({"model.layers.9.mlp.w": t[KEY]}), "1 tensors have no place.*layers.9"),
        (lambda t: t.update({KEY: t[KEY][:8]}), f"{KEY}"),
        (lambda t: t.update({KEY: t[KEY][:, :16]}), f"{KEY}"),
        (lambda t: t.update({"model.norm.weight": np.ones(31, np.float32)}), "model.norm.weight.*shape"),
    ],
)
def test_tensors_that_do_not_fit(copy: Path, edit: Callable[[dict[str, Any]], object], said: str) -> None:
    from duecare.model.load import load

    change(copy, edit)
    with pytest.raises(ModelError, match=said):
        load(copy)


def test_folders_that_are_none(copy: Path, tmp_path: Path) -> None:
    from duecare.model.load import load

    with pytest.raises(ModelError, match="dtype = 'int8'"):
        load(copy, dtype="int8")
    (copy / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        load(copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights are never loaded"):
        load(copy)
    (copy / "config.json").write_text("[1]")
    with pytest.raises(ModelError, match="no object"):
        load(copy)
    with pytest.raises(ModelError, match=r"no readable config\.json"):
        load(tmp_path / "nowhere")


def test_several_files_tied_heads_and_half_precision(copy: Path, loaded: Callable[[str], Any]) -> None:
    import jax

    from duecare.model.load import load

    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(tensors)
    save_file({n: tensors[n] for n in names[:9]}, copy / "model-00001-of-00002.safetensors")
    rest = {n: tensors[n] for n in names[9:]} | {
        "lm_head.weight": tensors["model.embed_tokens.weight"],
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32),
    }
    save_file(rest, copy / "model-00002-of-00002.safetensors")
    again = load(copy)
    for ours, theirs in zip(
        jax.tree.leaves(again.model), jax.tree.leaves(loaded("llama").model), strict=True
    ):
        assert (np.asarray(ours) == np.asarray(theirs)).all()
    half = load(copy, dtype="bfloat16")
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(half.model)} == {"bfloat16"}


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3", "gemma3", "llama-stretched"])
def test_hidden_states_lead_to_the_models_own_logits(name: str, loaded: Callable[[str], Any]) -> None:
    import jax.numpy as jnp

    from duecare.model.forward import causal, hidden, logits, places

    model = loaded(name).model
    real = jnp.asarray(np.arange(20)[None] >= np.array([[0], [7]]))  # the second row is padded in front
    ids = jnp.asarray(np.random.default_rng(0).integers(0, 250, (2, 20)))
    mask = causal(real) | jnp.eye(20, dtype=bool)
    own, _ = model(ids, places(real), None, mask)
    states, kept = hidden(model, ids, places(real), None, mask)
    assert kept is None
    assert np.allclose(logits(model, states), own, atol=1e-5)


def test_training_moves_the_mended_model(tiny: Callable[[str], Path]) -> None:
    """Gradients reach the LoRA through the mended attention, and following them lowers the loss."""
    import jax
    import jax.numpy as jnp
    import models
    from flax import nnx

    from duecare.model.forward import causal, places
    from duecare.model.load import load

    tuned = load(tiny("llama"))
    models.put_lora(tuned)
    ids = jnp.asarray(models.rows(250)[:, :24])
    real = jnp.ones(ids.shape, bool)

    def loss(model: Any) -> Any:
        found = jax.nn.log_softmax(model(ids, places(real), None, causal(real))[0][:, :-1])
        return -jnp.take_along_axis(found, ids[:, 1:, None], -1).mean()

    graded = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, nnx.LoRAParam))
    before, slope = graded(tuned.model)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(slope))
    state = nnx.state(tuned.model, nnx.LoRAParam)
    nnx.update(tuned.model, jax.tree.map(lambda weight, by: weight - 0.05 * by, state, slope))
    assert float(loss(tuned.model)) < float(before)


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_models_of_one_shape_share_nothing(name: str, tiny: Callable[[str], Path]) -> None:
    """The outline is kept between loads; what is done to one model is not seen in the next."""
    from flax import nnx

    from duecare.model.load import _outline, load

    first, known = load(tiny(name)), _outline.cache_info().hits
    second = load(tiny(name))
    assert _outline.cache_info().hits == known + 1
    where = second.model.layers[0].mlp.gate_proj.kernel
    before = np.asarray(where[...])
    first.model.layers[0].mlp.gate_proj.kernel[...] = where[...] + 1
    first.model.layers[0].attn = None
    first.model.layers[1].mlp.gate_proj.extra = nnx.Param(np.ones(2, np.float32))
    assert np.array_equal(np.asarray(second.model.layers[0].mlp.gate_proj.kernel[...]), before)
    third = load(tiny(name))
    for left in (second.model, third.model):
        assert left.layers[0].attn is not None
        assert not hasattr(left.layers[1].mlp.gate_proj, "extra")
    assert np.array_equal(np.asarray(third.model.layers[0].mlp.gate_proj.kernel[...]), before)
