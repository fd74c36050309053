"""A private reward model on the tiny model: it learns, its head is protected too, and canaries say so."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from private_toys import JUDGE, PRIVACY, findings, pairs, private, trained
from training_toys import Told, curves, data_artifact, digests, preference, run

from duecare.core import FAIL, PASS, Artifact, DataError, Estimate, Example, Finding, ModelError, StudyError
from duecare.core.example import Field
from duecare.privacy import Promise, Secret, noise, plan
from duecare.privacy.clip import clipped_sum, noised
from duecare.train import Privacy, RewardModel

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


def told_of(outcome: Any, metric: str) -> dict[str | None, Estimate]:
    """Figures after training, by group."""
    return {
        each.slice.get("group"): each
        for each in outcome.estimates
        if each.metric == f"reward-model.{metric}" and each.slice.get("when", "after") == "after"
    }


def test_it_learns_within_its_budget_and_says_what_privacy_cost(base: Artifact, tmp_path: Path) -> None:
    outcome, told = trained(private(JUDGE, twin=True), base, tmp_path, pairs(68))
    found = findings(told, outcome)
    tests = {"noise.scale", "noise.always", "noise.fresh", "clipping", "clipping.each", "sampling", "weights"}
    assert all(found[f"reward-model.private.{name}"].verdict == PASS for name in (*tests, "budget"))
    assert told_of(outcome, "loss.change")[None].high < -0.1
    assert told_of(outcome, "private.cost.loss").keys() == {None, "men", "women"}
    figures = [each for each in outcome.estimates if each.metric != "reward-model.private.epsilon"]
    assert all(each.slice.get("release") == "withheld" for each in figures)
    claim = json.loads((tmp_path / "out" / "privacy.json").read_text())
    assert 7.5 < claim["claim"]["epsilon"] <= 8
    drawn = set(curves(tmp_path / "out")["metric"].to_pylist())
    assert {"clipped", "grad_norm", "signal_to_noise", "margin", "accuracy", "score"} <= drawn
    _scores_as_it_was_trained(outcome, tmp_path / "out")


def _scores_as_it_was_trained(outcome: Any, out: Path) -> None:
    """The exported folder has the head that was noised, not the one that was drawn."""
    from duecare.model.reward import load_reward

    model = load_reward(out / "model")
    margins = []
    for row in pairs(68)[-8:]:
        prompt = model.loaded.tokenizer.chat(row.messages, answer=True)
        chosen, rejected = model.scores([prompt] * 2, [str(row.chosen), str(row.rejected)])
        margins.append(chosen - rejected)
    assert np.mean(margins) == pytest.approx(told_of(outcome, "margin")[None].value, abs=1e-3)


class Stopped(Exception):
    """Stands for a kill: nothing after it is done."""


def test_a_stopped_run_goes_on_with_head_and_noise_bit_for_bit(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trained(JUDGE, base, tmp_path / "whole", pairs(40))
    secret = (tmp_path / "whole" / "out" / ".resume" / "secret").read_bytes()
    monkeypatch.setattr(noise.os, "urandom", lambda size: secret[:size])
    inputs = {"data": data_artifact(tmp_path / "data", pairs(40)[:-8], pairs(40)[-8:]), "base": base}

    def stops(what: object) -> None:
        if isinstance(what, Estimate) and what.step == 8:
            raise Stopped

    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Stopped):
        JUDGE.run(inputs, out, stops)
    again, _ = run(JUDGE, inputs, out)
    assert digests(out) == digests(tmp_path / "whole" / "out")
    assert again.estimates == whole.estimates


@pytest.fixture(scope="module")
def world(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A private run ready for its first step."""
    from duecare.train.engine_loop import read_parts, start_folder
    from duecare.train.engine_private import world_of
    from duecare.train.private_methods import RewardMethod
    from duecare.train.units import members

    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        inputs = {"base": base, "data": data_artifact(folder / "data", pairs(60), pairs(8))}
        method = RewardMethod(JUDGE, start_folder(inputs), *read_parts(inputs, ()))
        units = members(read_parts(inputs, ())[0], method.taught.rows, PRIVACY)
        made = plan(Promise(epsilon=8, delta=1e-3), units=60, batch=8, steps=12, noise_multiplier=0.8)
        _, model = method.start(start_folder(inputs))
        method.prepare(units, None)
        return world_of(JUDGE, made, units, method, model, Secret.fresh())


