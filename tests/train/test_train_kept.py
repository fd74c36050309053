"""The model that is kept: the last probe is of it, and so is the state of its method of debiasing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import figure, rarer, trained
from test_train_twin_watch import EVERY, LIMITS, STEPS, Model, decided, watch
from training_toys import Told, chat, curves

from duecare.core import FAIL, INSUFFICIENT, PASS, Artifact, Example, Finding, ModelError, Note
from duecare.train import Debias, GroupDro, Limits, Probes, Sft
from duecare.train.probing import plan

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


def test_training_that_ends_between_two_probes_asks_the_model_it_leaves(tmp_path: Path) -> None:
    model, told = Model(), Told()
    made = decided(watch(tmp_path, model), told)
    for step in range(EVERY, 31, EVERY):
        made.look(step, told)
    assert (model.asked, {each.verdict for each in made.findings()}) == (1, {PASS})
    model.gap = 1.0  # what the steps from 20 on did
    made.conclude(30, told)
    women, other = made.findings()
    assert (women.verdict, other.verdict) == (FAIL, PASS)
    assert "At training step 30" in women.detail
    assert "That is the model which is kept." in women.detail
    assert [each.step for each in (women.estimate, other.estimate) if each] == [30, 30]
    assert women in [each for each in told.all if isinstance(each, Finding)]
    asked = model.asked
    made.conclude(30, told)
    assert model.asked == asked  # once is enough


def test_a_kept_model_that_was_asked_is_not_asked_again_and_is_what_is_judged(tmp_path: Path) -> None:
    model, told = Model(0.0), Told()
    made = decided(watch(tmp_path, model), told)
    for step, gap in ((20, 0.0), (40, 0.27), (60, 0.29)):
        model.gap = gap
        made.look(step, told)
    assert made.findings()[0].verdict == INSUFFICIENT  # of step 60: the interval straddles the limit
    heard = len(told.all)
    made.conclude(20, told)
    assert (model.asked, len(told.all)) == (3, heard)
    women, _ = made.findings()
    assert women.verdict == PASS
    assert women.estimate is not None
    assert women.estimate.step == 20
    assert len({each.place for each in made.readings}) == len(made.readings)  # drawn once


def test_looks_that_may_be_made_are_among_those_paid_for() -> None:
    settings: dict[str, Any] = {"steps": STEPS, "every": EVERY, "at": 3, "seconds": 1.0, "step_seconds": 1.0}
    probes = Probes(every=20)
    assert plan(probes, **settings).looks == 1 + 3
    assert plan(probes, **settings, spare=1).looks == 1 + 3 + 1
    budget = plan(Probes(share=0.1), **settings | {"steps": 600, "seconds": 20.0}, spare=1)
    assert budget.share(600) <= 0.1  # room for three looks, base and end and spare, but not for four
    assert budget.looks == 3


def test_nothing_is_concluded_where_nothing_was_planned(tmp_path: Path) -> None:
    model, told = Model(), Told()
    made = watch(tmp_path, model, limits=LIMITS)
    made.conclude(10, told)
    made.now(10, told)
    assert (model.asked, told.all) == (0, [])


ROBUST = Sft(
    on="chats",
    steps=12,
    batch_size=4,
    every=4,
    held_out=8,
    max_tokens=48,
    learning_rate=5e-3,
    debias=Debias(axis="gender", group_dro=GroupDro(step_size=0.3)),
)
PROBES = Probes(axes=("gender",), issues=10, every=4)


def otherwise(count: int) -> list[Example]:
    """Held-out rows that are answered otherwise than those to train on: what is learnt only harms."""
    return [chat(900 + n, "q", "xkcdxkcd", ("women", "men")[n % 2]) for n in range(count)]


def weights(out: Path) -> dict[int, dict[str, float]]:
    """Group weights by step, as they were drawn."""
    drawn = curves(out).to_pandas()
    drawn = drawn[drawn.metric == "group_weight"]
    return {step: dict(zip(each.group, each.value, strict=True)) for step, each in drawn.groupby("step")}


def test_where_the_best_model_is_the_first_its_group_weights_are_too(base: Artifact, tmp_path: Path) -> None:
    harmful = replace(ROBUST, learning_rate=5e-2, keep="best")
    outcome, told, out = trained(harmful, base, tmp_path, rarer(48), otherwise(8))
    (kept,) = (each for each in told.all if isinstance(each, Note) and each.topic == "sft.kept")
    assert kept.data["step"] == "0"
    assert weights(out)[12]["men"] != pytest.approx(0.5, abs=0.02)  # control: they had moved
    for group in ("men", "women"):
        assert figure(outcome, "sft.group_weight", group=group).value == pytest.approx(0.5)


@pytest.fixture
def worsening(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A model that answers women far worse at its third probe; how often it was asked."""
    from duecare.train.engine_probe import Asker

    seen, asked = Asker.values, [0]

    def values(asker: Asker, model: Any) -> np.ndarray:
        asked[0] += 1
        women = np.array([twin.group == "women" for twin in asker.twins])
        return seen(asker, model) - (5.0 * women if asked[0] == 3 else 0.0)

    monkeypatch.setattr(Asker, "values", values)
    return asked


