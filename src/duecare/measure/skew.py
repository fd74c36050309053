"""How far the bounds of a mean lie from it when the values are skewed, without resampling.

Student's t takes the studentised mean as symmetric. For values skewed to the right it is not: a sample
whose mean came out too low has too small a standard error as well, and the upper bound misses the truth
several times as often as it may. Hall (1992, JRSS B 54) inverts the Edgeworth expansion of the
studentised mean by a cubic that is monotone; only the third moment of the sample is needed. We depart
from him in four things, each for few or heavy-tailed observations:

- the expansion is made at the normal quantile and the result widened by t / z, so that a spread known
  from few clusters counts as it does without skewness;
- on the far side the skewness is taken `1 + 1.5 / sqrt(df + 1)` times what was seen, because a small
  sample shows less skewness than there is (it cannot exceed the root of n);
- the far side never lies beyond twice Student's t, where the cubic is about to break away;
- the near side never lies beyond Student's t, and is drawn in only by the skewness that chance cannot
  give: symmetric values with heavy tails look skewed, now to one side, now to the other, and Hall's own
  interval covers such values by 91 % (what chance gives is the spread of the third moment under random
  signs).

`docs/coverage.md` says how often such intervals hold; the numbers were chosen on some of the
distributions named there and checked on the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from duecare.measure.bound import Bounds, Floats, normal_quantile, student_quantile

UNSEEN, MOST = 1.5, 2.0
"""Skewness that few clusters hide (1.5 / sqrt(df + 1) of what they show), and the limit of the far side."""


def skew_reach(pulls: Floats, df: ArrayLike, level: float, bend: ArrayLike = 0.0) -> Bounds:
    """Distances (below, above), [...], of the bounds from a figure that is a sum over clusters.

    `pulls` [..., G] is by how much each cluster moves the figure, with the CR2 adjustment, so that the
    sum of squares is its variance. `bend` [...] is what the curvature of a function of means takes from
    the third moment. Both distances are 0 where no cluster moves the figure.
    """
    error = np.sqrt((pulls**2).sum(-1))
    unit = np.where(error > 0, error, 1.0)
    share = pulls / unit[..., None]  # of the error, so that tiny units of measure keep their digits
    third = np.where(error > 0, (share**3).sum(-1) - bend / unit / unit / unit, 0.0)
    seen = np.abs(third)
    sure = np.maximum(seen - np.sqrt((share**6).sum(-1)), 0.0)
    feared = seen * (1 + UNSEEN / np.sqrt(np.asarray(df, dtype=float) + 1))
    z, t = normal_quantile(level), student_quantile(level, df)
    far = np.clip(-_inverted(-z, feared) * t / z, t, MOST * t)
    near = np.clip(_inverted(z, sure) * t / z, 0.0, t)
    # Values skewed to the right give a studentised mean with a long tail on the left: the truth lies above.
    right = third > 0
    return error * np.where(right, near, far), error * np.where(right, far, near)


def _inverted(x: float, skewness: Floats) -> Floats:
    """The studentised mean whose transform by Hall's cubic is `x`; `x` itself where nothing is skewed."""
    safe = np.where(skewness > 1e-8, skewness, 1.0)
    found = 3 / safe * (np.cbrt(1 + safe * (x - safe / 6)) - 1)
    return np.where(skewness > 1e-8, found, x)
