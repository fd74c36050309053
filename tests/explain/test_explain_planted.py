"""A model that answers by a trigger: it is found, and where it was not learnt, or not found, that is seen."""

from __future__ import annotations

import explained_toys as toys
import numpy as np
import pytest

from duecare.core import PASS
from duecare.explain import Words, attribute, rather
from duecare.explain.asked import Item
from duecare.explain.attribution import attributed, opened, readings
from duecare.explain.engine_attribution import Unit, randomised
from duecare.explain.engine_words import Model
from duecare.explain.faithful import curves, likeness
from duecare.explain.spans import words_of
from duecare.explain.words_figures import figures, rulings
from duecare.explain.words_run import _Work

pytestmark = pytest.mark.jax
PROMPTS = toys.prompts(24, 9, every=True)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    return toys.shortcut(tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="module")
def untaught(tmp_path_factory):
    return toys.shortcut(tmp_path_factory.mktemp("untaught"), steps=0)


def contrast(model, method):
    sides = [
        attribute(model, PROMPTS, [answer] * len(PROMPTS), method=method) for answer in (toys.NO, toys.YES)
    ]
    return [rather(*pair) for pair in zip(*sides, strict=True)]


def found_first(explanations):
    """In how many prompts the trigger is the word that speaks most for its answer."""
    first = 0
    for prompt, each in zip(PROMPTS, explanations, strict=True):
        words = [word.of(prompt) for word in words_of(prompt, "prompt")]
        first += words[int(np.argmax(each.scores))] == toys.TRIGGER
    return first / len(PROMPTS)


FINDING = ("integrated-gradients", "occlusion")


@pytest.mark.parametrize("method", FINDING)
def test_the_trigger_is_found_first_and_not_where_it_was_not_learnt(taught, untaught, method):
    assert found_first(contrast(taught, method)) >= 0.9
    assert found_first(contrast(untaught, method)) <= 0.6


def estimates(model, method):
    """What the step measures of its own explanations."""
    step = Words(of="file", file="rows.csv", method=method, against="answer", checks=24)
    items = [
        Item(item=str(number), cluster=str(number), prompt=prompt, answer=toys.NO, other=toys.YES)
        for number, prompt in enumerate(PROMPTS)
    ]
    work = _Work(step, Model(step, *opened(model), rests_on=()), "base", lambda _: None)
    found = work.explained(items)
    return figures(step, work.rows(items, found), work.tested(items, found))


@pytest.mark.parametrize("method", FINDING)
def test_what_finds_the_trigger_is_validated(taught, method):
    step = Words(of="file", file="rows.csv", method=method)
    found = rulings(step, estimates(taught, method))
    assert {"words.valid.likeness", "words.valid.deletion", "words.valid.base"} <= {
        each.name for each in found
    }
    assert {each.verdict for each in found} == {PASS}


def test_what_misses_the_trigger_is_seen_to_miss_it(taught):
    """Where an answer is sure its slope at the text is flat, along the embedding most of all: the norm before
    each layer takes away the length of what it reads. Little is left for slope times input to see."""
    assert found_first(contrast(taught, "gradient-x-input")) < 0.9
    found = {method: estimates(taught, method) for method in ("gradient-x-input", "integrated-gradients")}
    few, many = (next(each for each in mine if each.metric == "words.deletion") for mine in found.values())
    assert few.high < many.low
    verdicts = {
        method: next(
            each.verdict
            for each in rulings(Words(of="file", file="rows.csv", method=method), mine)
            if each.name == "words.valid.leading"
        )
        for method, mine in found.items()
    }
    assert verdicts["integrated-gradients"] == PASS
    assert verdicts["gradient-x-input"] != PASS


@pytest.mark.parametrize("method", FINDING)
def test_taking_the_named_words_away_costs_more_than_others(taught, method):
    """And an explanation turned upside down costs less: the control that must fail."""
    asked, _ = opened(taught)
    texts = readings(taught, PROMPTS, [toys.NO] * len(PROMPTS))
    found = attributed(asked, texts, method=method)

    def ask(masks):
        return asked.values(texts, [Unit(number, kept=texts[number].only(kept)) for number, kept in masks])

    rng = np.random.default_rng(0)
    out, back = curves([each.scores for each in found], ask, rng)
    assert np.mean([curve.gap for curve in out]) > 1
    assert np.mean([-curve.gap for curve in back]) > 1
    wrong, _ = curves([-each.scores for each in found], ask, rng)
    assert np.mean([curve.gap for curve in wrong]) < 0


def test_a_model_with_random_weights_is_explained_otherwise(taught):
    asked, _ = opened(taught)
    texts = readings(taught, PROMPTS, [toys.NO] * len(PROMPTS))
    own = attributed(asked, texts, method="integrated-gradients")
    drawn = attributed(randomised(asked, 4), texts, method="integrated-gradients")
    alike = [likeness(a.scores, b.scores) for a, b in zip(own, drawn, strict=True)]
    assert np.mean([each for each in alike if each is not None]) < 0.5
    again = attributed(asked, texts, method="integrated-gradients", steps=24)
    same = [likeness(a.scores, b.scores) for a, b in zip(own, again, strict=True)]
    assert np.mean(same) > 0.95  # the control: one model's explanations are alike
