"""Files as records: CSV, TSV, JSON lines, JSON arrays, Parquet, Arrow, plain or compressed, and the hub.

A record that its format cannot give (a line that is no JSON, a quote that is never closed, bytes that
are not in the encoding) comes as a Record with the reason instead of a value, so that positions stay right
and nothing is lost. Everything but a JSON array is read in pieces.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import glob
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core.errors import DataError
from duecare.curate.reviewed import pairs_of

LONGEST = 1 << 26
"""Bytes of a line, or characters of a CSV field, beyond which a record is set aside unread."""
BATCH = 2048

NOT_UTF8 = "not UTF-8"
NOT_JSON = "not JSON"

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_SAVED, _SPLITS = "state.json", "dataset_dict.json"
"""What `datasets` writes beside the Arrow files of a data set, and of one with several splits."""
_BOM = b"\xef\xbb\xbf"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_ESCAPED = re.compile("[\udc80-\udcff]")  # what the error handler "surrogateescape" makes of a wrong byte


class Record(NamedTuple):
    """One record: its first line in the file (1-based, None where the format has no lines), and either
    its value or the reason why it has none."""

    line: int | None
    value: object
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is being read. `columns` is None where only the records themselves can tell."""

    columns: tuple[str, ...] | None
    records: Iterator[Record]


def known_encoding(name: str) -> bool:
    """Whether Python can read an encoding."""
    try:
        return bool(codecs.lookup(name))
    except LookupError:
        return False


def files(source: str, split: str = "train") -> list[Path]:
    """The files a source names, sorted: a file, a folder's readable files, or those that fit a pattern.

    A folder is read at any depth, but for hidden folders; one that `datasets` saved is read as it says, and
    only its `split` where it has several; of a round of review its preference pairs are read.

    An empty list means that `source` is the id of a data set on the hub. Raises DataError where there is
    nothing to read.
    """
    path = Path(source)
    if path.is_dir():
        found = (
            _saved(path, split)
            or pairs_of(path)
            or sorted(
                each
                for each in path.rglob("*")
                if each.is_file()
                and suffix(each) in _OPENERS
                and not any(part.startswith(".") for part in each.relative_to(path).parts)
            )
        )
    elif path.exists():
        found = [path]
    else:
        found = sorted(Path(each) for each in glob.glob(source, recursive=True) if Path(each).is_file())
    if not found and not _HUB_ID.fullmatch(source):
        raise DataError(f"read.source: {path.name} is not there, or holds no file of {', '.join(_OPENERS)}")
    for each in found:
        if suffix(each) not in _OPENERS:
            raise DataError(
                f"read.source: {each.name} is none of {', '.join(_OPENERS)}"
                f" (with or without {', '.join(_COMPRESSED)})"
            )
    return found


def suffix(path: Path) -> str:
    """The ending that names the format; that of the file inside for a compressed one."""
    name = path.name.lower()
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    return Path(name).suffix


def _saved(folder: Path, split: str) -> list[Path]:
    """The Arrow files of a data set that `datasets` saved in `folder`; none where it is no such folder."""
    if (folder / _SPLITS).is_file():
        inside = folder / split
        if not (inside / _SAVED).is_file():
            known = ", ".join(sorted(each.parent.name for each in folder.glob(f"*/{_SAVED}")))
            raise DataError(f"read.split: {split!r}: expected a part of {folder.name} ({known})")
        folder = inside
    if not (folder / _SAVED).is_file():
        return []
    try:
        named = [each["filename"] for each in json.loads((folder / _SAVED).read_bytes())["_data_files"]]
    except (ValueError, KeyError, TypeError, OSError):
        raise DataError(
            f"read.source: {folder.name}/{_SAVED} does not name the files of a data set"
        ) from None
    if outside := [name for name in named if Path(name).name != name]:
        raise DataError(
            f"read.source: {folder.name}/{_SAVED} names {len(outside)} files outside of its folder"
        )
    return [folder / name for name in named]


@contextmanager
def opened(
    path: Path, *, skip_lines: int = 0, wanted: Sequence[str] | None = None, encoding: str = "utf-8"
) -> Iterator[Opened]:
    """Open one file. `wanted` are the only columns needed, for formats that can leave others unread.

    `encoding` is that of a text format; Parquet and Arrow say theirs.
    """
    if skip_lines and suffix(path) not in _WITH_LINES:
        raise DataError(f"read.skip_lines: {path.name} has no lines to skip")
    with ExitStack() as stack:
        with _named(path):
            found = _OPENERS[suffix(path)](stack, path, _How(skip_lines, wanted, encoding))
        yield Opened(found.columns, _guarded(found.records, path))