def failed(world: Any) -> set[str]:
    """Which checks the self-test says are not as claimed."""
    from duecare.train.private_check import Bench, checked

    world.trainer.clear_jit_cache()
    told = Told()
    with contextlib.suppress(ModelError):
        bench = Bench.of(world.trainer, world.batches)
        checked("reward-model", bench, world.chosen, world.mechanism.rate, told)
    found = [each for each in told.all if isinstance(each, Finding)]
    assert len(found) == 7
    return {each.name.removeprefix("reward-model.private.") for each in found if each.verdict == FAIL}


def test_the_sound_step_passes(world: Any) -> None:
    assert failed(world) == set()


def head_of(tree: Any) -> list[bool]:
    """Which leaves are the head's weights."""
    found = ["head" in jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    assert sum(found) == 1
    return found


def noiseless_head(total: Any, key: Any, deviation: float) -> Any:
    """Noise on the low-rank updates alone."""
    loud, shape = jax.tree.flatten(noised(total, key, deviation))
    still = jax.tree.leaves(total)
    mine = zip(head_of(total), loud, still, strict=True)
    return jax.tree.unflatten(shape, [quiet if head else noisy for head, noisy, quiet in mine])


def free_head(loss: Any, weights: Any, units: Any, absent: Any, *, clip: float, together: int) -> Any:
    """The low-rank updates clipped, the head as long as it comes."""
    bound, told, norms = clipped_sum(loss, weights, units, absent, clip=clip, together=together)
    loose, _, _ = clipped_sum(loss, weights, units, absent, clip=1e30, together=together)
    leaves, shape = jax.tree.flatten(bound)
    mine = zip(head_of(bound), leaves, jax.tree.leaves(loose), strict=True)
    return jax.tree.unflatten(shape, [long if head else short for head, short, long in mine]), told, norms


@pytest.mark.parametrize(
    ("part", "broken", "caught"),
    [
        ("noised", noiseless_head, {"noise.scale", "noise.always"}),
        ("clipped_sum", free_head, {"clipping"}),
    ],
)
def test_a_head_that_is_left_out_is_caught(
    world: Any, monkeypatch: pytest.MonkeyPatch, part: str, broken: Callable[..., Any], caught: set[str]
) -> None:
    from duecare.train import private_step

    monkeypatch.setattr(private_step, part, broken)
    assert caught <= failed(world)


AUDITED = replace(
    JUDGE,
    steps=100,
    batch_size=24,
    learning_rate=5e-3,
    targets="all-linear",
    lora_rank=16,
    lora_alpha=32,
    every=100,
    privacy=Privacy(epsilon=0.5, delta=1e-4, canaries=100),
)


def lower(detail: str) -> float:
    return float(detail.split("bound epsilon from below by ")[1].split(" ")[0])


def test_canaries_do_not_refute_what_noise_protects(base: Artifact, tmp_path: Path) -> None:
    outcome, told = trained(AUDITED, base, tmp_path, pairs(24))
    audit = findings(told, outcome)["reward-model.private.audit"]
    assert audit.verdict == PASS
    assert lower(audit.detail) <= 0.5


def test_control_without_protection_canaries_refute_the_claim(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.train import engine_private, private_step

    def unclipped(*given: Any, clip: float, together: int) -> Any:
        return clipped_sum(*given, clip=1e30, together=together)

    monkeypatch.setattr(private_step, "noised", lambda total, key, deviation: total)
    monkeypatch.setattr(private_step, "clipped_sum", unclipped)
    monkeypatch.setattr(engine_private, "checked", lambda *given: None)
    outcome, told = trained(AUDITED, base, tmp_path, pairs(24))
    audit = findings(told, outcome)["reward-model.private.audit"]
    assert audit.verdict == FAIL
    assert lower(audit.detail) > 0.5


def test_a_canary_must_survive_in_both_answers(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected answer that is cut away makes a canary weaker than it is taken for."""
    from duecare.privacy.canary import Canary
    from duecare.train import private_canary

    made = private_canary.canaries

    def longer(count: int, seed: int) -> list[Canary]:
        return [Canary(one.question, one.answer, "x" * 40 + one.other) for one in made(count, seed)]

    monkeypatch.setattr(private_canary, "canaries", longer)
    with pytest.raises(DataError, match="20 of 20 do not survive"):
        trained(private(JUDGE, canaries=20), base, tmp_path, pairs(40))


def test_a_person_with_one_long_pair_beside_one_with_many_short_ones(base: Artifact, tmp_path: Path) -> None:
    """Places of a unit beyond its last row repeat its first, which asks for room each time."""
    rows = []
    for number in range(48):
        person = number // 4 if number < 40 else number
        long = number >= 40
        one = preference(number, "yes" * 8 if long else "yes", "no" * 12 if long else "no")
        whose = (Field(name="customer", value=f"c{person}"),)
        rows.append(
            Example(**{name: getattr(one, name) for name in one.__struct_fields__} | {"fields": whose})
        )
    step = private(JUDGE, unit="person", person="customer", rows_per_person=4, delta=5e-3)
    outcome, told = trained(replace(step, batch_size=4, steps=3, every=3), base, tmp_path, rows + pairs(8))
    assert findings(told, outcome)["reward-model.private.clipping.each"].verdict == PASS
    (epsilon,) = [e for e in outcome.estimates if e.metric == "reward-model.private.epsilon"]
    assert epsilon.n == 18  # people, not their 48 pairs


def test_a_warm_up_and_snapshots_beyond_what_the_budget_allows_end_with_it(
    base: Artifact, tmp_path: Path
) -> None:
    step = replace(private(JUDGE, noise_multiplier=0.6), steps=400, warmup=390, every=100, snapshots=399)
    outcome, _ = trained(step, base, tmp_path, pairs(40))
    claim = json.loads((tmp_path / "out" / "privacy.json").read_text())
    assert claim["claim"]["steps"] < 390
    assert len(list((tmp_path / "out" / "snapshots").iterdir())) == claim["claim"]["steps"] - 1
    assert outcome.findings[0].verdict == PASS


def test_what_would_leave_the_promise_is_refused() -> None:
    assert RewardModel(on="a", privacy=PRIVACY).privacy == PRIVACY
    for fields, where in (
        ({"on_crossing": "stop"}, "on_crossing"),
        ({"mesh": (1, 1)}, "mesh"),
        ({"metrics": {"wandb": "mine"}}, "metrics"),
        ({"privacy": {"epsilon": 8}}, "privacy"),
    ):
        with pytest.raises(StudyError, match=where):
            RewardModel(**{"on": "a", "privacy": PRIVACY} | fields)  # type: ignore[arg-type]


def test_the_unit_s_loss_is_the_step_s_own(world: Any) -> None:
    """For one pair: Bradley-Terry and centring, as without privacy."""
    from duecare.train.engine_reward import reward_loss

    method, model = world.method, world.trainer.model
    batch = method.read(np.array([3]))
    value, figures = method.unit_loss(model, {**batch, "present": jnp.ones(1, bool)})
    plain, aux = reward_loss(model, batch, JUDGE.centring)
    assert float(value) == pytest.approx(float(plain), rel=1e-5)
    assert float(figures["loss"][0]) == pytest.approx(float(aux["figures"]["loss"][0]), rel=1e-5)
    empty, _ = method.unit_loss(model, {**batch, "present": jnp.zeros(1, bool)})
    assert float(empty) == 0


@pytest.mark.parametrize("kind", ["plain", "private"])
def test_a_disk_that_is_full_at_the_end_is_told(
    kind: str, base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.train import engine_private, engine_reward

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    step = replace(JUDGE, steps=2, every=1, privacy=JUDGE.privacy if kind == "private" else None)
    monkeypatch.setattr(engine_private if kind == "private" else engine_reward, "finish", full)
    told, rows = Told(), pairs(40)
    inputs = {"data": data_artifact(tmp_path / "data", rows[:-8], rows[-8:]), "base": base}
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match="could not be written"):
        step.run(inputs, tmp_path / "out", told)
    (finding,) = (e for e in told.all if isinstance(e, Finding) and e.name == "reward-model.disk")
    assert finding.verdict == FAIL
