"""Coefficients of agreement of many ratings: point values, intervals, and `krippendorff` beside them.

    python benchmarks/agreement.py [ratings]

Three raters an item, a fifth of the ratings missing, five categories. Prints seconds for reading the ratings,
for each point value and for each interval of 2,000 resamples, and of annotator models; the peer has point
values of alpha only. The bar: a point value of 100,000 ratings within a second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import krippendorff
import numpy as np

from duecare.measure import Ratings, agree, dawid_skene, mace
from duecare.measure.agree_interval import interval_of
from duecare.measure.coefficient import Coefficient

FIGURES: dict[str, Callable[[Ratings], Coefficient]] = {
    "percent": agree.percent_of,
    "fleiss": agree.fleiss_of,
    "gwet_ac2": lambda ratings: agree.gwet_of(ratings, "linear"),
    **{
        f"alpha {scale}": lambda ratings, scale=scale: agree.alpha_of(ratings, scale)
        for scale in agree.SCALES
    },
}


def timed(act: Callable[[], object]) -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print one line for each figure."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = np.random.default_rng(0)
    items = round(n / 0.8 / 3)
    truth = rng.integers(0, 5, items)
    table = np.where(rng.random((3, items)) < 0.7, truth, rng.integers(0, 5, (3, items))).astype(float)
    table[rng.random(table.shape) < 0.2] = np.nan
    print(f"reading {n:,} ratings of {items:,} items: {timed(lambda: Ratings.table(table)):.2f} s")
    ratings = Ratings.table(table)
    for name, figure in FIGURES.items():
        point = timed(lambda: figure(ratings).value())  # noqa: B023
        whole = timed(lambda: interval_of(figure(ratings), rng, 0.95, 2000))  # noqa: B023
        line = f"{name}: value {point:.3f} s, interval {whole:.2f} s"
        if name.startswith("alpha"):
            scale = name.split()[1]
            peer = timed(lambda: krippendorff.alpha(table, level_of_measurement=scale))  # noqa: B023
            line += f", krippendorff {peer:.3f} s (value: {peer / point:.1f} times ours)"
        print(line)
    for model in (dawid_skene, mace):
        print(f"{model.__name__}: {timed(lambda: model(ratings)):.2f} s")  # noqa: B023


if __name__ == "__main__":
    main()
