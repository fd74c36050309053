"""What an evaluation that was made before tells a plan: its speed, and the figures that it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duecare.core import DuecareError
from duecare.evaluate.forecast import Former
from duecare.evaluate.pace import TOPIC
from duecare.evaluate.tables import READING, read
from duecare.ledger.entry import Entry
from duecare.ledger.read import entries

TOKENS_PER_SECOND = 150.0
"""Assumed where no former run is on record: what two cores reached with a model of 135 million parameters."""

LETTERS = 4
"""To a token, about, in English."""


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
        log = entries(folder)
        done = [each for each in log if each.happened == "step.finished" and each.job == "evaluate"]
        tables = read(folder / next(iter(done[-1].outputs)))
    except (DuecareError, OSError, IndexError, StopIteration):
        return Before(TOKENS_PER_SECOND, "assumed: no evaluation is on record", None)
    return Before(*_speed(log, folder.name, read_tokens), Former.of(tables, folder.name))


def _speed(log: Sequence[Entry], name: str, read_tokens: int) -> tuple[float, str]:
    """From the last evaluation whose models were asked anything: answers kept from before took no time."""
    for entry in reversed(log):
        if entry.note is None or entry.note.topic != TOPIC:
            continue
        told = entry.note.data
        try:
            seconds = float(told["seconds"])
            tokens = int(told["letters"]) / LETTERS + read_tokens * int(told["scored"])
        except (KeyError, ValueError):
            continue
        if seconds > 0 and tokens > 0:
            return tokens / seconds, f"measured in {name} (a token counted as four letters)"
    return TOKENS_PER_SECOND, f"assumed: {name} does not say how long its models were asked"
