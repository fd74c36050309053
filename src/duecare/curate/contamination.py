"""Rows that hold what a model is evaluated on are set apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Artifacts, Note, Outcome, Tell, exact, refuse_unless
from duecare.core.table import texts
from duecare.curate.evaluation_items import digest_of, items_of
from duecare.curate.flow import Sifted, changes, count_rows, sift, split_rows
from duecare.curate.partition import Tables
from duecare.curate.texts import mask_of, owners
from duecare.detect.overlap import passages_of
from duecare.detect.runs import LEAST, WITHIN, KnownRuns, known_runs

SIDES = ("prompt", "answer")
HITS = pa.schema([pa.field("set", pa.string()), pa.field("in", pa.string())])
_SHOWN = 12
"""Hex digits of an item's digest in a reason: enough to find the item, and nothing of its text."""


@dataclass(frozen=True, slots=True)
class Known:
    """Evaluation sets, ready to be looked for: runs of their items, and each item's set and digest."""

    runs: KnownRuns
    suite: tuple[str, ...]
    digest: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decontaminate:
    """Drop (or only flag) rows that hold an item of an evaluation set: a model that was trained on them has
    seen the questions.

    A text holds an item where they share a run of `words` words; items of 8 words or more that are shorter
    than that are looked for whole, those of 4 to 7 only where they are the whole text. Case and punctuation
    make no difference. Prompts and answers are looked at apart: a row tells which of the two it was. The
    items are all texts in the files, also lists of labels and templates; what a suite puts together from
    parts only when it asks is not found.

    - against: name of a set to its file or folder; the sets that the study evaluates on (`evaluate: data`)
      are looked for without being named
    - words: length of a run that tells
    - mode: "drop" moves such rows to dropped.parquet, "flag" only records them
    """

    against: Mapping[str, str] = field(default_factory=dict)
    words: int = 13
    mode: Literal["drop", "flag"] = "drop"

    def __post_init__(self) -> None:
        refuse_unless(
            "curate.decontaminate",
            (all(self.against.values()), "against", dict(self.against), "a path for each set"),
            (
                isinstance(self.words, int) and WITHIN <= self.words <= 64,
                "words",
                self.words,
                f"a whole number from {WITHIN} to 64",
            ),
            (self.mode in ("drop", "flag"), "mode", self.mode, "drop or flag"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept, dropped and changes; tell each set's digest, and how many rows hold its items."""
        sets = {name: items_of(Path(path)) for name, path in sorted(self.against.items())}
        known = self.known(sets)
        suite = np.array(known.suite)
        for name, items in sets.items():
            compared = int(known.runs.compared[suite == name].sum()) if len(suite) else 0
            text = f"{name}: {len(items)} different texts, {compared} of them of {LEAST} words or more"
            tell(Note(topic="evaluation set", text=text, data={"set": name, "sha256": digest_of(items)}))
        hits = {(name, side): 0 for name in sets for side in SIDES}

        def count(made: Tables) -> None:
            for name, side in zip(
                *(made["hits"].column(each).to_pylist() for each in HITS.names), strict=True
            ):
                hits[name, side] += 1

        outcome = sift(inputs, out, tell, _Looking(self, sets), seen=count)
        rows = count_rows(inputs["examples"])
        source = inputs["examples"].job.partition(":")[2]
        counted = tuple(
            exact("curate.contaminated", count, rows, {"source": source, "set": name, "in": side}, "rows")
            for (name, side), count in hits.items()
        )
        return Outcome(
            files=outcome.files, estimates=(*outcome.estimates, *counted), findings=outcome.findings
        )

    def operate(self, batch: pa.RecordBatch, known: Known) -> Sifted:
        """The search as a pure function of a batch of EXAMPLES; `more` has a hit for each row and side."""
        found = list(self.find(batch, known))
        drop = {row for row, *_ in found} if self.mode == "drop" else set()
        kept, dropped = split_rows(batch, mask_of(sorted(drop), len(batch)))
        hits = pa.RecordBatch.from_pylist(
            [{"set": name, "in": side} for _, name, side, _ in found], schema=HITS
        )
        return Sifted(kept, dropped, changes([reason for *_, reason in found]), {"hits": hits})

    def known(self, sets: Mapping[str, list[str]]) -> Known:
        """The items of all sets, by name; an item that several sets have counts for the first."""
        items = {item: name for name in reversed(list(sets)) for item in sets[name]}
        digests = tuple(sha256(item.encode()).hexdigest()[:_SHOWN] for item in items)
        return Known(known_runs(list(items), self.words), tuple(items.values()), digests)

    def find(self, batch: pa.RecordBatch, known: Known) -> Iterator[tuple[int, str, str, dict[str, object]]]:
        """(row's position, set, side, reason) of each row and side that holds an item; its first is told."""
        flat, owner = texts(batch), owners(batch)
        answer = _answers(batch, flat.column("part"))
        item = known.runs.find(passages_of(flat.column("text")))
        told: set[tuple[int, bool]] = set()
        for place in np.flatnonzero(item >= 0).tolist():
            row, is_answer = int(owner[place]), bool(answer[place])
            if (row, is_answer) in told:
                continue
            told.add((row, is_answer))
            suite, digest, side = known.suite[item[place]], known.digest[item[place]], SIDES[is_answer]
            yield (
                row,
                suite,
                side,
                {
                    "row": flat.column("row")[place].as_py(),
                    "key": flat.column("key")[place].as_py(),
                    "step": "decontaminate",
                    "action": "dropped" if self.mode == "drop" else "flagged",
                    "reason": f"its {side} holds item {digest} of {suite}",
                    "part": flat.column("part")[place].as_py(),
                },
            )


@dataclass(frozen=True, slots=True)
class _Looking:
    """The search as work on partitions: with the items, and no files to be read again."""

    step: Decontaminate
    sets: Mapping[str, list[str]]
    name: str = "decontaminate"

    def load(self) -> Callable[[pa.RecordBatch], Tables]:
        known = self.step.known(self.sets)
        return lambda batch: self.step.operate(batch, known).tables()


def _answers(batch: pa.RecordBatch, part: pa.Array) -> np.ndarray:
    """For every text of `texts(batch)` whether it is an answer (an assistant's turn, chosen, rejected)."""
    found = pc.is_in(part, pa.array(["chosen", "rejected"])).to_numpy(zero_copy_only=False)
    turns = pc.starts_with(part, "messages.").to_numpy(zero_copy_only=False)
    role = pc.list_flatten(batch.column("messages")).field("role")
    answers: np.ndarray = found.copy()
    answers[turns] = pc.equal(role, "assistant").to_numpy(zero_copy_only=False)
    return answers
