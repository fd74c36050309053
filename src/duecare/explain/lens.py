"""What a model would answer if it stopped at each layer: the logit lens, also between twins.

Final norm and head behind the stream of every depth (nostalgebraist 2020, "interpreting GPT: the logit
lens"). Early layers do not speak the head's language, so their figures say when an answer becomes readable by
the head, not when it is known (Belrose et al. 2023, arXiv 2303.08112). At the last depth it is the model's
own answer. Free of JAX: it works on what `duecare.model.activation.lens` found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from duecare.core import Estimate
from duecare.measure.interval import cluster_mean

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lens:
    """One answer by depth: mean log-probability per token `logprob` [L + 1], and the share of its tokens that
    the head would put first, `first` [L + 1]; `middle` [L + 1] is the median rank of its tokens, from 1."""

    logprob: Floats
    first: Floats
    middle: Floats


def by_answer(
    logps: npt.NDArray[np.floating], ranks: npt.NDArray[np.integer], counted: npt.NDArray[np.bool_]
) -> list[Lens]:
    """`logps` and `ranks` [L + 1, B, A] of answers whose tokens are `counted` [B, A], answer by answer."""
    found = []
    for row, real in enumerate(counted):
        own, rank = np.asarray(logps[:, row, real], dtype=np.float64), ranks[:, row, real]
        found.append(Lens(own.mean(axis=1), (rank == 1).mean(axis=1), np.median(rank, axis=1)))
    return found


def estimates(
    mine: Sequence[Lens],
    other: Sequence[Lens],
    clusters: Sequence[str],
    about: Mapping[str, str],
    depths: Sequence[int],
) -> Iterator[Estimate]:
    """By depth (the rows of a Lens are those of `depths`), of pairs of twins: `explain.lens.logprob` and
    `.first` of the group's answers, and `explain.lens.gap`, by how much the group's answer is likelier than
    its twin's (nats per token)."""
    units = list(clusters)
    for row, depth in enumerate(depths):
        place = {**about, "layer": str(depth)}
        said = np.array([each.logprob[row] for each in mine])
        apart = said - np.array([each.logprob[row] for each in other])
        first = np.array([each.first[row] for each in mine])
        yield cluster_mean(said, units).estimate("explain.lens.logprob", place, "nats per token")
        yield cluster_mean(first, units, within=(0.0, 1.0)).estimate("explain.lens.first", place)
        yield cluster_mean(apart, units).estimate("explain.lens.gap", place, "nats per token")
