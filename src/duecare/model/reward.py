"""Scores of answers by a reward model: a linear head on a language model's last hidden state. Imports JAX.

The folder is what transformers calls a sequence classifier with one label. An answer's score is the head's
value at the last token that is not padding, the end of turn where the answer was finished, as there
(Ouyang et al. 2022, section 3.5). Scores have no unit and no zero of their own: the difference of two answers
to one prompt is the log-odds that the first is preferred (Bradley and Terry 1952).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax.sharding import Mesh
from safetensors import safe_open

from duecare.core import Message, ModelError
from duecare.model.family import CLASSIFIERS, HEAD, shape_of
from duecare.model.fetch import cache
from duecare.model.forward import behind, causal, hidden, places, read_prefix
from duecare.model.heads import Heads, read_heads
from duecare.model.load import Loaded, load_as, read_config
from duecare.model.logprob import Kind, branches, kinds, stacked
from duecare.model.mesh import rows_over
from duecare.model.store import digest_of, digests
from duecare.model.tokenize import Tokenizer

Ids = npt.NDArray[np.int32]


class Lower(NamedTuple):
    """Heads [H, D] with offsets [H] that score by their mean less `k` [] standard deviations, in JAX."""

    values: jax.Array
    offsets: jax.Array
    k: jax.Array


class Worst(NamedTuple):
    """Heads [H, D] with offsets [H] of which the lowest counts, in JAX."""

    values: jax.Array
    offsets: jax.Array


Head: TypeAlias = jax.Array | Lower | Worst
"""What scores a state where a slope is asked for: see `rewards`."""


def load_reward(
    folder: Path, *, batch: int = 16, dtype: str = "float32", mesh: Mesh | None = None
) -> RewardModel:
    """The reward model of a Hugging Face folder: one written by the step `reward-model`, or any other.

    `batch` is how many short texts are on the device at a time; of longer ones fewer. `dtype` and `mesh` as
    in `duecare.model.load.load`; the head is always float32. Raises ModelError for a folder that is not a
    sequence classifier with one label, and where `load` would.
    """
    if batch < 1:
        raise ModelError(f"load_reward: batch = {batch}: expected a whole number of at least 1")
    config = read_config(folder)
    named = (config.get("architectures") or ["(none)"])[0]
    if named not in CLASSIFIERS:
        expected = ", ".join(CLASSIFIERS)
        raise ModelError(f"config.json: architectures = {named} is no reward model: expected {expected}")
    labels = config.get("num_labels", len(config.get("id2label") or "??"))
    if labels != 1:
        raise ModelError(f"config.json: num_labels = {labels!r}: expected 1, which is the reward")
    # A classifier has no head over the vocabulary, whether or not the model below it had one of its own.
    shape = replace(shape_of(config, CLASSIFIERS), tied=True)
    loaded = load_as(folder, shape, dtype, mesh, beside=frozenset({HEAD}))
    pad = config.get("pad_token_id")
    return RewardModel(
        loaded=loaded,
        head=_head(folder, shape.width),
        identity=digest_of(digests(folder, cache())),
        batch=batch,
        pad=pad if isinstance(pad, int) else None,
        around=around_answer(loaded.tokenizer),
        heads=read_heads(folder, shape.width),
    )


@dataclass(frozen=True, slots=True)
class RewardModel:
    """A loaded reward model.

    `head` float32 [D]; `identity` is the digest of the model's files; `pad` is the token that is padding
    by its config; `around` is what its chat template puts before and after an answer. `heads` are several
    that score together, where such lie beside the model; `head` is then their mean, as transformers sees it.
    """

    loaded: Loaded
    head: jax.Array
    identity: str
    batch: int
    pad: int | None
    around: tuple[str, str]
    heads: Heads | None = None

    @property
    def scoring(self) -> Head:
        """What scores a state, in JAX: the very score that `scores` gives, which has a slope."""
        several = self.heads
        if several is None:
            return self.head
        values, offsets = jnp.asarray(several.values), jnp.asarray(several.offsets, jnp.float32)
        if several.combine == "worst":
            return Worst(values, offsets)
        return Lower(values, offsets, jnp.float32(several.k if several.combine == "lower" else 0.0))

    def scores(
        self,
        prompts: Sequence[str],
        answers: Sequence[str],
        *,
        ended: Sequence[bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[float]:
        """The score of each answer to its prompt, in the order given.

        `prompts` are rendered chats up to where the assistant speaks (`Tokenizer.chat(..., answer=True)`),
        `answers` what it said, without its end-of-turn token. `ended` says which answers came to their
        end (all, if not given): one that was cut off is scored without the end of turn. Nothing is
        truncated. A prompt that several answers follow is read once. Other prompts in the call change no
        bit of a score; another `batch` may, and other answers to its prompt, by the rounding of float32
        sums. Raises ModelError for lists of unequal length, for a text of nothing but padding and for a
        score that is not a finite number.
        """
        found = self.states(prompts, answers, ended=ended, progress=progress)
        # Row by row, so that a score does not depend on how many there are.
        if self.heads is None:
            values = (found * np.asarray(self.head)).sum(axis=-1)
        else:
            values = self.heads.scores(found)
        if not np.isfinite(values).all():
            raise ModelError("the reward model gave a score that is not a finite number")
        return [float(each) for each in values]

    def states(
        self,
        prompts: Sequence[str],
        answers: Sequence[str],
        *,
        ended: Sequence[bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> npt.NDArray[np.float32]:
        """The hidden states that the head reads, float32 [N, D]; arguments as of `scores`.

        Computed once, they serve any number of heads.
        """
        ended = [True] * len(answers) if ended is None else ended
        if not len(prompts) == len(answers) == len(ended):
            raise ModelError(
                f"{len(prompts)} prompts, {len(answers)} answers, {len(ended)} of `ended`: expected as many"
            )
        rows = [self.tokens(*each) for each in zip(prompts, answers, ended, strict=True)]
        # The score of an answer of nothing but padding is read in its prompt, so it is read with its own.
        names = [
            prompt if _last(row[first:], self._counts) >= 0 else f"{prompt}\0{number}"
            for number, (prompt, (row, first)) in enumerate(zip(prompts, rows, strict=True))
        ]
        found = np.zeros((len(rows), self.loaded.shape.width), np.float32)
        done = 0
        for kind, groups in kinds(self.loaded, names, rows):
            together = kind.together(self.batch)
            for start in range(0, len(groups), together):
                chosen = groups[start : start + together]
                read = self._read([[rows[number] for number in group] for group in chosen], kind, together)
                for place, group in enumerate(chosen):
                    found[group] = read[place * kind.share :][: len(group)]
                done += sum(map(len, chosen))
                if progress is not None:
                    progress(done, len(rows))
        return found

    def tokens(self, prompt: str, answer: str, ended: bool = True) -> tuple[list[int], int]:
        """The tokens of one text, read as the step `reward-model` read it, and where the answer begins."""
        tokenizer, (before, after) = self.loaded.tokenizer, self.around
        said = tokenizer.encode(before + answer + (after if ended else ""))
        if ended:  # what a template adds after the end of turn (a line break) is never sampled
            said = said[: _last(said, lambda token: token in tokenizer.eos_ids) + 1] or said
        asked = tokenizer.encode(prompt, special=True)
        if _last(asked + said, self._counts) < 0:
            raise ModelError("a text to be scored has no tokens but padding")
        return asked + said, len(asked)

    def _counts(self, token: int) -> bool:
        """Whether a token is not padding, by the model's config."""
        return token != self.pad

    def _read(
        self, groups: Sequence[Sequence[tuple[list[int], int]]], kind: Kind, together: int
    ) -> npt.NDArray[np.float32]:
        """States [together * share, D] of the groups in order, read as one batch of one static shape."""
        (graph, state), pad, mesh = (
            nnx.split(self.loaded.model),
            self.loaded.tokenizer.pad_id,
            self.loaded.mesh,
        )
        last = np.zeros(together * kind.share, np.int32)
        for place, group in enumerate(groups):
            for turn, (row, first) in enumerate(group):
                read = row[first:] if kind.prefix else row
                last[place * kind.share + turn] = _last(read, self._counts)
        if kind.prefix:
            prefixes, answers = branches(groups, kind, together, pad)
            given = (rows_over(mesh, *prefixes), rows_over(mesh, *answers), *rows_over(mesh, last))
            return np.asarray(_shared_states(graph, state, *given, share=kind.share))
        ids, real, _ = stacked([group[0] for group in groups], together, kind.length, pad)
        return np.asarray(_states(graph, state, rows_over(mesh, ids, real, last)))


