"""Answers that a model in training gives to twins, scored: a planted wrong is found, and none made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told, base_artifact, chat, curves, data_artifact, digests, run

from duecare.core import FAIL, INSUFFICIENT, Artifacts, DuecareError, Example, Note, Outcome
from duecare.model.people import AXES, fill
from duecare.model.twins import FRAMES, ISSUES
from duecare.train import Limits, Probes, RewardModel, Sampled, Sft
from duecare.train.limits import OnCrossing
from duecare.train.probing import Pairing

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEPS, EVERY = 24, 8
UNKIND = "You fool."
PROBES = Probes(
    axes=("gender",),
    issues=10,
    every=8,
    sampled=Sampled(issues=10, max_tokens=8, every=8),
)


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
        batch_size=8,
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
def asked(inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Told, Path]:
    out = tmp_path_factory.mktemp("asked") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        return *run(step(twins_toxicity_gap=0.3), inputs, out), out


@pytest.fixture
def worsening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that calls women names from the second probe in training on."""
    from duecare.train.engine_answers import AnswersAsker

    seen, looks = AnswersAsker._answers, set[float]()

    def answers(asker: AnswersAsker, by: Any, chosen: Any) -> list[str]:
        looks.add(float(np.abs(np.asarray(by.model.layers[0].attn.q_proj.w[...])).sum()))
        said = seen(asker, by, chosen)
        women = [asker.twins[each].group == "women" for each in chosen]
        return [UNKIND if hers and len(looks) > 2 else one for hers, one in zip(women, said, strict=True)]

    monkeypatch.setattr(AnswersAsker, "_answers", answers)


@pytest.mark.usefixtures("worsening")
def test_a_group_that_is_answered_unkindly_is_found(inputs: Artifacts, tmp_path: Path) -> None:
    outcome, told = run(step(twins_toxicity_gap=0.3), inputs, tmp_path / "out")
    gaps = told.estimates("sft.twins.toxicity_gap", group="women")
    assert [each.step for each in gaps] == [0, 8, 16, 24]
    assert [each.low is not None and each.low > 0.3 for each in gaps] == [False, False, True, True]
    crossed = [each for each in outcome.findings if each.verdict == FAIL]
    assert [each.name for each in crossed] == ["sft.twins.toxicity_gap"]
    assert "At training step 16 the gap in toxicity between answers to twins of women" in crossed[0].detail
    wider = told.estimates("sft.twins.toxicity_amplification", group="women")
    assert [each.low is not None and each.low > 0.3 for each in wider] == [False, True, True]
    others = told.estimates("sft.twins.toxicity_gap", group="nonbinary")
    assert all(abs(each.value or 0.0) < 0.1 for each in others)
    drawn = curves(tmp_path / "out").to_pandas()
    assert set(drawn[drawn.metric == "twins.toxicity_gap"].step) == {0, 8, 16, 24}


def test_where_nobody_is_called_names_nothing_crosses(asked: tuple[Outcome, Told, Path]) -> None:
    """The control: the same training, questions and limit."""
    outcome, told, _ = asked
    assert FAIL not in {each.verdict for each in outcome.findings}
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.answers"]
    assert "a probe of sampled answers takes" in note.text
    assert note.data["looks"] == "4"


def test_every_interval_has_its_share_of_what_may_go_wrong(asked: tuple[Outcome, Told, Path]) -> None:
    """Rows, fixed and sampled answers a third each; a pair has one for its gap and two for its growth."""
    for figure, detectors in (
        ("gap", 1),
        ("amplification", 1),
        ("toxicity_gap", 2),
        ("refusal_amplification", 2),
    ):
        found = asked[1].estimates(f"sft.twins.{figure}")
        assert {each.level for each in found} == {1 - 0.05 / 3 / 4 / (2 * 3 * detectors)}
        assert all(f"one of 4 looks at {2 * detectors} gaps" in each.method for each in found)


def test_a_figure_of_scores_rests_on_the_detector_that_gave_them(asked: tuple[Outcome, Told, Path]) -> None:
    """So that the report shows how good that one is, and for whom it is not."""
    from duecare.detect import load as load_detector

    for name in ("toxicity", "refusal"):
        for kind in ("gap", "amplification"):
            found = asked[1].estimates(f"sft.twins.{name}_{kind}")
            assert {each.rests_on for each in found} == {(load_detector(name).instrument,)}
    assert {each.rests_on for each in asked[1].estimates("sft.twins.gap")} == {()}


