"""Which candidates become items: a stratified sample in which every candidate's chance is known.

Strata are what detectors say of a candidate (uncertain, disagreeing, neither) by its groups. Within a stratum
items are drawn at random without replacement, or every n-th from a random start; so a candidate of stratum h
has the inclusion probability n_h / N_h (or 1 / n), which stands with the item. Estimates that weigh each
item by the inverse of it (Horvitz and Thompson 1952; Hájek's ratio) are unbiased for the candidates as a
whole, although uncertain items are drawn far more often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from duecare.core.errors import DataError
from duecare.review.plan import Candidate, Draw

UNCERTAIN, DISAGREEING, CHANCE = "uncertain", "disagreeing", "chance"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One candidate that became an item: its place among the candidates, its stratum, its chance."""

    index: int
    stratum: str
    probability: float


def drawn(candidates: Sequence[Candidate], draw: Draw) -> list[Drawn]:
    """The items of a round, in a random order. Raises DataError where no candidate is there, or drawn."""
    if not candidates:
        raise DataError("a round has nothing to review: there is no candidate")
    random = np.random.default_rng(draw.seed)
    strata: dict[tuple[str, str], list[int]] = {}
    for index, candidate in enumerate(candidates):
        strata.setdefault((signal(candidate.scores, draw), _groups(candidate, draw.cover)), []).append(index)
    found: list[Drawn] = []
    sizes = {name: len(members) for name, members in sorted(strata.items())}
    wanted = allocated(sizes, draw)
    for name, size in sizes.items():
        if draw.every is not None:
            taken = np.arange(random.integers(draw.every), size, draw.every)
            chance = 1 / draw.every
        else:
            taken = random.choice(size, wanted[name], replace=False)
            chance = wanted[name] / size
        label = "|".join(part for part in name if part)
        found += [Drawn(strata[name][int(place)], label, chance) for place in taken]
    if not found:
        raise DataError(f"a round draws nothing: none of {len(candidates)} candidates is the {draw.every}th")
    return [found[place] for place in random.permutation(len(found))]


def signal(scores: Mapping[str, float], draw: Draw) -> str:
    """What detectors say of a candidate: on both sides of the limit, near to it, or neither."""
    if not scores:
        return CHANCE
    values = scores.values()
    if min(values) < draw.limit <= max(values):
        return DISAGREEING
    near = abs(sum(values) / len(values) - draw.limit) <= draw.margin
    return UNCERTAIN if near else CHANCE


def allocated(sizes: Mapping[tuple[str, str], int], draw: Draw) -> dict[tuple[str, str], int]:
    """Items for each stratum (signal, groups): `least` to each, the rest by the shares of the signals.

    A signal's share is split evenly over its groups, so that small groups are covered; what a stratum cannot
    take goes to the others.
    """
    given = {name: min(draw.least, size) for name, size in sizes.items()}
    groups: dict[str, int] = {}
    for kind, _ in sizes:
        groups[kind] = groups.get(kind, 0) + 1
    shares = {
        UNCERTAIN: draw.uncertain,
        DISAGREEING: draw.disagreeing,
        CHANCE: 1 - draw.uncertain - draw.disagreeing,
    }
    weights = {name: max(shares[name[0]], 1e-9) / groups[name[0]] for name in sizes}
    left = min(draw.items, sum(sizes.values())) - sum(given.values())
    while left > 0:
        room = {name: sizes[name] - given[name] for name in sizes if sizes[name] > given[name]}
        total = sum(weights[name] for name in room)
        exact = {name: min(left * weights[name] / total, float(most)) for name, most in room.items()}
        whole = {name: int(amount) for name, amount in exact.items()}
        if not any(whole.values()):  # less than one each: to those who lack most of theirs
            for name in sorted(room, key=lambda each: (whole[each] - exact[each], each))[:left]:
                whole[name] = 1
        for name, amount in whole.items():
            given[name] += amount
        left -= sum(whole.values())
    return given


def _groups(candidate: Candidate, axes: Sequence[str]) -> str:
    return ",".join(f"{axis}={candidate.groups.get(axis, 'not said')}" for axis in axes)
