"""Our losses of reinforcement learning are Tunix's own on the same answers, and so are the advantages."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from training_toys import chat

from duecare.model.tiny import write_tiny
from duecare.train import Grpo, Ppo

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

STEP = Grpo(
    on="chats",
    reward={"toy_rewards:lower_case": 1.0},
    steps=2,
    every=2,
    iterations=2,
    samples=3,
    batch_size=2,
    max_answer_tokens=10,
    max_prompt_tokens=48,
    temperature=0.7,
)
CRITIC = Ppo(
    on="chats",
    reward=STEP.reward,
    steps=2,
    every=2,
    samples=3,
    batch_size=2,
    max_answer_tokens=10,
    max_prompt_tokens=48,
)


def world(folder: Any, step: Grpo | Ppo, *, shared: bool = True) -> Any:
    """A model whose updates have an effect, and a round of its answers."""
    import jax
    from flax import nnx

    from duecare.core.table import table
    from duecare.model.load import load
    from duecare.train.answering import Answering
    from duecare.train.batch import Plan
    from duecare.train.engine_loop import Data
    from duecare.train.engine_ppo import Valued
    from duecare.train.lora import with_lora
    from duecare.train.rewards import Rewards
    from duecare.train.rollout import Players, Prompts
    from duecare.train.rows import prompt
    from duecare.train.watch import Groups

    loaded = load(write_tiny(folder / "tiny"))
    call = Valued if isinstance(step, Ppo) else Answering
    model = with_lora(
        loaded.model,
        rank=2,
        alpha=2.0,
        targets="q-v",
        seed=3,
        under=lambda inner: call(inner, temperature=step.temperature),
    )
    state = nnx.state(model, nnx.LoRAParam)
    rng = np.random.default_rng(5)
    shaken = jax.tree.map(lambda leaf: leaf + 0.2 * rng.normal(size=leaf.shape).astype(np.float32), state)
    nnx.update(model, shaken)
    loaded.model, loaded.lora_scale = model.model, 1.0
    rows = [chat(0, "a", "x"), chat(1, "a longer question", "x")]
    read = tuple(prompt(row, loaded.tokenizer, 48) for row in rows)
    plan = Plan(slots=np.arange(2), read=read, rows=np.arange(2), unusable={}, met=2)
    held = table(rows)
    data = Data(rows=held, names=["0", "1"], groups=Groups.read(held, ()), weights=np.ones(2, np.float32))
    players = Players(step, loaded, model, Rewards(step.reward, -1.0, "grpo"))
    prompts = Prompts(players, data, plan, max(len(one.tokens) for one in read))
    if not shared:
        prompts.shared, prompts.length = False, prompts.prompt_length + step.max_answer_tokens
    return SimpleNamespace(
        model=model, players=players, round=prompts.round(np.arange(2), "round 0"), plan=plan
    )


def padded(batch: Any, values: Any, answers: int, longest: int) -> Any:
    """Values [N] by answer and place, as Tunix holds them: [answers, longest]."""
    found = np.zeros((answers, longest), np.asarray(values).dtype)
    places = [0] * answers
    for side, real, value in zip(batch["side"], batch["counts"], values, strict=True):
        if real:
            found[side, places[side]] = value
            places[side] += 1
    return found


class Merged:
    """What Tunix calls: the whole model with its updates, token ids in, logits out."""

    def __init__(self, players: Any) -> None:
        self.model = players._merged.now().model


def theirs(made: Any, batch: Any, *, pad: int) -> Any:
    """The same round as a Tunix TrainExample: prompts padded in front, answers behind."""
    import jax.numpy as jnp
    from tunix.rl.common import TrainExample

    step = made.players.step
    answers, longest = step.samples * step.batch_size, step.max_answer_tokens
    width = max(len(one.tokens) for one in made.plan.read)
    prompts = np.full((answers, width), pad, np.int32)
    for answer in range(answers):
        own = made.plan.read[answer % step.batch_size].tokens
        prompts[answer, width - len(own) :] = own
    real = padded(batch, np.ones(len(batch["side"]), np.int32), answers, longest)
    ids = np.where(real, padded(batch, batch["target"], answers, longest), pad)

    def by_answer(name: str) -> Any:
        return jnp.asarray(padded(batch, batch[name], answers, longest)) if name in batch else None

    return by_answer, TrainExample(
        prompt_ids=jnp.asarray(prompts),
        prompt_mask=jnp.asarray(prompts != pad),
        completion_ids=jnp.asarray(ids),
        completion_mask=jnp.asarray(real),
        advantages=jnp.asarray(batch["advantages"]) if isinstance(step, Grpo) else by_answer("advantages"),
        ref_per_token_logps=by_answer("reference"),
        old_per_token_logps=by_answer("old"),
    )


@pytest.mark.parametrize("average", ["answer", "token"])
def test_our_grpo_loss_is_tunixs_own(tmp_path: Any, average: Any) -> None:
    from tunix.rl.algo_core import compute_advantages, grpo_loss_fn

    from duecare.train.engine_reinforce import grpo_batch, grpo_loss

    made = world(tmp_path, STEP)
    batch = grpo_batch(made.round, made.players)
    batch["old"] = batch["old"] + np.float32(0.4) * np.sin(np.arange(len(batch["old"]), dtype=np.float32))
    pad = made.players.loaded.tokenizer.pad_id
    _, example = theirs(made, batch, pad=pad)
    config = SimpleNamespace(
        beta=0.1,
        epsilon=0.2,
        loss_algo="grpo",
        loss_agg_mode={"answer": "sequence-mean-token-mean", "token": "token-mean"}[average],
        kl_loss_mode="low_var_kl",
        kl_clamp_value=None,
        temperature=STEP.temperature,
    )
    expected, aux = grpo_loss_fn(Merged(made.players).model, example, config, pad, 2)
    ours, told = grpo_loss(made.model, batch, 0.1, 0.2, average)
    assert float(ours) == pytest.approx(float(expected), abs=2e-5)
    assert 0 < float(aux["pg_clipfrac"]) < 1
    if average == "answer":
        assert float(told["figures"]["kl"].mean()) == pytest.approx(float(aux["kl_loss"]), rel=1e-3)
    # Controls: another beta or another clip is another loss.
    for other in ((0.2, 0.2), (0.1, 0.05)):
        assert float(grpo_loss(made.model, batch, *other, average)[0]) != pytest.approx(
            float(expected), abs=1e-4
        )
    in_order = made.round.rewards.T.ravel()
    own = batch["advantages"].reshape(STEP.samples, -1).T.ravel()
    np.testing.assert_allclose(own, compute_advantages(in_order, STEP.samples), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_the_gradient_is_the_slope_of_the_loss(tmp_path: Any, method: str) -> None:
    """Against differences of the loss, where it is steepest and in a chance direction.

    Of ppo without the critic's part, which is kept from moving what it reads.
    """
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from duecare.train.answering import call_of
    from duecare.train.engine_ppo import ppo_batch, ppo_loss, value_loss
    from duecare.train.engine_reinforce import grpo_batch, grpo_loss

    made = world(tmp_path, STEP if method == "grpo" else CRITIC)
    batch = (grpo_batch if method == "grpo" else ppo_batch)(made.round, made.players)
    graph, low_rank, rest = nnx.split(made.model, nnx.LoRAParam, ...)

    def critic(state: Any) -> Any:
        _, values = nnx.merge(graph, state, rest)(*call_of(batch), valued=True)
        error = value_loss(values, batch["old_values"], batch["returns"], CRITIC.value_clip)
        return (error * batch["counts"]).sum() / batch["counts"].sum()

    @jax.jit
    def loss(state: Any) -> Any:
        model = nnx.merge(graph, state, rest)
        if method == "grpo":
            return grpo_loss(model, batch, 0.5, 0.2, "answer")[0]
        return ppo_loss(model, batch, CRITIC)[0] - critic(state)

    gradient = jax.grad(loss)(low_rank)
    rng = np.random.default_rng(0)
    for direction in (
        gradient,
        jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), gradient),
    ):
        size = float(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(direction))))
        unit = jax.tree.map(lambda leaf, size=size: (leaf / size).astype(jnp.float32), direction)
        ahead, behind = (
            float(loss(jax.tree.map(lambda leaf, way, far=far: leaf + far * way, low_rank, unit)))
            for far in (3e-3, -3e-3)
        )
        slope = sum(
            float(jnp.vdot(one, two))
            for one, two in zip(jax.tree.leaves(gradient), jax.tree.leaves(unit), strict=True)
        )
        assert (ahead - behind) / 6e-3 == pytest.approx(slope, rel=0.05, abs=2e-3)


def test_a_shared_prompt_says_what_separate_lines_say(tmp_path: Any) -> None:
    from duecare.train.engine_reinforce import grpo_batch, grpo_loss

    losses = []
    for shared in (True, False):
        made = world(tmp_path / str(shared), STEP, shared=shared)
        batch = grpo_batch(made.round, made.players)
        losses.append(float(grpo_loss(made.model, batch, 0.1, 0.2, "answer")[0]))
        assert len(batch["tokens"]) == (2 if shared else 6)
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_answers_are_rewarded_and_asked_as_they_were_given(tmp_path: Any) -> None:
    """What is taught is what was sampled, up to and with its end; equal seeds give equal answers."""
    made = world(tmp_path, STEP)
    one, batch = made.round, made.round.batch
    ends = made.players.loaded.tokenizer.eos_ids
    for answer in range(6):
        mine = batch["target"][(batch["side"] == answer) & (batch["counts"] > 0)]
        assert len(mine) == one.lengths.ravel()[answer]
        assert len(mine) == STEP.max_answer_tokens or mine[-1] in ends
        assert not np.isin(mine[:-1], ends).any()
        text = made.players.loaded.tokenizer.decode(mine.tolist())
        share = sum("a" <= letter <= "z" for letter in text) / max(1, len(text))
        assert one.rewards.ravel()[answer] == pytest.approx(share)


def test_log_probabilities_at_the_start_are_those_of_the_base(tmp_path: Any) -> None:
    from duecare.model.load import load
    from duecare.train.answering import Answering, token_logps

    made = world(tmp_path, STEP)
    base = Answering(load(tmp_path / "tiny").model, temperature=STEP.temperature)
    expected = np.asarray(token_logps(base, made.round.batch))
    np.testing.assert_allclose(made.players.logps(made.round.batch, at_start=True), expected, atol=1e-5)
    now = made.players.logps(made.round.batch)
    assert np.abs(now - expected).max() > 0.01
    plain = Answering(made.players._merged.now().model, temperature=STEP.temperature)
    np.testing.assert_allclose(now, np.asarray(token_logps(plain, made.round.batch)), atol=1e-4)


def test_our_ppo_losses_and_advantages_are_tunixs_own(tmp_path: Any) -> None:
    import jax.numpy as jnp
    from tunix.rl.algo_core import compute_gae_advantages, ppo_policy_loss_fn, ppo_value_loss_fn

    from duecare.train.answering import call_of
    from duecare.train.engine_ppo import ppo_batch, ppo_loss, value_loss

    made = world(tmp_path, CRITIC)
    batch = ppo_batch(made.round, made.players)
    pad = made.players.loaded.tokenizer.pad_id
    by_answer, example = theirs(made, batch, pad=pad)
    real = np.asarray(example.completion_mask)
    rewards = -CRITIC.beta * np.asarray(by_answer("old") - by_answer("reference")) * real
    lengths = made.round.lengths.ravel()
    rewards[np.arange(6), lengths - 1] += made.round.rewards.ravel()
    advantages, returns = compute_gae_advantages(
        jnp.asarray(rewards), by_answer("old_values"), example.completion_mask, CRITIC.gamma, CRITIC.decay
    )
    np.testing.assert_allclose(by_answer("advantages") * real, advantages * real, atol=1e-3)
    np.testing.assert_allclose(by_answer("returns") * real, returns * real, atol=1e-4)

    batch["old"] = batch["old"] + np.float32(0.4) * np.sin(np.arange(len(batch["old"]), dtype=np.float32))
    batch["old_values"] = batch["old_values"] + np.float32(0.3)
    by_answer, example = theirs(made, batch, pad=pad)
    config = SimpleNamespace(epsilon_low=0.2, epsilon_high=0.2, entropy_coef=None)
    policy, _ = ppo_policy_loss_fn(Merged(made.players).model, example, config, pad, 2)
    _, values = made.model(*call_of(batch), valued=True)
    critic = Scores(padded(batch, np.asarray(values), 6, 10), example.prompt_ids.shape[1])
    whole = SimpleNamespace(
        prompt_ids=example.prompt_ids,
        completion_ids=example.completion_ids,
        completion_mask=example.completion_mask,
        old_values=by_answer("old_values"),
        returns=by_answer("returns"),
    )
    value, aux = ppo_value_loss_fn(critic.module(), whole, CRITIC.value_clip, pad, 2)
    expected = float(policy) + float(value)
    assert float(ppo_loss(made.model, batch, CRITIC)[0]) == pytest.approx(expected, abs=3e-5)
    assert float(aux["vf_clipfrac"]) > 0
    other = dataclasses.replace(CRITIC, value_clip=5.0)
    assert float(ppo_loss(made.model, batch, other)[0]) != pytest.approx(expected, abs=1e-4)
    assert float(value_loss(jnp.ones(1), jnp.zeros(1), jnp.zeros(1), 9.0)[0]) == 0.5


class Scores:
    """A critic in Tunix's shape that says given values: after each place, for the token that follows."""

    def __init__(self, values: Any, prompt: int) -> None:
        self.values = np.pad(values, ((0, 0), (prompt - 1, 1)))[..., None]

    def module(self) -> Any:
        import jax.numpy as jnp
        from flax import nnx

        class Critic(nnx.Module):  # type: ignore[misc]  # flax.nnx is untyped
            def __init__(self, values: Any) -> None:
                self.values = nnx.Param(jnp.asarray(values))

            def __call__(self, tokens: Any, **_: Any) -> Any:
                return self.values[...]

        return Critic(self.values)
