"""Figures reach the boards that a study names, and only theirs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest
from training_toys import base_artifact, curves, data_artifact, digests, learnable, run

from duecare.core import DataError, Estimate, Note, exact
from duecare.train import Distill, Sft
from duecare.train.metrics import PREFIX, logger_options, metrics_rules, told_to

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]


class Board:
    """Stands in for the module mlflow, and keeps what it is told."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.logged: list[tuple[str, float, int]] = []
        self.where = ""

    def set_tracking_uri(self, target: str) -> None:
        self.where = target

    def set_experiment(self, name: str) -> None:
        assert name == PREFIX

    def start_run(self, run_name: str) -> None:
        self.runs.append(run_name)

    def log_metric(self, name: str, value: float, step: int) -> None:
        self.logged.append((name, value, step))

    def end_run(self) -> None:
        self.runs.append("ended")


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    found = Board()
    monkeypatch.setitem(sys.modules, "mlflow", found)  # type: ignore[arg-type]
    return found


def logger(metrics: dict[str, str]) -> Any:
    from tunix.sft.metrics_logger import MetricsLogger

    return MetricsLogger(logger_options(metrics, "support-sft"))


def gap(step: int | None, **about: str) -> Estimate:
    return Estimate(
        metric="sft.loss.gap",
        value=0.2,
        low=0.1,
        high=0.3,
        level=0.95,
        n=9,
        method="m",
        slice=about,
        step=step,
    )


def test_nobody_listens_where_no_board_is_named() -> None:
    assert logger_options({}, "x") is None


def test_steps_and_groups_reach_the_board_and_strangers_scalars_do_not(board: Board) -> None:
    made = logger({"mlflow": "http://localhost:1"})
    heard: list[object] = []
    tell = told_to(made, "sft", heard.append)
    made.log(f"{PREFIX}/sft", "loss", 2.5, "train", 1)
    jax.monitoring.record_scalar("/jax/cache/size", 7.0)
    about = {"split": "train", "axis": "gender", "group": "women", "against": "others"}
    tell(gap(10, **about))
    tell(gap(10, split="probe"))  # held-out figures have the report
    tell(exact("sft.rows", 4, 4, {}))
    tell(Note(topic="t", text="t"))
    assert len(heard) == 4  # all of it goes on record, whoever listens
    name = f"{PREFIX}/sft/train/window/loss.gap/gender/women/others"
    made.log(f"{PREFIX}/sft", "loss", 2.4, "train", 10)  # Tunix is one step late
    assert len(board.logged) == 2
    made.close()
    assert board.where == "http://localhost:1"
    assert board.logged == [
        (f"{PREFIX}/sft/train/loss", 2.5, 1),
        (f"{PREFIX}/sft/train/loss", 2.4, 10),
        (name, 0.2, 10),
        (f"{name}/low", 0.1, 10),
        (f"{name}/high", 0.3, 10),
    ]
    assert board.runs == ["support-sft", "ended"]
    second = logger({"mlflow": "elsewhere"})  # the next step of the same process
    second.log(f"{PREFIX}/dpo", "loss", 0.7, "train", 1)
    assert board.logged[5:] == [(f"{PREFIX}/dpo/train/loss", 0.7, 1)]  # once, not by both
    second.close()


class Wandb:
    """Stands in for the module wandb: as there, what comes for a step that has gone by is dropped."""

    def __init__(self) -> None:
        self.begun: dict[str, object] = {}
        self.logged: dict[int, dict[str, float]] = {}
        self.dropped: list[str] = []
        self.finished = 0
        self.run: object | None = None

    def init(self, **settings: object) -> None:
        self.begun = settings
        self.run = SimpleNamespace(url="there")

    def log(self, figures: dict[str, float], step: int) -> None:
        if step < max(self.logged, default=0):
            self.dropped += figures
        else:
            self.logged.setdefault(step, {}).update(figures)

    def finish(self) -> None:
        self.finished += 1
        self.run = None


def test_a_project_on_wandb_gets_every_figure_once_and_none_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", found)  # type: ignore[arg-type]
    rows = learnable(20)
    inputs = {"base": base_artifact(tmp_path), "data": data_artifact(tmp_path / "data", rows)}
    step = Sft(on="chats", steps=4, batch_size=4, every=2, max_tokens=32, metrics={"wandb": "mine"})
    _, told = run(step, inputs, tmp_path / "out")
    assert found.begun["project"] == "mine"
    assert str(found.begun["name"]).startswith("sft-chats-")
    assert not found.dropped
    assert found.finished == 1
    losses = [found.logged[at][f"{PREFIX}/sft/train/loss"] for at in range(1, 5)]
    drawn = curves(tmp_path / "out").to_pandas()
    assert losses == pytest.approx(drawn[drawn.metric == "batch_loss"].sort_values("step").value.tolist())
    (mean,) = (each for each in told.estimates("sft.loss", split="train", group="women") if each.step == 2)
    assert found.logged[2][f"{PREFIX}/sft/train/window/loss/gender/women"] == pytest.approx(mean.value)


