"""Every step that a study can name: the word in the file, its section, and the class behind it.

Only this package knows all stages; it knows them by dotted name, so that nothing heavy is imported
before a study is read.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from duecare.cli.form import Field, fields

Section = Literal[
    "model",
    "data",
    "curate",
    "train",
    "reward",
    "evaluate",
    "explain",
    "memorise",
    "gates",
    "review",
    "report",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of step.

    `step` is "module:Class". `renamed` maps fields to the keys a study uses, `hidden` are fields that
    the command line fills in, `paths` are fields that hold a path relative to the study file.
    One such as "detector.folder" is a field of settings that stand in a field, where they have it.
    `takes` are the kinds of rows it can work on; empty means all. A `judge` is a training step whose
    result scores answers and writes none: no later step goes on from it, and it is not the tuned model.
    `word` is what a study calls it in its section, where that is not its name. `rewards` are fields that
    name a reward (a judge of the study, a folder, a hub id, a detector, a function): its artifact, where it
    has one, is handed over under the name of the field.
    """

    name: str
    section: Section
    step: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    judge: bool = False
    word: str = ""
    rewards: tuple[str, ...] = ()

    def load(self) -> type[Any]:
        """The step's class; imports its module, which imports no JAX."""
        module, name = self.step.split(":")
        found: type[Any] = getattr(importlib.import_module(module), name)
        return found

    def settings(self) -> list[Field]:
        """The keys a study may give, in the order of the class."""
        return fields(self.load(), self.renamed, self.hidden)

    @property
    def on_is_ours(self) -> bool:
        """Whether `on` is read here (the sources to work on), not by the step itself."""
        return self.section == "curate"


KINDS: tuple[Kind, ...] = (
    Kind(name="base", section="model", step="duecare.model.fetch:Fetch", renamed={"name": "base"}),
    Kind(
        name="read",
        section="data",
        step="duecare.curate.source:Read",
        paths=("source",),
        hidden=("name", "study", "sealed"),
    ),
    Kind(name="audit", section="curate", step="duecare.curate.represent:Audit", paths=("population",)),
    Kind(
        name="toxicity",
        section="curate",
        step="duecare.curate.screen:Screen",
        paths=("detector.folder",),
    ),
    Kind(name="poisoning", section="curate", step="duecare.curate.poison:Poisoning"),
    Kind(name="duplicates", section="curate", step="duecare.curate.overlap:Duplicates"),
    Kind(
        name="decontaminate",
        section="curate",
        step="duecare.curate.contamination:Decontaminate",
        paths=("against",),
    ),
    Kind(
        name="stereotypes",
        section="curate",
        step="duecare.curate.stereotype:Stereotypes",
        paths=("rewrites",),
        hidden=("study",),
    ),
    Kind(name="balance", section="curate", step="duecare.curate.represent:Balance", paths=("to",)),
    Kind(name="personal", section="curate", step="duecare.curate.redact:Redact", hidden=("study",)),
    Kind(name="split", section="curate", step="duecare.curate.split:Split"),
    Kind(name="canaries", section="curate", step="duecare.curate.canaries:Canaries", hidden=("study",)),
    Kind(name="sft", section="train", step="duecare.train.sft:Sft"),
    Kind(name="distill", section="train", step="duecare.train.distill:Distill"),
    Kind(name="dpo", section="train", step="duecare.train.prefer:Dpo", takes=("preference",)),
    Kind(
        name="reward-model",
        section="train",
        step="duecare.train.reward_model:RewardModel",
        takes=("preference",),
        judge=True,
    ),
    Kind(
        name="grpo",
        section="train",
        step="duecare.train.reinforce:Grpo",
        takes=("chat", "preference"),
    ),
    Kind(name="ppo", section="train", step="duecare.train.reinforce:Ppo", takes=("chat", "preference")),
    Kind(
        name="reward-audit",
        section="reward",
        step="duecare.reward.audit:Audit",
        takes=("preference",),
        word="audit",
        rewards=("reward", "against"),
    ),
    Kind(
        name="best-of-n",
        section="reward",
        step="duecare.reward.best:BestOfN",
        takes=("chat", "preference"),
        rewards=("reward", "held_out"),
    ),
    Kind(
        name="reward-people",
        section="reward",
        step="duecare.reward.people:People",
        takes=("preference",),
        word="people",
        rewards=("reward",),
        paths=("export",),
    ),
    Kind(name="evaluate", section="evaluate", step="duecare.evaluate.ask:Evaluate", paths=("data",)),
    Kind(name="words", section="explain", step="duecare.explain.words:Words", paths=("file",)),
    Kind(name="layers", section="explain", step="duecare.explain.layers:Layers"),
    Kind(
        name="canaries-back",
        section="memorise",
        step="duecare.memorise.canaries:CanariesBack",
        word="canaries",
    ),
    Kind(name="records", section="memorise", step="duecare.memorise.records:Records"),
    Kind(name="gate", section="gates", step="duecare.evaluate.gate:Gate"),
    Kind(name="review", section="review", step="duecare.review.waiting:Review"),
    Kind(name="report", section="report", step="duecare.report.page:Report"),
)
"""In the order in which a source goes through curation, and a study through its stages."""

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
ALWAYS = ("audit", "split")
"""Curation steps that come by themselves where a study does not spell them out."""


def of_section(section: Section) -> dict[str, Kind]:
    """The kinds of one section by the word for them there, in order."""
    return {kind.word or kind.name: kind for kind in KINDS if kind.section == section}


def kind_of(step: object) -> Kind | None:
    """The kind of a step made in Python, by its class or what that is derived from."""
    dotted = {f"{cls.__module__}:{cls.__qualname__}" for cls in type(step).__mro__}
    return next((kind for kind in KINDS if kind.step in dotted), None)


def word_of(step: object) -> str:
    """What a study calls a step made in Python in its section; empty for what is none of ours."""
    kind = kind_of(step)
    return (kind.word or kind.name) if kind else ""


def judges(step: object) -> bool:
    """Whether a training step makes a model that scores answers, not one that answers."""
    kind = kind_of(step)
    return kind is not None and kind.judge


def seeded(cls: type[Any]) -> bool:
    """Whether a step draws: it has a seed."""
    return any(each.name == "seed" for each in dataclasses.fields(cls))
