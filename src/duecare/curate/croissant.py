"""A Croissant description (MLCommons, versions 1.0 and 1.1) as a source: its files and fields.

The description says which files hold the rows, their digests, what each column is called and under which
licence they stand. Nothing is ever fetched: a file that the description places on the net must lie beside it.
No file outside of the description's folder is read (of a run's own report: outside of the run), whatever the
description says, because who wrote it need not be who reads it.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from duecare.core import DataError
from duecare.curate.formats import Opened, Record, opened, suffix

LARGEST = 1 << 24
"""Bytes beyond which a .json file is no description."""

ENCODINGS: Mapping[str, tuple[str, ...]] = {
    "text/csv": (".csv",),
    "text/tab-separated-values": (".tsv",),
    "application/jsonlines": (".jsonl", ".ndjson", ".json"),
    "application/jsonl": (".jsonl", ".ndjson", ".json"),
    "application/x-ndjson": (".jsonl", ".ndjson", ".json"),
    "application/json": (".json", ".jsonl"),
    "application/x-parquet": (".parquet",),
    "application/vnd.apache.parquet": (".parquet",),
    "application/vnd.apache.arrow.file": (".arrow",),
    "application/vnd.apache.arrow.stream": (".arrow",),
}
"""encodingFormat -> endings of files that we read so."""

_PREFIX = re.compile(
    r"(?:(?:sc|schema|cr|ml|mlc):|https?://(?:schema\.org|mlcommons\.org/croissant)/)(?=\w+$)"
)
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PART = re.compile(r"(?:\$\.)?([A-Za-z_]\w*)")
_SHOWN = 80

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """What a description says of one of its record sets.

    `columns`: name of a field -> column of the files. `unread`: names of fields whose values are not a column
    as it stands (a part of it, a part of a file's name); nothing is read under them. `digests`: SHA-256 in
    lower-case hex, of the files for which one is given. `licence`: in words; None where none is said.
    """

    path: Path
    files: tuple[Path, ...]
    columns: Mapping[str, str]
    unread: frozenset[str]
    digests: Mapping[Path, str]
    licence: str | None

    def expect_digests(self) -> None:
        """Raise DataError where a file is not the one that was described; reads every file through."""
        from duecare.ledger.digest import file_digest  # brings cryptography, which a study check does without

        for path, said in self.digests.items():
            if (found := file_digest(path)) != said:
                raise _wrong(
                    self.path, f"distribution.sha256 of {path.name}", said, f"{found}, as it is here"
                )

    def names(self, there: Sequence[str]) -> tuple[str, ...]:
        """What the columns of a file are called; columns that are no field keep their own name."""
        used = {*self.columns.values(), *self.columns, *self.unread}
        fields = [name for name, column in self.columns.items() if column in there]
        return (*fields, *(column for column in there if column not in used))

    def renamed(self, record: Record) -> Record:
        """A record under the names of its fields."""
        value = record.value
        if not isinstance(value, Mapping):
            return record
        named = {name: value[column] for name, column in self.columns.items() if column in value}
        rest = {each: value[each] for each in self.names(tuple(map(str, value))) if each not in self.columns}
        return record._replace(value={**named, **rest})


def described(source: str, record_set: str | None = None) -> Described | None:
    """What `source` describes, if it is a Croissant description; None for any other source.

    Raises DataError naming the field of the description that cannot be followed, or `record_set` where it
    names none or there are several to choose from.
    """
    path = Path(source)
    data = _description(path)
    if data is None:
        if record_set is not None:
            raise DataError(
                f"read.record_set: {record_set!r}: expected nothing, as the source is no description"
            )
        return None
    nodes = {_id(node): node for node in _many(data.get("distribution"))}
    chosen = _chosen(path, _many(data.get("recordSet")), record_set)
    columns, unread, holders = _fields(path, chosen) if chosen else ({}, frozenset(), _holders(path, nodes))
    files: list[Path] = []
    digests: dict[Path, str] = {}
    for holder in holders:
        if holder not in nodes:
            raise _wrong(path, "recordSet.field.source", holder, f"one of {', '.join(nodes) or 'no files'}")
        found = _files(path, nodes[holder], nodes)
        files += found
        if said := nodes[holder].get("sha256"):
            digests |= dict.fromkeys(found, str(said).lower())
    return Described(path, tuple(files), columns, unread, digests, _licence(data.get("license")))


@contextmanager
def opened_as(
    path: Path,
    about: Described | None,
    *,
    skip_lines: int = 0,
    wanted: Sequence[str] | None = None,
    encoding: str = "utf-8",
) -> Iterator[Opened]:
    """`formats.opened`, with columns under the names that a description gives them, as `wanted` are."""
    if about is None:
        with opened(path, skip_lines=skip_lines, wanted=wanted, encoding=encoding) as found:
            yield found
        return
    columns = None if wanted is None else [about.columns.get(name, name) for name in wanted]
    with opened(path, skip_lines=skip_lines, wanted=columns, encoding=encoding) as found:
        for name, column in about.columns.items() if found.columns is not None else ():
            if column not in (found.columns or ()):
                where = f"recordSet.field {name}.source.extract.column"
                raise _wrong(about.path, where, column, f"a column of {path.name}")
        header = None if found.columns is None else about.names(found.columns)
        yield Opened(header, map(about.renamed, found.records))


def _description(path: Path) -> Node | None:
    """The JSON of a description under plain names; None where a file is something else."""
    if path.suffix.lower() != ".json" or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()
    if not raw.startswith(b"{"):
        return None
    try:
        data = _plain(json.loads(raw))
    except (ValueError, RecursionError):
        return None
    known = "@context" in data and any(
        _PREFIX.sub("", each) == "Dataset" for each in _texts(data.get("@type"))
    )
    return data if known and ("distribution" in data or "recordSet" in data) else None


def _plain(value: Any) -> Any:
    """JSON-LD keys without their prefix ("cr:recordSet", "https://schema.org/name")."""
    if isinstance(value, dict):
        return {_PREFIX.sub("", key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _many(value: object) -> list[Node]:
    """JSON-LD writes one thing without a list."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, Mapping)]


def _texts(value: object) -> list[str]:
    """A text, a list of texts, or texts with a language, as texts."""
    if isinstance(value, Mapping):
        value = value.get("@value", value.get("@list", next(iter(value.values()), None)))
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str) and each]


