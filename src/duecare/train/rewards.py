"""What an answer is worth: detectors of duecare, a reward model trained here, functions of one's own.

A reward is a weighted sum of named parts. A part that fails, gives too few numbers or one that is not finite
ends the run with an error that names the part: a silent 0 would be learned from. Free of JAX.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import DataError, ModelError
from duecare.core.table import TEXTS
from duecare.train.rules import Rule, real

GROUP = "duecare.rewards"
"""Entry point group through which installed packages add reward functions by name."""

MODEL = "the reward model"
Floats = npt.NDArray[np.float64]


class Judge(Protocol):
    """A reward model: one number for each answer to its prompt, a rendered conversation.

    `ended` says which answers came to their end by themselves.
    """

    def scores(
        self, prompts: Sequence[str], answers: Sequence[str], *, ended: Sequence[bool]
    ) -> list[float]: ...


Function = Callable[..., Sequence[float]]
"""Called as Tunix calls its reward functions: `prompts=` and `completions=`, lists of equal length, and
those of the groups' axes that it has a parameter for; gives one number for each."""


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
        scoring = [each for each in DETECTORS if DETECTORS[each].kind == "score"]
        yield name in scoring, where, name, f"a detector that gives scores ({', '.join(scoring)})"
        return
    known = isinstance(name, str) and (_dotted(name) or name in _installed())
    names = ", ".join([*DETECTORS, *_installed()])
    yield known, where, name, f"a detector or an installed reward function ({names}), or module:function"


def _weight(value: object) -> bool:
    return real(value, -1e6, 1e6) and value != 0


def _dotted(name: str) -> bool:
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def dotted(parts: Mapping[str, float]) -> list[str]:
    """The parts that are named as "module:function", which only Python may give."""
    return [name for name in parts if ":" in name]


def _installed() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


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
                self._functions[name] = self._load(name)

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
                scores = self._scores(name, answers)
                missing = np.isnan(scores)
                silent |= missing
                total += np.where(missing, self.unjudged, weight * scores)
            else:
                total += weight * self._asked(name, prompts, answers, groups)
        if self.model is not None:
            total += self.model_weight * self._modelled(self.model, prompts, answers, ended)
        return Judged(rewards=total, unjudged=silent)

    @property
    def detects(self) -> bool:
        """Whether a detector is part of the reward, so that there may be answers it cannot judge."""
        return bool(self._detectors)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the file behind each function, if it is a file: a name alone does not say what ran."""
        found = {}
        for name, function in self._functions.items():
            try:
                path = inspect.getsourcefile(inspect.unwrap(function))
            except TypeError:
                path = None
            if path and Path(path).is_file():
                found[name] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return found

    def _load(self, name: str) -> Function:
        module, _, attribute = (name if ":" in name else _installed().get(name, "")).partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except Exception as error:  # importing a stranger's module can fail in any way
            raise DataError(
                f"train.{self.method}: reward function {name} cannot be loaded: {type(error).__name__}"
            ) from None
        if not callable(found):
            raise DataError(f"train.{self.method}: reward function {name} cannot be called")
        function: Function = found
        return function

    def _scores(self, name: str, answers: Sequence[str]) -> Floats:
        """A detector's scores, NaN where it could not say."""
        same = ["answer"] * len(answers)
        columns = [[str(number) for number in range(len(answers))], same, same, list(answers)]
        batch = pa.RecordBatch.from_arrays([pa.array(each, pa.string()) for each in columns], schema=TEXTS)
        try:
            scores = self._detectors[name](batch).column("value")
        except Exception as error:  # a stranger's detector can fail in any way; its words may hold a text
            raise self._failed(f"detector {name}", error) from None
        return np.array([math.nan if each is None else each for each in scores.to_pylist()], np.float64)

    def _asked(
        self,
        name: str,
        prompts: Sequence[str],
        answers: Sequence[str],
        groups: Mapping[str, Sequence[str | None]],
    ) -> Floats:
        function = self._functions[name]
        more = {axis: list(values) for axis, values in groups.items() if _takes(function, axis)}
        try:
            found = function(prompts=list(prompts), completions=list(answers), **more)
        except Exception as error:  # a user's function can fail in any way; its words may hold a text
            raise self._failed(f"reward function {name}", error) from None
        return self._numbers(f"reward function {name}", found, len(answers))

    def _modelled(
        self, model: Judge, prompts: Sequence[str], answers: Sequence[str], ended: Sequence[bool]
    ) -> Floats:
        try:
            found = model.scores(list(prompts), list(answers), ended=list(ended))
        except ModelError:
            raise  # ours, and it carries no text
        except Exception as error:  # JAX errors can carry anything
            raise self._failed(MODEL, error) from None
        return self._numbers(MODEL, found, len(answers))

    def _numbers(self, what: str, found: object, count: int) -> Floats:
        try:
            values = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"train.{self.method}: {what} gave no numbers: expected {count} numbers"
            ) from None
        if values.shape != (count,):
            raise DataError(
                f"train.{self.method}: {what} gave numbers of shape {values.shape}: expected ({count},),"
                " one for each answer"
            )
        if not np.isfinite(values).all():
            broken = int((~np.isfinite(values)).sum())
            raise DataError(
                f"train.{self.method}: {what} gave NaN or an infinite number for {broken} of {count} answers:"
                " expected finite numbers"
            )
        return values

    def _failed(self, what: str, error: Exception) -> DataError:
        return DataError(f"train.{self.method}: {what} raised {type(error).__name__}")


def _takes(function: Function, name: str) -> bool:
    """Whether a function has a parameter of this name, or takes any."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return name in known or any(each.kind is each.VAR_KEYWORD for each in known.values())
