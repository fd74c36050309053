"""Held-out rows of a study that declare a group, as prompts for readers of the layers. Needs no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from duecare.core import DataError, Example, Message
from duecare.core.table import examples
from duecare.explain.twinned import REGIONS, Side
from duecare.ledger.digest import bytes_digest

HELD_OUT = "held_out.parquet"
LONGEST = 256
"""Tokens of a prompt that are read, its last ones: what is kept of each is one vector a layer."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One row: its prompt as tokens, the group it declares, and the row that it and its copies come from."""

    side: Side
    group: str
    cluster: str


def declared(tokenizer: Any, folders: Mapping[str, Path], axis: str, most: int, seed: int) -> list[Declared]:
    """At most `most` held-out rows, of all splits, that declare a group on `axis`.

    Which, is decided by a digest of seed and row name. What is read is the prompt: of a chat what comes
    before the last answer, of a pair what both answers answer, of a text the text. DataError where nobody
    declares it."""
    rows: list[Example] = []
    for name, folder in sorted(folders.items()):
        path = folder / HELD_OUT
        if not path.is_file():
            raise DataError(f"input {name}: no {HELD_OUT} in it; expected the artifact of a split")
        rows += [row for row in examples(pq.read_table(path)) if row.group(axis) is not None and _asks(row)]
    if not rows:
        raise DataError(f"layers.declared: no held-out row declares {axis}")
    rows.sort(key=lambda row: bytes_digest(f"{seed}\0{row.row}".encode()))
    return [
        Declared(_side(tokenizer, row), row.group(axis) or "", row.row.partition("~")[0])
        for row in rows[:most]
    ]


def _turns(row: Example) -> tuple[Message, ...]:
    """What is asked in a chat or a pair."""
    if row.kind == "preference":
        return row.messages
    answers = [place for place, turn in enumerate(row.messages) if turn.role == "assistant"]
    return row.messages[: answers[-1]] if answers else row.messages


def _asks(row: Example) -> bool:
    if row.kind == "text":
        return bool((row.text or "").strip())
    return any(turn.content.strip() for turn in _turns(row))


def _side(tokenizer: Any, row: Example) -> Side:
    """The prompt's last tokens, and a token behind them that nothing is read from."""
    if row.kind == "text":
        text = row.text or ""
    elif tokenizer.has_chat:
        text = tokenizer.chat(_turns(row), answer=True)
    else:
        text = "\n".join(f"{turn.role.title()}: {turn.content}" for turn in _turns(row)) + "\nAssistant:"
    tokens = tokenizer.encode(text, special=True)[-LONGEST:]
    region = np.full(len(tokens) + 1, REGIONS.index("between"), dtype=np.int32)
    region[-1] = REGIONS.index("answer")
    return Side((*tokens, tokenizer.pad_id), len(tokens), region)
