"""Near duplicates among the rows of an artifact: its texts in two passes, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Artifact, Progress, Tell
from duecare.curate.flow import batches, chosen, count_rows
from duecare.detect.lsh import NearRows
from duecare.detect.overlap import Passages, passages_of

_PLACES = ("text", "chosen", "rejected", "system", "user", "assistant", "tool")
_SALTS = np.array(
    [0x9E3779B97F4A7C15 * (place + 1) % (1 << 64) for place in range(len(_PLACES) + 1)], np.uint64
)


@contextmanager
def near_rows(
    artifact: Artifact,
    similarity: float,
    out: Path,
    tell: Tell,
    *,
    of: Callable[[pa.RecordBatch], Passages] | None = None,
    seen: Callable[[pa.RecordBatch], None] = lambda _: None,
    wanted: Callable[[], np.ndarray] | None = None,
) -> Iterator[NearRows]:
    """The near duplicates among rows of `artifact`, ready to be asked.

    `of` says what of the rows is looked at (all texts where not given). `seen` is shown each batch; `wanted`,
    asked after the last, says which rows count, bool [rows] (all where not given). Reads the rows once, and
    candidates again; working files without a name take up room in `out` until the end.
    """
    of = of or passages
    total, done = count_rows(artifact), 0
    with NearRows(total, similarity, out) as near:
        for batch in batches(artifact):
            seen(batch)
            near.add(of(batch))
            done += len(batch)
            tell(Progress(done, total, "row", "signatures"))
        if wanted is not None:
            near.only(wanted())
        for positions, batch in chosen(artifact, near.candidates()):
            near.add_candidates(positions, of(batch))
        yield near


def passages(batch: pa.RecordBatch) -> Passages:
    """Every text of EXAMPLES with a salt for what it is: text, chosen, rejected, or a turn of a role."""
    values, owner, place = [], [], []
    for number, name in enumerate(_PLACES[:3]):
        column = batch.column(name)
        where = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        values.append(column.drop_null())
        owner.append(where)
        place.append(np.full(len(where), number))
    turns = pc.list_flatten(batch.column("messages"))
    values.append(turns.field("content"))
    owner.append(pc.list_parent_indices(batch.column("messages")).to_numpy().astype(np.int64))
    role = pc.index_in(turns.field("role"), pa.array(_PLACES)).fill_null(len(_PLACES))
    place.append(role.to_numpy(zero_copy_only=False).astype(np.int64))
    row = np.concatenate(owner)
    order = np.argsort(row, kind="stable")
    borders = np.searchsorted(row[order], np.arange(len(batch) + 1))
    texts = pa.concat_arrays(values).take(pa.array(order))
    return passages_of(texts, _SALTS[np.concatenate(place)[order]], borders.astype(np.int64))


def prompts_near(artifact: Artifact, similarity: float, out: Path, tell: Tell) -> Iterator[np.ndarray]:
    """Groups of two or more rows whose user turns (or text) are near-identical: positions int64, in order."""
    with near_rows(artifact, similarity, out, tell, of=_prompts) as near:
        label = near.clusters()
    order = np.argsort(label, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        if len(members) > 1:
            yield members


def _prompts(batch: pa.RecordBatch) -> Passages:
    """What users say in each row, or its text where it has no turns."""
    turns = batch.column("messages")
    flat, owner = pc.list_flatten(turns), pc.list_parent_indices(turns).to_numpy().astype(np.int64)
    mine = pc.equal(flat.field("role"), "user").to_numpy(zero_copy_only=False)
    alone = np.flatnonzero(batch.column("text").is_valid().to_numpy(zero_copy_only=False))
    values = pa.concat_arrays(
        [flat.field("content").filter(pa.array(mine)), batch.column("text").take(pa.array(alone))]
    )
    row = np.concatenate([owner[mine], alone])
    order = np.argsort(row, kind="stable")
    borders = np.searchsorted(row[order], np.arange(len(batch) + 1))
    salts = np.full(len(order), _SALTS[0], dtype=np.uint64)
    return passages_of(values.take(pa.array(order)), salts, borders.astype(np.int64))
