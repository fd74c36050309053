"""How nouns become bytes: canonical JSON in, checked nouns out.

Canonical means: object keys sorted, no white space, UTF-8, shortest round-trip floats. Equal values
give equal bytes, so a digest of the bytes is a digest of the value. NaN and infinities have no JSON
form and are refused (msgspec would write `null`, which reads back as something else).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from duecare.core.errors import DuecareError

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(order="sorted")


class Noun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that crosses a border as JSON: immutable, keyword only, no unknown keys."""


def plain(value: object) -> Any:
    """`value` as dicts, lists, strings, numbers, booleans and None; refuses NaN and infinity."""
    built = msgspec.to_builtins(value, order="sorted")
    _refuse_unwritable(built, "value")
    return built


def encode(value: object) -> bytes:
    """`value` as canonical JSON."""
    return _ENCODER.encode(plain(value))


def encode_texts(value: Sequence[object]) -> bytes:
    """Strings, None and tuples of such as canonical JSON: where no number is, none has to be looked at."""
    return _ENCODER.encode(value)


def encode_read(value: Noun) -> bytes:
    """A noun that was read from JSON as canonical JSON, in half the time of `encode`.

    JSON has no NaN and no infinity, so a noun that came from it holds none. The encoder would write `null`
    for one; where `null` stood it was read as None, so that nothing passes for what it is not.
    """
    return _ENCODER.encode(value)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read one `kind` from JSON; a DuecareError names the path of what does not fit."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DuecareError(f"not a valid {kind.__name__}: {error}") from error


def settings(step: object) -> dict[str, Any]:
    """What of a step's fields changes its result, as plain values.

    Fields declared with `metadata={"speed": True}` (workers, inference batch size, device) change
    only how fast the result comes and stay out of every digest. One with `metadata={"added": True}` came
    later than its step: left at its default it stays out too, so that digests are what they were. That holds
    for the settings inside a step's (limits, probes) as well.
    """
    if not dataclasses.is_dataclass(step):
        raise TypeError(f"a step is a dataclass, got {type(step).__name__}")
    return {
        field.name: _inside(getattr(step, field.name))
        for field in dataclasses.fields(step)
        if not field.metadata.get("speed", False) and not _came_later(step, field)
    }


def _inside(value: object) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return plain(value)
    kept = [field for field in dataclasses.fields(value) if not _came_later(value, field)]
    return {field.name: _inside(getattr(value, field.name)) for field in kept}


def _came_later(owner: object, field: dataclasses.Field[Any]) -> bool:
    """Whether a field came later than what it is a setting of, and is as if it had not come."""
    return bool(field.metadata.get("added", False)) and getattr(owner, field.name) == field.default


def _refuse_unwritable(value: object, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise DuecareError(f"{path} is {value}: JSON has no such number; use None with a reason")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unwritable(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _refuse_unwritable(inner, f"{path}.{position}")
