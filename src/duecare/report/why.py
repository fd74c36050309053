"""What happened to one record in every step, and why. No text of it is read, and none is told.

A record is named by its row ("chats:12": source and position) or by its key. Places in its texts are told as
offsets in code points, as the steps recorded them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duecare.core import LedgerError
from duecare.report.asked import Looked, Record, look
from duecare.report.gather import Stage, Story, gather

_TABLES = ("kept", "dropped", "train", "held_out")
_REASON = ("action", "reason", "instrument", "value", "part", "start", "end", "label")
_SCORE = ("instrument", "value", "part", "reason")
_SPAN = ("instrument", "value", "part", "start", "end", "label")
_SAID = {"kept": "kept", "dropped": "dropped", "train": "training side", "held_out": "held out"}
_AND = {"made here": "added", "changed": "changed", "flagged": "flagged"}
PARENT = "parent"
"""The kept column that names the row from which a counterfactual copy was made."""


@dataclass(frozen=True, slots=True)
class Passed:
    """One step that the record went through: `became` in a word or two, and what was noted about it."""

    job: str
    entry: int
    became: str
    reasons: tuple[Record, ...]
    scores: tuple[Record, ...]
    spans: tuple[Record, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """A training step that could read the record: one of `rows`; `settings` say how many it drew."""

    job: str
    entry: int
    rows: int | None
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Fate:
    """All that is on record about one row. `asked` has a figure of each model that was asked about it."""

    row: str
    key: str
    source: str
    passed: tuple[Passed, ...]
    side: str
    trained: tuple[Trained, ...]
    asked: tuple[Record, ...]
    copies: tuple[str, ...]
    parent: str
    weight: float | None
    verdict: str


def why(run: Path, named: str) -> Fate:
    """What happened to the record `named` in the run as it stands.

    Raises LedgerError where no step of the run knows it, or its source is none of the run's.
    """
    story = gather(run)
    row, key = _row(run, story, named)
    source = row.partition(":")[0]
    stages = [stage for stage in story.stages if stage.source == source]
    passed = tuple(each for stage in stages if (each := _passed(run, stage, row)) is not None)
    if not passed:
        known = ", ".join(sorted({stage.source for stage in story.stages if stage.source})) or "none"
        raise LedgerError(f"no step of {story.name} knows row {row}; its sources are {known}")
    side = next(
        (each.became for each in reversed(passed) if each.became in ("training side", "held out")), ""
    )
    last = passed[-1]
    held = next((h for stage in reversed(stages) if (h := _held(run, stage, row)) is not None), None)
    trained = _trained(run, story, stages) if side == "training side" else ()
    return Fate(
        row=row,
        key=key or str((held or {}).get("key") or ""),
        source=source,
        passed=passed,
        side=side,
        trained=trained,
        asked=_asked(run, story, row),
        copies=_copies(run, stages, row),
        parent=_field(held, PARENT),
        weight=(held or {}).get("weight"),
        verdict=_verdict(last, side, trained),
    )


def _row(run: Path, story: Story, named: str) -> tuple[str, str]:
    """Row and key of what was named by either."""
    if len(named) != 64 or set(named) - set("0123456789abcdef"):
        return named, ""
    for stage in story.stages:
        for table in _TABLES:
            looked = look(run, stage, f"{table}.parquet", ("row", "key"), key=named)
            for record in looked.found if looked else ():
                return str(record["row"]), named
    raise LedgerError(f"no row of {story.name} has key {named[:12]}...; name it by row (chats:12) instead")


def _passed(run: Path, stage: Stage, row: str) -> Passed | None:
    """What one step made of the row; None where it never came to it."""
    unknown, tables = [], []
    for name in _TABLES:
        looked = look(run, stage, f"{name}.parquet", ("row",), row=row)
        if looked is None:
            continue
        if looked.records is None:
            unknown.append(looked.why)
        elif looked.records:
            tables.append(name)
    reasons, scores, spans = (
        _noted(look(run, stage, f"{name}.parquet", columns, row=row), unknown)
        for name, columns in (("changes", _REASON), ("scores", _SCORE), ("spans", _SPAN))
    )
    if not (tables or reasons or scores or spans):
        return None
    became = ", ".join(_SAID[name] for name in tables) or _by_reason(reasons, unknown)
    actions = [reason["action"] for reason in reasons]
    if tables:
        became += "".join(f", {word}" for word, one in _AND.items() if one in actions)
    return Passed(stage.job, stage.entry.index, became, reasons, scores, spans, tuple(unknown))


def _noted(looked: Looked | None, unknown: list[str]) -> tuple[Record, ...]:
    """What was noted, without what is empty; where it cannot be read the reason goes to `unknown`."""
    if looked is None or looked.records is None:
        unknown += [looked.why] if looked else []
        return ()
    return tuple({k: v for k, v in record.items() if v is not None} for record in looked.records)


def _by_reason(reasons: tuple[Record, ...], unknown: list[str]) -> str:
    """What became of a row whose tables cannot be looked into, from the reasons alone."""
    actions = {reason["action"] for reason in reasons}
    for action in ("set aside", "dropped", "changed", "added", "flagged"):
        if action in actions:
            return action if action in ("set aside", "dropped") or not unknown else f"{action}, kept"
    return "was seen" if not unknown else "cannot be looked into"


def _held(run: Path, stage: Stage, row: str) -> Record | None:
    """The row without its texts, from the last table that has it."""
    for name in ("train", "held_out", "kept", "dropped"):
        looked = look(run, stage, f"{name}.parquet", ("row", "key", "fields", "weight"), row=row)
        if looked and looked.found:
            return looked.found[0]
    return None


def _field(record: Record | None, name: str) -> str:
    fields = (record or {}).get("fields") or ()
    return next((str(each["value"]) for each in fields if each["name"] == name), "")


def _copies(run: Path, stages: list[Stage], row: str) -> tuple[str, ...]:
    """Rows that a step made from this one: their ids begin with it."""
    found: dict[str, None] = {}
    for stage in stages:
        looked = look(run, stage, "changes.parquet", ("row",), action="added")
        for record in looked.found if looked else ():
            if str(record["row"]).startswith(f"{row}~"):
                found[str(record["row"])] = None
    return tuple(found)


def _trained(run: Path, story: Story, stages: list[Stage]) -> tuple[Trained, ...]:
    """Steps that take the artifact with the training side and leave a model."""
    sides = [stage for stage in stages if any(name.startswith("train.parquet") for name in stage.listed)]
    found = []
    for stage in story.stages:
        makes = any(name.startswith(("model/", "adapter/")) for name in stage.listed)
        reads = [side for side in sides if side.digest in stage.entry.inputs.values()]
        if makes and reads:
            looked = look(run, reads[0], "train.parquet", ("row",))
            rows = len(looked.records) if looked and looked.records is not None else None
            drawn = {
                name: str(value)
                for name, value in stage.entry.settings.items()
                if name in ("steps", "batch_size", "accumulate", "batch_tokens", "held_out", "epochs")
                and value is not None
            }
            found.append(Trained(stage.job, stage.entry.index, rows, drawn))
    return tuple(found)


def _asked(run: Path, story: Story, row: str) -> tuple[Record, ...]:
    """Figures of models that were asked about the row where it was held out."""
    found: list[Record] = []
    for stage in story.stages:
        looked = look(run, stage, "heldout.parquet", ("model", "total", "tokens", "rouge_l"), row=row)
        found += [{"job": stage.job, **record} for record in (looked.found if looked else ())]
    return tuple(found)


def _verdict(last: Passed, side: str, trained: tuple[Trained, ...]) -> str:
    """In one sentence whether a model may have learned from the row."""
    if side == "held out":
        return "No training step was given it: it was held out."
    if side == "training side" and not trained:
        return "It is on the training side, but no step of this run trained on that."
    if side == "training side":
        jobs = ", ".join(each.job for each in trained)
        return (
            f"It was among the rows given to {jobs}. Which rows a step drew is not on record: with fewer "
            "steps than rows it may not have been read."
        )
    if last.became in ("dropped", "set aside"):
        return f"No training step was given it: {last.job} has it as {last.became}."
    return "Where it went after the last step that knows it is not on record, or cannot be looked into."
