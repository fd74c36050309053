"""What a model is given when an answer is explained: tokens, and which word each of them belongs to.

Of a log-probability the words of the prompt are explained; the answer is given and stays as it is. Of a
reward the words of prompt and answer are, since it looks at both. What a chat template puts around them is
held fixed, so that no share of an explanation falls to it. Needs no JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from duecare.core import Message, ModelError
from duecare.explain.spans import Ints, Word, owners, within, words_of

_MARK = "\u00a4mark\u00a4"
"""Something that no template has in its own words."""


class Reader(Protocol):
    """What is needed of a tokenizer."""

    @property
    def has_chat(self) -> bool: ...
    def chat(self, messages: Sequence[Message], answer: bool = False) -> str: ...
    def encode(self, text: str, special: bool = False) -> list[int]: ...
    def offsets(self, text: str, special: bool = False) -> list[tuple[int, int]]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as it is read.

    `tokens` [T]; `first` is the place of the answer's first token; `owner` [T] is each token's word in
    `words`, or -1; `moved` [T] says which tokens stand for what is explained: those of the words and the
    white space between them. `last` is where a reward is read.
    """

    tokens: tuple[int, ...]
    first: int
    words: tuple[Word, ...]
    owner: Ints
    moved: npt.NDArray[np.bool_]
    last: int

    def without(self, number: int) -> npt.NDArray[np.bool_]:
        """Tokens that stay where word `number` is taken out, bool [T]."""
        return np.asarray(self.owner != number)

    def only(self, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Tokens that stay where only the words `kept` [words] do; white space stays, bool [T]."""
        # The owner -1 reads the last place.
        chosen = np.append(kept, True)
        return np.asarray(chosen[self.owner])


def rendered(tokenizer: Reader, prompt: str) -> str:
    """A prompt as the conversation that the model goes on with; without a template "User: ..."."""
    if tokenizer.has_chat:
        return tokenizer.chat([Message(role="user", content=prompt)], answer=True)
    return f"User: {prompt}\nAssistant:"


def begins(tokenizer: Reader) -> int:
    """Where in a rendered conversation what a person says begins; -1 where that cannot be told."""
    return rendered(tokenizer, _MARK).find(_MARK)


def read(tokenizer: Reader, prompt: str, answer: str, *, chat: bool = True) -> Reading:
    """Prompt and answer as one text, for the log-probability of the answer.

    `chat` false leaves the prompt as it stands. Raises ModelError for an answer without tokens.
    """
    from duecare.model.tokenize import joined

    asked, text, shift = _prompt(tokenizer, prompt, chat)
    tokens, first = joined(tokenizer, asked, answer)  # type: ignore[arg-type]  # a Tokenizer, or what stands for one
    places = tokenizer.offsets(asked + answer, special=True)
    places = [(0, 0)] * (len(tokens) - len(places)) + places  # the token that begins every text
    words = words_of(text, "prompt")
    owner = owners(places, words, shift)
    owner[first:] = -1
    moved = _inside(places, shift, len(text))
    moved[first:] = False
    if not words:
        raise ModelError("a prompt has no words to explain")
    return Reading(tuple(tokens), first, words, owner, moved, len(tokens) - 1)


def read_scored(
    tokenizer: Reader,
    around: tuple[str, str],
    whole: tuple[list[int], int],
    texts: tuple[str, str],
    last: int,
) -> Reading:
    """Prompt and answer as a reward model reads them.

    `whole` are the model's tokens and the place of the answer's first, `around` what its template puts
    before and after an answer, `texts` prompt and answer, `last` the place where the score is read.
    """
    (tokens, first), (prompt, answer) = whole, texts
    asked, text, shift = _prompt(tokenizer, prompt, chat=True)
    said = around[0] + answer + around[1]
    places = tokenizer.offsets(asked, special=True)
    beside = tokenizer.offsets(said)[: len(tokens) - first]
    mine, theirs = words_of(text, "prompt"), words_of(answer, "answer")
    shifts = shift, len(around[0])
    owner = owners(places, mine, shifts[0])
    of_answer = owners(beside, theirs, shifts[1])
    owner = np.concatenate([owner, np.where(of_answer >= 0, of_answer + len(mine), -1)])
    moved = [_inside(places, shifts[0], len(text)), _inside(beside, shifts[1], len(answer))]
    if not (mine or theirs):
        raise ModelError("neither prompt nor answer has words to explain")
    return Reading(tuple(tokens), first, (*mine, *theirs), owner, np.concatenate(moved), last)


def _prompt(tokenizer: Reader, prompt: str, chat: bool) -> tuple[str, str, int]:
    """What is read, the text in it whose words are explained, and its place: templates trim what people
    say."""
    if not prompt.strip():
        raise ModelError("a prompt has no words to explain")
    if not chat:
        return prompt, prompt, 0
    asked = rendered(tokenizer, prompt)
    text = prompt if prompt in asked else _trimmed(prompt)
    return asked, text, within(asked, text, begins(tokenizer))


def _trimmed(prompt: str) -> str:
    """A prompt without white space at its end; what is cut in front would shift every place."""
    if prompt != prompt.lstrip():
        raise ModelError(
            "a prompt begins with white space, which the chat template cuts off: cut it yourself"
        )
    return prompt.rstrip()


def _inside(places: Sequence[tuple[int, int]], shift: int, length: int) -> npt.NDArray[np.bool_]:
    """Tokens that stand wholly or in part for code points [shift, shift + length)."""
    return np.array([start < end and end > shift and start < shift + length for start, end in places], bool)