def hub(name: str, split: str = "train") -> Opened:
    """A split of a data set on the hub, streamed; needs the extra `hub`."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DataError("read.source: a data set of the hub needs `pip install duecare[hub]`") from error
    try:
        rows = load_dataset(name, split=split, streaming=True)
    except (OSError, ValueError) as error:
        raise DataError(f"read.source: {name} cannot be had from the hub ({type(error).__name__})") from error
    columns = tuple(rows.column_names) if rows.column_names else None
    return Opened(columns, (Record(None, row) for row in rows))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Failures of the file itself as a DataError that names it; never with any of its content."""
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise DataError(f"read.source: {path.name} cannot be read to its end ({reason})") from None


def _guarded(records: Iterator[Record], path: Path) -> Iterator[Record]:
    with _named(path):
        yield from records


class _How(NamedTuple):
    """How a file is to be read."""

    skip_lines: int
    wanted: Sequence[str] | None
    encoding: str

    @property
    def bytes_are_utf8(self) -> bool:
        return codecs.lookup(self.encoding).name in ("utf-8", "ascii", "utf-8-sig")


def _stream(stack: ExitStack, path: Path) -> BinaryIO:
    ending = path.suffix.lower()
    if ending == ".zst":
        raw = stack.enter_context(pa.input_stream(str(path), compression="zstd"))
        return io.BufferedReader(cast("io.RawIOBase", raw))  # Arrow's own stream knows no lines
    if ending == ".gz":
        return cast("BinaryIO", stack.enter_context(gzip.open(path, "rb")))
    if ending == ".bz2":
        return cast("BinaryIO", stack.enter_context(bz2.open(path, "rb")))
    if ending == ".xz":
        return cast("BinaryIO", stack.enter_context(lzma.open(path, "rb")))
    return stack.enter_context(path.open("rb"))


def _open_csv(stack: ExitStack, path: Path, how: _How) -> Opened:
    skip_lines, encoding = how.skip_lines, "utf-8-sig" if how.bytes_are_utf8 else how.encoding
    # Wrong bytes are escaped, not refused, so that one bad record does not end the reading.
    stream = _stream(stack, path)
    text = stack.enter_context(io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline=""))
    for _line in range(skip_lines):
        text.readline()
    delimiter = "\t" if suffix(path) == ".tsv" else ","
    records = _csv_fields(text, delimiter, skip_lines)
    first = next(records, None)
    if first is None or first.reason is not None:
        raise DataError(
            f"read.source: {path.name} has no header ({first.reason if first else 'it is empty'})"
        )
    header = tuple(cast("list[str]", first.value))
    return Opened(header, _csv_records(records, header))


def _csv_fields(text: Iterable[str], delimiter: str, skipped: int) -> Iterator[Record]:
    """The fields of each CSV record as a list; blank lines are no records."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = skipped + reader.line_num + 1
        ours = csv.field_size_limit(LONGEST)  # of the whole process: put back at once
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = "a quote is never closed" if "end of data" in str(error) else "quotes are not those of CSV"
            yield Record(line, None, f"{what} (lines {line} to {skipped + reader.line_num})")
            continue
        finally:
            csv.field_size_limit(ours)
        joined = "".join(fields)
        if not joined.isascii() and _ESCAPED.search(joined):
            yield Record(line, None, NOT_UTF8)
        elif fields:
            yield Record(line, fields)


def _csv_records(records: Iterator[Record], header: tuple[str, ...]) -> Iterator[Record]:
    for record in records:
        fields = record.value
        if not isinstance(fields, list):
            yield record
        elif len(fields) != len(header):
            yield Record(record.line, None, f"{len(fields)} columns where the header has {len(header)}")
        else:
            yield Record(record.line, dict(zip(header, fields, strict=True)))


def _open_lines(stack: ExitStack, path: Path, how: _How) -> Opened:
    return Opened(None, _json_lines(_utf8(stack, path, how), how.skip_lines))


def _utf8(stack: ExitStack, path: Path, how: _How) -> BinaryIO:
    """The bytes of a text file in UTF-8; a byte that its own encoding has no sign for stays wrong."""
    stream = _stream(stack, path)
    if how.bytes_are_utf8:
        return stream
    text = io.TextIOWrapper(stream, how.encoding, errors="surrogateescape", newline="\n")
    return cast("BinaryIO", _Encoded(stack.enter_context(text)))


class _Encoded:
    """A text stream as one of bytes in UTF-8, line by line."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def readline(self, most: int) -> bytes:
        return self._text.readline(most).encode("utf-8", "surrogateescape")

    def read(self, most: int = -1) -> bytes:
        return self._text.read(most).encode("utf-8", "surrogateescape")


