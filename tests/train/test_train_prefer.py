"""Preference tuning on the tiny model: margins rise, groups are told apart, the loss is the known one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
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

from duecare.core import Artifact, Estimate, Example, Outcome
from duecare.train import Dpo

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

QUICK = Dpo(on="pairs", steps=16, batch_size=4, every=4, learning_rate=1e-2, lora_alpha=16, held_out=20)


def changed(step: Dpo, **fields: object) -> Dpo:
    """`step` with other settings."""
    return Dpo(**{name: getattr(step, name) for name in step.__dataclass_fields__} | fields)  # type: ignore[arg-type]


def pairs(count: int, *, turned: str | None = None) -> list[Example]:
    """ "yes" is preferred to "no", but at random for the group `turned`."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        group = ("women", "men")[number % 2]
        swap = group == turned and rng.random() < 0.5
        chosen, rejected = ("no", "yes") if swap else ("yes", "no")
        rows.append(preference(number, chosen, rejected, group))
    return rows


def trained(step: Dpo, base: Artifact, folder: Path, rows: list[Example]) -> tuple[Outcome, Told]:
    data = data_artifact(folder / "data", rows[step.held_out :], rows[: step.held_out])
    return run(step, {"data": data, "base": base}, folder / "out")


def found(outcome: Outcome, metric: str, group: str | None = None, when: str | None = "after") -> Estimate:
    (one,) = [
        each
        for each in outcome.estimates
        if (each.metric, each.slice.get("group"), each.slice.get("when")) == (metric, group, when)
    ]
    return one


def test_margins_rise_and_the_group_without_a_preference_gains_none(base: Artifact, tmp_path: Path) -> None:
    outcome, told = trained(changed(QUICK, steps=24, held_out=48), base, tmp_path, pairs(120, turned="men"))
    women, men = (found(outcome, "dpo.margin", group) for group in ("women", "men"))
    assert women.low > 0
    assert men.low < 0 < men.high
    assert found(outcome, "dpo.margin.gap", "women").low > 0
    assert found(outcome, "dpo.accuracy", "women").value == 1
    last = {e.slice.get("group"): e for e in told.estimates("dpo.margin", split="train") if e.step == 24}
    assert last["women"].low > last["men"].value
    drawn = curves(tmp_path / "out")
    assert {"batch_loss", "loss", "margin", "accuracy", "accuracy.gap"} == set(drawn["metric"].to_pylist())
    followed = told.estimates("dpo.accuracy.gap", split="train", group="men", against="women")[-1]
    assert (followed.value or 0) < 0
    assert "confidence sequence" in followed.method
    (unsaid,) = told.estimates("dpo.margin.gap", split="train")
    assert unsaid.reason, "a figure without bounds says nothing in so short a course"
    first = drawn.to_pandas().query("metric == 'batch_loss'").value.iloc[0]
    assert first == pytest.approx(np.log(2), abs=1e-4)


def test_control_equal_groups_have_no_gap(base: Artifact, tmp_path: Path) -> None:
    outcome, _ = trained(changed(QUICK, steps=24, held_out=48), base, tmp_path, pairs(120))
    gap = found(outcome, "dpo.margin.gap", "women")
    assert gap.low < 0 < gap.high
    assert found(outcome, "dpo.margin", "men").low > 0


def test_orpo_needs_no_reference_and_teaches_the_chosen_answer(base: Artifact, tmp_path: Path) -> None:
    outcome, _ = trained(changed(QUICK, algorithm="orpo"), base, tmp_path, pairs(60))
    assert found(outcome, "orpo.margin.change", when=None).low > 0
    assert found(outcome, "orpo.loss.change", when=None).high < 0


def test_a_run_that_dies_goes_on_to_the_same_end(base: Artifact, tmp_path: Path) -> None:
    step = changed(QUICK, steps=8, every=3)
    data = data_artifact(tmp_path / "data", pairs(40)[20:], pairs(40)[:20])
    inputs = {"data": data, "base": base}
    run(step, inputs, tmp_path / "whole")
    run_killed_once(step, inputs, tmp_path / "died", at=5)
    assert digests(tmp_path / "whole") == digests(tmp_path / "died")