def _id(value: object) -> str:
    """The id of a node, or of what refers to one; in version 0.8 that was its name."""
    if isinstance(value, Mapping):
        return str(value.get("@id") or next(iter(_texts(value.get("name"))), ""))
    return str(value or "")


def _name(node: Node, inside: Node | None = None) -> str:
    """What a field or a record set is called: its name, else its id, without what it stands `inside`."""
    own, whole = next(iter(_texts(node.get("name"))), ""), _id(node)
    prefix = f"{_id(inside)}/"
    said = own or whole
    if inside is not None and said.startswith(prefix):
        return said.removeprefix(prefix)
    return said if own and own != whole else said.rpartition("/")[2]


def _wrong(path: Path, where: str, value: object, expected: str) -> DataError:
    shown = repr(value) if len(repr(value)) <= _SHOWN else f"{repr(value)[:_SHOWN]}..."
    return DataError(f"read.source: {path.name}: {where}: {shown}: expected {expected}")


def _chosen(path: Path, sets: list[Node], wanted: str | None) -> Node | None:
    """The record set that is read; None where a description has files only."""
    known = [each for each in sets if any(_holder(field)[0] for field in _leaves(each))]
    names = ", ".join(_id(each) or _name(each) for each in known)
    if wanted is not None:
        found = [each for each in known if wanted in (_id(each), _name(each))]
        if len(found) != 1:
            raise DataError(
                f"read.record_set: {wanted!r}: expected one of {names or 'no sets'} in {path.name}"
            )
        return found[0]
    if len(known) > 1:
        raise DataError(f"read.record_set: None: expected one of {names}, which {path.name} describes")
    if sets and not known:
        raise _wrong(path, "recordSet", _name(sets[0]), "a record set whose fields stand in files")
    return known[0] if known else None


def _leaves(record_set: Node) -> Iterator[Node]:
    for field in _many(record_set.get("field")):
        yield field
        yield from _many(field.get("subField"))


def _holder(field: Node) -> tuple[str, str | None]:
    """The id of the file or the set of files that holds a field, and its column if it is one as it stands."""
    source = field.get("source")
    if not isinstance(source, Mapping):
        return "", None
    holder = _id(source.get("fileObject") or source.get("fileSet"))
    extract = source.get("extract")
    column = extract.get("column") if isinstance(extract, Mapping) else None
    return holder, column if isinstance(column, str) else None


def _fields(path: Path, record_set: Node) -> tuple[dict[str, str], frozenset[str], list[str]]:
    """Name -> column, the names that are not read, and the ids of the file or files behind them."""
    columns: dict[str, str] = {}
    unread: set[str] = set()
    holders: dict[str, None] = {}
    for field in _many(record_set.get("field")):
        name = _name(field, record_set)
        if name in columns or name in unread:
            raise _wrong(path, "recordSet.field", name, "each name once")
        holder, column = _whole(field)
        if holder:
            holders[holder] = None
        if holder and column is not None:
            columns[name] = column
        else:
            unread.add(name)
    if len(holders) != 1:
        raise _wrong(
            path, "recordSet.field.source", ", ".join(holders), "all fields in one file or set of files"
        )
    return columns, frozenset(unread), list(holders)


