"""One call of the step `records`: both models one after the other, then figures, verdicts and tables."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from duecare.core import Artifacts, DataError, Note, Outcome, Progress, Tell
from duecare.core.wire import encode
from duecare.memorise.extraction import Beginning, Shown, gone
from duecare.memorise.extraction_runs import Said
from duecare.memorise.missed import Sample
from duecare.memorise.missed_detected import detected
from duecare.memorise.missed_review import Reviewed
from duecare.memorise.records_answered import Answered, answered
from duecare.memorise.records_asked import Asked, Asking
from duecare.memorise.records_figures import figures, verdicts
from duecare.memorise.records_rows import Value
from duecare.memorise.records_source import Rows
from duecare.memorise.records_tables import Kept
from duecare.memorise.records_values import Chosen, standing
from duecare.memorise.redacted import Heard, Tried, lift_of
from duecare.model.fetch import folder_of
from duecare.model.tokenize import Tokenizer

if TYPE_CHECKING:
    from duecare.memorise.records import Records
    from duecare.memorise.records_engine import Asked as Model

NOTE = "memorise.records"
"""Topic of the note that says how much was asked."""


def run(step: Records, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """See `Records.run`. Raises DataError where an input is lacking."""
    if lacking := [name for name in ("base", "model") if name not in inputs]:
        raise DataError(f"memorise.records: expected an input named {', '.join(lacking)}")
    folders = {"base": folder_of(inputs["base"].path), "tuned": inputs["model"].path / "model"}
    tokenizer = Tokenizer(folders["tuned"])
    asking = Asking(step, inputs, tokenizer)
    asked, kept = asking.asked(), answered(step, inputs, asking.before, out)
    tell(Progress(0, 2, "models", asked.cost(step.tokens)))
    said: dict[str, Answers] = {}
    for name, folder in folders.items():
        said[name] = _answers(_Asking(name, _opening(folder, step.batch), kept, tell), asked)
        gc.collect()  # the next model needs its memory
    told = _Told(step, asked, said["base"], said["tuned"], tokenizer.encode_all)
    tell(told.note(inputs["model"].job))
    return told.outcome(out)


def _opening(folder: Path, batch: int) -> Callable[[], Model]:
    """Opens a model when it is asked first: one that answered all before a kill is not opened again."""
    from duecare.memorise.records_engine import open_model

    return cache(lambda: open_model(folder, batch))


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model answered."""

    redacted: list[Heard]
    missed: list[Heard]
    continued: list[list[int]]


