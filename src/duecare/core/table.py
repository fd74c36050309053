"""Arrow schemas of the rows that cross borders, and the ways between rows, texts and Examples.

The bulk path is columnar: `texts` flattens every text of a batch of examples into one column, an
operator works on that column, and `with_texts` puts changed texts back.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core.errors import DataError
from duecare.core.example import Example
from duecare.core.wire import plain

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
_GROUP = pa.struct([("axis", pa.string()), ("value", pa.string())])
_FIELD = pa.struct([("name", pa.string()), ("value", pa.string())])

EXAMPLES = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("messages", pa.list_(_MESSAGE), nullable=False),
        pa.field("chosen", pa.string()),
        pa.field("rejected", pa.string()),
        pa.field("groups", pa.list_(_GROUP), nullable=False),
        pa.field("fields", pa.list_(_FIELD), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
    ]
)
"""One Example a row; see `core.example.Example`."""

TEXTS = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""One text a row: `part` is its address inside the Example ("messages.0", "chosen")."""

SCORES = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("instrument", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("reason", pa.string()),
    ]
)
"""One Score a row; `value` null needs a `reason`."""

SPANS = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("instrument", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""One place in a text a row: code points [start, end) of the original, what it is, how sure (0..1)."""

CHANGES = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("instrument", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("part", pa.string()),
        pa.field("start", pa.int32()),
        pa.field("end", pa.int32()),
        pa.field("label", pa.string()),
    ]
)
"""One reason a row: `action` is "dropped", "changed", "flagged", "added" or "set aside"; never any text of
the row."""

ANSWERS = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("suite", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("prompt_id", pa.string(), nullable=False),
        pa.field("pair_id", pa.string()),
        pa.field("groups", pa.list_(_GROUP), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("reference", pa.string()),
    ]
)
"""One sampled answer a row. `prompt_id` is its cluster; prompts with one `pair_id` are counterfactual
twins that differ only in the group they name."""


def table(examples: Sequence[Example]) -> pa.Table:
    """Examples as a table of schema EXAMPLES."""
    return pa.Table.from_pylist([plain(example) for example in examples], schema=EXAMPLES)


def examples(rows: pa.Table | pa.RecordBatch) -> list[Example]:
    """Rows of schema EXAMPLES as Examples; for small tables and for tests, not for the bulk path."""
    expect(rows, EXAMPLES, "examples")
    return [msgspec.convert(record, Example) for record in rows.to_pylist()]


def expect(rows: pa.Table | pa.RecordBatch, schema: pa.Schema, what: str) -> None:
    """Refuse `rows` whose columns are not those of `schema`; a DataError names the difference."""
    if rows.schema.equals(schema, check_metadata=False):
        return
    found = {field.name: str(field.type) for field in rows.schema}
    wanted = {field.name: str(field.type) for field in schema}
    differing = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    raise DataError(
        f"{what}: columns {', '.join(differing) or '(order or nullability)'} are not as expected: "
        f"found {[found.get(name, 'absent') for name in differing]}, "
        f"expected {[wanted.get(name, 'absent') for name in differing]}"
    )


def texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Every text of a batch of EXAMPLES as TEXTS, row by row in reading order (as `Example.parts`)."""
    expect(batch, EXAMPLES, "examples")
    single = [(rank, name) for rank, name in _SINGLE if batch.column(name).null_count < len(batch)]
    if not single:  # turns alone lie in reading order
        turns, owner, place = _turns(batch)
        return _as_texts(batch, owner, _addresses(place), turns.field("content"))
    owners, parts, values, order = [], [], [], []
    for rank, name in single:
        column = batch.column(name)
        where = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        owners.append(where)
        order.append(np.full(len(where), rank << 32, dtype=np.int64))
        parts.append(pa.repeat(pa.scalar(name), len(where)))
        values.append(column.take(pa.array(where)))
    turns, owner, place = _turns(batch)
    owners.append(owner)
    order.append((np.int64(1) << 32) + place)
    parts.append(_addresses(place))
    values.append(turns.field("content"))
    owner = np.concatenate(owners)
    sort = np.lexsort((np.concatenate(order), owner))
    part, value = (pa.concat_arrays(each).take(pa.array(sort)) for each in (parts, values))
    return _as_texts(batch, owner[sort], part, value)


_SINGLE = ((0, "text"), (2, "chosen"), (3, "rejected"))
"""Columns of one text a row, and when they are read: turns come second."""


def _addresses(place: np.ndarray) -> pa.Array:
    """The addresses of turns at their places in rows."""
    named = pa.array([f"messages.{number}" for number in range(int(place.max(initial=-1)) + 1)], pa.string())
    return named.take(pa.array(place))


def _as_texts(batch: pa.RecordBatch, owner: np.ndarray, part: pa.Array, value: pa.Array) -> pa.RecordBatch:
    whose = pa.array(owner)
    named = [batch.column(name).take(whose) for name in ("row", "key")]
    return pa.RecordBatch.from_arrays([*named, part, value], schema=TEXTS)


def with_texts(batch: pa.RecordBatch, changed: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` (EXAMPLES) with the texts of `changed` (TEXTS, the rows of `texts(batch)` in order)."""
    expect(changed, TEXTS, "texts")
    before = texts(batch)
    if not (
        before.column("row").equals(changed.column("row"))
        and before.column("part").equals(changed.column("part"))
    ):
        raise DataError("changed texts are not those of the batch: rows, parts or their order differ")
    part, value = changed.column("part"), changed.column("text")
    columns = {name: batch.column(name) for name in batch.schema.names}
    for name in ("text", "chosen", "rejected"):
        fresh = value.filter(pc.equal(part, name))
        valid = columns[name].is_valid()
        columns[name] = pc.replace_with_mask(columns[name], valid, fresh)
    turns, _, _ = _turns(batch)
    contents = value.filter(pc.starts_with(part, "messages."))
    fresh_turns = pa.StructArray.from_arrays([turns.field("role"), contents], fields=list(_MESSAGE))
    columns["messages"] = pa.ListArray.from_arrays(_offsets(batch.column("messages")), fresh_turns)
    return pa.RecordBatch.from_arrays([columns[name] for name in EXAMPLES.names], schema=EXAMPLES)


def group_column(batch: pa.RecordBatch | pa.Table, axis: str) -> pa.Array:
    """The declared value on `axis` for every row of EXAMPLES or ANSWERS, null where none is declared."""
    column = batch.column("groups")
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    owner = pc.list_parent_indices(column)
    flat = pc.list_flatten(column)
    hit = pc.equal(flat.field("axis"), axis)
    values = np.full(len(column), None, dtype=object)
    values[owner.filter(hit).to_numpy()] = flat.field("value").filter(hit).to_numpy(zero_copy_only=False)
    return pa.array(values, type=pa.string())


def _turns(batch: pa.RecordBatch) -> tuple[pa.StructArray, np.ndarray, np.ndarray]:
    """All turns of a batch, the row each belongs to, and its place in that row."""
    column = batch.column("messages")
    owner = pc.list_parent_indices(column).to_numpy().astype(np.int64)
    starts = _offsets(column).to_numpy()[:-1]
    place = np.arange(len(owner), dtype=np.int64) - starts[owner] if len(owner) else owner
    return pc.list_flatten(column), owner, place


def _offsets(column: pa.ListArray) -> pa.Int32Array:
    """Offsets that start at zero, also for a sliced column."""
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
