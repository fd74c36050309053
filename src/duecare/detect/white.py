"""How many words the texts of a column have: what white space parts.

By the compiled kernel; the fallback, Arrow's own split, makes a list of every word to count them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.detect.kernel import buffers_of, library


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
