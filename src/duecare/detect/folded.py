"""Digits, dashes, blanks and signs of other scripts and of typesetting in their plain form, place for place.

Word processors write "123–45–6789" with en dashes and blanks that do not break; keyboards of other scripts
write "٠١٢" and "＠". A form is looked for in the folded text, which has as many code points as the text, so
that every place found is a place of the text itself.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache

import numpy as np
import pyarrow as pa

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_BLANKS = "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_WIDE = range(0xFF01, 0xFF5F)
"""The full-width forms of ASCII."""
FOLDED = (
    r"[[\p{Nd}--[0-9]]\x{a0}\x{2000}-\x{200a}\x{2010}-\x{2015}\x{202f}\x{205f}\x{2212}\x{3000}\x{fe58}\x{fe63}"
    r"\x{ff01}-\x{ff5e}]"
)
"""Rust's regex for a sign that `folded` changes; one that it does not know of may be let through."""


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    digits = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(128, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == "Nd"
    }
    dashes, blanks = dict.fromkeys(map(ord, _DASHES), "-"), dict.fromkeys(map(ord, _BLANKS), " ")
    return {**{code: chr(code - 0xFEE0) for code in _WIDE}, **digits, **dashes, **blanks}


def folded(text: str) -> str:
    """`text` in plain digits, dashes, blanks and signs: as many code points, each in its place."""
    return text if text.isascii() else text.translate(_table())


def folded_column(texts: pa.Array) -> pa.Array:
    """The same of a column; most columns come back as they are."""
    import polars as pl  # a study check does without

    column = pl.Series("text", texts)
    strange = np.flatnonzero((column.str.len_bytes() != column.str.len_chars()).fill_null(False).to_numpy())
    if len(strange):
        strange = strange[column.gather(strange).str.contains(FOLDED).to_numpy()]
    if not len(strange):
        return texts
    plain = [folded(text) for text in column.gather(strange).to_list()]
    changed = pl.Series("text", plain, pl.String)
    return column.scatter(strange, changed).to_arrow().cast(pa.string())