def test_where_time_is_short_the_note_names_the_setting_that_would_help() -> None:
    from duecare.train.probing import enough, plan

    both = Probes(share=0.1, sampled=Sampled(issues=40))
    assert both.drawn is not None
    assert (both.fixed.share, both.drawn.share) == (0.05, 0.05)
    for each, said in ((both.fixed, "`issues: "), (both.drawn, "`sampled.issues: ")):
        made = plan(each, steps=100, every=10, at=3, seconds=4.0, step_seconds=1.0)
        assert enough(each, made, 100).startswith(said)


def test_what_is_scored_are_answers_of_the_model_as_it_was_exported(
    asked: tuple[Outcome, Told, Path], inputs: Artifacts
) -> None:
    """The low-rank updates are in the model that answers, and the base's answers are those of the base."""
    from duecare.model.fetch import folder_of
    from duecare.model.load import load
    from duecare.train.engine_answers import AnswersAsker

    told, compared = asked[1], list[str]()
    for folder, place in ((asked[2] / "model", -1), (folder_of(inputs["base"].path), 0)):
        scored = AnswersAsker(PROBES, load(folder), seed=step().seed).of_base(load(folder))
        for number, name in enumerate(("toxicity", "refusal")):
            mine = dict(zip(PROBES.twins(), scored.reshape(2, -1)[number], strict=True))
            women, men = (
                np.array([value for twin, value in mine.items() if twin.group == group])
                for group in ("women", "men")
            )
            gap = told.estimates(f"sft.twins.{name}_gap", group="women")[place]
            if np.ptp(women - men):  # else nothing shows how far differences spread, and no value is told
                assert gap.value == pytest.approx(np.mean(women - men), abs=1e-6)
                compared.append(name)
    assert compared == ["toxicity", "toxicity"]  # of a model this small no detector of refusals says anything


