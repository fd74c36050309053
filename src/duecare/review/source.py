"""What of a run may be reviewed: candidates from its sealed artifacts, found through the ledger.

Tables that lie sealed with a study's secret are opened by the vault, where they may be: what is reviewed
lies open in the store, and outlives the secret, so rows before redaction are refused unless that is asked
for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core.errors import DataError
from duecare.core.table import ANSWERS, EXAMPLES, SCORES
from duecare.ledger.entry import Entry
from duecare.ledger.read import entries, head
from duecare.review.plan import Candidate, Point
from duecare.vault.sealed import opened, sealed_with, stored

KEPT, ANSWERED, SCORED = "kept.parquet", "answers.parquet", "scores.parquet"
REWARD = "reward"
"""How instruments that score answers for reinforcement begin."""
HARM = "toxicity"
"""Instruments whose name begins so say what is disturbing."""
_PARENT = "parent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a round is drawn from: the job and digest of the artifact, and its candidates."""

    run: str
    job: str
    digest: str
    candidates: list[Candidate]


def of_run(
    run: Path,
    point: Point,
    source: str,
    *,
    jobs: Sequence[str] | None = None,
    compare: bool = False,
    unredacted: bool = False,
    blur: float | None = 0.5,
) -> Material:
    """What a run has for review at `point`.

    `source` names a source of the study for data, pairs and reward, a suite (or "" for all) for the model.
    With `compare` answers of base and tuned model stand side by side. Texts that a toxicity detector scores
    at `blur` or above are shown blurred; None blurs all. Raises DataError where the run has nothing of the
    kind.
    """
    made = {job: entry for job, entry in _made(run).items() if jobs is None or job in jobs}
    if point == "model":
        entry = _last(made, "evaluate", point)
        folder, digest = _artifact(run, entry)
        found = list(of_answers(folder, source, compare=compare, blur=blur))
    else:
        entry = _kept_last(run, made, source)
        folder, digest = _artifact(run, entry)
        scored = [place for place in _scored(run, made, source, point) if (place / SCORED).exists()]
        found = list(of_rows(folder, scored, unredacted=unredacted, blur=blur))
        if point == "reward":
            found = [each for each in found if any(name.startswith(REWARD) for name in each.scores)]
            if not found:
                raise DataError(
                    "round: no step left scores of the reward model (scores.parquet) for these pairs"
                )
        if point != "data":
            found = [each for each in found if each.shown["kind"] == "answers"]
    if not found:
        raise DataError(f"round: the run has nothing to review at {point} ({source or 'all'})")
    return Material(run=head(run).run, job=str(entry.job), digest=digest, candidates=found)


def of_rows(
    folder: Path, scored: Sequence[Path] = (), *, unredacted: bool = False, blur: float | None = 0.5
) -> Iterator[Candidate]:
    """One candidate for each row that an artifact keeps, with the detector scores found in `scored`
    folders.
    """
    place = stored(folder, KEPT)
    if sealed_with(place) is not None and not unredacted:
        raise DataError(
            f"round: the rows of {folder.name} are sealed, as personal data was not taken out of them yet; "
            "in a round they would lie open"
        )
    scores, pairs = scores_by_row(scored), _twins(place)
    for row in _rows(place, EXAMPLES):
        own = scores.get(row["row"], {})
        yield Candidate(
            row=row["row"],
            key=row["key"],
            part={"text": "text", "chat": "messages", "preference": "pair"}[row["kind"]],
            shown=_shown(row),
            groups={each["axis"]: each["value"] for each in row["groups"]},
            scores=own,
            pair_id=pairs.get(row["row"]),
            disturbing=_disturbing(own, blur),
        )


def of_answers(
    folder: Path, suite: str = "", *, compare: bool = False, blur: float | None = 0.5
) -> Iterator[Candidate]:
    """One candidate for each answer of the tuned model, or for each pair of answers to one prompt.

    In a pair `a` is the base model's answer and `b` the tuned one's; which stands left is drawn for each
    person.
    """
    scores = scores_by_row([folder]) if stored(folder, SCORED).exists() else {}
    answers: dict[tuple[str, str, int], dict[str, dict[str, Any]]] = {}
    for row in _rows(stored(folder, ANSWERED), ANSWERS):
        if not suite or row["suite"] == suite:
            answers.setdefault((row["suite"], row["prompt_id"], row["sample"]), {})[row["model"]] = row
    for models in answers.values():
        if not models.keys() & {"tuned", "base"} or (compare and len(models) < 2):
            continue
        row = models["tuned" if "tuned" in models else "base"]
        prompt = [{"role": "user", "content": row["prompt"]}]
        if compare:
            both = {"a": models["base"]["answer"], "b": models["tuned"]["answer"]}
            shown: dict[str, Any] = {"kind": "answers", "messages": prompt, "answers": both}
        else:
            turn = {"role": "assistant", "content": row["answer"]}
            shown = {"kind": "chat", "messages": [*prompt, turn]}
        own = scores.get(row["row"], {})
        yield Candidate(
            row=row["row"],
            key=row["key"],
            part="answer",
            shown=shown,
            groups={each["axis"]: each["value"] for each in row["groups"]},
            scores=own,
            hidden={"suite": row["suite"], "model": row["model"], "prompt_id": row["prompt_id"]},
            pair_id=row["pair_id"],
            disturbing=_disturbing(own, blur),
        )


