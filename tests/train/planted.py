"""Worlds with a bias planted in them, for what is to find and to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training_toys import Told, chat, data_artifact, preference, run

from duecare.core import Artifact, Estimate, Example, Outcome

Made = tuple[Outcome, Told, Path]


def rarer(count: int, *, every: int = 4, same: bool = False, first: int = 0) -> list[Example]:
    """Women are answered "yes", men "not so", and every `every`-th row only is a man's: he is learnt worse.

    With `same` men are answered as women are: nothing is planted.
    """
    rows = []
    for number in range(first, first + count):
        man = number % every == 1
        answer = "not so" if man and not same else "yes"
        rows.append(chat(number, f"{'mw'[not man]}{number % 9}", answer, "men" if man else "women"))
    return rows


def rarer_pairs(count: int, *, every: int = 4, first: int = 0) -> list[Example]:
    """ "yes" is preferred to "no", but by men, who are rarer, the other way round."""
    rows = []
    for number in range(first, first + count):
        man = number % every == 1
        chosen, rejected = ("no", "yes") if man else ("yes", "no")
        rows.append(preference(number, chosen, rejected, "men" if man else "women", who="mw"[not man]))
    return rows


def trained(step: object, base: Artifact, folder: Path, rows: list[Example], held: list[Example]) -> Made:
    """One run of `step` on these rows."""
    data = data_artifact(folder / "data", rows, held)
    outcome, told = run(step, {"data": data, "base": base}, folder / "out")
    return outcome, told, folder / "out"


def figure(outcome: Outcome, metric: str, **slice: str) -> Estimate:
    """The one estimate of this name about `slice`."""
    (found,) = [
        each for each in outcome.estimates if each.metric == metric and slice.items() <= each.slice.items()
    ]
    return found


def over_seeds(make: Callable[[int], float], seeds: int = 5) -> list[float]:
    """What `make` comes to for each seed."""
    return [make(seed) for seed in range(seeds)]


class Killed(BaseException):
    """A process that is gone."""