def test_after_a_rollback_the_group_weights_are_those_of_the_model_put_back(
    base: Artifact, tmp_path: Path, worsening: list[int]
) -> None:
    step = replace(ROBUST, probe=PROBES, limits=Limits(twins_gap=1.0), on_crossing="rollback", held_out=0)
    outcome, told, out = trained(step, base, tmp_path, rarer(48), [])
    (note,) = (each for each in told.all if isinstance(each, Note) and each.topic == "sft.rolled_back")
    assert (note.data["crossed"], note.data["kept"]) == ("8", "4")  # asked: base, step 4, step 8
    drawn = weights(out)
    assert drawn[8]["men"] != pytest.approx(drawn[4]["men"], abs=1e-4)
    for group in ("men", "women"):
        told_of = figure(outcome, "sft.group_weight", group=group).value
        assert told_of == pytest.approx(drawn[4][group], abs=1e-6)


def test_where_the_best_is_kept_a_rollback_does_not_say_with_which_model_training_ends(
    base: Artifact, tmp_path: Path, worsening: list[int]
) -> None:
    step = replace(ROBUST, probe=PROBES, limits=Limits(twins_gap=1.0), on_crossing="rollback", keep="best")
    _, told, _ = trained(step, base, tmp_path, rarer(48), otherwise(8))
    notes = {each.topic: each for each in told.all if isinstance(each, Note)}
    assert notes["sft.rolled_back"].text.endswith("; which model is kept is told next")
    assert notes["sft.kept"].text.startswith("of ")


def test_patience_that_ends_training_has_the_kept_model_asked(base: Artifact, tmp_path: Path) -> None:
    """Twins are asked every 8 steps; held-out rows end training at a step that is none of these."""
    step = replace(
        ROBUST,
        steps=40,
        every=4,
        learning_rate=5e-2,
        debias=None,
        patience=1,
        probe=replace(PROBES, every=8),
        limits=Limits(twins_gap=1e5),
    )
    for keep in ("last", "best"):
        outcome, told, _ = trained(replace(step, keep=keep), base, tmp_path / keep, rarer(48), otherwise(8))
        ended = max(each.step or 0 for each in told.estimates("sft.loss", split="probe"))
        assert ended < 8
        kept = 0 if keep == "best" else ended
        gaps = [each for each in outcome.findings if each.name == "sft.twins.gap"]
        assert {each.estimate.step for each in gaps if each.estimate} == {kept}
        assert {each.verdict for each in gaps} == {PASS}


def test_a_debiasing_that_leaves_no_number_ends_training(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.train.engine_robust import Robust
    from duecare.train.watch import Point

    monkeypatch.setattr(Robust, "take", lambda *_: [Point(metric="group_weight", value=float("nan"))])
    with pytest.raises(ModelError, match="what the method of debiasing left was not a finite number"):
        trained(replace(ROBUST, held_out=0), base, tmp_path, rarer(48), [])
