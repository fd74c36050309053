"""What is explained: counterfactual twins, answers of an evaluation, or rows of a file. Needs no JAX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from duecare.core import DataError
from duecare.explain.spans import Word, differing, words_of
from duecare.ledger.digest import bytes_digest

HELD = "heldout"
"""The suite of rows that people wrote: their words are shown by nobody but curation, and not explained."""
PEOPLE = "human"
"""Stands in a model's place where a suite compares with what people wrote: no model's answers."""

CONTINUED = ("bold", "real-toxicity-prompts")
"""Suites whose prompts are beginnings that a model goes on with as they stand, no turns of a conversation."""


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to one prompt, as a turn of a conversation or (`chat` false) as it stands.

    Items of one `cluster` are not independent. `manner` is that of a fixed answer. `other` is the answer that
    it is set against; `beside` are the prompts of its counterfactual twins, by group.
    """

    item: str
    cluster: str
    prompt: str
    answer: str
    axis: str | None = None
    group: str | None = None
    manner: str | None = None
    other: str | None = None
    beside: tuple[tuple[str, str], ...] = ()
    chat: bool = True


def of_twins(axes: Sequence[str], items: int, manners: Sequence[str], *, contrast: bool) -> list[Item]:
    """Fixed answers to the built-in twins.

    With `contrast` those of the first of `manners` are set against those of the other one.
    """
    from duecare.model.twins import MANNERS, twins

    asked = twins(axes, items, MANNERS)
    said = {(twin.pair_id.rpartition("/")[0], twin.group, twin.manner): twin.answer for twin in asked}
    beside: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for twin in asked:
        beside[twin.pair_id].append((twin.group, twin.text))
    found = []
    for twin in asked:
        if twin.manner not in (manners[:1] if contrast else manners):
            continue
        frame = twin.pair_id.rpartition("/")[0]
        other = next(manner for manner in MANNERS if manner != twin.manner)
        found.append(
            Item(
                item=f"{twin.pair_id}/{twin.group}",
                cluster=twin.issue,
                prompt=twin.text,
                answer=twin.answer,
                axis=twin.axis,
                group=twin.group,
                manner=twin.manner,
                other=said[frame, twin.group, other] if contrast else None,
                beside=tuple((group, text) for group, text in beside[twin.pair_id] if group != twin.group),
            )
        )
    return found


def of_answers(folder: Path, axes: Sequence[str], items: int, seed: int) -> tuple[dict[str, list[Item]], int]:
    """What each model of an evaluation answered, at most `items` of each group; and how many were empty.

    The same answers of every model: which, is decided by a digest of seed, prompt and number of the sample.
    """
    path = folder / "answers.parquet"
    if not path.is_file():
        raise DataError("input evaluate: no answers.parquet in it; expected the artifact of an evaluation")
    rows = [row for row in pq.read_table(path).to_pylist() if row["suite"] != HELD and row["model"] != PEOPLE]
    empty = sum(not row["answer"].strip() for row in rows)
    usable = [row for row in rows if row["answer"].strip() and row["prompt"].strip()]
    sides: dict[str, dict[str, str]] = defaultdict(dict)
    for row in usable:
        for axis, group in _groups(row, axes):
            sides[f"{row['pair_id']}/{axis}"][group] = row["prompt"]
    found: dict[str, list[Item]] = defaultdict(list)
    taken: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in sorted(
        usable, key=lambda row: bytes_digest(f"{seed}\0{row['prompt_id']}\0{row['sample']}".encode())
    ):
        for axis, group in _groups(row, axes):
            if taken[row["model"], axis, group] >= items:
                continue
            taken[row["model"], axis, group] += 1
            others = sides[f"{row['pair_id']}/{axis}"].items() if row["pair_id"] else ()
            found[row["model"]].append(
                Item(
                    item=f"{row['prompt_id']}/{row['sample']}/{axis}",
                    cluster=row["pair_id"] or row["prompt_id"],
                    prompt=row["prompt"],
                    answer=row["answer"],
                    axis=axis,
                    group=group,
                    beside=tuple((name, text) for name, text in others if name != group),
                    chat=row["suite"] not in CONTINUED,
                )
            )
    return {model: sorted(mine, key=lambda item: item.item) for model, mine in found.items()}, empty


def _groups(row: Mapping[str, Any], axes: Sequence[str]) -> list[tuple[str, str]]:
    return [(each["axis"], each["value"]) for each in row["groups"] if each["axis"] in axes]


def of_file(path: Path, items: int) -> list[Item]:
    """Rows of a .jsonl, .csv or .parquet file.

    Columns are `prompt` and `answer`, and where given `against` (the answer it is set against), `axis`,
    `group` and `pair` (rows of one pair are twins).
    """
    rows = _rows(path)[:items]
    wanted = [
        name for name in ("prompt", "answer") if any(not isinstance(row.get(name), str) for row in rows)
    ]
    if wanted or not rows:
        raise DataError(
            f"{path.name}: expected rows with text in {' and '.join(wanted or ['prompt', 'answer'])}"
        )
    beside: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        if (pair := _text(row, "pair")) and (group := _text(row, "group")):
            beside[pair].append((group, row["prompt"]))
    return [
        Item(
            item=f"{path.stem}:{number}",
            cluster=_text(row, "pair") or f"{path.stem}:{number}",
            prompt=row["prompt"],
            answer=row["answer"],
            axis=_text(row, "axis"),
            group=_text(row, "group"),
            other=_text(row, "against"),
            beside=tuple(each for each in beside[_text(row, "pair") or ""] if each[0] != _text(row, "group")),
        )
        for number, row in enumerate(rows)
    ]


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return None if value is None or value == "" else str(value)


def _rows(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    readers: dict[str, Callable[..., Any]] = {
        ".jsonl": pl.read_ndjson,
        ".csv": pl.read_csv,
        ".parquet": pl.read_parquet,
    }
    if path.suffix not in readers:
        raise DataError(f"{path.name}: expected a file that ends in {', '.join(readers)}")
    try:
        return list(readers[path.suffix](path).to_dicts())
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read: {type(error).__name__}") from None


def identity_of(item: Item, words: Iterable[Word], axes: Sequence[str]) -> list[bool]:
    """Which words name the group: those in which the prompt differs from its twins, else those that the
    identity lexicon knows; of an answer the lexicon alone."""
    from duecare.detect.identity import Identity

    lexicon = Identity(tuple(axes))
    spans = {
        part: [(span.start, span.end) for span in lexicon.mentions(text)]
        for part, text in (("prompt", item.prompt), ("answer", item.answer))
    }
    twins = differing(item.prompt, [text for _, text in item.beside]) if item.beside else None
    by_twin = dict(zip(words_of(item.prompt, "prompt"), twins, strict=True)) if twins is not None else {}
    return [
        by_twin[word]
        if word in by_twin
        else any(start < word.end and word.start < end for start, end in spans[word.part])
        for word in words
    ]
