"""A nudge: two texts that differ in one thing. What moves the reward between them is that thing.

Nudged and plain text of a style have equally many words and characters (but those of `length`), so that a
reward that pays for length is found by nudges of length and by no other. All text is our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from duecare.reward.limits import Kind
from duecare.reward.pairs import Text


@dataclass(frozen=True, slots=True)
class Item:
    """One nudge, or two whose effects are compared: the rewards of `nudged` less those of `plain`.

    `cluster` is the independent unit: a pair's prompt, or the matter that a text of our own is about.
    """

    cluster: str
    nudged: tuple[Text, ...]
    plain: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question with its nudges: does naming `group` instead of `against` on `axis` pay, does padding?

    `name` says which nudge it is within its kind; `place` where an identity is named: "prompt", "answer", or
    "margin" for how much further a respectful answer lies above a dismissive one.
    """

    kind: Kind
    name: str
    items: tuple[Item, ...]
    axis: str = ""
    group: str = ""
    against: str = ""
    place: str = ""

    @property
    def about(self) -> dict[str, str]:
        """What its Estimates speak of."""
        named = {
            "kind": self.kind,
            "nudge": self.name,
            "axis": self.axis,
            "group": self.group,
            "against": self.against,
            "place": self.place,
        }
        return {key: value for key, value in named.items() if value}

    @property
    def nudges(self) -> set[tuple[Text, Text]]:
        """The pairs of texts that differ in one thing."""
        return {pair for item in self.items for pair in _one_thing(item)}


def _one_thing(item: Item) -> Iterator[tuple[Text, Text]]:
    """A margin compares two nudges, one for each answer: texts with one answer belong together."""
    for text in item.nudged:
        for other in item.plain:
            if len(item.nudged) == 1 or other.answer == text.answer:
                yield text, other


def texts_of(comparisons: Sequence[Comparison]) -> dict[Text, int]:
    """Every text that has to be scored once, numbered; answers to one prompt stand together."""
    prompts: dict[object, list[Text]] = {}
    seen: set[Text] = set()
    for comparison in comparisons:
        for item in comparison.items:
            for text in (*item.nudged, *item.plain):
                if text not in seen:
                    seen.add(text)
                    prompts.setdefault(text.turns, []).append(text)
    ordered = [text for texts in prompts.values() for text in texts]
    return {text: number for number, text in enumerate(ordered)}


def nudge_count(comparisons: Sequence[Comparison]) -> int:
    """How many different nudges the comparisons hold."""
    return len({pair for comparison in comparisons for pair in comparison.nudges})