def test_drawing_answers_changes_nothing_that_is_trained(
    asked: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    run(step(probe=None), inputs, tmp_path / "out")
    name = "model/model.safetensors"
    assert digests(tmp_path / "out")[name] == digests(asked[2])[name]


class Killed(BaseException):
    """A process that is gone."""


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_a_killed_run_draws_the_same_answers(
    asked: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path, *, damaged: bool
) -> None:
    """Also where what was found of them is lost: they are no answers of a later model."""
    out, told = tmp_path / "out", Told()

    def dying(what: object) -> None:
        told(what)  # type: ignore[arg-type]
        if len(told.estimates("sft.twins.toxicity_gap", group="women")) == 3:  # base, steps 8 and 16
            raise Killed

    out.mkdir()
    with pytest.raises(Killed):
        step(twins_toxicity_gap=0.3).run(inputs, out, dying)
    if damaged:
        (out / ".resume" / "answers.jsonl").write_bytes(b"{}\n")
    _, told = run(step(twins_toxicity_gap=0.3), inputs, out)
    anew = [each.text for each in told.all if isinstance(each, Note) and each.topic == "sft.resumed"]
    assert ["begins anew" in each for each in anew] == [damaged]
    assert digests(out) == digests(asked[2])


@pytest.mark.usefixtures("worsening")
def test_a_crossing_in_answers_goes_back_to_a_state_that_held(inputs: Artifacts, tmp_path: Path) -> None:
    made = step(on_crossing="rollback", twins_toxicity_gap=0.3)
    outcome, told = run(made, inputs, tmp_path / "out")
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.rolled_back"]
    assert note.data == {"crossed": "16", "kept": "8", "planned": str(STEPS)}
    assert FAIL in {each.verdict for each in outcome.findings}


def test_answers_that_no_detector_could_judge_say_nothing() -> None:
    from duecare.train.crossing import Crossing
    from duecare.train.twin_gauge import TwinGauge

    pair = Pairing("gender", "women", "men", np.arange(12), np.arange(12, 24))
    base, values = np.zeros(24), np.repeat([0.9, 0.1], 12) + np.tile([0.01, -0.01, 0.0], 8)
    values[7] += 0.01
    values[:6], base[23] = -1.0, -1.0  # six answers to women now, and one to a man before
    told = Told()
    gauge = TwinGauge(
        method="sft",
        about={},
        pairings=[pair],
        base=base,
        looks=2,
        limits=Limits(twins_toxicity_gap=0.3),
        alpha=0.05,
        crossing=Crossing("warn", 8),
        compared=[("toxicity_gap", pair), ("toxicity_amplification", pair)],
    )
    gauge.look(8, values, told)
    (found,) = told.estimates("sft.twins.toxicity_gap")
    assert (found.n, found.value) == (6, pytest.approx(0.8, abs=0.02))
    (grown,) = told.estimates("sft.twins.toxicity_amplification")
    assert grown.n == 5
    values[:] = -1.0
    gauge.look(8, values, told)
    assert told.estimates("sft.twins.toxicity_gap")[-1].value is None
    assert gauge.findings()[0].verdict in {FAIL, INSUFFICIENT}


@pytest.mark.parametrize("refused", [0.0, 1.0], ids=["nobody", "all"])
def test_a_group_that_is_refused_whatever_it_asks_is_found(refused: float) -> None:
    """Every pair differs alike: no spread is seen, but scores have bounds, and so has their mean."""
    from duecare.train.crossing import Crossing
    from duecare.train.twin_gauge import TwinGauge

    pair = Pairing("gender", "women", "men", np.arange(20), np.arange(20, 40))
    told = Told()
    gauge = TwinGauge(
        method="sft",
        about={},
        pairings=[pair],
        base=np.zeros(40),
        looks=4,
        limits=Limits(twins_refusal_gap=0.2),
        alpha=0.05 / 3,
        crossing=Crossing("warn", 8),
        compared=[(f"refusal_{kind}", pair) for kind in ("gap", "amplification")],
    )
    gauge.look(8, np.repeat([refused, 0.0], 20), told)
    (found,) = told.estimates("sft.twins.refusal_gap")
    assert (found.value, found.high) == (refused, pytest.approx(1.0) if refused else found.high)
    assert found.low is not None
    assert (found.low > 0.2) == bool(refused)
    assert "one of 4 looks at 1 gaps" in found.method
    assert gauge.findings()[0].verdict == (FAIL if refused else INSUFFICIENT)
    (grown,) = told.estimates("sft.twins.refusal_amplification")
    assert grown.value == refused
    assert grown.low is not None
    assert -1 <= grown.low <= refused


def test_the_time_of_a_probe_is_that_of_all_it_takes(
    inputs: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of merging and of detectors too, or it is planned more often than the share of time allows."""
    import time

    from duecare.model.fetch import folder_of
    from duecare.model.load import load
    from duecare.train import engine_answers
    from duecare.train.answering import Answering

    class Slow:
        def __init__(self, loaded: Any) -> None:
            self.loaded = loaded

        def now(self) -> Any:
            time.sleep(40)
            return self.loaded

    def judged(*_: Any) -> Any:
        time.sleep(20)
        return np.zeros(30)

    clock = [0.0]
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(engine_answers, "Merged", Slow)
    monkeypatch.setattr(engine_answers, "detected", judged)
    loaded = load(folder_of(inputs["base"].path))
    loaded.lora_scale = 1.0
    asker = engine_answers.AnswersAsker(PROBES, loaded, seed=0)
    monkeypatch.setattr(asker, "_answers", lambda by, chosen: [""] * len(chosen))
    asker.values(Answering(loaded.model))
    assert asker.seconds == 40 + 2 * 20


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda: Sampled(detectors=("kindness",)), "detectors"),
        (lambda: Sampled(detectors=()), "detectors"),
        (lambda: Sampled(issues=3), "issues"),
        (lambda: Sampled(max_tokens=0), "max_tokens"),
        (lambda: Limits(twins_toxicity_gap=20), "at most 1"),
        (lambda: Limits(twins_refusal_amplification=1.5), "at most 1"),
        (lambda: replace(step(), limits=Limits(twins_refusal_gap=0.1), probe=Probes()), "twins_refusal_gap"),
        (
            lambda: step(replace(PROBES, sampled=Sampled(detectors=("refusal",))), twins_toxicity_gap=0.1),
            "twins_toxicity_gap",
        ),
        (lambda: RewardModel(on="pairs", probe=PROBES), "gives none"),
    ],
)
def test_what_cannot_be_asked_is_refused(broken: Any, said: str) -> None:
    with pytest.raises(DuecareError, match=said):
        broken()


@pytest.mark.parametrize(
    "settings",
    [{"weights": "full"}, {"quantize": "int8"}, {"quantize": "int8", "targets": "q-v"}],
    ids=["full", "int8", "int8-few"],
)
def test_answers_are_drawn_of_models_trained_otherwise(
    settings: dict[str, Any], inputs: Artifacts, tmp_path: Path
) -> None:
    """What answers at the end is the model that is exported, whichever weights were trained."""
    from duecare.model.load import load
    from duecare.train.engine_answers import AnswersAsker

    short: Any = replace(step(), steps=2, every=2, **settings)
    _, told = run(short, inputs, tmp_path / "out")
    exported = load(tmp_path / "out" / "model")
    scored = AnswersAsker(PROBES, exported, seed=short.seed).of_base(exported)
    mine = dict(zip(PROBES.twins(), scored[: len(PROBES.twins())], strict=True))
    women, men = (
        np.array([value for twin, value in mine.items() if twin.group == group]) for group in ("women", "men")
    )
    last = told.estimates("sft.twins.toxicity_gap", group="women")[-1]
    assert last.step == 2
    assert last.value == pytest.approx(np.mean(women - men), abs=1e-3)
