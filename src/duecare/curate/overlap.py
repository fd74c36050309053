"""Rows that say the same, or nearly the same, are kept once."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Artifact, Artifacts, Outcome, Tell, refuse_unless
from duecare.curate.flow import Sifted, Whose, batches, changes, count_rows, sift, split_rows
from duecare.curate.near import near_rows
from duecare.curate.texts import mask_of
from duecare.detect.marks import marked_only
from duecare.detect.white import laid_out

SIZE = 16
"""Bytes of a content digest: two different contents among a billion rows share one with odds below 1e-20."""

_WHOLE = ("kind", "text", "chosen", "rejected")


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """Drop rows whose content is that of an earlier row of the source, or nearly so; the first is kept.

    Content is every text of a row with its role. Case, white space and the form in which Unicode writes
    a character (NFKC) make no difference; group columns and other kept columns are not looked at.

    Below 1, rows are compared by the runs of five words that they share (short rows, below some 64 words,
    by runs of four characters), words without punctuation. Every row that goes is at least so similar to
    one that stays, which is named. Of pairs that are so similar 99 in 100 are found, or more.

    - similarity: how alike content has to be, above 0: shared runs of words as a part of all runs of the two
      rows; 1.0 asks for the same content, 0.8 is usual for near duplicates
    """

    similarity: float = 1.0

    def __post_init__(self) -> None:
        refuse_unless(
            "curate.duplicates",
            (
                isinstance(self.similarity, int | float) and 0 < self.similarity <= 1,
                "similarity",
                self.similarity,
                "a number above 0, at most 1",
            ),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept, dropped and changes.

        Holds 16 bytes a row, below similarity 1 some 80, and the names of rows that have a double. Band keys
        and shingles of candidates take up room in `out` meanwhile, in files without a name.
        """
        keeper, similarity = self.keepers(inputs["examples"], out, tell)
        standing = np.zeros(len(keeper), dtype=bool)  # those that stand for others
        standing[keeper[keeper != np.arange(len(keeper))]] = True
        names: dict[int, str] = {}
        done = 0

        def operate(batch: pa.RecordBatch) -> Sifted:
            nonlocal done
            here, alike = keeper[done : done + len(batch)], similarity[done : done + len(batch)]
            names.update(_names(batch, done, standing))
            double = np.flatnonzero(here != np.arange(done, done + len(batch)))
            kept, dropped = split_rows(batch, mask_of(double, len(batch)))
            done += len(batch)
            reasons = [
                {
                    "row": batch.column("row")[int(place)].as_py(),
                    "key": batch.column("key")[int(place)].as_py(),
                    "step": "duplicates",
                    "action": "dropped",
                    **_reason(names[int(here[place])], float(alike[place])),
                }
                for place in double
            ]
            return Sifted(kept, dropped, changes(reasons))

        return sift(inputs, out, tell, operate, whose=Whose(going=bool(standing.any())))

    def keepers(self, artifact: Artifact, out: Path, tell: Tell) -> tuple[np.ndarray, np.ndarray]:
        """For every row the position of the row that stands for it, int64 [rows] (its own, where it stays),
        and how similar they are, float64 [rows]: NaN where the content is the same."""
        digests = Digests(count_rows(artifact))
        if self.similarity == 1.0:
            for batch in batches(artifact):
                digests.add(batch)
            return (first := digests.firsts()), np.full(len(first), np.nan)
        first = np.empty(0, dtype=np.int64)

        def fresh() -> np.ndarray:
            nonlocal first
            first = digests.firsts()
            return np.asarray(first == np.arange(len(first)))

        with near_rows(artifact, self.similarity, out, tell, seen=digests.add, wanted=fresh) as near:
            kept = near.kept()
        # The same content as a row that goes is as similar as that one to the row that stays.
        keeper, similarity = kept.keeper[first], kept.similarity[first]
        return keeper, np.where(keeper == first, np.nan, similarity)


def _reason(name: str, similarity: float) -> dict[str, object]:
    """Why a row goes; NaN marks the same content, and is not written."""
    if np.isnan(similarity):
        return {"reason": f"same content as {name}"}
    return {"reason": f"near-duplicate of {name} (similarity {similarity:.2f})", "value": similarity}


