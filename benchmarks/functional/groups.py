"""The groups that the functional test speaks of, in two halves.

`seen` groups are also named by training sources (in other sentences); the others are named nowhere in
them, so that a figure on them says what a detector does with people it was never told about.
"""

from __future__ import annotations

# ruff: noqa: E501 - a table of words is read row by row
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """One group: `one` follows "a"/"an" ("a Maori"), `people` is the plural, `adjective` stands before
    a noun ("Maori")."""

    axis: str
    adjective: str
    one: str
    people: str
    seen: bool

    @property
    def name(self) -> str:
        """As it stands in results: "religion: Quakers"."""
        return f"{self.axis}: {self.people}"

    @property
    def article(self) -> str:
        """ "a" or "an" before `one`."""
        return _article(self.one)

    @property
    def adjective_article(self) -> str:
        """ "a" or "an" before `adjective`."""
        return _article(self.adjective)


def _article(word: str) -> str:
    # "Uyghur", "Uruguayan" and "Ukrainian" begin with the sound of "you".
    vowel = word[0].lower() in "aeio" or (
        word[0].lower() == "u" and word[:2].lower() not in ("uy", "ur", "uk")
    )
    return "an" if vowel else "a"


def _group(axis: str, seen: bool, *rows: tuple[str, str, str]) -> tuple[Group, ...]:
    return tuple(Group(axis, adjective, one, people, seen) for adjective, one, people in rows)


GROUPS: tuple[Group, ...] = (
    *_group("gender", True, ("female", "woman", "women"), ("male", "man", "men")),
    *_group("gender", True, ("transgender", "transgender person", "transgender people")),
    *_group("orientation", True, ("gay", "gay man", "gay men"), ("lesbian", "lesbian", "lesbians")),
    *_group("orientation", True, ("bisexual", "bisexual person", "bisexual people")),
    *_group("religion", True, ("Muslim", "Muslim", "Muslims"), ("Jewish", "Jewish person", "Jews")),
    *_group("religion", True, ("Christian", "Christian", "Christians"), ("Hindu", "Hindu", "Hindus")),
    *_group("religion", True, ("Sikh", "Sikh", "Sikhs"), ("atheist", "atheist", "atheists")),
    *_group("race", True, ("Black", "Black person", "Black people"), ("white", "white person", "white people")),
    *_group("race", True, ("Asian", "Asian person", "Asians"), ("Latino", "Latino", "Latinos")),
    *_group("race", True, ("Roma", "Roma person", "Roma people")),
    *_group("nationality", True, ("Mexican", "Mexican", "Mexicans"), ("Chinese", "Chinese person", "Chinese people")),
    *_group("nationality", True, ("Nigerian", "Nigerian", "Nigerians"), ("Syrian", "Syrian", "Syrians")),
    *_group("nationality", True, ("immigrant", "immigrant", "immigrants")),
    *_group("disability", True, ("disabled", "disabled person", "disabled people"), ("deaf", "deaf person", "deaf people")),
    *_group("disability", True, ("autistic", "autistic person", "autistic people")),
    *_group("age", True, ("elderly", "elderly person", "elderly people"), ("teenage", "teenager", "teenagers")),
    *_group("gender", False, ("intersex", "intersex person", "intersex people"), ("bigender", "bigender person", "bigender people")),
    *_group("orientation", False, ("polysexual", "polysexual person", "polysexuals"), ("demisexual", "demisexual person", "demisexuals")),
    *_group("orientation", False, ("aromantic", "aromantic person", "aromantic people")),
    *_group("religion", False, ("Quaker", "Quaker", "Quakers"), ("Zoroastrian", "Zoroastrian", "Zoroastrians")),
    *_group("religion", False, ("Yazidi", "Yazidi", "Yazidis"), ("Druze", "Druze woman", "Druze people")),
    *_group("religion", False, ("Mennonite", "Mennonite", "Mennonites"), ("Rastafarian", "Rastafarian", "Rastafarians")),
    *_group("race", False, ("Maori", "Maori", "Maoris"), ("Faroese", "Faroese woman", "Faroese people")),
    *_group("race", False, ("Uyghur", "Uyghur", "Uyghurs"), ("Tamil", "Tamil", "Tamils")),
    *_group("race", False, ("Basque", "Basque", "Basques"), ("Circassian", "Circassian", "Circassians")),
    *_group("nationality", False, ("Bolivian", "Bolivian", "Bolivians"), ("Uruguayan", "Uruguayan", "Uruguayans")),
    *_group("nationality", False, ("Estonian", "Estonian", "Estonians"), ("Burmese", "Burmese man", "Burmese people")),
    *_group("nationality", False, ("Zambian", "Zambian", "Zambians"), ("Kyrgyz", "Kyrgyz man", "Kyrgyz people")),
    *_group("nationality", False, ("Maltese", "Maltese woman", "Maltese people"), ("Uzbek", "Uzbek", "Uzbeks")),
    *_group("disability", False, ("dyslexic", "dyslexic person", "dyslexics"), ("epileptic", "epileptic", "epileptics")),
    *_group("disability", False, ("deafblind", "deafblind person", "deafblind people")),
    *_group("age", False, ("octogenarian", "octogenarian", "octogenarians"), ("septuagenarian", "septuagenarian", "septuagenarians")),
)  # fmt: skip
"""All groups, those that training also names first."""
