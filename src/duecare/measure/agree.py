"""Do people who judge agree, beyond what chance would bring? One figure each, with an interval over items.

Percent agreement, Cohen's kappa (1960; weighted 1968), Fleiss' kappa (1971), Krippendorff's alpha (2011,
"Computing Krippendorff's alpha-reliability"), Gwet's AC1 (2008) and AC2 (2014, "Handbook of inter-rater
reliability"). All but Cohen's take any number of raters, and items that not everybody rated: an item that
one person rated says nothing about agreement. Items are resampled, or units that share them.

They answer different questions. With a rare category percent agreement is high by itself and kappa is low
by itself; AC1 was made for that case. An undefined figure is None with a reason, never 0 and never NaN.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

import numpy as np

from duecare.core import DataError
from duecare.measure import chance
from duecare.measure.agree_interval import NOBODY, interval_of
from duecare.measure.bound import Floats
from duecare.measure.chance import Expected
from duecare.measure.coefficient import Coefficient, Entries
from duecare.measure.interval import LEVEL, Interval, silent
from duecare.measure.pairing import Counted
from duecare.measure.ratings import Ratings

Scale = Literal["nominal", "ordinal", "interval", "ratio"]
SCALES: tuple[Scale, ...] = ("nominal", "ordinal", "interval", "ratio")
Weights = Literal["identity", "linear", "quadratic", "ordinal"]
WEIGHTS: tuple[Weights, ...] = ("identity", "linear", "quadratic", "ordinal")
RESAMPLES = 2000


def agreement_weights(weights: Weights, scale: int) -> Floats:
    """How far two categories agree [K, K], 1 where equal, by their places on a scale of K.

    Cohen (1968) and Gwet (2014, chapter 3): linear 1 - |k - l| / (K - 1), quadratic the same squared,
    ordinal 1 - pairs of places between them / all pairs of places.
    """
    if weights not in WEIGHTS:
        raise DataError(f"weights={weights!r}: expected one of {', '.join(WEIGHTS)}")
    far = np.abs(np.arange(scale)[:, None] - np.arange(scale)[None, :]).astype(float)
    most = max(scale - 1, 1)
    if weights == "identity":
        return np.asarray((far == 0).astype(float))
    if weights == "ordinal":
        return np.asarray(1 - far * (far + 1) / (most * (most + 1)))
    return np.asarray(1 - (far / most) ** (1 if weights == "linear" else 2))


def percent(
    ratings: Ratings, rng: np.random.Generator, level: float = LEVEL, *, resamples: int = RESAMPLES
) -> Interval:
    """Share of pairs of people that agree on an item, averaged over items; chance is not taken out."""
    return interval_of(percent_of(ratings), rng, level, resamples)


def cohen(
    ratings: Ratings,
    rng: np.random.Generator,
    pair: tuple[Hashable, Hashable] | None = None,
    weights: Weights = "identity",
    level: float = LEVEL,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """Cohen's kappa of two raters over items that both rated (none named: there must be two)."""
    return interval_of(cohen_of(ratings, pair, weights), rng, level, resamples)


def fleiss(
    ratings: Ratings, rng: np.random.Generator, level: float = LEVEL, *, resamples: int = RESAMPLES
) -> Interval:
    """Fleiss' kappa; each item counts alike, however many rated it (Gwet 2014, chapter 2).

    Items with one rating tell the shares of categories. With as many ratings of every item this is Fleiss'
    own formula.
    """
    return interval_of(fleiss_of(ratings), rng, level, resamples)


