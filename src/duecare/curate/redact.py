"""Personal data is replaced, and every replaced place recorded without its value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Artifacts, Outcome, SpanFinder, Tell, exact, refuse_unless
from duecare.core.table import CHANGES, TEXTS, texts, with_texts
from duecare.curate.flow import Sifted, changes, sift, split_rows
from duecare.curate.partition import Tables
from duecare.curate.rewriting import Place
from duecare.curate.surrogate import StandIn, secret_name
from duecare.curate.texts import mask_of
from duecare.vault import Replaced, data_key, map_writer
from duecare.vault.mapping import NAME

Replace = Literal["tag", "mask", "surrogate"]
Scope = Literal["study", "conversation"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Redact:
    """Replace personal data in every text of a row.

    - detector: name of a span-finding detector (`duecare detectors`)
    - labels: the kinds to replace. Where none is listed: names of people, addresses and everything that has
      a form of its own, but not places, organisations, dates, ages, titles or nationalities: a city or an
      employer alone leads to nobody, and an audit needs them. List every kind you want, see
      `duecare detectors personal`
    - replace: "tag" writes the kind ("[EMAIL]"), "mask" as many x as the value has characters, "surrogate" an
      invented value of the same kind, always the same for the same value, from ranges that are reserved for
      examples; a person's later mentions, e-mail address and user name follow the name
    - scope: whether a surrogate is the same throughout the "study", or in one "conversation" only, so that
      nobody can be followed from one to another
    - keep_map: with surrogates, also write which value each stands for, sealed with the study's secret:
      destroying that secret destroys the way back
    - study: whose secret the surrogates depend on; the command line fills it in
    """

    detector: str = "personal"
    labels: tuple[str, ...] = ()
    replace: Replace = "tag"
    scope: Scope = "study"
    keep_map: bool = False
    study: str = "study"

    def __post_init__(self) -> None:
        strange, expected = self._strange()
        refuse_unless(
            "curate.personal",
            (bool(self.detector), "detector", self.detector, "the name of a detector"),
            (self.replace in ("tag", "mask", "surrogate"), "replace", self.replace, "tag, mask or surrogate"),
            (self.scope in ("study", "conversation"), "scope", self.scope, "study or conversation"),
            (
                not self.keep_map or self.replace == "surrogate",
                "keep_map",
                self.keep_map,
                "false, or replace: surrogate (a tag and a mask stand for nothing)",
            ),
            (not strange, "labels", ", ".join(strange), expected),
        )

    def _strange(self) -> tuple[list[str], str]:
        """Labels that our own detector does not know, and those that it knows."""
        if self.detector != "personal" or not self.labels:
            return [], ""
        from duecare.detect.personal import KNOWN

        return [label for label in self.labels if label not in KNOWN], f"some of {', '.join(KNOWN)}"

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept (redacted), dropped (empty), one change for each place, and the map if asked for."""
        found = Counter[str]()
        stand_in = StandIn.of_study(self.study) if self.replace == "surrogate" else None

        def count(made: Tables) -> None:
            found.update(made["changes"].column("label").drop_null().to_pylist())

        redacting = Redacting(self, stand_in)
        if self.keep_map:  # values go into the map as they are found: nothing else may hold them
            source = inputs["examples"].job.partition(":")[2]
            with map_writer(out, data_key(secret_name(self.study), source, "surrogates")) as written:
                outcome = sift(inputs, out, tell, redacting.keeping(written.add), plain=True, seen=count)
        else:
            outcome = sift(inputs, out, tell, redacting, plain=True, seen=count)
        source = inputs["examples"].job.partition(":")[2]
        total = sum(found.values())
        places = tuple(
            exact("curate.personal.places", count, total, {"source": source, "type": kind}, "places")
            for kind, count in sorted(found.items())
        )
        files = {**outcome.files, **({"map": NAME} if self.keep_map else {})}
        return Outcome(files=files, estimates=(*outcome.estimates, *places), findings=outcome.findings)

    def operate(
        self,
        batch: pa.RecordBatch,
        finder: SpanFinder,
        stand_in: StandIn | None,
        keep: Callable[[Replaced], None] | None = None,
    ) -> Sifted:
        """The redaction as a pure function of a batch of EXAMPLES (and of the surrogates' key).

        `keep` is given every value and what was written for it.
        """
        from duecare.curate.replace import Replacing  # brings polars, which a study check does without
        from duecare.detect.spans import picked

        flat = texts(batch)
        replacing = Replacing(flat, finder, self.replace, stand_in, self.scope)
        made = replacing.settled()
        numbers = sorted(made)
        rows, keys, parts, values = (picked(column, numbers) for column in flat.columns)
        replaced: list[tuple[object, ...]] = []
        for number in numbers:
            done, its = made[number], (rows[number], keys[number], parts[number])
            for place, written in zip(done.places, done.written, strict=True):
                replaced.append((*its, *place))
                if keep is not None:
                    row = rows[number] if self.scope == "conversation" else ""
                    keep(Replaced(row, place.label, written, values[number][place.start : place.end]))
        fresh = pc.replace_with_mask(
            flat.column("text"),
            mask_of(numbers, len(flat)),
            pa.array([made[number].text for number in numbers], pa.string()),
        )
        fresh = flat.set_column(3, TEXTS.field("text"), fresh)
        kept, dropped = split_rows(with_texts(batch, fresh), mask_of([], len(batch)))
        return Sifted(kept, dropped, _changed(replaced, self.replace))


def _changed(replaced: list[tuple[object, ...]], how: str) -> pa.RecordBatch:
    """CHANGES of places (row, key and part of their text, then the fields of a Place)."""
    if not replaced:
        return changes([])
    names = ("row", "key", "part", *Place._fields)
    columns: dict[str, Sequence[object]] = dict(zip(names, zip(*replaced, strict=True), strict=True))
    count = len(replaced)
    written = {label: f"{label}".lower() + f" replaced by {how}" for label in set(columns["label"])}
    columns["reason"] = [written[label] for label in columns["label"]]
    columns |= {"step": ["personal"] * count, "action": ["changed"] * count}
    arrays = [pa.array(columns[field.name], field.type) for field in CHANGES]
    return pa.RecordBatch.from_arrays(arrays, schema=CHANGES)


@dataclass(frozen=True, slots=True)
class Redacting:
    """A redaction as work on partitions; the surrogates' key comes along, so that all write the same."""

    step: Redact
    stand_in: StandIn | None
    name: str = "personal"

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        """The redaction with its detector."""
        finder = self._finder()
        return lambda batch: self.step.operate(batch, finder, self.stand_in).tables()

    def keeping(self, keep: Callable[[Replaced], None]) -> Callable[[pa.RecordBatch], Sifted]:
        """The redaction that also hands over every value and what was written for it."""
        finder = self._finder()
        return lambda batch: self.step.operate(batch, finder, self.stand_in, keep)

    def _finder(self) -> SpanFinder:
        """The detector; beside tags, which it never takes for text, its own second look would be ours.

        A mask or a surrogate it reads as text, so what stands beside one can be found together with it, and
        is then left alone: there the detector has to look beside its own tags first.
        """
        from duecare.detect.asked import load_asked, looking_once

        finder = load_asked(self.step.detector, self.step.labels)
        return looking_once(finder) if self.step.replace == "tag" else finder
