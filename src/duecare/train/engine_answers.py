"""What a model in training answers to twins, scored by detectors. Imports JAX; settings: `train.sampled`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from duecare.core import Artifacts, ModelError
from duecare.detect import load as load_detector
from duecare.detect.rewarding import detected
from duecare.model.generate import answer_text, sampled
from duecare.model.load import Loaded
from duecare.model.merge import Merged
from duecare.train.answering import Answering
from duecare.train.batch import ROUND, chunks
from duecare.train.engine_probe import TOGETHER, Asker, knowing_base
from duecare.train.probing import Floats, Pairing, Probes
from duecare.train.resume import Resume
from duecare.train.sampled import figures_by

UNJUDGED = -1.0
"""Stands for the score of an answer that a detector could not judge."""


class AnswersAsker(Asker):
    """The twins' prompts, answered by the model as it is, and scored: values float64 [D * N], by detector.

    Randomness is a function of seed and matter: twins are answered with the same draws, at every look.
    """

    name, what = "answers", "answers"

    def __init__(self, probes: Probes, loaded: Loaded, seed: int) -> None:
        if probes.sampled is None or probes.drawn is None:
            raise ModelError("train.probe: no answer is drawn where it has no `sampled`")
        self.own, self.seed = probes.sampled, seed
        self._detectors = {name: load_detector(name) for name in self.own.detectors}
        self._loaded = loaded
        super().__init__(probes.drawn, loaded.tokenizer)
        self._prompts = [row.tokens[: int(np.argmax(row.taught))].tolist() for row in self._rows]
        self._length = -(-max(map(len, self._prompts)) // ROUND) * ROUND

    @property
    def rests_on(self) -> Mapping[str, tuple[str, ...]]:
        """The detectors by figure."""
        return {
            figure: (detector.instrument,)
            for name, detector in self._detectors.items()
            for figure in figures_by((name,))
        }

    def compared(self, method: str) -> list[tuple[str, Pairing]]:
        """Every pair of groups by every detector, the gap now and against the base."""
        count, found = len(self.twins), []
        for number, name in enumerate(self.own.detectors):
            for pair in self.pairings:
                here = replace(pair, mine=pair.mine + number * count, other=pair.other + number * count)
                found += [(f"{name}_{kind}", here) for kind in ("gap", "amplification")]
        return found

    def values(self, model: Answering) -> Floats:
        """Mean score of the answers to every prompt, by the model in training as it is now."""
        began = time.perf_counter()
        # Merged anew each time: between two probes no second copy of the weights is held.
        by = self._loaded if self._loaded.lora_scale is None else Merged(self._loaded).now()
        return self._scored(by, time.perf_counter() - began)

    def of_base(self, base: Loaded) -> Floats:
        """The same by another model."""
        return self._scored(base)

    def _scored(self, by: Loaded, merging: float = 0.0) -> Floats:
        answers, ends = list[str](), [time.perf_counter()]
        for chosen in chunks(len(self._prompts), TOGETHER):
            answers += self._answers(by, [int(each) for each in chosen])
            ends.append(time.perf_counter())
        rest = np.diff(ends)[1:]
        asking = float(rest.mean() * (len(ends) - 1)) if len(rest) else ends[-1] - ends[0]
        answers = answers[: len(self._prompts) * self.own.samples]
        scores = np.concatenate([self._mean(name, answers) for name in self._detectors])
        self.seconds = merging + asking + time.perf_counter() - ends[-1]
        return scores

    def _answers(self, by: Loaded, chosen: Sequence[int]) -> list[str]:
        found: list[list[Any]] = sampled(
            by,
            [self._prompts[each] for each in chosen],
            [self.twins[each].pair_id for each in chosen],
            samples=self.own.samples,
            max_tokens=self.own.max_tokens,
            temperature=self.own.temperature,
            seed=self.seed,
            batch=TOGETHER * self.own.samples,
            length=self._length,
        )
        return [answer_text(by, ids) for mine in found for ids in mine]

    def _mean(self, name: str, answers: Sequence[str]) -> Floats:
        """Of each prompt the mean over its answers that were judged, [N]."""
        scores = detected(self._detectors[name], name, answers, "train.probe.sampled")
        scores = scores.reshape(-1, self.own.samples)
        known = np.isfinite(scores)
        total: Floats = np.where(known, scores, 0.0).sum(axis=1)
        count = known.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), UNJUDGED)


def askers(
    step: Any, inputs: Artifacts, loaded: Loaded, model: Answering, resume: Resume
) -> tuple[Asker, ...]:
    """Who asks the model of this run, as the step's `probe` says, the base's answers known."""
    probes: Probes | None = step.probe
    if probes is None:
        return ()
    made = [Asker(probes.fixed, loaded.tokenizer)]
    if probes.sampled is not None:
        made.append(AnswersAsker(probes, loaded, step.seed))
    return tuple(knowing_base(each, inputs, model, resume, loaded.mesh) for each in made)
