"""What a model says of tokens: beside another path through it, and beside numbers worked out by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from memorise_toys import chats, pairs

from duecare.memorise.engine_said import Text, continued, said, text_of
from duecare.memorise.placed import Row
from duecare.model.forward import causal, hidden, logits, places
from duecare.model.load import load
from duecare.model.logprob import answer_logprobs
from duecare.model.tiny import write_tiny

pytestmark = pytest.mark.jax


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load(write_tiny(tmp_path_factory.mktemp("said") / "tiny"))


def nothing(*_):
    pass


def texts(loaded, rows):
    return [text_of(Row(row, True, row.row), loaded.tokenizer) for row in rows]


def test_log_probabilities_are_those_of_the_whole_answer(loaded):
    rows = chats(5)
    asked = texts(loaded, rows)
    prompts = [loaded.tokenizer.chat(row.messages[:1], answer=True) for row in rows]
    answers = [
        loaded.tokenizer.chat(row.messages)[len(prompt) :] for row, prompt in zip(rows, prompts, strict=True)
    ]
    ends = [answer.rstrip("\n") for answer in answers]
    whole = answer_logprobs(loaded, prompts, ends)
    found = said(loaded, asked, batch=2, done=nothing)
    for mine, theirs in zip(found, whole, strict=True):
        assert len(mine.logp) == theirs.tokens
        assert mine.logp.sum() == pytest.approx(theirs.total, abs=1e-3)


def test_mean_and_spread_are_those_of_a_token_drawn_there(loaded):
    text = texts(loaded, chats(1))[0]
    ids, real = jnp.asarray([text.tokens]), jnp.ones((1, len(text.tokens)), bool)
    states, _ = hidden(loaded.model, ids, places(real), None, causal(real))
    every = np.asarray(jax.nn.log_softmax(logits(loaded.model, states)[0]), np.float64)[
        text.start - 1 : text.end - 1
    ]
    (mine,) = said(loaded, [text], batch=4, done=nothing)
    chance = np.exp(every)
    mean = (chance * every).sum(axis=1)
    np.testing.assert_allclose(mine.mean, mean, atol=1e-4)
    np.testing.assert_allclose(mine.spread, np.sqrt((chance * every**2).sum(axis=1) - mean**2), atol=1e-3)
    assert (
        mine.first.tolist() == (every.argmax(axis=1) == np.array(text.tokens[text.start : text.end])).tolist()
    )


def test_other_texts_in_the_call_change_no_bit(loaded):
    first, *others = texts(loaded, chats(7))
    (alone,) = said(loaded, [first], batch=4, done=nothing)
    beside = said(loaded, [*others, first], batch=4, done=nothing)[-1]
    assert alone.logp.tolist() == beside.logp.tolist()


def test_the_model_goes_on_from_what_stands_before_the_secret(loaded):
    asked = texts(loaded, chats(3))
    found = continued(loaded, asked, batch=4, done=nothing)
    changed = [
        Text(text.tokens[: text.start] + (5,) * (text.end - text.start), text.start, text.end)
        for text in asked
    ]
    assert continued(loaded, changed, batch=4, done=nothing) == found  # the secret itself is not shown to it
    assert any(found)


def test_of_a_pair_the_chosen_answer_is_asked_about(loaded):
    (text,) = texts(loaded, pairs(1))
    assert loaded.tokenizer.decode(list(text.tokens[text.start : text.end])) == "it is so"
