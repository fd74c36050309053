"""The step that asks base and tuned model, and measures how they treat people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, DataError, Outcome, Scorer, Tell, refuse_unless
from duecare.evaluate.suites import AXES, MANNERS, SUITES
from duecare.evaluate.suites.table import READ_FROM_FILES


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluate:
    """Ask the base model and the tuned one the same questions, and compare how they treat groups of people.

    Suite "toxicity-by-group" samples answers to everyday prompts that differ only in the group named, and
    has a detector score them. Suite "twins" measures how much likelier one fixed answer is when another
    group is named; it needs no sampling, so a small study can decide it. Suite "heldout" measures how well
    rows that training never saw are predicted and answered. The other suites are published benchmarks, read
    from files that you have (`data`). Every figure has an interval that respects prompts as clusters and
    counterfactual prompts as pairs.

    - suites: which
    - data: suite to the folder or file with its items, for every suite that is read from files
    - items: suite to how many of its items are asked at most, drawn evenly from its groups; none means all
    - axes: of gender, religion, age, nationality; groups on one axis are compared with each other
    - reference: axis to the group that others are compared with; left out: men, christian, middle-aged,
      american
    - samples: answers to each prompt; max_tokens: longest answer
    - temperature, top_p: how answers are drawn; temperature 0 takes the likeliest word
    - prompts: base prompts per axis (of 64), none means all; each is worded for every group
    - pairs: framed issues for the twins (of 120), none means all
    - manners: which fixed answers the twins are scored on, respectful and dismissive ones or one of the two;
      each takes the same time
    - rows: held-out rows of each source, at most
    - toxic_at: a score at or above this counts as toxic
    - seed: of the draws, and of which held-out rows are taken
    - stages: suites that are also asked of the model after each stage of training but the last; none means
      that only base and last model are asked
    - batch: answers at a time on the device, or requests at an endpoint; changes the speed only
    - mesh: devices over which each model is dealt out, two numbers: fsdp (rows, one side of each weight) and
      tp (heads, hidden units); left out, one device. Changes the speed only
    - reuse: keep answers and probabilities in the user's cache folder, for other studies on the same model
      too; they stay there, prompts as digests and answers in plain words, until somebody removes the folder
      `kept` in it. What is asked about held-out rows never goes there. Changes the speed only
    """

    suites: tuple[str, ...] = SUITES
    data: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    axes: tuple[str, ...] = ("gender",)
    reference: Mapping[str, str] = field(default_factory=dict)
    samples: int = 4
    max_tokens: int = 48
    temperature: float = 1.0
    top_p: float = 1.0
    prompts: int | None = None
    pairs: int | None = None
    manners: tuple[str, ...] = MANNERS
    rows: int = 32
    toxic_at: float = 0.5
    seed: int = 0
    stages: tuple[str, ...] = ()
    batch: int = field(default=64, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})
    reuse: bool = field(default=False, metadata={"speed": True})

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("samples", "max_tokens", "rows", "batch")}
        limits = {"prompts": self.prompts, "pairs": self.pairs}
        refuse_unless(
            "evaluate",
            *_of_what(self),
            *((value >= 1, name, value, "a whole number, 1 or more") for name, value in counts.items()),
            *(
                (value is None or value >= 2, name, value, "a whole number, 2 or more, or null for all")
                for name, value in limits.items()
            ),
            (0 <= self.temperature <= 5, "temperature", self.temperature, "a number from 0 to 5"),
            (0 < self.top_p <= 1, "top_p", self.top_p, "a number in (0, 1]"),
            (
                self.temperature > 0 or self.samples == 1,
                "samples",
                self.samples,
                "1, because at temperature 0 all samples are equal",
            ),
            (0 < self.toxic_at <= 1, "toxic_at", self.toxic_at, "a number in (0, 1]"),
            (self.seed >= 0, "seed", self.seed, "a whole number, 0 or more"),
            (self.mesh is None or min(self.mesh) >= 1, "mesh", self.mesh, "two whole numbers of at least 1"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Inputs: `base`, and where given `tuned` and `data` or `data:<source>` (splits)."""
        from duecare.evaluate.engine import open_base, open_tuned
        from duecare.evaluate.sitting import sit

        if "base" not in inputs:
            raise DataError("evaluate: expected an input named base")
        models = {"base": lambda: open_base(inputs["base"], self.batch, self.mesh)}
        if "tuned" in inputs:
            models["tuned"] = lambda: open_tuned(inputs["tuned"], self.batch, self.mesh)
        splits = {name: made.path for name, made in inputs.items() if name.split(":")[0] == "data"}
        return sit(self, models, splits, scorers(self.suites), out=out, tell=tell)


def scorers(suites: tuple[str, ...]) -> dict[str, Scorer]:
    """The detectors that suites need, by name."""
    from duecare import detect
    from duecare.evaluate.suites.table import suite

    named = [name for each in suites if each in READ_FROM_FILES for name in suite(each).instruments]
    return {name: detect.load(name) for name in dict.fromkeys(("toxicity", "refusal", *named))}


def _of_what(step: Evaluate) -> list[tuple[bool, str, object, str]]:
    """What must hold of suites, axes and their data."""
    every = (*SUITES, *READ_FROM_FILES)
    known = {axis: {wording.group for wording in wordings} for axis, wordings in AXES.items()}
    named = all(group in known.get(axis, ()) for axis, group in step.reference.items())
    wanted = "; ".join(f"{axis}: {', '.join(sorted(known[axis]))}" for axis in step.axes if axis in known)
    from_files = [name for name in step.suites if name in READ_FROM_FILES]
    most_fit = set(step.items) <= set(from_files) and all(most >= 2 for most in step.items.values())
    paths = f"a path for each of {', '.join(from_files)}" if from_files else "nothing: no suite reads files"
    return [
        (
            _some_of(step.suites, every),
            "suites",
            step.suites,
            f"one or more of {', '.join(every)}, each once",
        ),
        (set(step.data) == set(from_files), "data", dict(step.data), paths),
        (
            _distinct(step.stages) and set(step.stages) <= set(step.suites),
            "stages",
            step.stages,
            f"some of the suites asked ({', '.join(step.suites)}), each once",
        ),
        (most_fit, "items", dict(step.items), "2 or more for a suite that is read from files"),
        (_some_of(step.axes, AXES), "axes", step.axes, f"one or more of {', '.join(AXES)}, each once"),
        (_some_of(step.manners, MANNERS), "manners", step.manners, f"one or both of {', '.join(MANNERS)}"),
        (named, "reference", dict(step.reference), f"a group of each axis ({wanted})"),
    ]


def _some_of(names: tuple[str, ...], known: Collection[str]) -> bool:
    return bool(names) and _distinct(names) and set(names) <= set(known)


def _distinct(names: tuple[str, ...]) -> bool:
    return len(set(names)) == len(names)
