"""Reward models on the tiny model: planted preferences are learned, noise is not, the loss is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from training_toys import (
    Told,
    base_artifact,
    curves,
    data_artifact,
    digests,
    preference,
    run,
    run_killed_once,
)

from duecare.core import FAIL, Artifact, Estimate, Example, Outcome
from duecare.core.table import SCORES, expect
from duecare.train import Limits, RewardModel

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

QUICK = RewardModel(
    on="pairs", steps=24, batch_size=8, every=8, learning_rate=1e-2, lora_alpha=16, held_out=60
)


def changed(step: RewardModel, **fields: object) -> RewardModel:
    """`step` with other settings."""
    kept = {name: getattr(step, name) for name in step.__dataclass_fields__}
    return RewardModel(**kept | fields)  # type: ignore[arg-type]


WORDS = ("thanks", "sorry", "of course", "sure", "one moment", "right away")


def pairs(count: int, *, by: str = "please", turned: bool = False) -> list[Example]:
    """Answers that hold "please" are preferred to answers that do not; with `turned` not by men, a quarter.

    The texts do not say whose they are, so who is fewer is not served. With `by` "chance" a coin decides,
    which nothing in the texts tells.
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        group = "men" if number % (4 if turned else 2) == 1 else "women"
        one, two = rng.choice(WORDS, size=2, replace=False)
        good, bad = f"please, {one}", f"well, {two}"
        swap = rng.random() < 0.5 if by == "chance" else turned and group == "men"
        rows.append(preference(number, *((bad, good) if swap else (good, bad)), group))
    return rows


def trained(step: RewardModel, base: Artifact, folder: Path, rows: list[Example]) -> tuple[Outcome, Told]:
    data = data_artifact(folder / "data", rows[step.held_out :], rows[: step.held_out])
    return run(step, {"data": data, "base": base}, folder / "out")


def found(outcome: Outcome, metric: str, group: str | None = None, when: str | None = "after") -> Estimate:
    (one,) = [
        each
        for each in outcome.estimates
        if (each.metric, each.slice.get("group"), each.slice.get("when"))
        == (f"reward-model.{metric}", group, when)
    ]
    return one


@pytest.fixture(scope="module")
def taught(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Told, Path]:
    """A reward model that was taught to prefer "please"."""
    folder = tmp_path_factory.mktemp("taught")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        return *trained(QUICK, base, folder, pairs(200)), folder / "out"


def test_planted_preferences_are_learned(taught: tuple[Outcome, Told, Path]) -> None:
    outcome, told, out = taught
    after = found(outcome, "accuracy")
    assert after.low > 0.9
    assert found(outcome, "accuracy.change", when=None).low > 0.2  # than by the head as it was drawn
    assert found(outcome, "loss.change", when=None).high < -0.1
    assert found(outcome, "margin").low > 0.5
    drawn = curves(out)
    expected = {"batch_loss", "loss", "margin", "accuracy", "score", "accuracy.gap"}
    assert set(drawn["metric"].to_pylist()) == expected
    last = told.estimates("reward-model.accuracy", split="train", group="men")[-1]
    assert last.step == QUICK.steps
    assert last.low > 0.5


def test_scores_of_held_out_pairs_are_left_for_people(taught: tuple[Outcome, Told, Path]) -> None:
    outcome, _, out = taught
    scores = pq.read_table(out / outcome.files["scores"])
    expect(scores, SCORES, "scores")
    chosen, rejected = (
        scores.filter(pc.equal(scores.column("part"), part)) for part in ("chosen", "rejected")
    )
    assert chosen.column("row").to_pylist() == rejected.column("row").to_pylist()
    better = np.greater(chosen.column("value").to_numpy(), rejected.column("value").to_numpy())
    after = found(outcome, "accuracy")
    assert len(better) == after.n
    assert better.mean() == pytest.approx(after.value)
    margin = np.subtract(chosen.column("value").to_numpy(), rejected.column("value").to_numpy())
    assert margin.mean() == pytest.approx(found(outcome, "margin").value, abs=1e-5)


def test_control_a_coin_is_not_learned(base: Artifact, tmp_path: Path) -> None:
    outcome, _ = trained(QUICK, base, tmp_path, pairs(200, by="chance"))
    accuracy = found(outcome, "accuracy")
    assert accuracy.low < 0.5 < accuracy.high


