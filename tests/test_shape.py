"""The size limits, names and habits that keep the code readable, as tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "duecare"
MODULES = sorted(SOURCE.rglob("*.py"))
EVERY_PYTHON_FILE = sorted(
    path
    for folder in ("src", "tests", "studies", "benchmarks", "scripts")
    for path in (ROOT / folder).rglob("*.py")
)
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "services"}
MAX_FILE, MAX_FUNCTION = 400, 40


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", EVERY_PYTHON_FILE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_too_long_or_badly_named(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE
    assert not BANNED_NAMES & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}


def test_no_two_test_files_share_a_name() -> None:
    """pytest takes the second for the first, and runs neither."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_functions_are_short(path: Path) -> None:
    long = {
        f"{node.name} (line {node.lineno})": (node.end_lineno or node.lineno) - node.lineno + 1
        for node in _functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION
    }
    assert not long


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_assert_as_input_check_and_nothing_unfinished(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", text)
    assert not re.search(r"\bpickle\b|\beval\(|\bexec\(", re.sub(r'"""[\s\S]*?"""|#.*', "", text))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_lint_or_type_exception_says_why(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        if match := re.search(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z-, ]+\])(.*)$", line):
            assert len(match[1].strip(" #-:")) > 10, f"no reason given: {line.strip()}"
        assert not re.search(r"# noqa\s*$|# type: ignore\s*$", line), line


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.name == "__init__.py"], ids=lambda path: path.parent.name
)
def test_package_fronts_hold_a_docstring_and_names_only(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    if path == SOURCE / "__init__.py":
        return  # lazy by design: it holds a module __getattr__
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    assert all(isinstance(node, allowed) for node in tree.body)


def test_the_shape_checks_can_fail(tmp_path: Path) -> None:
    """Control: a long function is seen as long."""
    path = tmp_path / "long.py"
    path.write_text("def long():\n" + "    x = 1\n" * (MAX_FUNCTION + 1))
    (node,) = _functions(path)
    assert (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION


def test_no_registry_host_and_no_machine_path_is_tracked() -> None:
    hosts = re.compile(r"pypi\.org/simple|files\.pythonhosted|registry\.npmjs|--index-url|extra-index-url")
    for path in [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "pyproject.toml"]:
        assert not hosts.search(path.read_text("utf-8")), path.name