def scores_by_row(folders: Sequence[Path]) -> dict[str, dict[str, float]]:
    """For each row the highest score that each instrument gave to one of its texts.

    A reward model's scores of `chosen` and `rejected` become one: its probability that the chosen one is
    better (Bradley and Terry 1952), which is near one half where it is unsure.
    """
    found: dict[str, dict[str, float]] = {}
    sides: dict[tuple[str, str], dict[str, float]] = {}
    for folder in folders:
        for row, part, instrument, value in _scores(stored(folder, SCORED)):
            if value is None:
                continue
            if instrument.startswith(REWARD) and part in ("chosen", "rejected"):
                sides.setdefault((row, instrument), {})[part] = value
                continue
            own = found.setdefault(row, {})
            own[instrument] = max(value, own.get(instrument, value))
    for (row, instrument), both in sides.items():
        if len(both) == 2:
            difference = min(max(both["chosen"] - both["rejected"], -500.0), 500.0)
            found.setdefault(row, {})[instrument] = 1 / (1 + math.exp(-difference))
    return found


def _twins(path: Path) -> dict[str, str]:
    """The pair of each counterfactual copy, and of the row that it was made from: that row's name.

    Nothing is the twin of a plain copy (`balance`), of a copy's copy, or of a row that was set aside.
    """
    rows: set[str] = set()
    parents: dict[str, str] = {}
    for batch in _batches(path, EXAMPLES):
        names, fields = batch.column("row"), pc.list_flatten(batch.column("fields"))
        mine = pc.equal(fields.field("name"), _PARENT)
        copies = names.take(pc.list_parent_indices(batch.column("fields")).filter(mine))
        rows.update(names.to_pylist())
        parents |= zip(copies.to_pylist(), fields.field("value").filter(mine).to_pylist(), strict=True)
    found: dict[str, str] = {}
    for row, parent in parents.items():
        made = row.removeprefix(parent).split("~")[1:]
        if parent in rows and (not made or (len(made) == 1 and ">" in made[0])):
            found[row] = found[parent] = parent
    return found


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["kind"] == "text":
        return {"kind": "text", "text": row["text"]}
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]
    if row["kind"] == "chat":
        return {"kind": "chat", "messages": turns}
    return {"kind": "answers", "messages": turns, "answers": {"a": row["chosen"], "b": row["rejected"]}}


def _disturbing(scores: Mapping[str, float], blur: float | None) -> bool:
    return blur is None or any(name.startswith(HARM) and value >= blur for name, value in scores.items())


def _rows(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    for batch in _batches(path, schema):
        yield from batch.to_pylist()


def _scores(path: Path) -> Iterator[tuple[str, str, str, float | None]]:
    for batch in _batches(path, SCORES):
        names = ("row", "part", "instrument", "value")
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with opened(path) as raw, pq.ParquetFile(raw, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=8192):
            if missing := sorted(set(schema.names) - set(batch.schema.names)):
                raise DataError(f"{path.name}: columns {', '.join(missing)} are not there")
            yield batch


def _made(run: Path) -> dict[str, Entry]:
    """The latest finished step of each job, in the order in which they were finished."""
    found: dict[str, Entry] = {}
    for entry in entries(run):
        if entry.happened == "step.finished" and entry.job:
            found.pop(entry.job, None)
            found[entry.job] = entry
    return found


def _artifact(run: Path, entry: Entry) -> tuple[Path, str]:
    ((path, digest),) = entry.outputs.items()
    return run / path, digest


def _last(made: Mapping[str, Entry], job: str, point: str) -> Entry:
    if job not in made:
        raise DataError(f"round: the run has no finished step {job}, which a round on {point} looks at")
    return made[job]


def _kept_last(run: Path, made: Mapping[str, Entry], source: str) -> Entry:
    """The last step that wrote the kept rows of a source."""
    kept = [
        entry
        for job, entry in made.items()
        if job.endswith(f":{source}") and stored(_artifact(run, entry)[0], KEPT).exists()
    ]
    if not kept:
        known = sorted({job.partition(":")[2] for job in made if job.startswith("read:")})
        raise DataError(
            f"round: the run has no rows of a source {source!r}; it has {', '.join(known) or 'none'}"
        )
    return kept[-1]


def _scored(run: Path, made: Mapping[str, Entry], source: str, point: str) -> list[Path]:
    """Folders that may hold scores of a source's rows."""
    jobs = [
        job for job in made if job.endswith(f":{source}") or (point == "reward" and job.startswith("reward"))
    ]
    return [_artifact(run, made[job])[0] for job in jobs]
