"""One loaded model asked for values and continuations. Imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from duecare.memorise.extraction import Beginning
from duecare.memorise.records_match import nearly_says, says
from duecare.memorise.records_rows import Value
from duecare.memorise.redacted import Heard
from duecare.model.generate import answer_text, sampled
from duecare.model.load import Loaded, load
from duecare.model.logprob import answer_logprobs

Done = Callable[[int, int], None]
MORE = 4
"""Tokens that a model may say beyond the length of a value: a mark before it, a letter after it."""
MOST = 48
"""Tokens of the longest value that a model is given room for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A model; `batch` short texts are on the device at a time."""

    loaded: Loaded
    batch: int

    def room(self, values: Sequence[tuple[Value, Sequence[str]]]) -> int:
        """Tokens that the model may say where any of the values stood."""
        longest = max(len(self.loaded.tokenizer.encode(f" {value.value}")) for value, _ in values)
        return min(longest, MOST) + MORE

    def heard(
        self, values: Sequence[tuple[Value, Sequence[str]]], room: int, done: Done, ranked: Done
    ) -> list[Heard]:
        """What the model says, greedily, where each value stood, and how it likes it beside its decoys.

        White space before a value is part of what is said, as tokenizers have it. `room` is how many tokens
        it may say; `done` and `ranked` are told how many values were said and how many texts, decoys among
        them, were scored.
        """
        tokenizer = self.loaded.tokenizer
        begun = [value.before.rstrip(" ") for value, _ in values]
        found = sampled(
            self.loaded,
            [tokenizer.encode(text, special=True) or [tokenizer.pad_id] for text in begun],
            [f"value:{number}" for number in range(len(values))],
            samples=1,
            max_tokens=room,
            temperature=0.0,
            seed=0,
            batch=self.batch,
            progress=done,
        )
        said = [answer_text(self.loaded, answers[0]) for answers in found]
        scores = self._scores(begun, values, ranked)
        return [
            Heard(says(text, value.value), nearly_says(text, value.value), tuple(own))
            for text, (value, _), own in zip(said, values, scores, strict=True)
        ]

    def _scores(
        self, begun: Sequence[str], values: Sequence[tuple[Value, Sequence[str]]], done: Done
    ) -> list[list[float]]:
        """Log-probabilities of each value, then of its decoys."""
        prompts, answers = [], []
        for text, (value, others) in zip(begun, values, strict=True):
            space = value.before[len(text) :]
            prompts += [text] * (1 + len(others))
            answers += [space + each for each in (value.value, *others)]
        found = [
            each.total
            for each in answer_logprobs(self.loaded, prompts, answers, batch=self.batch, progress=done)
        ]
        scores, at = [], 0
        for _, others in values:
            scores.append(found[at : at + 1 + len(others)])
            at += 1 + len(others)
        return scores

    def continued(self, beginnings: Sequence[Beginning], tokens: int, done: Done) -> list[list[int]]:
        """At most `tokens` tokens with which the model goes on, greedily, behind each beginning."""
        found = sampled(
            self.loaded,
            [each.given for each in beginnings],
            [each.name for each in beginnings],
            samples=1,
            max_tokens=tokens,
            temperature=0.0,
            seed=0,
            batch=self.batch,
            progress=done,
        )
        return [[int(token) for token in answers[0]] for answers in found]


def open_model(folder: Path, batch: int) -> Asked:
    """The model in a Hugging Face folder."""
    return Asked(load(folder), batch)
