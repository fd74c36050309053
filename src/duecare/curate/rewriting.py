"""A text with places replaced, and the way back from a place in it to the same place before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """Code points [start, end) of a text, and what a finder said of them."""

    start: int
    end: int
    label: str
    instrument: str
    value: float


@dataclass(frozen=True, slots=True)
class Rewritten:
    """`text` after the replacement; `places` of the text before, in order; `written` in their stead."""

    text: str
    places: tuple[Place, ...]
    written: tuple[str, ...]

    def moved_back(self, fresh: Iterable[Place]) -> list[Place]:
        """Those of `fresh`, places of the new text, that touch nothing written, as places of the old one."""
        moved = []
        for place in sorted(fresh):
            shift, begins = 0, 0
            for old, new in zip(self.places, self.written, strict=True):
                begins = old.start - shift
                if place.end <= begins:
                    break
                if place.start < begins + len(new):
                    begins = -1  # it touches what was written
                    break
                shift += old.end - old.start - len(new)
            if begins >= 0:
                moved.append(place._replace(start=place.start + shift, end=place.end + shift))
        return moved


def rewritten(text: str, places: Sequence[Place], write: Callable[[Place, str], str]) -> Rewritten:
    """`text` with each of `places` (apart from each other) replaced by what `write` makes of it."""
    ordered = tuple(sorted(places))
    written: list[str] = []
    pieces, done = [], 0
    for place in ordered:
        new = write(place, text[place.start : place.end])
        written.append(new)
        pieces += [text[done : place.start], new]
        done = place.end
    return Rewritten("".join([*pieces, text[done:]]), ordered, tuple(written))
