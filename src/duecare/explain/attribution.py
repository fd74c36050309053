"""Which words mattered: gradient x input, integrated gradients and occlusion, for one number about a text.

The number is the natural log-probability of an answer, or a reward. *Contrastive* (Yin and Neubig 2022): why
this answer rather than that one for one prompt, or why one answer more for her prompt than for his; both are
differences of two explanations. Imports JAX only when a model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from duecare.core import ModelError
from duecare.explain.reading import Reading, read, read_scored
from duecare.explain.spans import Floats, Word, gathered, matched

if TYPE_CHECKING:
    from duecare.explain.engine_attribution import Baseline, Explained

Method = Literal["gradient-x-input", "integrated-gradients", "occlusion"]
METHODS: tuple[Method, ...] = ("gradient-x-input", "integrated-gradients", "occlusion")
Done = Callable[[int, int], None]
"""Called with how many texts are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """What each word of a text adds to `value`, by one method.

    - words [W] and scores [W]: above 0 the word makes the answer likelier, or the reward higher
    - between: what falls to white space between words
    - value and baseline: the number for the text, and with all words put to the baseline; nats or reward
    - tokens: of the answer; `value` is summed over them
    """

    method: Method
    words: tuple[Word, ...]
    scores: Floats = field(repr=False)
    between: float
    value: float
    baseline: float
    tokens: int

    @property
    def residual(self) -> float:
        """How far the parts miss the whole: |sum of scores - (value - baseline)|.

        Nought up to the error of integration for integrated gradients (completeness, Sundararajan et al.
        2017, section 3). No such promise holds for the other methods.
        """
        return abs(float(self.scores.sum()) + self.between - (self.value - self.baseline))

    @property
    def relative_residual(self) -> float:
        """`residual` over all that was handed out, the sum of absolute scores."""
        return self.residual / max(float(np.abs(self.scores).sum()) + abs(self.between), 1e-12)


def attribute(
    model: Any,
    prompts: Sequence[str],
    answers: Sequence[str] | None = None,
    *,
    method: Method = "integrated-gradients",
    steps: int = 64,
    baseline: Baseline = "pad",
    batch: int = 16,
    max_tokens: int = 48,
    chat: bool = True,
    progress: Done | None = None,
) -> list[Attribution]:
    """What the words of each prompt add to the log-probability of its answer; of a reward, those of both.

    `model` is a folder, a `Loaded` model or a `RewardModel`. Without `answers` the model's own likeliest ones
    of at most `max_tokens` tokens are explained. `steps` points of the line from `baseline` are read by
    integrated gradients (Gauss-Legendre). `chat` false reads prompts as they stand, without a template.
    Raises ModelError for an empty answer or prompt, lists of unequal length, an unknown method, a model
    family that cannot be run from its embeddings, and values that are not finite.
    """
    if method not in METHODS:
        raise ModelError(f"method = {method!r}: expected one of {', '.join(METHODS)}")
    if steps < 1:
        raise ModelError(f"steps = {steps}: expected a whole number of at least 1")
    asked, reader = opened(model, baseline=baseline, batch=batch)
    if answers is None:
        answers = generated(reader, prompts, max_tokens, chat=chat)
    return attributed(
        asked, readings(reader, prompts, answers, chat=chat), method=method, steps=steps, progress=progress
    )


def opened(model: Any, *, baseline: Baseline = "pad", batch: int = 16) -> tuple[Explained, Any]:
    """A folder, `Loaded` or `RewardModel` ready to be asked, and the same loaded."""
    from duecare.explain.engine_attribution import explained
    from duecare.model.load import load
    from duecare.model.reward import RewardModel

    loaded = load(Path(model)) if isinstance(model, str | Path) else model
    if isinstance(loaded, RewardModel):
        return explained(loaded.loaded, baseline=baseline, batch=batch, head=loaded.scoring), loaded
    return explained(loaded, baseline=baseline, batch=batch), loaded


def generated(loaded: Any, prompts: Sequence[str], max_tokens: int, *, chat: bool = True) -> list[str]:
    """The model's likeliest answer to each prompt, as it is read. A reward model writes none: ModelError."""
    from duecare.explain.reading import rendered
    from duecare.model.generate import generate
    from duecare.model.reward import RewardModel

    if isinstance(loaded, RewardModel):
        raise ModelError("a reward model writes no answers: give those that it scores")
    asked = [rendered(loaded.tokenizer, prompt) if chat else prompt for prompt in prompts]
    return [each[0] for each in generate(loaded, asked, max_tokens=max_tokens, temperature=0.0)]


def readings(
    loaded: Any, prompts: Sequence[str], answers: Sequence[str], *, chat: bool | Sequence[bool] = True
) -> list[Reading]:
    """Prompts and answers as `loaded` reads them; an error names the number of the text, from 0.

    `chat` says of all or of each whether it is read as a conversation; a reward model reads all so.
    """
    if len(prompts) != len(answers):
        raise ModelError(f"{len(prompts)} prompts but {len(answers)} answers")
    ways = [chat] * len(prompts) if isinstance(chat, bool) else chat
    found = []
    for number, (texts, way) in enumerate(zip(zip(prompts, answers, strict=True), ways, strict=True)):
        if not texts[1].strip():
            raise ModelError(f"answer {number} is empty: there is nothing to explain")
        try:
            found.append(_reading(loaded, texts, way))
        except ModelError as error:
            raise ModelError(f"text {number}: {error}") from None
    return found


