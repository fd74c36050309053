"""Rows come in: every record of a source becomes a row or is set aside with the reason."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import cast

import pyarrow as pa

from duecare.core import (
    Artifacts,
    DataError,
    Outcome,
    Problem,
    Progress,
    StudyError,
    Tell,
    exact,
    refuse_unless,
)
from duecare.core.about import ABOUT
from duecare.core.example import KINDS, Kind
from duecare.core.table import CHANGES, EXAMPLES
from duecare.curate.croissant import described
from duecare.curate.flow import file_name, table_writer
from duecare.curate.formats import BATCH, Record, known_encoding
from duecare.curate.partition import in_lots
from duecare.curate.records import records_of, sample
from duecare.curate.reviewed import WEIGHT, is_round
from duecare.curate.rows import Layout, Unfit
from duecare.curate.surrogate import secret_name
from duecare.vault import data_key, home, row_key, secret

SET_ASIDE = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("line", pa.int64()),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""One record a row that is no row of the declared kind: its 0-based position among the records, its
first line (1-based) where the format has lines, and why; never any of its text."""

_SHOWN_NAME, _SHOWN_NAMES = 40, 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Read a source. A record that is no row of the declared kind is set aside with the reason, never lost.

    - source: a file (.csv, .tsv, .jsonl, .ndjson, .json, .parquet, .arrow; text formats also with .gz, .bz2,
      .xz, .zst), a folder with such files at any depth, a folder that `datasets` saved, a pattern with *
      (** for any depth), a Croissant description (.json) of files that lie beside it, the id of a data set
      on the hub, or the folder of a round of review in which people compared answers
    - kind: "text", "chat" or "preference"
    - text: column of the text, or of the turns of a chat; "text" and "messages" where not given
    - prompt, answer: columns that together make a chat of two turns; for preferences, prompt is the column
      of what was asked ("prompt" where there is one, else the two answers are transcripts that start alike)
    - chosen, rejected: columns of the preferred and the other answer; so called where not given
    - groups: columns in which people declare who they are; an empty value declares nothing
    - undeclared: what those who declare nothing are called as a group of their own, so that the others can
      be compared with them; not given, they are in no group
    - keep: further columns that stay with the row
    - outcomes: columns of how a row's person was treated; kept too
    - weight: column of how much a row counts, above 0; a round's pairs bring theirs
    - id: column of an id; a record whose id was there before is set aside
    - consent: column in which people say whether their row may be used; a row whose value is none of
      `consented` (capitals aside) is set aside
    - consented: what counts as consent
    - licence, origin: of the rows: a column of the source, or else words that hold for every row; they travel
      with the rows and stand on the data card
    - about: what only people can say of the source, for the data card: made_for, people, harm, collected,
      period, ethics, labelled, uses, not_for, shared, kept
    - encoding: of text files; records that are not in it are set aside
    - split: part of a data set of the hub, or of one that `datasets` saved
    - record_set: which record set of a Croissant description, where it has several
    - skip_lines: lines before the header or the first record that are no data
    - max_chars: a row with more characters in all is set aside
    - rows: read only so many records from the start; all where not given
    - name, study: of the source and the study; the command line fills them in, and `sealed`: whether rows are
      sealed with the study's secret until personal data is taken out of them, because that step follows
    """

    source: str
    kind: Kind = "text"
    text: str | None = None
    prompt: str | None = None
    answer: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    groups: tuple[str, ...] = ()
    undeclared: str | None = None
    keep: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    weight: str | None = None
    id: str | None = None
    consent: str | None = None
    consented: tuple[str, ...] = ("yes", "true", "1")
    licence: str | None = None
    origin: str | None = None
    about: Mapping[str, str] = field(default_factory=dict, hash=False)
    encoding: str = "utf-8"
    split: str = "train"
    record_set: str | None = None
    skip_lines: int = 0
    max_chars: int = 100_000
    rows: int | None = None
    name: str = "data"
    study: str = "study"
    sealed: bool = False

    def __post_init__(self) -> None:
        chat, preference = self.kind == "chat", self.kind == "preference"
        paired = chat and (self.prompt is not None or self.answer is not None)
        refuse_unless(
            "read",
            (bool(self.source), "source", self.source, "a file, a folder, a pattern or a hub id"),
            (self.kind in KINDS, "kind", self.kind, f"one of {', '.join(KINDS)}"),
            (
                self.text is None or not (preference or paired),
                "text",
                self.text,
                "nothing beside such columns",
            ),
            (self.prompt is None or chat or preference, "prompt", self.prompt, "a chat or a preference"),
            (self.answer is None or chat, "answer", self.answer, "a chat"),
            (
                not paired or None not in (self.prompt, self.answer),
                "prompt",
                self.prompt,
                "prompt with answer",
            ),
            (self.chosen is None or preference, "chosen", self.chosen, "a preference"),
            (self.rejected is None or preference, "rejected", self.rejected, "a preference"),
            *_each_once(groups=self.groups, keep=self.keep, outcomes=self.outcomes),
            (self.undeclared != "", "undeclared", self.undeclared, "a name, or nothing"),
            (set(self.about) <= set(ABOUT), "about", dict(self.about), f"answers to {', '.join(ABOUT)}"),
            (bool(self.consented), "consented", self.consented, "one value or more"),
            (known_encoding(self.encoding), "encoding", self.encoding, "an encoding that Python knows"),
            (bool(self.split), "split", self.split, "the name of a part"),
            (self.skip_lines >= 0, "skip_lines", self.skip_lines, "a whole number from 0"),
            (self.max_chars >= 1, "max_chars", self.max_chars, "a whole number from 1"),
            (self.rows is None or self.rows >= 1, "rows", self.rows, "a whole number from 1, or nothing"),
            (bool(self.name), "name", self.name, "the name of a source"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept, set_aside and changes.

        Raises DataError where the source cannot be read, or no record of it is such a row.
        """
        key, counts = secret(home(), secret_name(self.study)), Counter[str]()
        reasons = Counter[str]()
        if about := described(self.source, self.record_set):
            about.expect_digests()
        with ExitStack() as stack:
            seal = data_key(secret_name(self.study), self.name) if self.sealed else None
            write = _writers(stack, out, seal)
            (layout, every), ids = records_of(self), dict[bytes, int]()
            for start, records in in_lots(islice(every, self.rows), BATCH):
                kept, aside = self._batch(records, start, layout, key, ids)
                write("kept", kept)
                write("set_aside", aside)
                write("changes", [self._change(each) for each in aside])
                reasons.update(str(each["reason"]) for each in aside)
                counts.update({"in": len(records), "kept": len(kept), "set_aside": len(aside)})
                tell(Progress(counts["in"], None, "row"))
        if not counts["kept"]:
            most = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
            raise DataError(f"read.source: none of {counts['in']} records is a {self.kind} row{most}")
        return Outcome(
            files={stem: file_name(stem, schema, seal) for stem, schema in _SCHEMAS.items()},
            estimates=tuple(
                exact(f"curate.rows.{what}", counts[what], counts["in"], {"source": self.name}, "rows")
                for what in ("in", "kept", "set_aside")
            ),
        )

    def layout(self, columns: tuple[str, ...]) -> Layout:
        """Which column is what, in a source that has `columns`."""
        named = Layout(
            kind=self.kind,
            groups=self.groups,
            undeclared=self.undeclared or "",
            fields=tuple(dict.fromkeys([*self.keep, *self.outcomes])),
            max_chars=self.max_chars,
            id=self.id,
            weight=self.weight or (WEIGHT if is_round(Path(self.source)) else None),
            consent=self.consent,
            consented=self.consented,
            rights=self._rights(columns),
            stated=self._stated(columns),
        )
        if self.kind == "preference":
            prompt = self.prompt or ("prompt" if "prompt" in columns else None)
            chosen, rejected = self.chosen or "chosen", self.rejected or "rejected"
            return replace(named, prompt=prompt, chosen=chosen, rejected=rejected)
        if self.prompt is not None:
            return replace(named, prompt=self.prompt, answer=self.answer)
        return replace(named, text=self.text or ("text" if self.kind == "text" else "messages"))

    def _rights(self, columns: tuple[str, ...]) -> dict[str, str]:
        """Columns that are kept as licence, origin and consent."""
        given = {"licence": self.licence, "origin": self.origin, "consent": self.consent}
        return {name: column for name, column in given.items() if column is not None and column in columns}

    def _stated(self, columns: tuple[str, ...]) -> dict[str, str]:
        """Licence and origin in words, the same for every row; a licence also from a description."""
        about = described(self.source, self.record_set) if self.licence is None else None
        given = {"licence": about.licence if about else self.licence, "origin": self.origin}
        return {name: said for name, said in given.items() if said is not None and said not in columns}

    def _batch(
        self, records: list[Record], start: int, layout: Layout, key: bytes, ids: dict[bytes, int]
    ) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """Rows of EXAMPLES and of SET_ASIDE: every record is in exactly one. `ids`: digest to position."""
        kept: list[dict[str, object]] = []
        aside: list[dict[str, object]] = []
        for position, record in enumerate(records, start):
            try:
                row = self._row(record, position, layout, key)
                _expect_new(layout.identity(cast("Mapping[str, object]", record.value)), position, ids)
                kept.append(row)
            except Unfit as unfit:
                place = {"source": self.name, "position": position, "line": record.line}
                aside.append({**place, "reason": str(unfit)})
        return kept, aside

    def _row(self, record: Record, position: int, layout: Layout, key: bytes) -> dict[str, object]:
        if record.reason is not None:
            raise Unfit(record.reason)
        content = layout.content(record.value)
        columns = cast("Mapping[str, object]", record.value)
        layout.expect_consent(columns)
        return {
            "row": f"{self.name}:{position}",
            "key": row_key(key, content.canonical()),
            "source": self.name,
            "kind": content.kind,
            "text": content.text,
            "messages": content.messages,  # (role, content) is a struct of the two
            "chosen": content.chosen,
            "rejected": content.rejected,
            "groups": layout.memberships(columns),
            "fields": layout.kept(columns),
            "weight": layout.weighed(columns),
        }

    def _change(self, aside: dict[str, object]) -> dict[str, object]:
        """A record set aside has no content to make a key of."""
        row = {"row": f"{self.name}:{aside['position']}", "key": ""}
        return {**row, "step": "read", "action": "set aside", "reason": aside["reason"]}


