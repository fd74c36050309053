"""The tutorial: its blocks run in order and print what it shows; its tables are what the script prints."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial-data-ethics.md").read_text("utf-8")
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def shown_and_printed(page: str) -> Iterator[tuple[str, str]]:
    """What stands below each Python block, and what the block prints."""
    names: dict[str, Any] = {}
    for number, (code, shown) in enumerate(BLOCK.findall(page)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"tutorial[{number}]", "exec"), names)
        yield shown, printed.getvalue()


def test_every_block_runs_and_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = list(shown_and_printed(PAGE))
    assert len(told) == PAGE.count("```python") == 7
    for shown, printed in told:
        assert printed == shown


def test_control_a_page_that_shows_something_else_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ((shown, printed),) = shown_and_printed("```python\nprint(2 + 2)\n```\n\n```text\n5\n```")
    assert (shown, printed) == ("5\n", "4\n")


@pytest.mark.data
@pytest.mark.parametrize("name", ["words", "places", "copies"])
def test_the_tables_are_those_of_the_script(
    name: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    from tutorial_figures import TABLES

    assert f"<!-- begin {name} -->\n{TABLES[name](data_folder)}\n<!-- end {name} -->" in PAGE


def test_a_list_of_words_and_one_pattern_find_less() -> None:
    """What the page claims, as far as intervals say so: each share is wholly on one side of the other."""
    bounds = r"\[([\d.]+), ([\d.]+)\]"
    few = re.search(rf"ToxiGen\) \| a list of 8 words \| [\d.]+ % {bounds}", PAGE)
    ours = re.search(rf"ToxiGen\) \| the detector `toxicity` \| [\d.]+ % {bounds}", PAGE)
    places = re.search(rf"\| all \| [\d.]+ % {bounds}, n = [\d,]+ \| [\d.]+ % {bounds}", PAGE)
    assert few
    assert ours
    assert places
    assert float(few[2]) < float(ours[1])
    assert float(places[2]) < float(places[3])
