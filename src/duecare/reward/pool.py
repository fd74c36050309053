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
from duecare.reward.asking import Rewarder, rewarder_of
from duecare.reward.over import HELD_OUT, NAME, REWARD, Course, Floats, Pool, course_of, estimates, finding
from duecare.reward.pairs import Text, drawn, rows_of

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
    """At most `most` questions of users, drawn by `seed`, in the order of the rows.

    Rows of one conversation (pairs often are) ask one question, once: more of its answers would be no other
    prompt. The held-out part of an artifact, where it has one, else all rows. Raises DataError for fewer
    than 4.
    """
    found: dict[tuple[Message, ...], Asked] = {}
    for row in rows_of(folder, NAME):
        if (one := _asked(row)) is not None:
            found.setdefault(one.turns, one)
    if len(found) < 4:
        raise DataError(f"{NAME}: {len(found)} questions of users, all different: expected 4 at least")
    return drawn(list(found.values()), most, seed)


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
    answers: Sequence[Sequence[Text]],
    judges: Mapping[str, Rewarder],
    axes: Sequence[str],
    tell: Tell,
) -> Pool:
    """What every judge says of all answers, and how many words they have."""
    texts = [text for own in answers for text in own]
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
