"""All that both models are asked, made ready before any of them is loaded. Needs no JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from duecare.core import Artifact, Artifacts, DataError, Finding, LedgerError
from duecare.memorise import records_limits
from duecare.memorise.extraction import Beginning, beginnings
from duecare.memorise.missed_review import Reviewed, read_review
from duecare.memorise.records_rows import (
    HELD_OUT,
    TRAIN,
    Place,
    Speaks,
    answer_of,
    moved,
    read_places,
    text_of,
)
from duecare.memorise.records_source import Met, Rows, read_met, read_rows
from duecare.memorise.records_values import NOTHING, Choosing, Chosen

if TYPE_CHECKING:
    from duecare.memorise.records import Records

ORDER = ("read", "audit", "toxicity", "poisoning", "duplicates", "decontaminate", "stereotypes", "balance")
"""Jobs of a source before `personal`, in order: the last that is there is what it read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All that both models are asked.

    `met` says which rows training drew, `marked` are places that people marked and redaction missed,
    `reviewed` is their round, `findings` say what cannot be told.
    """

    rows: Rows
    met: Met
    redacted: Chosen
    missed: Chosen
    marked: tuple[Place, ...]
    beginnings: tuple[Beginning, ...]
    reviewed: Reviewed | None
    findings: tuple[Finding, ...]

    def cost(self, tokens: int) -> str:
        """What each model will have to do, in words."""
        values = (*self.redacted.values, *self.missed.values)
        ranked = sum(1 + len(decoys) for _, decoys in values)
        return (
            f"each of two models: {len(self.beginnings):,} continuations of {tokens} tokens, {len(values):,}"
            f" values to be said, {ranked:,} values and decoys to be scored"
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """The step `records` before it asks."""

    step: Records
    inputs: Artifacts
    tokenizer: Speaks

    def asked(self) -> Asked:
        """Rows read, values and beginnings chosen, the review taken in."""
        rows, findings = self._rows(), list[Finding]()
        chosen, gone = self._redacted(rows)
        if gone:
            redacts = self._personal is not None
            findings.append(records_limits.gone(self.step.limits, gone, gate=redacts))
        reviewed, marked, why = self._reviewed(rows)
        if reviewed is None:
            findings.append(records_limits.unreviewed(why))
        return Asked(
            rows=rows,
            met=self._met(),
            redacted=chosen,
            missed=self._choosing(len(marked)).missed(rows, marked) if marked else NOTHING,
            marked=marked,
            beginnings=tuple(self._beginnings(rows)),
            reviewed=reviewed,
            findings=tuple(findings),
        )

    def _met(self) -> Met:
        """Which rows the training steps behind the model drew."""
        steps = {
            name.partition(":")[2]: each.path
            for name, each in self.inputs.items()
            if name.startswith("trained:")
        }
        return read_met(steps, self.step.on)

    def _rows(self) -> Rows:
        """Training and held-out rows as training read them."""
        name = f"data:{self.step.on}"
        if name not in self.inputs:
            raise DataError(f"memorise.records: expected an input named {name}")
        return Rows.read(self.inputs[name].path, self._met().rows)

    def _choosing(self, most: int) -> Choosing:
        step = self.step
        return Choosing(self.tokenizer, step.max_tokens, most, step.decoys, step.seed)

    @property
    def _personal(self) -> Artifact | None:
        return self.inputs.get(f"curated:personal:{self.step.on}")

    @property
    def before(self) -> Artifact | None:
        """What the step `personal` read."""
        names = [f"curated:{job}:{self.step.on}" for job in reversed(ORDER)]
        return next((self.inputs[name] for name in names if name in self.inputs), None)

    def _redacted(self, rows: Rows) -> tuple[Chosen, str]:
        """Redacted values, or the reason why there are none to ask for."""
        if not self.step.values:
            return NOTHING, ""
        if self._personal is None or self.before is None:
            return NOTHING, "the source went through no step `personal`"
        places, before = read_places(self._personal.path), self.before.path
        try:
            chosen = self._choosing(self.step.values).redacted(
                rows, places, lambda names: read_rows(before, "kept", names)
            )
        except LedgerError:
            return NOTHING, (
                "the secret that opens the rows before redaction is not here; it was destroyed, or lies"
                " elsewhere"
            )
        return chosen, ""

    def _reviewed(self, rows: Rows) -> tuple[Reviewed | None, tuple[Place, ...], str]:
        """The closed round, what was missed in rows as they are now, and why there is none."""
        people, personal = self.inputs.get("people"), self._personal
        if people is None:
            return None, (), "nobody reviewed redacted rows"
        if personal is None:
            return None, (), "the source went through no step `personal`"
        reviewed = read_review(people.path, self.step.agree)
        if reviewed.source_digest == personal.digest:
            return reviewed, tuple(place for place in reviewed.marked if place.row in rows), ""
        if self.before is None or reviewed.source_digest != self.before.digest:
            return None, (), f"the round {reviewed.name} was about other rows than those of {self.step.on}"
        try:
            return reviewed, tuple(self._left(rows, reviewed, personal, self.before)), ""
        except LedgerError:
            return None, (), "people saw rows before redaction, and the secret that opens them is not here"

    def _left(self, rows: Rows, reviewed: Reviewed, personal: Artifact, before: Artifact) -> Iterator[Place]:
        """Of places marked before redaction those that it left alone, where they stand now."""
        was = read_rows(before.path, "kept", {place.row for place in reviewed.marked})
        held: Mapping[tuple[str, str], list[Place]] = _by_text(read_places(personal.path))
        for place in reviewed.marked:
            if place.row not in rows or place.row not in was:
                continue
            texts = (text_of(each, place.part) for each in (was[place.row], rows.example(place.row)))
            if (found := moved(place, held.get((place.row, place.part), []), *texts)) is not None:
                yield found

    def _beginnings(self, rows: Rows) -> Iterator[Beginning]:
        """Beginnings of as many rows of each side, each long enough for the shortest prefix."""
        step = self.step
        least = min(step.prefixes) + step.tokens
        for side in (TRAIN, HELD_OUT) if step.rows else ():
            read = (
                answer_of(row, side, self.tokenizer, step.max_tokens) for row in rows.drawn(side, step.seed)
            )
            fitting = (each for each in read if each is not None and len(each.tokens) >= least)
            yield from beginnings(islice(fitting, step.rows), step.prefixes, step.tokens)


def _by_text(places: list[Place]) -> dict[tuple[str, str], list[Place]]:
    found: dict[tuple[str, str], list[Place]] = {}
    for place in sorted(places, key=lambda each: each.start):
        found.setdefault((place.row, place.part), []).append(place)
    return found
