"""Where a run stands with its limits: which state is good, and what follows a crossing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.train.crossing import Crossing
from duecare.train.limits import OnCrossing
from duecare.train.resume import KEEP, Resume


def followed(on_crossing: OnCrossing, *looks: list[str]) -> Crossing:
    made = Crossing(on_crossing, 100)
    for number, verdicts in enumerate(looks, start=1):
        made.mark(10 * number, verdicts)  # type: ignore[arg-type]  # some of the three
    return made


def test_the_last_look_at_which_every_limit_was_held_is_good() -> None:
    made = followed("rollback", [PASS, PASS], [PASS, INSUFFICIENT], [PASS, FAIL], [PASS, PASS])
    assert (made.crossed, made.good) == (True, 10)
    assert "step 10, the last at which every limit was held" in made.then(30)


def test_where_none_was_held_the_last_before_the_crossing_is_good() -> None:
    made = followed("rollback", [INSUFFICIENT], [INSUFFICIENT], [FAIL])
    assert made.good == 20
    assert "step 20, the last before a limit was crossed" in made.then(30)


def test_where_the_first_look_crosses_the_start_is_good() -> None:
    made = followed("rollback", [FAIL])
    assert made.good == 0
    assert "step 0, that from which training began" in made.then(10)


@pytest.mark.parametrize(
    ("on_crossing", "stopped", "goes_back"),
    [("warn", False, False), ("stop", True, False), ("rollback", True, True)],
)
def test_what_follows_is_what_the_study_says(on_crossing: OnCrossing, stopped: bool, goes_back: bool) -> None:
    calm, crossed = followed(on_crossing, [PASS]), followed(on_crossing, [FAIL])
    assert (calm.stopped, calm.goes_back) == (False, False)
    assert (crossed.stopped, crossed.goes_back) == (stopped, goes_back)


def test_without_limits_every_look_is_before_a_crossing() -> None:
    assert followed("rollback", [], []).good == 20


def test_a_pinned_checkpoint_outlives_those_that_come_after(tmp_path: Path) -> None:
    resume = Resume(tmp_path / ".resume", {"seed": 0})
    for step in (10, 20, 30, 40, 50):
        resume.save(step, {"x": np.full(3, step, np.float32)}, pinned={20} if step > 20 else ())
    kept = sorted(int(path.name[:9]) for path in (tmp_path / ".resume").glob("*.safetensors"))
    assert kept == [20, 40, 50]
    assert len(kept) == KEEP + 1
    back = resume.last(upto=39)
    assert back is not None
    assert (back.step, back.arrays["x"][0]) == (20, 20)
    assert resume.last(upto=19) is None