def _answers(asking: _Asking, asked: Asked) -> Answers:
    """What one model answers."""
    return Answers(
        asking.heard(asked.redacted.values, "redacted"),
        asking.heard(asked.missed.values, "missed"),
        asking.continued(asked.beginnings),
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """One model at work: `opened` gives it, `kept` has what it answered before."""

    model: str
    opened: Callable[[], Model]
    kept: Answered
    tell: Tell

    def heard(self, values: Sequence[tuple[Value, Sequence[str]]], what: str) -> list[Heard]:
        """What it makes of values and their decoys."""

        def ask(chosen: Sequence[int], before: int) -> list[Heard]:
            said, scored = (
                self._done(f"{what} values{more}", before, len(chosen), len(values))
                for more in ("", " beside decoys")
            )
            model = self.opened()
            return model.heard([values[each] for each in chosen], model.room(values), said, scored)

        places = [value.place for value, _ in values]
        names = [f"{each.row}/{each.part}/{each.start}-{each.end}/{each.kind}" for each in places]
        sizes = [len(value.before) for value, _ in values]
        return self.kept.through(f"{self.model}-{what}", names, sizes, ask, Heard)

    def continued(self, begun: Sequence[Beginning]) -> list[list[int]]:
        """How it goes on behind beginnings."""
        tokens = max((len(each.follow) for each in begun), default=0)

        def ask(chosen: Sequence[int], before: int) -> list[list[int]]:
            done = self._done("beginnings", before, len(chosen), len(begun))
            return self.opened().continued([begun[each] for each in chosen], tokens, done)

        names, sizes = [each.name for each in begun], [len(each.given) for each in begun]
        return self.kept.through(f"{self.model}-beginnings", names, sizes, ask, list[int])

    def _done(self, what: str, before: int, some: int, whole: int) -> Callable[[int, int], None]:
        """Tells how far `some` questions are, which are asked after `before` others of `whole`."""
        return lambda count, total: self.tell(
            Progress(before + count * some // total, whole, what, self.model)
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What both models answered; `encode_all` gives the tokens of texts."""

    step: Records
    asked: Asked
    base: Answers
    tuned: Answers
    encode_all: Callable[[Sequence[str]], list[list[int]]]

    def note(self, model: str) -> Note:
        """How much was asked, of which model."""
        asked = self.asked
        text = f"The model of {model} and the base model were asked for what they know of {self.step.on}."
        return Note(
            topic=NOTE,
            text=f"{text} {asked.met.said}".strip(),
            data={
                "model": model,
                "source": self.step.on,
                "redacted": str(len(asked.redacted.values)),
                "missed": str(len(asked.missed.values)),
                "rows": str(len({each.row for each in asked.beginnings})),
                "trained": str(asked.rows.trained),
                "drawn": asked.met.said,
                "reviewed": str(len(asked.reviewed.judged)) if asked.reviewed else "0",
            },
        )

    def kept(self) -> Kept:
        """What figures follow from; no value and no text is in it once it is written."""
        asked, rows = self.asked, self.asked.rows
        tried = _tried(asked.redacted, self.base.redacted, self.tuned.redacted, rows)
        shown = self._shown()
        named = [each.value.place.row for each in tried] + [each.beginning.row for each in shown]
        named += list(asked.reviewed.judged) if asked.reviewed else []
        groups = rows.groups(named)
        return Kept(
            tried=tried,
            left_out=asked.redacted.left_out,
            shown=shown,
            sample=None if asked.reviewed is None else self._sample(asked.reviewed, groups),
            findings=asked.findings,
            groups=groups,
        )

    def outcome(self, out: Path) -> Outcome:
        """Figures, verdicts and tables."""
        step, kept = self.step, self.kept()
        files = kept.write(out) | {"estimates": "estimates.json"}
        estimates = list(figures(step, kept))
        if step.detector:
            estimates += detected(step.detector, self.asked.rows.batches(), {"source": step.on})
        (out / "estimates.json").write_bytes(encode(estimates))
        return Outcome(files=files, estimates=tuple(estimates), findings=tuple(verdicts(step, kept)))

    def _shown(self) -> list[Shown]:
        """How both models went on; copies are looked for in every text of the training rows."""
        begun, both = self.asked.beginnings, (self.base.continued, self.tuned.continued)
        said = [each for own in both for each in own]
        runs = Said(self.step.copied, said, [each.given for each in begun] * 2)
        for some in self.asked.rows.texts() if begun else ():
            runs.look(self.encode_all(some))
        went = [
            gone(beginning, own, run)
            for beginning, own, run in zip([*begun, *begun], said, runs.longest, strict=True)
        ]
        return [Shown(*each) for each in zip(begun, went[: len(begun)], went[len(begun) :], strict=True)]

    def _sample(self, reviewed: Reviewed, groups: Mapping[str, Mapping[str, str]]) -> Sample:
        asked = self.asked
        return Sample(
            weights={row: load for row, load in reviewed.judged.items() if row in asked.rows},
            missed=asked.marked,
            tried=_tried(asked.missed, self.base.missed, self.tuned.missed, asked.rows),
            trained=asked.rows.trained,
            groups=groups,
            sizes=asked.rows.sizes(),
            rests_on=(reviewed.instrument,),
        )


def _tried(chosen: Chosen, base: Sequence[Heard], tuned: Sequence[Heard], rows: Rows) -> list[Tried]:
    values = [value for value, _ in chosen.values]
    both = zip(values, base, tuned, standing(values, rows.texts()), strict=True)
    return [Tried(value, one, other, lift_of(one, other), stands) for value, one, other, stands in both]
