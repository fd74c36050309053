"""Write the tree anew, each file with the first sentence of its docstring.

Packages stand in the README, every file in docs/tree.md.

python scripts/readme_tree.py
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "duecare"
WIDTH = 118


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0].split())
    first = re.split(r"(?<=\.)\s", text, maxsplit=1)[0].rstrip(".")
    return first if len(first) <= WIDTH - 28 else first[: WIDTH - 31].rsplit(" ", 1)[0] + " ..."


def packages() -> list[Path]:
    """The packages, in alphabetical order."""
    return sorted(path.parent for path in SOURCE.rglob("*/__init__.py"))


def package(folder: Path) -> str:
    """The line of a package."""
    name = folder.relative_to(SOURCE).as_posix() + "/"
    return f"  {name:<24} {sentence(folder / '__init__.py')}"


def lines() -> Iterator[str]:
    """The whole tree, packages in alphabetical order."""
    for path in sorted(SOURCE.glob("*.py")):
        if path.name != "__init__.py":
            yield f"  {path.name:<24} {sentence(path)}"
    for folder in packages():
        yield package(folder)
        for path in sorted(folder.glob("*.py")):
            if path.name != "__init__.py":
                yield f"    {path.name:<22} {sentence(path)}"


def replace_block(page: Path, written: list[str]) -> None:
    """Put `written` in place of the tree block of a page."""
    block = "```text\nsrc/duecare/\n" + "\n".join(written) + "\n```"
    text = page.read_text("utf-8")
    page.write_text(re.sub(r"```text\nsrc/duecare/\n.*?```", lambda _: block, text, flags=re.S), "utf-8")


def main() -> None:
    """Replace both blocks."""
    replace_block(ROOT / "README.md", [package(folder) for folder in packages()])
    replace_block(ROOT / "docs" / "tree.md", list(lines()))


if __name__ == "__main__":
    main()
