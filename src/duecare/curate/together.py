"""Which rows belong together, so that a split may not part them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Artifact, Tell
from duecare.curate.flow import batches
from duecare.curate.near import near_rows
from duecare.curate.rows import PARENT


def roots(
    artifact: Artifact, same: np.ndarray, *, similarity: float, columns: Sequence[str], out: Path, tell: Tell
) -> np.ndarray:
    """For every row the lowest position among the rows it belongs with, int64 [rows].

    Together belong rows with one number in `same` (uint64 [rows]), near duplicates at `similarity` (1: only
    the same content), rows with one value in a kept column of `columns`, and a row with those made from it.
    """
    _, first, inverse = np.unique(same, return_index=True, return_inverse=True)
    label = first[inverse] if len(same) else np.zeros(0, dtype=np.int64)
    pairs = [(np.arange(len(same)), label), _by_columns(artifact, (*columns, PARENT))]
    if similarity < 1:
        fresh = label == np.arange(len(label))
        with near_rows(artifact, similarity, out, tell, wanted=lambda: fresh) as near:
            pairs.append((np.arange(len(same)), near.clusters()))
    return _lowest(len(same), pairs)


def _by_columns(artifact: Artifact, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of positions: a row, and the first one with its value in the same column, or its parent."""
    first: dict[tuple[str, str], int] = {}
    one: list[int] = []
    other: list[int] = []
    done = 0
    for batch in batches(artifact):
        owner = pc.list_parent_indices(batch.column("fields"))
        kept = pc.list_flatten(batch.column("fields"))
        wanted = pc.is_in(kept.field("name"), pa.array(list(columns)))
        found = (each.filter(wanted).to_pylist() for each in (owner, kept.field("name"), kept.field("value")))
        for row, name, value in zip(*found, strict=True):
            one.append(done + row)
            other.append(first.setdefault((name, value), done + row))
        done += len(batch)
    if any(name == PARENT for name, _ in first):
        for place, row in _named(artifact, {value for name, value in first if name == PARENT}):
            one.append(place)
            other.append(first[PARENT, row])
    return np.array(one, dtype=np.int64), np.array(other, dtype=np.int64)


def _named(artifact: Artifact, names: set[str]) -> list[tuple[int, str]]:
    """Position and name of the rows called so."""
    wanted, found, done = pa.array(sorted(names)), [], 0
    for batch in batches(artifact):
        here = np.flatnonzero(pc.is_in(batch.column("row"), wanted).to_numpy(zero_copy_only=False))
        found += [(done + int(place), batch.column("row")[int(place)].as_py()) for place in here]
        done += len(batch)
    return found


def _lowest(rows: int, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The lowest position in the component of each row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = (np.concatenate(each) for each in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(rows, rows))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    lowest: np.ndarray = first[inverse]
    return lowest
