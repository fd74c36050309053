"""Who chose what between two answers: a closed round of review as an audit reads it.

A round's export is a folder of tables (`docs/review-results.md`); people stand there by pseudonym. Who
belongs to which panel is not told, only how many of a panel chose what; so people are taken one by one from
`labels.parquet`, and panels as a whole from `soft.parquet`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import DataError, Message
from duecare.measure import panel_weights
from duecare.reward.effect import Floats
from duecare.reward.pairs import Text

WHERE = "reward.people"
ITEM = "review.item"
TURNED = ":turned"
"""Ending of the row of a pair in which the second answer was preferred (`pairs.parquet`)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one person said of one item: 1 for the first answer, 0 for the second, 0.5 for neither more."""

    item: str
    person: str
    value: float


@dataclass(frozen=True, slots=True)
class Cell:
    """How many people of a panel said `value` of an item; `panel` None: of those who state nothing."""

    item: str
    panel: str | None
    value: float
    count: int


@dataclass(frozen=True, slots=True)
class Labels:
    """A round: the two answers of each item, what every person chose, and what every panel did."""

    round: str
    sides: Mapping[str, tuple[Text, Text]]
    choices: tuple[Choice, ...]
    cells: tuple[Cell, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """The items, in the order of the weights."""
        return tuple(self.sides)

    @property
    def people(self) -> tuple[str, ...]:
        """Who chose, sorted."""
        return tuple(sorted({choice.person for choice in self.choices}))

    @property
    def panels(self) -> tuple[str, ...]:
        """The panels of the axis that was asked for, sorted."""
        return tuple(sorted({cell.panel for cell in self.cells if cell.panel is not None}))

    def weights(self, without: str = "") -> Floats:
        """How much was said for the first and the second answer [items, 2], `without` one person."""
        kept = [choice for choice in self.choices if choice.person != without]
        return self._summed([(choice.item, choice.value, 1.0) for choice in kept])

    def without_panel(self, panel: str) -> Floats:
        """The same without the people of a panel."""
        kept = [cell for cell in self.cells if cell.panel != panel]
        return self._summed([(cell.item, cell.value, float(cell.count)) for cell in kept])

    def panels_alike(self) -> Floats:
        """The same where each panel counts alike over the round, and as far as that goes on each item."""
        single = [cell for cell in self.cells for _ in range(cell.count)]
        weights = panel_weights([cell.panel for cell in single], [cell.item for cell in single])
        return self._summed(
            [(cell.item, cell.value, weight) for cell, weight in zip(single, weights.tolist(), strict=True)]
        )

    def shuffled(self, rng: np.random.Generator) -> Labels:
        """The same round had everybody on an item been anybody: what was said of it is dealt out anew.

        What all said together of an item stays as it is.
        """
        single = [cell for cell in self.cells for _ in range(cell.count)]
        dealt = _dealt([cell.item for cell in single], [cell.value for cell in single], rng)
        cells = [Cell(cell.item, cell.panel, value, 1) for cell, value in zip(single, dealt, strict=True)]
        said = _dealt(
            [choice.item for choice in self.choices], [choice.value for choice in self.choices], rng
        )
        choices = [
            Choice(choice.item, choice.person, value)
            for choice, value in zip(self.choices, said, strict=True)
        ]
        return replace(self, choices=tuple(choices), cells=tuple(cells))

    def _summed(self, said: Sequence[tuple[str, float, float]]) -> Floats:
        place = {item: number for number, item in enumerate(self.items)}
        found = np.zeros((len(place), 2))
        for item, value, weight in said:
            found[place[item]] += weight * value, weight * (1 - value)
        return found


def _dealt(items: Sequence[str], values: Sequence[float], rng: np.random.Generator) -> list[float]:
    """The values in another order within each item, every order as likely."""
    _, item = np.unique(np.array(items), return_inverse=True)
    drawn = np.lexsort((rng.random(len(items)), item))
    found = np.empty(len(items))
    found[np.argsort(item, kind="stable")] = np.array(values, dtype=np.float64)[drawn]
    return [float(each) for each in found]


def read_labels(folder: Path, axis: str = "") -> Labels:
    """The choices of a round's export in `folder`; `axis` is what people state of themselves.

    Raises DataError where it is no export, compared nothing, or nobody states the axis.
    """
    pairs = _table(folder, "pairs.parquet")
    sides = _sides(pairs)
    labels = [
        row
        for row in _table(folder, "labels.parquet").to_pylist()
        if row["kind"] == "choose" and row["turn"] == 0 and row["value"] is not None and row["item"] in sides
    ]
    if not labels:
        raise DataError(f"{WHERE}: the round holds no choice between two answers: expected one at least")
    question = labels[0]["question"]
    if any(row["question"] != question for row in labels):
        raise DataError(f"{WHERE}: the round asked several questions of choice: expected one")
    choices = tuple(Choice(row["item"], row["person"], float(row["value"])) for row in labels)
    cells = tuple(_cells(_table(folder, "soft.parquet").to_pylist(), question, axis, set(sides)))
    found = Labels(str(labels[0]["round"]), sides, choices, cells)
    if axis and not found.panels:
        raise DataError(f"{WHERE}.panels: no panel of two people or more states {axis} in this round")
    return found


def _table(folder: Path, name: str) -> pa.Table:
    try:
        return pq.read_table(folder / name)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} cannot be read: expected a round that compared answers") from error


def _sides(pairs: pa.Table) -> dict[str, tuple[Text, Text]]:
    """The first and the second answer of each item, whichever way its pair was turned."""
    if lacking := sorted({"id", "prompt", "chosen", "rejected", ITEM} - set(pairs.column_names)):
        raise DataError(
            f"pairs.parquet: lacks {', '.join(lacking)}: expected the pairs that a round gave back"
        )
    found: dict[str, tuple[Text, Text]] = {}
    for row in pairs.to_pylist():
        turns = tuple(Message(role=turn["role"], content=turn["content"]) for turn in row["prompt"])
        first, second = Text(turns, row["chosen"]), Text(turns, row["rejected"])
        found[row[ITEM]] = (second, first) if row["id"].endswith(TURNED) else (first, second)
    return found


def _cells(rows: Sequence[dict[str, Any]], question: str, axis: str, items: set[str]) -> list[Cell]:
    """Panels of the axis, and everybody who is in none of them."""
    rest: dict[tuple[str, float], int] = {}
    stated: list[Cell] = []
    for row in rows:
        if row["question"] != question or row["axis"] not in ("all", axis) or row["item"] not in items:
            continue
        count, where = round(row["share"] * row["labels"]), (row["item"], float(row["value"]))
        if row["axis"] == "all":
            rest[where] = rest.get(where, 0) + count
        else:
            rest[where] = rest.get(where, 0) - count
            stated.append(Cell(row["item"], row["panel"], float(row["value"]), count))
    return stated + [Cell(item, None, value, count) for (item, value), count in rest.items() if count > 0]