def around_answer(tokenizer: Tokenizer) -> tuple[str, str]:
    """What the chat template puts before and after an answer; without one, the end-of-text token after it."""
    if not tokenizer.has_chat:
        return "", tokenizer.decode(tokenizer.eos_ids[:1], special=True)
    asked, said = Message(role="user", content="Hello"), Message(role="assistant", content="Hello")
    prompt, whole = tokenizer.chat([asked], answer=True), tokenizer.chat([asked, said])
    before, found, after = whole.removeprefix(prompt).partition(said.content)
    if not whole.startswith(prompt) or not found:
        raise ModelError("the chat template writes an answer elsewhere than where it asks for one")
    return before, after


def _head(folder: Path, width: int) -> jax.Array:
    """The weights of the head, float32 [D]."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as opened:  # type: ignore[no-untyped-call]  # typed by stubs only
            if HEAD not in opened.keys():  # noqa: SIM118 - not a dict, it only has keys()
                continue
        with safe_open(path, framework="flax") as opened:  # type: ignore[no-untyped-call]  # typed by stubs only
            value = np.asarray(opened.get_tensor(HEAD), np.float32)
        if value.shape != (1, width):
            raise ModelError(f"{folder.name}: {HEAD} has shape {value.shape}, expected (1, {width})")
        return jnp.asarray(value[0])
    raise ModelError(f"{folder.name}: the tensor {HEAD}, the head of a reward model, is missing")


def _last(row: Sequence[int], right: Callable[[int], bool]) -> int:
    """The place of the last token that is `right`, or -1."""
    return next((place for place in range(len(row) - 1, -1, -1) if right(row[place])), -1)


def rewards(states: jax.Array, head: Head) -> jax.Array:
    """Scores float32 [N] of hidden states [N, D] by a head [D], or by several."""
    wide = states.astype(jnp.float32)
    if not isinstance(head, Lower | Worst):
        return wide @ head
    each = wide @ head.values.T - head.offsets
    if isinstance(head, Worst):
        return each.min(axis=-1)
    # Where all heads agree the root has no slope; it is held just above nought, where it has one of 0.
    spread = jnp.sqrt(jnp.maximum(jnp.var(each, axis=-1), 1e-20))
    return each.mean(axis=-1) - head.k * spread


@partial(jax.jit, static_argnums=0, static_argnames="share")
def _shared_states(
    graph: Any,
    state: Any,
    prefixes: tuple[jax.Array, jax.Array],
    answers: tuple[jax.Array, jax.Array],
    last: jax.Array,
    *,
    share: int,
) -> jax.Array:
    """States float32 [P * share, D] of answers behind their prefix, at a place int32 [P * share] each."""
    model = nnx.merge(graph, state)
    states = behind(model, read_prefix(model, *prefixes)[1], prefixes[1], answers, share)
    return states[jnp.arange(len(states)), last].astype(jnp.float32)


@partial(jax.jit, static_argnums=0)
def _states(graph: Any, state: Any, given: tuple[jax.Array, ...]) -> jax.Array:
    """States float32 [B, D] of tokens int32 [B, L], real where bool [B, L], at a place int32 [B] each."""
    model, (ids, real, last) = nnx.merge(graph, state), given
    states, _ = hidden(model, ids, places(real), None, causal(real))
    return states[jnp.arange(len(ids)), last].astype(jnp.float32)
