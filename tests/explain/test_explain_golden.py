"""Scores of tokens are those of Captum on transformers with the same weights, to 1e-4."""

from __future__ import annotations

import explained_toys as toys
import jax.numpy as jnp
import numpy as np
import pytest

from duecare.explain.attribution import _METHODS, METHODS, readings
from duecare.explain.engine_attribution import Unit, explained
from duecare.model.load import load

pytestmark = pytest.mark.jax
CLOSE = 1e-4


@pytest.fixture(scope="module")
def golden():
    with np.load(toys.GOLDEN) as found:
        return dict(found)


@pytest.fixture(scope="module", params=toys.FAMILIES)
def read(request, tmp_path_factory):
    loaded = load(toys.make(request.param, tmp_path_factory.mktemp("golden")))
    texts = readings(loaded, [toys.PROMPT] * 2, [toys.ANSWER, toys.OTHER])
    return request.param, loaded, texts


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_an_answer_and_of_a_reward_are_captums(read, golden, method):
    family, loaded, texts = read
    for name, head in (("answer", None), ("reward", jnp.asarray(toys.head(loaded.shape.width)))):
        asked = explained(loaded, head=head)
        values = asked.values(texts, [Unit(0)])
        (scores,) = _METHODS[method](asked, texts[:1], values, toys.STEPS)
        wanted = golden[f"{family}.{name}.{method}"]
        # The white space between words is no feature there.
        mine = scores if method != "occlusion" else np.where(texts[0].owner >= 0, scores, wanted)
        assert np.abs(wanted).max() > 0.05  # the control: there is something to be equal to
        assert np.abs(mine - wanted).max() < CLOSE


@pytest.mark.parametrize("method", METHODS)
def test_a_contrast_of_two_answers_is_captums(read, golden, method):
    family, loaded, texts = read
    asked = explained(loaded)
    values = asked.values(texts, [Unit(0), Unit(1)])
    one, two = _METHODS[method](asked, texts, values, toys.STEPS)
    wanted = golden[f"{family}.rather.{method}"]
    assert np.abs(one[: len(wanted)] - two[: len(wanted)] - wanted).max() < CLOSE
    assert np.abs(one[: len(wanted)] - wanted).max() > CLOSE  # the control: the other answer matters
