"""From a tree of values to a step: keys, types and the step's own refusals, each problem with its line.

The form is read from the dataclass: its fields are the keys, their types what may stand there, its
docstring the help. Nothing is declared twice.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from duecare.cli.document import Node
from duecare.core.errors import Problem, StudyError

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Field:
    """One key that may stand in a study: its name there, the dataclass field behind it, type, default."""

    key: str
    name: str
    hint: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether a study must give it."""
        return self.default is dataclasses.MISSING

    @property
    def expected(self) -> str:
        """What may stand there, in words."""
        return describe(self.hint)


@functools.cache
def _fields(cls: type) -> tuple[Field, ...]:
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        default: Any = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found.append(Field(field.name, field.name, hints[field.name], default))
    return tuple(found)


def fields(cls: type, renamed: Mapping[str, str] | None = None, hidden: Collection[str] = ()) -> list[Field]:
    """The keys of a step in a study; `renamed` maps field to key, `hidden` are not for studies."""
    renamed = renamed or {}
    return [
        dataclasses.replace(field, key=renamed.get(field.name, field.name))
        for field in _fields(cls)
        if field.name not in hidden
    ]


MEANT: Mapping[str, str] = {
    "orpo": "dpo: {algorithm: orpo}",
    "lora": "sft: {weights: lora}",
    "qlora": "sft: {quantize: nf4}",
}
"""Methods of the field that are settings of a step here, as they are written."""


def near(word: str, known: Collection[str]) -> str:
    """ "; did you mean ...?" for the known name that is nearest to `word`, or nothing."""
    meant = MEANT.get(word.lower(), "")
    if meant.partition(":")[0] in known:
        return f'; did you mean "{meant}"?'
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def choice(word: str, known: Collection[str], what: str = "one of") -> str:
    """ "one of a, b, c; did you mean a?" """
    return f"{what} {', '.join(known) or '(none)'}{near(word, known)}"


def show(value: object) -> str:
    """A value as a problem shows it: short, on one line."""
    text = repr(value) if not isinstance(value, dict | list) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def describe(hint: Any) -> str:  # noqa: PLR0911  # one return for each kind of type reads best
    """A type in the reader's words."""
    plain = {
        str: "text",
        Path: "a path",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        type(None): "null",
    }
    if hint in plain:
        return plain[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(str(value) for value in inner)}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(part) for part in inner)
    if origin in (tuple, list):
        return _describe_list(origin, inner)
    if _is_mapping(origin):
        return f"a mapping from {describe(inner[0])} to {describe(inner[1])}"
    if dataclasses.is_dataclass(hint):
        return f"a mapping with {', '.join(field.name for field in dataclasses.fields(hint))}"
    return "a mapping" if hint is dict else str(getattr(hint, "__name__", hint))


def _describe_list(origin: Any, inner: tuple[Any, ...]) -> str:
    if origin is tuple and Ellipsis not in inner:
        return f"a list of {len(inner)}: {', '.join(describe(part) for part in inner)}"
    return f"a list, each {describe(inner[0])}"


