"""Layers explained from Python, of prompts of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_layers import LAYER, LAYERS, write_planted

from duecare.core import DataError
from duecare.explain import gap_map, known_by_layer, lens_by_layer

pytestmark = pytest.mark.jax
ABOUT = ["".join(np.random.default_rng(number // 2).choice(list("abcdefgh"), 6)) for number in range(48)]


def test_a_declared_attribute_is_known_from_the_layer_that_writes_it(planted: Any) -> None:
    prompts = [f"a m{'pq'[number % 2]} {about}" for number, about in enumerate(ABOUT)]
    found = known_by_layer(planted, prompts, ["pq"[number % 2] for number in range(48)], seed=1)
    assert [each.found for each in found] == [depth >= LAYER for depth in range(LAYERS + 1)]
    some = known_by_layer(planted, prompts, ["pq"[number % 2] for number in range(48)], depths=[1, 4])
    assert [each.depth for each in some] == [1, 4]
    mean = known_by_layer(planted, prompts, ["pq"[number % 2] for number in range(48)], depths=[0], at="mean")
    assert mean[0].found  # the words themselves say it


def test_a_map_of_own_twins_and_its_arrays(planted: Any) -> None:
    mine, other = ([f"a m{letter} {about}" for about in ABOUT[:6]] for letter in "pq")
    told, arrays = gap_map(planted, mine, other, ["y"] * 6, every=2)
    assert arrays.effect.shape == (len(told), 6)
    assert {each.cell.depth for each in told} == {0, 1, 3, 4}
    number = next(
        place for place, each in enumerate(told) if (each.cell.part, each.cell.depth) == ("attention", LAYER)
    )
    np.testing.assert_allclose(arrays.effect[number], -arrays.gap, rtol=1e-3)


def test_the_lens_of_own_answers(planted: Any) -> None:
    one, other = lens_by_layer(planted, ["a mp abcd", "a mq abcd"], ["y", "y"])
    gap = one.logprob - other.logprob
    assert gap.shape == (LAYERS + 1,)
    assert np.abs(gap[:LAYER]).max() < 1e-5  # before the planted layer the answers are alike
    assert gap[LAYER] > 1


def test_lora_on_top_is_added_to_the_weights_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import qwix
    from flax import nnx

    from duecare.model import activation
    from duecare.model.load import load

    model, merged = load(write_planted(tmp_path / "model")), list[object]()
    provider = qwix.LoraProvider(module_path=r".*q_proj", rank=2, alpha=2.0)
    given = model.model.get_model_input()
    model.model = qwix.apply_lora_to_model(model.model, provider, rngs=nnx.Rngs(0), **given)
    model.lora_scale = 1.0
    whole = activation.Merged
    monkeypatch.setattr(activation, "Merged", lambda loaded: merged.append(loaded) or whole(loaded))
    found = lens_by_layer(model, [f"a mp {about}" for about in ABOUT[:20]], ["y"] * 20)
    assert len(found) == 20  # three batches
    assert len(merged) == 1


def test_lists_that_do_not_fit_are_refused(planted: Any) -> None:
    with pytest.raises(DataError, match="2 prompts, 1 groups"):
        known_by_layer(planted, ["a", "b"], ["x"])
    with pytest.raises(DataError, match="0 prompts"):
        lens_by_layer(planted, [], [])
    with pytest.raises(DataError, match="depths = \\[9\\]"):
        known_by_layer(planted, ["a", "b"], ["x", "y"], depths=[9])
    with pytest.raises(DataError, match="twins are equal"):
        gap_map(planted, ["a"], ["a"], ["y"])
