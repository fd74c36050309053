"""What a model says of the tokens of given texts, and what it goes on with. Imports JAX."""

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

from duecare.core import Example, Message
from duecare.memorise.attacks import Said
from duecare.memorise.placed import Row
from duecare.model.forward import causal, hidden, logits, places
from duecare.model.generate import answer_text, sampled
from duecare.model.load import Loaded
from duecare.model.logprob import SHORT, padded_length
from duecare.model.reward import RewardModel
from duecare.model.tokenize import Tokenizer

Done = Callable[[int, int], None]
MORE = 4
"""Tokens that a model may say beyond those of a secret: it may cut it into others."""


@dataclass(frozen=True, slots=True)
class Text:
    """Tokens of a text, of which [start, end) are asked about; `start` is 1 at least."""

    tokens: tuple[int, ...]
    start: int
    end: int


def said(loaded: Loaded, texts: Sequence[Text], *, batch: int, done: Done) -> list[Said]:
    """What the model says of the tokens asked about, in the order given.

    A text's batch has a shape that its own length and `batch` decide.
    """
    kinds: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        kind = padded_length(text.end), padded_length(text.end - text.start, SHORT)
        kinds[kind].append(number)
    found: dict[int, Said] = {}
    graph, state = nnx.split(loaded.model)
    for (length, asked), numbers in sorted(kinds.items()):
        for first in range(0, len(numbers), batch):
            chosen = numbers[first : first + batch]
            ids, real, place = _laid([texts[each] for each in chosen], (batch, length, asked), loaded)
            told = [np.asarray(each) for each in _said(graph, state, ids, real, place)]
            for row, number in enumerate(chosen):
                own = slice(0, texts[number].end - texts[number].start)
                logp, mean, spread, top = (each[row, own] for each in told)
                found[number] = Said(
                    logp.astype(np.float64), mean.astype(np.float64), spread.astype(np.float64), top
                )
            done(len(found), len(texts))
    return [found[number] for number in range(len(texts))]


def _laid(
    texts: Sequence[Text], shape: tuple[int, int, int], loaded: Loaded
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Tokens and what of them is real [B, L], and the places asked about [B, A], the last one again and
    again."""
    batch, length, asked = shape
    ids = np.full((batch, length), loaded.tokenizer.pad_id, np.int32)
    real = np.zeros((batch, length), bool)
    real[:, 0] = True  # a row of padding only still attends to something
    place = np.ones((batch, asked), np.int32)
    for row, text in enumerate(texts):
        ids[row, : text.end], real[row, : text.end] = text.tokens[: text.end], True
        place[row] = np.minimum(text.start + np.arange(asked), text.end - 1)
    return ids, real, place


@partial(jax.jit, static_argnums=0)
def _said(
    graph: Any, state: Any, ids: jax.Array, real: jax.Array, place: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Of each place [B, A] its token's log-probability, mean and spread of one drawn, and whether it is the
    top."""
    model = nnx.merge(graph, state)
    states, _ = hidden(model, ids, places(real), None, causal(real))

    def row(each: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, ...]:
        own, tokens, asked = each
        every = jax.nn.log_softmax(logits(model, own[asked - 1][None])[0], axis=-1)
        target = tokens[asked]
        chance = jnp.exp(every)
        mean = (chance * every).sum(axis=-1)
        spread = jnp.sqrt(jnp.maximum((chance * (every - mean[:, None]) ** 2).sum(axis=-1), 0.0))
        logp = jnp.take_along_axis(every, target[:, None], axis=-1)[:, 0]
        return logp, mean, spread, every.argmax(axis=-1) == target

    found: tuple[jax.Array, jax.Array, jax.Array, jax.Array] = jax.lax.map(row, (states, ids, place))
    return found


def continued(loaded: Loaded, texts: Sequence[Text], *, batch: int, done: Done) -> list[str]:
    """What the model says, greedily, after what stands before the tokens asked about."""
    if not texts:
        return []
    longest = max(text.end - text.start for text in texts) + MORE
    found = sampled(
        loaded,
        [text.tokens[: text.start] for text in texts],
        [str(number) for number in range(len(texts))],
        samples=1,
        max_tokens=longest,
        temperature=0.0,
        seed=0,
        batch=batch,
        progress=done,
    )
    return [answer_text(loaded, answers[0]) for answers in found]


def text_of(row: Row, tokenizer: Tokenizer) -> Text | None:
    """A row with its last answer asked about (of a pair the chosen one, of a text all); None without one."""
    example = row.example
    if example.kind == "text":
        begun, plain = (tokenizer.encode(example.text or "", special=each) for each in (True, False))
        return _asked(begun, max(1, len(begun) - len(plain)))
    messages = example.messages
    if example.kind == "preference":
        messages = (*messages, Message(role="assistant", content=example.chosen or ""))
    last = max((at for at, turn in enumerate(messages) if turn.role == "assistant"), default=0)
    if last == 0:
        return None
    before = tokenizer.chat(messages[:last], answer=True)
    whole = tokenizer.chat(messages[: last + 1])
    if not whole.startswith(before):
        return None
    asked = tokenizer.encode(before, special=True)
    answer = tokenizer.encode(whole[len(before) :])
    ends = [at for at, token in enumerate(answer) if token in tokenizer.eos_ids]
    return _asked(asked + answer[: ends[-1] + 1 if ends else len(answer)], len(asked))


def _asked(tokens: Sequence[int], start: int) -> Text | None:
    return Text(tuple(tokens), start, len(tokens)) if len(tokens) > start else None


def margins(judge: RewardModel, rows: Sequence[Example], *, done: Done) -> npt.NDArray[np.float64]:
    """By how much the reward of the chosen answer exceeds that of the rejected one: float64 [n]."""
    tokenizer = judge.loaded.tokenizer
    prompts = [tokenizer.chat(row.messages, answer=True) for row in rows for _ in range(2)]
    answers = [answer for row in rows for answer in (row.chosen or "", row.rejected or "")]
    found = np.array(judge.scores(prompts, answers, progress=done), dtype=np.float64).reshape(-1, 2)
    return found[:, 0] - found[:, 1]
