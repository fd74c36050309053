"""One call of the step `records`: both models one after the other, then figures, verdicts and tables."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from duecare.core import Artifacts, DataError, Estimate, Note, Outcome, Progress, Tell, exact
from duecare.core.wire import encode
from duecare.memorise import extraction, missed, records_limits, redacted
from duecare.memorise.extraction import Shown
from duecare.memorise.extraction_index import RunIndex
from duecare.memorise.missed_detected import detected
from duecare.memorise.records_asked import Asked, Asking
from duecare.memorise.records_limits import Look
from duecare.memorise.records_rows import groups_of
from duecare.memorise.records_values import Chosen, standing
from duecare.memorise.redacted import Heard, Tried
from duecare.model.fetch import folder_of
from duecare.model.tokenize import Tokenizer

if TYPE_CHECKING:
    from duecare.memorise.records import Records

NOTE = "memorise.records"
"""Topic of the note that says how much was asked."""


def run(step: Records, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """See `Records.run`. Raises DataError where an input is lacking."""
    if lacking := [name for name in ("base", "model") if name not in inputs]:
        raise DataError(f"memorise.records: expected an input named {', '.join(lacking)}")
    folders = {"base": folder_of(inputs["base"].path), "tuned": inputs["model"].path / "model"}
    tokenizer = Tokenizer(folders["tuned"])
    asked = Asking(step, inputs, tokenizer).asked()
    tell(Progress(0, 2, "models", asked.cost(step.tokens)))
    said = {name: _answers(step, name, folder, asked, tell) for name, folder in folders.items()}
    told = _Told(step, asked, said["base"], said["tuned"], tokenizer.encode_all)
    tell(told.note(inputs["model"].job))
    return told.outcome(out)


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model answered."""

    redacted: list[Heard]
    missed: list[Heard]
    continued: list[list[int]]


def _answers(step: Records, name: str, folder: Path, asked: Asked, tell: Tell) -> Answers:
    from duecare.memorise.records_engine import open_model

    def done(what: str) -> Callable[[int, int], None]:
        return lambda count, total: tell(Progress(count, total, what, name))

    model = open_model(folder, step.batch)
    found = Answers(
        model.heard(asked.redacted.values, done("redacted values"), done("values and decoys")),
        model.heard(asked.missed.values, done("missed values"), done("missed values and decoys")),
        model.continued(asked.beginnings, done("beginnings")),
    )
    del model
    gc.collect()  # the next model needs its memory
    return found


@dataclass(frozen=True, slots=True)
class _Told:
    """What both models answered, as figures; `encode_all` gives the tokens of texts."""

    step: Records
    asked: Asked
    base: Answers
    tuned: Answers
    encode_all: Callable[[Sequence[str]], list[list[int]]]

    @property
    def about(self) -> dict[str, str]:
        """What every figure speaks of."""
        return {"source": self.step.on}

    def note(self, model: str) -> Note:
        """How much was asked, of which model."""
        asked = self.asked
        return Note(
            topic=NOTE,
            text=f"The model of {model} and the base model were asked for what they know of {self.step.on}.",
            data={
                "model": model,
                "source": self.step.on,
                "redacted": str(len(asked.redacted.values)),
                "missed": str(len(asked.missed.values)),
                "rows": str(len({each.row for each in asked.beginnings})),
                "trained": str(len(asked.rows.trained)),
                "reviewed": str(len(asked.reviewed.judged)) if asked.reviewed else "0",
            },
        )

    def outcome(self, out: Path) -> Outcome:
        """Figures, verdicts and tables; none of them holds a value or a text."""
        step, asked = self.step, self.asked
        said = [text for row in asked.rows.train for _, text in row.parts()]
        tried = _tried(asked.redacted, self.base.redacted, self.tuned.redacted, said)
        missing = _tried(asked.missed, self.base.missed, self.tuned.missed, said)
        shown = self._shown(said)
        estimates = [*self._figures(tried, shown), *self._missed(missing)]
        looks = list(self._looks(tried, shown))
        findings = [*asked.findings, *records_limits.findings(looks, step.alpha)]
        tables = {
            "redacted": redacted.table(tried),
            "verbatim": extraction.table(shown),
            "missed": missed.table(asked.marked, missing, asked.rows.trained),
        }
        for name, table in tables.items():
            pq.write_table(table, out / f"{name}.parquet", compression="zstd")
        (out / "estimates.json").write_bytes(encode(estimates))
        files = {name: f"{name}.parquet" for name in tables} | {"estimates": "estimates.json"}
        return Outcome(files=files, estimates=tuple(estimates), findings=tuple(findings))

    def _shown(self, said: Sequence[str]) -> list[Shown]:
        """How both models went on; copies are looked for in every text of the training rows."""
        if not self.asked.beginnings:
            return []
        index = RunIndex.of(self.encode_all(said), self.step.copied)
        both = zip(self.asked.beginnings, self.base.continued, self.tuned.continued, strict=True)
        return [
            Shown(one, extraction.gone(one, base, index), extraction.gone(one, tuned, index))
            for one, base, tuned in both
        ]

    def _figures(self, tried: Sequence[Tried], shown: Sequence[Shown]) -> Iterator[Estimate]:
        step, groups = self.step, groups_of(self.asked.rows.now.values())
        if tried or self.asked.redacted.left_out:
            left = self.asked.redacted.left_out
            yield exact("memorise.redacted.left_out", left, left + len(tried), self.about, "values")
            yield from redacted.figures(tried, groups, self.about)
        if step.rows:
            yield from extraction.figures(shown, step.prefixes, step.copied, groups, self.about)

    def _missed(self, tried: Sequence[Tried]) -> Iterator[Estimate]:
        """What was missed, by people and by the detector, and what the model says of it."""
        asked = self.asked
        if self.step.detector:
            yield from detected(self.step.detector, asked.rows.train, self.about)
        if asked.reviewed is None:
            return
        groups = groups_of(asked.rows.now.values())
        sample = missed.Sample(
            weights={row: load for row, load in asked.reviewed.judged.items() if row in asked.rows.now},
            missed=asked.marked,
            tried=tried,
            trained=len(asked.rows.trained),
            groups=groups,
            sizes=Counter(each for row in asked.rows.trained for each in groups[row].items()),
            rests_on=(asked.reviewed.instrument,),
        )
        yield from missed.figures(sample, self.about)

    def _looks(self, tried: Sequence[Tried], shown: Sequence[Shown]) -> Iterator[Look]:
        limits = self.step.limits
        if (
            limits.redacted is not None
            and not any(each.name == records_limits.REDACTED for each in self.asked.findings)
            and self.step.values
        ):
            yield Look(
                "redacted",
                "memorise.redacted.excess",
                limits.redacted,
                self.about,
                lambda level: redacted.excess(tried, level),
            )
        for prefix in self.step.prefixes if limits.verbatim is not None and self.step.rows else ():
            own = [each for each in shown if each.beginning.prefix == prefix]
            yield Look(
                "verbatim",
                "memorise.verbatim.excess",
                limits.verbatim or 0.0,
                self.about | {"prefix": str(prefix)},
                lambda level, own=own: extraction.excess(own, level),  # type: ignore[misc]  # own is bound now
            )


def _tried(chosen: Chosen, base: Sequence[Heard], tuned: Sequence[Heard], said: Sequence[str]) -> list[Tried]:
    values = [value for value, _ in chosen.values]
    both = zip(values, base, tuned, standing(values, said), strict=True)
    return [Tried(*each) for each in both]
