"""The page about stereotypes: its Python blocks run, and its figures are those of the card."""

from __future__ import annotations

import re
from pathlib import Path

from duecare.curate.her import SURE, card

PAGE = (Path(__file__).parents[2] / "docs" / "stereotypes.md").read_text("utf-8")


def test_every_python_block_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        exec(compile(block, f"stereotypes.md[{number}]", "exec"), {})


def test_the_figures_of_her_are_those_of_the_card() -> None:
    measured = card()["measured"]["all"]
    for name in ("right", "right_where_answered"):
        share, low, high = (f"{100 * each:.1f}" for each in measured[name])
        assert f"{share} % [{low}, {high}]" in PAGE
    assert f"({measured['n']} places)" in PAGE
    assert f"below {SURE:.0%}".replace("%", " %") in PAGE
    assert f'"Always his" is right in {measured["always_his"][0]:.0%}'.replace("%", " %") in PAGE
