"""Marks that programs put where a keyboard has one of ASCII: quotes, dashes, bullets.

Most texts beyond ASCII are so by these alone. None is a letter, has a case or joins with what stands beside
it, and no form of Unicode changes one: what Python does to such texts sign by sign is done to whole columns.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

SINGLE, DOUBLE, DASHES, BULLET = "‘’", "“”„", "–—", "•"
_ALL = SINGLE + DOUBLE + DASHES + BULLET
_OTHER = rf"[^\x00-\x7f{_ALL}]"


def marked_only(texts: pa.Array) -> pa.BooleanArray:
    """Which texts of a column hold nothing beyond ASCII but such marks; null where the text is."""
    near = pc.string_is_ascii(texts)  # many times faster, and most often all there is to ask
    beyond = pc.fill_null(pc.invert(near), False)
    others = texts.filter(beyond)
    return pc.replace_with_mask(near, beyond, pc.invert(pc.match_substring_regex(others, _OTHER)))


def without_marks(texts: pa.Array) -> pa.Array:
    """The texts with a space for every such mark."""
    return pc.replace_substring_regex(texts, f"[{_ALL}]", " ")
