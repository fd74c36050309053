"""Which stage of training moved a gap: found where it was planted, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from toy import SCORERS, Toy

from duecare.core import Estimate, StudyError
from duecare.evaluate import Evaluate
from duecare.evaluate.moved import changes, told
from duecare.evaluate.sitting import ask_models, sit
from duecare.evaluate.stages import Stages, of_evaluation
from duecare.evaluate.tables import Tables, read

STEP = Evaluate(
    suites=("toxicity-by-group", "twins", "heldout"),
    samples=2,
    prompts=30,
    pairs=60,
    manners=("respectful",),
    stages=("toxicity-by-group", "twins"),
)
ORDER = ("sft", "dpo", "grpo")


def leaning(nats: float) -> Callable[[str], float]:
    return lambda prompt: -nats * (" female " in prompt)


def asked(folder: Path, models: dict[str, Toy]) -> tuple[Tables, Tables]:
    """Tables of base and last model, and of those between, for one Toy a stage (and "base")."""
    ends = {"base": partial(models.get, "base"), "tuned": partial(models.get, ORDER[-1])}
    between = {stage: partial(models.get, stage) for stage in ORDER[:-1]}
    (folder / "ends").mkdir()
    (folder / "between").mkdir()
    sit(STEP, ends, {}, SCORERS, out=folder / "ends", tell=lambda _: None)  # type: ignore[arg-type]
    step = of_evaluation(STEP, ORDER)
    return read(folder / "ends"), ask_models(
        step,
        between,
        {},
        SCORERS,
        out=folder / "between",
        tell=lambda _: None,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, Tables]:
    """Only the second stage makes an answer to women unlikelier; only the third makes answers ruder."""
    gap = {"base": 0.0, "sft": 0.0, "dpo": 0.3, "grpo": 0.3}
    rude = {"base": 0.1, "sft": 0.1, "dpo": 0.1, "grpo": 0.6}
    models = {
        name: Toy(name, rude=lambda _, share=rude[name]: share, lean=leaning(gap[name]), noise=0.2)
        for name in gap
    }
    return asked(tmp_path_factory.mktemp("stages"), models)


def one(found: tuple[Estimate, ...], metric: str, **about: str) -> Estimate:
    (only,) = [each for each in found if each.metric == metric and about.items() <= each.slice.items()]
    return only


def test_each_change_belongs_to_the_stage_that_made_it(tables: tuple[Tables, Tables]) -> None:
    found = changes(*tables, ORDER)
    gaps = {stage: one(found, "stages.twins.gap.change", model=stage, group="women") for stage in ORDER}
    assert [gaps[stage].slice["from"] for stage in ORDER] == ["base", "sft", "dpo"]
    assert (gaps["dpo"].low or 0) < -0.3 < (gaps["dpo"].high or 0) < 0
    for stage in ("sft", "grpo"):
        assert (gaps[stage].low or 0) < 0 < (gaps[stage].high or 0)
    ruder = [one(found, "stages.toxicity.change", model=stage, group="women") for stage in ORDER]
    assert [(each.low or 0) > 0 for each in ruder] == [False, False, True]
    assert ruder[0].slice["against"] == "base"
    assert ruder[2].slice["against"] == "dpo"
    assert all(each.metric.startswith("stages.") and each.slice["model"] in ORDER for each in found)


def test_changes_of_all_stages_add_up_to_that_of_the_whole(tables: tuple[Tables, Tables]) -> None:
    found = changes(*tables, ORDER)
    from duecare.evaluate.figures import figures

    whole = one(tuple(figures(tables[0])), "twins.gap.change", group="women")
    parts = [one(found, "stages.twins.gap.change", model=stage, group="women").value for stage in ORDER]
    assert sum(part or 0.0 for part in parts) == pytest.approx(whole.value)


def test_what_is_beyond_chance_is_told_at_the_level_of_all_changes(tables: tuple[Tables, Tables]) -> None:
    notes = list(told(*tables, ORDER))
    assert [note.data["stage"] for note in notes] == list(ORDER)
    assert notes[0].data["beyond"] == "0"
    assert "sft none of 8 changes" in notes[0].text
    assert "twins.gap gender, women -0.2" in notes[1].text
    assert "toxicity" not in notes[1].text
    assert "toxicity gender, women +0." in notes[2].text
    assert "Bonferroni over" in notes[0].text


def test_without_any_change_nothing_is_told_to_be_one(tmp_path: Path) -> None:
    """Five times three stages that differ by noise alone."""
    beyond = 0
    for seed in range(5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        models = {name: Toy(f"{name}{seed}", rude=lambda _: 0.3, noise=0.5) for name in ("base", *ORDER)}
        beyond += sum(int(note.data["beyond"]) for note in told(*asked(folder, models), ORDER))
    assert beyond <= 1


def test_the_step_has_the_evaluations_settings_for_the_suites_of_its_stages() -> None:
    step = of_evaluation(STEP, ORDER)
    assert (step.suites, step.order, step.stages) == (("toxicity-by-group", "twins"), ORDER, ())
    assert (step.samples, step.prompts, step.pairs) == (2, 30, 60)


def test_what_may_stand_there() -> None:
    with pytest.raises(StudyError, match="stages"):
        Evaluate(suites=("twins",), stages=("heldout",))
    with pytest.raises(StudyError, match="order"):
        Stages(suites=("twins",), order=("sft",))
