"""The arithmetic that influence rests on: gradients of rows and of gaps, against the slow way to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from influence_worlds import held_alike, held_pairs, preferred_by_rumour, told_by_rumour
from training_toys import data_artifact

from duecare.core import Artifact
from duecare.train import Dpo, Influence, RewardModel, Sft
from duecare.train.influence import pushes, traced

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

ASKED = Influence(of="loss_gap", axis="gender", group="men", slices=("topic",))
LOOP = {"steps": 60, "batch_size": 8, "every": 10, "learning_rate": 2e-3, "held_out": 40}


def sft(**fields: object) -> Sft:
    return Sft(on="chats", max_tokens=48, **(LOOP | {"influence": ASKED} | fields))  # type: ignore[arg-type]


def dpo(**fields: object) -> Dpo:
    return Dpo(on="pairs", **(LOOP | {"influence": ASKED} | fields))  # type: ignore[arg-type]


def reward(**fields: object) -> RewardModel:
    return RewardModel(on="pairs", **(LOOP | {"influence": ASKED} | fields))  # type: ignore[arg-type]


Step = Sft | Dpo | RewardModel
PACKED: dict[str, object] = {"batch_size": None, "batch_tokens": 96}
STEPS = [sft(), sft(**PACKED), dpo(), dpo(algorithm="orpo"), reward(centring=0.5)]
NAMES = ["sft", "packed", "dpo", "orpo", "reward-model"]


def inputs_of(step: Step, base: Artifact, folder: Path) -> dict[str, Artifact]:
    sft_rows, pairs = (told_by_rumour(24), held_alike(8, 24)), (preferred_by_rumour(24), held_pairs(8, 24))
    train, held = sft_rows if isinstance(step, Sft) else pairs
    return {"base": base, "data": data_artifact(folder / "data", train, held)}


def made(step: Step, inputs: dict[str, Artifact]) -> tuple[Any, Any, Any]:
    """Model, lessons and gaps; all low-rank weights have an effect: at the start half of them has none."""
    from duecare.train.engine_gaps import gaps_of
    from duecare.train.engine_lessons import lessons_of, start_of
    from duecare.train.engine_loop import start_folder
    from duecare.train.lora import restore_weights, weights_state

    loaded, model = start_of(step, start_folder(inputs))
    model.whole = True
    lessons = lessons_of(step, loaded, inputs, model)
    rng = np.random.default_rng(0)
    state = weights_state(model)
    shifted = {name: array + 0.05 * rng.standard_normal(array.shape) for name, array in state.items()}
    restore_weights(model, {name: array.astype(np.float32) for name, array in shifted.items()})
    return model, lessons, gaps_of(step, loaded.tokenizer, lessons)


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_one_forward_pass_gives_what_each_rows_own_gradient_does(
    step: Step, base: Artifact, tmp_path: Path
) -> None:
    inputs = inputs_of(step, base, tmp_path)
    model, lessons, gaps = made(step, inputs)
    import jax
    from flax import nnx

    from duecare.train.engine_influence import gradient, products

    @nnx.jit
    def both(model: Any, batch: Any, slope: Any) -> tuple[Any, Any]:
        of_row = gradient(
            model, batch, lambda each, given: (lessons.losses(each, given) * given["mine"]).sum()
        )
        product = sum(leaf.sum() for leaf in jax.tree.leaves(jax.tree.map(jax.numpy.multiply, of_row, slope)))
        return product, products(model, batch, jax.tree.map(lambda leaf: leaf[None], slope), lessons.losses)[
            0
        ]

    (slope,) = gaps.gradients(model)
    batch, each = lessons.batch(np.arange(lessons.size)), np.eye(lessons.size, dtype=np.float32)
    made_of = [both(model, {**batch, "mine": mine}, slope) for mine in each]
    found = np.asarray(made_of[0][1])
    assert found == pytest.approx(np.array([float(own) for own, _ in made_of]), rel=1e-3, abs=1e-6)
    assert np.ptp(found) > 1e-4


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_what_a_step_minimises_is_the_rows_losses_by_their_shares(
    step: Step, base: Artifact, tmp_path: Path
) -> None:
    inputs = inputs_of(step, base, tmp_path)
    model, lessons, _ = made(step, inputs)
    entries, shares = lessons.share(0)
    from flax import nnx

    alone = nnx.jit(lessons.losses)
    losses = [float(alone(model, lessons.batch(np.full(lessons.size, entry)))[0]) for entry in entries]
    minimised = float(nnx.jit(lessons.loss)(model, lessons.step(0)))
    assert minimised == pytest.approx(float(np.dot(losses, shares)), rel=1e-4)


@pytest.mark.parametrize("kind", [sft, reward], ids=["sft", "reward-model"])
def test_the_gradient_of_a_gap_is_how_it_moves(
    kind: Callable[..., Step], base: Artifact, tmp_path: Path
) -> None:
    """Of the gap between twins: a small way along the gradient, by finite differences."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    step = kind(influence=Influence(axis="gender", group="women", issues=10))
    inputs = inputs_of(step, base, tmp_path)
    model, _, gaps = made(step, inputs)
    (slope,) = gaps.gradients(model)
    size = sum(float(jnp.vdot(leaf, leaf)) for leaf in jax.tree.leaves(slope))
    start = jax.tree.map(jnp.array, nnx.state(model, nnx.LoRAParam))
    far = 0.02 / np.sqrt(size)

    def at(way: float) -> float:
        nnx.update(model, jax.tree.map(lambda leaf, by: leaf + way * by, start, slope))
        return float(gaps.gaps(gaps.values(model))[0])

    assert (at(far) - at(-far)) / 2 / far == pytest.approx(size, rel=0.05)


def test_all_that_adam_moves_is_what_its_rates_come_to() -> None:
    """With gradients that never change, Adam moves by its rate at every step: pushes add up to that."""
    rates = [0.5, 0.4, 0.3, 0.2, 0.1]
    assert pushes(rates).sum() == pytest.approx(sum(rates))
    first = [(1 - 0.9) * 0.9**step / (1 - 0.9 ** (step + 1)) * rate for step, rate in enumerate(rates)]
    assert pushes(rates)[0] == pytest.approx(sum(first))


def test_states_are_kept_evenly_and_at_the_end() -> None:
    assert traced(sft()) == (20, 30, 50, 60)
    assert traced(sft(every=25)) == (25, 50, 60)
    assert traced(sft(steps=7, every=10)) == (7,)
    assert traced(sft(influence=None)) == ()
