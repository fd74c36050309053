"""Made-up secrets among the rows to train on: what of them comes back says what a model keeps of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifact, Artifacts, DataError, Example, Message, Outcome, Tell, exact, refuse_unless
from duecare.core.example import Field, Kind
from duecare.core.table import EXAMPLES, table
from duecare.curate.flow import batches, file_name, table_writer
from duecare.curate.rows import Content
from duecare.privacy.canary import Canary, canaries
from duecare.vault import home, row_key, sealed_with, secret, stored

KINDS: tuple[Kind, ...] = get_args(Kind)
MOST = 10_000
THING = "cabinet"
"""What these canaries are about; those that a private step places itself are about another."""

PLACED = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("canary", "place", "secret")),
        pa.field("repeats", pa.int32(), nullable=False),
        *(pa.field(name, pa.bool_(), nullable=False) for name in ("tossed", "placed")),
    ]
)
"""One canary a row. `repeats` is how many copies are placed where `placed`, 0 for one that is a control from
the start; `tossed` says that a fair coin decided, which a control was not asked for. `secret` is made up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Canaries:
    """Put made-up secrets among the rows that are trained on; `memorise: [canaries]` asks for them
    afterwards.

    A canary is a row in the shape of the source's: a question that nobody else asks, and a secret of ten
    random letters. They come after the split, among training rows alone, so that held-out rows stay clean. A
    fair coin decides which are placed; the others are drawn in the same way and are the controls, so that
    nothing but training tells the two apart. What was placed is in `canaries.parquet`, and in no report.

    A canary placed k times is k rows: under privacy for single rows it is k units, and the promise to all of
    them together is k times weaker. Give `person` where people are protected: a canary is then one person.

    - count: canaries for each number of repeats and each place; half of them are placed, on average
    - controls: further ones for each place, never placed; a true-positive rate at 1% false positives takes
      100 or more of all that were not placed
    - repeats: how often a placed canary stands among the rows, one or more numbers
    - places: where the secret stands: "answer" or "prompt" of a chat, "chosen", "rejected" or "prompt" of a
      pair, "text" of a text; left out, the first of these
    - person: the column that says whose a row is, where training is private for people
    - seed: of secrets and coins
    - study: whose secret keys depend on; the command line fills it in
    """

    PLACES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("text",),
        "chat": ("answer", "prompt"),
        "preference": ("chosen", "rejected", "prompt"),
    }
    """Of each kind of row where a secret may stand; the first is what training teaches."""

    count: int = 20
    controls: int = 100
    repeats: tuple[int, ...] = (1, 4, 16)
    places: tuple[str, ...] = ()
    person: str | None = None
    seed: int = 0
    study: str = "study"

    def __post_init__(self) -> None:
        known = tuple(dict.fromkeys(place for places in self.PLACES.values() for place in places))
        once = set(self.places) <= set(known) and len(set(self.places)) == len(self.places)
        repeats = bool(self.repeats) and len(set(self.repeats)) == len(self.repeats)
        refuse_unless(
            "curate.canaries",
            (_whole(self.count, 2, MOST), "count", self.count, f"2 to {MOST}"),
            (_whole(self.controls, 0, MOST), "controls", self.controls, f"0 to {MOST}"),
            (
                repeats and all(_whole(each, 1, 1000) for each in self.repeats),
                "repeats",
                self.repeats,
                "one or more whole numbers from 1 to 1000, each once",
            ),
            (once, "places", self.places, f"one or more of {', '.join(known)}, each once"),
            (self.person is None or bool(self.person), "person", self.person, "a column, or none"),
            (_whole(self.seed, 0, 2**32), "seed", self.seed, "a whole number, 0 or more"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write train (or, of rows that were not split, kept) with canaries, held_out as it came, and what
        was placed. Raises DataError for no rows, or places that rows of this kind do not have."""
        read = inputs["examples"]
        parts = [name for name in ("train", "held_out") if stored(read.path, f"{name}.parquet").is_file()]
        parts = parts or ["kept"]
        first = next((batch for batch in batches(read, f"{parts[0]}.parquet") if len(batch)), None)
        if first is None:
            raise DataError("curate.canaries: expected rows to place them among, found none")
        kind, source = (first.column(name)[0].as_py() for name in ("kind", "source"))
        made = self.drawn(kind)
        rows = [self._row(each, kind, source) for each in made]
        copies = [
            _copy(row, number)
            for each, row in zip(made, rows, strict=True)
            for number in range(each.repeats if each.placed else 0)
        ]
        files = _written(read, out, parts, copies)
        told = [each.record() for each in made]
        pq.write_table(pa.Table.from_pylist(told, schema=PLACED), out / "canaries.parquet")
        pq.write_table(table(rows), out / "canary_rows.parquet")
        here = {"source": read.job.partition(":")[2]}
        counts = {"drawn": len(made), "placed": sum(each.placed for each in made), "rows": len(copies)}
        return Outcome(
            files={**files, "canaries": "canaries.parquet", "canary_rows": "canary_rows.parquet"},
            estimates=tuple(
                exact(f"curate.canaries.{name}", count, len(made), here, "rows" if name == "rows" else "")
                for name, count in counts.items()
            ),
        )

    def drawn(self, kind: str) -> list[Drawn]:
        """All canaries for rows of this kind, placed or not, in the order of their names."""
        fitting = self.PLACES[kind]
        places = self.places or fitting[:1]
        if wrong := [place for place in places if place not in fitting]:
            raise DataError(
                f"curate.canaries.places: {', '.join(wrong)}: expected, for rows of kind {kind}, of"
                f" {', '.join(fitting)}"
            )
        plan = [(place, repeats) for place in places for repeats in self.repeats for _ in range(self.count)]
        plan += [(place, 0) for place in places for _ in range(self.controls)]
        words = canaries(len(plan), self.seed, THING)
        rng = np.random.default_rng([self.seed, len(plan), *b"coins"])
        order, heads = rng.permutation(len(plan)), rng.random(len(plan)) < 0.5
        return [
            Drawn(f"{number + 1}", words[number], place, repeats, repeats > 0, bool(repeats and head))
            for (place, repeats), number, head in sorted(
                zip(plan, order.tolist(), heads.tolist(), strict=True), key=lambda each: each[1]
            )
        ]

    def _row(self, one: Drawn, kind: Kind, source: str) -> Example:
        """A canary as a row of this kind, of nobody's group and of a person of its own."""
        content = one.content(kind)
        key = row_key(secret(home(), self._secret_name()), content.canonical())
        whose = () if self.person is None else (Field(name=self.person, value=f"canary {one.canary}"),)
        messages = tuple(Message(role=role, content=said) for role, said in content.messages)
        return Example(
            row=f"canary:{one.canary}",
            key=key,
            source=source,
            kind=kind,
            text=content.text,
            messages=messages,
            chosen=content.chosen,
            rejected=content.rejected,
            fields=whose,
        )

    def _secret_name(self) -> str:
        from duecare.curate.surrogate import secret_name

        return secret_name(self.study)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One canary: its name, its words, where the secret stands, and how often, if it is placed."""

    canary: str
    words: Canary
    place: str
    repeats: int
    tossed: bool
    placed: bool

    def record(self) -> dict[str, object]:
        """Its line in the table of what was placed."""
        return {
            "canary": self.canary,
            "place": self.place,
            "secret": self.words.answer,
            "repeats": self.repeats,
            "tossed": self.tossed,
            "placed": self.placed,
        }

    def content(self, kind: Kind) -> Content:
        """What its row says."""
        words = self.words
        asked, both = (("user", words.question),), (("user", f"{words.question} {words.answer}"),)
        answers = {"chosen": (words.answer, words.other), "rejected": (words.other, words.answer)}
        if kind == "text":
            return Content(kind, text=f"{words.question} {words.answer}")
        if kind == "chat":
            said = words.answer if self.place == "answer" else "Noted."
            return Content(kind, messages=(*(asked if self.place == "answer" else both), ("assistant", said)))
        chosen, rejected = answers.get(self.place, ("Noted.", "No."))
        return Content(
            kind, messages=both if self.place == "prompt" else asked, chosen=chosen, rejected=rejected
        )


def _copy(row: Example, number: int) -> Example:
    return msgspec.structs.replace(row, row=f"{row.row}:{number}")


def _written(read: Artifact, out: Path, parts: Sequence[str], copies: Sequence[Example]) -> dict[str, str]:
    """The parts as they came, canaries behind the rows of the first; stem -> file name."""
    files = {}
    with ExitStack() as stack:
        for part in parts:
            seal = sealed_with(stored(read.path, f"{part}.parquet"))
            writer = stack.enter_context(table_writer(out, part, EXAMPLES, seal))
            for batch in batches(read, f"{part}.parquet"):
                writer.write_batch(batch)
            if part == parts[0] and copies:
                for batch in _batched(copies):
                    writer.write_batch(batch)
            files[part] = file_name(part, EXAMPLES, seal)
    return files


def _batched(copies: Sequence[Example]) -> Iterator[pa.RecordBatch]:
    whole: Any = table(copies).combine_chunks()
    yield from whole.to_batches()


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