def _whole(field: Node) -> tuple[str, str | None]:
    """Holder and column of a field; of one with sub-fields, the column whose parts they name."""
    parts = _many(field.get("subField"))
    if not parts:
        holder, column = _holder(field)
        return holder, None if _transforms(field) else column
    held = {_holder(part) for part in parts}
    named = all(
        len(steps := _transforms(part)) == 1
        and (found := _PART.fullmatch(str(steps[0].get("jsonPath")))) is not None
        and found[1] == _name(part, field)
        for part in parts
    )
    holder, column = next(iter(held))
    return holder, column if named and len(held) == 1 else None


def _transforms(field: Node) -> list[Node]:
    """What is done to a column before it is the field; an `extract` may hold such steps beside the column."""
    source = field.get("source")
    if not isinstance(source, Mapping):
        return []
    extract = source.get("extract")
    more = (
        {key: said for key, said in extract.items() if key != "column"}
        if isinstance(extract, Mapping)
        else {}
    )
    more = {key: said for key, said in more.items() if not key.startswith("@")}
    return [*_many(source.get("transform")), *([more] if more else [])]


def _holders(path: Path, nodes: Mapping[str, Node]) -> list[str]:
    """Without a record set: every file and set of files that we read."""
    found = [name for name, node in nodes.items() if ENCODINGS.keys() & set(_formats(node))]
    if not found:
        raise _wrong(path, "distribution.encodingFormat", list(nodes), f"one of {', '.join(ENCODINGS)}")
    return found


def _formats(node: Node) -> list[str]:
    return [each.partition(";")[0].strip().lower() for each in _texts(node.get("encodingFormat"))]


def _files(path: Path, node: Node, nodes: Mapping[str, Node]) -> list[Path]:
    """The files here of one part of the distribution."""
    where = f"distribution.{_id(node)}"
    formats = _formats(node)
    endings = {ending for each in formats for ending in ENCODINGS.get(each, ())}
    if not endings:
        raise _wrong(path, f"{where}.encodingFormat", ", ".join(formats), f"one of {', '.join(ENCODINGS)}")
    if "includes" in node:
        return _matching(path, node, where, endings)
    found = _here(path, node, where)
    if suffix(found) not in endings:
        expected = f"that of a file called so ({found.name})"
        raise _wrong(path, f"{where}.encodingFormat", ", ".join(formats), expected)
    return [found]


def _matching(path: Path, node: Node, where: str, endings: set[str]) -> list[Path]:
    """The files of a set: those that fit a pattern of `includes` and none of `excludes`."""
    listed = partial(glob.glob, root_dir=path.parent, recursive=True)
    patterns = [each.removeprefix("./") for each in _texts(node.get("includes"))]
    left_out = {name for each in _texts(node.get("excludes")) for name in listed(each)}
    names = {name for each in patterns for name in listed(each)} - left_out
    found = [path.parent / name for name in sorted(names) if suffix(Path(name)) in endings]
    found = [each for each in found if each.is_file() and _inside(path, each)]
    if not found:
        expected = "files beside the description that fit (archives are not opened, nothing is fetched)"
        raise _wrong(path, f"{where}.includes", ", ".join(patterns), expected)
    return found


def _here(path: Path, node: Node, where: str) -> Path:
    """The one file of a FileObject."""
    url = next(iter(_texts(node.get("contentUrl"))), "")
    remote = _REMOTE.match(url) is not None
    if remote:
        given = urlsplit(url)
        names = [*_texts(node.get("name")), Path(unquote(given.path)).name]
        url = f"{given.scheme}://{given.hostname or ''}{given.path}"  # without who asks, and with what key
    else:
        names = [url, unquote(url)]
    for name in names:
        found = path.parent / name
        if name and found.is_file():
            if not _inside(path, found):
                raise _wrong(path, f"{where}.contentUrl", url, "a file in the folder of the description")
            return found
    expected = "a file that is there, relative to the description (archives are not opened)"
    if remote:
        expected = (
            f"a file beside the description called {names[-1] or 'so'}; nothing is fetched from the net"
        )
    raise _wrong(path, f"{where}.contentUrl", url, expected)


def _inside(path: Path, found: Path) -> bool:
    """Whether a file lies where a description may point to: its own folder, or the run that it reports on."""
    folder, place = Path(os.path.abspath(path.parent)), Path(os.path.abspath(found))
    if place.is_relative_to(folder):
        return True
    from duecare.ledger.layout import HEAD, LEDGER

    return (folder.parent / LEDGER / HEAD).is_file() and place.is_relative_to(folder.parent)


def _licence(value: object) -> str | None:
    """Licences as words: their text or address; of a described work its address, else its name."""
    listed = value if isinstance(value, list) else [value]
    found = []
    for each in listed:
        if isinstance(each, Mapping) and "@value" not in each:
            each = each.get("url") or each.get("@id") or each.get("name")  # noqa: PLW2901 - one value, made plain
        found += _texts(each)
    return ", ".join(dict.fromkeys(found)) or None
