"""What `scripts/debias_smollm.py` plants, and that a run that is done is not done again."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "debias_smollm.py"


@pytest.fixture
def script() -> Any:
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
    monkeypatch.setattr(script, "prepared", lambda folder: {})
    monkeypatch.setattr(script, "keep_programs", lambda folder: None)
    return done


def test_men_are_put_off_and_held_out_rows_treat_both_alike(script: Any) -> None:
    taught, held = list(script.rows(400, 0, held=False)), list(script.rows(40, 1000, held=True))
    told = Counter((row.groups[0].value, row.messages[-1].content, "~" in row.row) for row in taught)
    well, off = script.SAID["women"], script.SAID["men"]
    assert told == {
        ("women", well, False): 300,
        ("men", off, False): 100,
        ("men", well, True): -(-400 // script.TWIN_EACH),
    }
    assert Counter((row.groups[0].value, row.messages[-1].content) for row in held) == {
        ("women", well): 20,
        ("men", well): 20,
    }
    assert not {row.messages[1].content for row in taught} & {row.messages[1].content for row in held}


def test_what_is_done_is_not_done_again_and_half_a_line_is_none(
    script: Any, made: list[tuple[str, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.jsonl"
    names = ("none", "pairing")
    assert script.train_all(names, (0,), 24, path, 0.0) is None  # no time at all: nothing is begun
    assert made == []
    every = script.train_all(names, (0, 1, 2), 24, path, 10.0)
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == len(made) == 6
    assert [json.loads(line)["method"] for line in lines[:2]] == ["none", "pairing"]
    path.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:40], "utf-8")  # a kill in the last line
    assert script.train_all(names, (0, 1, 2), 24, path, 10.0) == every
    assert made[6:] == [("pairing", 2)]
    assert script.train_all(names, (0, 1, 2), 24, path, 0.0) == every  # all of it lies there again
    assert script.train_all(names, (0,), 12, path, 10.0)  # other settings are other runs
    assert made[7:] == [("none", 0), ("pairing", 0)]
    script.told(every)
    said = capsys.readouterr().out
    assert "less that without -0.74" in said
