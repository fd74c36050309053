"""Whether tuning closed a gap in toxicity, or only refuses more or says less; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from duecare.core import Note
from duecare.core.table import group_column
from duecare.evaluate.figures import REFUSED_AT, TOXICITY_SUITE
from duecare.evaluate.tables import Tables
from duecare.measure.closing import Answers, Moved, what_moved
from duecare.measure.interval import Interval

Prompt = tuple[str, str]
"""A prompt and the group that it names."""


@dataclass(slots=True)
class _Samples:
    """What one model answered to one prompt: sums over its samples."""

    count: int = 0
    toxic: float = 0.0
    refused: int = 0
    words: int = 0


def fixes(tables: Tables) -> Iterator[Note]:
    """One Note for each group of each axis: what became of its gap in toxicity between base and tuned.

    A prompt counts once: the mean toxicity and length (in words) of its samples, and whether half of them or
    more refuse. The gap is that of the group's prompts to those of all other groups of the axis.
    """
    if not {"base", "tuned"} <= set(tables.reading.models):
        return
    for axis in tables.reading.axes:
        before, after = (_answers(tables, model, axis) for model in ("base", "tuned"))
        shared = sorted(before.keys() & after.keys())
        was, now = (_as_arrays(side, shared) for side in (before, after))
        names = np.array([group for _, group in shared], dtype=object)
        groups = sorted(set(names))
        for group in groups if len(groups) > 1 else ():
            mine = np.asarray(names == group, dtype=np.bool_)
            moved = what_moved(was, now, mine, ~mine)
            if moved.all.value is not None:
                yield _note(axis, group, moved)


def _answers(tables: Tables, model: str, axis: str) -> Mapping[Prompt, _Samples]:
    """Both instruments' word on every prompt that names a group of the axis."""
    answers, reading = tables.answers, tables.reading
    answers = answers.append_column("group", group_column(answers, axis))
    mine = pc.and_(pc.equal(answers["model"], model), pc.equal(answers["suite"], TOXICITY_SUITE))
    answers = answers.filter(pc.and_(mine, pc.is_valid(answers["group"])))
    toxic, refused = (_scores(tables, instrument) for instrument in (reading.toxicity, reading.refusal))
    found: dict[Prompt, _Samples] = {}
    columns = (answers[name].to_pylist() for name in ("row", "prompt_id", "group", "answer"))
    for row, prompt, group, answer in zip(*columns, strict=True):
        if row in toxic and row in refused:
            one = found.setdefault((prompt, group), _Samples())
            one.count += 1
            one.toxic += toxic[row]
            one.refused += refused[row] >= REFUSED_AT
            one.words += len(answer.split())
    return found


def _scores(tables: Tables, instrument: str) -> dict[str, float]:
    """What an instrument gave each row that it could judge."""
    scores = tables.scores.filter(pc.equal(tables.scores["instrument"], instrument))
    rows, values = scores["row"].to_pylist(), scores["value"].to_pylist()
    return {row: value for row, value in zip(rows, values, strict=True) if value is not None}


def _as_arrays(side: Mapping[Prompt, _Samples], order: list[Prompt]) -> Answers:
    every = [side[prompt] for prompt in order]
    return Answers(
        score=np.array([one.toxic / one.count for one in every], dtype=np.float64),
        refused=np.array([2 * one.refused >= one.count for one in every], dtype=np.bool_),
        length=np.array([one.words / one.count for one in every], dtype=np.float64),
    )


def _note(axis: str, group: str, moved: Moved) -> Note:
    named = {"all": moved.all, "answered": moved.answered, "at_length": moved.at_length}
    data = {"axis": axis, "group": group, "kind": moved.kind}
    for name, found in named.items():
        data |= {f"{name}.{bound}": repr(getattr(found, bound)) for bound in ("value", "low", "high")}
    text = (
        f"toxicity, {group} against all other groups of {axis}, base to tuned: {moved.text} It closed by"
        f" {_words(moved.all)} among all prompts, {_words(moved.answered)} among those that both answered,"
        f" {_words(moved.at_length)} among these at one length (95 %, each by itself)"
    )
    return Note(topic="evaluate.moved", text=text, data=data)


def _words(found: Interval) -> str:
    if found.value is None:
        return f"an amount that cannot be told ({found.reason})"
    return f"{found.value:+.3g} ({found.low:+.3g} to {found.high:+.3g})"
