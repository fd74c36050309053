"""From values to a step: what is refused, with which line and which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duecare.cli.document import parse
from duecare.cli.form import build, describe, fields, near
from duecare.core import refuse_unless


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    low: float
    high: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Toy:
    """A step."""

    name: str
    mode: Literal["mean", "median"] = "mean"
    limit: float = 0.5
    rows: int | None = None
    axes: tuple[str, ...] = ()
    labels: dict[str, int] | None = None
    ranges: tuple[Range, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_unless(
            "toys.toy",
            (0 < self.limit <= 1, "limit", self.limit, "a number in (0, 1]"),
            (self.rows is None or self.rows > 0, "rows", self.rows, "at least 1"),
        )


def built(text, **options):
    node, wrong = parse(text)
    assert not wrong
    problems = []
    return build(Toy, node, "toys.0", problems, **options), problems


def test_values_become_the_step():
    step, problems = built(
        "name: a\nlimit: 1\naxes: [x, y]\nrows: null\nlabels: {a: 1}\n"
        "ranges: [{low: 0}, {low: 1, high: 2}]\n",
        given={"seed": 7},
    )
    assert problems == []
    assert step == Toy(
        name="a",
        limit=1.0,
        axes=("x", "y"),
        labels={"a": 1},
        ranges=(Range(low=0), Range(low=1, high=2)),
        seed=7,
    )


def test_one_value_is_a_list_of_one():
    step, problems = built("name: a\naxes: x\n")
    assert problems == []
    assert step.axes == ("x",)


def test_a_value_in_the_file_wins_over_a_given_one():
    assert built("name: a\nseed: 3\n", given={"seed": 7})[0].seed == 3


def test_a_renamed_key_and_a_hidden_field():
    step, problems = built("called: a\n", renamed={"name": "called"}, hidden=("rows",))
    assert (step.name, problems) == ("a", [])
    _, problems = built("called: a\nrows: 1\nname: b\n", renamed={"name": "called"}, hidden=("rows",))
    assert [(problem.where, problem.line) for problem in problems] == [("toys.0.rows", 2), ("toys.0.name", 3)]


def test_all_wrong_keys_and_types_are_told_at_once_with_their_lines():
    step, problems = built(
        "mode: mediam\nlimt: 0.5\nrows: many\naxes: [a, 5]\nlabels: {a: b}\n"
        "ranges:\n  - {low: 0}\n  - {high: 1}\n"
    )
    assert step is None
    told = {problem.where: (problem.line, problem.expected) for problem in problems}
    assert told["toys.0.mode"] == (1, 'one of mean, median; did you mean "median"?')
    assert told["toys.0.limt"][0] == 2
    assert 'did you mean "limit"?' in told["toys.0.limt"][1]
    assert told["toys.0.rows"] == (3, "a whole number or null")
    assert told["toys.0.axes.1"] == (4, "text")
    assert told["toys.0.labels.a"] == (5, "a whole number")
    assert told["toys.0.ranges.1.low"] == (8, "a number")
    assert told["toys.0.name"] == (1, "text")
    assert len(problems) == 7


def test_the_steps_own_refusals_get_their_lines():
    step, problems = built("name: a\nlimit: 2\n\nrows: -1\n")
    assert step is None
    assert [(p.where, p.value, p.line) for p in problems] == [
        ("toys.0.limit", "2.0", 2),
        ("toys.0.rows", "-1", 4),
    ]


def test_a_list_where_a_mapping_is_meant():
    assert built("[1, 2]")[1][0].expected == "a mapping (key: value)"


def test_a_long_value_is_shown_short():
    _, problems = built(f"name: a\nlimit: {'x' * 500}\n")
    assert len(problems[0].value) <= 60


def test_types_in_words():
    assert describe(tuple[str, ...]) == "a list, each text"
    assert describe(tuple[float, float]) == "a list of 2: a number, a number"
    assert describe(dict[str, int]) == "a mapping from text to a whole number"
    assert [field.key for field in fields(Toy, {"name": "called"}, ("seed",))][:2] == ["called", "mode"]


def test_nothing_near_nothing_said():
    assert near("xyz", ["limit", "rows"]) == ""
    assert near("limt", ["limit", "rows"]) == '; did you mean "limit"?'


def test_a_method_that_is_a_setting_is_said_to_be_one():
    assert near("ORPO", ["sft", "dpo", "grpo"]) == '; did you mean "dpo: {algorithm: orpo}"?'
    assert near("qlora", ["sft", "dpo"]) == '; did you mean "sft: {quantize: nf4}"?'
    assert near("orpo", ["toxicity"]) == ""  # of a section without such steps
