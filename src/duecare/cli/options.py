"""What commands have in common: the arguments that name a study or a run, and how their help is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(help="The study file (YAML).", show_default=False)]
RunFolder = Annotated[
    Path | None,
    typer.Argument(help="A run folder, or the study file of one. Left out: the latest under runs/."),
]


def described(function: Callable[..., None]) -> str:
    """The help of a command: its docstring, each paragraph flowing to the width of the terminal."""
    paragraphs = cleandoc(function.__doc__ or "").split("\n\n")
    text = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/]", text)
