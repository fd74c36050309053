"""Texts of an Arrow column as the two flat buffers that a kernel reads, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from duecare.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Texts:
    """Text i is the UTF-8 bytes data[starts[i]:starts[i + 1]].

    `data` is uint8 [bytes], `starts` int64 [texts + 1], never falling and never beyond `data`.
    Both are views of the column's memory where Arrow's form allows; nobody writes into them.
    """

    data: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1


def buffers_of(texts: pa.Array) -> Texts:
    """The buffers of a column of strings without nulls (string or large_string, sliced or not).

    Raises DataError where the column is of another type, holds a null, or its offsets do not fit it.
    """
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise DataError(f"texts: type {texts.type}, expected string")
    if texts.null_count:
        raise DataError(f"texts: {texts.null_count} of {len(texts)} are null, expected none")
    if not len(texts):
        return Texts(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    _, offsets, content = texts.buffers()
    width = np.dtype(np.int32 if pa.types.is_string(texts.type) else np.int64)
    starts = np.frombuffer(offsets, width, len(texts) + 1, texts.offset * width.itemsize).astype(np.int64)
    data = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    if starts[0] < 0 or starts[-1] > len(data) or (starts[1:] < starts[:-1]).any():
        raise DataError(f"texts: offsets of a column of {len(texts)} do not fit its {len(data)} bytes")
    return Texts(data, starts)