def test_tensorboard_files_hold_the_figures(tmp_path: Path) -> None:
    made = logger({"tensorboard": str(tmp_path)})
    told_to(made, "sft", lambda _: None)(gap(3, split="train", axis="age", group="older"))
    made.close()
    (events,) = (tmp_path / "support-sft").glob("events.*")
    assert b"duecare/sft/train/window/loss.gap/age/older/high" in events.read_bytes()


def test_a_board_that_fails_is_left_alone(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    made = logger({"mlflow": "there"})
    made.log(f"{PREFIX}/sft", "loss", 2.5, "train", 1)

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("row text that must not be told")

    board.log_metric = fail  # type: ignore[method-assign]
    made.log(f"{PREFIX}/sft", "loss", 2.4, "train", 2)
    made.log(f"{PREFIX}/sft", "loss", 2.3, "train", 3)
    made.close()
    assert len(board.logged) == 1
    assert board.runs[-1] == "ended"
    assert caplog.text.count("takes no more figures (ConnectionError)") == 1
    assert "row text" not in caplog.text


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(DataError, match="pip install wandb"):
        logger_options({"wandb": "mine"}, "x")


def test_a_board_that_cannot_be_opened_is_named_with_its_own_words(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise RuntimeError("no such scheme\nand much more")

    monkeypatch.setattr(board, "set_tracking_uri", refuse)
    with pytest.raises(DataError, match=r"mlflow: 'nowhere' cannot be opened: no such scheme$"):
        logger({"mlflow": "nowhere"})


@pytest.mark.parametrize("wrong", [{"tensorbord": "x"}, {"wandb": ""}, "tensorboard", {"mlflow": 3}])
def test_what_may_stand_there(wrong: object) -> None:
    assert not metrics_rules(wrong)[0][0]
    assert metrics_rules({"wandb": "mine", "tensorboard": "boards"})[0][0]
    assert metrics_rules({})[0][0]


def test_a_training_step_reports_every_step_and_each_windows_groups(tmp_path: Path, board: Board) -> None:
    inputs = {
        "base": base_artifact(tmp_path / "base"),
        "data": data_artifact(tmp_path / "data", learnable(8, worse="b")),
    }
    settings: dict[str, Any] = {"on": "chats", "steps": 4, "every": 2, "batch_size": 4, "max_tokens": 64}
    plain, _ = run(Sft(**settings), inputs, tmp_path / "plain")
    watched, told = run(Sft(**settings, metrics={"mlflow": "there"}), inputs, tmp_path / "watched")
    assert digests(tmp_path / "plain") == digests(tmp_path / "watched")  # whoever listens
    assert plain == watched
    assert board.runs[0].startswith("sft-chats-")
    assert board.runs[1:] == ["ended"]
    assert not [name for name, _, _ in board.logged if "perplexity" in name]
    losses = [step for name, _, step in board.logged if name == f"{PREFIX}/sft/train/loss"]
    assert losses == [1, 2, 3, 4]
    steps = [step for _, _, step in board.logged]
    assert steps == sorted(steps)  # some boards drop what comes late
    known = {
        (each.slice["group"], each.step, each.value)
        for each in told.estimates("sft.loss")
        if "group" in each.slice
    }
    heard = {
        (name.split("/")[-1], step, value)
        for name, value, step in board.logged
        if name.startswith(f"{PREFIX}/sft/train/window/loss/") and not name.endswith(("low", "high"))
    }
    assert heard
    assert heard == known


class Killed(BaseException):
    """A process that is gone."""


def test_a_run_that_goes_on_counts_on_and_each_step_of_a_source_has_its_own_board(
    tmp_path: Path, board: Board
) -> None:
    inputs = {
        "base": base_artifact(tmp_path / "base"),
        "data": data_artifact(tmp_path / "data", learnable(8)),
    }
    settings: dict[str, Any] = {"on": "chats", "steps": 4, "every": 2, "batch_size": 2, "max_tokens": 64}
    step = Sft(**settings, accumulate=2, metrics={"mlflow": "there"})
    (tmp_path / "out").mkdir()

    def dying(what: object) -> None:
        if getattr(what, "done", 0) == 3:
            raise Killed

    with pytest.raises(Killed):
        step.run(inputs, tmp_path / "out", dying)
    first = len(board.logged)
    run(step, inputs, tmp_path / "out")
    losses = [at for name, _, at in board.logged[first:] if name == f"{PREFIX}/sft/train/loss"]
    assert losses == [4]  # an update of two steps, as windows count them
    again = {at for name, _, at in board.logged[first:] if "/window/" in name}
    assert again == {4}
    ran = [name for name in board.runs if name != "ended"]
    assert ran[0] == ran[1]  # the same run goes on
    run(Sft(**settings, seed=1, metrics={"mlflow": "there"}), inputs, tmp_path / "other")
    assert board.runs[-2] != ran[0]
    for seed in (0, 1):
        taught = Distill(**settings, teacher="given", seed=seed, metrics={"mlflow": "there"})
        run(taught, {**inputs, "teacher": inputs["base"]}, tmp_path / f"taught-{seed}")
    assert board.runs[-2] != board.runs[-4]
