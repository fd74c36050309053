"""Limits in a real training loop: a crossing is on record at once, "stop" stops, kills change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from training_toys import Told, base_artifact, curves, data_artifact, digests, learnable

from duecare.core import FAIL, Artifacts, Finding, Note, Outcome, Progress
from duecare.train import Sft
from duecare.train.gauge import START
from duecare.train.limits import Limits, OnCrossing

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("compiled"),
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
def stopped(
    inputs: Artifacts, compiled: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, Told, Path]:
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
