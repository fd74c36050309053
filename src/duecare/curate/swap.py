"""Counterfactual texts: the same text about the other group, or the reason why there is none.

Counterfactual data augmentation (Lu et al. 2018, arXiv 1807.11714; Zmigrod et al. 2019, arXiv 1906.04571)
with two departures: every exchange leads back (the copy, swapped again, is the original to the letter), and a
text in which anything could be read in two ways is refused as a whole rather than changed by half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duecare.curate import swap_age, swap_gender, swap_groups
from duecare.curate.wording import Edit, Refusal, edited

AXES = ("gender", "religion", "nationality", "age")
"""Axes on which groups can trade places."""

Pair = tuple[str, str]
"""The two groups that trade places."""

FIXED: dict[str, Pair] = {"gender": ("women", "men"), "age": ("young", "older")}
"""Pairs of the axes that have two sides."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A row's texts about the other group. `edits` has those of each text (of the original); `sides` are the
    groups of the pair that the original names."""

    texts: tuple[str, ...]
    edits: tuple[tuple[Edit, ...], ...]
    sides: frozenset[str]


def twin(texts: Sequence[str], axis: str, pair: Pair, *, both_ways: bool = True) -> Twin | Refusal | None:
    """The counterfactual of a row's texts on `axis`, where the groups of `pair` trade places.

    None where no text names either group. A refusal in one text refuses the row. `both_ways` asks that
    swapping the copy gives the original back, letter by letter; without it (for tests) that is not looked at.
    """
    made: list[tuple[Edit, ...]] = []
    for number, text in enumerate(texts):
        found = _edits(text, axis, pair)
        if isinstance(found, Refusal):
            return found._replace(text=number)
        made.append(tuple(found))
    if not any(made):
        return None
    fresh = tuple(edited(text, edits) for text, edits in zip(texts, made, strict=True))
    if both_ways and (refusal := _leads_back(texts, fresh, axis, pair)):
        return refusal
    return Twin(fresh, tuple(made), frozenset(edit.label for edits in made for edit in edits if edit.label))


def _edits(text: str, axis: str, pair: Pair) -> list[Edit] | Refusal:
    if axis == "gender":
        return swap_gender.edits(text)
    if axis == "age":
        return swap_age.edits(text)
    return swap_groups.edits(text, axis, pair)


def _leads_back(texts: Sequence[str], fresh: Sequence[str], axis: str, pair: Pair) -> Refusal | None:
    for number, (text, new) in enumerate(zip(texts, fresh, strict=True)):
        again = _edits(new, axis, pair)
        if isinstance(again, Refusal):
            return Refusal(f"swapped back it would be refused: {again.reason}", 0, len(text), number)
        if edited(new, again) != text:
            return Refusal("swapped back it would not be the same", 0, len(text), number)
    return None
