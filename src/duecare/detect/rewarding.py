"""What scores an answer beside a reward model: a detector, or a function of one's own, named as text.

Training is rewarded by them and an audit looks into them, so both ask them in one way. One that fails, gives
too few numbers or one that is not finite ends the run with an error that names it: a silent 0 would be
learned from, and an audit of it would be wrong.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import DataError
from duecare.core.table import TEXTS
from duecare.detect.table import DETECTORS

GROUP = "duecare.rewards"
"""Entry point group through which installed packages add reward functions by name."""

Floats = npt.NDArray[np.float64]

Function = Callable[..., Sequence[float]]
"""Called as Tunix calls its reward functions: `prompts=` and `completions=`, lists of equal length, and
those of the groups' axes that it has a parameter for; gives one number for each."""


def is_dotted(name: str) -> bool:
    """Whether a name has the form "module:function"."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def installed() -> dict[str, str]:
    """Reward functions of installed packages: name -> "module:function"."""
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def scoring_detectors() -> list[str]:
    """Names of the detectors that give scores; others point at places."""
    return [each for each in DETECTORS if DETECTORS[each].kind == "score"]


def load_function(name: str, where: str) -> Function:
    """The reward function of that name; a DataError that begins with `where` tells what is wrong with it."""
    module, _, attribute = (name if ":" in name else installed().get(name, "")).partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # importing a stranger's module can fail in any way
        raise DataError(f"{where}: reward function {name} cannot be loaded: {type(error).__name__}") from None
    if not callable(found):
        raise DataError(f"{where}: reward function {name} cannot be called")
    function: Function = found
    return function


def source_digest(function: Function) -> str | None:
    """SHA-256 of the file behind a function, if it is a file: a name alone does not say what ran."""
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        return None
    if path and Path(path).is_file():
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return None


def detected(detector: Any, name: str, answers: Sequence[str], where: str) -> Floats:
    """A loaded detector's scores [N], NaN where it could not say."""
    same = ["answer"] * len(answers)
    columns = [[str(number) for number in range(len(answers))], same, same, list(answers)]
    batch = pa.RecordBatch.from_arrays([pa.array(each, pa.string()) for each in columns], schema=TEXTS)
    try:
        scores = detector(batch).column("value")
    except Exception as error:  # a stranger's detector can fail in any way; its words may hold a text
        raise DataError(f"{where}: detector {name} raised {type(error).__name__}") from None
    return np.array([math.nan if each is None else each for each in scores.to_pylist()], np.float64)


def asked(
    function: Function,
    name: str,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    groups: Mapping[str, Sequence[str | None]],
    where: str,
) -> Floats:
    """What a function gives for `answers` to `prompts`, [N]; it gets those of `groups` [N] that it takes."""
    what = f"reward function {name}"
    more = {axis: list(values) for axis, values in groups.items() if takes(function, axis)}
    try:
        found = function(prompts=list(prompts), completions=list(answers), **more)
    except Exception as error:  # a user's function can fail in any way; its words may hold a text
        raise DataError(f"{where}: {what} raised {type(error).__name__}") from None
    return numbers(what, found, len(answers), where)


def numbers(what: str, found: object, count: int, where: str) -> Floats:
    """`found` as `count` finite numbers; a DataError that names `what` gave it where it is not."""
    try:
        values = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: {what} gave no numbers: expected {count} numbers") from None
    if values.shape != (count,):
        raise DataError(
            f"{where}: {what} gave numbers of shape {values.shape}: expected ({count},), one for each answer"
        )
    if not np.isfinite(values).all():
        broken = int((~np.isfinite(values)).sum())
        raise DataError(
            f"{where}: {what} gave NaN or an infinite number for {broken} of {count} answers:"
            " expected finite numbers"
        )
    return values


def takes(function: Function, name: str) -> bool:
    """Whether a function has a parameter of this name, or takes any."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return name in known or any(each.kind is each.VAR_KEYWORD for each in known.values())
