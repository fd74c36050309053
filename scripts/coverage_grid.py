"""Walk the grid of rates, sizes and clusters, and write docs/coverage.md: how often each interval covers.

    python scripts/coverage_grid.py [section ...]

Without a section all of them are walked (half an hour of one core); with some, the tables of the others
are taken from the page as it stands. Needs the worlds of tests/measure, nothing else. Deterministic: each
section has a generator of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "measure"))

from coverage_means import line, mark, of_gaps, of_means  # noqa: E402 (beside this script)
from coverage_words import PAGE  # noqa: E402 (beside this script)
from test_coverage import blind, known, ours, wald  # noqa: E402 (tests/measure is no package)
from test_pool import WORLDS, cells, one_rate, plug_in, share_covered, twin_cells  # noqa: E402
from test_pool import ours as pooled  # noqa: E402
from worlds import covered, rates, studies, twins  # noqa: E402

from duecare.core import FAIL  # noqa: E402
from duecare.measure import decide, needed_n, needed_n_of_rates, rate_difference, rate_ratio, worst_of  # noqa: E402
from duecare.measure.bootstrap import between, one, worst  # noqa: E402
from duecare.measure.bound import informative_clusters, wilson_bounds  # noqa: E402
from duecare.measure.cluster import Sums  # noqa: E402
from duecare.measure.interval import rate_of  # noqa: E402
from duecare.measure.resample import Resamples, numbered  # noqa: E402
from duecare.measure.size import unit_error_of_rates  # noqa: E402

RATES = (0.005, 0.02, 0.1, 0.3, 0.5)
SIZES = (20, 100, 500, 5000)
CLUSTERS = ((1, 0.0), (4, 0.0), (4, 0.3), (25, 0.0), (25, 0.3), (25, 0.6))
PAIRED = ((100, 1, 0.0), (100, 4, 0.3), (500, 4, 0.3), (500, 25, 0.3), (5000, 4, 0.3), (5000, 25, 0.3))


def of_rates(rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """Coverage of one rate: ours, draws taken as independent, Wald; and our width against the oracle's."""
    yield line(
        "draws",
        "in clusters of",
        "correlation",
        "rate",
        "ours",
        "Wilson on draws",
        "Wald on draws",
        "width / oracle",
        "width / clusters as draws",
    )
    yield line(*["---:"] * 9)
    for n, own in zip(SIZES, rng.spawn(len(SIZES)), strict=True):
        yield from rates_of(n, own, repeats)


