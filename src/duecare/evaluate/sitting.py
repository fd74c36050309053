"""One evaluation from questions to figures, with the models opened by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from duecare.core import Note, Outcome, Scorer, Tell
from duecare.core.wire import encode
from duecare.evaluate import heldout
from duecare.evaluate.answerer import Sampling
from duecare.evaluate.asking import Asking, drawn
from duecare.evaluate.figures import TOXICITY_SUITE, figures
from duecare.evaluate.fixes import fixes
from duecare.evaluate.interview import Interview, Open, Questions, judge
from duecare.evaluate.kept import Kept
from duecare.evaluate.suites import REFERENCE, prompts, twins
from duecare.evaluate.suites.table import READ_FROM_FILES, suite
from duecare.evaluate.tables import Reading, Tables
from duecare.ledger.layout import RESUME
from duecare.model.store import default_cache

ESTIMATES = "estimates.json"


class Settings(Protocol):
    """What of `ask.Evaluate` is read here; its docstring says what each means."""

    @property
    def suites(self) -> tuple[str, ...]: ...
    @property
    def axes(self) -> tuple[str, ...]: ...
    @property
    def reference(self) -> Mapping[str, str]: ...
    @property
    def samples(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def prompts(self) -> int | None: ...
    @property
    def pairs(self) -> int | None: ...
    @property
    def manners(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> int: ...
    @property
    def toxic_at(self) -> float: ...
    @property
    def data(self) -> Mapping[str, str]: ...
    @property
    def items(self) -> Mapping[str, int]: ...
    @property
    def seed(self) -> int: ...
    @property
    def reuse(self) -> bool: ...


def sit(
    step: Settings,
    models: Mapping[str, Open],
    splits: Mapping[str, Path],
    scorers: Mapping[str, Scorer],
    *,
    out: Path,
    tell: Tell,
) -> Outcome:
    """Do what `step` says with models "base" and, where there is one, "tuned": tables, figures in `out`."""
    tables = ask_models(step, models, splits, scorers, out=out, tell=tell)
    files = tables.write(out)
    found = tuple(figures(tables))
    for note in fixes(tables):
        tell(note)
    (out / ESTIMATES).write_bytes(encode(found))
    return Outcome(files=files | {"estimates": ESTIMATES}, estimates=found)


def ask_models(
    step: Settings,
    models: Mapping[str, Open],
    splits: Mapping[str, Path],
    scorers: Mapping[str, Scorer],
    *,
    out: Path,
    tell: Tell,
) -> Tables:
    """Every question of `step` put to every model, answers scored.

    `scorers` are detectors by name: "toxicity", "refusal", and those that the suites name.
    """
    asking = questions(step, splits, tell)
    kept = Kept(out / RESUME)
    shared = Kept(default_cache() / "kept") if step.reuse else kept
    asked = Interview(asking, shared, tell, private=kept).hold(models).tables()
    instruments = {name: scorer.instrument for name, scorer in scorers.items()}
    reading = Reading(
        axes=step.axes,
        reference={axis: step.reference.get(axis, REFERENCE[axis]) for axis in step.axes},
        toxic_at=step.toxic_at,
        models=tuple(models),
        toxicity=instruments["toxicity"],
        refusal=instruments["refusal"],
        instruments=instruments,
    )
    wanted = {each.suite: suite(each.suite).instruments for each in asking.suites}
    scores = judge(asked["answers"], scorers, wanted | {TOXICITY_SUITE: ("toxicity", "refusal")})
    return Tables(scores=scores, reading=reading, **asked)


def questions(step: Settings, splits: Mapping[str, Path], tell: Tell) -> Questions:
    """What `step` asks every model; held-out rows come from `splits`."""
    held: list[heldout.Held] = []
    if "heldout" in step.suites and splits:
        held, passed = heldout.read(splits, step.rows, step.seed)
        if passed:
            text = f"{passed} held-out rows have no answer to compare with and were passed over"
            tell(Note(topic="evaluate.heldout", text=text, data={"rows": str(passed)}))
    elif "heldout" in step.suites:
        tell(Note(topic="evaluate.heldout", text="no held-out rows were given: suite heldout is left out"))
    return Questions(
        prompts=prompts(step.axes, step.prompts) if "toxicity-by-group" in step.suites else [],
        twins=twins(step.axes, step.pairs, step.manners) if "twins" in step.suites else [],
        held=held,
        suites=[
            Asking(name, drawn(suite(name).read(Path(step.data[name])), step.items.get(name), step.seed))
            for name in step.suites
            if name in READ_FROM_FILES
        ],
        sampling=Sampling(step.samples, step.max_tokens, step.temperature, step.top_p, step.seed),
    )
