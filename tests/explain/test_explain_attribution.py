"""Attributions of tiny models add up, contrasts are differences, and what cannot be explained is refused."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from duecare.core import ModelError
from duecare.explain import attribute, rather, rather_for
from duecare.explain.attribution import METHODS, opened, readings
from duecare.explain.engine_attribution import Unit, explained, randomised
from duecare.model.heads import Heads
from duecare.model.load import load
from duecare.model.logprob import answer_logprobs
from duecare.model.reward import RewardModel, around_answer
from duecare.model.tiny import write_tiny

pytestmark = pytest.mark.jax
PROMPTS = ["A female caller says that she needs help.", "Hi né"]
ANSWERS = ["I will trace it.", "No"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load(write_tiny(tmp_path_factory.mktemp("llama"), "llama", seed=3))


@pytest.fixture(scope="module")
def judge(loaded):
    head = jnp.asarray(np.random.default_rng(2).standard_normal(loaded.shape.width), jnp.float32)
    return RewardModel(loaded, head, "toy", 4, 0, around_answer(loaded.tokenizer))


def test_the_value_is_the_log_probability_of_the_answer(loaded):
    rendered = [readings(loaded, [p], [a])[0] for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    asked, _ = opened(loaded)
    from duecare.explain.reading import rendered as chat

    wanted = answer_logprobs(loaded, [chat(loaded.tokenizer, prompt) for prompt in PROMPTS], ANSWERS)
    found = asked.values(rendered, [Unit(0), Unit(1)])
    assert np.allclose(found, [each.total for each in wanted], atol=1e-4)


def test_the_value_of_a_reward_is_its_score(judge):
    from duecare.explain.reading import rendered as chat

    found = attribute(judge, PROMPTS, ANSWERS, method="occlusion")
    wanted = judge.scores([chat(judge.loaded.tokenizer, prompt) for prompt in PROMPTS], ANSWERS)
    assert np.allclose([each.value for each in found], wanted, atol=1e-4)
    assert {word.part for word in found[0].words} == {"prompt", "answer"}
    text = {"prompt": PROMPTS[0], "answer": ANSWERS[0]}
    assert [word.of(text[word.part]) for word in found[0].words][-5:] == ["I", "will", "trace", "it", "."]


@pytest.mark.parametrize("combine", ["lower", "worst", "mean"])
def test_of_several_heads_the_score_that_they_come_to_is_explained(judge, combine):
    """And not that of their mean, which is what transformers sees."""
    from duecare.explain.reading import rendered as chat

    rng = np.random.default_rng(4)
    values = rng.standard_normal((3, judge.loaded.shape.width)).astype(np.float32)
    heads = Heads(values, rng.standard_normal(3), combine, 2.0)
    several = replace(judge, head=jnp.asarray(heads.mean), heads=heads)
    found = attribute(several, PROMPTS, ANSWERS)
    wanted = several.scores([chat(judge.loaded.tokenizer, prompt) for prompt in PROMPTS], ANSWERS)
    assert np.allclose([each.value for each in found], wanted, atol=1e-4)
    assert max(each.relative_residual for each in found) < 0.02
    copies = replace(heads, values=np.repeat(values[:1], 3, axis=0), offsets=np.zeros(3))
    alike = attribute(replace(judge, heads=copies), PROMPTS, ANSWERS)  # where all agree there is a slope, too
    alone = attribute(replace(judge, head=jnp.asarray(values[0])), PROMPTS, ANSWERS)
    for one, other in zip(alike, alone, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-3)


def test_integrated_gradients_add_up_and_the_others_promise_nothing(loaded, judge):
    for model in (loaded, judge):
        found = attribute(model, PROMPTS, ANSWERS)
        assert max(each.relative_residual for each in found) < 0.005
    assert (
        max(each.relative_residual for each in attribute(loaded, PROMPTS, ANSWERS, method="occlusion")) > 0.05
    )
    # A cliff at nought: a model that scales its inputs needs more points from there.
    far, near = (
        max(each.relative_residual for each in attribute(loaded, PROMPTS, ANSWERS, baseline=base, steps=12))
        for base in ("zero", "pad")
    )
    assert far > 5 * near


def test_more_points_miss_less(loaded):
    few, many = (attribute(loaded, PROMPTS, ANSWERS, steps=steps)[0].residual for steps in (2, 32))
    assert many < few / 10


def test_memory_does_not_decide_the_scores(loaded):
    one, many = (attribute(loaded, PROMPTS, ANSWERS, batch=batch) for batch in (1, 16))
    for a, b in zip(one, many, strict=True):
        assert np.allclose(a.scores, b.scores, atol=1e-5)


def test_occlusion_is_what_is_lost_without_the_word(loaded):
    (found,) = attribute(loaded, PROMPTS[:1], ANSWERS[:1], method="occlusion")
    asked, _ = opened(loaded)
    texts = readings(loaded, PROMPTS[:1], ANSWERS[:1])
    kept = np.ones(len(texts[0].tokens), bool)
    kept[texts[0].owner == 1] = False
    less = asked.values(texts, [Unit(0, kept=kept)])[0]
    assert found.scores[1] == pytest.approx(found.value - less, abs=1e-5)
    assert found.scores[1] != pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_contrast_of_answers_explains_their_log_odds(loaded, method):
    this, that = (attribute(loaded, PROMPTS[:1], [answer], method=method)[0] for answer in ANSWERS)
    found = rather(this, that)
    assert found.value == pytest.approx(this.value - that.value)
    assert np.allclose(found.scores, this.scores - that.scores)
    if method == "integrated-gradients":
        assert found.residual < 0.01
    with pytest.raises(ModelError, match="one prompt"):
        rather(this, attribute(loaded, PROMPTS[1:], ANSWERS[:1], method=method)[0])


def test_a_contrast_of_prompts_keeps_the_sum(loaded, judge):
    pair = ("A female caller says she is ill.", "A male caller says that he is ill.")
    for model in (loaded, judge):
        this, that = attribute(model, pair, ["Sorry."] * 2)
        found, _ = rather_for(this, that, pair)
        assert len(found.scores) == len(this.words)
        assert found.scores.sum() + found.between == pytest.approx(
            this.scores.sum() + this.between - that.scores.sum() - that.between
        )
        assert found.residual < 0.01
        same, _ = rather_for(this, this, (pair[0], pair[0]))
        assert np.allclose(same.scores, 0.0)


def test_a_generated_answer_is_explained(loaded):
    (found,) = attribute(loaded, PROMPTS[:1], max_tokens=6, method="gradient-x-input")
    assert 1 <= found.tokens <= 6 * 4  # a byte that is no character is written as three
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("prompt", ["ant", "user", "im", "s"])
def test_a_short_prompt_is_not_sought_in_the_templates_own_words(loaded, judge, prompt):
    """All of these stand in "<|im_start|>user" or "<|im_start|>assistant" too."""
    from duecare.explain.twinned import tokenised

    for model in (loaded, judge):
        (found,) = readings(model, [prompt], ["Yes."])
        places = np.flatnonzero(found.owner == 0)
        _, first, ends = tokenised(loaded.tokenizer, prompt, "Yes.")
        assert loaded.tokenizer.decode(found.tokens[: places[0]], special=True) == "<|im_start|>user\n"
        assert loaded.tokenizer.decode([found.tokens[place] for place in places]) == prompt
        assert ends == places[-1] + 1 < first


@pytest.mark.parametrize("chat", [True, False])
def test_the_answer_is_to_the_prompt_as_it_is_read(tmp_path, monkeypatch, chat):
    """With a template or without one; a folder is loaded once."""
    from duecare.explain.reading import rendered
    from duecare.model import generate
    from duecare.model import load as loading

    folder, seen, asked = write_tiny(tmp_path / "tiny", "llama", seed=3), [], []

    def answers(model, prompts, **_):
        seen.append(model)
        asked.extend(prompts)
        return [["Yes."] for _ in prompts]

    monkeypatch.setattr(generate, "generate", answers)
    whole = loading.load
    monkeypatch.setattr(loading, "load", lambda *given, **more: seen.append(given) or whole(*given, **more))
    attribute(folder, PROMPTS[:1], method="gradient-x-input", chat=chat)
    _, model = seen  # loaded, then asked
    assert asked == [rendered(model.tokenizer, PROMPTS[0]) if chat else PROMPTS[0]]


def test_random_weights_are_others_and_the_same_for_one_seed(loaded):
    asked, _ = opened(loaded)
    texts = readings(loaded, PROMPTS, ANSWERS)
    units = [Unit(0), Unit(1)]
    own, one, again, other = (
        each.values(texts, units)
        for each in (asked, randomised(asked, 1), randomised(asked, 1), randomised(asked, 2))
    )
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert not np.allclose(own, one)
    assert np.array_equal(own, asked.values(texts, units))  # the model itself is untouched


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answers": ["", "No"]}, "answer 0 is empty"),
        ({"answers": ["No"]}, "2 prompts but 1 answers"),
        ({"prompts": [" ", "Hi"]}, "text 0: a prompt has no words"),
        ({"method": "guess"}, "expected one of gradient-x-input"),
        ({"steps": 0}, "steps = 0"),
        ({"batch": 0}, "batch = 0"),
        ({"baseline": "noise"}, "expected one of pad, mean, zero"),
    ],
)
def test_what_cannot_be_explained_is_refused(loaded, change, words):
    given = {"prompts": PROMPTS, "answers": ANSWERS} | change
    with pytest.raises(ModelError, match=words) as refused:
        attribute(loaded, given.pop("prompts"), given.pop("answers"), **given)
    assert "female" not in str(refused.value)  # no row's text


def test_lora_on_top_is_explained_as_the_merged_export_is(loaded, tmp_path):
    import qwix

    from duecare.model.export import export

    fresh = load(write_tiny(tmp_path / "base", "llama", seed=3))
    plain = attribute(fresh, PROMPTS, ANSWERS)
    provider = qwix.LoraProvider(module_path=r".*(q_proj|v_proj|gate_proj|down_proj)", rank=2, alpha=6.0)
    given = fresh.model.get_model_input()
    fresh.model, fresh.lora_scale = (
        qwix.apply_lora_to_model(fresh.model, provider, rngs=nnx.Rngs(0), **given),
        3.0,
    )
    rng = np.random.default_rng(1)
    state = nnx.state(fresh.model, nnx.LoRAParam)
    drawn = jax.tree.map(lambda leaf: jnp.asarray(0.2 * rng.standard_normal(leaf.shape), jnp.float32), state)
    nnx.update(fresh.model, drawn)
    export(fresh, tmp_path / "merged")
    on_top, merged = (attribute(each, PROMPTS, ANSWERS) for each in (fresh, tmp_path / "merged"))
    for one, two, three in zip(on_top, merged, plain, strict=True):
        assert np.allclose(one.scores, two.scores, atol=1e-4)
        assert not np.allclose(one.scores, three.scores, atol=1e-2)  # the control: the update changes much


def test_a_family_without_seam_and_lora_of_no_known_scale_are_refused(loaded, tmp_path):
    class Sealed:
        embedder = object()

    with pytest.raises(ModelError, match="no layers, final_norm"):
        explained(replace(loaded, model=Sealed(), family="sealed"))
    fresh = load(write_tiny(tmp_path, "llama", seed=3))
    fresh.model.adapter = nnx.LoRAParam(jnp.ones((2, 2)))
    with pytest.raises(ModelError, match="scale of the LoRA"):
        explained(fresh)


def test_a_reward_that_is_no_number_is_refused(judge):
    broken = replace(judge, head=jnp.full_like(judge.head, jnp.nan))
    with pytest.raises(ModelError, match="the reward model gave a score"):
        attribute(broken, PROMPTS, ANSWERS)
    with pytest.raises(ModelError, match="writes no answers"):
        attribute(judge, PROMPTS)
