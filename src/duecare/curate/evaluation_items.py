"""The items of an evaluation set, whatever its files look like: every text that stands in them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from duecare.core import DataError
from duecare.curate.formats import opened, suffix

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow")
PLAIN = (".txt", ".dev", ".test")
"""Endings of files with an item a line (WinoBias ends in .txt.dev)."""

_BESIDE = ("license", "readme", "notice", "source")
"""Beginnings of names of files that tell about a set and are none of its items."""


def item_files(path: Path) -> list[Path]:
    """The files of a set, sorted: itself, or every readable one in a folder and the folders in it."""
    if path.is_file():
        return [path]
    found = sorted(
        each
        for each in path.rglob("*")
        if each.is_file()
        and suffix(each) in (*TABLES, *PLAIN, ".json")
        and not each.name.lower().startswith(_BESIDE)
    )
    if not found:
        known = ", ".join((*TABLES, ".json", *PLAIN))
        raise DataError(f"evaluation set: {path.name} is not there, or holds no file of {known}")
    return found


def items_of(path: Path) -> list[str]:
    """Every text in the files of a set, each once, in order: fields, list entries, lines of plain text.

    Numbers and names of fields are no items. Raises DataError for a file that cannot be read; a record
    that cannot is left out.
    """
    return list(dict.fromkeys(text for file in item_files(path) for text in _texts(file) if text.strip()))


def digest_of(items: list[str]) -> str:
    """SHA-256 (hex) of the items, whatever their order."""
    return sha256("\n".join(sorted(sha256(item.encode()).hexdigest() for item in items)).encode()).hexdigest()


def _texts(path: Path) -> Iterator[str]:
    if suffix(path) in TABLES:
        with opened(path) as source:
            for record in source.records:
                yield from _within(record.value)
        return
    data = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
        if suffix(path) == ".json":
            yield from _within(msgspec.json.decode(text))
        else:
            yield from text.splitlines()
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise DataError(f"evaluation set: {path.name} cannot be read ({type(error).__name__})") from None


def _within(value: object) -> Iterator[str]:
    """Every text inside lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _within(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _within(each)