def rates_of(n: int, rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """The lines of one number of draws."""
    for size, icc in CLUSTERS:
        if n < 2 * size:
            continue
        for rate in RATES:
            sums, sizes = studies(rng, repeats, n // size, size, rate, icc)
            low, high = ours(sums, sizes)
            width = float((high - low).mean())
            told, whole = known(rng, n, size, rate, icc), known(rng, n, size, rate, 1.0)
            seen = float(informative_clusters(sums, sizes).mean())
            shares = [mark(covered(*way(sums, sizes), rate), repeats) for way in (ours, blind, wald)]
            first = f"{width / told:.2f}" + ("" if seen >= 20 else " (few)")
            yield line(n, size, icc, f"{rate:.1%}", *shares, first, f"{width / whole:.2f}")


def of_pairs(draws: int, rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """Coverage of difference, ratio and worst of twins at one rate, finite-sample and resampled."""
    yield line(
        "draws a group",
        "in clusters of",
        "rate",
        "difference",
        "ratio",
        "worst of two",
        "difference, bootstrap",
        "ratio, bootstrap",
        "worst, bootstrap",
        "resampled",
        "difference, other prompts",
        "Wald on draws, other prompts",
    )
    yield line(*["---:"] * 12)
    rows = pairs_with(draws)
    for row, own in zip(rows, rng.spawn(len(rows)), strict=True):
        yield pair_of(row, own, repeats)


def pairs_with(draws: int) -> list[tuple[int, int, float, float]]:
    """Draws, those in a cluster, their correlation, and the rate, of the cells with so many draws."""
    return [(*cell, rate) for cell in PAIRED if cell[0] == draws for rate in RATES]


def pair_of(row: tuple[int, int, float, float], rng: np.random.Generator, repeats: int) -> str:
    """The line of one cell."""
    n, size, icc, rate = row
    hits, by_resampling, ids = np.zeros(8), 0, tuple(range(n // size))
    for _ in range(repeats):
        first, second, sizes = twins(rng, 1, n // size, size, rate, icc)
        groups = {"a": Sums(ids, first[0], sizes[0], n), "b": Sums(ids, second[0], sizes[0], n)}
        found, resampled = _figures(rng, groups)
        by_resampling += resampled
        truths = (0.0, 1.0, rate, 0.0, 1.0, rate)
        hits[:6] += [each.low <= t <= each.high for each, t in zip(found, truths, strict=True)]
        other = studies(rng, 1, n // size, size, rate, icc)[0][0]
        apart = Sums(tuple((1, i) for i in ids), other, sizes[0], n)
        gap = rate_difference(groups["a"], apart)
        hits[6:] += gap.low <= 0 <= gap.high, _blind_difference(first[0], other, n)
    shares = [mark(hit / repeats, repeats) for hit in hits]
    return line(n, size, f"{rate:.1%}", *shares[:6], f"{by_resampling / repeats:.0%}", *shares[6:])


def _figures(rng: np.random.Generator, groups: dict[str, Sums]) -> tuple[list, bool]:
    a, b = groups["a"], groups["b"]
    looks = {name: lambda level, part=part: rate_of(part, level) for name, part in groups.items()}
    parts, count = numbered(groups)
    drawn = Resamples(parts, count, rng, 400, [("a", "b")])
    top = worst(drawn, ["a", "b"], "outcomes") or worst_of(
        {name: lambda level, name=name: one(drawn, name, "outcomes", level) for name in groups}
    )
    difference = between(drawn, ("a", "b"), "outcomes", "difference")
    figures = [
        rate_difference(a, b),
        rate_ratio(a, b),
        worst_of(looks)[1],
        difference,
        between(drawn, ("a", "b"), "outcomes", "ratio"),
        top[1],
    ]
    return figures, "bootstrap" in difference.method


def _blind_difference(first: np.ndarray, second: np.ndarray, n: int) -> bool:
    """Wald for two independent groups of draws."""
    a, b = first.sum() / n, second.sum() / n
    return abs(a - b) <= 1.96 * np.sqrt((a * (1 - a) + b * (1 - b)) / n)


def of_pools(rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """Share of cells covered by pooling: ours, one rate for all, textbook empirical Bayes."""
    yield line("world", "ours", "one rate for all", "plug-in empirical Bayes")
    yield line("---", "---:", "---:", "---:")
    rows = [*WORLDS, *SPECIAL]
    for row, own in zip(rows, rng.spawn(len(rows)), strict=True):
        yield pool_of(row, own, repeats)


SPECIAL: dict[str, float] = {
    "ten cells asked the same 15 prompts": 0.0,
    "the one cell at 20% where eleven lie at 10%": 0.2,
    "the one cell at 40% where eleven lie at 10%": 0.4,
}
"""Further worlds; where one cell differs from all others, its rate."""


def pool_of(row: str, rng: np.random.Generator, repeats: int) -> str:
    """The line of one world."""
    if row in WORLDS:
        shares = [share_covered(rng, row, way, repeats) for way in (pooled, one_rate, plug_in)]
        return line(row, *(f"{100 * share:.1f} ± {100 * error:.1f}" for share, error, _ in shares))
    if odd := SPECIAL[row]:
        truths, hit = np.r_[odd, np.full(11, 0.1)], 0
        for _ in range(repeats):
            low, high = pooled(cells(rng, truths, 20, 4, 0.3))
            hit += bool(low[0] <= odd <= high[0])
        return line(row, mark(hit / repeats, repeats), "", "")
    hits: list[float] = []
    for _ in range(repeats):
        truths = rng.beta(40, 160, 10)
        low, high = pooled(twin_cells(rng, truths, 15, 4, 0.6))
        hits.append(float(((low <= truths) & (truths <= high)).mean()))
    return line(row, f"{100 * np.mean(hits):.1f} ± {100 * np.std(hits) / np.sqrt(repeats):.1f}", "", "")


def of_power(rng: np.random.Generator, repeats: int) -> Iterator[str]:
    """How often a planted gap is found at the n that `size` names for a chance of 80 %."""
    yield line(
        "rates",
        "in clusters of",
        "correlation",
        "n a group",
        "found",
        "found without a gap",
        "found at a third of n",
        "n by the formula",
        "found there",
    )
    yield line("---", *["---:"] * 8)
    for gap, own in zip(GAPS, rng.spawn(len(GAPS)), strict=True):
        yield power_of_gap(gap, own, repeats)


GAPS = [
    (rate, reference, size, icc)
    for rate, reference in ((0.04, 0.01), (0.2, 0.1), (0.45, 0.3))
    for size, icc in ((1, 0.0), (5, 0.3))
]
"""Rate, that of the reference, answers to a prompt, their correlation."""


def power_of_gap(gap: tuple[float, float, int, float], rng: np.random.Generator, repeats: int) -> str:
    """The line of one planted gap."""
    rate, reference, size, icc = gap
    effect = 1 + (size - 1) * icc
    asked = rate, reference, None, 0.0, "difference"
    n = needed_n_of_rates(*asked, design_effect=effect, per_cluster=size) or 0
    error = unit_error_of_rates(rate, reference, "difference", design_effect=effect)
    formula = needed_n(error, rate - reference, None, 0.0) or 0
    shares = [
        np.mean([_fails(rng, max(2, count // size), size, pair, icc) for _ in range(repeats)])
        for count, pair in (
            (n, (rate, reference)),
            (n, (reference, reference)),
            (n // 3, (rate, reference)),
            (formula, (rate, reference)),
        )
    ]
    told = [f"{share:.1%}" for share in shares]
    return line(f"{rate:.0%} against {reference:.0%}", size, icc, n, *told[:3], formula, told[3])


def _fails(rng: np.random.Generator, prompts: int, size: int, pair: tuple[float, float], icc: float) -> bool:
    a, b = (
        Sums(
            tuple((name, i) for i in range(prompts)),
            rng.binomial(size, rates(rng, rate, icc, (prompts,))).astype(float),
            np.full(prompts, float(size)),
            prompts * size,
        )
        for name, rate in enumerate(pair)
    )
    return decide(rate_difference(a, b), None, 0.0) == FAIL


def of_wilson() -> str:
    """Computed, not simulated: Wilson's coverage at 20 draws and a rate of 0.5 %."""
    k = np.arange(21)
    low, high = wilson_bounds(k, 20, 0.95)
    from scipy.stats import binom

    return f"{100 * binom.pmf(k, 20, 0.005)[(low <= 0.005) & (high >= 0.005)].sum():.1f}"


PAGE_AT = ROOT / "docs" / "coverage.md"
SECTIONS: dict[str, tuple[Callable[[np.random.Generator, int], Iterator[str]], int]] = {
    "rates": (of_rates, 1200),
    "pairs_100": (partial(of_pairs, 100), 1200),
    "pairs_500": (partial(of_pairs, 500), 1200),
    "pairs_5000": (partial(of_pairs, 5000), 1000),
    "pools": (of_pools, 1200),
    "means": (of_means, 4000),
    "gaps": (of_gaps, 1200),
    "power": (of_power, 1200),
}
"""Each table of the page, and the simulated studies of each of its cells."""


def main() -> None:
    """Write the page; a table that was not asked for stays as it is."""
    asked = sys.argv[1:] or list(SECTIONS)
    if unknown := set(asked) - set(SECTIONS):
        raise SystemExit(f"section: {', '.join(sorted(unknown))}; expected some of {', '.join(SECTIONS)}")
    tables: dict[str, str] = {}
    if PAGE_AT.exists():
        tables = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", PAGE_AT.read_text("utf-8"), re.S))
    for number, (name, (table, repeats)) in enumerate(SECTIONS.items()):
        if name in asked:
            tables[name] = "\n".join(table(np.random.default_rng([2026, number]), repeats))
    marked = {name: f"<!-- {name} -->\n{tables.get(name, '')}\n<!-- end -->" for name in SECTIONS}
    counts = {f"{name}_repeats": f"{repeats:,}" for name, (_, repeats) in SECTIONS.items()}
    PAGE_AT.write_text(PAGE.format(**marked, **counts, wilson=of_wilson()), "utf-8")


if __name__ == "__main__":
    main()
