"""The work of the step `canaries`: the model and its base are asked, then tables, figures, verdicts. Imports
JAX."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from rapidfuzz.distance import Levenshtein

from duecare.core import (
    Artifacts,
    DataError,
    Example,
    Note,
    Outcome,
    Progress,
    Tell,
)
from duecare.core.table import examples
from duecare.memorise import figures
from duecare.memorise.attacks import SCORERS, Said
from duecare.memorise.engine_said import Done, Text, continued, margins, said, text_of
from duecare.memorise.figures import MARGIN, Scored, ScoredRows
from duecare.memorise.placed import DATA, Canary, Row, canaries_of, promise_of, rows_of
from duecare.memorise.tables import Found
from duecare.model.family import CLASSIFIERS
from duecare.model.fetch import folder_of
from duecare.model.load import Loaded, load, read_config
from duecare.model.reward import load_reward

if TYPE_CHECKING:
    from duecare.memorise.canaries import CanariesBack


def run(step: CanariesBack, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """See `CanariesBack.run`."""
    folder = inputs["model"].path / "model"
    if not folder.is_dir():
        raise DataError("memorise.canaries: expected a training step's artifact as input model")
    name = inputs["model"].job
    canaries = canaries_of(inputs, step.on)
    sources = list(dict.fromkeys(one.source for one in canaries))
    rows = {source: rows_of(inputs, source, step.rows, step.seed) if step.rows else [] for source in sources}
    judges = (read_config(folder).get("architectures") or ["(none)"])[0] in CLASSIFIERS
    work = _Work(step, inputs, canaries, rows, tell)
    scored, looked = work.of_judge(folder) if judges else work.of_model(folder)
    promises = {source: promise_of(inputs, source) for source in sources}
    found = Found(name, scored, looked, {source: each for source, each in promises.items() if each})
    estimates, findings = found.told(step)
    tell(_note(name, canaries))
    return Outcome(files=found.write(out), estimates=tuple(estimates), findings=tuple(findings))


@dataclass(frozen=True, slots=True)
class _Work:
    """What is asked about, and the models that are."""

    step: CanariesBack
    inputs: Artifacts
    canaries: Sequence[Canary]
    rows: Mapping[str, Sequence[Row]]
    tell: Tell

    def _done(self, what: str) -> Done:
        return lambda done, total: self.tell(Progress(done, total, "texts", what))

    def of_model(self, folder: Path) -> tuple[Scored, list[ScoredRows]]:
        """A model that answers, against its base."""
        loaded = load(folder)
        kept = [one for one in self.canaries if one.tokens]
        texts = [Text(one.tokens, one.start, one.end) for one in kept]
        asked = {source: self._texts(rows, loaded) for source, rows in self.rows.items()}
        every = [*texts, *(text for each in asked.values() for _, text in each)]
        words = [one.secret for one in kept]
        words += [_words(loaded, text) for each in asked.values() for _, text in each]
        mine = said(loaded, every, batch=self.step.batch, done=self._done("what the model says of texts"))
        answers = continued(
            loaded, texts, batch=self.step.batch, done=self._done("what the model goes on with")
        )
        del loaded  # the base needs its memory
        gc.collect()
        base = load(folder_of(self.inputs["base"].path))
        theirs = said(base, every, batch=self.step.batch, done=self._done("what the base says of texts"))
        scores = self._scores(mine, theirs, words)
        scored = self._canaries(kept, {name: values[: len(kept)] for name, values in scores.items()}, answers)
        looked, first = list[ScoredRows](), len(kept)
        for source, each in asked.items():
            own = {name: values[first : first + len(each)] for name, values in scores.items()}
            looked += [ScoredRows(source, [row.known for row, _ in each], own)] if each else []
            first += len(each)
        return scored, looked

    def _texts(self, rows: Sequence[Row], loaded: Loaded) -> list[tuple[Row, Text]]:
        found = [(row, text_of(row, loaded.tokenizer)) for row in rows]
        return [(row, text) for row, text in found if text is not None]

    def _scores(
        self, mine: Sequence[Said], theirs: Sequence[Said], words: Sequence[str]
    ) -> dict[str, figures.Floats]:
        return {
            attack: np.array([SCORERS[attack](*each) for each in zip(mine, theirs, words, strict=True)])
            for attack in self.step.attacks
        }

    def _canaries(
        self, kept: Sequence[Canary], scores: Mapping[str, figures.Floats], answers: Sequence[str]
    ) -> Scored:
        """Scores of all canaries; those that nothing was read of are lost, and in no figure."""
        place = {one.name: number for number, one in enumerate(kept)}
        where = np.array([place.get(one.name, -1) for one in self.canaries])
        # A preference step teaches to say a rejected answer less: its traces point the other way.
        sign = np.array([-1.0 if one.place == "rejected" else 1.0 for one in self.canaries])

        def spread(values: npt.NDArray[np.generic], nothing: float) -> npt.NDArray[np.generic]:
            return np.where(where >= 0, np.append(values, nothing)[where], nothing)

        pairs = list(zip(kept, answers, strict=True))
        back = np.array([one.secret in answer for one, answer in pairs], dtype=bool)
        near = np.array([_near(one.secret, answer, self.step.near) for one, answer in pairs], dtype=bool)
        return Scored(
            self.canaries,
            {name: sign * spread(values, 0.0) for name, values in scores.items()},
            spread(back, 0).astype(bool),
            spread(back | near, 0).astype(bool),
        )

    def of_judge(self, folder: Path) -> tuple[Scored, list[ScoredRows]]:
        """A reward model: the margin of each pair; it says nothing that could come back."""
        judge = load_reward(folder, batch=self.step.batch)
        done = self._done("pairs scored")
        texts = {
            name.removeprefix(DATA): {
                row.row.partition(":")[2]: row
                for row in examples(pq.read_table(artifact.path / "canary_rows.parquet"))
            }
            for name, artifact in self.inputs.items()
            if name.startswith(DATA) and (artifact.path / "canary_rows.parquet").is_file()
        }
        pairs: list[Example] = [texts[one.source][one.canary] for one in self.canaries]
        scored = Scored(self.canaries, {MARGIN: margins(judge, pairs, done=done)}, None, None)
        looked = [
            ScoredRows(
                source,
                [row.known for row in rows],
                {MARGIN: margins(judge, [row.example for row in rows], done=done)},
            )
            for source, rows in self.rows.items()
            if rows
        ]
        return scored, looked


def _words(loaded: Loaded, text: Text) -> str:
    return loaded.tokenizer.decode(list(text.tokens[text.start : text.end]))


def _near(secret: str, answer: str, least: float) -> bool:
    """Whether what the model says first is at least so like the secret (1 less the share of edits)."""
    begun = answer.strip()[: len(secret)]
    return float(Levenshtein.normalized_similarity(secret, begun)) >= least


def _note(model: str, canaries: Sequence[Canary]) -> Note:
    placed = [one for one in canaries if one.placed]
    controls = len(canaries) - len(placed)
    text = f"the model of {model} was asked for {len(placed)} canaries and {controls} controls"
    data = {"model": model, "placed": str(len(placed)), "controls": str(controls)}
    return Note(topic="memorise.canaries", text=text, data=data)
