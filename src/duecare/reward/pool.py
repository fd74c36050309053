"""A pool of a policy's own answers, and what every instrument says of them. JAX only for models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifacts, DataError, Message, Note, Outcome, Progress, Tell, exact
from duecare.core.table import EXAMPLES, expect
from duecare.reward.asking import Rewarder, rewarder_of
from duecare.reward.over import HELD_OUT, NAME, REWARD, Course, Floats, Pool, course_of, estimates, finding
from duecare.reward.pairs import ALL, Text
from duecare.reward.pairs import HELD_OUT as HELD_OUT_ROWS

if TYPE_CHECKING:
    from duecare.reward.best import BestOfN

POOL = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("row", "key")),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("instrument", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
    ]
)
"""What one instrument says of one answer a row; no text stands here. Null: it could not say."""

CURVE = pa.schema(
    [
        pa.field("n", pa.int32(), nullable=False),
        pa.field("instrument", pa.string(), nullable=False),
        pa.field("row", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
    ]
)
"""What the best of n answers to one prompt is worth a row, rewards in standard deviations."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt: the conversation up to the last turn of a user, and the groups that its row declares."""

    row: str
    key: str
    turns: tuple[Message, ...]
    groups: Mapping[str, str]


def follow(step: BestOfN, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `BestOfN`."""
    from duecare.reward.sampling import policy_answers

    asked = read_prompts(inputs["data"].path, step.prompts, step.seed)
    axes = step.groups or tuple(dict.fromkeys(axis for one in asked for axis in one.groups))
    judges = {
        REWARD: rewarder_of(step.reward, inputs.get("reward"), step.batch, axes),
        HELD_OUT: rewarder_of(step.held_out, inputs.get("held_out"), step.batch, axes),
        **{name: rewarder_of(name, None, step.batch) for name in step.instruments},
    }
    kept, answers = policy_answers(step, inputs, asked, tell)
    pool = judged(kept, answers, judges, axes, tell)
    course = course_of(pool)
    about = {"reward": step.reward, "held_out": step.held_out, "policy": step.policy or "base"}
    rests_on = {name: judge.rests_on for name, judge in judges.items()}
    both = tuple(dict.fromkeys((*rests_on[REWARD], *rests_on[HELD_OUT])))
    found = [exact(f"{NAME}.prompts.left_out", len(asked) - len(kept), len(asked), about, "prompts")]
    found += estimates(course, about, rests_on)
    tell(_note(step, judges, kept, pool))
    decided = finding(course, step.loss, step.alpha, about, both)
    pq.write_table(_pool_table(kept, pool), out / "pool.parquet")
    pq.write_table(_curve_table(kept, course), out / "best.parquet")
    files = {"pool": "pool.parquet", "best": "best.parquet"}
    return Outcome(files=files, estimates=tuple(found), findings=(decided,))


def read_prompts(folder: Path, most: int, seed: int) -> list[Asked]:
    """At most `most` rows that end with a user's question, drawn by `seed`, in the order of the rows.

    The held-out part of an artifact, where it has one, else all rows. Raises DataError for fewer than 4.
    """
    path = next((folder / name for name in (HELD_OUT_ROWS, ALL) if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"{NAME}: expected {HELD_OUT_ROWS} or {ALL} in what `on` names")
    try:
        rows = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name}: expected a whole Parquet file; it is damaged or ends early") from error
    expect(rows, EXAMPLES, path.name)
    found = [one for row in rows.to_pylist() if row["weight"] > 0 and (one := _asked(row)) is not None]
    if len(found) < 4:
        raise DataError(f"{path.name}: {len(found)} rows hold a question of a user: expected 4 at least")
    if len(found) <= most:
        return found
    chosen = np.random.default_rng(seed).choice(len(found), most, replace=False)
    return [found[place] for place in sorted(chosen.tolist())]


def _asked(row: Mapping[str, Any]) -> Asked | None:
    turns = [Message(role=turn["role"], content=turn["content"]) for turn in row["messages"] or ()]
    while turns and turns[-1].role != "user":
        turns.pop()
    if not turns:
        return None
    groups = {each["axis"]: each["value"] for each in row["groups"]}
    return Asked(row["row"], row["key"], tuple(turns), groups)


def judged(
    asked: Sequence[Asked],
    answers: Sequence[Sequence[str]],
    judges: Mapping[str, Rewarder],
    axes: Sequence[str],
    tell: Tell,
) -> Pool:
    """What every judge says of all answers, and how many words they have."""
    texts = [Text(one.turns, text) for one, own in zip(asked, answers, strict=True) for text in own]
    shape = (len(asked), len(answers[0]))
    values = {}
    for number, (name, judge) in enumerate(judges.items()):
        tell(Progress(done=number, total=len(judges), unit=f"instruments: {name}"))
        values[name] = np.asarray(judge.rewards(texts), np.float64).reshape(shape)
    words: Floats = np.array([len(text.answer.split()) for text in texts], np.float64).reshape(shape)
    groups = {axis: [one.groups.get(axis) for one in asked] for axis in axes}
    return Pool(values | {"length": words}, groups)


def _note(step: BestOfN, judges: Mapping[str, Rewarder], asked: Sequence[Asked], pool: Pool) -> Note:
    text = (
        f"{step.reward} chose among {pool.samples} answers of {step.policy or 'the base model'} to each of"
        f" {len(asked)} prompts; {step.held_out} judged what it chose."
    )
    data = {
        "reward": step.reward,
        "held_out": step.held_out,
        "policy": step.policy or "base",
        "digest": judges[REWARD].digest,
        "held_out_digest": judges[HELD_OUT].digest,
        "prompts": str(len(asked)),
        "samples": str(pool.samples),
    }
    return Note(topic=NAME, text=text, data=data)


def _pool_table(asked: Sequence[Asked], pool: Pool) -> pa.Table:
    rows = [
        {
            "row": one.row,
            "key": one.key,
            "sample": sample,
            "instrument": name,
            "value": None if np.isnan(value) else value,
        }
        for name, values in pool.values.items()
        for one, own in zip(asked, values.tolist(), strict=True)
        for sample, value in enumerate(own)
    ]
    return pa.Table.from_pylist(rows, schema=POOL)


def _curve_table(asked: Sequence[Asked], course: Course) -> pa.Table:
    rows = [
        {"n": n, "instrument": name, "row": one.row, "value": None if np.isnan(value) else value}
        for name, values in course.values.items()
        for n, each in zip(course.steps, values.tolist(), strict=True)
        for one, value in zip(asked, each, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=CURVE)