def _each_once(**named: tuple[str, ...]) -> Iterator[tuple[bool, str, object, str]]:
    """What must hold of fields that name columns."""
    for name, columns in named.items():
        right = len(set(columns)) == len(columns) and all(columns)
        yield right, name, columns, "column names, each once"


def _expect_new(identity: str | None, position: int, ids: dict[bytes, int]) -> None:
    """Remember an id by its digest; Unfit where it was there before."""
    if identity is None:
        return
    first = ids.setdefault(blake2b(identity.encode(), digest_size=16).digest(), position)
    if first != position:
        raise Unfit(f"its id is that of record {first}")


@dataclass(frozen=True, slots=True)
class Probe:
    """What the first records of a source show: its columns, and the values of its group columns."""

    columns: tuple[str, ...]
    rows_sampled: int
    groups: dict[str, tuple[str, ...]]


def probe(step: Read) -> Probe:
    """Look at a source without reading it through.

    Raises a StudyError naming every field that does not fit it, DataError where it cannot be read.
    """
    columns, records = sample(step)
    if not records:
        raise StudyError(
            [Problem("read.source", repr(Path(step.source).name), "a source with at least one record")]
        )
    layout = step.layout(columns)
    problems = list(_absent(step, layout, columns))
    if problems:
        raise StudyError(problems)
    groups: dict[str, set[str]] = {name: set() for name in step.groups}
    reasons = Counter[str]()
    for record in records:
        try:
            if record.reason is not None:
                raise Unfit(record.reason)
            layout.content(record.value)
            for group in layout.memberships(cast("Mapping[str, object]", record.value)):
                groups[group["axis"]].add(group["value"])
        except Unfit as unfit:
            reasons[str(unfit)] += 1
    if reasons.total() == len(records):
        most = f"{len(records)} records read, none of them fits, most often: {reasons.most_common(1)[0][0]}"
        raise StudyError(
            [Problem("read.kind", repr(step.kind), f"the kind of row that the source holds ({most})")]
        )
    return Probe(columns, len(records), {name: tuple(sorted(values)) for name, values in groups.items()})


