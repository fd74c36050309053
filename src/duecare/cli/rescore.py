"""A sample of Scores given again: the same texts, shown to the detectors that are installed here.

Log-probabilities of models are not asked for again, since that needs the models and JAX: they are named.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import FAIL, PASS, Artifact, DuecareError, Finding
from duecare.core.table import TEXTS
from duecare.core.table import texts as flatten
from duecare.report.asked import Record, look
from duecare.report.gather import Stage, Story, gather

SAMPLE = 200
"""Texts of each job and instrument that are scored again."""
TOLERANCE = 1e-6
"""Largest difference between two scores (0 to 1) of one text by one instrument on two machines."""
LIMIT = f"a sample of scores, given again by the same instruments, is as recorded (within {TOLERANCE:g})"
_NEXT = "Find out where these scores come from: the instrument named does not give them for these texts."
_SHOWN = 5
_COLUMNS = ("row", "part", "instrument", "value")
_BY_MODEL = ("twins", "heldout", "choices")

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Rescored:
    """One instrument's scores of one job: how many were given again, which differ, or `why` none were."""

    job: str
    entry: int
    instrument: str
    again: int
    differing: tuple[str, ...]
    why: str = ""


def rescore(run: Path, sample: int = SAMPLE) -> tuple[Rescored, ...]:
    """Give a sample of every job's scores again. Raises LedgerError where the log is not as signed."""
    story = gather(run)
    return tuple(each for stage in story.stages for each in _job(run, story, stage, sample))


def findings(found: Iterable[Rescored]) -> list[Finding]:
    """One Finding for every instrument of a job that scored again."""
    said = []
    for each in found:
        if not each.again:
            continue
        about = f"{each.job} (entry {each.entry}), {each.instrument}"
        if each.differing:
            shown = "; ".join(each.differing[:_SHOWN])
            detail = f"{about}: {len(each.differing)} of {each.again} scores differ: {shown}."
            said.append(Finding(name="verify.rescore", verdict=FAIL, limit=LIMIT, detail=detail, next=_NEXT))
        else:
            detail = f"{about}: {each.again} scores given again."
            said.append(Finding(name="verify.rescore", verdict=PASS, limit=LIMIT, detail=detail))
    return said


def _job(run: Path, story: Story, stage: Stage, sample: int) -> Iterator[Rescored]:
    looked = look(run, stage, "scores.parquet", _COLUMNS)
    if looked is None:
        return
    if looked.records is None:
        yield Rescored(stage.job, stage.entry.index, "", 0, (), looked.why)
        return
    by_instrument: dict[str, list[Record]] = {}
    for record in looked.records:
        by_instrument.setdefault(str(record["instrument"]), []).append(record)
    for instrument, records in by_instrument.items():
        draw = random.Random(stage.digest + instrument)  # noqa: S311  # which texts: known once they are sealed
        chosen = draw.sample(records, min(sample, len(records)))
        try:
            again = _scores(run, story, stage, instrument, {(each["row"], each["part"]) for each in chosen})
        except (DuecareError, ImportError) as error:
            yield Rescored(stage.job, stage.entry.index, instrument, 0, (), str(error))
            continue
        differing = tuple(word for each in chosen if (word := _differs(each, again)))
        yield Rescored(stage.job, stage.entry.index, instrument, len(chosen), differing)
    if stage.kind in ("evaluate", "stages"):
        asked = [
            name
            for name in _BY_MODEL
            if (rows := look(run, stage, f"{name}.parquet", ("model",))) and rows.found
        ]
        if asked:
            why = "log-probabilities are the model's own, which is not loaded here"
            yield Rescored(stage.job, stage.entry.index, ", ".join(asked), 0, (), why)


def _scores(
    run: Path, story: Story, stage: Stage, instrument: str, places: set[Place]
) -> dict[Place, float | None]:
    """What the installed detector says of the texts at these places."""
    from duecare import detect

    heads = stage.entry.settings.get("heads") or ()
    if isinstance(stage.entry.settings.get("detector"), dict):
        raise DuecareError("a scorer of the study's own, which is not asked again here")
    scorer = detect.load(instrument.partition("@")[0], tuple(heads) if stage.kind == "toxicity" else ())
    if scorer.instrument != instrument:
        raise DuecareError(f"recorded by {instrument}, installed here is {scorer.instrument}")
    texts = (
        _answers(run, stage, places)
        if "answers.parquet" in stage.listed
        else _rows(run, story, stage, places)
    )
    if len(texts) != len(places):
        raise DuecareError(f"{len(places) - len(texts)} of the texts scored are not among the rows")
    said: dict[Place, float | None] = {}
    for batch in texts.combine_chunks().to_batches():
        for record in scorer(batch).to_pylist():
            if record["instrument"] == instrument:
                said[record["row"], record["part"]] = record["value"]
    return said


def _answers(run: Path, stage: Stage, places: set[Place]) -> pa.Table:
    looked = look(run, stage, "answers.parquet", ("row", "key", "answer"))
    if looked is None or looked.records is None:
        raise DuecareError(looked.why if looked else "answers.parquet is missing")
    rows = [
        {"row": each["row"], "key": each["key"], "part": "answer", "text": each["answer"]}
        for each in looked.records
        if (each["row"], "answer") in places
    ]
    return pa.Table.from_pylist(rows, schema=TEXTS)


def _rows(run: Path, story: Story, stage: Stage, places: set[Place]) -> pa.Table:
    """Texts at the places, from the rows that the job was given."""
    from duecare.curate.flow import batches

    before = story.maker(stage.entry.inputs.get("examples", ""), stage.source)
    if before is None or before.altered:
        raise DuecareError("the rows it was given are no current result of this run")
    wanted, found = pa.array(sorted({row for row, _ in places}), pa.string()), []
    for batch in batches(Artifact(job=before.job, path=run / before.folder, digest=before.digest)):
        some = batch.filter(pc.is_in(batch.column("row"), wanted))
        flat = flatten(some).to_pylist() if len(some) else []
        found += [each for each in flat if (each["row"], each["part"]) in places]
    return pa.Table.from_pylist(found, schema=TEXTS)


def _differs(recorded: Record, again: dict[Place, float | None]) -> str:
    """In words how a score differs; empty where it does not. No text is told."""
    one, two = recorded["value"], again.get((recorded["row"], recorded["part"]))
    same = one is two if one is None or two is None else math.isclose(one, two, abs_tol=TOLERANCE, rel_tol=0)
    if same:
        return ""
    shown = ["none" if value is None else f"{value:.4g}" for value in (one, two)]
    return f"{recorded['row']} {recorded['part']}: {shown[0]} recorded, {shown[1]} given"
