"""Arrow schemas of a round's export. People stand there by pseudonym only."""

from __future__ import annotations

import pyarrow as pa

from duecare.core.table import SCORES, SPANS


def _not_null(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.string(), nullable=False) for name in names]


LABELS = pa.schema(
    [
        *SCORES,
        *_not_null("round", "item", "purpose", "person", "question", "kind"),
        pa.field("guideline", pa.int32(), nullable=False),
        pa.field("current_guideline", pa.bool_(), nullable=False),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("stratum", pa.string(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("weight", pa.float64()),
        pa.field("seconds", pa.float64()),
        pa.field("groups", pa.list_(pa.struct([("axis", pa.string()), ("value", pa.string())]))),
        pa.field("pair_id", pa.string()),
        pa.field("expected", pa.bool_()),
        *_not_null("decision", "time"),
    ]
)
"""One answer to a rating or a choice a row: a Score of a person (`instrument` is "person:<pseudonym>").

`value` of a rating is its step from 1; of a choice 1 where `a` (chosen, base) is better, 0 where `b`
(rejected, tuned) is, 0.5 for a tie, null with the reason "neither". `purpose` is item, qualification,
attention or twin; `turn` 0 is a person's first judgement of an item and 1 the repeat; `probability` is the
chance with which the item was drawn and `weight` its inverse, both null for what was not drawn; `expected`
is whether a known answer was met; `guideline` is the version under which the label was made."""

LABEL_SPANS = pa.schema(
    [
        *SPANS,
        *_not_null("round", "item", "purpose", "person", "question"),
        pa.field("guideline", pa.int32(), nullable=False),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("weight", pa.float64()),
        *_not_null("decision"),
    ]
)
"""One marked place a row, in the text `part` of the row; `value` is 1."""

JUDGED = pa.schema(
    [
        *_not_null("round", "item", "row", "key", "part", "purpose", "person", "question"),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("weight", pa.float64()),
        pa.field("marked", pa.int32(), nullable=False),
    ]
)
"""One item and person a row who looked for spans, and how many were marked: 0 is an answer, too."""

DECISIONS = pa.schema(
    [
        *_not_null("decision", "round", "item", "person"),
        pa.field("number", pa.int32(), nullable=False),
        *_not_null("time", "kind"),
        pa.field("guideline", pa.int32(), nullable=False),
        pa.field("answers", pa.string(), nullable=False),
        pa.field("comment", pa.string(), nullable=False),
        pa.field("seconds", pa.float64()),
        pa.field("shown_digest", pa.string(), nullable=False),
        pa.field("replaces", pa.string()),
    ]
)
"""Every decision, in the order of its time; `answers` is canonical JSON, choices by `a` and `b`."""

SETTLED = pa.schema(
    [
        *SCORES,
        *_not_null("round", "item", "question", "by"),
        pa.field("labels", pa.int32(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("weight", pa.float64()),
        *_not_null("why"),
    ]
)
"""One question of one item a row: what counts. `by` is "agreed" (all labels are equal), "majority" (a choice
or category that more than half gave), "median" (of a scale) or the adjudicator's pseudonym, with the reason
in `why`."""

SOFT = pa.schema(
    [
        *_not_null("round", "item", "row", "key", "part", "question", "axis", "panel"),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),
        pa.field("labels", pa.int32(), nullable=False),
    ]
)
"""The share of a panel's labels with each value. `axis` and `panel` are "all" for everybody; a panel of one
person is not shown, for it would point at that person."""
