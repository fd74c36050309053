"""Group DRO: the arithmetic of its weights, and a rarer group that is learnt as well as the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted import Killed, Made, figure, over_seeds, rarer, rarer_pairs, trained
from training_toys import chat, curves, digests

from duecare.core import FAIL, Artifact, DataError, Progress, StudyError
from duecare.measure.compare import paired_difference
from duecare.train import Debias, Dpo, GroupDro, Limits, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

DRO = Debias(axis="gender", group_dro=GroupDro(step_size=0.03))
STEPS, BATCH, HELD = 125, 8, 40


def sft(debias: Debias | None = DRO, **fields: object) -> Sft:
    given = {"steps": STEPS, "batch_size": BATCH, "every": 25, "held_out": HELD, "max_tokens": 48}
    given |= {"learning_rate": 5e-3, "limits": Limits(loss_gap=0.5), "debias": debias}
    return Sft(on="chats", **(given | fields))  # type: ignore[arg-type]


def world(step: Sft, base: Artifact, folder: Path, *, same: bool = False) -> Made:
    """Training on a world where men are rarer; held out are as many of them as of women."""
    held = rarer(HELD, every=2, same=same, first=10_000)
    return trained(step, base, folder, rarer(STEPS * BATCH, same=same), held)


def test_the_worse_group_is_helped_in_every_seed_and_the_watch_had_found_it(
    base: Artifact, tmp_path: Path
) -> None:
    def gap(debias: Debias | None, seed: int) -> float:
        made = world(sft(debias, seed=seed), base, tmp_path / f"{debias is None}{seed}")
        crossed = [each.verdict for each in made[0].findings if each.name == "sft.loss.gap"]
        assert debias or crossed == [FAIL]
        return abs(figure(made[0], "sft.loss.gap", group="men", when="after").value or 0)

    plain = over_seeds(lambda seed: gap(None, seed))
    robust = over_seeds(lambda seed: gap(DRO, seed))
    closed = paired_difference(plain, robust)
    assert closed.low is not None
    assert closed.low > 0.3, (plain, robust)
    assert max(robust) < min(plain)
    # Control: where nothing is planted the watch finds nothing.
    level = world(sft(None), base, tmp_path / "level", same=True)[0]
    assert [each.verdict for each in level.findings] != [FAIL]


@pytest.fixture(scope="module")
def whole(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A short robust run."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        return trained(SHORT, base, folder, rarer(48), rarer(8, first=900))


SHORT = sft(steps=12, batch_size=4, every=4, held_out=8)


def test_the_course_of_the_weights_is_drawn_and_they_go_to_the_worse_group(whole: Made) -> None:
    outcome, _, out = whole
    drawn = curves(out).to_pandas()
    weights = drawn[drawn.metric == "group_weight"].pivot_table(index="step", columns="group", values="value")
    assert list(weights.index) == list(range(1, 13))
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert set(drawn[drawn.metric == "group_weight"].axis) == {"gender"}
    for group in ("men", "women"):
        told = figure(outcome, "sft.group_weight", group=group)
        assert told.value == pytest.approx(weights[group].iloc[-1], abs=1e-6)


def test_the_export_holds_a_model_as_without_debiasing(whole: Made, base: Artifact, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    plain = trained(sft(None, steps=2, held_out=0, limits=Limits()), base, tmp_path, rarer(16), [])[2]
    for name in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
        ours, theirs = load_file(whole[2] / name), load_file(plain / name)
        assert {key: each.shape for key, each in ours.items()} == {k: e.shape for k, e in theirs.items()}
    assert set(digests(whole[2])) == {*digests(plain), "evidence.parquet"}


@pytest.mark.parametrize("moment", [2, 6, 11])
def test_a_killed_robust_run_goes_on_to_the_same_bytes(
    whole: Made, base: Artifact, tmp_path: Path, moment: int
) -> None:
    def dying(what: object) -> None:
        if isinstance(what, Progress) and what.message.startswith("loss") and what.done == moment:
            raise Killed

    rows, held = rarer(48), rarer(8, first=900)
    from training_toys import data_artifact

    data = data_artifact(tmp_path / "data", rows, held)
    (tmp_path / "out").mkdir()
    with pytest.raises(Killed):
        SHORT.run({"data": data, "base": base}, tmp_path / "out", dying)
    trained(SHORT, base, tmp_path, rows, held)
    assert digests(tmp_path / "out") == digests(whole[2])


def test_a_checkpoint_without_the_groups_weights_is_not_gone_on_from() -> None:
    from duecare.core import ModelError
    from duecare.train.engine_debias import Treatment

    made = Treatment(lambda *_: None, np.ones(2, np.float32))  # type: ignore[arg-type, return-value]
    kept = made.arrays()
    made.put_back({name: each * 2 for name, each in kept.items()})
    assert made.carried.tolist() == [2, 2]
    for wrong in ({}, {name: np.ones(3, np.float32) for name in kept}):
        with pytest.raises(ModelError, match="not of this way of debiasing"):
            made.put_back(wrong)


def test_weights_move_as_exponentiated_gradient_ascent_says() -> None:
    from duecare.train.engine_robust import moved

    start, losses = np.array([0.2, 0.5, 0.3]), np.array([1.0, 0.1, 2.0])
    by_hand = start * np.exp(0.7 * losses)
    np.testing.assert_allclose(moved(start, losses, 0.7), by_hand / by_hand.sum(), rtol=1e-5)
    np.testing.assert_allclose(moved(start, np.full(3, 4.0), 0.7), start, rtol=1e-5)
    np.testing.assert_allclose(moved(start, losses, 0.0), start, rtol=1e-5)


def test_a_rare_groups_loss_is_told_without_bias_over_all_batches() -> None:
    """Over an epoch the mean of what steps see of each group is what a step that saw all would see."""
    from duecare.train.engine_robust import group_means

    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], [90, 6]).astype(np.int32)
    rng.shuffle(group)
    values = np.where(group == 1, 3.0, 1.0).astype(np.float32)
    seen, here = [], []
    for start in range(0, 96, 4):
        part = slice(start, start + 4)
        means, present = group_means(values[part], np.ones(4, np.float32), group[part], 2)
        seen.append(np.asarray(means))
        here.append(np.asarray(present))
    share = np.mean(here, axis=0)
    assert share[1] < 0.3
    np.testing.assert_allclose(np.mean(seen, axis=0) / share, [1.0, 3.0], rtol=1e-6)
    # Control: without the share the rare group seems to lose a quarter of what it does.
    assert np.mean(seen, axis=0)[1] < 0.9


def test_the_loss_and_its_gradient_are_the_weighted_groups() -> None:
    import jax
    import jax.numpy as jnp

    from duecare.train.engine_robust import dro_loss

    batch = {
        "weight": jnp.array([1.0, 3.0, 1.0]),
        "group": jnp.array([0, 0, 1]),
        "row": jnp.arange(3),
        "carried": jnp.array([0.5, 0.5, 0.0]),
        "share": jnp.array([1.0, 0.5, 1.0]),
        "added": jnp.array([0.2, 0.4, 0.0]),
    }
    loss = dro_loss(0.3, lambda losses, _: {"loss": losses})
    losses = jnp.array([1.0, 2.0, 4.0])
    (value, aux), slopes = jax.value_and_grad(loss, has_aux=True)(losses, batch)
    means = np.array([(1 + 3 * 2) / 4, 4 / 0.5, 0])
    weights = np.array([0.5, 0.5, 0]) * np.exp(0.3 * (means + np.array([0.2, 0.4, 0])))
    weights /= weights.sum()
    np.testing.assert_allclose(aux["carried"], weights, rtol=1e-5)
    assert float(value) == pytest.approx(float((weights * means).sum()), rel=1e-5)
    np.testing.assert_allclose(slopes, [weights[0] / 4, weights[0] * 3 / 4, weights[1] / 0.5], rtol=1e-5)


def test_small_groups_are_helped_more_with_adjustment(base: Artifact, tmp_path: Path) -> None:
    made = {}
    for adjustment in (0.0, 10.0):
        method = Debias(axis="gender", group_dro=GroupDro(step_size=0.02, adjustment=adjustment))
        step = sft(method, steps=6, held_out=0, limits=Limits())
        outcome, _, _ = trained(step, base, tmp_path / str(adjustment), rarer(48, same=True), [])
        made[adjustment] = figure(outcome, "sft.group_weight", group="men").value
    assert made[10.0] > made[0.0] + 0.02  # type: ignore[operator]


def test_rows_that_declare_no_group_are_a_group_of_their_own(base: Artifact, tmp_path: Path) -> None:
    rows = rarer(24) + [chat(i, f"q{i}", "well", None) for i in range(50, 74)]
    outcome, _, _ = trained(sft(steps=4, held_out=0, limits=Limits()), base, tmp_path, rows, [])
    told = {each.slice["group"]: each.value for each in outcome.estimates if "group_weight" in each.metric}
    assert set(told) == {"men", "women", "none declared"}
    assert sum(filter(None, told.values())) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("algorithm", ["dpo", "orpo"])
def test_robust_preferences_help_the_worse_group(algorithm: str, base: Artifact, tmp_path: Path) -> None:
    def worst(debias: Debias | None, seed: int) -> float:
        step = Dpo(
            on="pairs",
            algorithm=algorithm,  # type: ignore[arg-type]
            beta=0.5,
            steps=60,
            batch_size=8,
            every=30,
            held_out=24,
            learning_rate=5e-3,
            max_prompt_tokens=48,
            max_answer_tokens=8,
            debias=debias,
            seed=seed,
        )
        held = rarer_pairs(24, every=2, first=9000)
        made = trained(step, base, tmp_path / f"{debias is None}{seed}", rarer_pairs(480), held)
        means = [figure(made[0], f"{algorithm}.margin", group=who, when="after").value for who in GROUPS]
        return min(filter(None, means))

    seeds = 5 if algorithm == "dpo" else 2
    method = Debias(axis="gender", group_dro=GroupDro(step_size=0.3))
    plain = over_seeds(lambda seed: worst(None, seed), seeds)
    robust = over_seeds(lambda seed: worst(method, seed), seeds)
    assert min(np.subtract(robust, plain)) > 0, (plain, robust)
    if seeds == 5:
        assert (paired_difference(robust, plain).low or 0) > 0


GROUPS = ("men", "women")


def test_what_is_senseless_is_refused(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        GroupDro(step_size=-1.0, adjustment=float("nan"))
    assert [each.where for each in caught.value.problems] == [
        "train.debias.group_dro.step_size",
        "train.debias.group_dro.adjustment",
    ]
    with pytest.raises(StudyError, match="group_dro, pairing"):
        Debias(axis="gender")
    with pytest.raises(StudyError, match=r"debias\.axis = 'gender': expected one of the axes in `groups`"):
        sft(groups=("age",))
    with pytest.raises(StudyError, match="a Debias, or nothing"):
        sft("group_dro")  # type: ignore[arg-type]
    one = [chat(i, "q", "a", "men") for i in range(8)]
    with pytest.raises(DataError, match="axis 'gender' has 'men' in the rows"):
        trained(sft(limits=Limits()), base, tmp_path / "one", one, [])
    with pytest.raises(DataError, match="axis 'gender' has no group"):
        trained(sft(limits=Limits()), base, tmp_path / "none", [chat(i, "q", "a") for i in range(8)], [])
