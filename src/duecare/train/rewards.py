"""What an answer is worth: detectors of duecare, a reward model trained here, functions of one's own.

A reward is a weighted sum of named parts. A part that fails, gives too few numbers or one that is not finite
ends the run with an error that names the part: a silent 0 would be learned from. Free of JAX.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from duecare.core import DataError, ModelError
from duecare.detect.rewarding import (
    GROUP,
    Floats,
    Function,
    asked,
    detected,
    installed,
    is_dotted,
    load_function,
    numbers,
    scoring_detectors,
    source_digest,
)
from duecare.train.rules import Rule, real

__all__ = ["GROUP", "MODEL", "Function", "Judge", "Judged", "Rewards", "dotted", "reward_rules"]

MODEL = "the reward model"


class Judge(Protocol):
    """A reward model: one number for each answer to its prompt, a rendered conversation.

    `ended` says which answers came to their end by themselves.
    """

    def scores(
        self, prompts: Sequence[str], answers: Sequence[str], *, ended: Sequence[bool]
    ) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """Rewards float64 [N], and which of the answers some detector could not judge, bool [N]."""

    rewards: Floats
    unjudged: npt.NDArray[np.bool_]


def reward_rules(parts: object, model: object, model_weight: object, unjudged: object) -> list[Rule]:
    """Rules of the settings `reward`, `reward_model`, `reward_model_weight` and `unjudged`."""
    given = parts if isinstance(parts, Mapping) else {}
    some = isinstance(parts, Mapping) and (bool(parts) or bool(model))
    expected = "at least one part: a detector or a function with its weight, or a reward_model"
    return [
        (some, "reward", dict(given), expected),
        *(rule for name, weight in given.items() for rule in _part_rules(name, weight)),
        (isinstance(model, str), "reward_model", model, "the name of a training step, or nothing"),
        (_weight(model_weight), "reward_model_weight", model_weight, "a number other than 0"),
        (real(unjudged, -1e6, 1e6), "unjudged", unjudged, "a finite number"),
    ]


def _part_rules(name: object, weight: object) -> Iterator[Rule]:
    from duecare.detect import DETECTORS

    where = f"reward.{name}"
    yield (_weight(weight), where, weight, "a number other than 0, below 0 for what is not wanted")
    if isinstance(name, str) and name in DETECTORS:
        scoring = scoring_detectors()
        yield name in scoring, where, name, f"a detector that gives scores ({', '.join(scoring)})"
        return
    known = isinstance(name, str) and (is_dotted(name) or name in installed())
    names = ", ".join([*DETECTORS, *installed()])
    yield known, where, name, f"a detector or an installed reward function ({names}), or module:function"


def _weight(value: object) -> bool:
    return real(value, -1e6, 1e6) and value != 0


def dotted(parts: Mapping[str, float]) -> list[str]:
    """The parts that are named as "module:function", which only Python may give."""
    return [name for name in parts if ":" in name]


@dataclass(slots=True)
class Rewards:
    """A reward ready to be given: `parts` as in the step, and the reward model with its weight.

    Raises DataError where a detector or function cannot be loaded.
    """

    parts: Mapping[str, float]
    unjudged: float
    method: str
    model: Judge | None = None
    model_weight: float = 1.0
    _detectors: dict[str, Any] = field(default_factory=dict)
    _functions: dict[str, Function] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from duecare.detect import DETECTORS, load

        for name in self.parts:
            if name in DETECTORS:
                self._detectors[name] = load(name)
            else:
                self._functions[name] = load_function(name, self._where)

    def __call__(
        self,
        prompts: Sequence[str],
        answers: Sequence[str],
        ended: Sequence[bool],
        groups: Mapping[str, Sequence[str | None]],
    ) -> Judged:
        """Rewards of `answers` to `prompts`, `ended` or cut off (all [N]); `groups` [N] by axis."""
        total = np.zeros(len(answers))
        silent = np.zeros(len(answers), dtype=np.bool_)
        for name, weight in self.parts.items():
            if name in self._detectors:
                scores = detected(self._detectors[name], name, answers, self._where)
                missing = np.isnan(scores)
                silent |= missing
                total += np.where(missing, self.unjudged, weight * scores)
            else:
                function = self._functions[name]
                total += weight * asked(function, name, prompts, answers, groups=groups, where=self._where)
        if self.model is not None:
            total += self.model_weight * self._modelled(self.model, prompts, answers, ended)
        return Judged(rewards=total, unjudged=silent)

    @property
    def detects(self) -> bool:
        """Whether a detector is part of the reward, so that there may be answers it cannot judge."""
        return bool(self._detectors)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the file behind each function, if it is a file: a name alone does not say what ran."""
        found = {name: source_digest(function) for name, function in self._functions.items()}
        return {name: digest for name, digest in found.items() if digest is not None}

    @property
    def _where(self) -> str:
        return f"train.{self.method}"

    def _modelled(
        self, model: Judge, prompts: Sequence[str], answers: Sequence[str], ended: Sequence[bool]
    ) -> Floats:
        try:
            found = model.scores(list(prompts), list(answers), ended=list(ended))
        except ModelError:
            raise  # ours, and it carries no text
        except Exception as error:  # JAX errors can carry anything
            raise DataError(f"{self._where}: {MODEL} raised {type(error).__name__}") from None
        return numbers(MODEL, found, len(answers), self._where)
