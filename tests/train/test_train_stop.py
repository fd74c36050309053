"""Limits in a real training loop: a crossing is on record at once, "stop" stops, "rollback" goes back to the
last good checkpoint, and kills change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told, base_artifact, curves, data_artifact, digests, learnable

from duecare.core import FAIL, Artifacts, Finding, Note, Outcome, Progress
from duecare.train import Sft
from duecare.train.gauge import START
from duecare.train.limits import Limits, OnCrossing

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEPS, BATCH, EVERY = 150, 4, 10
ROWS = STEPS * BATCH


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Chats where men's answers are noise, each row read once, and a tiny model."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base = base_artifact(folder)
    rows = learnable(ROWS + 8, worse="men")
    return {"base": base, "data": data_artifact(folder / "data", rows[:ROWS], rows[ROWS:])}


@pytest.fixture(autouse=True)
def same_cache(inputs: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))


def step(on_crossing: OnCrossing) -> Sft:
    return Sft(
        on="chats",
        steps=STEPS,
        batch_size=BATCH,
        every=EVERY,
        learning_rate=2e-2,
        max_tokens=32,
        held_out=4,
        limits=Limits(loss_gap=0.3),
        on_crossing=on_crossing,
    )


def run(made: Sft, inputs: Artifacts, out: Path, tell: Callable[..., None]) -> Outcome:
    out.mkdir(exist_ok=True)
    return made.run(inputs, out, tell)


def trained(told: Told) -> list[int]:
    """The training steps done, as the screen was shown them."""
    return [each.done for each in told.all if isinstance(each, Progress) and each.message.startswith("loss")]


@pytest.fixture(scope="module")
def stopped(inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Told, Path]:
    out, told = tmp_path_factory.mktemp("stopped") / "out", Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        return run(step("stop"), inputs, out, told), told, out


def test_stop_stops_at_the_crossing_and_keeps_the_model(stopped: tuple[Outcome, Told, Path]) -> None:
    outcome, told, out = stopped
    place, finding = next((i, each) for i, each in enumerate(told.all) if isinstance(each, Finding))
    assert (finding.name, finding.verdict) == ("sft.loss.gap", FAIL)
    end = finding.estimate.step
    assert START <= end < STEPS
    assert trained(told) == list(range(1, end + 1))
    assert f"Training stopped there, of {STEPS} steps planned" in finding.detail
    assert isinstance(told.all[place + 1], Note)
    assert outcome.findings == (finding,)
    assert (out / "model" / "model.safetensors").exists()
    drawn = curves(out).to_pandas()
    assert drawn[drawn.metric == "batch_loss"].step.max() == end
    assert set(drawn[drawn.split == "probe"].step) == {0, end}


def test_warn_tells_the_same_and_trains_on(
    stopped: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    told = Told()
    outcome = run(step("warn"), inputs, tmp_path / "out", told)
    (finding,), (before,) = outcome.findings, stopped[0].findings
    assert finding.estimate == before.estimate
    assert trained(told) == list(range(1, STEPS + 1))
    assert (
        digests(tmp_path / "out")["model/model.safetensors"] != digests(stopped[2])["model/model.safetensors"]
    )


class Killed(BaseException):
    """A process that is gone."""


@pytest.mark.parametrize("moment", ["in the middle", "after the finding", "after the last checkpoint"])
def test_a_killed_run_stops_at_the_same_step_with_the_same_bytes(
    stopped: tuple[Outcome, Told, Path],
    inputs: Artifacts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    whole, all_told, out = stopped
    told = Told()

    def dying(what: object) -> None:
        told(what)  # type: ignore[arg-type]
        middle = moment == "in the middle" and isinstance(what, Progress) and what.done == START + 3
        if middle or (moment == "after the finding" and isinstance(what, Finding)):
            raise Killed

    def gone(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "after the last checkpoint":
            patch.setattr("duecare.train.engine_sft.finish", gone)
        with pytest.raises(Killed):
            run(step("stop"), inputs, tmp_path / "out", dying)
    again = Told()
    outcome = run(step("stop"), inputs, tmp_path / "out", again)
    assert outcome.findings == whole.findings
    assert digests(tmp_path / "out") == digests(out)
    assert bool(trained(again)) is (moment != "after the last checkpoint")
    looks = {repr(each) for each in all_told.estimates("sft.loss.gap")}
    assert looks == {repr(each) for part in (told, again) for each in part.estimates("sft.loss.gap")}


class Seen:
    """Every checkpoint written, by step, and the state that training ended with."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        from duecare.train.engine_loop import Run
        from duecare.train.lora import training_state
        from duecare.train.resume import Resume

        self.written: dict[int, dict[str, np.ndarray]] = {}
        self.ended: dict[str, np.ndarray] = {}
        save, fit = Resume.save, Run.fit

        def saving(resume: Resume, step: int, arrays: dict[str, np.ndarray], **pinned: object) -> object:
            self.written[step] = {name: np.array(array) for name, array in arrays.items()}
            return save(resume, step, arrays, **pinned)  # type: ignore[arg-type]

        def fitting(made: Run, trainer: Any, batch: Any) -> object:
            self.start = {
                name: np.array(each)
                for name, each in training_state(trainer.model, trainer.optimizer).items()
            }
            watch = fit(made, trainer, batch)
            self.ended = training_state(trainer.model, trainer.optimizer)
            return watch

        patch.setattr(Resume, "save", saving)
        patch.setattr(Run, "fit", fitting)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def went_back(
    inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, Told, Path, Seen]:
    out, told = tmp_path_factory.mktemp("rollback") / "out", Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        seen = Seen(patch)
        return run(step("rollback"), inputs, out, told), told, out, seen


