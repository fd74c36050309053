"""Places between layers: every family has them, replacing nothing changes nothing and all replaces all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest

from duecare.core import ModelError

pytestmark = pytest.mark.jax
FAMILIES = ("llama", "llama-stretched", "qwen2", "qwen2-tied", "qwen3", "gemma3", "gemma3-one-key")
FIRST = 14


def twins() -> Any:
    from duecare.model.activation import asked

    return asked([([*range(3, 12), here, *range(13, 24)], FIRST) for here in (40, 77)], pad=0)


def nothing(found: dict[str, Any]) -> dict[str, Any]:
    """Masks that mark no place of what was recorded."""
    return {
        kind: np.zeros(each.shape[:4] if kind == "heads" else each.shape[:3], dtype=bool)
        for kind, each in found.items()
    }


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_read_and_patched(loaded: Callable[[str], Any], name: str) -> None:
    from duecare.model.activation import KINDS, patched, recorded

    model, texts = loaded(name), twins()
    found, values = recorded(model, texts, KINDS)
    layers, heads = model.shape.layers, model.shape.heads
    length = texts.tokens.shape[1]
    assert found["stream"].shape == (layers + 1, 2, length, model.shape.width)
    assert found["heads"].shape == (layers, 2, length, heads, model.shape.head_width)
    assert found["mlp"].shape == (layers, 2, length, model.shape.width)
    other = {kind: each[:, ::-1] for kind, each in found.items()}
    same = patched(model, texts, other, nothing(found), batch=2)
    np.testing.assert_allclose(same, values, rtol=2e-6)
    assert abs(same[0] - same[1]) > 1e-4
    for kind in KINDS:  # what all of a run is made of, replaced by the twin's, makes it the twin's
        masks = nothing(found)
        if kind == "stream":
            for depth in range(layers + 1):
                each = nothing(found)
                each["stream"][depth] = True
                np.testing.assert_array_max_ulp(patched(model, texts, other, each, batch=2), same[::-1], 4)
            continue
        masks[kind][:] = True
        masks["stream"][0] = True
        rest = "mlp" if kind == "heads" else "heads"
        masks[rest][:] = True
        np.testing.assert_array_max_ulp(patched(model, texts, other, masks, batch=2), same[::-1], 4)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_lens_at_the_last_depth_is_the_models_answer(loaded: Callable[[str], Any], name: str) -> None:
    import jax
    import jax.numpy as jnp

    from duecare.model.activation import lens
    from duecare.model.forward import causal, places

    model, texts = loaded(name), twins()
    real = jnp.asarray(texts.real)
    own, _ = model.model(jnp.asarray(texts.tokens), places(real), None, causal(real))
    logps = np.asarray(jax.nn.log_softmax(own.astype(jnp.float32), axis=-1))
    found, rank = lens(model, texts)
    for row in range(2):
        expected = logps[row, texts.place[row], texts.target[row]]
        np.testing.assert_allclose(found[-1, row], expected, atol=2e-5)
        above = (logps[row, texts.place[row]] > expected[:, None] + 1e-4).sum(axis=-1)
        assert (rank[-1, row] >= 1 + above).all()
        assert np.abs(found[0, row] - expected).max() > 0.01  # and an early depth is another answer
    some, above = lens(model, texts, [0, len(found) - 1])
    np.testing.assert_allclose(some, found[[0, -1]], atol=2e-5)
    np.testing.assert_array_equal(above, rank[[0, -1]])


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_slopes_are_those_of_small_patches(loaded: Callable[[str], Any], name: str) -> None:
    from duecare.model.activation import patched, recorded, slopes

    model, texts = loaded(name), twins()
    found, _ = recorded(model, texts, ("heads",))
    slope = np.asarray(slopes(model, texts, found)["heads"])
    step = 0.05 * np.random.default_rng(0).standard_normal(found["heads"].shape).astype(np.float32)
    masks = nothing(found)
    masks["heads"][1, :, :FIRST, 2] = True
    at = masks["heads"][..., None]
    up, down = (
        patched(model, texts, {"heads": found["heads"] + sign * step}, masks, batch=2) for sign in (1, -1)
    )
    guess = (slope * step * at).sum(axis=(0, 2, 3, 4))
    np.testing.assert_allclose(guess, (up - down) / 2, rtol=0.05, atol=2e-5)
    assert np.abs(guess).max() > 1e-4


def test_a_lora_is_read_as_it_answers(tmp_path: Path) -> None:
    import jax.numpy as jnp

    from duecare.model.activation import lens, recorded
    from duecare.model.forward import causal, places
    from duecare.model.load import load

    model, texts = load(models.make("llama", tmp_path)), twins()
    plain, _ = lens(model, texts)
    models.put_lora(model)
    real = jnp.asarray(texts.real)
    own, _ = model.model(jnp.asarray(texts.tokens), places(real), None, causal(real))
    import jax

    logps = np.asarray(jax.nn.log_softmax(own.astype(jnp.float32), axis=-1))
    found, _ = lens(model, texts)
    expected = logps[0, texts.place[0], texts.target[0]]
    np.testing.assert_allclose(found[-1, 0], expected, atol=5e-5)
    assert np.abs(plain[-1, 0] - expected).max() > 0.01
    _, values = recorded(model, texts, ("heads",))
    np.testing.assert_allclose(values[0], expected.mean(), atol=5e-5)


def test_a_change_of_the_stream_is_the_affine_map_it_says(loaded: Callable[[str], Any]) -> None:
    """Taken out at the last depth, a direction is gone from the final norm's input; region -1 stays as it
    is."""
    from duecare.model.activation import Change, changed, patched, recorded

    model, texts = loaded("llama"), twins()
    found, values = recorded(model, texts, ("stream",))
    rng = np.random.default_rng(1)
    width = model.shape.width
    mean, left, right = (
        rng.standard_normal(each).astype(np.float32) for each in ((1, width), (1, width, 1), (1, 1, width))
    )
    region = np.full(texts.tokens.shape, -1, np.int32)
    was, now, kl = changed(model, texts, region, Change(1, mean, left, right), batch=2)
    np.testing.assert_allclose(was, values, rtol=2e-6)
    np.testing.assert_array_equal(was, now)
    np.testing.assert_allclose(kl, 0, atol=1e-6)
    region[:, 9:12] = 0
    was, now, kl = changed(model, texts, region, Change(1, mean, left, right), batch=2)
    stream = np.asarray(found["stream"]).copy()
    own = stream[1, :, 9:12]
    stream[1, :, 9:12] = own - (own - mean[0]) @ right[0].T @ left[0].T
    masks = nothing(found)
    masks["stream"][1] = True
    np.testing.assert_allclose(now, patched(model, texts, {"stream": stream}, masks, batch=2), rtol=1e-5)
    assert (kl > 0).all()
    assert np.abs(now - was).min() > 1e-4


class Layer:
    """A layer without the seams."""

    def __init__(self, **parts: object) -> None:
        vars(self).update(parts)


class Model:
    """A model of another build."""

    def __init__(self, **parts: object) -> None:
        vars(self).update(parts)


def test_a_model_without_the_seams_is_refused_by_name() -> None:
    from duecare.model.activation import expect_seams

    with pytest.raises(ModelError, match="Model has no `embedder`"):
        expect_seams(Model(layers=[], final_norm=None))
    whole = {"embedder": None, "final_norm": None}
    with pytest.raises(ModelError, match=r"layer 0 of Model has no attn\.o_proj or attn\.attn_vec_einsum"):
        expect_seams(Model(layers=[Layer(attn=Layer(), mlp=print)], **whole))
    good = Layer(attn=Layer(o_proj=print), mlp=print)
    with pytest.raises(ModelError, match="layer 1 of Model has no mlp"):
        expect_seams(Model(layers=[good, Layer(attn=Layer(o_proj=print))], **whole))


def test_an_answer_without_tokens_is_refused() -> None:
    from duecare.model.activation import asked

    with pytest.raises(ModelError, match="at least one token"):
        asked([([3, 4, 5], 3)], pad=0)
    with pytest.raises(ModelError, match="at least one token"):
        asked([([3, 4, 5], 0)], pad=0)
