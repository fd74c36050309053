"""croissant.json before MLCommons' own program, which validates it, loads its rows and compares them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duecare.report.croissant import croissant
from duecare.report.view import view

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "croissant_check.py"


def checked(run: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(run)], capture_output=True, text=True, check=False
    )


def described(run: Path, change: Callable[[Any], object] = lambda found: None) -> Path:
    """The run with its description beside the report, changed."""
    found = json.loads(croissant(view(run, 0)))
    change(found)
    (run / "report").mkdir(exist_ok=True)
    (run / "report" / "croissant.json").write_text(json.dumps(found), "utf-8")
    return run


def test_mlcroissant_validates_it_and_loads_the_rows_that_are_there(copied: Path) -> None:
    done = checked(described(copied))
    assert done.returncode == 0, done.stderr
    assert "chats/train:" in done.stdout


def _another_digest(found: Any) -> None:
    found["distribution"][0]["sha256"] = "0" * 64


def _a_column_that_is_not_there(found: Any) -> None:
    found["recordSet"][0]["field"][0]["source"]["extract"]["column"] = "nothing"


def _a_field_without_a_type(found: Any) -> None:
    del found["recordSet"][0]["field"][0]["dataType"]


@pytest.mark.parametrize(
    "change",
    [_another_digest, _a_column_that_is_not_there, _a_field_without_a_type],
    ids=lambda each: each.__name__,
)
def test_control_a_description_that_is_wrong_is_refused(
    change: Callable[[Any], object], copied: Path
) -> None:
    assert checked(described(copied, change)).returncode != 0
