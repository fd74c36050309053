"""Which model is kept: the best on held-out rows of those that no group pays for. None is trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told

from duecare.core import Note
from duecare.train.limits import NO_LIMITS, Limits
from duecare.train.resume import Resume
from duecare.train.watch import Groups

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

ROWS = 40
GROUPS = Groups({"gender": np.array(["men", "women"] * (ROWS // 2), dtype=object)})


def losses(level: float, gap: float = 0.0) -> np.ndarray:
    """Losses about `level` on average, men's `gap` above women's."""
    noise = np.random.default_rng(0).normal(0, 0.05, ROWS)
    noise -= noise.mean()
    return (level + noise + gap / 2 * np.where(GROUPS.of["gender"] == "men", 1, -1)).astype(np.float32)


class Model:
    """Stands for a model: its weights are the step it is of."""

    def __init__(self) -> None:
        self.step = 0.0


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(model: Model, arrays: Any) -> None:
        model.step = float(arrays["step"])

    monkeypatch.setattr(
        "duecare.train.heldout.weights_state", lambda model: {"step": np.array(model.step, np.float32)}
    )
    monkeypatch.setattr("duecare.train.heldout.restore_weights", put)


def looked(
    folder: Path, course: dict[int, tuple[float, float, bool]], limits: Limits = NO_LIMITS, **settings: Any
) -> tuple[Any, Model]:
    """Looks after each step of `course`: level, gap, and whether a watched limit was crossed by then."""
    from duecare.train.heldout import HeldOut

    model = Model()
    made = HeldOut(
        method="sft",
        source="chats",
        patience=settings.get("patience"),
        keep=settings.get("keep", "best"),
        rows=np.arange(ROWS),
        groups=GROUPS,
        measure=lambda now: {"loss": losses(*course[int(now.step)][:2])},
        resume=Resume(folder / ".resume", {}),
        limits=limits,
    )
    made.begin(model, lambda: {"loss": losses(3.0)})  # type: ignore[arg-type]
    for step, (_, _, crossed) in course.items():
        model.step = step
        made.look(step, model, Told(), crossed=crossed)  # type: ignore[arg-type]
    return made, model


COURSE = {10: (2.5, 0.0, False), 20: (2.0, 0.1, False), 30: (1.5, 0.8, False), 40: (1.4, 0.1, True)}


@pytest.mark.usefixtures("weights")
def test_the_best_is_chosen_among_those_that_keep_the_limit(tmp_path: Path) -> None:
    made, model = looked(tmp_path, COURSE, Limits(loss_gap=0.3))
    told = Told()
    assert made.settle(40, model, told) == 20
    assert model.step == 20
    assert made.out == {30, 40}
    (note,) = [each for each in told.all if isinstance(each, Note)]
    assert note.data == {"step": "20", "last": "40", "lowest": "40", "out": "2"}
    assert "2 were no candidates" in note.text


@pytest.mark.usefixtures("weights")
def test_control_without_a_limit_the_lowest_loss_decides(tmp_path: Path) -> None:
    calm = {step: (level, gap, False) for step, (level, gap, _) in COURSE.items()}
    made, model = looked(tmp_path, calm)
    assert made.settle(40, model, Told()) == 40
    assert made.out == set()


@pytest.mark.usefixtures("weights")
def test_where_every_trained_model_crosses_the_one_before_training_is_kept(tmp_path: Path) -> None:
    made, model = looked(tmp_path, {10: (2.0, 0.0, True), 20: (1.0, 0.0, True)})
    assert made.settle(20, model, Told()) == 0


@pytest.mark.usefixtures("weights")
def test_a_gap_that_is_not_sure_excludes_nothing(tmp_path: Path) -> None:
    """Only a whole interval outside does: with few rows a wide gap may be none."""
    made, _ = looked(tmp_path, {10: (2.0, 0.31, False)}, Limits(loss_gap=0.3))
    assert made.out == set()
    assert made.best == 10


@pytest.mark.usefixtures("weights")
def test_patience_looks_at_the_loss_alone(tmp_path: Path) -> None:
    """Training may go on to a model that keeps the limit again; it ends where the loss no longer falls."""
    falling = {10: (2.5, 0.0, True), 20: (2.0, 0.0, True), 30: (1.5, 0.0, True)}
    made, _ = looked(tmp_path / "falling", falling, patience=2)
    assert (made.best, made.lowest, made.enough) == (0, 30, False)
    rising = {10: (2.5, 0.0, False), 20: (2.6, 0.0, False), 30: (2.7, 0.0, False)}
    made, _ = looked(tmp_path / "rising", rising, patience=2)
    assert made.enough


@pytest.mark.usefixtures("weights")
def test_a_run_that_goes_on_chooses_among_the_same(tmp_path: Path) -> None:
    first, _ = looked(tmp_path, COURSE, Limits(loss_gap=0.3))
    again, model = looked(tmp_path, {}, Limits(loss_gap=0.3))
    assert again.again([10, 20, 30, 40])
    assert (again.out, again.best) == (first.out, first.best)
    assert again.settle(40, model, Told()) == 20
    assert model.step == 20
