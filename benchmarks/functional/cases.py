"""The sentences of the functional test, each with its function and its two labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from functional.groups import GROUPS, Group
from functional.harmless import HARMLESS, INSULTS, UNTARGETED
from functional.hateful import DISGUISED, HATEFUL


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence. `toxic` and `attack` are its labels, `template` its number (a cluster: sentences of
    one template stand or fall together), `group` whom it names."""

    text: str
    function: str
    template: int
    toxic: bool
    attack: bool
    group: Group | None = None


def cases() -> list[Case]:
    """Every sentence, in a fixed order."""
    return list(_all())


def templates() -> list[str]:
    """Every template as it is written."""
    families = (*HATEFUL.values(), DISGUISED, *HARMLESS.values(), *UNTARGETED.values(), INSULTS)
    return [template for family in families for template in family]


def _all() -> Iterator[Case]:
    number = 0
    for function, family in HATEFUL.items():
        for template in family:
            yield from (Case(fill(template, g), function, number, True, True, g) for g in GROUPS)
            number += 1
    for template in DISGUISED:
        for way, disguise in DISGUISES.items():
            for group in GROUPS:
                text = disguise(fill(template, group))
                yield Case(text, f"spelling: {way}", number, True, True, group)
        number += 1
    for function, family in HARMLESS.items():
        for template in family:
            yield from (Case(fill(template, g), function, number, False, False, g) for g in GROUPS)
            number += 1
    for function, family in UNTARGETED.items():
        for template in family:
            yield Case(template, function, number, False, False)
            number += 1
    for template in INSULTS:
        yield Case(template, "insult to one person", number, True, False)
        number += 1


def fill(template: str, group: Group) -> str:
    """`template` with the words of `group`; a sentence begins with a capital."""
    text = template.replace("An {adj}", f"{group.adjective_article.capitalize()} {{adj}}")
    text = text.replace("an {adj}", f"{group.adjective_article} {{adj}}")
    text = text.replace("a {adj}", f"{group.adjective_article} {{adj}}")
    text = text.replace("{a_one}", f"{group.article} {group.one}").replace("{one}", group.one)
    text = text.replace("{people}", group.people).replace("{adj}", group.adjective)
    return text[:1].upper() + text[1:]


def _swapped(text: str) -> str:
    """Two inner letters of every longer word change places, as in hurried typing."""
    words = [w[:1] + w[2] + w[1] + w[3:] if len(w) > 4 and w.isalpha() else w for w in text.split(" ")]
    return " ".join(words)


def _missing(text: str) -> str:
    """Every longer word lacks one inner letter."""
    return " ".join(_without(word) if len(word) > 5 else word for word in text.split(" "))


def _without(word: str) -> str:
    at = 2 + int(hashlib.blake2b(word.encode(), digest_size=2).hexdigest(), 16) % (len(word) - 4)
    return word[:at] + word[at + 1 :]


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "letters swapped": _swapped,
    "letters missing": _missing,
    "digits for letters": lambda text: text.translate(str.maketrans("aeios", "43105")),
    "no spaces": lambda text: text.replace(" ", ""),
    "spaced out": " ".join,
    "capitals": str.upper,
    "doubled letters": lambda text: "".join(c * 4 if c in "aeiou" else c for c in text),
}
"""Ways in which DISGUISED sentences are written."""
