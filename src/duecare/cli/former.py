"""What an evaluation that was made before tells a plan: its speed, and the figures that it came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duecare.core import DuecareError
from duecare.evaluate.forecast import Former
from duecare.evaluate.tables import READING, Tables, read
from duecare.ledger.entry import Entry
from duecare.ledger.read import entries

TOKENS_PER_SECOND = 150.0
"""Assumed where no former run is on record: what two cores reached with a model of 135 million parameters."""


@dataclass(frozen=True, slots=True)
class Before:
    """Tokens per second and where that is from; the evaluation on record, or None."""

    speed: float
    speed_from: str
    evaluation: Former | None


def before(folder: Path, read_tokens: int) -> Before:
    """What `folder` holds: a run with an evaluation, or the folder of an evaluation; nothing is no error.

    `read_tokens` is what scoring one given answer is taken to cost.
    """
    if (folder / READING).is_file():
        tables = read(folder)
        told = "assumed: the folder of an evaluation has no times"
        return Before(TOKENS_PER_SECOND, told, Former.of(tables, folder.name))
    try:
        done = [
            each for each in entries(folder) if each.happened == "step.finished" and each.job == "evaluate"
        ]
        entry = done[-1]
        tables = read(folder / next(iter(entry.outputs)))
    except (DuecareError, OSError, IndexError, StopIteration):
        return Before(TOKENS_PER_SECOND, "assumed: no evaluation is on record", None)
    return Before(*_speed(entry, tables, folder.name, read_tokens), Former.of(tables, folder.name))


def _speed(entry: Entry, tables: Tables, name: str, read_tokens: int) -> tuple[float, str]:
    began, ended = (datetime.fromisoformat(each) for each in (entry.started or entry.time, entry.time))
    seconds = (ended - began).total_seconds()
    if seconds <= 0:
        return TOKENS_PER_SECOND, "assumed: the evaluation on record has no times"
    written = sum(len(text) for text in tables.answers.column("answer").to_pylist()) / 4
    scored = sum(table.num_rows for table in (tables.twins, tables.heldout, tables.choices))
    speed = (written + read_tokens * scored) / seconds
    return speed, f"measured in {name} (a token counted as four letters)"
