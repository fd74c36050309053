"""A part of the rows is held out: no training sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa

from duecare.core import Artifacts, DataError, Note, Outcome, Progress, Tell, exact, refuse_unless
from duecare.core.table import EXAMPLES
from duecare.curate.flow import batches, file_name, sealing_onward, split_rows, table_writer
from duecare.curate.overlap import contents
from duecare.curate.together import roots

_STEPS = 1 << 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Hold out a part of the rows, chosen by chance from the content of each.

    Rows that belong together are on one side, or what was trained on would be asked about: rows of the same
    content (case and white space aside), near duplicates, rows of one conversation, and a row with the
    counterfactual copies made from it (which name it in the kept column `parent`). Chance draws once for
    all of them, by the first; rows that belong with more others than are to be held out are trained on. A
    row that belongs with no other stays on its side when others come or go. The same rows and seed give
    the same split on any machine.

    - held_out: share of the rows to hold out, between 0 and 1
    - seed: another seed holds out other rows
    - similarity: from which rows are near duplicates, as for the step duplicates; 1.0 means the same content
    - together: kept columns (`keep` of the source) of which rows with one value belong together
    """

    held_out: float = 0.1
    seed: int = 0
    similarity: float = 0.8
    together: tuple[str, ...] = ("conversation_id",)

    def __post_init__(self) -> None:
        refuse_unless(
            "curate.split",
            (
                isinstance(self.held_out, int | float) and 0 < self.held_out < 1,
                "held_out",
                self.held_out,
                "a share between 0 and 1",
            ),
            (
                isinstance(self.similarity, int | float) and 0 < self.similarity <= 1,
                "similarity",
                self.similarity,
                "a number above 0, at most 1",
            ),
            (all(self.together), "together", self.together, "names of kept columns"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write train and held_out; tell how many rows belong with others.

        Raises DataError where all of several rows belong together (one side were empty), or rows are sealed
        until they are redacted, and were not. Rows that the study keeps sealed are written sealed.
        """
        seal = sealing_onward(inputs["examples"])
        chance = np.fromiter(
            (draw for batch in batches(inputs["examples"]) for draw in self.chances(batch)),
            dtype=np.uint64,
        )
        close, columns = self.similarity, self.together
        root = roots(inputs["examples"], chance, similarity=close, columns=columns, out=out, tell=tell)
        held, done = self.sides(chance, root), 0
        if note := _belonging(root):
            tell(note)
        with ExitStack() as stack:
            train, held_out = (
                stack.enter_context(table_writer(out, stem, EXAMPLES, seal)) for stem in ("train", "held_out")
            )
            for batch in batches(inputs["examples"]):
                ours, theirs = split_rows(batch, pa.array(held[done : done + len(batch)]))
                train.write_batch(ours)
                held_out.write_batch(theirs)
                done += len(batch)
                tell(Progress(done, len(held), "row"))
        place = {"source": inputs["examples"].job.partition(":")[2]}
        counts = {"train": int((~held).sum()), "held_out": int(held.sum())}
        return Outcome(
            files={stem: file_name(stem, EXAMPLES, seal) for stem in counts},
            estimates=tuple(
                exact(f"curate.split.{stem}", count, len(held), place, "rows")
                for stem, count in counts.items()
            ),
        )

    def chances(self, batch: pa.RecordBatch) -> Iterator[int]:
        """For each row of EXAMPLES a whole number in [0, 2^64) that hangs on seed and content alone."""
        salt = b"%d" % self.seed
        for content in contents(batch):
            yield int.from_bytes(blake2b(content, digest_size=8, key=salt[:64]).digest(), "little")

    def sides(self, chance: np.ndarray, root: np.ndarray) -> np.ndarray:
        """Which rows are held out, bool [rows]; with two rows or more, neither side is left empty.

        `root` is the position of the first row that each belongs with; its chance is that of all of them.
        """
        rows = len(chance)
        if rows < 2:
            return np.zeros(rows, dtype=bool)
        drawn = chance[root]
        few = np.bincount(root, minlength=rows)[root] <= max(1.0, self.held_out * rows)
        held: np.ndarray = few & (drawn < np.uint64(int(self.held_out * _STEPS)))
        if held.any() and not held.all():
            return held
        if len(set(root.tolist())) == 1:
            raise DataError(
                f"curate.split: all {rows} rows have the same content or belong together; "
                "none can be held out"
            )
        # Few rows: chance alone put all on one side. The one nearest to the other side goes there.
        if held.any():
            return np.asarray(root != root[np.argmax(drawn)], dtype=bool)
        among = np.flatnonzero(few) if few.any() else np.arange(rows)
        return np.asarray(root == root[among[np.argmin(drawn[among])]], dtype=bool)


def _belonging(root: np.ndarray) -> Note | None:
    """How many rows belong with others, in words; None where none does."""
    sizes = np.bincount(root)
    many = sizes[sizes > 1]
    if not len(many):
        return None
    text = (
        f"{int(many.sum())} of {len(root)} rows belong with others (the same or nearly the same content, one "
        f"conversation, made from one row): {len(many)} groups of up to {int(many.max())}, each on one side"
    )
    return Note(topic="split", text=text)
