"""From examples to what a model reads: tokens, and which of them are taught.

Only answers are taught: a prompt is context, and a model rewarded for reciting users would learn to
speak as them. A row is rendered by the model's own chat template and tokenised piece by piece, with the
border exactly where it lies when the model answers: everything up to the generation prompt is one
piece, the answer up to and with its end-of-turn token is the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from duecare.core import DuecareError, Example, Message

Ids = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

TEMPLATE = "the chat template does not take this conversation"
NO_ANSWER = "no answer of the assistant"
CUT_AWAY = "no token of an answer is left within the limit"
ALIKE = "the two answers do not differ within the limit"
NOT_A_PAIR = "not a preference row"
NO_QUESTION = "no turn of a user to answer"
REASONS = (TEMPLATE, NO_ANSWER, CUT_AWAY, ALIKE, NOT_A_PAIR, NO_QUESTION)
"""Why a row cannot be trained on."""


class Speaks(Protocol):
    """What is used of `duecare.model.tokenize.Tokenizer`."""

    @property
    def eos_ids(self) -> tuple[int, ...]: ...
    def encode(self, text: str, special: bool = False) -> list[int]: ...
    def chat(self, messages: Sequence[Message], answer: bool = False) -> str: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """One row to read and partly to be taught.

    `tokens` int32 [T]; `taught` bool [T], True where predicting the token counts; `cut` whether the
    row was longer than the limit.
    """

    tokens: Ids
    taught: Mask
    cut: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with a chosen and a rejected answer: int32 [P], [C], [R]; `cut` as in Passage."""

    prompt: Ids
    chosen: Ids
    rejected: Ids
    cut: bool

    @property
    def answers(self) -> tuple[Ids, ...]:
        """Both answers, the chosen one first."""
        return (self.chosen, self.rejected)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is to answer: `tokens` int32 [P], and the rendered `text` before any cut."""

    tokens: Ids
    text: str
    cut: bool


class UnusableRowError(Exception):
    """This row cannot be trained on; the argument is one of REASONS."""


def passage(example: Example, tokenizer: Speaks, max_tokens: int) -> Passage:
    """A text, chat or preference row (its chosen answer) cut to `max_tokens` from its end.

    Raises UnusableRowError where nothing of it would be taught.
    """
    if example.kind == "text":
        pieces = _plain(example.text or "", tokenizer)
    else:
        pieces = _turns(_conversation(example), tokenizer)
    tokens = np.fromiter((token for ids, _ in pieces for token in ids), dtype=np.int32)
    taught = np.fromiter((flag for _, flags in pieces for flag in flags), dtype=np.bool_)
    cut = len(tokens) > max_tokens
    tokens, taught = tokens[:max_tokens], taught[:max_tokens]
    # The first token of a row is never predicted.
    if not taught[1:].any():
        raise UnusableRowError(CUT_AWAY)
    return Passage(tokens=tokens, taught=taught, cut=cut)


def pair(example: Example, tokenizer: Speaks, max_prompt_tokens: int, max_answer_tokens: int) -> Pair:
    """A preference row; a long prompt loses its beginning, a long answer its end.

    The end of a prompt is what the answer answers, and it holds the mark after which the model
    speaks: cutting it there (as Tunix does) would teach answers to half a question.
    """
    if example.kind != "preference" or example.chosen is None or example.rejected is None:
        raise UnusableRowError(NOT_A_PAIR)
    asked, chosen = _answer(example.messages, example.chosen, tokenizer)
    _, rejected = _answer(example.messages, example.rejected, tokenizer)
    cut = len(asked) > max_prompt_tokens or max(len(chosen), len(rejected)) > max_answer_tokens
    chosen, rejected = chosen[:max_answer_tokens], rejected[:max_answer_tokens]
    if not chosen or not rejected:
        raise UnusableRowError(NO_ANSWER)
    if chosen == rejected:
        raise UnusableRowError(ALIKE)
    return Pair(
        prompt=np.array(asked[-max_prompt_tokens:], dtype=np.int32),
        chosen=np.array(chosen, dtype=np.int32),
        rejected=np.array(rejected, dtype=np.int32),
        cut=cut,
    )


def chosen_passage(
    example: Example, tokenizer: Speaks, max_prompt_tokens: int, max_answer_tokens: int
) -> Passage:
    """A preference row's prompt and chosen answer, cut as `pair` cuts them; the answer is taught."""
    read = pair(example, tokenizer, max_prompt_tokens, max_answer_tokens)
    tokens = np.concatenate([read.prompt, read.chosen])
    return Passage(tokens=tokens, taught=np.arange(len(tokens)) >= len(read.prompt), cut=read.cut)


