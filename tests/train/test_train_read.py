"""What training hands over of canaries and rows: the draws, cuts and masks that training itself went by."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from training_toys import learnable, run

from duecare.core import Artifact
from duecare.core.table import table
from duecare.curate import Canaries
from duecare.train import Distill, Privacy, Sft
from duecare.train.watch import CURVES

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEP = Sft(on="chats", steps=4, batch_size=8, max_tokens=96, every=2, held_out=4)
TAUGHT = Distill(on="chats", teacher="base", steps=4, batch_size=8, max_tokens=96, every=2, held_out=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("placed")
    rows = learnable(30)
    split = folder / "split"
    split.mkdir()
    for name, part in (("train", rows[:20]), ("held_out", rows[20:])):
        pq.write_table(table(part), split / f"{name}.parquet")
    out = folder / "out"
    step = Canaries(count=6, controls=5, repeats=(1, 3))
    run(step, {"examples": Artifact("split:chats", split, "0" * 64)}, out)
    return Artifact("canaries:chats", out, "1" * 64)


def lines(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return found


@pytest.mark.parametrize("step", [STEP, TAUGHT], ids=["sft", "distill"])
def test_the_draws_are_those_of_training(
    step: Sft | Distill, base: Artifact, data: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted beside training, batch by batch, as its loss function is given them."""
    from duecare.train import engine_sft

    seen: Counter[int] = Counter()
    step_of = engine_sft.Passages.step

    def counted(self: engine_sft.Passages, number: int) -> object:
        batch = step_of(self, number)
        seen.update(batch["row"].tolist())
        return batch

    monkeypatch.setattr(engine_sft.Passages, "step", counted)
    run(step, {"data": data, "base": base, "teacher": base}, tmp_path)
    names = pq.read_table(data.path / "train.parquet")["row"].to_pylist()
    drawn = {names[row]: count for row, count in seen.items()}
    told = {
        str(each["row"]): each["draws"]
        for each in lines(tmp_path / "read.parquet")
        if each["part"] == "train"
    }
    assert told == {name: count for name, count in drawn.items() if not name.startswith("canary:")}
    own: Counter[str] = Counter()
    for name, count in drawn.items():
        if name.startswith("canary:"):
            own[name.split(":")[1]] += count
    canaries = lines(tmp_path / "canaries.parquet")
    assert {each["canary"]: each["draws"] for each in canaries if each["draws"]} == own
    assert own
    whole = [each["taught"] for each in canaries if each["lost"] is None]
    assert whole
    assert all(whole)


def test_steps_after_the_model_that_was_kept_do_not_count(tmp_path: Path) -> None:
    from duecare.train.engine_read import _steps_kept

    def point(step: int, *, rolled_back: bool, split: str = "train") -> dict[str, object]:
        return {
            "step": step,
            "split": split,
            "metric": "loss",
            "value": 1.0,
            "n": 8,
            "rolled_back": rolled_back,
        }

    points = [
        point(2, rolled_back=False),
        point(4, rolled_back=True),
        point(9, rolled_back=False, split="probe"),
    ]
    pq.write_table(pa.Table.from_pylist(points, schema=CURVES), tmp_path / "curves.parquet")
    assert _steps_kept(tmp_path / "curves.parquet", 10) == 2
    assert _steps_kept(tmp_path / "none.parquet", 10) == 10


def test_rows_without_canaries_are_not_handed_over(base: Artifact, data: Artifact, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for name in ("train", "held_out"):
        (plain / f"{name}.parquet").write_bytes((data.path / f"{name}.parquet").read_bytes())
    outcome, _ = run(
        replace(STEP, steps=1, every=1),
        {"data": Artifact("s", plain, "2" * 64), "base": base},
        tmp_path / "m",
    )
    assert not {"canaries", "read"} & outcome.files.keys()


def test_what_was_read_of_private_rows_is_not_for_release(
    base: Artifact, data: Artifact, tmp_path: Path
) -> None:
    """Which rows are longer than what is read of them is a fact of these rows, outside the promise."""
    step = replace(STEP, steps=1, every=1, privacy=Privacy(epsilon=8, delta=1e-3))
    outcome, _ = run(step, {"data": data, "base": base}, tmp_path)
    told = lines(tmp_path / outcome.files["read"])
    assert {each["draws"] for each in told if each["part"] == "train"} == {None}
    claim = json.loads((tmp_path / "privacy.json").read_text("utf-8"))
    assert {outcome.files["read"], outcome.files["curves"]} == set(claim["unreleasable"])
