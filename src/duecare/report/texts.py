"""Texts behind a number, made fit to be shown: personal data masked, length bounded, controls visible.

A text is shown only where the personal-data detector could look at it first; without the detector there
are no texts, only counts. What is shown is blurred by the page until the reader asks for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core import DuecareError, LedgerError
from duecare.core.table import TEXTS
from duecare.core.table import texts as flatten
from duecare.report.gather import Stage
from duecare.vault import SUFFIX, opened, sealed_with
from duecare.vault.sealed import DATA_KEYS

LONGEST = 600


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: `kind` is "" (as written), "hit" (what the step saw) or "masked"."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """One text as it may be shown; `cut` counts the code points left out at its end."""

    pieces: tuple[Piece, ...]
    cut: int = 0


def rows(stage: Stage, name: str, columns: Sequence[str] = ()) -> pa.Table | None:
    """A Parquet file of an artifact; None where it is absent, altered, or sealed and its secret not here."""
    path = _path(stage, name)
    if path is None:
        return None
    try:
        with opened(path) as file:
            return pq.read_table(file, columns=list(columns) or None)
    except (pa.ArrowException, OSError, ValueError, LedgerError):
        return None


def _path(stage: Stage, name: str) -> Path | None:
    """A file of an artifact, or its sealed form."""
    return stage.files.get(name) or stage.files.get(name + SUFFIX)


def kept_sealed(path: Path) -> bool:
    """Whether the study's storage keeps the rows of a file sealed: a report, which lies open, has no text of
    them, not even masked, or it would outlive their key."""
    try:
        return (sealed_with(path) or "").startswith(DATA_KEYS)
    except LedgerError:
        return True


def of_rows(stage: Stage, name: str, wanted: Sequence[str]) -> dict[tuple[str, str], str]:
    """(row, part) -> text for the `wanted` rows of a file of schema EXAMPLES."""
    path = _path(stage, name)
    if path is None or not wanted or kept_sealed(path):
        return {}
    chosen_rows = pc.is_in(pc.field("row"), pa.array(list(wanted), pa.string()))
    try:
        with opened(path) as file:
            chosen = pq.read_table(file, filters=chosen_rows)
    except (pa.ArrowException, OSError, ValueError, LedgerError):
        return {}
    texts: dict[tuple[str, str], str] = {}
    for batch in chosen.combine_chunks().to_batches():
        for record in flatten(batch).to_pylist():
            texts[record["row"], record["part"]] = record["text"]
    return texts


def passages(
    texts: Sequence[str], hits: Sequence[Sequence[tuple[int, int]]] | None = None
) -> list[Passage] | None:
    """Every text with personal data masked and `hits` (code points [start, end)) marked.

    None where the personal-data detector cannot be loaded: then no text may be shown.
    """
    masks = masks_in(texts)
    if masks is None:
        return None
    marked = hits or [()] * len(texts)
    return [_passage(text, mask, hit) for text, mask, hit in zip(texts, masks, marked, strict=True)]


def masks_in(texts: Sequence[str]) -> list[list[tuple[int, int, str]]] | None:
    """Personal data of every text: code points [start, end) and what it is; None without a detector."""
    finder = _personal()
    if finder is None:
        return None
    masks: list[list[tuple[int, int, str]]] = [[] for _ in texts]
    if texts:
        names = [str(position) for position in range(len(texts))]
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array(names),
                pa.array(names),
                pa.array(["text"] * len(texts)),
                pa.array(list(texts), pa.string()),
            ],
            schema=TEXTS,
        )
        for span in finder(batch).to_pylist():
            masks[int(span["row"])].append((span["start"], span["end"], span["label"]))
    return masks


def _personal() -> Any:
    """The personal-data detector, or None where this installation has none."""
    try:
        from duecare import detect

        return detect.load("personal")
    except (ImportError, AttributeError, KeyError, DuecareError):
        return None


def _passage(text: str, masks: Sequence[tuple[int, int, str]], hits: Sequence[tuple[int, int]]) -> Passage:
    """Cut `text` at the borders of spans; a masked stretch wins over a marked one."""
    length = len(text)
    labels: list[str] = [""] * length
    kinds = bytearray(length)
    for start, end in hits:
        kinds[max(0, start) : min(end, length)] = b"\x01" * max(0, min(end, length) - max(0, start))
    for start, end, name in masks:
        for place in range(max(0, start), min(end, length)):
            kinds[place], labels[place] = 2, name
    end = length if length <= LONGEST else LONGEST
    while end < length and kinds[end] == 2 and kinds[end - 1] == 2:
        end += 1
    pieces: list[Piece] = []
    start = 0
    for place in range(1, end + 1):
        if place < end and kinds[place] == kinds[start] and labels[place] == labels[start]:
            continue
        if start < end:
            pieces.append(_piece(text[start:place], kinds[start], labels[start]))
        start = place
    return Passage(tuple(pieces), length - end)


def _piece(text: str, kind: int, label: str) -> Piece:
    if kind == 2:
        return Piece(label, "masked")
    return Piece(visible(text), "hit" if kind else "")


def visible(text: str) -> str:
    """`text` with control and direction-override characters replaced by a visible sign.

    Overrides could turn the words around them; controls have no place in HTML.
    """
    return "".join("�" if _unsafe(sign) else sign for sign in text)


def _unsafe(sign: str) -> bool:
    category = unicodedata.category(sign)
    return (
        category in ("Cc", "Cs") and sign not in "\n\t"
    ) or sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
