"""What each stage of training changed, paired on what was asked before and after it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Estimate, Note
from duecare.evaluate.figures import figures
from duecare.evaluate.tables import Tables
from duecare.measure.interval import LEVEL

BASE, TUNED = "base", "tuned"
_BY_MODEL = ("answers", "twins", "heldout", "choices")


def changes(
    ends: Tables, between: Tables, order: Sequence[str], level: float = LEVEL
) -> tuple[Estimate, ...]:
    """For every stage the changes of all figures, named "stages.<metric>".

    `ends` are the tables of base and last model, `between` those of the models after each job of `order`
    but the last. In a slice "model" is the stage, and "from" what it started from.
    """
    found: list[Estimate] = []
    for before, after in pairwise((BASE, *order)):
        pair = _paired(ends, between, (before, after), last=order[-1])
        found += [
            _named(figure, before, after)
            for figure in figures(pair, level)
            if figure.metric.endswith(".change")
        ]
    return tuple(found)


def told(ends: Tables, between: Tables, order: Sequence[str]) -> Iterator[Note]:
    """One Note a stage: which of its changes are beyond chance when all changes of all stages are looked at.

    Bonferroni: with m changes each interval is one at level 1 - 0.05 / m.
    """
    count = sum(figure.value is not None for figure in changes(ends, between, order))
    level = 1 - (1 - LEVEL) / max(1, count)
    by_stage: dict[str, list[Estimate]] = {stage: [] for stage in order}
    for figure in changes(ends, between, order, level):
        by_stage[figure.slice["model"]].append(figure)
    for stage, mine in by_stage.items():
        sure = [each for each in mine if each.low is not None and each.high is not None]
        beyond = [each for each in sure if (each.low or 0.0) > 0 or (each.high or 0.0) < 0]
        words = ": " + "; ".join(map(_words, beyond)) if beyond else ""
        text = (
            f"after {stage} {len(beyond) or 'none'} of {len(sure)} changes"
            f" {'are' if len(beyond) > 1 else 'is'} beyond chance at {100 * level:.5g} %"
            f" (Bonferroni over {count} changes of all stages){words}"
        )
        yield Note(topic="stages.moved", text=text, data={"stage": stage, "beyond": str(len(beyond))})


def _words(figure: Estimate) -> str:
    about = [figure.slice[name] for name in ("axis", "group", "source") if name in figure.slice]
    name = figure.metric.removeprefix("stages.").removesuffix(".change")
    return f"{name} {', '.join(about)} {figure.value:+.3g} ({figure.low:+.3g} to {figure.high:+.3g})"


def _paired(ends: Tables, between: Tables, models: tuple[str, str], last: str) -> Tables:
    """Two models as if they were base and tuned, on the suites that were asked of those in between."""
    sides = []
    for model, role in zip(models, (BASE, TUNED), strict=True):
        ours = model not in (BASE, last)
        side = between if ours else ends
        sides.append((side, model if ours else BASE if model == BASE else TUNED, role))
    asked = _suites(between)
    made: dict[str, pa.Table] = {}
    for name in _BY_MODEL:
        parts = [_of(getattr(side, name), model, role, asked) for side, model, role in sides]
        made[name] = pa.concat_tables(parts)
    if not len(between.heldout):
        made["heldout"] = between.heldout
    made["scores"] = pa.concat_tables([ends.scores, between.scores])
    return replace(between, reading=msgspec.structs.replace(ends.reading, models=(BASE, TUNED)), **made)


def _suites(tables: Tables) -> pa.Array:
    """The suites that a table of answers, of twins or of items tells of; held-out rows name none."""
    columns = [getattr(tables, name).column("suite") for name in ("answers", "twins", "items")]
    return pa.array(sorted({name for column in columns for name in column.unique().to_pylist()}), pa.string())


def _of(table: pa.Table, model: str, role: str, asked: pa.Array) -> pa.Table:
    """The rows of one model, renamed."""
    mine = table.filter(pc.equal(table.column("model"), model))
    if "suite" in mine.column_names:
        mine = mine.filter(pc.is_in(mine.column("suite"), asked))
    place = mine.schema.get_field_index("model")
    named = pa.repeat(pa.scalar(role, pa.string()), len(mine))
    return mine.set_column(place, mine.schema.field(place), named)


def _named(figure: Estimate, before: str, after: str) -> Estimate:
    about = dict(figure.slice) | {"model": after, "from": before}
    if about.get("against") == BASE:
        about["against"] = before
    roles = {f"model:{BASE}": f"model:{before}", f"model:{TUNED}": f"model:{after}"}
    rests_on = tuple(roles.get(name, name) for name in figure.rests_on)
    return msgspec.structs.replace(figure, metric=f"stages.{figure.metric}", slice=about, rests_on=rests_on)
