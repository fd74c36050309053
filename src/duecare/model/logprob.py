"""Log-probabilities of given answers. Imports JAX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import ModelError
from duecare.model.forward import behind, causal, hidden, logits, places, read_prefix
from duecare.model.load import Loaded
from duecare.model.mesh import rows_over
from duecare.model.rope import shares
from duecare.model.tokenize import joined

LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192)
"""Static lengths that texts are padded to, so that few programs are compiled."""

SHORT = (8, 16, *LENGTHS)
"""The same for answers that stand behind a shared prompt."""
WORTH = 8
"""Tokens of a prompt from which on it is read once for all its answers."""
FEW = 4
"""Up to so many answers to a prompt have a shape of their own; more are filled up to a power of two."""
MOST_OPTIONS = 64
TOKENS_EACH = 32
"""Tokens in a batch, at most, for each answer that `batch` allows: long texts come in smaller batches, so
that they fit into memory, and few texts of one length do not wait for many that only fill up."""

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class AnswerLogProb:
    """Natural log-probability of an answer given its prompt, summed over its `tokens` tokens."""

    total: float
    tokens: int


def answer_logprobs(
    loaded: Loaded,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> list[AnswerLogProb]:
    """The log-probability of each answer after its prompt, in the order given.

    Prompt and answer are tokenised as one text and split where the prompt's own tokens end: a token
    that spans the boundary belongs to the answer. A prompt that several answers follow is read once.
    Every batch has a shape that its rows' own lengths and `batch` decide, never its neighbours: other
    prompts in the call change no bit. Another `batch` may, by the rounding of float32 sums of another
    shape. Raises ModelError for an answer without tokens.
    """
    if len(prompts) != len(answers):
        raise ModelError(f"{len(prompts)} prompts but {len(answers)} answers")
    rows = [joined(loaded.tokenizer, *pair) for pair in zip(prompts, answers, strict=True)]
    totals = dict[int, float]()
    for kind, groups in kinds(loaded, prompts, rows):
        together = kind.together(batch)
        for start in range(0, len(groups), together):
            chosen = groups[start : start + together]
            found = _scored(loaded, [[rows[number] for number in group] for group in chosen], kind, together)
            for place, group in enumerate(chosen):
                totals |= zip(group, found[place * kind.share :].tolist(), strict=False)
            if progress is not None:
                progress(len(totals), len(rows))
    return [
        AnswerLogProb(total=totals[number], tokens=len(tokens) - first)
        for number, (tokens, first) in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """The static shape of a batch: whole texts of `length` tokens, or `share` answers behind a prefix."""

    length: int
    prefix: int = 0
    share: int = 1

    @property
    def tokens(self) -> int:
        """Tokens of one group."""
        return self.prefix + self.share * self.length

    def together(self, batch: int) -> int:
        """How many groups are read at once, where `batch` short texts are."""
        return max(1, min(batch // self.share, TOKENS_EACH * batch // self.tokens))


def kinds(
    loaded: Loaded, prompts: Sequence[str], rows: Sequence[tuple[list[int], int]]
) -> list[tuple[Kind, list[list[int]]]]:
    """Shapes with their groups of rows: those that share a prefix worth keeping, or one row each."""
    same: dict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for number, (tokens, first) in enumerate(rows):
        same[prompts[number], tuple(tokens[:first])].append(number)
    able, found = shares(loaded.model), dict[Kind, list[list[int]]]()
    for (_, prefix), group in same.items():
        if able and len(prefix) >= WORTH and 1 < len(group) <= MOST_OPTIONS:
            longest = max(len(rows[number][0]) for number in group) - len(prefix)
            share = len(group) if len(group) <= FEW else 1 << (len(group) - 1).bit_length()
            kind = Kind(padded_length(longest, SHORT), padded_length(len(prefix)), share)
            found.setdefault(kind, []).append(group)
            continue
        for number in group:
            found.setdefault(Kind(padded_length(len(rows[number][0]))), []).append([number])
    return sorted(found.items())


def _scored(
    loaded: Loaded, groups: Sequence[Sequence[tuple[list[int], int]]], kind: Kind, together: int
) -> npt.NDArray[np.float32]:
    """The totals of `together` groups, `kind.share` to each, in order."""
    (graph, state), pad = nnx.split(loaded.model), loaded.tokenizer.pad_id
    if kind.prefix:
        parts = branches(groups, kind, together, pad)
        prefix, answers = (rows_over(loaded.mesh, *each) for each in parts)
        return np.asarray(_shared_totals(graph, state, prefix, answers, share=kind.share))
    whole = stacked([group[0] for group in groups], together, kind.length, pad)
    return np.asarray(_totals(graph, state, *rows_over(loaded.mesh, *whole)))


def padded_length(length: int, lengths: Sequence[int] = LENGTHS) -> int:
    """The static length that a text of `length` tokens is padded to."""
    return next((fixed for fixed in lengths if fixed >= length), -(-length // 4096) * 4096)


def stacked(rows: Sequence[tuple[list[int], int]], batch: int, length: int, pad: int) -> tuple[Ids, Any, Any]:
    """Tokens int32 [B, L], real bool [B, L], scored bool [B, L]; padded behind to one static shape."""
    ids = np.full((batch, length), pad, np.int32)
    real, scored = np.zeros((batch, length), bool), np.zeros((batch, length), bool)
    real[:, 0] = True  # a row of padding only still attends to something
    for place, (tokens, first) in enumerate(rows):
        ids[place, : len(tokens)] = tokens
        real[place, : len(tokens)] = True
        scored[place, first : len(tokens)] = True
    return ids, real, scored


def branches(
    groups: Sequence[Sequence[tuple[list[int], int]]], kind: Kind, together: int, pad: int
) -> tuple[tuple[Ids, Any], tuple[Ids, Any]]:
    """Prefixes int32 [P, L] with what of them is real, and the answers' tokens [P * share, A] likewise."""
    prefixes = left_padded([group[0][0][: group[0][1]] for group in groups], together, kind.prefix, pad)
    ids = np.full((together * kind.share, kind.length), pad, np.int32)
    real = np.zeros(ids.shape, bool)
    for place, group in enumerate(groups):
        for turn, (tokens, first) in enumerate(group):
            row, count = place * kind.share + turn, len(tokens) - first
            ids[row, :count], real[row, :count] = tokens[first:], True
    return prefixes, (ids, real)


