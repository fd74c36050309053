"""Statements that tie a group to a trait or a role: flagged, dropped, said anew, mirrored or weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa

from duecare.core import (
    FAIL,
    PASS,
    Artifacts,
    Estimate,
    Finding,
    Outcome,
    SpanFinder,
    Tell,
    exact,
    refuse_unless,
)
from duecare.core.table import SPANS, texts
from duecare.curate.flow import Sifted, changes, sift, split_rows
from duecare.curate.partition import Tables
from duecare.curate.texts import mask_of, owners, spans_by_text

Mode = Literal["flag", "drop", "rephrase", "augment", "balance"]
_AXES = ("gender", "religion", "nationality", "age")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stereotypes:
    """Find stereotyping statements and requests: where, on which axis, of which group, which trait or role.

    - detector: name of a span-finding detector (`duecare detectors`)
    - mode: "flag" records each place and keeps the row, "drop" moves the row to dropped.parquet, "rephrase"
      writes neutral wording where a rule or an approved rewrite has it and flags the rest, "augment" adds
      a copy of the row about the other group, "balance" gives weights with which each job and trait is
      tied to every group equally often
    - swap: axes on which augment lets groups trade places (gender, religion, nationality, age)
    - copy: which rows augment copies: "found" those in which a stereotype was found on that axis, "named" all
      that name a group of it
    - rewrites: for rephrase, a file of JSON lines with row, part, before (the digest in rewrites.parquet),
      text, approved_by and reason; a line that nobody approved is refused, one whose digest does not fit is
      not used
    - most: for balance, the largest factor by which a row's weight may grow
    - study: whose secret digests and keys depend on; the command line fills it in
    """

    detector: str = "stereotype"
    mode: Mode = "flag"
    swap: tuple[str, ...] = ()
    copy: Literal["found", "named"] = "found"
    rewrites: str | None = None
    most: float = 10.0
    study: str = "study"

    def __post_init__(self) -> None:
        unknown = [axis for axis in self.swap if axis not in _AXES]
        augments = self.mode == "augment"
        refuse_unless(
            "curate.stereotypes",
            (bool(self.detector), "detector", self.detector, "the name of a detector"),
            (self.mode in get_args(Mode), "mode", self.mode, ", ".join(get_args(Mode))),
            (
                not unknown and len(set(self.swap)) == len(self.swap),
                "swap",
                self.swap,
                f"axes of {', '.join(_AXES)}",
            ),
            (
                augments == bool(self.swap),
                "swap",
                self.swap,
                "at least one axis with mode augment, none without it",
            ),
            (self.copy in ("found", "named"), "copy", self.copy, "found or named"),
            (
                self.rewrites is None or self.mode == "rephrase",
                "rewrites",
                self.rewrites,
                "none without mode rephrase",
            ),
            (
                isinstance(self.most, int | float) and 1 <= self.most <= 1000,
                "most",
                self.most,
                "a number from 1 to 1000",
            ),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept, dropped, changes and spans; for rephrase also rewrites.

        Raises DataError for a file of rewrites that cannot be used.
        """
        from duecare.detect import load

        if self.mode in ("flag", "drop"):
            return sift(inputs, out, tell, _Searching(self), more={"spans": SPANS})
        finder = load(self.detector)
        # These carry something from row to row, and go through in order: rules' counts, keys, weights.
        if self.mode == "rephrase":
            return self._rephrase(inputs, out, tell, finder)
        if self.mode == "augment":
            return self._augment(inputs, out, tell, finder)
        return self._balance(inputs, out, tell, finder)

    def operate(self, batch: pa.RecordBatch, finder: SpanFinder) -> Sifted:
        """The search as a pure function of a batch of EXAMPLES."""
        spans, by_text = spans_by_text(batch, finder)
        owner = owners(batch)
        hit = sorted({int(owner[place]) for place in by_text})
        reasons = told(batch, spans, by_text, finder, "dropped" if self.mode == "drop" else "flagged")
        kept, dropped = split_rows(batch, mask_of(hit if self.mode == "drop" else [], len(batch)))
        return Sifted(kept, dropped, changes(reasons), {"spans": spans})

    def _rephrase(self, inputs: Artifacts, out: Path, tell: Tell, finder: SpanFinder) -> Outcome:
        from duecare.curate.rewrite import REWRITES, Rewriting, read_rewrites

        approved = read_rewrites(Path(self.rewrites)) if self.rewrites else {}
        rewriting, left = Rewriting(self._secret(), approved), Counter[str]()

        def operate(batch: pa.RecordBatch) -> Sifted:
            fresh, changed, rewrites = rewriting.operate(batch)
            spans, by_text = spans_by_text(fresh, finder)
            reasons = told(
                fresh, spans, by_text, finder, "flagged", after="; no rule says it in neutral words"
            )
            open_texts = texts(fresh).take(pa.array(sorted(by_text), pa.int64())).to_pylist()
            rewrites += [
                {
                    **{name: each[name] for name in ("row", "key", "part")},
                    "before": rewriting.digest(each["text"]),
                    "after": None,
                    "by": "",
                    "reason": "a stereotype that no rule says in neutral words",
                }
                for each in open_texts
            ]
            left["texts"] += len(open_texts)
            kept, dropped = split_rows(fresh, mask_of([], len(fresh)))
            more = {"spans": spans, "rewrites": pa.RecordBatch.from_pylist(rewrites, schema=REWRITES)}
            return Sifted(kept, dropped, changes([*changed, *reasons]), more)

        outcome = sift(inputs, out, tell, operate, more={"spans": SPANS, "rewrites": REWRITES})
        place = {"source": _source(inputs)}
        unused = len(approved) - rewriting.applied - rewriting.refused
        figures = [
            exact("stereotypes.rewrites.applied", rewriting.applied, len(approved), place, "texts"),
            exact("stereotypes.left", left["texts"], left["texts"], place, "texts"),
        ]
        return _with(outcome, figures, [*_approvals(approved, rewriting.refused, unused, place["source"])])

    def _augment(self, inputs: Artifacts, out: Path, tell: Tell, finder: SpanFinder) -> Outcome:
        from duecare.curate.twins import Twinning

        twinning, added = Twinning(self.swap, self._secret()), Counter[str]()

        def operate(batch: pa.RecordBatch) -> Sifted:
            spans, by_text = spans_by_text(batch, finder)
            kept, reasons = twinning.copies(batch, self._wanted(batch, spans, by_text))
            added["rows"] += len(kept) - len(batch)
            _, dropped = split_rows(batch, mask_of([], len(batch)))
            found = told(batch, spans, by_text, finder, "flagged")
            return Sifted(kept, dropped, changes([*found, *reasons]), {"spans": spans})

        outcome = sift(inputs, out, tell, operate, more={"spans": SPANS})
        place, refused = {"source": _source(inputs)}, sum(twinning.refused.values())
        figures = [exact("stereotypes.copies", added["rows"], added["rows"] + refused, place, "rows")]
        for reason, count in sorted(twinning.refused.items()):
            about = {**place, "reason": reason}
            figures.append(exact("stereotypes.copies.refused", count, added["rows"] + refused, about, "rows"))
        return _with(outcome, figures, [])

    def _wanted(
        self, batch: pa.RecordBatch, spans: pa.RecordBatch, by_text: dict[int, list[int]]
    ) -> dict[str, set[int]]:
        """The rows to copy on each axis, by their place in the batch."""
        if self.copy == "named":
            return {axis: set(range(len(batch))) for axis in self.swap}
        labels, owner = spans.column("label").to_pylist(), owners(batch)
        found: dict[str, set[int]] = {axis: set() for axis in self.swap}
        for text, numbers in by_text.items():
            for number in numbers:
                axis = labels[number].partition(":")[0]
                if axis in found:
                    found[axis].add(int(owner[text]))
        return found

    def _balance(self, inputs: Artifacts, out: Path, tell: Tell, finder: SpanFinder) -> Outcome:
        from duecare.curate.tied import Ties

        ties = Ties.of(inputs["examples"], self.most)
        done = Counter[str]()

        def operate(batch: pa.RecordBatch) -> Sifted:
            spans, by_text = spans_by_text(batch, finder)
            weighed, reasons = ties.weigh(batch, done["rows"])
            done["rows"] += len(batch)
            kept, dropped = split_rows(weighed, mask_of([], len(batch)))
            found = told(batch, spans, by_text, finder, "flagged")
            return Sifted(kept, dropped, changes([*found, *reasons]), {"spans": spans})

        outcome = sift(inputs, out, tell, operate, more={"spans": SPANS})
        return _with(outcome, ties.estimates(_source(inputs)), [*ties.findings(_source(inputs))])

    def _secret(self) -> bytes:
        from duecare.curate.surrogate import secret_name
        from duecare.vault import home, secret

        return secret(home(), secret_name(self.study))


