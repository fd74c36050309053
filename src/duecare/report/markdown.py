"""Markdown whose cells and lines are literal: what a stranger wrote means nothing in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$!@])")
_LINKS = re.compile(r"(?i)(www)\.|(:)//")
_BLOCKS = re.compile(r"^(?:[-+](?=\s|$)|[-=](?=[-=])|\d(?=\d*[.)](?:\s|$)))")
"""First signs that would begin a list, a rule or a heading."""


def table_of(header: list[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table whose cells are literal text."""
    lines = [header, ["---"] * len(header)]
    body = [[literal(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*lines, *body])


def flat(text: str) -> str:
    """`text` on one line: a line of dashes would end the metadata for readers that look for one."""
    return " ".join(text.split())


def literal(text: str) -> str:
    """`text` as literal Markdown: on one line, every sign that could mean something is escaped."""
    escaped = _SPECIAL.sub(r"\\\1", flat(text))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _LINKS.sub(lambda match: r"www\." if match[1] else r":\//", escaped)
    return _BLOCKS.sub(lambda match: f"&#{ord(match[0])};", escaped)
