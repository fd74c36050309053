"""The work of the step `words`: explain each answer, test some of the explanations, write tables and figures.

Imports JAX where a model is asked; the toxicity of an answer is explained without.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from duecare.core import Artifacts, DataError, Note, Outcome, Progress, Tell
from duecare.core.wire import encode
from duecare.explain.asked import Item, identity_of, of_answers, of_file, of_twins
from duecare.explain.attribution import Attribution, rather_for
from duecare.explain.faithful import Curve, Kept, curves, leading, likeness
from duecare.explain.spans import Floats
from duecare.explain.words_figures import Check, Row, figures, rulings
from duecare.explain.words_tables import read, write

if TYPE_CHECKING:
    from duecare.explain.words import Words

DRAWS = 4
"""Models with random weights; a tested explanation is compared with one of them."""


class Instrument(Protocol):
    """What explains items, and can be asked of texts of which only some words are kept."""

    @property
    def rests_on(self) -> tuple[str, ...]: ...
    def sees(self, items: Sequence[Item]) -> list[bool]: ...
    def explain(self, items: Sequence[Item], done: Any) -> list[Attribution]: ...
    def ask(self, items: Sequence[Item], asked: Sequence[tuple[int, Kept]]) -> Floats: ...
    def randomised(self, seed: int) -> Instrument | None: ...


def run(step: Words, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """See `Words.run`."""
    rows: list[Row] = []
    checks: list[Check] = []
    for model, items in _asked(step, inputs, tell).items():
        found = _once(step, inputs, model, items, out=out / ".resume" / model, tell=tell)
        rows += found[0]
        checks += found[1]
    estimates = figures(step, rows, checks)
    findings = rulings(step, estimates)
    files = write(rows, checks, out)
    (out / "estimates.json").write_bytes(encode(estimates))
    return Outcome(
        files=files | {"estimates": "estimates.json"}, estimates=tuple(estimates), findings=tuple(findings)
    )


def _once(
    step: Words, inputs: Artifacts, model: str, items: Sequence[Item], *, out: Path, tell: Tell
) -> tuple[list[Row], list[Check]]:
    """What came of one model: read where an earlier, killed call has left it whole."""
    if out.is_dir():
        return read(step, out)
    instrument = _instrument(step, inputs, model)
    chosen = _seen(instrument, model, items, tell)
    work = _Work(step, instrument, model, tell)
    found = work.explained(chosen)
    rows, checks = work.rows(chosen, found), work.tested(chosen, found)
    part = out.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write(rows, checks, part)
    part.rename(out)
    return rows, checks


def _asked(step: Words, inputs: Artifacts, tell: Tell) -> dict[str, list[Item]]:
    """Items of every model."""
    models = ["reward"] if step.score == "reward" else [name for name in ("base", "tuned") if name in inputs]
    if lacking := [name for name in ("reward",) if step.score == "reward" and name not in inputs]:
        raise DataError(f"words: expected an input named {', '.join(lacking)}")
    if step.of == "answers":
        if "evaluate" not in inputs:
            raise DataError("words: expected an input named evaluate, whose answers are explained")
        by_model, empty = of_answers(inputs["evaluate"].path, step.axes, step.items, step.seed)
        if empty:
            tell(
                Note(
                    topic="words.empty",
                    text=f"{empty} empty answers have no words to explain and were left out",
                )
            )
        if step.score == "reward":
            named = [
                replace(item, item=f"{name}/{item.item}") for name in by_model for item in by_model[name]
            ]
            by_model = {"reward": named}
        elif step.score != "toxicity":
            by_model = {name: mine for name, mine in by_model.items() if name in models}
        if not any(by_model.values()):
            raise DataError(f"words: no answers to prompts that name a group of {', '.join(step.axes)}")
        return {name: mine for name, mine in by_model.items() if mine}
    if step.of == "file":
        mine = of_file(Path(step.file), step.items)
        if step.against == "answer" and (lone := sum(item.other is None for item in mine)):
            raise DataError(f"words.file: {lone} rows have no answer in `against`")
        return {"file": mine} if step.score == "toxicity" else dict.fromkeys(_some(models), mine)
    twins = of_twins(step.axes, step.items, step.manners, contrast=step.against == "answer")
    return dict.fromkeys(_some(models), twins)


def _some(models: list[str]) -> list[str]:
    if not models:
        raise DataError("words: expected an input named base")
    return models


def _instrument(step: Words, inputs: Artifacts, model: str) -> Instrument:
    if step.score == "toxicity":
        from duecare.explain.detector import Detector

        return Detector()
    from duecare.explain.engine_words import open_model

    return open_model(step, inputs, model)


def _seen(instrument: Instrument, model: str, items: Sequence[Item], tell: Tell) -> list[Item]:
    """Items of which the instrument can say anything."""
    seen = instrument.sees(items)
    chosen = [item for item, well in zip(items, seen, strict=True) if well]
    if left := len(items) - len(chosen):
        text = f"{left} answers hold nothing that can be scored and were left out"
        tell(Note(topic="words.unseen", text=text, data={"model": model}))
    if not chosen:
        raise DataError(f"words: no answer of the {model} model holds anything that can be scored")
    return chosen


class _Tests(NamedTuple):
    """Of one explanation; None where a test could not be made."""

    likeness: float | None
    deletion: Curve | None
    insertion: Curve | None
    leading: float | None


@dataclass(frozen=True, slots=True)
class _Work:
    """One model at work."""

    step: Words
    instrument: Instrument
    model: str
    tell: Tell

    def explained(self, items: Sequence[Item]) -> list[Attribution]:
        """Every item explained."""

        def done(count: int, total: int) -> None:
            self.tell(Progress(count, total, "explanations", self.model))

        return self.instrument.explain(items, done)

    def rows(self, items: Sequence[Item], found: Sequence[Attribution]) -> list[Row]:
        """What is kept of each item, of those against another group with the reference group's taken off."""
        axes, rests_on = self.step.axes, self.instrument.rests_on
        rows = [
            Row(self.model, item, each, tuple(identity_of(item, each.words, axes)), rests_on)
            for item, each in zip(items, found, strict=True)
        ]
        return list(_by_group(self.step, rows)) if self.step.against == "group" else rows

    def tested(self, items: Sequence[Item], found: Sequence[Attribution]) -> list[Check]:
        """Some explanations put to the test, spread evenly over all of a model.

        Of an answer set against that to another group its own explanation is tested, of which the other was
        taken off.
        """
        step = self.step
        chosen = np.unique(np.linspace(0, len(items) - 1, min(step.checks, len(items))).round().astype(int))
        some, found = [items[place] for place in chosen], [found[place] for place in chosen]
        self.tell(Progress(0, None, "tests", f"{self.model}: taking words away"))
        out, back = curves(
            [each.scores for each in found],
            lambda asked: self.instrument.ask(some, asked),
            np.random.default_rng(step.seed),
            points=step.points,
            orders=step.orders,
        )
        alike, first = self._against_random(some, found), self._leading(some, found)
        tests = [_Tests(*each) for each in zip(alike, out, back, first, strict=True)]
        return [self._check(*each) for each in zip(some, found, tests, strict=True)]

    def _check(self, item: Item, found: Attribution, tests: _Tests) -> Check:
        scale = float(found.tokens) if self.step.score == "answer" else 1.0
        complete = self.step.method == "integrated-gradients"
        return Check(
            model=self.model,
            item=item,
            residual=found.relative_residual if complete else None,
            likeness=tests.likeness,
            deletion=None if tests.deletion is None else tests.deletion.gap / scale,
            insertion=None if tests.insertion is None else -tests.insertion.gap / scale,
            leading=tests.leading,
            rests_on=self.instrument.rests_on,
        )

    def _leading(self, items: Sequence[Item], found: Sequence[Attribution]) -> list[float | None]:
        """Whether the right word is named first; not asked of occlusion, which takes single words away."""
        if self.step.method == "occlusion":
            return [None] * len(items)
        self.tell(Progress(0, None, "tests", f"{self.model}: single words"))
        return leading([each.scores for each in found], lambda asked: self.instrument.ask(items, asked))

    def _against_random(self, items: Sequence[Item], found: Sequence[Attribution]) -> list[float | None]:
        """How alike explanations of models with random weights are; None where there is no such model."""
        alike: list[float | None] = [None] * len(items)
        for draw in range(min(DRAWS, len(items))):
            self.tell(Progress(draw, DRAWS, "tests", f"{self.model}: random weights"))
            other = self.instrument.randomised(self.step.seed * DRAWS + draw)
            if other is None:
                return alike
            mine = range(draw, len(items), DRAWS)
            drawn = other.explain([items[place] for place in mine], lambda *_: None)
            for place, each in zip(mine, drawn, strict=True):
                alike[place] = likeness(found[place].scores, each.scores)
        return alike


def _by_group(step: Words, rows: Sequence[Row]) -> Iterator[Row]:
    """Each explanation less that of the same answer to the reference group's prompt."""
    by_prompt = {(row.item.prompt, row.item.answer): row for row in rows}
    kept = 0
    for row in rows:
        reference = step.against_of(row.item.axis) if row.item.axis in step.axes else None
        text = dict(row.item.beside).get(reference or "")
        other = by_prompt.get((text or "", row.item.answer))
        if other is None or text is None:
            continue
        kept += 1
        item = replace(row.item, other=text)
        found, _ = rather_for(row.found, other.found, (row.item.prompt, text))
        yield replace(row, item=item, found=found)
    if not kept:
        raise DataError("words: no answer has a twin of the reference group to be set against")
