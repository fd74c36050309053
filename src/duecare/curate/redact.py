"""Personal data is replaced, and every replaced place recorded without its value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from duecare.core import Artifacts, Outcome, SpanFinder, Tell, exact, refuse_unless
from duecare.core.table import TEXTS, texts, with_texts
from duecare.curate.flow import Sifted, changes, sift, split_rows
from duecare.curate.surrogate import StandIn
from duecare.curate.texts import mask_of, spans_by_text

Replace = Literal["tag", "mask", "surrogate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Redact:
    """Replace personal data in every text of a row.

    - detector: name of a span-finding detector (`duecare detectors`)
    - labels: the kinds to replace. Where none is listed: names of people, addresses and everything that has
      a form of its own, but not places, organisations, dates, ages, titles or nationalities: a city or an
      employer alone leads to nobody, and an audit needs them. List every kind you want, see
      `duecare detectors personal`
    - replace: "tag" writes the kind ("[EMAIL]"), "mask" as many x as the value has characters, "surrogate" an
      invented value of the same kind, the same for the same value throughout the study, from ranges that
      are reserved for fiction
    - study: whose secret the surrogates depend on; the command line fills it in
    """

    detector: str = "personal"
    labels: tuple[str, ...] = ()
    replace: Replace = "tag"
    study: str = "study"

    def __post_init__(self) -> None:
        strange, expected = self._strange()
        refuse_unless(
            "curate.personal",
            (bool(self.detector), "detector", self.detector, "the name of a detector"),
            (self.replace in ("tag", "mask", "surrogate"), "replace", self.replace, "tag, mask or surrogate"),
            (not strange, "labels", ", ".join(strange), expected),
        )

    def _strange(self) -> tuple[list[str], str]:
        """Labels that our own detector does not know, and those that it knows."""
        if self.detector != "personal" or not self.labels:
            return [], ""
        from duecare.detect.personal import KNOWN

        return [label for label in self.labels if label not in KNOWN], f"some of {', '.join(KNOWN)}"

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept (redacted), dropped (empty) and one change for each place."""
        from duecare.detect.asked import load_asked

        finder, found = load_asked(self.detector, self.labels), Counter[str]()
        stand_in = StandIn.of_study(self.study) if self.replace == "surrogate" else None

        def operate(batch: pa.RecordBatch) -> Sifted:
            made = self.operate(batch, finder, stand_in)
            found.update(made.changes.column("label").to_pylist())
            return made

        outcome = sift(inputs, out, tell, operate)
        source = inputs["examples"].job.partition(":")[2]
        total = sum(found.values())
        places = tuple(
            exact("curate.personal.places", count, total, {"source": source, "type": kind}, "places")
            for kind, count in sorted(found.items())
        )
        return Outcome(files=outcome.files, estimates=(*outcome.estimates, *places))

    def operate(self, batch: pa.RecordBatch, finder: SpanFinder, stand_in: StandIn | None) -> Sifted:
        """The redaction as a pure function of a batch of EXAMPLES (and of the surrogates' key)."""
        spans, by_text = spans_by_text(batch, finder)
        records = spans.to_pylist()
        flat = texts(batch)
        values = flat.column("text").to_pylist()
        for place, numbers in by_text.items():
            values[place] = self._redacted(values[place], [records[number] for number in numbers], stand_in)
        fresh = pa.RecordBatch.from_arrays(
            [*(flat.column(name) for name in ("row", "key", "part")), pa.array(values, pa.string())],
            schema=TEXTS,
        )
        reasons = [
            {
                **{
                    name: span[name]
                    for name in ("row", "key", "part", "start", "end", "label", "instrument", "value")
                },
                "step": "personal",
                "action": "changed",
                "reason": f"{span['label'].lower()} replaced by {self.replace}",
            }
            for span in records
        ]
        kept, dropped = split_rows(with_texts(batch, fresh), mask_of([], len(batch)))
        return Sifted(kept, dropped, changes(reasons))

    def _redacted(self, text: str, spans: list[dict[str, object]], stand_in: StandIn | None) -> str:
        """`text` with its spans (code points, in order, apart from each other) replaced."""
        pieces, done = [], 0
        for span in sorted(spans, key=lambda span: int(str(span["start"]))):
            start, end, label = int(str(span["start"])), int(str(span["end"])), str(span["label"])
            pieces.append(text[done:start])
            value = text[start:end]
            if stand_in is not None:
                pieces.append(stand_in(label, value))
            else:
                pieces.append("x" * len(value) if self.replace == "mask" else f"[{label}]")
            done = end
        return "".join([*pieces, text[done:]])
