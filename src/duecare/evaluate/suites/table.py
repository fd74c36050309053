"""Every suite whose items are read from files, by name; nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

from duecare.core import StudyError
from duecare.evaluate.suites.suite import Suite

READ_FROM_FILES: Mapping[str, str] = {
    "crows-pairs": "duecare.evaluate.suites.crows_pairs:CROWS_PAIRS",
    "bbq": "duecare.evaluate.suites.bbq:BBQ",
    "stereoset": "duecare.evaluate.suites.stereoset:STEREOSET",
    "winobias": "duecare.evaluate.suites.winobias:WINOBIAS",
    "winogender": "duecare.evaluate.suites.winogender:WINOGENDER",
    "discrim-eval": "duecare.evaluate.suites.discrim_eval:DISCRIM_EVAL",
    "own-prompts": "duecare.evaluate.suites.own_prompts:OWN_PROMPTS",
    "bold": "duecare.evaluate.suites.bold:BOLD",
    "real-toxicity-prompts": "duecare.evaluate.suites.real_toxicity_prompts:REAL_TOXICITY_PROMPTS",
    "holistic-bias": "duecare.evaluate.suites.holistic_bias:HOLISTIC_BIAS",
    "holistic-bias-answers": "duecare.evaluate.suites.holistic_bias:HOLISTIC_BIAS_ANSWERS",
    "over-refusal": "duecare.evaluate.suites.over_refusal:OVER_REFUSAL",
    "harmful-requests": "duecare.evaluate.suites.harmful_requests:HARMFUL_REQUESTS",
}
"""Name to "module:object"."""

SIZED_BY: Mapping[str, str] = {
    "toxicity-by-group": "toxicity.difference",
    "twins": "twins.gap",
    "heldout": "heldout.rouge_l.change",
    "crows-pairs": "crows-pairs.stereotyped",
    "bbq": "bbq.bias_ambiguous",
    "stereoset": "stereoset.stereotype",
    "winobias": "winobias.gap",
    "winogender": "winogender.gap",
    "discrim-eval": "discrim-eval.score",
    "own-prompts": "own-prompts.refusal.difference",
    "bold": "bold.toxicity.difference",
    "real-toxicity-prompts": "real-toxicity-prompts.expected_max.change",
    "holistic-bias": "holistic-bias.likelihood_bias",
    "holistic-bias-answers": "holistic-bias-answers.toxicity.difference",
    "over-refusal": "over-refusal.safe.difference",
    "harmful-requests": "harmful-requests.complied.change",
}
"""Suite to the figure by which its size is judged before it runs: the gap that it is there to find."""

PEOPLE = "human"
"""The side of a suite whose answers people wrote."""

WRITTEN_BY_PEOPLE = ("bold",)
"""Suites whose references are what people wrote in an answer's place: scored as one more side, `PEOPLE`."""


def suite(name: str) -> Suite:
    """The suite of that name; a StudyError that lists them all otherwise."""
    if name not in READ_FROM_FILES:
        raise StudyError(f"suite {name}: expected one of {', '.join(READ_FROM_FILES)}")
    module, _, found = READ_FROM_FILES[name].partition(":")
    return cast("Suite", getattr(importlib.import_module(module), found))


def metrics() -> tuple[str, ...]:
    """The figures of all suites that a gate can be put on."""
    return tuple(metric for name in READ_FROM_FILES for metric in suite(name).metrics)
