"""Who said what of which item: the input of every figure about people who judge."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duecare.core import DataError
from duecare.measure.bound import Floats
from duecare.measure.cluster import Labels, places

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ratings:
    """R ratings in long form; make them with `Ratings.of` or `Ratings.table`.

    `item`, `rater`, `value` [R] are places in `items`, `raters` and `categories`; `unit` [items] numbers
    what is independent (an item, or what several items share: a conversation, a pair of twins).
    `categories` stand in the order of the scale, also those that nobody chose.
    """

    item: Index
    rater: Index
    value: Index
    items: tuple[Hashable, ...]
    raters: tuple[Hashable, ...]
    categories: tuple[Any, ...]
    unit: Index

    @classmethod
    def of(
        cls,
        items: Sequence[Hashable],
        raters: Sequence[Hashable],
        values: Sequence[Any],
        *,
        categories: Sequence[Any] | None = None,
        units: Labels = None,
    ) -> Ratings:
        """One entry a rating [R]; a value of None or NaN is no rating.

        `categories` declares the scale from lowest to highest (none: the values seen, sorted). `units` [R]
        names what an item belongs to; an item that belongs to two is refused, and so is a second rating of
        one item by one rater (`raters.self_consistency` reads those). A DataError names what is wrong.
        """
        if not len(items) == len(raters) == len(values) == len(items if units is None else units):
            raise DataError("ratings: items, raters, values and units differ in length")
        said = np.array(
            [value is not None and not (isinstance(value, float) and math.isnan(value)) for value in values],
            dtype=bool,
        )
        item, names = _numbered(items)
        rater, people = _numbered(raters)
        seen = [value for value, here in zip(values, said, strict=True) if here]
        scale = _scale(seen, categories)
        place = {category: position for position, category in enumerate(scale)}
        value = np.fromiter((place[each] for each in seen), dtype=np.int64, count=len(seen))
        unit = _units(item, len(names), units)
        found = cls(item[said], rater[said], value, names, people, scale, unit)
        twice = len(item[said]) - len(np.unique(found.item * max(len(people), 1) + found.rater))
        if twice:
            raise DataError(f"ratings: {twice} are a second one of an item by the same rater, expected one")
        return found

    @classmethod
    def table(cls, rows: object, *, categories: Sequence[Any] | None = None, units: Labels = None) -> Ratings:
        """From numbers [raters, items], NaN (or None) where a rater did not rate; `units` [items]."""
        grid = np.asarray(rows, dtype=float)
        if grid.ndim != 2:
            raise DataError(f"ratings: shape {grid.shape}, expected [raters, items]")
        people, things = grid.shape
        names = np.tile(np.arange(things), people).tolist()
        return cls.of(
            names,
            np.repeat(np.arange(people), things).tolist(),
            grid.ravel().tolist(),
            categories=categories,
            units=None if units is None else [units[name] for name in names],
        )

    @property
    def n(self) -> int:
        """How many ratings there are."""
        return len(self.value)

    def per_item(self) -> Index:
        """How many ratings each item has [items]."""
        return np.bincount(self.item, minlength=len(self.items))

    def numbers(self) -> Floats:
        """The categories as numbers [K]; a DataError where one is none."""
        try:
            found = np.array([float(category) for category in self.categories])
        except (TypeError, ValueError):
            raise DataError("categories: expected numbers, as distances are measured on this scale") from None
        if not np.isfinite(found).all() or (np.diff(found) <= 0).any():
            raise DataError("categories: expected finite numbers in rising order")
        return found

    def by(self, raters: Sequence[Hashable]) -> Ratings:
        """Only the ratings of `raters`; items, scale and units stay as they are."""
        place = {name: position for position, name in enumerate(self.raters)}
        if unknown := [name for name in raters if name not in place]:
            raise DataError(f"raters: {len(unknown)} of {len(raters)} gave no rating here")
        wanted = np.array([place[name] for name in raters], dtype=np.int64)
        here = np.isin(self.rater, wanted)
        number = np.full(len(self.raters), -1, dtype=np.int64)
        number[wanted] = np.arange(len(wanted))
        return Ratings(
            self.item[here],
            number[self.rater[here]],
            self.value[here],
            self.items,
            tuple(raters),
            self.categories,
            self.unit,
        )


def _numbered(names: Sequence[Hashable]) -> tuple[Index, tuple[Hashable, ...]]:
    """The place of each name, and the names, in the order of first appearance."""
    return places(names), tuple(dict.fromkeys(names))


def _scale(seen: Sequence[Any], declared: Sequence[Any] | None) -> tuple[Any, ...]:
    if declared is None:
        try:
            return tuple(sorted(set(seen)))
        except TypeError:
            raise DataError("values: numbers and words mixed, expected one kind (or declare them)") from None
    scale = tuple(declared)
    if len(set(scale)) != len(scale):
        raise DataError("categories: one is named twice")
    if strangers := len([value for value in seen if value not in set(scale)]):
        raise DataError(f"values: {strangers} of {len(seen)} are not among the {len(scale)} categories")
    return scale


def _units(item: Index, count: int, units: Labels) -> Index:
    if units is None:
        return np.arange(count)
    label = places(units)
    first = np.zeros(count, dtype=np.int64)
    first[item[::-1]] = label[::-1]
    if (first[item] != label).any():
        raise DataError("units: an item belongs to two of them, expected one")
    return first