def test_control_a_resume_that_forgets_the_optimiser_ends_elsewhere(base: Artifact, tmp_path: Path) -> None:
    from duecare.train.resume import Resume

    step = changed(QUICK, steps=6, every=3, held_out=0)
    inputs = {"data": data_artifact(tmp_path / "data", pairs(20)), "base": base}
    for name in ("whole", "forgot"):
        run(step, inputs, tmp_path / name)
    assert digests(tmp_path / "whole") == digests(tmp_path / "forgot")
    scratch = tmp_path / "forgot" / ".resume"
    (after_three,) = scratch.glob("000000003-*.safetensors")
    for newer in scratch.glob("000000006-*.safetensors"):
        newer.unlink()
    resume = Resume(scratch, json.loads((scratch / "run.json").read_text()))
    last = resume.last()
    assert last is not None
    after_three.unlink()
    resume.save(3, {name: each * (not name.startswith("optimizer")) for name, each in last.arrays.items()})
    run(step, inputs, tmp_path / "forgot")
    whole, forgot = (digests(tmp_path / name) for name in ("whole", "forgot"))
    assert whole["model/model.safetensors"] != forgot["model/model.safetensors"]


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
    """Pairs of the tiny model as a batch, its module, and the same pairs in Tunix's own shape."""
    from duecare.model.load import load
    from duecare.train.batch import Plan, most_asked
    from duecare.train.engine_loop import Data
    from duecare.train.engine_prefer import Pairs
    from duecare.train.lora import with_lora
    from duecare.train.rows import pair

    loaded = load(base.path.parent / "tiny")
    model = with_lora(loaded.model, rank=2, alpha=2.0, targets="q-v", seed=3)
    texts = [("yes", "no"), ("a longer answer", "short"), ("x", "something else")]
    rows = [preference(i, *both) for i, both in enumerate(texts)]
    read = tuple(pair(row, loaded.tokenizer, 32, 24) for row in rows)
    plan = Plan(slots=np.arange(3), read=read, rows=np.arange(3), unusable={}, met=3)
    data = Data(rows=None, names=[], groups=None, weights=np.ones(3, np.float32))  # type: ignore[arg-type]

    def made(shared: bool) -> tuple[Any, Any]:
        everything = Pairs(data, plan, loaded.tokenizer.pad_id)
        everything.shared, everything.length = shared, 96
        everything.asked = most_asked(np.array([40, 40, 40]), [np.arange(3)])
        everything.reference = np.array([[-5, -6], [-50, -20], [-3, -40]], np.float32)
        return model, everything.batch(np.arange(3))

    return made


def test_a_shared_prompt_says_what_two_prompts_say(asked: Callable[..., Any]) -> None:
    from duecare.train.engine_prefer import answer_logps

    (model, shared), (_, apart) = asked(True), asked(False)
    one, two = (answer_logps(model, batch) for batch in (shared, apart))
    np.testing.assert_allclose(one[0], two[0], atol=1e-4)
    np.testing.assert_array_equal(one[1], two[1])
    assert len(shared["tokens"]) == 3 < len(apart["tokens"])
    # Control: answers that see each other say something else.
    blended = shared | {"part": np.where(shared["part"] == 2, 1, shared["part"])}
    assert np.abs(np.asarray(answer_logps(model, blended)[0] - one[0])).max() > 0.01


def test_our_dpo_loss_is_tunixs_own(asked: Callable[..., Any]) -> None:
    import jax.numpy as jnp
    from tunix.sft.dpo.dpo_trainer import TrainExample, dpo_loss_fn

    from duecare.train.engine_prefer import pair_loss

    model, batch = asked(False)
    real = batch["part"] >= 0
    length = real.shape[1]
    counted = np.zeros(real.shape, np.float32)
    asks = batch["counts"] > 0
    counted[batch["asked_row"][asks], batch["asked_place"][asks] + 1] = 1
    mask = np.tril(np.ones((length, length), bool))[None] & real[:, None, :]
    example = TrainExample(
        input_ids=jnp.asarray(batch["tokens"]),
        positions=jnp.asarray(batch["position"]),
        attention_mask=jnp.asarray(mask),
        ref_chosen_logps=jnp.asarray(batch["reference"][:, 0]),
        ref_rejected_logps=jnp.asarray(batch["reference"][:, 1]),
        completion_mask=jnp.asarray(counted[:, 1:]),
        logits_to_keep=length - 1,
    )
    # The low-rank updates are still without effect, so the model below them says the same.
    theirs, aux = dpo_loss_fn(model.model, example, "dpo", 0.1)
    ours, told = pair_loss(model, batch, "dpo", 0.1)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)
    assert float(told["figures"]["margin"].mean()) == pytest.approx(float(aux["rewards/margin"]), abs=1e-4)
    assert float(told["figures"]["accuracy"].mean()) == pytest.approx(float(aux["rewards/accuracy"]))
    # Control: another beta is another loss.
    assert float(pair_loss(model, batch, "dpo", 0.2)[0]) != pytest.approx(float(theirs), abs=1e-3)


def test_our_orpo_loss_is_the_papers_with_means_over_tokens(asked: Callable[..., Any]) -> None:
    from duecare.train.engine_prefer import answer_logps, pair_loss

    model, batch = asked(True)
    sums, counts = (np.asarray(each, np.float64) for each in answer_logps(model, batch))
    mean = sums / counts
    odds = np.log(np.exp(mean) / (1 - np.exp(mean)))
    ratio = odds[:3] - odds[3:]
    expected = -mean[:3] + 0.25 * np.log1p(np.exp(-ratio))
    loss, aux = pair_loss(model, batch, "orpo", 0.25)
    np.testing.assert_allclose(aux["figures"]["loss"], expected, rtol=1e-4)
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-4)


def test_a_model_with_a_sliding_window_learns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines outgrow the tiny Gemma's window of 16 places, so prompts are not shared."""
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    step = changed(QUICK, steps=4, every=2, held_out=4)
    outcome, _ = trained(step, base_artifact(tmp_path, family="gemma3"), tmp_path, pairs(20))
    assert found(outcome, "dpo.margin").value > 0
