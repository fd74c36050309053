"""Pairs of ratings of one item, counted by category: what all coefficients of agreement are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from duecare.measure.bound import Floats
from duecare.measure.ratings import Index, Ratings


@dataclass(frozen=True, slots=True)
class Counted:
    """How often each item was given each category: `count` at (`item`, `category`) [E], sorted by item.

    `sizes` [items] counts ratings of each item; `scale` is how many categories there are.
    """

    item: Index
    category: Index
    count: Floats
    sizes: Floats
    scale: int

    @classmethod
    def of(cls, ratings: Ratings) -> Counted:
        """Count the ratings of each item."""
        scale = len(ratings.categories)
        at, count = np.unique(ratings.item * max(scale, 1) + ratings.value, return_counts=True)
        sizes = ratings.per_item().astype(float)
        return cls(at // max(scale, 1), at % max(scale, 1), count.astype(float), sizes, scale)

    @property
    def paired(self) -> Floats:
        """1 for items with two ratings or more, 0 for others [items]."""
        return (self.sizes > 1).astype(float)

    @property
    def n(self) -> int:
        """Ratings of items that have two or more."""
        return int(self.sizes[self.sizes > 1].sum())

    def summed(self, numbers: Floats) -> Floats:
        """Sums of `numbers` [E] over the categories of each item [items]."""
        return np.bincount(self.item, weights=numbers, minlength=len(self.sizes)).astype(np.float64)

    def unlike(self) -> Floats:
        """Ordered pairs of ratings in different categories, [items]."""
        return np.asarray(self.sizes**2 - self.summed(self.count**2))

    def squares(self, numbers: Floats) -> Floats:
        """Sum over ordered pairs of ratings of (a - b)^2, categories standing for `numbers` [K]; [items]."""
        value = numbers[self.category]
        total, square = self.summed(self.count * value), self.summed(self.count * value**2)
        found = 2 * (self.sizes * square - total**2)
        # What is equal differs by rounding only, and rounding is no disagreement.
        return np.where(self.unlike() > 0, np.maximum(found, 0.0), 0.0)

    def apart(self, distance: Callable[[Index, Index], Floats]) -> Floats:
        """Sum over ordered pairs of ratings of `distance` (of two arrays of categories), [items]."""
        first, second = self.pairs()
        each = distance(self.category[first], self.category[second])
        weight = self.count[first] * self.count[second] * each
        found = np.bincount(self.item[first], weights=weight, minlength=len(self.sizes))
        return np.asarray(found, dtype=np.float64)

    def pairs(self) -> tuple[Index, Index]:
        """Places of all ordered pairs of different categories of one item."""
        held = np.bincount(self.item, minlength=len(self.sizes))
        start = np.cumsum(held) - held
        width = held[self.item]
        first = np.repeat(np.arange(len(self.item)), width)
        step = np.arange(len(first)) - np.repeat(np.cumsum(width) - width, width)
        second = start[self.item[first]] + step
        here = first != second
        return first[here], second[here]
