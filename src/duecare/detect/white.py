"""White space in the texts of a column: how many words it parts, and texts in which it is laid out one way.

By the compiled kernel. Of the fallbacks, Arrow's own split makes a list of every word to count them, and
texts in which white space is laid out otherwise are read by Python.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.detect.kernel import buffers_of, library

_WHITE = re.compile(r"[ \t-\r\x1c-\x1f]+")
"""White space of ASCII, as `str.split` sees it."""


def words_in(texts: pa.Array) -> np.ndarray:
    """Words of each text of a column without nulls, int64 [texts]; parted as `str.split` does."""
    if (kernel := library()) is None:
        return words_plainly(texts)
    flat, counted = buffers_of(texts), np.empty(len(texts), np.int64)
    kernel.duecare_words(flat.data, flat.starts, len(flat), counted)
    return counted


def words_plainly(texts: pa.Array) -> np.ndarray:
    """The same as `words_in`, by Arrow."""
    trimmed = pc.utf8_trim_whitespace(texts)
    count = pc.list_value_length(pc.utf8_split_whitespace(trimmed))
    counted: np.ndarray = pc.if_else(pc.equal(trimmed, ""), 0, count).to_numpy(zero_copy_only=False)
    return counted.astype(np.int64)


def laid_out(texts: pa.Array) -> pa.Array:
    """Texts with letters of ASCII small and one space for each run of white space of ASCII, none at either
    end; what is beyond ASCII stays as it is, and so do nulls."""
    if texts.null_count == len(texts):
        return texts
    if (kernel := library()) is None:
        return laid_out_plainly(texts)
    flat = buffers_of(texts.fill_null("") if texts.null_count else texts)
    made, ends = np.empty(flat.starts[-1] - flat.starts[0], np.uint8), np.zeros(len(flat) + 1, np.int64)
    kernel.duecare_laid_out(flat.data, flat.starts, len(flat), made, ends[1:])
    width = np.int32 if pa.types.is_string(texts.type) else np.int64
    buffers = [None, pa.py_buffer(ends.astype(width)), pa.py_buffer(made)]
    found = pa.Array.from_buffers(texts.type, len(texts), buffers)
    return pc.if_else(texts.is_valid(), found, None) if texts.null_count else found


def laid_out_plainly(texts: pa.Array) -> pa.Array:
    """The same as `laid_out`: searches that Rust does at gigabytes a second tell which texts Python reads."""
    import polars as pl  # a study check does without

    column = pl.Series(texts, dtype=pl.String)
    other = column.str.contains("  ", literal=True) | column.str.contains(r"[\t-\r\x1c-\x1f]")
    other |= column.str.starts_with(" ") | column.str.ends_with(" ")
    slow = pc.fill_null(other.to_arrow(), False)
    some = [_WHITE.sub(" ", text).strip(" ") for text in texts.filter(slow).to_pylist()]
    return pc.replace_with_mask(pc.ascii_lower(texts), slow, pc.ascii_lower(pa.array(some, texts.type)))
