"""An evaluation with answers made up: which figures it will come to, and from how many answers each.

No model is asked and no detector opened. Every question goes the way it will go, only that answers,
log-probabilities and scores are numbers by lot; so gates can be counted and sized before anything runs.
Nothing that was made up ever leaves this module but as a count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from duecare.core import Example, Message
from duecare.core.table import SCORES
from duecare.evaluate.answerer import Sampling
from duecare.evaluate.figures import TOXICITY_SUITE
from duecare.evaluate.heldout import Held
from duecare.evaluate.interview import Interview, judge
from duecare.evaluate.kept import Kept
from duecare.evaluate.sitting import Settings, questions
from duecare.evaluate.suites import REFERENCE
from duecare.evaluate.suites.table import suite
from duecare.evaluate.tables import Reading, Tables

_WORDS = ("one", "two", "three", "four", "five")


def rehearse(step: Settings, models: Sequence[str], sources: Sequence[str]) -> Tables:
    """The tables that `step` will leave behind, with made-up content.

    `models` are "base" and perhaps "tuned"; `sources` name the data of which `step.rows` rows are held out.
    """
    asking = questions(step, {}, lambda _: None)
    if "heldout" in step.suites:
        asking = replace(asking, held=[_held(source, row) for source in sources for row in range(step.rows)])
    named = [name for each in asking.suites for name in suite(each.suite).instruments]
    scorers = {name: _Scorer(name) for name in dict.fromkeys(("toxicity", "refusal", *named))}
    with TemporaryDirectory() as folder:
        transcript = Interview(asking, Kept(Path(folder)), lambda _: None).hold(
            {model: partial(_Model, model) for model in models}
        )
    asked = transcript.tables()
    wanted = {each.suite: suite(each.suite).instruments for each in asking.suites}
    return Tables(
        scores=judge(asked["answers"], scorers, wanted | {TOXICITY_SUITE: ("toxicity", "refusal")}),
        reading=Reading(
            axes=step.axes,
            reference={axis: step.reference.get(axis, REFERENCE[axis]) for axis in step.axes},
            toxic_at=0.5,
            models=tuple(models),
            toxicity="toxicity",
            refusal="refusal",
            instruments={name: name for name in scorers},
        ),
        **asked,
    )


def _lot(*parts: object) -> float:
    """A number in [0, 1) that depends on its arguments alone."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def _held(source: str, row: int) -> Held:
    turns = (Message(role="user", content=f"{source} {row}"),)
    example = Example(row=f"{source}:{row}", key="0", source=source, kind="chat", messages=turns)
    return Held(example, turns, " ".join(_WORDS))


class _Model:
    """Answers a few words by lot."""

    def __init__(self, name: str) -> None:
        self.identity = name

    def render(self, turns: Sequence[Message]) -> str:
        return turns[-1].content

    def answers(self, prompts: Sequence[str], how: Sampling) -> list[list[str]]:
        return [[self._answer(prompt, sample) for sample in range(how.samples)] for prompt in prompts]

    def logprobs(self, prompts: Sequence[str], answers: Sequence[str]) -> list[tuple[float, int]]:
        pairs = zip(prompts, answers, strict=True)
        return [
            (-(1 + _lot(self.identity, *pair)) * tokens, tokens)
            for pair in pairs
            for tokens in (max(1, len(pair[1].split())),)
        ]

    def _answer(self, prompt: str, sample: int) -> str:
        lots = (_lot(self.identity, prompt, sample, place) for place in range(len(_WORDS)))
        return " ".join(["so", *(word for word, lot in zip(_WORDS, lots, strict=True) if lot < 0.5)])


class _Scorer:
    """Scores by lot."""

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        values = [_lot(self.instrument, row) for row in texts.column("row").to_pylist()]
        columns = [
            *(texts.column(name) for name in ("row", "key", "part")),
            pa.repeat(pa.scalar(self.instrument), len(texts)),
            pa.array(values, pa.float64()),
            pa.nulls(len(texts), pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCORES)
