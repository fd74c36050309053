"""The door that tutorials of the field know: a file in, a DataFrame of screened and redacted rows out."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifact, Problem, Step, StudyError
from duecare.curate.flow import count_rows
from duecare.curate.formats import Record
from duecare.curate.records import sample
from duecare.curate.rows import Unfit
from duecare.curate.source import Read

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 0.5
_PROMPTS = ("prompt", "question", "instruction", "input")
_ANSWERS = ("answer", "response", "completion", "output")
_LOOKED_AT = 100
_EXPECTED = "columns chosen and rejected, a column of turns, columns prompt and answer, or a column of texts"

_WRITE_IT = "; write rows that are in memory to one (frame.to_json(path, orient='records', lines=True))"


def load_and_ethically_filter_data(
    path: str | Path, *, groups: str | Sequence[str] = (), keep: str | Sequence[str] = ()
) -> pd.DataFrame:
    """Read a file, drop toxic rows and doubles, replace personal data; return the rows that are left.

    `path` is a .csv, .tsv, .jsonl, .json, .parquet or .arrow file (text formats also with .gz). What its
    rows are is seen from its columns: preferences (chosen, rejected), chats (a column of turns, or prompt
    and answer), else texts (column "text", or the column with the longest texts).

    The DataFrame has `row` (source and 0-based position in the file), the content (`text`; `messages`, a list
    of dicts with role and content; for preferences `messages`, `chosen`, `rejected`), and the columns
    named in `groups` (what people declare of themselves) and `keep`, one name or several. Other columns are
    left out: nobody has looked for personal data in them, nor is it looked for in `groups` and `keep`.

    A row goes where the toxicity detector gives one of its texts 0.5 or more; a preference pair stays and is
    only flagged, for its rejected answer is often toxic on purpose. Personal data becomes a tag such as
    [EMAIL]. `frame.attrs["duecare"]` says what was done:

    - kind, and the columns read
    - counts: rows in, set_aside, dropped, changed, flagged, kept
    - reasons: row -> step and reason, for every row set aside, dropped or flagged
    - replaced: kind of personal data -> places

    Raises StudyError where no column can be taken for content, DataError where the file cannot be read.
    """
    if not isinstance(path, str | Path):
        raise StudyError([Problem("path", type(path).__name__, f"the path of a file{_WRITE_IT}")])
    read = _guessed(
        str(path), *(((names,) if isinstance(names, str) else tuple(names)) for names in (groups, keep))
    )
    with tempfile.TemporaryDirectory(prefix="duecare-") as scratch:
        done = _run(read, Path(scratch))
        frame = _frame(read, done[-1])
        frame.attrs["duecare"] = _account(read, done)
    return frame


def _run(read: Read, scratch: Path) -> list[Artifact]:
    """The artifacts of reading, screening, dropping doubles and redacting, in this order."""
    from duecare.curate.overlap import Duplicates
    from duecare.curate.redact import Redact
    from duecare.curate.screen import Screen

    screen = Screen(limit=LIMIT, action="review" if read.kind == "preference" else "drop")
    steps: dict[str, Step] = {
        "read": read,
        "toxicity": screen,
        "duplicates": Duplicates(),
        "personal": Redact(study=read.study),
    }
    done: list[Artifact] = []
    for name, step in steps.items():
        out = scratch / name
        out.mkdir()
        step.run({"examples": done[-1]} if done else {}, out, _unheard)
        done.append(Artifact(job=f"{name}:{read.name}", path=out, digest=""))
    return done


def _unheard(_: object) -> None:
    """Nobody listens: the account at the end says everything."""


def _guessed(source: str, groups: tuple[str, ...], keep: tuple[str, ...]) -> Read:
    """How to read a file, from its columns and first records."""
    read = Read(source=source, groups=groups, keep=keep, study="tutorial", sealed=True)
    columns, records = sample(read)
    reserved = {"row", "text", "messages", "chosen", "rejected"} & {*groups, *keep}
    problems = [
        Problem("keep", repr(name), "a column that is not called like the content") for name in reserved
    ]
    known = ", ".join(columns[:30])
    problems += [
        Problem("groups" if name in groups else "keep", repr(name), f"a column of the file ({known})")
        for name in (*groups, *keep)
        if name not in columns
    ]
    if problems:
        raise StudyError(problems)
    if not records:
        raise StudyError([Problem("path", repr(Path(source).name), "a file with rows; this one has none")])
    for guess in _guesses(read, columns, records[:_LOOKED_AT]):
        if _fits(guess, columns, records[:_LOOKED_AT]):
            return guess
    raise StudyError([Problem("path", repr(Path(source).name), _EXPECTED)])


def _guesses(read: Read, columns: tuple[str, ...], records: list[Record]) -> Iterator[Read]:
    if {"chosen", "rejected"} <= set(columns):
        yield replace(read, kind="preference")
    for column in columns:
        yield replace(read, kind="chat", text=column)
    prompts, answers = ([name for name in names if name in columns] for names in (_PROMPTS, _ANSWERS))
    if prompts and answers:
        yield replace(read, kind="chat", prompt=prompts[0], answer=answers[0])
    sizes = Counter[str]()
    for record in records:
        if isinstance(record.value, dict):
            sizes.update({name: len(value) for name, value in record.value.items() if isinstance(value, str)})
    for column in ["text"] if "text" in columns else [name for name, _ in sizes.most_common(1)]:
        yield replace(read, text=column)


def _fits(read: Read, columns: tuple[str, ...], records: list[Record]) -> bool:
    """Whether some of the records are rows when read so."""
    layout = read.layout(columns)
    for record in records:
        try:
            layout.content(record.value)
        except Unfit:
            continue
        return True
    return False


def _frame(read: Read, last: Artifact) -> pd.DataFrame:
    table = pq.read_table(last.path / "kept.parquet")
    content = {
        "text": ("text",),
        "chat": ("messages",),
        "preference": ("messages", "chosen", "rejected"),
    }
    columns = {name: table.column(name) for name in ("row", *content[read.kind])}
    for kind, label, names in (("groups", "axis", read.groups), ("fields", "name", read.keep)):
        records = [{each[label]: each["value"] for each in row} for row in table.column(kind).to_pylist()]
        for name in names:
            columns[name] = pa.array([record.get(name) for record in records], pa.string())
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    if "messages" in frame:
        frame["messages"] = table.column("messages").to_pylist()
    return frame


def _account(read: Read, done: list[Artifact]) -> dict[str, Any]:
    """What was done, in plain values that a DataFrame can carry along."""
    counts = Counter[str](kept=count_rows(done[-1]))
    counts["in"] = count_rows(done[0])
    reasons: dict[str, str] = {}
    replaced = Counter[str]()
    for artifact in done:
        table = pq.read_table(
            artifact.path / "changes.parquet", columns=["row", "step", "action", "reason", "label"]
        )
        touched: dict[str, set[str]] = {}
        for each in table.to_pylist():
            touched.setdefault(each["action"], set()).add(each["row"])
            if each["action"] == "changed":
                replaced[each["label"]] += 1
            else:
                reasons[each["row"]] = f"{each['step']}: {each['reason']}"
        counts.update({action.replace(" ", "_"): len(rows) for action, rows in touched.items()})
    counts["in"] += counts["set_aside"]
    names = ("in", "set_aside", "dropped", "changed", "flagged", "kept")
    return {
        "kind": read.kind,
        "columns": list(read.layout(sample(read)[0]).columns),
        "counts": {name: counts[name] for name in names},
        "reasons": reasons,
        "replaced": dict(sorted(replaced.items())),
    }
