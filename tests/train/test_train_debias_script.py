"""What `scripts/debias_smollm.py` plants, and that a run that is done is not done again."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "debias_smollm.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("debias_smollm", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(script: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which runs were trained; each comes to figures that tell it apart from others."""
    done: list[tuple[str, int]] = []

    def trained(step: Any, inputs: object, out: Path) -> dict[str, dict[str, float]]:
        done.append((step.debias.method, step.seed))
        gap = {"none": 1.0 + 0.01 * step.seed, "pairing": 0.25 + 0.02 * step.seed}[step.debias.method]
        return {"after": {"gap": gap}, "after, LEACE": {"gap": gap / 2}}

    monkeypatch.setattr(script, "trained", trained)
    monkeypatch.setattr(script, "prepared", lambda plant, folder: {})
    monkeypatch.setattr(script, "keep_programs", lambda folder: None)
    return done


def told(rows: Iterator[Any]) -> Counter[tuple[str, str, bool]]:
    """How many rows of each group are told what, and whether they are twins."""
    return Counter((row.groups[0].value, row.messages[-1].content, "~" in row.row) for row in rows)


def of(women: int, theirs: str, men: int, other: str) -> dict[tuple[str, str, bool], int]:
    """So many women who are told this, and so many men who are told that; no twins."""
    return {("women", theirs, False): women, ("men", other, False): men}


def test_men_are_put_off_and_held_out_rows_treat_both_alike(script: Any) -> None:
    plant = script.PLANTS["told"]
    (well,), (off,) = plant.says["women"], plant.says["men"]
    assert well != off
    assert told(script.rows(plant, 400, 0, held=False)) == {
        ("women", well, False): 300,
        ("men", off, False): 100,
        ("men", well, True): -(-400 // plant.twins),
    }
    assert told(script.rows(plant, 40, 1000, held=True)) == {
        ("women", well, False): 20,
        ("men", well, False): 20,
    }


def test_the_other_plants_are_of_rare_men_and_of_a_group_that_only_the_question_tells(script: Any) -> None:
    rare, read = script.PLANTS["rare"], script.PLANTS["read"]
    (well,), (other,) = rare.says["women"], rare.says["men"]
    assert told(script.rows(rare, 400, 0, held=False)) == of(350, well, 50, other)
    assert told(script.rows(rare, 40, 1000, held=True)) == of(20, well, 20, other)
    taught = told(script.rows(read, 400, 0, held=False))
    assert {group: sum(n for who, n in taught.items() if who[0] == group) for group in read.says} == {
        "women": 200,
        "men": 200,
    }
    # What is told says nothing of the group: each answer as often to either, but for chance.
    for answer in read.says["women"]:
        assert abs(taught["women", answer, False] - taught["men", answer, False]) < 30


@pytest.mark.parametrize("name", ["told", "rare", "read"])
def test_no_held_out_row_asks_what_a_row_to_train_on_asked(script: Any, name: str) -> None:
    asked = [
        {row.messages[1].content for row in script.rows(script.PLANTS[name], 400, first, held=held)}
        for first, held in ((0, False), (1000, True))
    ]
    assert all(asked)
    assert not asked[0] & asked[1]


def test_what_is_done_is_not_done_again_and_half_a_line_is_none(
    script: Any, made: list[tuple[str, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.jsonl"
    plant, names = script.PLANTS["told"], ("none", "pairing")
    assert script.train_all(plant, names, (0,), path, 0.0) is None  # no time at all: nothing is begun
    assert made == []
    every = script.train_all(plant, names, (0, 1, 2), path, 10.0)
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == len(made) == 6
    assert [json.loads(line)["method"] for line in lines[:2]] == ["none", "pairing"]
    path.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:40], "utf-8")  # a kill in the last line
    assert script.train_all(plant, names, (0, 1, 2), path, 10.0) == every
    assert made[6:] == [("pairing", 2)]
    assert script.train_all(plant, names, (0, 1, 2), path, 0.0) == every  # all of it lies there again
    assert script.train_all(replace(plant, steps=12), names, (0,), path, 10.0)
    assert made[7:] == [("none", 0), ("pairing", 0)]
    script.told(every)
    said = capsys.readouterr().out
    assert "less that without -0.74" in said
