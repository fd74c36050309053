"""All that a closed round gives back to the run whose artifact it reviewed: tables and Estimates.

What is given depends on what was asked. Ratings and choices become Scores of people and figures of agreement;
ratings of a model's answers mend the detectors of the evaluation; choices between answers become preference
pairs that a study reads as a source; marked places tell what redaction missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import DataError, Estimate, Outcome, exact, unknown
from duecare.core.table import ANSWERS, CHANGES, EXAMPLES, SCORES, group_column, texts
from duecare.measure import agreements, dawid_skene
from duecare.review.corrected import Correction
from duecare.review.misses import Asked, remaining_rates
from duecare.review.preferences import as_source, preference_pairs
from duecare.review.returned import Export, people_scores, ratings_of, read
from duecare.vault import opened, sealed_with, stored
from duecare.vault.keys import SIZE

PEOPLE, PAIRS, MODELLED = "people.parquet", "pairs.parquet", "modelled.parquet"
SOFT_LABELS = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("item", "row", "key", "part", "question")),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("labels", pa.int32(), nullable=False),
    ]
)
"""How probable each answer to a question on an item is, by Dawid and Skene's model of all who judged; unlike
the shares of `soft.parquet` it believes reliable people more. Categories nobody gave are among them."""
FEW_PEOPLE = 3
"""With fewer people a model cannot tell who is reliable."""
METERS = {
    "toxicity": ("toxicity", "toxic", "harm"),
    "refusal": ("refusal", "refused"),
}
"""Which questions ask people what a detector of the evaluation is asked."""
REFUSED_AT = 0.5


def given_back(folder: Path, reviewed: Path, out: Path, *, panels: str = "") -> Outcome:
    """Write what the export in `folder` gives back into `out`: Scores, soft labels and pairs of people.

    `reviewed` is the artifact that the round was made of. With `panels` (an axis on which people stated
    something) each panel counts alike in pairs. Estimates are the figures of agreement, corrected figures of
    an evaluation, and misses of redaction, as far as the round asked for them.
    """
    export = read(folder)
    files = {"people": PEOPLE} if _people(export, out) else {}
    files |= {"modelled": MODELLED} if _modelled(export, out) else {}
    found = [*agreement(export)]
    if export.questions("choose"):
        found.append(_pairs(export, reviewed, out, panels))
        files |= {"pairs": PAIRS} if (out / PAIRS).is_file() else {}
    if (reviewed / "reading.json").is_file():
        found += of_evaluation(export, reviewed)
    if export.questions("spans") and stored(reviewed, "changes.parquet").exists():
        found += of_redaction(export, reviewed)
    return Outcome(files=files, estimates=tuple(found))


def agreement(export: Export) -> Iterator[Estimate]:
    """Agreement of the people of a round on each question, and how much of it was settled."""
    for name in export.questions("rate", "choose"):
        asked = export.question(name, "rate", "choose")
        ordered = asked["kind"] == "choose" or (asked.get("ordered", True) and len(asked["scale"]) > 2)
        about = {"round": export.name, "question": name}
        by = (export.instrument(name),)
        scale = "ordinal" if ordered else "nominal"
        found = agreements(ratings_of(export, name), np.random.default_rng(0), scale)  # type: ignore[arg-type]  # one of both
        for figure, interval in found.items():
            yield interval.estimate(f"review.agreement.{figure}", about, "", by)


def of_evaluation(export: Export, reviewed: Path) -> Iterator[Estimate]:
    """Rates and gaps of an evaluation's answers, as detectors have them and people mend them.

    Only for questions that ask what a detector was asked (METERS), by suite and axis of the evaluation; a
    round speaks of the answers of the model that it was drawn from.
    """
    reading = msgspec.json.decode((reviewed / "reading.json").read_bytes())
    answers, scores = _table(reviewed, "answers.parquet", ANSWERS), _table(reviewed, "scores.parquet", SCORES)
    labelled = set(export.settled.column("row").to_pylist())
    of_round = answers.filter(pc.is_in(answers["row"], pa.array(sorted(labelled), pa.string())))
    for stem, names in METERS.items():
        for question in (name for name in _graded(export, "rate") if name in names):
            limit = float(reading["toxic_at"]) if stem == "toxicity" else REFUSED_AT
            mend = Correction(export=export, question=question, limit=limit)
            mine = scores.filter(pc.equal(scores["instrument"], reading[stem]))
            for model, suite in _drawn_from(of_round):
                own = answers.filter(
                    pc.and_(pc.equal(answers["model"], model), pc.equal(answers["suite"], suite))
                )
                about = {"suite": suite, "model": model}
                yield from _mended(mend, own, mine, (stem, about), reading)
            yield mend.settled(stem, {"round": export.name})


def _mended(
    mend: Correction,
    answers: pa.Table,
    scores: pa.Table,
    told: tuple[str, Mapping[str, str]],
    reading: Mapping[str, Any],
) -> Iterator[Estimate]:
    """Corrected figures of one model's answers in one suite: all of them, and each axis that has groups."""
    metric, about = told
    rows = answers["row"].to_pylist()
    scored = scores.filter(pc.is_in(scores["row"], pa.array(rows, pa.string())))
    if scored.num_rows == 0:
        return
    units = [
        pair or prompt
        for pair, prompt in zip(answers["pair_id"].to_pylist(), answers["prompt_id"].to_pylist(), strict=True)
    ]
    clusters = dict(zip(rows, units, strict=True))
    yield from mend.figures(scored, metric=metric, clusters=clusters, slice=about)
    for axis in reading["axes"]:
        groups = dict(zip(rows, group_column(answers, axis).to_pylist(), strict=True))
        if any(group is not None for group in groups.values()):
            yield from mend.figures(
                scored,
                metric=metric,
                axis=axis,
                reference=reading["reference"].get(axis),
                groups=groups,
                clusters=clusters,
                slice=about,
            )


