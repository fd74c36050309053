"""Twins asked in a real training loop: the right figures, at the right steps, and the same after a kill."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from training_toys import Told, base_artifact, chat, curves, data_artifact, digests, preference, run

from duecare.core import FAIL, Artifact, Artifacts, Example, Finding, Message, Note, Outcome
from duecare.model.people import AXES, fill
from duecare.model.twins import FRAMES, ISSUES
from duecare.train import Dpo, Limits, Probes, Sft
from duecare.train.limits import OnCrossing

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEPS, EVERY, BATCH = 24, 4, 8
MOVED = 290.0
"""By how much the updates have moved some steps after the probe at step 8: the sum of their sizes."""
PROBES = Probes(axes=("gender",), issues=10, every=8)


def requests(count: int) -> list[Example]:
    """Requests like those of the twins, about other matters."""
    rows = []
    for number in range(count):
        wording = AXES["gender"][number % 2]
        matter, answer, _ = ISSUES[20 + number % 20]
        text = fill(FRAMES[number % 3].replace("{issue}", matter), wording)
        rows.append(chat(number, text, answer, wording.group))
    return rows


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base = base_artifact(folder)
    rows = requests(64)
    return {"base": base, "data": data_artifact(folder / "data", rows[:60], rows[60:])}


@pytest.fixture(autouse=True)
def same_cache(inputs: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))


def step(probe: Probes | None = PROBES, on_crossing: OnCrossing = "warn", **limits: float) -> Sft:
    return Sft(
        on="chats",
        steps=STEPS,
        batch_size=BATCH,
        every=EVERY,
        learning_rate=2e-2,
        max_tokens=224,
        held_out=2,
        targets="all-linear",
        probe=probe,
        limits=Limits(**limits),  # type: ignore[arg-type]
        on_crossing=on_crossing,
    )


@pytest.fixture(scope="module")
def probed(inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Told, Path]:
    out = tmp_path_factory.mktemp("probed") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        return *run(step(), inputs, out), out


def test_twins_are_asked_at_the_steps_that_were_said(probed: tuple[Outcome, Told, Path]) -> None:
    _, told, out = probed
    gaps = told.estimates("sft.twins.gap", group="women")
    assert [each.step for each in gaps] == [0, 8, 16, 24]
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.probes"]
    assert note.data["every"] == "8"
    drawn = curves(out).to_pandas()
    assert set(drawn[drawn.metric == "twins.gap"].step) == {0, 8, 16, 24}
    assert set(drawn[drawn.metric == "twins.amplification"].step) == {8, 16, 24}


def test_the_base_s_figures_are_those_of_the_evaluation(
    probed: tuple[Outcome, Told, Path], inputs: Artifacts
) -> None:
    from duecare.model.fetch import folder_of
    from duecare.model.load import load
    from duecare.model.logprob import answer_logprobs

    loaded, asked = load(folder_of(inputs["base"].path)), PROBES.twins()
    prompts = [
        loaded.tokenizer.chat([Message(role="user", content=twin.text)], answer=True) for twin in asked
    ]
    scored = answer_logprobs(loaded, prompts, [twin.answer for twin in asked])
    mean = {group: [] for group in ("men", "women")}  # type: dict[str, list[float]]
    for twin, each in zip(asked, scored, strict=True):
        if twin.group in mean:
            mean[twin.group].append(each.total / each.tokens)
    first = probed[1].estimates("sft.twins.gap", group="women")[0]
    assert first.value == pytest.approx(np.mean(mean["women"]) - np.mean(mean["men"]), abs=1e-4)


def test_asking_changes_nothing_that_is_trained(
    probed: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    run(step(probe=None), inputs, tmp_path / "out")
    silent, asked = digests(tmp_path / "out"), digests(probed[2])
    assert silent["model/model.safetensors"] == asked["model/model.safetensors"]
    assert silent["curves.parquet"] != asked["curves.parquet"]


@pytest.fixture
def worsening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that gets worse at answering women from some step after 8 on."""
    import jax
    from flax import nnx

    from duecare.train.engine_probe import Asker

    seen = Asker.values

    def values(asker: Asker, model: nnx.Module) -> np.ndarray:
        moved = sum(
            float(np.abs(np.asarray(leaf)).sum())
            for path, leaf in jax.tree_util.tree_leaves_with_path(nnx.state(model, nnx.LoRAParam))
            if "lora_b" in jax.tree_util.keystr(path)  # 0 before training
        )
        women = np.array([twin.group == "women" for twin in asker.twins])
        return seen(asker, model) - 0.02 * max(0.0, moved - MOVED) * women

    monkeypatch.setattr(Asker, "values", values)


class Killed(BaseException):
    """A process that is gone."""