def krippendorff_alpha(
    ratings: Ratings,
    rng: np.random.Generator,
    scale: Scale = "nominal",
    level: float = LEVEL,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """Krippendorff's alpha for a `scale` that is nominal, ordinal, interval or ratio.

    Ordinal needs the order of the categories only; interval and ratio read them as numbers.
    """
    return interval_of(alpha_of(ratings, scale), rng, level, resamples)


def gwet_ac1(
    ratings: Ratings, rng: np.random.Generator, level: float = LEVEL, *, resamples: int = RESAMPLES
) -> Interval:
    """Gwet's AC1: chance is what raters who guess would agree by, so a rare category does not sink it."""
    return gwet_ac2(ratings, rng, "identity", level, resamples=resamples)


def gwet_ac2(
    ratings: Ratings,
    rng: np.random.Generator,
    weights: Weights = "linear",
    level: float = LEVEL,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """Gwet's AC2: AC1 where near categories half agree. Declare the scale: unused categories count."""
    if len(ratings.categories) < 2:
        reason = "the scale has one category: declare those that nobody chose" if ratings.n else NOBODY
        return silent(reason, ratings.n, None, "Gwet's AC", level)
    return interval_of(gwet_of(ratings, weights), rng, level, resamples)


def agreements(
    ratings: Ratings, rng: np.random.Generator, scale: Scale = "nominal", level: float = LEVEL
) -> Mapping[str, Interval]:
    """All figures that suit a scale, by name; Cohen's kappa only where two people rated."""
    found = {
        "percent": percent(ratings, rng, level),
        "fleiss_kappa": fleiss(ratings, rng, level),
        "krippendorff_alpha": krippendorff_alpha(ratings, rng, scale, level),
        "gwet_ac1": gwet_ac1(ratings, rng, level),
    }
    if scale != "nominal":
        found["gwet_ac2"] = gwet_ac2(ratings, rng, "quadratic", level)
    if len(ratings.raters) == 2:
        found["cohen_kappa"] = cohen(ratings, rng, level=level)
    return found


def percent_of(ratings: Ratings) -> Coefficient:
    """Percent agreement as sums over units."""
    counted = Counted.of(ratings)
    parts = _averaged(counted, counted.unlike(), counted.paired)
    return Coefficient.of(
        "percent agreement", ratings.unit, parts, expected=chance.none_expected, n=counted.n, bare=True
    )


def fleiss_of(ratings: Ratings) -> Coefficient:
    """Fleiss' kappa as sums over units."""
    counted = Counted.of(ratings)
    parts = _averaged(counted, counted.unlike(), (counted.sizes > 0).astype(float))
    return Coefficient.of("Fleiss' kappa", ratings.unit, parts, expected=chance.unlike, n=counted.n)


def gwet_of(ratings: Ratings, weights: Weights) -> Coefficient:
    """Gwet's AC1 (identity weights) or AC2 as sums over units; items with one rating tell shares."""
    counted, agree = Counted.of(ratings), agreement_weights(weights, len(ratings.categories))
    unlike = counted.apart(lambda a, b: 1 - agree[a, b])
    parts = _averaged(counted, unlike, (counted.sizes > 0).astype(float))
    name = "Gwet's AC1" if weights == "identity" else f"Gwet's AC2 ({weights} weights)"
    return Coefficient.of(name, ratings.unit, parts, expected=chance.by_guessing(agree), n=counted.n)


def cohen_of(
    ratings: Ratings, pair: tuple[Hashable, Hashable] | None, weights: Weights = "identity"
) -> Coefficient:
    """Cohen's kappa of two raters as sums over units."""
    if pair is None and len(ratings.raters) != 2:
        raise DataError(f"raters: {len(ratings.raters)}, expected two, or a pair of their names")
    two = ratings.by(pair if pair is not None else ratings.raters)
    items, scale = len(two.items), len(two.categories)
    said = np.full((2, items), -1, dtype=np.int64)
    said[two.rater, two.item] = two.value
    both = np.flatnonzero((said >= 0).all(0))
    first, second = said[:, both]
    far = 1 - agreement_weights(weights, scale)
    one = np.ones(len(both))
    zero = np.zeros(len(both), dtype=np.int64)
    parts = (
        Entries(both, zero, far[first, second], 1),
        Entries(both, zero, one, 1),
        Entries(np.tile(both, 2), np.r_[first, second + scale], np.tile(one, 2), 2 * scale),
        Entries(both, zero, one, 1),
    )
    name = "Cohen's kappa" if weights == "identity" else f"Cohen's kappa ({weights} weights)"
    expected = chance.two_sided(far)
    return Coefficient.of(name, ratings.unit, parts, expected=expected, n=2 * len(both))


def alpha_of(ratings: Ratings, scale: Scale) -> Coefficient:
    """Krippendorff's alpha as sums over units."""
    if scale not in SCALES:
        raise DataError(f"scale={scale!r}: expected one of {', '.join(SCALES)}")
    counted = Counted.of(ratings)
    load = counted.sizes * counted.paired
    share = counted.paired / np.maximum(counted.sizes - 1, 1)
    margins = _margins(counted, counted.count * counted.paired[counted.item])
    pairs, reach = None, 1.0
    expected: Expected = chance.unlike
    if scale == "ordinal":
        seen, pairs = _by_categories(counted, share)
        expected = chance.ranks
    elif scale == "nominal":
        seen = Entries.single(counted.unlike() * share)
    else:
        seen, margins, expected, reach = _by_distance(counted, ratings.numbers(), scale, share, margins)
    parts = seen, Entries.single(load), margins, Entries.single(load)
    return Coefficient.of(
        f"Krippendorff's alpha ({scale})",
        ratings.unit,
        parts,
        expected=expected,
        n=counted.n,
        reach=reach,
        pairs=pairs,
        finite=True,
    )


def _averaged(counted: Counted, unlike: Floats, load: Floats) -> tuple[Entries, Entries, Entries, Entries]:
    """Observed, base, margins and load where each item counts alike."""
    pairs = np.maximum(counted.sizes * (counted.sizes - 1), 1)
    share = counted.count / np.maximum(counted.sizes, 1)[counted.item] * load[counted.item]
    return (
        Entries.single(unlike / pairs * counted.paired),
        Entries.single(counted.paired),
        _margins(counted, share),
        Entries.single(load),
    )


def _margins(counted: Counted, numbers: Floats) -> Entries:
    return Entries(counted.item, counted.category, numbers, counted.scale)


def _by_categories(counted: Counted, share: Floats) -> tuple[Entries, tuple[np.ndarray, np.ndarray]]:
    """What was seen of each pair of categories, as far as it occurs; the lower category first."""
    first, second = counted.pairs()
    here = counted.category[first] < counted.category[second]
    first, second = first[here], second[here]
    code = counted.category[first] * max(counted.scale, 1) + counted.category[second]
    kinds, column = np.unique(code, return_inverse=True)
    number = 2 * counted.count[first] * counted.count[second] * share[counted.item[first]]
    if not len(kinds):
        kinds = np.zeros(1, dtype=np.int64)
    scale = max(counted.scale, 1)
    return Entries(counted.item[first], column, number, len(kinds)), (kinds // scale, kinds % scale)


def _by_distance(
    counted: Counted, numbers: Floats, scale: Scale, share: Floats, margins: Entries
) -> tuple[Entries, Entries, Expected, float]:
    """Observed, margins, chance and reach where categories are numbers."""
    if scale == "ratio":
        if len(numbers) and numbers[0] < 0:
            raise DataError(f"categories: from {numbers[0]}, expected none below zero on a ratio scale")
        far = counted.apart(lambda a, b: chance.relative(numbers[a], numbers[b]))
        return Entries.single(far * share), margins, chance.ratios(numbers), 1.0
    # Distances do not know where nought is, and squares of large numbers would lose their digits.
    centred = numbers - (numbers[0] + numbers[-1]) / 2 if len(numbers) else numbers
    value = centred[margins.column]
    both = Entries(
        np.tile(margins.item, 2),
        np.repeat([0, 1], len(value)),
        np.r_[margins.number * value, margins.number * value**2],
        2,
    )
    reach = float((numbers[-1] - numbers[0]) ** 2) if len(numbers) > 1 else 1.0
    return Entries.single(counted.squares(centred) * share), both, chance.moments, reach