def convert(  # noqa: PLR0911  # one return for each kind of type reads best
    node: Node, hint: Any, where: str, problems: list[Problem]
) -> Any:
    """The node's value as a `hint`, or None with problems, each naming the innermost line."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _one_of(node, inner, hint, where, problems)
    if origin is Literal:
        if node.value in inner and type(node.value) in map(type, inner):
            return node.value
        known = [str(option) for option in inner]
        problems.append(Problem(where, show(node.plain()), choice(str(node.plain()), known), node.line))
        return None
    if origin in (tuple, list):
        return _list(node, origin, inner, where, problems)
    if _is_mapping(origin):
        entries = mapping(node, where, problems)
        if entries is None:
            return None
        return {key: convert(each, inner[1], f"{where}.{key}", problems) for key, each in entries.items()}
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type", hint), node, where, problems)
    return _scalar(node, hint, where, problems)


def _scalar(node: Node, hint: Any, where: str, problems: list[Problem]) -> Any:
    value = node.value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is Any or (hint is type(None) and value is None) or type(value) is hint:
        return node.plain()
    problems.append(Problem(where, show(node.plain()), describe(hint), node.line))
    return None


def _one_of(node: Node, options: tuple[Any, ...], hint: Any, where: str, problems: list[Problem]) -> Any:
    """The first option that fits; else what the option of the value's own shape says is wrong.

    Of several such options it is the one that knows most of the keys: what was meant.
    """
    if node.value is None and type(None) in options:  # not the defaults of another option
        return None
    tries: list[tuple[Any, list[Problem]]] = []
    for option in options:
        said: list[Problem] = []
        value = convert(node, option, where, said)
        if not said:
            return value
        tries.append((option, said))
    for option, said in sorted(tries, key=lambda each: -_known(node, each[0])):  # stable: else in order
        shape = typing.get_origin(option) or option
        nested = _is_mapping(shape) or dataclasses.is_dataclass(shape)
        if (isinstance(node.value, dict) and nested) or (
            isinstance(node.value, tuple) and shape in (tuple, list)
        ):
            problems += said
            return None
    problems.append(Problem(where, show(node.plain()), describe(hint), node.line))
    return None


def _known(node: Node, option: Any) -> int:
    """How many keys of a mapping are fields of an option; 0 for what is none."""
    if not (isinstance(node.value, dict) and dataclasses.is_dataclass(option)):
        return 0
    return len({field.name for field in dataclasses.fields(option)} & node.value.keys())


def _list(node: Node, origin: Any, inner: tuple[Any, ...], where: str, problems: list[Problem]) -> Any:
    """A list; one plain value where a list is meant is a list of one."""
    many = origin is list or (len(inner) == 2 and inner[1] is Ellipsis)
    items = node.value if isinstance(node.value, tuple) else (node,)
    row = isinstance(node.value, dict) and not dataclasses.is_dataclass(inner[0])
    if node.value is None or row or not (many or len(items) == len(inner)):
        problems.append(Problem(where, show(node.plain()), _describe_list(origin, inner), node.line))
        return None
    hints = [inner[0]] * len(items) if many else list(inner)
    single = items == (node,)
    found = [
        convert(item, hint, where if single else f"{where}.{place}", problems)
        for place, (item, hint) in enumerate(zip(items, hints, strict=True))
    ]
    return tuple(found) if origin is tuple else found


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def mapping(node: Node, where: str, problems: list[Problem]) -> dict[str, Node] | None:
    """The node as a mapping; nothing (`key:` alone) is an empty one."""
    if node.value is None:
        return {}
    if isinstance(node.value, dict):
        return node.value
    problems.append(Problem(where, show(node.plain()), "a mapping (key: value)", node.line))
    return None


def build(
    cls: type,
    node: Node,
    where: str,
    problems: list[Problem],
    *,
    renamed: Mapping[str, str] | None = None,
    hidden: Collection[str] = (),
    given: Mapping[str, Any] | None = None,
    also: Collection[str] = (),
) -> Any:
    """A `cls` from the mapping at `node`, or None where `problems` has grown.

    `given` are fields that the study does not spell out here (a seed); `also` are keys that the caller
    reads itself (`on`).
    """
    entries = mapping(node, where, problems)
    if entries is None:
        return None
    known = {field.key: field for field in fields(cls, renamed, hidden)}
    before = len(problems)
    own = {key: inner for key, inner in entries.items() if key not in also}
    values = dict(given or {}) | _values(own, known, where, problems, also)
    for key, field in known.items():
        if field.required and key not in entries and field.name not in values:
            problems.append(Problem(f"{where}.{key}", "missing", field.expected, node.line))
    if any(field.required and field.name not in values for field in known.values()):
        return None
    try:
        made = cls(**values)  # also where a key was wrong, to hear what the step says of the others
    except StudyError as error:
        keys = {field.name: key for key, field in known.items()}
        problems += [_placed(problem, node, where, keys) for problem in error.problems]
    return made if len(problems) == before else None


def _values(
    entries: Mapping[str, Node],
    known: Mapping[str, Field],
    where: str,
    problems: list[Problem],
    also: Collection[str],
) -> dict[str, Any]:
    """Field name -> value, for the keys that are known and of the right type."""
    values: dict[str, Any] = {}
    for key, inner in entries.items():
        if key not in known:
            problems.append(
                Problem(f"{where}.{key}", show(inner.plain()), choice(key, [*also, *known]), inner.line)
            )
            continue
        said = len(problems)
        value = convert(inner, known[key].hint, f"{where}.{key}", problems)
        if len(problems) == said:
            values[known[key].name] = value
    return values


def _placed(problem: Problem, node: Node, where: str, keys: Mapping[str, str]) -> Problem:
    """A step's own refusal ("curate.screen.limit") at its place in the file."""
    parts = problem.where.split(".")
    if problem.expected.startswith("one of ") and "; did you mean" not in problem.expected:
        known_words = problem.expected.removeprefix("one of ").split(", ")
        problem = dataclasses.replace(
            problem, expected=problem.expected + near(problem.value.strip("'"), known_words)
        )
    for start, part in enumerate(parts):
        if part in keys:
            inside = ".".join([keys[part], *parts[start + 1 :]])
            return dataclasses.replace(problem, where=f"{where}.{inside}", line=node.at(inside).line)
    return dataclasses.replace(problem, where=where, line=node.line)
