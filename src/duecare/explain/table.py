"""Schemas of what the step `words` writes."""

from __future__ import annotations

import pyarrow as pa

ATTRIBUTIONS = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("identity", pa.bool_(), nullable=False),
    ]
)
"""One word a row: code points [start, end) of the text `part` ("prompt" or "answer") of its item, what it
adds to the value, and whether it names a group. The word itself stands in `EXPLAINED` only."""

EXPLAINED = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("axis", pa.string()),
        pa.field("group", pa.string()),
        pa.field("manner", pa.string()),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("other", pa.string()),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("baseline", pa.float64(), nullable=False),
        pa.field("between", pa.float64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("rests_on", pa.list_(pa.string()), nullable=False),
    ]
)
"""One explanation a row: what was explained, `value` of the text and of the baseline (nats, reward or score),
what fell `between` words. `other` is the answer, or the prompt, of the other side of a contrast."""

CHECKS = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("residual", pa.float64()),
        pa.field("likeness", pa.float64()),
        pa.field("deletion", pa.float64()),
        pa.field("insertion", pa.float64()),
        pa.field("leading", pa.float64()),
    ]
)
"""What the tests of one explanation came to a row; null where a test could not be made."""
