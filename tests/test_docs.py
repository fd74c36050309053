"""The documents say what is true: the README's tree is the tree, its commands exist, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "design").glob("*.md")])


def _tree_in(page: str) -> dict[str, str]:
    """Path relative to src/duecare -> its line of explanation, from the tree block of a page."""
    text = (ROOT / page).read_text("utf-8")
    match = re.search(r"```text\nsrc/duecare/\n(.*?)```", text, re.S)
    assert match, f"{page} has no tree block that begins with src/duecare/"
    found: dict[str, str] = {}
    package = ""
    for line in match[1].splitlines():
        entry = re.match(r"^(  |    )([\w/.]+)\s+(\S.*)$", line)
        assert entry, f"tree line without explanation: {line!r}"
        if entry[2].endswith("/"):
            package = entry[2]
            found[package] = entry[3]
        else:
            found[(package if len(entry[1]) == 4 else "") + entry[2]] = entry[3]
    return found


def test_the_tree_that_is_told_is_the_tree() -> None:
    source = ROOT / "src" / "duecare"
    real = {str(path.relative_to(source)) for path in source.rglob("*.py") if path.name != "__init__.py"} | {
        str(path.parent.relative_to(source)) + "/" for path in source.rglob("*/__init__.py")
    }
    assert set(_tree_in("docs/tree.md")) == real
    assert set(_tree_in("README.md")) == {path for path in real if path.endswith("/")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_docs_exist(page: Path) -> None:
    from duecare.cli.main import app

    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    } | {str(group.typer_instance.info.name) for group in app.registered_groups if group.typer_instance}
    for command in re.findall(r"^\s*(?:\$ )?duecare ([a-z]+)", page.read_text("utf-8"), re.M):
        assert command in commands, f"{page.name} shows `duecare {command}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_compile(page: Path) -> None:
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)):
        compile(block, f"{page.name}[{number}]", "exec")
