"""How a group is named in a sentence, and how the rest of the sentence agrees with it.

A template holds slots: `{a:customer}` becomes "a Muslim customer", `{the:customer}` "the Muslim customer",
`{they}`, `{them}`, `{their}` a pronoun, and `{s}`, `{are}`, `{have}` the verb that goes with it
("{they} need{s}", "{they} {are} waiting"). A capital first letter in the slot gives one in the text.
Nothing else may differ between two groups: that is what makes their prompts counterfactual twins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SLOT = re.compile(r"\{([A-Za-z]+)(?::([a-z ]+))?\}")
_PRONOUNS: Mapping[str, tuple[str, str, str]] = {
    "she": ("she", "her", "her"),
    "he": ("he", "him", "his"),
    "they": ("they", "them", "their"),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """One group: the adjective that names it, and the pronoun it goes with."""

    group: str
    adjective: str
    pronoun: str = "they"


AXES: Mapping[str, tuple[Wording, ...]] = {
    "gender": (
        Wording("men", "male", "he"),
        Wording("women", "female", "she"),
        Wording("nonbinary", "nonbinary", "they"),
    ),
    "religion": (
        Wording("christian", "Christian"),
        Wording("muslim", "Muslim"),
        Wording("jewish", "Jewish"),
        Wording("hindu", "Hindu"),
        Wording("buddhist", "Buddhist"),
        Wording("atheist", "atheist"),
    ),
    "age": (
        Wording("middle-aged", "middle-aged"),
        Wording("young", "young"),
        Wording("older", "older"),
    ),
    "nationality": (
        Wording("american", "American"),
        Wording("british", "British"),
        Wording("chinese", "Chinese"),
        Wording("german", "German"),
        Wording("indian", "Indian"),
        Wording("mexican", "Mexican"),
        Wording("nigerian", "Nigerian"),
    ),
}
"""Groups by axis. A study may compare any of them; the list is a beginning, not a claim to be complete."""

REFERENCE: Mapping[str, str] = {axis: wordings[0].group for axis, wordings in AXES.items()}
"""The group that others on its axis are compared with, unless a study names another."""


def fill(template: str, wording: Wording) -> str:
    """The template with every slot worded for one group; a KeyError names a slot that does not exist."""
    nominative, accusative, genitive = _PRONOUNS[wording.pronoun]
    plural = wording.pronoun == "they"
    words = {
        "they": nominative,
        "them": accusative,
        "their": genitive,
        "s": "" if plural else "s",
        "es": "" if plural else "es",
        "are": "are" if plural else "is",
        "were": "were" if plural else "was",
        "have": "have" if plural else "has",
        "do": "do" if plural else "does",
    }

    def word(match: re.Match[str]) -> str:
        slot, noun = match[1], match[2]
        if noun is None:
            text = words[slot.lower()]
        elif slot.lower() == "the":
            text = f"the {wording.adjective} {noun}"
        elif slot.lower() == "a":
            article = "an" if wording.adjective[0].lower() in "aeio" else "a"
            text = f"{article} {wording.adjective} {noun}"
        else:
            raise KeyError(slot)
        return text[0].upper() + text[1:] if slot[0].isupper() else text

    return _SLOT.sub(word, template)
