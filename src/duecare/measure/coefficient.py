"""One coefficient of agreement as sums over independent units, so that resampling never touches a rating.

A coefficient is 1 - O / E. O, the observed disagreement, is a sum over pairs of ratings of one item divided
by `base`; E is what `chance.py` makes of the shares of categories: sums of margins divided by `load`. All
four are additive over units, so a resample is a weight per unit, and slopes give it a standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from duecare.measure.bound import Floats
from duecare.measure.chance import Expected
from duecare.measure.ratings import Index

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, slots=True)
class Entries:
    """`number` [E] of each item `item` [E] in the column `column` [E] of `columns`."""

    item: Index
    column: Index
    number: Floats
    columns: int

    @classmethod
    def single(cls, numbers: Floats) -> Entries:
        """One number for each item [items]."""
        return cls(np.arange(len(numbers)), np.zeros(len(numbers), dtype=np.int64), numbers, 1)


@dataclass(frozen=True, slots=True)
class Looked:
    """A coefficient in B samples: observed and expected [B], and how column sums move the figure [B, D].

    The figure is log(O / E), or the logit of O where no chance is taken out. Slopes are 0 where it has none.
    `apart` [B, J]: what a pair of ratings in each observed column disagrees by.
    """

    observed: Floats
    expected: Floats
    slope: Floats
    apart: Floats


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Columns [G, D] of G units: observed (one, or one for each of `pairs`), base, margins, load.

    `pairs` are places on an ordered scale, whose distance in mid-ranks the shares decide (none: the one
    column holds disagreement already). `finite` multiplies E by load / (load - 1). No pair of ratings is
    further apart than `reach`. `n` counts ratings of items that have two or more.
    """

    name: str
    columns: sparse.csr_matrix
    pairs: tuple[Index, Index] | None
    expected: Expected
    reach: float
    n: int
    single: bool
    finite: bool = False
    bare: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        unit: Index,
        parts: tuple[Entries, Entries, Entries, Entries],
        *,
        expected: Expected,
        n: int,
        reach: float = 1.0,
        pairs: tuple[Index, Index] | None = None,
        finite: bool = False,
        bare: bool = False,
    ) -> Coefficient:
        """From observed, base, margins and load of items, and the `unit` [items] that each belongs to."""
        from scipy import sparse  # takes a while, and one interval needs none

        before = np.cumsum([0, *(part.columns for part in parts)])
        row = np.concatenate([unit[part.item] for part in parts])
        column = np.concatenate([part.column + start for part, start in zip(parts, before[:-1], strict=True)])
        number = np.concatenate([part.number for part in parts]).astype(np.float64)
        here = number != 0
        kept, place = np.unique(row[here], return_inverse=True)
        shape = len(kept), int(before[-1])
        columns = sparse.csr_matrix((number[here], (place, column[here])), shape=shape)
        single = len(np.unique(unit)) == len(unit)
        return cls(name, columns, pairs, expected, reach, n, single, finite, bare)

    @property
    def units(self) -> int:
        """How many independent units say something."""
        return int(self.columns.shape[0])

    @property
    def cut(self) -> int:
        """How many columns hold what was observed."""
        return 1 if self.pairs is None else len(self.pairs[0])

    def totals(self) -> Floats:
        """Column sums of the sample itself, [1, D]."""
        return np.asarray(self.columns.sum(axis=0), dtype=np.float64).reshape(1, -1)

    def value(self) -> float | None:
        """The coefficient of the sample, None where nobody rated what another did or chance cannot differ."""
        if self.n == 0:
            return None
        looked = self.look(self.totals())
        expected = float(looked.expected[0])
        return 1 - float(looked.observed[0]) / expected if expected > 0 else None

    def look(self, totals: Floats) -> Looked:
        """The coefficient of samples that have these column sums [B, D]."""
        cut = self.cut
        base, load = totals[:, cut], totals[:, -1]
        seen, shares = _over(totals[:, :cut], base), _over(totals[:, cut + 1 : -1], load)
        observed, by_seen, by_shares = self._observed(seen, shares)
        expected, by_chance = self.expected(shares)
        if self.finite:
            more = _over(load, load - 1)
            expected, by_chance = expected * more, by_chance * more[:, None]
        # Differences of equal numbers leave rounding, and a chance of nought must be nought.
        expected = np.where(expected > 1e-12 * self.reach, expected, 0.0)
        part = _over(by_seen, observed * base)
        pull = _over(by_shares, observed) - _over(by_chance, expected)
        slope = np.concatenate(
            [
                part,
                -(part * seen).sum(-1, keepdims=True),
                _over(pull, load),
                -_over((pull * shares).sum(-1, keepdims=True), load),
            ],
            axis=1,
        )
        if self.bare:
            slope = _over(slope, 1 - observed)
        return Looked(observed, expected, slope, by_seen)

    def _observed(self, seen: Floats, shares: Floats) -> tuple[Floats, Floats, Floats]:
        """Observed disagreement [B], and how what was seen [B, J] and shares [B, K] move it."""
        if self.pairs is None:
            return seen[:, 0], np.ones_like(seen), np.zeros_like(shares)
        from scipy import sparse

        left, right = self.pairs
        rank = np.cumsum(shares, axis=1) - shares / 2
        apart = rank[:, left] - rank[:, right]
        pull = 2 * seen * apart
        both = np.arange(len(left))
        shape = shares.shape[1], len(left)
        plus = sparse.csr_matrix((np.ones(len(left)), (left, both)), shape=shape)
        minus = sparse.csr_matrix((np.ones(len(left)), (right, both)), shape=shape)
        by_rank = ((plus - minus) @ pull.T).T
        later = by_rank.sum(-1, keepdims=True) - np.cumsum(by_rank, axis=1)
        return (seen * apart**2).sum(-1), apart**2, later + by_rank / 2


def _over(a: Floats, b: Floats) -> Floats:
    """a / b, nought where b is; b [B] belongs to the rows of a."""
    whole = b if a.ndim == b.ndim else b[:, None]
    fine = whole != 0
    return np.asarray(np.where(fine, a / np.where(fine, whole, 1.0), 0.0))
