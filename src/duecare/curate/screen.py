"""Toxic rows are set apart: dropped, weighed down, or put before people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from duecare.core import (
    INSUFFICIENT,
    Artifacts,
    Finding,
    Outcome,
    Scorer,
    Tell,
    exact,
    refuse_unless,
)
from duecare.core.table import EXAMPLES, SCORES
from duecare.curate.flow import Sifted, Whose, changes, sift, split_rows
from duecare.curate.partition import Made
from duecare.curate.scoring import Scored, Scoring, parts, score
from duecare.curate.texts import mask_of, worst
from duecare.detect.classifier import Classifier
from duecare.detect.endpoint import Endpoint

if TYPE_CHECKING:
    from duecare.curate.mentioned import Mentioned

LIMIT = 0.5
_DONE = {"drop": "dropped", "down-weight": "changed", "review": "flagged"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """Set apart rows that a detector scores at a limit or above, or the worst of them up to a budget.

    A row's score is that of its worst text. A preference pair's rejected answer is often toxic on
    purpose: leave such sources out with `on`. Whose rows are hit is told by declared group and by group
    mentioned, and a group whose mention makes a row more likely to be hit than `most` allows is a finding.

    - detector: name of a scoring detector (`duecare detectors`), or a scorer of your own: `{url, send, take}`
      for one behind HTTP, `{folder, labels}` for a text classifier of the Hugging Face kind
    - heads: which of the detector's own scores count (of `toxicity`: toxicity, identity_attack); not
      given: whichever is higher
    - limit: score in (0, 1] from which a row is set apart; 0.5 where neither limit nor budget is given
    - budget: share of the rows in (0, 1) that may be set apart, the worst first; with a limit both hold
    - action: "drop" moves such rows to dropped.parquet, "down-weight" keeps them with less weight in
      training, "review" keeps them and puts them before people
    - weight: with down-weight: what the row's weight is multiplied by
    - mentions: axes of identity whose mentions are compared; in a study, if not given, those of `groups`
    - most: how many times as often rows that mention a group may be hit as the others
    """

    detector: str | Endpoint | Classifier = "toxicity"
    heads: tuple[str, ...] = ()
    limit: float | None = None
    budget: float | None = None
    action: Literal["drop", "down-weight", "review"] = "drop"
    weight: float = 0.25
    mentions: tuple[str, ...] = ()
    most: float = 3.0

    def __post_init__(self) -> None:
        refuse_unless(
            "curate.toxicity",
            (bool(self.detector), "detector", self.detector, "the name of a detector"),
            (self.limit is None or _within(self.limit, 0, 1), "limit", self.limit, "a number in (0, 1]"),
            (
                self.budget is None or (_within(self.budget, 0, 1) and self.budget < 1),
                "budget",
                self.budget,
                "a share of the rows in (0, 1)",
            ),
            (self.action in _DONE, "action", self.action, f"one of {', '.join(_DONE)}"),
            (
                _within(self.weight, 0, 1) and self.weight < 1,
                "weight",
                self.weight,
                "a number in (0, 1); to weigh rows with nothing, drop them",
            ),
            (_within(self.most, 1, 1000), "most", self.most, "a number above 1"),
        )

    @property
    def floor(self) -> float | None:
        """The score that a row must have to be set apart, or None where the budget alone decides."""
        return LIMIT if self.limit is None and self.budget is None else self.limit

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept, dropped, changes and scores; tell whose rows were hit."""
        from duecare.curate.mentioned import Mentioned

        scored = Scored(Scoring(self.detector, self.heads))
        mentioned = Mentioned(self.mentions)
        act = self._at_once if self.budget is None else self._worst_first
        outcome = act(inputs, out, tell, scored, mentioned)
        source, instrument = inputs["examples"].job.partition(":")[2], scored.whose()
        estimates, findings = mentioned.judge(source, self.most, instrument)
        told = exact("curate.rows.unscored", scored.unscored, mentioned.rows, {"source": source}, "rows")
        return Outcome(
            files={**outcome.files, "scores": "scores.parquet"},
            estimates=(*outcome.estimates, told, *estimates),
            findings=(*outcome.findings, *findings, *_silence(scored, source)),
        )

    def _at_once(
        self, inputs: Artifacts, out: Path, tell: Tell, scored: Scored, mentioned: Mentioned
    ) -> Outcome:
        """By a limit: each batch is set apart as soon as it is scored."""

        def then(batch: pa.RecordBatch, made: Made) -> Made:
            judged = scored.add(batch, made)
            hit, all_hit = self.chosen(judged.highest), np.zeros(len(batch), dtype=bool)
            all_hit[judged.fine] = hit
            mentioned.add(batch, all_hit)
            sifted = self._sift(judged.left, hit, judged.highest, judged.parts, scored.instrument)
            return Made({**sifted.tables(), "scores": judged.scores}, made.failed)

        return sift(
            inputs,
            out,
            tell,
            scored.scoring,
            more={"scores": SCORES},
            then=then,
            whose=Whose(mentioned.named),
        )

    def _worst_first(
        self, inputs: Artifacts, out: Path, tell: Tell, scored: Scored, mentioned: Mentioned
    ) -> Outcome:
        """By a budget: all rows are scored before the first is set apart."""
        ranked = score(inputs, out, tell, scored)
        hit, place = self.chosen(ranked.highest), 0

        def operate(batch: pa.RecordBatch) -> Sifted:
            nonlocal place
            here = slice(place, place + len(batch))
            place += len(batch)
            mentioned.add(batch, hit[here])
            failed = {
                row - here.start: kind for row, kind in ranked.failed.items() if here.start <= row < here.stop
            }
            fine = np.setdiff1d(np.arange(here.start, here.stop), [*ranked.failed])
            left = batch.take(pa.array(fine - here.start)) if failed else batch
            its = [ranked.parts[row] for row in fine]
            made = self._sift(left, hit[fine], ranked.highest[fine], its, scored.instrument)
            return replace(made, failed=failed)

        return sift(inputs, out, tell, operate, whose=Whose(mentioned.named), name="toxicity")

    def operate(self, batch: pa.RecordBatch, scorer: Scorer) -> Sifted:
        """The screen as a pure function of a batch of EXAMPLES, which is taken for all there is."""
        scores, highest, at = worst(batch, scorer)
        its = parts(scores, at).to_pylist()
        made = self._sift(batch, self.chosen(highest), highest, its, scorer.instrument)
        return Sifted(made.kept, made.dropped, made.changes, {"scores": scores})

    def chosen(self, highest: np.ndarray) -> np.ndarray:
        """Which rows [N] are set apart, from their scores [N] (NaN: none); of equal ones the earlier."""
        known = np.nan_to_num(highest, nan=-1.0)
        fits: np.ndarray = known >= (self.floor if self.floor is not None else 0.0)
        if self.budget is None:
            return fits
        order = np.argsort(-known, kind="stable")
        mask = np.zeros(len(known), dtype=bool)
        mask[order[: int(self.budget * len(known))]] = True
        both: np.ndarray = fits & mask
        return both

    def _sift(
        self,
        batch: pa.RecordBatch,
        hit: np.ndarray,
        highest: np.ndarray,
        parts: Sequence[str | None],
        instrument: str,
    ) -> Sifted:
        over = np.flatnonzero(hit)
        reasons: list[dict[str, object]] = [
            {
                "row": batch.column("row")[int(row)].as_py(),
                "key": batch.column("key")[int(row)].as_py(),
                "step": "toxicity",
                "action": _DONE[self.action],
                "reason": self._reason(float(highest[row])),
                "instrument": instrument,
                "value": float(highest[row]),
                "part": parts[int(row)],
            }
            for row in over
        ]
        if self.action == "down-weight":
            batch = _lighter(batch, hit, self.weight)
        drop = mask_of(over if self.action == "drop" else [], len(batch))
        kept, dropped = split_rows(batch, drop)
        return Sifted(kept, dropped, changes(reasons))

    def _reason(self, value: float) -> str:
        limits = [] if self.floor is None else [f"the limit is {self.floor:g}"]
        limits += [] if self.budget is None else [f"among the worst {self.budget:.3g} of the rows"]
        before = {"drop": "", "review": "for review: ", "down-weight": f"weight times {self.weight:g}: "}
        return f"{before[self.action]}scored {value:.2f}, {' and '.join(limits)}"


def _lighter(batch: pa.RecordBatch, hit: np.ndarray, weight: float) -> pa.RecordBatch:
    """`batch` with the weight of the rows that are hit multiplied by `weight`."""
    before = batch.column("weight").to_numpy(zero_copy_only=False)
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["weight"] = pa.array(np.where(hit, before * weight, before), type=pa.float64())
    return pa.RecordBatch.from_arrays([columns[name] for name in EXAMPLES.names], schema=EXAMPLES)


def _silence(scored: Scored, source: str) -> Sequence[Finding]:
    why, unscored = [*scored.why][:3], scored.unscored
    if not unscored or not why:
        return ()
    return (
        Finding(
            name="curate.toxicity.unscored",
            verdict=INSUFFICIENT,
            limit="every row has a score",
            detail=f"{source}: {unscored:,} rows without a score went through ({'; '.join(why)}).",
            next="Look at these rows, or at the detector, before relying on the screen.",
        ),
    )


def _within(value: object, above: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and above < value <= most
