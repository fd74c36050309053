"""Sampled or greedy answers from a loaded model. Imports JAX.

All samples of a prompt share its prefill: the prompt is read once, and where the attention is ours its
cache is kept once. Prompts are sorted by length into a few static shapes, so that few programs are compiled.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import ModelError
from duecare.model.forward import Cache, branched, hidden, logits, read_prefix
from duecare.model.load import Loaded
from duecare.model.logprob import left_padded, padded_length
from duecare.model.mesh import rows_over
from duecare.model.sample import drawn, greedy, nucleus, uniforms

Ids = npt.NDArray[np.int32]
TOGETHER = 16
"""Prompts read at once, at most: a batch is always filled up, and few prompts shall not wait for many."""


def generate(
    loaded: Loaded,
    prompts: Sequence[str],
    *,
    samples: int = 1,
    max_tokens: int = 64,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[str]]:
    """`samples` answers to each prompt (rendered text), in the order given, without special tokens.

    `temperature` 0 is greedy. `top_p` keeps the smallest set of tokens whose probability reaches it
    (Holtzman et al. 2020). Each answer's randomness is a function of seed, prompt and sample number
    alone (and of how often the prompt stood before, so that one asked twice is answered twice). Every
    batch has a shape that a prompt's own length and `batch` decide, never its neighbours: other prompts
    in the call change no bit of an answer. Another `batch` or number of samples changes the shape, and
    may change a token where two are closer than the rounding of float32 sums. A longer `max_tokens`
    only lengthens answers. `batch` is in answers. Raises ModelError for settings outside their range,
    for an empty prompt and for a model with LoRA on top.
    """
    found = sampled(
        loaded,
        [loaded.tokenizer.encode(prompt, special=True) for prompt in prompts],
        _distinct(prompts),
        samples=samples,
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        batch=batch,
        progress=progress,
    )
    return [[answer_text(loaded, ids) for ids in answers] for answers in found]


def sampled(
    loaded: Loaded,
    rows: Sequence[Sequence[int]],
    names: Sequence[str],
    *,
    samples: int,
    max_tokens: int,
    temperature: float,
    top_p: float = 1.0,
    seed: int,
    batch: int,
    length: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Ids]]:
    """`generate` for prompts given as token ids, each under a name of its own: answers as ids, int32 [A].

    An answer ends with its end token where it had room for one. Its randomness is a function of seed, name
    and sample number. With `length` all prompts are padded to that many tokens, so that one program is
    compiled; none may be longer.
    """
    _check(samples, max_tokens, temperature, top_p, batch)
    if not all(map(len, rows)):
        raise ModelError("a prompt has no tokens")
    asker = _Asker(loaded, samples, min(samples, batch), max_tokens, temperature, top_p, seed)
    found = dict[int, list[Ids]]()
    together = min(max(batch // asker.share, 1), TOGETHER)
    for fixed, chosen in _batches([len(row) for row in rows], together, length):
        given = left_padded([rows[each] for each in chosen], together, fixed, loaded.tokenizer.pad_id)
        found |= zip(chosen, asker(given, [names[each] for each in chosen]), strict=True)
        if progress is not None:
            progress(len(found), len(rows))
    return [found[number] for number in range(len(rows))]


def _batches(
    lengths: Sequence[int], together: int, length: int | None = None
) -> Iterator[tuple[int, list[int]]]:
    """Numbers of prompts to be read together, with the static length of all of them."""
    classes: dict[int, list[int]] = defaultdict(list)
    for number, own in enumerate(lengths):
        classes[length or padded_length(own)].append(number)
    for fixed, numbers in sorted(classes.items()):
        for start in range(0, len(numbers), together):
            yield fixed, numbers[start : start + together]


@dataclass(slots=True)
class _Asker:
    """Answers a few prompts at once: they are read together, then `share` samples of each decoded."""

    loaded: Loaded
    samples: int
    share: int
    max_tokens: int
    temperature: float
    top_p: float
    seed: int

    def __call__(self, given: tuple[Ids, Any], names: Sequence[str]) -> list[list[Ids]]:
        graph, state = nnx.split(self.loaded.model)
        mesh, together = self.loaded.mesh, len(given[0])
        ids, real = rows_over(mesh, *given)
        after = _read(graph, state, ids, real)
        found: list[list[Ids]] = [[] for _ in names]
        for first in range(0, self.samples, self.share):
            here = range(first, first + self.share)
            at = [uniforms(self.seed, name, here, self.max_tokens) for name in names]
            at += at[:1] * (together - len(at))
            (chance,) = rows_over(mesh, np.concatenate(at))
            out = _decode(graph, state, after, real, chance, **self._settings())
            ends = self.loaded.tokenizer.eos_ids
            for answers, each in zip(found, np.asarray(out).reshape(together, self.share, -1), strict=False):
                answers += [_ended(one, ends) for one in each]
        return [answers[: self.samples] for answers in found]

    def _settings(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature or None,
            "top_p": self.top_p if self.top_p < 1 else None,
            "share": self.share,
            "max_tokens": self.max_tokens,
            "ends": self.loaded.tokenizer.eos_ids,
        }


def _distinct(prompts: Sequence[str]) -> list[str]:
    """A name for each prompt: its text, and how often the same text stood before it."""
    met: Counter[str] = Counter()
    names = []
    for prompt in prompts:
        names.append(f"{met[prompt]}\0{prompt}")
        met[prompt] += 1
    return names


def _check(samples: int, max_tokens: int, temperature: float, top_p: float, batch: int) -> None:
    for name, value in (("samples", samples), ("max_tokens", max_tokens), ("batch", batch)):
        if value < 1:
            raise ModelError(f"generate: {name} = {value}: expected a whole number of at least 1")
    if not 0 <= temperature <= 100:
        raise ModelError(f"generate: temperature = {temperature}: expected a number from 0 to 100")
    if not 0 < top_p <= 1:
        raise ModelError(f"generate: top_p = {top_p}: expected a number in (0, 1]")


def answer_text(loaded: Loaded, ids: Ids) -> str:
    """The text of an answer as `sampled` gives it, without special tokens."""
    ended = len(ids) > 0 and int(ids[-1]) in loaded.tokenizer.eos_ids
    return loaded.tokenizer.decode(ids[: len(ids) - ended].tolist())


def _ended(ids: Ids, ends: Sequence[int]) -> Ids:
    """An answer up to and with its first end token."""
    found = np.isin(ids, ends)
    return ids[: int(np.argmax(found)) + 1] if found.any() else ids


@partial(jax.jit, static_argnums=0)
def _read(graph: Any, state: Any, ids: jax.Array, real: jax.Array) -> tuple[jax.Array, Cache]:
    """See `read_prefix`."""
    return read_prefix(nnx.merge(graph, state), ids, real)


@partial(jax.jit, static_argnums=0, static_argnames=("share", "max_tokens", "ends"))
def _decode(
    graph: Any,
    state: Any,
    read: tuple[jax.Array, Cache],
    real: jax.Array,
    at: jax.Array,
    *,
    temperature: float | None,
    top_p: float | None,
    share: int,
    max_tokens: int,
    ends: tuple[int, ...],
) -> jax.Array:
    """Tokens int32 [P * share, max_tokens]; after an end token, end tokens."""
    model = nnx.merge(graph, state)
    last, cache = jnp.repeat(read[0], share, axis=0), branched(model, read[1], share, max_tokens)
    seen = jnp.repeat(real, share, axis=0)
    rows, length = seen.shape
    seen = jnp.pad(seen, ((0, 0), (0, max_tokens)))
    position = seen.sum(axis=-1).astype(jnp.int32)
    stops = jnp.asarray(ends or (-1,), jnp.int32)

    def more(carry: Any) -> jax.Array:
        step, done = carry[0], carry[1]
        return (step < max_tokens) & ~done.all()

    def go(carry: Any) -> Any:
        step, done, scores, cache, seen, out = carry
        token = jnp.where(done, stops[0], _choose(scores, at[:, step], temperature, top_p))
        out = out.at[:, step].set(token)
        done = done | jnp.isin(token, stops)
        seen = seen.at[:, length + step].set(True)
        states, cache = hidden(model, token[:, None], (position + step)[:, None], cache, seen[:, None, :])
        return step + 1, done, logits(model, states)[:, 0], cache, seen, out

    out = jnp.full((rows, max_tokens), stops[0], jnp.int32)
    start = (jnp.int32(0), jnp.zeros(rows, bool), last, cache, seen, out)
    return jax.lax.while_loop(more, go, start)[-1]


def _choose(scores: jax.Array, at: jax.Array, temperature: float | None, top_p: float | None) -> jax.Array:
    """The next tokens int32 [B] from scores [B, V]; `at` [B] is where chance points."""
    if temperature is None:
        return greedy(scores)
    scores = scores / temperature
    return drawn(scores if top_p is None else nucleus(scores, top_p), at)