def answered(messages: Sequence[Message], answer: str, tokenizer: Speaks) -> Passage:
    """A prompt and one answer to it, whole, as `pair` reads them; the answer is taught."""
    asked, said = _answer(messages, answer, tokenizer)
    tokens = np.array([*asked, *said], dtype=np.int32)
    return Passage(tokens=tokens, taught=np.arange(len(tokens)) >= len(asked), cut=False)


def prompt(example: Example, tokenizer: Speaks, max_prompt_tokens: int) -> Prompt:
    """The conversation of a chat or preference row up to its last user turn, as the model would read it.

    A long one loses its beginning. What stood after that turn is not used: the model answers itself.
    """
    asked = [place for place, turn in enumerate(example.messages) if turn.role == "user"]
    if example.kind == "text" or not asked:
        raise UnusableRowError(NO_QUESTION)
    try:
        text = tokenizer.chat(example.messages[: asked[-1] + 1], answer=True)
    except DuecareError as error:
        raise UnusableRowError(TEMPLATE) from error
    tokens = tokenizer.encode(text, special=True)
    return Prompt(
        tokens=np.array(tokens[-max_prompt_tokens:], dtype=np.int32),
        text=text,
        cut=len(tokens) > max_prompt_tokens,
    )


def _plain(text: str, tokenizer: Speaks) -> list[tuple[list[int], list[bool]]]:
    """A text is taught whole, with its end; not the mark that this tokenizer begins texts with."""
    begun, plain = tokenizer.encode(text, special=True), tokenizer.encode(text)
    mark = begun[: len(begun) - len(plain)]
    body = plain + list(tokenizer.eos_ids[:1])
    return [(mark, [False] * len(mark)), (body, [True] * len(body))]


def _conversation(example: Example) -> tuple[Message, ...]:
    if example.kind == "preference" and example.chosen is not None:
        return (*example.messages, Message(role="assistant", content=example.chosen))
    return example.messages


def _turns(messages: Sequence[Message], tokenizer: Speaks) -> list[tuple[list[int], list[bool]]]:
    """Context and answers by turns; only the last answer where the template rewrites earlier turns.

    Some templates drop the reasoning of earlier turns, so the conversation up to an answer is not
    the beginning of the whole: then only the last answer can be taught as it would be given.
    """
    spoken = [i for i, turn in enumerate(messages) if turn.role == "assistant" and i > 0]
    if not spoken:
        raise UnusableRowError(NO_ANSWER)
    try:
        rendered = [
            (tokenizer.chat(messages[:i], answer=True), tokenizer.chat(messages[: i + 1])) for i in spoken
        ]
    except DuecareError as error:
        raise UnusableRowError(TEMPLATE) from error
    if not _nested(rendered):
        rendered = rendered[-1:]
        if not _nested(rendered):
            raise UnusableRowError(TEMPLATE)
    pieces: list[tuple[list[int], list[bool]]] = []
    done = ""
    for before, after in rendered:
        context = tokenizer.encode(before[len(done) :], special=not done)
        answer = tokenizer.encode(after[len(before) :])
        pieces.append((context, [False] * len(context)))
        ends = _end(answer, tokenizer.eos_ids)
        pieces.append((answer, [place < ends for place in range(len(answer))]))
        done = after
    return pieces


def _nested(rendered: Sequence[tuple[str, str]]) -> bool:
    """Whether each text is the beginning of the next."""
    flat = [text for both in rendered for text in both]
    return all(longer.startswith(shorter) for shorter, longer in pairwise(flat))


def _answer(messages: Sequence[Message], answer: str, tokenizer: Speaks) -> tuple[list[int], list[int]]:
    """The tokens of a prompt and of one answer to it, up to and with its end of turn."""
    try:
        before = tokenizer.chat(messages, answer=True)
        after = tokenizer.chat([*messages, Message(role="assistant", content=answer)])
    except DuecareError as error:
        raise UnusableRowError(TEMPLATE) from error
    if not after.startswith(before):
        raise UnusableRowError(TEMPLATE)
    ids = tokenizer.encode(after[len(before) :])
    return tokenizer.encode(before, special=True), ids[: _end(ids, tokenizer.eos_ids)]


def _end(ids: Sequence[int], eos: Sequence[int]) -> int:
    """How many tokens of a turn are the model's to say: up to and with the last end-of-turn token.

    What a template adds after it (a line break) is never sampled, so it is not taught.
    """
    return next((place + 1 for place in range(len(ids) - 1, -1, -1) if ids[place] in eos), len(ids))
