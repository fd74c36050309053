"""Looks for marked values in everything that was written, in every form in which they could stand there."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq


def forms(value: str) -> dict[str, bytes]:
    """The value as it is, and as JSON, base64 (at each alignment), hex, a URL and UTF-16 write it."""
    raw = value.encode()
    found = {
        "plain": raw,
        "json": json.dumps(value)[1:-1].encode(),
        "json twice": json.dumps(json.dumps(value))[3:-3].encode(),
        "hex": raw.hex().encode(),
        "url": quote(value).encode(),
        "utf-16": value.encode("utf-16-le"),
        "html": value.replace("&", "&amp;").replace("@", "&#64;").encode(),
        "backslash": value.encode("unicode_escape"),
    }
    for shift in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64 url", base64.urlsafe_b64encode)):
            # what stands before and after changes the first and the last signs: only those between are sure
            text = encode(b"\0" * shift + raw)
            start = -(-shift * 4 // 3) + (1 if shift else 0)
            found[f"{name} {shift}"] = text[start : len(text) // 4 * 4 - 4]
    return found


def contents(path: Path) -> list[bytes]:
    """The bytes of a file, and of what is packed in it."""
    return _unpacked(path.name, path.read_bytes())


def _unpacked(name: str, data: bytes, depth: int = 0) -> list[bytes]:
    found = [data, name.encode()]
    if depth > 3:
        return found
    if data[:4] == b"PAR1":
        table = pq.read_table(pa.BufferReader(data))
        found.append(json.dumps(table.to_pylist(), ensure_ascii=False, default=str).encode())
    elif data[:2] == b"\x1f\x8b":
        found += _unpacked("gz", gzip.decompress(data), depth + 1)
    elif data[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for each in packed.namelist():
                found += _unpacked(each, packed.read(each), depth + 1)
    elif data[:1] == b"\x78":
        with suppress(zlib.error):
            found.append(zlib.decompress(data))
    elif tarfile.is_tarfile(io.BytesIO(data)):
        with tarfile.open(fileobj=io.BytesIO(data)) as packed:
            for each in packed.getmembers():
                inner = packed.extractfile(each)
                found += _unpacked(each.name, inner.read() if inner else b"", depth + 1)
    return found


def spilled(values: dict[str, str], places: dict[str, list[bytes]]) -> set[tuple[str, str, str]]:
    """(value's name, form, place) of every marked value that stands somewhere."""
    return {
        (name, form, place)
        for name, value in values.items()
        for form, needle in forms(value).items()
        for place, pieces in places.items()
        if any(needle in piece for piece in pieces)
    }


def everything(*folders: Path) -> dict[str, list[bytes]]:
    """Every file in these folders by path, with all that is packed in it."""
    return {
        str(path): [*contents(path), str(path.relative_to(folder)).encode()]
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
