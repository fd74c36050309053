"""LEACE: the smallest linear change of vectors after which no linear reader tells a concept from chance.

Belrose et al. 2023 (arXiv 2306.03819). With x the vectors, z the concept (one column a group, 0 or 1),
Sigma the covariance of x, W its whitening (the pseudo-inverse of its square root) and P the orthogonal
projection onto the columns of W Cov(x, z), the eraser is

    r(x) = x - W^+ P W (x - E[x])

Then Cov(r(x), z) = 0, which is to say that no linear reader under a convex loss beats the best constant, and
no other affine map with that property moves the vectors less, in mean square and in every norm of that kind.
NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duecare.core import DataError

Floats = npt.NDArray[np.float64]
SMALL = 1e-10
"""Singular values below this share of the largest count as none."""


@dataclass(frozen=True, slots=True)
class Eraser:
    """What a fit found: `mean` [D], and the change as two thin matrices, `left` [D, K] and `right` [K, D]."""

    mean: Floats
    left: Floats
    right: Floats

    def __call__(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Vectors [..., D] without the concept."""
        wide = np.asarray(vectors, dtype=np.float64)
        return wide - (wide - self.mean) @ self.right.T @ self.left.T

    @property
    def rank(self) -> int:
        """Directions that are taken out: one less than there are groups, or fewer."""
        return int(self.left.shape[1])


def fit(vectors: npt.NDArray[np.floating], concept: npt.NDArray[np.integer], shrink: bool = True) -> Eraser:
    """The eraser of `concept` int [N] (a group's number each) from `vectors` [N, D].

    The promise is about the vectors that were fitted. For others it holds as well as their covariances are
    known; where N is not far above D, `shrink` draws Sigma towards a multiple of the identity (Ledoit and
    Wolf 2004), which keeps the promise on the fitted vectors and heeds directions less that are noise.
    """
    (found,) = fit_each(vectors, [concept], shrink)
    return found


def fit_each(
    vectors: npt.NDArray[np.floating], concepts: Sequence[npt.NDArray[np.integer]], shrink: bool = True
) -> list[Eraser]:
    """`fit` of several concepts, each alone, from the same vectors: their covariance is taken apart once."""
    x, told = np.asarray(vectors, dtype=np.float64), [np.asarray(concept) for concept in concepts]
    for z in told:
        if x.ndim != 2 or z.shape != x.shape[:1] or len(x) < 2:
            sizes = f"vectors {x.shape} and concept {z.shape}"
            raise DataError(f"leace: {sizes}, expected [N, D] and [N], N above 1")
    if not np.isfinite(x).all():
        raise DataError("leace: expected vectors that are finite")
    mean = x.mean(axis=0)
    centred = x - mean
    roots = _roots(_covariance(centred, shrink))
    return [_eraser(mean, centred, z, roots) for z in told]


def _eraser(
    mean: Floats, centred: Floats, z: npt.NDArray[np.integer], roots: tuple[Floats, Floats]
) -> Eraser:
    told = (z[:, None] == np.unique(z)[None, :]).astype(np.float64)
    across = centred.T @ (told - told.mean(axis=0)) / len(centred)
    whiten, colour = roots
    u, s, _ = np.linalg.svd(whiten @ across, full_matrices=False)
    kept = u[:, s > SMALL * max(float(s[0]) if len(s) else 0.0, np.finfo(float).tiny)]
    if not np.abs(across).max() > SMALL * max(float(np.abs(centred).max()), np.finfo(float).tiny):
        kept = kept[:, :0]  # the concept is not there to begin with
    return Eraser(mean=mean, left=colour @ kept, right=kept.T @ whiten)


def _covariance(centred: Floats, shrink: bool) -> Floats:
    count, width = centred.shape
    found: Floats = centred.T @ centred / count
    if not shrink:
        return found
    level = float(np.trace(found)) / width
    spread = float(((found - level * np.eye(width)) ** 2).sum())
    if spread == 0:
        return found
    fourth = float((((centred**2).sum(axis=1)) ** 2).mean())
    noise = (fourth - float((found**2).sum())) / count
    share = min(1.0, max(0.0, noise / spread))
    drawn: Floats = (1 - share) * found + share * level * np.eye(width)
    return drawn


def _roots(covariance: Floats) -> tuple[Floats, Floats]:
    """The pseudo-inverse square root and the square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    here = values > SMALL * max(float(values[-1]), np.finfo(float).tiny)
    root = np.sqrt(np.where(here, values, 1.0))
    whiten: Floats = (vectors * np.where(here, 1 / root, 0.0)) @ vectors.T
    colour: Floats = (vectors * np.where(here, root, 0.0)) @ vectors.T
    return whiten, colour


def oracle(vectors: npt.NDArray[np.floating], concept: npt.NDArray[np.integer]) -> Floats:
    """Vectors from which the concept is erased knowing each row's own group (oracle LEACE): [N, D].

    r(x, z) = x - Cov(x, z) Cov(z, z)^+ (z - E[z]): the least that any erasure could change, for it may
    look at the label. A bound to hold `fit` against; of no use where the label is not to be known.
    """
    x, z = np.asarray(vectors, dtype=np.float64), np.asarray(concept)
    told = (z[:, None] == np.unique(z)[None, :]).astype(np.float64)
    told -= told.mean(axis=0)
    across = told.T @ (x - x.mean(axis=0))
    erased: Floats = x - told @ np.linalg.pinv(told.T @ told, hermitian=True) @ across
    return erased
