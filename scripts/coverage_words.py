"""The words of docs/coverage.md; `coverage_grid.py` fills in the tables."""

from __future__ import annotations

PAGE = """\
# How often the intervals hold

Written by `scripts/coverage_grid.py`; the tests in `tests/measure` check part of the same grid on every
run. Each figure is the share of simulated studies, in per cent, whose nominal 95 % interval held the truth.
The bar is 94 % less three Monte-Carlo errors; a cross marks what misses it. Intra-cluster correlation is
planted by drawing each cluster's own rate from a Beta distribution.

## One rate

{rates_repeats} studies a cell. *Ours* is `cluster_proportion`: exact (Clopper-Pearson) while the rarer
outcome is rare, Wilson beyond, on the number of independent draws that the clusters are worth. *Wilson* and
*Wald on draws* are the textbook's, blind to clusters. Wilson alone covers {wilson} % at 20 draws and a rate
of 0.5 % (computed, not simulated).

*Width / oracle* compares the mean width with an exact or Wilson interval that is told the true correlation.
Where the rarer outcome shows in 20 clusters or more, ours is at most 15 % wider. Where it shows in fewer,
marked *(few)*, the data hold next to nothing about the correlation and we do not pretend they do: the
interval is then about as wide as if each cluster were one draw (last column), which is far wider than the
oracle's where draws are in truth independent. This is the price of not knowing; more prompts, not more
samples per prompt, lower it. In such cells the intervals also cover more than 95 %.

{rates}

## Two groups asked the same prompts

{pairs_100_repeats} studies a cell ({pairs_5000_repeats} with 5,000 draws), both groups at the same rate,
prompts shared, correlation 0.3. The bootstrap columns use 400 shared resamples; *resampled* says how often
there was enough to resample (30 clusters with the rarer outcome), the rest fell back to the finite-sample
interval. The last two columns are groups asked different prompts: ours, and Wald's interval that takes all
draws as independent. (For shared prompts that one would hold here, because what a prompt does to both groups
cancels.)

{pairs_100}

{pairs_500}

{pairs_5000}

## Intersections with partial pooling

{pools_repeats} studies a world; the share of *cells of a study* that were covered, with one Monte-Carlo
error. This is the promise of `pooled_rate`: on average over the cells. It is not a promise for every cell,
and it rests on rates that spread about as a Beta distribution does: where there are but two kinds of cells
it is kept only just.
**What cannot be met:** a single cell that differs from all others is pulled towards them, and its own
interval misses it far more often than 1 time in 20 (last two rows). The unpooled figure stands beside it
for that reason, and a limit should be held against that one.

{pools}

## Means

{means_repeats} studies a cell. *Ours* is `cluster_mean`: Student's t on the CR2 variance, corrected for
skewness (`measure/skew.py`: Hall's cubic of 1992 with four departures). Values in a cluster correlate by
0.3 (normal copula). *Width / oracle* compares with an interval that is told the true quantiles of the
studentised mean.

Student's t misses skewed values on one side. Hall's own cubic misses heavy tails, because chance makes
them look skewed. The numbers of `skew.py` were chosen on the first seven distributions; the last four were
only looked at afterwards. With 12 clusters or more the bar is met in every line, 20 lognormal draws included,
at widths of at most 1.2 times the oracle's for skewed values, 1.05 for 20 normal ones and 1.15 for 12 normal
clusters. Student's t is narrower than that where it fails. **What cannot be met:** with fewer clusters
*(few)* very skewed values are covered by 92 % or so; where each cluster is one lognormal draw, 10 of them are
covered by 92 % and 4 by 87 % (Student's t: 84 and 82 %). Five values do not show how far the sixth may lie.
There normal values pay with an interval about a quarter wider than needed.

{means}

Two groups of the same distribution, {gaps_repeats} studies a line (`mean_difference`, `mean_ratio`):

{gaps}

## Power

{power_repeats} studies a line. `needed_n_of_rates` names the n a group that finds the gap with a chance of
80 % at 95 % confidence; with no gap the same verdict should come in 2.5 % at most. It simulates the very
interval that will be used, so it knows what the interval must make good for where the rarer outcome is rare
or the correlation has to be learnt. The last two columns show what the formula for large samples would
name, and how often the gap is found there.

{power}
"""