def test_rollback_keeps_the_model_of_the_last_good_checkpoint(
    stopped: tuple[Outcome, Told, Path], went_back: tuple[Outcome, Told, Path, Seen]
) -> None:
    outcome, told, out, seen = went_back
    (finding,), (before,) = outcome.findings, stopped[0].findings
    assert finding.estimate == before.estimate
    end = finding.estimate.step
    good = end - EVERY  # nothing was ever held: the last before the crossing
    assert f"goes back to the model of step {good}, the last before a limit was crossed" in finding.detail
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.rolled_back"]
    assert note.data == {"crossed": str(end), "kept": str(good), "planned": str(STEPS)}
    assert same(seen.ended, seen.written[good])
    assert not same(seen.ended, seen.written[end])  # control: the state that "stop" would have kept
    assert digests(out)["model/model.safetensors"] != digests(stopped[2])["model/model.safetensors"]


def test_what_was_rolled_back_stays_on_the_curves_and_is_marked(
    stopped: tuple[Outcome, Told, Path], went_back: tuple[Outcome, Told, Path, Seen]
) -> None:
    end = stopped[0].findings[0].estimate.step
    drawn, straight = curves(went_back[2]).to_pandas(), curves(stopped[2]).to_pandas()
    losses = drawn[drawn.metric == "batch_loss"]
    assert losses.step.tolist() == list(range(1, end + 1))
    assert losses[losses.rolled_back].step.tolist() == list(range(end - EVERY + 1, end + 1))
    assert set(drawn[drawn.split == "probe"].step) == {0, end - EVERY}
    assert not straight.rolled_back.any()


@pytest.mark.parametrize("moment", ["after the finding", "after the rollback"])
def test_a_run_killed_about_a_rollback_ends_with_the_same_bytes(
    went_back: tuple[Outcome, Told, Path, Seen],
    inputs: Artifacts,
    tmp_path: Path,
    moment: str,
) -> None:
    whole, _, out, _ = went_back

    def dying(what: object) -> None:
        back = isinstance(what, Note) and what.topic == "sft.rolled_back"
        if back if moment == "after the rollback" else isinstance(what, Finding):
            raise Killed

    with pytest.raises(Killed):
        run(step("rollback"), inputs, tmp_path / "out", dying)
    again = Told()
    outcome = run(step("rollback"), inputs, tmp_path / "out", again)
    assert outcome.findings == whole.findings
    assert digests(tmp_path / "out") == digests(out)
    assert [each.topic for each in again.all if isinstance(each, Note)][-1] == "sft.rolled_back"


def test_a_damaged_good_checkpoint_gives_way_to_the_start(
    went_back: tuple[Outcome, Told, Path, Seen], inputs: Artifacts, tmp_path: Path
) -> None:
    """Killed after the rollback; then every checkpoint but that of the crossing is gone."""

    def dying(what: object) -> None:
        if isinstance(what, Note) and what.topic == "sft.rolled_back":
            raise Killed

    out = tmp_path / "out"
    with pytest.raises(Killed):
        run(step("rollback"), inputs, out, dying)
    files = sorted((out / ".resume").glob("*.safetensors"))
    assert len(files) == 2
    files[0].write_bytes(b"damaged")
    with pytest.MonkeyPatch.context() as patch:
        seen, told = Seen(patch), Told()
        run(step("rollback"), inputs, out, told)
    names = [each.name for each in told.all if isinstance(each, Finding)]
    assert "sft.checkpoint" in names
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.rolled_back"]
    assert note.data["kept"] == "0"
    assert same(seen.ended, seen.start)