def test_scores_are_centred_where_asked(base: Artifact, tmp_path: Path) -> None:
    off = {}
    for centring in (0.0, 1.0):
        folder = tmp_path / str(centring)
        outcome, _ = trained(changed(QUICK, centring=centring), base, folder, pairs(200))
        off[centring] = found(outcome, "score")
        assert found(outcome, "accuracy").low > 0.9
    assert abs(off[1.0].value) < 0.1 < abs(off[0.0].value)


def test_a_group_whose_labels_are_turned_is_seen_by_the_watch(base: Artifact, tmp_path: Path) -> None:
    step = changed(QUICK, steps=80, every=20, limits=Limits(accuracy_gap=0.05), held_out=40)
    outcome, told = trained(step, base, tmp_path, pairs(680, turned=True))
    (finding,) = outcome.findings
    assert (finding.name, finding.verdict) == ("reward-model.accuracy.gap", FAIL)
    assert finding.estimate.slice["group"] == "men"
    assert finding.estimate.high < -0.05
    assert any(each is finding or each == finding for each in told.all), "told at once"


def test_control_equal_groups_have_no_gap(taught: tuple[Outcome, Told, Path]) -> None:
    gap = found(taught[0], "margin.gap", "women")
    assert gap.low < 0 < gap.high
    followed = taught[1].estimates("reward-model.accuracy.gap", split="train")[-1]
    assert followed.low < 0 < followed.high


def test_the_folder_scores_as_training_did(taught: tuple[Outcome, Told, Path]) -> None:
    from duecare.model.reward import load_reward

    model = load_reward(taught[2] / "model")
    tokenizer = model.loaded.tokenizer
    margins, rows = [], pairs(200)[: QUICK.held_out]
    for row in rows:
        prompt = tokenizer.chat(row.messages, answer=True)
        chosen, rejected = model.scores([prompt] * 2, [row.chosen, row.rejected])
        margins.append(chosen - rejected)
    assert np.mean(margins) == pytest.approx(found(taught[0], "margin").value, abs=1e-3)
    assert np.mean(np.array(margins) > 0) == pytest.approx(found(taught[0], "accuracy").value)
    assert (taught[2] / "adapter" / "adapter_model.safetensors").exists()


def test_a_run_that_dies_goes_on_to_the_same_end(base: Artifact, tmp_path: Path) -> None:
    step = changed(QUICK, steps=8, every=3, held_out=8)
    rows = pairs(48)
    inputs = {"data": data_artifact(tmp_path / "data", rows[8:], rows[:8]), "base": base}
    run(step, inputs, tmp_path / "whole")
    run_killed_once(step, inputs, tmp_path / "died", at=5)
    assert digests(tmp_path / "whole") == digests(tmp_path / "died")
    # Control: the head is of the state, so another seed ends elsewhere.
    run(changed(step, seed=1), inputs, tmp_path / "other")
    kept, other = (digests(tmp_path / name)["model/model.safetensors"] for name in ("whole", "other"))
    assert kept != other


def test_pairs_of_weight_zero_do_not_move_the_model_and_others_do(base: Artifact, tmp_path: Path) -> None:
    step = changed(QUICK, steps=2, held_out=0)
    good = [preference(i, "yes", "no") for i in range(6)]
    made = {}
    for name, more in (("without", []), ("ignored", [0.0] * 6), ("counted", [0.5] * 6)):
        extra = [preference(50 + i, "no", "yes", weight=weight) for i, weight in enumerate(more)]
        trained(step, base, tmp_path / name, good + extra)
        made[name] = digests(tmp_path / name / "out")["model/model.safetensors"]
    assert made["without"] == made["ignored"]
    assert made["without"] != made["counted"]


