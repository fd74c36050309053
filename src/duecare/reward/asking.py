"""Who is asked for rewards: a reward model, a detector or a function, all in one way. JAX only for models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from duecare.core import Artifact, DataError
from duecare.core.wire import encode
from duecare.detect import DETECTORS, load
from duecare.detect.rewarding import asked, detected, installed, is_dotted, load_function, source_digest
from duecare.reward.pairs import Text

Floats = npt.NDArray[np.float64]
WHERE = "reward.audit"
Done = Callable[[int, int], None]


class Rewarder(Protocol):
    """Something that rewards answers. `digest` says exactly what, `rests_on` names it as an instrument."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def rests_on(self) -> tuple[str, ...]: ...

    def fits(self, text: Text, longest: int) -> bool:
        """Whether a text is no longer than `longest` tokens, for one that counts them."""

    def rewards(self, texts: Sequence[Text], done: Done | None = None) -> Floats:
        """The reward of each text, float64 [n]; NaN where a detector could not say.

        Raises DataError or ModelError for one that is not finite or for too few.
        """


def rewarder_of(name: str, artifact: Artifact | None, batch: int, axes: Sequence[str] = ()) -> Rewarder:
    """What is called `name`; `artifact` holds it where it is a reward model.

    `axes` are those on which rows declare groups: a function that takes one is told of nobody.
    Raises DataError where the name is none that is known and no artifact came with it.
    """
    if artifact is not None:
        from duecare.reward.engine import of_model

        return of_model(name, artifact, batch)
    if name in DETECTORS:
        return OfDetector(name, load(name))
    if is_dotted(name) or name in installed():
        return OfFunction(name, load_function(name, WHERE), tuple(axes))
    raise DataError(
        f"{WHERE}: {name} is neither a detector nor an installed reward function, and no reward model of that"
        " name was handed over"
    )


@dataclass(frozen=True, slots=True)
class OfFunction:
    """A reward function of one's own."""

    name: str
    function: Callable[..., Sequence[float]]
    axes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of its name and the file behind it."""
        return _digest({"function": self.name, "file": source_digest(self.function) or ""})

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The function as an instrument."""
        return (f"function:{self.name}",)

    def fits(self, text: Text, longest: int) -> bool:
        """Any text does."""
        return True

    def rewards(self, texts: Sequence[Text], done: Done | None = None) -> Floats:
        """As training asks it, but that a prompt is the conversation as plain text."""
        prompts, answers = [plain_prompt(text) for text in texts], [text.answer for text in texts]
        nobody: dict[str, list[str | None]] = {axis: [None] * len(texts) for axis in self.axes}
        return asked(self.function, self.name, prompts, answers, groups=nobody, where=WHERE)


@dataclass(frozen=True, slots=True)
class OfDetector:
    """A detector whose score is the reward."""

    name: str
    detector: Any

    @property
    def digest(self) -> str:
        """Of its name and version."""
        return _digest({"detector": self.name, "card": str(DETECTORS[self.name])})

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The detector."""
        return (self.name,)

    def fits(self, text: Text, longest: int) -> bool:
        """Any text does."""
        return True

    def rewards(self, texts: Sequence[Text], done: Done | None = None) -> Floats:
        """Its scores of the answers alone; NaN where it could not say."""
        return detected(self.detector, self.name, [text.answer for text in texts], WHERE)


def plain_prompt(text: Text) -> str:
    """A conversation as plain text: what was said, or, of several turns, who said what."""
    if len(text.turns) == 1:
        return text.turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in text.turns)


def _digest(value: Mapping[str, str]) -> str:
    return hashlib.sha256(encode(dict(value))).hexdigest()
