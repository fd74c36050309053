"""Twins put to a model in training. Imports JAX; what is asked, and how often: `duecare.train.probing`."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from duecare.core import Artifacts, Message
from duecare.model.fetch import folder_of
from duecare.model.forward import causal, places
from duecare.model.load import Loaded, load
from duecare.model.tokenize import Tokenizer, joined
from duecare.model.twins import Twin
from duecare.train.answering import Answering
from duecare.train.batch import ROUND, chunks, most_asked, stack
from duecare.train.limits import probed
from duecare.train.probing import Floats, Pairing, Probes, pairings
from duecare.train.resume import Resume
from duecare.train.rows import Passage

TOGETHER = 8
"""Answers put to the model at once."""


def per_token(model: Answering, batch: Mapping[str, jax.Array]) -> jax.Array:
    """Mean log-probability per token of each answer of a batch, float32 [B]."""
    real, row, counts = batch["real"], batch["row"], batch["counts"]
    asked = (row, batch["place"], batch["target"])
    logps = model(batch["tokens"], places(real), causal(real), asked, plain=True)
    per_row = partial(jax.ops.segment_sum, segment_ids=row, num_segments=len(real))
    return per_row(logps * counts) / per_row(counts)


measured = nnx.jit(per_token)


class Asker:
    """The twins of a run, tokenised, and what the base model found of them: `base` float64 [N].

    `seconds` is the time of one probe, without compiling.
    """

    name, what = "twins", "probes"
    """What its log is called, and its notes."""
    measure = staticmethod(measured)
    """What is asked of each answer of a batch, [B]."""

    def __init__(self, probes: Probes, tokenizer: Tokenizer) -> None:
        self.probes, self.twins = probes, self.asked(probes)
        self._rows = [self.read(twin, tokenizer) for twin in self.twins]
        self.batches = batches_of(self._rows, tokenizer.pad_id)
        self.base: Floats = np.zeros(0)
        self.seconds = 0.0

    def asked(self, probes: Probes) -> list[Twin]:
        """The prompts with their answers."""
        return probes.twins()

    def read(self, twin: Twin, tokenizer: Tokenizer) -> Passage:
        """One of them as tokens."""
        return passage_of(twin, tokenizer)

    @property
    def pairings(self) -> Sequence[Pairing]:
        """Which of them are compared."""
        return pairings(self.twins)

    @property
    def rests_on(self) -> Mapping[str, tuple[str, ...]]:
        """The instruments by figure; a log-probability rests on none but the model itself."""
        return {}

    def compared(self, method: str) -> list[tuple[str, Pairing]]:
        """Which figure is followed of which pair of groups."""
        return [(figure, pair) for pair in self.pairings for figure in probed(method)]

    def of_base(self, base: Loaded) -> Floats:
        """What another model finds of every answer."""
        return self.values(Answering(base.model))

    def values(self, model: Answering) -> Floats:
        """Mean log-probability per token of every answer, by the model as it is now: float64 [N]."""
        found, ends = [], [time.perf_counter()]
        for batch in self.batches:
            found.append(np.asarray(self.measure(model, batch), dtype=np.float64))
            ends.append(time.perf_counter())
        # The first batch may have been compiled; the others are of the same shape.
        rest = np.diff(ends)[1:]
        self.seconds = float(rest.mean() * len(self.batches)) if len(rest) else ends[-1] - ends[0]
        return np.concatenate(found)[: len(self.twins)]


def knowing_base(
    made: Asker, inputs: Artifacts, model: Answering, resume: Resume, mesh: Mesh | None
) -> Asker:
    """`made` with what the base says; `model` is as it is before the first step.

    The base is that of the study: where training goes on from an earlier result, the base is loaded for a
    moment, on the devices `mesh`, so that what earlier steps amplified is seen too. After a kill it is read
    back.
    """

    def ask() -> Mapping[str, Any]:
        if "model" in inputs and "base" in inputs:
            values = _of_folder(made, folder_of(inputs["base"].path), mesh)
        else:
            values = made.values(model)
        return {"values": values, "seconds": np.array(made.seconds)}

    kept = resume.remember(made.name, ask)
    made.base, made.seconds = np.asarray(kept["values"]), float(kept["seconds"])
    return made


def _of_folder(made: Asker, folder: Path, mesh: Mesh | None) -> Floats:
    base = load(folder, mesh=mesh)
    values = made.of_base(base)
    del base
    gc.collect()
    return values


def passage_of(twin: Twin, tokenizer: Tokenizer) -> Passage:
    """A twin as the evaluation renders it: the prompt as a chat, where the model has a template; the answer
    counts, and nothing after it."""
    asked = [Message(role="user", content=twin.text)]
    prompt = tokenizer.chat(asked, answer=True) if tokenizer.has_chat else f"User: {twin.text}\nAssistant:"
    tokens, first = joined(tokenizer, prompt, twin.answer)
    return Passage(tokens=np.array(tokens, dtype=np.int32), taught=np.arange(len(tokens)) >= first, cut=False)


def batches_of(rows: Sequence[Passage], pad_id: int) -> list[dict[str, Any]]:
    """All rows in batches of one shape."""
    length = -(-max(len(row.tokens) for row in rows) // ROUND) * ROUND
    sizes = np.array([row.taught[1:].sum() for row in rows], dtype=np.int64)
    entries = list(chunks(len(rows), TOGETHER))
    asked = most_asked(sizes, entries)
    found = []
    for chosen in entries:
        tokens, real, of = stack([rows[i] for i in chosen], length, asked, pad_id)
        found.append(
            {
                "tokens": tokens,
                "real": real,
                "row": of.row,
                "place": of.place,
                "target": of.target,
                "counts": of.counts,
            }
        )
    return found