class Digests:
    """The digest of the content of each of `rows` rows, as batches come: `found` is uint64 [rows, 2]."""

    def __init__(self, rows: int) -> None:
        self.found, self._done = np.empty((rows, SIZE // 8), dtype="<u8"), 0

    def add(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        here = b"".join(blake2b(content, digest_size=SIZE).digest() for content in contents(batch))
        digests = np.frombuffer(here, dtype="<u8").reshape(len(batch), -1)
        self.found[self._done : self._done + len(batch)] = digests
        self._done += len(batch)

    def firsts(self) -> np.ndarray:
        """For every row the position of the first row with its content, int64 [rows]; lets the digests go."""
        digests, self.found = self.found, np.empty((0, SIZE // 8), dtype="<u8")
        return firsts(digests)


def firsts(digest: np.ndarray) -> np.ndarray:
    """For every row the position of the first row with its digest, int64 [rows]; `digest` is [rows, 2].

    Most rows have a digest of their own: only those that share its first half are sorted by all of it.
    """
    first = np.arange(len(digest))
    order = np.argsort(digest[:, 0])
    half = digest[order, 0]
    same = half[1:] == half[:-1]
    some = np.sort(order[np.append(same, False) | np.append(False, same)]) if len(digest) else order
    order = some[np.lexsort(digest[some].T)]  # stable: equal digests stay in the order of the rows
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (digest[order[1:]] != digest[order[:-1]]).any(axis=1)
    first[order] = order[np.flatnonzero(fresh)[np.cumsum(fresh) - 1]] if len(order) else order
    return first


def contents(batch: pa.RecordBatch) -> list[bytes]:
    """What each row of EXAMPLES says, with roles, in the form in which rows are compared."""
    whole = (_measured(batch.column(name)) for name in _WHOLE)
    turns = pc.list_flatten(batch.column("messages"))
    role = turns.field("role").dictionary_encode()  # of a few roles each is folded once
    roles = pc.fill_null(_measured(role.dictionary).take(role.indices), b"-")
    nothing = pa.scalar(b"", pa.binary())  # a constant would load pandas with every study check
    said = pc.binary_join_element_wise(roles, _measured(turns.field("content")), nothing)
    # A row's turns lie side by side: joined, they are what lies between its borders.
    borders = np.concatenate([[0], np.cumsum(pc.list_value_length(batch.column("messages")))])
    _, offsets, content = said.buffers()
    starts = np.frombuffer(offsets, np.int32)[borders + said.offset]
    joined = pa.Array.from_buffers(pa.binary(), len(batch), [None, pa.py_buffer(starts), content])
    made: list[bytes] = pc.binary_join_element_wise(*whole, joined, nothing).to_pylist()
    return made


def _measured(texts: pa.Array) -> pa.Array:
    """Each text, folded, behind its length, as bytes: "a", "bc" is not "ab", "c"; "-" where there is none."""
    if texts.null_count == len(texts):
        return pa.array([b"-"], pa.binary()).take(pa.array(np.zeros(len(texts), np.int64)))
    plain = folded_column(texts)
    length = pc.binary_length(plain).cast(pa.string()).cast(pa.binary())
    joined = pc.binary_join_element_wise(length, plain, pa.scalar(b":", pa.binary()))
    return pc.fill_null(joined, b"-") if texts.null_count else joined


def folded_column(texts: pa.Array) -> pa.Array:
    """`folded` of a column of strings, as bytes; nulls stay."""
    other = pc.fill_null(pc.invert(marked_only(texts)), False)
    made = laid_out(texts)  # of a text in ASCII, or beyond it by such marks alone, that is all there is to do
    if pc.any(other).as_py():
        some = [folded(text) for text in texts.filter(other).to_pylist()]
        made = pc.replace_with_mask(made, other, pa.array(some, texts.type))
    return made.cast(pa.binary())


def folded(text: str) -> str:
    """`text` without what makes no difference: compatibility forms, case, and how white space is laid out."""
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding case may leave characters apart that NFKC joins, so it is applied again (Unicode, D146).
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(plain.split())


def _names(batch: pa.RecordBatch, start: int, wanted: np.ndarray) -> dict[int, str]:
    """Position -> name, of the rows of a batch that are `wanted`, bool [all rows]."""
    places = np.flatnonzero(wanted[start : start + len(batch)])
    names = batch.column("row").take(pa.array(places)).to_pylist()
    return dict(zip((start + places).tolist(), names, strict=True))