def _reading(loaded: Any, texts: tuple[str, str], chat: bool) -> Reading:
    from duecare.model.reward import RewardModel

    if not isinstance(loaded, RewardModel):
        return read(loaded.tokenizer, *texts, chat=chat)
    from duecare.explain.reading import rendered

    tokenizer = loaded.loaded.tokenizer
    whole = loaded.tokens(rendered(tokenizer, texts[0]), texts[1])
    last = max(place for place, token in enumerate(whole[0]) if token != loaded.pad)
    return read_scored(tokenizer, loaded.around, whole, texts, last)


def attributed(
    asked: Explained,
    texts: Sequence[Reading],
    *,
    method: Method,
    steps: int = 64,
    progress: Done | None = None,
) -> list[Attribution]:
    """`attribute` for texts that are read; a few at a time, so that progress can be told."""
    from duecare.explain.engine_attribution import Unit

    found: list[Attribution] = []
    for start in range(0, len(texts), asked.batch):
        some = texts[start : start + asked.batch]
        ends = [Unit(number, at) for at in (1.0, 0.0) for number in range(len(some))]
        values = asked.values(some, ends).reshape(2, -1)
        scores = _METHODS[method](asked, some, values[0], steps)
        found += [
            _joined(method, reading, score, (float(value), float(base)))
            for reading, score, value, base in zip(some, scores, *values, strict=True)
        ]
        if progress is not None:
            progress(len(found), len(texts))
    return found


def _joined(method: Method, reading: Reading, score: Floats, ends: tuple[float, float]) -> Attribution:
    words = gathered(score, reading.owner, len(reading.words))
    tokens = len(reading.tokens) - reading.first
    return Attribution(method, reading.words, words, float(score.sum() - words.sum()), *ends, tokens)


def _gradient(asked: Explained, texts: Sequence[Reading], _: Floats, __: int) -> list[Floats]:
    """Slope times input (Shrikumar et al. 2016): the first term of a series around the text."""
    from duecare.explain.engine_attribution import Unit

    return asked.slopes(texts, [Unit(number) for number in range(len(texts))], from_base=False)


def _integrated(asked: Explained, texts: Sequence[Reading], _: Floats, steps: int) -> list[Floats]:
    """Integrated gradients (Sundararajan et al. 2017) from the baseline, by Gauss-Legendre quadrature."""
    from duecare.explain.engine_attribution import Unit

    points, weights = np.polynomial.legendre.leggauss(steps)
    line = [Unit(number, float(at)) for number in range(len(texts)) for at in (points + 1) / 2]
    slopes = asked.slopes(texts, line, from_base=True)
    return [
        np.tensordot(weights / 2, np.stack(slopes[steps * number : steps * (number + 1)]), 1)
        for number in range(len(texts))
    ]


def _occluded(asked: Explained, texts: Sequence[Reading], values: Floats, _: int) -> list[Floats]:
    """What the value loses where one word is put to the baseline (Zeiler and Fergus 2014).

    Laid on the first token of each word, so that all methods give scores of tokens.
    """
    from duecare.explain.engine_attribution import Unit

    whose = [
        (number, word) for number, text in enumerate(texts) for word in np.unique(text.owner[text.owner >= 0])
    ]
    units = [Unit(number, kept=texts[number].without(int(word))) for number, word in whose]
    left = asked.values(texts, units)
    found = [np.zeros(len(text.tokens)) for text in texts]
    for (number, word), value in zip(whose, left, strict=True):
        found[number][int(np.argmax(texts[number].owner == word))] = values[number] - value
    return found


_METHODS: dict[Method, Callable[[Explained, Sequence[Reading], Floats, int], list[Floats]]] = {
    "gradient-x-input": _gradient,
    "integrated-gradients": _integrated,
    "occlusion": _occluded,
}


def rather(this: Attribution, that: Attribution) -> Attribution:
    """Why this answer rather than that one: the difference of two explanations of one prompt.

    Above 0 a word speaks for this answer. All three methods are linear in the number that they explain, so
    that this is the explanation of the log-odds of the two answers, exactly. Raises ModelError where the
    two have not the same words.
    """
    if this.words != that.words or this.method != that.method:
        raise ModelError("a contrast of two answers: expected one prompt and one method")
    return Attribution(
        this.method,
        this.words,
        this.scores - that.scores,
        this.between - that.between,
        this.value - that.value,
        this.baseline - that.baseline,
        this.tokens,
    )


def rather_for(
    this: Attribution, that: Attribution, prompts: tuple[str, str]
) -> tuple[Attribution, list[tuple[int | None, int | None]]]:
    """Why one answer is likelier for this prompt than for that one, word by word.

    The words of the two prompts are laid side by side (longest common runs); a word of this prompt has its
    own score less that of the word which stands there in that prompt, and what only that prompt says is
    taken off `between`. The sum stays the difference of both values less that of both baselines.
    """
    pairs = matched(*prompts)
    scores, between = this.scores.copy(), this.between - that.between
    mine = sum(word.part == "prompt" for word in this.words)
    for here, there in pairs:
        if there is not None and here is not None:
            scores[here] -= that.scores[there]
        elif there is not None:
            between -= float(that.scores[there])
    answer, other = this.scores[mine:], that.scores[sum(word.part == "prompt" for word in that.words) :]
    if len(answer) != len(other):
        raise ModelError("a contrast of two prompts: expected one answer")
    scores[mine:] = answer - other
    found = Attribution(
        this.method,
        this.words,
        scores,
        between,
        this.value - that.value,
        this.baseline - that.baseline,
        this.tokens,
    )
    return found, pairs