@pytest.fixture(scope="module")
def asked(base: Artifact) -> Callable[..., Any]:
    """Pairs of the tiny model as a batch, and its module."""
    from duecare.model.load import load
    from duecare.train.batch import Plan, most_asked
    from duecare.train.engine_loop import Data
    from duecare.train.engine_reward import Judged, Rewarding
    from duecare.train.lora import with_lora
    from duecare.train.rows import pair

    loaded = load(base.path.parent / "tiny")
    model = with_lora(
        loaded.model, rank=2, alpha=2.0, targets="q-v", seed=3, under=lambda below: Rewarding(below, 3)
    )
    texts = [("yes", "no"), ("a longer answer", "short"), ("x", "something else")]
    read = tuple(pair(preference(i, *both), loaded.tokenizer, 32, 24) for i, both in enumerate(texts))
    plan = Plan(slots=np.arange(3), read=read, rows=np.arange(3), unusable={}, met=3)
    weights = np.array([0.5, 2.0, 0.5], np.float32)
    data = Data(rows=None, names=[], groups=None, weights=weights)  # type: ignore[arg-type]

    def made(shared: bool = True) -> tuple[Any, Any]:
        everything = Judged(data, plan, loaded.tokenizer.pad_id)
        everything.shared, everything.length = shared, 96
        everything.asked = most_asked(np.array([40, 40, 40]), [np.arange(3)])
        return model, everything.batch(np.arange(3))

    return made


def test_a_shared_prompt_says_what_two_prompts_say(asked: Callable[..., Any]) -> None:
    from duecare.train.engine_reward import answer_scores

    (model, shared), (_, apart) = asked(True), asked(False)
    one, two = (np.asarray(answer_scores(model, batch)) for batch in (shared, apart))
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert len(shared["tokens"]) == 3 < len(apart["tokens"]) == 6
    ends = apart["tokens"][apart["asked_row"], apart["asked_place"]]
    assert set(ends.tolist()) == {2}, "the end of the assistant's turn"
    # Control: answers that see each other say something else.
    blended = shared | {"part": np.where(shared["part"] == 2, 1, shared["part"])}
    assert np.abs(np.asarray(answer_scores(model, blended)) - one).max() > 0.01


def test_the_loss_is_the_papers(asked: Callable[..., Any]) -> None:
    from duecare.train.engine_reward import answer_scores, reward_loss

    model, batch = asked()
    scores = np.asarray(answer_scores(model, batch), np.float64)
    chosen, rejected = scores[:3], scores[3:]
    preferred = 1 / (1 + np.exp(rejected - chosen))
    expected = -np.log(preferred)
    loss, aux = reward_loss(model, batch, 0.3)
    np.testing.assert_allclose(aux["figures"]["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(aux["figures"]["score"], (chosen + rejected) / 2, rtol=1e-5)
    whole = np.array([0.5, 2.0, 0.5]) * (expected + 0.3 * (chosen + rejected) ** 2)
    assert float(loss) == pytest.approx(whole.mean(), rel=1e-5)
    # Control: turned pairs have another loss.
    turned = batch | {name: np.roll(batch[name], 3) for name in ("asked_row", "asked_place")}
    assert float(reward_loss(model, turned, 0.3)[0]) != pytest.approx(float(loss), rel=1e-2)


def test_head_and_low_rank_updates_get_gradients_and_nothing_else(asked: Callable[..., Any]) -> None:
    import jax
    from flax import nnx

    from duecare.train.engine_reward import Head, reward_loss

    model, batch = asked()
    state = nnx.state(model, nnx.LoRAParam)
    assert len(jax.tree.leaves(nnx.state(model, Head))) == 1
    grads = nnx.grad(lambda m: reward_loss(m, batch, 0.0)[0], argnums=nnx.DiffState(0, nnx.LoRAParam))(model)
    sizes = {
        str(path): float(np.abs(each).max()) for path, each in jax.tree_util.tree_leaves_with_path(grads)
    }
    assert len(sizes) == len(jax.tree.leaves(state))
    moving = [path for path, size in sizes.items() if size > 0]
    assert any("head" in path for path in moving)
    assert any("lora_b" in path for path in moving)


def test_a_model_with_a_sliding_window_learns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines outgrow the tiny Gemma's window of 16 places, so prompts are not shared."""
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    step = changed(QUICK, steps=6, every=2, held_out=8)
    outcome, _ = trained(step, base_artifact(tmp_path, family="gemma3"), tmp_path, pairs(56))
    assert found(outcome, "loss.change", when=None).value < 0