def _json_lines(stream: BinaryIO, skip_lines: int) -> Iterator[Record]:
    """One record a line; blank lines are no records."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        whole = line.endswith(b"\n")
        while not whole and (rest := stream.readline(LONGEST)):
            whole = rest.endswith(b"\n")
            line = b""
        if number <= skip_lines:
            continue
        if not line:
            yield Record(number, None, f"a line longer than {LONGEST} bytes")
        elif line.strip():
            yield _decoded(number, line.removeprefix(_BOM) if number == 1 else line)


def _open_array(stack: ExitStack, path: Path, how: _How) -> Opened:
    """A JSON array, read whole; a file that starts otherwise is taken for JSON lines."""
    with ExitStack() as first:
        start = _utf8(first, path, how).read(4096).removeprefix(_BOM).lstrip()
    if not start.startswith(b"["):
        return _open_lines(stack, path, how)
    data = _utf8(stack, path, how).read().removeprefix(_BOM)
    try:
        return Opened(
            None, (_decoded(None, bytes(raw)) for raw in msgspec.json.decode(data, type=list[msgspec.Raw]))
        )
    except (msgspec.DecodeError, RecursionError):
        pass  # the standard library reads more (NaN)
    try:
        return Opened(None, (Record(None, value) for value in json.loads(data)))
    except (ValueError, RecursionError):
        raise DataError(f"read.source: {path.name} is not a JSON array from start to end") from None


def _decoded(line: int | None, raw: bytes) -> Record:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Record(line, None, NOT_UTF8)
    try:
        return Record(line, msgspec.json.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        pass  # the standard library reads more (NaN, Infinity), as many programs write it
    try:
        return Record(line, json.loads(raw))
    except (ValueError, RecursionError):
        return Record(line, None, NOT_JSON)


def _open_parquet(stack: ExitStack, path: Path, how: _How) -> Opened:
    wanted = how.wanted
    file = stack.enter_context(pq.ParquetFile(path, pre_buffer=False))  # read ahead, all of it would be kept
    names = tuple(file.schema_arrow.names)
    chosen = None if wanted is None else [name for name in names if name in wanted]
    return Opened(names, _batch_records(file.iter_batches(batch_size=BATCH, columns=chosen)))


def _open_arrow(stack: ExitStack, path: Path, how: _How) -> Opened:
    """The file format of Arrow, or its stream format, which other tools write under the same ending."""
    wanted = how.wanted
    source = stack.enter_context(pa.memory_map(str(path)))
    try:
        reader = pa.ipc.open_file(source)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    except pa.ArrowInvalid:
        source.seek(0)
        reader = pa.ipc.open_stream(source)
        batches = iter(reader)
    names = tuple(reader.schema.names)
    chosen = [name for name in names if wanted is None or name in wanted]
    pieces = (
        batch.select(chosen).slice(start, BATCH) for batch in batches for start in range(0, len(batch), BATCH)
    )
    return Opened(names, _batch_records(pieces))


def _batch_records(batches: Iterable[pa.RecordBatch]) -> Iterator[Record]:
    for batch in batches:
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError:  # one by one, to find which
            rows = [_row(batch.slice(place, 1)) for place in range(len(batch))]
        for row in rows:
            yield Record(None, None, NOT_UTF8) if row is None else Record(None, row)


def _row(batch: pa.RecordBatch) -> object:
    try:
        return batch.to_pylist()[0]
    except UnicodeDecodeError:
        return None


_Opener = Callable[[ExitStack, Path, _How], Opened]
_OPENERS: dict[str, _Opener] = {
    ".csv": _open_csv,
    ".tsv": _open_csv,
    ".jsonl": _open_lines,
    ".ndjson": _open_lines,
    ".json": _open_array,
    ".parquet": _open_parquet,
    ".arrow": _open_arrow,
}
_WITH_LINES = (".csv", ".tsv", ".jsonl", ".ndjson")