def of_redaction(export: Export, reviewed: Path) -> list[Estimate]:
    """How much personal data people still found in rows that a redaction had been through."""
    places = _table(reviewed, "changes.parquet", CHANGES)
    places = places.filter(
        pc.and_(pc.equal(places["step"], "personal"), pc.equal(places["action"], "changed"))
    )
    if places.num_rows == 0:
        return []
    kept = _table(reviewed, "kept.parquet", EXAMPLES)
    seen = pa.Table.from_batches([texts(batch) for batch in kept.to_batches()])
    return remaining_rates(export, places, seen, Asked(question=export.questions("spans")[0]))


def _people(export: Export, out: Path) -> bool:
    """Write the Scores of all questions that have numbers; whether there are any."""
    tables = [people_scores(export, name) for name in _graded(export, "rate", "choose")]
    if tables:
        pq.write_table(pa.concat_tables(tables), out / PEOPLE)
    return bool(tables)


def _graded(export: Export, *kinds: str) -> list[str]:
    """Questions of these kinds whose answers have numbers: no names of three categories or more."""
    asked = [export.question(name, *kinds) for name in export.questions(*kinds)]
    return [
        each["name"]
        for each in asked
        if each["kind"] == "choose" or each.get("ordered", True) or len(each["scale"]) == 2
    ]


def _modelled(export: Export, out: Path) -> bool:
    """Write soft labels of Dawid and Skene's model of questions with enough people; whether there are any."""
    address = {row["item"]: row for row in export.labels.to_pylist()}
    rows = []
    for name in export.questions("rate", "choose"):
        ratings = ratings_of(export, name)
        counts = ratings.per_item()
        if len(set(ratings.rater.tolist())) < FEW_PEOPLE or (counts > 1).sum() < FEW_PEOPLE:
            continue
        labels = dict(zip(ratings.items, counts.tolist(), strict=True))
        for item, shares in dawid_skene(ratings).soft().items():
            about = {key: address[str(item)][key] for key in ("row", "key", "part")}
            about |= {"item": item, "question": name, "labels": labels[item]}
            rows += [about | {"value": value, "probability": share} for value, share in shares.items()]
    if rows:
        pq.write_table(pa.Table.from_pylist(rows, schema=SOFT_LABELS), out / MODELLED)
    return bool(rows)


def _pairs(export: Export, reviewed: Path, out: Path, panels: str) -> Estimate:
    """Write the pairs that choices come to, and count them; a reason where they may not be written."""
    about, method = {"round": export.name}, "exact count"
    if sealed_with(stored(reviewed, "kept.parquet")) is not None:
        reason = "the rows are sealed until personal data is taken out of them; in pairs they would lie open"
        return unknown("review.pairs", reason, 0, about, method)
    question = export.questions("choose")[0]
    # Keys are made again where the pairs are read as a source.
    made = preference_pairs(export, _compared(reviewed), bytes(SIZE), question=question, axis=panels or None)
    if made.num_rows:
        pq.write_table(as_source(made), out / PAIRS)
    return exact("review.pairs", made.num_rows, made.num_rows, about, "rows")


def _compared(reviewed: Path) -> pa.Table:
    """The rows whose answers people compared: answers of an evaluation, or preference pairs."""
    if stored(reviewed, "answers.parquet").exists():
        return _table(reviewed, "answers.parquet", ANSWERS)
    return _table(reviewed, "kept.parquet", EXAMPLES)


def _table(folder: Path, name: str, schema: pa.Schema) -> pa.Table:
    """A table of an artifact, opened where it lies sealed."""
    place = stored(folder, name)
    if not place.exists():
        raise DataError(f"{name} is missing: expected the artifact that the round was made of")
    with opened(place) as raw:
        found = pq.read_table(raw)
    return found.select(schema.names).cast(schema)


def _drawn_from(answers: pa.Table) -> list[tuple[str, str]]:
    """Models and suites whose answers were reviewed."""
    return sorted(set(zip(answers["model"].to_pylist(), answers["suite"].to_pylist(), strict=True)))