def _absent(step: Read, layout: Layout, columns: tuple[str, ...]) -> Iterator[Problem]:
    """Named columns that the source lacks, or has twice."""
    fields = ("text", "prompt", "answer", "chosen", "rejected", "id", "consent", "weight")
    content = {where: getattr(layout, where) for where in fields}
    named = [(where, name) for where, name in content.items() if name is not None]
    named += [(where, name) for where in ("groups", "keep", "outcomes") for name in getattr(step, where)]
    for where, name in named:
        if name in columns and columns.count(name) == 1:
            continue
        known = ", ".join(each[:_SHOWN_NAME] for each in columns[:_SHOWN_NAMES])
        close = difflib.get_close_matches(name, columns, n=1)
        near = f'; did you mean "{close[0][:_SHOWN_NAME]}"?' if close else ""
        expected = f"a column of the file ({known}){near}"
        if name in columns:
            expected = "a column whose name occurs only once in the file"
        yield Problem(f"read.{where}", repr(name), expected)


_SCHEMAS = {"kept": EXAMPLES, "set_aside": SET_ASIDE, "changes": CHANGES}
Write = Callable[[str, list[dict[str, object]]], None]


def _writers(stack: ExitStack, out: Path, seal: str | None) -> Write:
    writers = {
        stem: stack.enter_context(table_writer(out, stem, schema, seal)) for stem, schema in _SCHEMAS.items()
    }

    def write(stem: str, rows: list[dict[str, object]]) -> None:
        if rows:
            writers[stem].write_batch(pa.RecordBatch.from_pylist(rows, schema=_SCHEMAS[stem]))

    return write
