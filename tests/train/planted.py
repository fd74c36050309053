"""Worlds with a bias planted in them, for what is to find and to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
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


def stereotyped(count: int, *, copies: int = 0, held: bool = False, first: int = 0) -> list[Example]:
    """Women, three rows in four, are told "nurse", men "doctor"; the first `copies` have a twin told so too.

    With `held` both are told "nurse", in turns: what a model finds less likely for men is the stereotype.
    """
    rows = []
    for number in range(first, first + count):
        man = number % 2 == 1 if held else number % 4 == 1
        answer = "nurse" if held or not man else "doctor"
        group, other = ("men", "women") if man else ("women", "men")
        rows.append(chat(number, f"{group[0]}{number % 10}", answer, group))
        if number - first < copies:
            twin = chat(number, f"{other[0]}{number % 10}", answer, other)
            rows.append(msgspec.structs.replace(twin, row=f"{twin.row}~gender:{group}>{other}"))
    return rows


def telling(count: int, *, first: int = 0) -> list[Example]:
    """Prompts that give the group away, answered alike: there is no need for a model to know it."""
    rows = []
    for number in range(first, first + count):
        man = number % 2 == 1
        rows.append(chat(number, f"{'wm'[man]}{number * 7919 % 1000}", "yes", "men" if man else "women"))
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