@dataclass(frozen=True, slots=True)
class _Searching:
    """The search as work on partitions."""

    step: Stereotypes
    name: str = "stereotypes"

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        from duecare.detect import load

        finder = load(self.step.detector)
        return lambda batch: self.step.operate(batch, finder).tables()


def told(
    batch: pa.RecordBatch,
    spans: pa.RecordBatch,
    by_text: dict[int, list[int]],
    finder: SpanFinder,
    action: str,
    *,
    after: str = "",
) -> list[dict[str, Any]]:
    """One reason a span: its axis, and where the detector explains itself, its group and trait or role."""
    explain, records, said = getattr(finder, "explain", None), spans.to_pylist(), texts(batch).column("text")
    reasons = []
    for place, numbers in by_text.items():
        why = (
            {
                (span.start, span.end, span.label): reason
                for span, reason in explain(said[place].as_py()).items()
            }
            if explain
            else {}
        )
        for number in numbers:
            span = records[number]
            reason = why.get(
                (span["start"], span["end"], span["label"]), f"a stereotype about {span['label']}"
            )
            address = {
                name: span[name]
                for name in ("row", "key", "part", "start", "end", "label", "instrument", "value")
            }
            reasons.append({**address, "step": "stereotypes", "action": action, "reason": reason + after})
    return reasons


def _source(inputs: Artifacts) -> str:
    return inputs["examples"].job.partition(":")[2]


def _with(outcome: Outcome, estimates: list[Estimate], findings: list[Finding]) -> Outcome:
    return Outcome(
        files=outcome.files,
        estimates=(*outcome.estimates, *estimates),
        findings=(*outcome.findings, *findings),
    )


def _approvals(approved: Any, refused: int, unused: int, source: str) -> Iterator[Finding]:
    """Whether every approved rewrite found the text that it was approved for."""
    if not approved:
        return
    lost = refused + unused
    yield Finding(
        name="stereotypes.rewrites_fit",
        verdict=FAIL if lost else PASS,
        limit="every approved rewrite finds the text that was approved",
        detail=f"{source}: {refused} of {len(approved)} approved rewrites are of another text, "
        f"{unused} name no text of this source."
        if lost
        else f"{source}: all {len(approved)} approved rewrites were used.",
        next="Look at these texts again and approve a rewrite of what they say now." if lost else "",
    )