def left_padded(
    rows: Sequence[Sequence[int]], count: int, length: int, pad: int
) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Rows that end together, int32 and bool [count, length]: the cache writes all rows at one place."""
    ids, real = np.full((count, length), pad, np.int32), np.zeros((count, length), bool)
    for place in range(count):
        tokens = rows[place] if place < len(rows) else rows[0]
        ids[place, length - len(tokens) :] = tokens
        real[place, length - len(tokens) :] = True
    return ids, real


@partial(jax.jit, static_argnums=0, static_argnames="share")
def _shared_totals(
    graph: Any,
    state: Any,
    prefixes: tuple[jax.Array, jax.Array],
    answers: tuple[jax.Array, jax.Array],
    *,
    share: int,
) -> jax.Array:
    """Summed log-probability of each answer behind its prefix, float32 [P * share]."""
    model = nnx.merge(graph, state)
    last, cache = read_prefix(model, *prefixes)
    ids, real = answers
    states = behind(model, cache, prefixes[1], answers, share)

    def row(each: tuple[jax.Array, ...]) -> jax.Array:
        start, own, tokens, counted = each
        scores = jnp.concatenate([start[None], logits(model, own[None, :-1])[0]])
        picked = jnp.take_along_axis(jax.nn.log_softmax(scores, axis=-1), tokens[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(counted, picked, 0.0))

    return jax.lax.map(row, (jnp.repeat(last, share, axis=0), states, ids, real))


@partial(jax.jit, static_argnums=0)
def _totals(graph: Any, state: Any, ids: jax.Array, real: jax.Array, scored: jax.Array) -> jax.Array:
    """Summed log-probability of the scored tokens, float32 [B].

    One row's logits at a time: all of a batch at once would be the largest array of the program.
    """
    model = nnx.merge(graph, state)
    states, _ = hidden(model, ids, places(real), None, causal(real))

    def row(pair: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        own, tokens, counted = pair
        found = jax.nn.log_softmax(logits(model, own[None, :-1])[0], axis=-1)
        picked = jnp.take_along_axis(found, tokens[1:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(counted[1:], picked, 0.0))

    return jax.lax.map(row, (states, ids, scored))