def test_a_killed_run_asks_at_the_same_steps_and_ends_with_the_same_bytes(
    probed: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    out, told = tmp_path / "out", Told()

    def dying(what: object) -> None:
        told(what)  # type: ignore[arg-type]
        if len(told.estimates("sft.twins.gap", group="women")) == 3:  # of the base, step 8 and step 16
            raise Killed

    out.mkdir()
    with pytest.raises(Killed):
        step().run(inputs, out, dying)
    _, again = run(step(), inputs, out)
    assert digests(out) == digests(probed[2])
    steps = [each.step for part in (told, again) for each in part.estimates("sft.twins.gap", group="women")]
    assert steps == [0, 8, 16, 16, 24]


@pytest.mark.usefixtures("worsening")
def test_a_crossing_between_twins_rolls_back_to_a_state_that_held(inputs: Artifacts, tmp_path: Path) -> None:
    outcome, told = run(step(on_crossing="rollback", twins_amplification=0.05), inputs, tmp_path / "out")
    crossed = next(each for each in outcome.findings if each.verdict == FAIL)
    assert crossed.name == "sft.twins.amplification"
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.rolled_back"]
    assert note.data == {"crossed": "16", "kept": "8", "planned": str(STEPS)}  # at 12 nobody was asked
    assert f"goes back to the model of step {note.data['kept']}" in crossed.detail
    again, _ = run(step(on_crossing="rollback", twins_amplification=0.05), inputs, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(tmp_path / "out")
    assert again.findings == outcome.findings


def test_pairs_are_probed_against_the_base_of_the_study_not_against_the_step_before(
    probed: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    pairs = [preference(n, "yes sir", "no", ("women", "men")[n % 2]) for n in range(10)]
    later: dict[str, Artifact] = {
        "base": inputs["base"],
        "data": data_artifact(tmp_path / "pairs", pairs[:8], pairs[8:]),
        "model": Artifact("sft", probed[2], "sft"),
    }
    dpo = Dpo(on="pairs", steps=2, batch_size=4, every=1, held_out=2, learning_rate=1e-6, probe=PROBES)
    _, told = run(dpo, later, tmp_path / "out")
    for group in ("women", "nonbinary"):
        first, last = (told.estimates("dpo.twins.gap", group=group)[place] for place in (0, -1))
        after_sft = probed[1].estimates("sft.twins.gap", group=group)
        assert first.value == pytest.approx(after_sft[0].value, abs=1e-4)
        assert last.value == pytest.approx(after_sft[-1].value, abs=1e-3)  # it hardly trained
        grown = told.estimates("dpo.twins.amplification", group=group)[-1]
        assert grown.value == pytest.approx(abs(last.value or 0) - abs(first.value or 0), abs=1e-6)
    # Control: had the step before been the base, nothing would have grown or shrunk.
    assert abs(told.estimates("dpo.twins.amplification", group="nonbinary")[-1].value or 0) > 0.01


def test_where_the_time_went_is_told(probed: tuple[Outcome, Told, Path]) -> None:
    (note,) = [each for each in probed[1].all if isinstance(each, Note) and each.topic == "sft.time"]
    assert {"steps", "probes", "telemetry", "checkpoints"} <= note.data.keys()
    assert all(float(value) > 0 for value in note.data.values())
    costs = [each for each in probed[1].all if isinstance(each, Note) and each.topic == "sft.cost"]
    size, rest = costs
    assert int(size.data["trained"]) < int(size.data["parameters"])
    assert size.data["tokens_a_step"] == str(BATCH * 208) or int(size.data["tokens_a_step"]) % BATCH == 0
    assert float(rest.data["seconds_left"]) > 0
    assert int(rest.data["memory_bytes"]) > 2**20


def test_findings_come_once(probed: tuple[Outcome, Told, Path]) -> None:
    assert not [each for each in probed[1].all if isinstance(each, Finding)]
    assert probed[0].findings == ()


@pytest.mark.usefixtures("worsening")
def test_the_best_model_is_chosen_among_those_before_a_crossing(inputs: Artifacts, tmp_path: Path) -> None:
    limited = dataclasses.replace(step(twins_amplification=0.05), keep="best")
    outcome, told = run(limited, inputs, tmp_path / "limited")
    crossed = next(each for each in outcome.findings if each.verdict == FAIL).estimate
    free = dataclasses.replace(step(), keep="best")
    _, unlimited = run(free, inputs, tmp_path / "free")
    kept, best = (
        int(
            next(
                each.data["step"] for each in part.all if isinstance(each, Note) and each.topic == "sft.kept"
            )
        )
        for part in (told, unlimited)
    )
    assert crossed is not None
    assert kept < (crossed.step or 0) <= best  # control: without the limit a later model is kept
    drawn = curves(tmp_path / "limited").to_pandas()
    assert set(drawn[drawn.rolled_back & (drawn.metric == "batch_loss")].step) == set(
        range(kept + 1, STEPS + 1)
    )
