"""The edits that exchange two religions or two nationalities in a text, or why it cannot be done without guessing."""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Any

from duecare.curate.wording import Edit, Reading, Refusal, cased, listed

FORMS = ("adjective", "noun", "nouns", "name", "place", "places", "book", "books", "clergy", "clergies")
_ADHERENT = ("adjective", "noun", "nouns")
"""Forms that name people; a country or a place of worship alone does not."""
_PEOPLE = listed(
    """
    people person persons man men woman women lady ladies guy guys girl girls boy boys customer
    customers client clients family families community communities couple couples worker workers nurse
    nurses doctor doctors teacher teachers engineer engineers student students colleague colleagues
    neighbour neighbours neighbor neighbors friend friends driver drivers citizen citizens immigrant
    immigrants parents father mother wife husband employee employees boss manager applicant applicants
    faith school schools holiday holidays restaurant restaurants company companies food cuisine culture
    government army president minister economy embassy city cities town towns writer artist music
    """
)
_AFTER_NOUN = listed(
    """
    is was are were has had who that and or but in from at with to can could will would should must does
    did do said says of on as
    """
)
_SPOKEN = listed(
    """
    speak speaks spoke speaking spoken learn learns learning fluent into language native
    """
)
_WHERE = listed(
    """
    in from to of for with between visit visited visiting leave left toward towards across and
    """
)
_HOMONYMS = {"Turkey", "Polish", "China"}
"""Words that at the beginning of a sentence may be something else: the bird, to polish, porcelain."""
_NAMED = listed(
    """
    is was has said says had will asked told called and
    """
)


def edits(text: str, axis: str, pair: tuple[str, str]) -> list[Edit] | Refusal:
    """What to change so that the two groups of `pair` trade places; empty where neither is named."""
    reading, table = Reading(text), groups(axis)
    forms = _forms(axis, pair)
    made: list[Edit] = []
    for place, word in enumerate(reading.words):
        if any(edit.start <= word.start < edit.end for edit in made):
            continue
        found = _at(reading, place, forms, table[pair[0]], table[pair[1]])
        if isinstance(found, Refusal):
            return found
        if found is not None:
            made.append(found)
    return _checked(reading, made, axis, pair)


def named(texts: Iterable[str], axis: str) -> list[str]:
    """The groups of `axis` that the texts name, of those that can be exchanged and ("other") of those that cannot."""
    from duecare.detect.identity import Identity

    finder, found = Identity((axis,)), set()
    for text in texts:
        found |= {span.label.partition(":")[2] for span in finder.mentions(text)}
        found |= {group for group, pattern in _names(axis).items() if pattern.search(text)}
    known = groups(axis)
    return sorted({group if group in known else "other" for group in found})


def _checked(reading: Reading, made: list[Edit], axis: str, pair: tuple[str, str]) -> list[Edit] | Refusal:
    if not any(edit.label for edit in made):
        return []  # no word names people: "the church" is no Christian, and a country no citizen
    for reason, pattern in _refused(axis, pair):
        if found := pattern.search(reading.text):
            return Refusal(reason, *found.span())
    for edit in made:
        if reading.in_quotation(edit.start):
            return Refusal("a quotation names the group", edit.start, edit.end)
    return made


def _at(
    reading: Reading,
    place: int,
    forms: dict[str, set[tuple[str, str]]],
    one: dict[str, str],
    other: dict[str, str],
) -> Edit | Refusal | None:
    for size in (3, 2, 1):
        if place + size > len(reading.words):
            continue
        start, end = reading.words[place].start, reading.words[place + size - 1].end
        written = reading.text[start:end]
        if found := forms.get(" ".join(written.lower().split())):
            word = reading.words[place]
            break
    else:
        return None
    if written[0].islower() and any(written.capitalize() == each for each in _HOMONYMS):
        return None
    if refusal := _trap(reading, place, written):
        return refusal
    fitting = {form for _, form in found}
    group = next(iter(found))[0]
    mine, theirs = (one, other) if group == one["group"] else (other, one)
    form = (
        next(iter(fitting))
        if len({theirs.get(form) for form in fitting}) == 1
        else _form(reading, place, fitting)
    )
    if form is None or form not in theirs:
        return Refusal("a word for which the other group has no form", start, end)
    new = theirs[form]
    if written.islower() and form in (*_ADHERENT, "name"):
        new = new.lower()
    label = mine["group"] if form in _ADHERENT else ""
    return Edit(start, end, cased(word.text, new) if word.text.isupper() and len(word.text) > 1 else
                (new[0].upper() + new[1:] if written[0].isupper() else new), label)  # fmt: skip


def _form(reading: Reading, place: int, fitting: set[str]) -> str | None:
    """Adjective or noun, by what follows; None where it cannot be told."""
    after = reading.next(place)
    if after is None or after.lower in _AFTER_NOUN:
        return "noun" if "noun" in fitting else None
    return "adjective" if after.lower in _PEOPLE else None


def _trap(reading: Reading, place: int, written: str) -> Refusal | None:
    word, before, after = reading.words[place], reading.last(place), reading.next(place)
    here = (word.start, word.end)
    if written in _HOMONYMS and reading.opens(place) and not (after is not None and after.lower in _PEOPLE):
        return Refusal("a word that may be something else", *here)
    if written == "Turkey" and not (before is not None and before.lower in _WHERE):
        return Refusal("a word that may be something else", *here)
    if written == "Christian" and after is not None and (
        (after.capital and after.lower not in _PEOPLE) or (reading.opens(place) and after.lower in _NAMED)
    ):  # fmt: skip
        return Refusal("a word that may be a person's name", *here)
    if written == "Christian" and reading.opens(place) and after is None:
        return Refusal("a word that may be a person's name", *here)
    if (before is not None and before.lower in _SPOKEN) or (after is not None and after.lower == "language"):
        return Refusal("a word that may be the language", *here)
    return None


@lru_cache(maxsize=64)
def _forms(axis: str, pair: tuple[str, str]) -> dict[str, set[tuple[str, str]]]:
    """Written form, lower case -> the (group, form) it may be."""
    found: dict[str, set[tuple[str, str]]] = {}
    for group in pair:
        for form in FORMS:
            if written := groups(axis)[group].get(form):
                found.setdefault(written.lower(), set()).add((group, form))
    return found


@lru_cache(maxsize=4)
def groups(axis: str) -> dict[str, dict[str, str]]:
    """The groups of an axis that can be exchanged -> their forms."""
    return {raw["group"]: raw for raw in _raw()[axis]["groups"]}


@lru_cache(maxsize=4)
def _names(axis: str) -> dict[str, re.Pattern[str]]:
    """Group -> the word for its religion or country, as a whole word with its capital."""
    return {group: re.compile(rf"\b{re.escape(raw['name'])}\b") for group, raw in groups(axis).items()}


@lru_cache(maxsize=64)
def _refused(axis: str, pair: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Things of one group alone; what the pair's own forms name is not among them."""
    raw = _raw()[axis]
    own = rf"\b(?:{'|'.join(raw['own'])})\b"
    made = [("a thing of one group that the other has no word for", re.compile(own, re.I))]
    if raw.get("fixed"):
        made.append(("a fixed name", re.compile(rf"\b(?:{'|'.join(raw['fixed'])})\b", re.I)))
    return tuple(made)


@lru_cache(maxsize=1)
def _raw() -> dict[str, Any]:
    path = resources.files("duecare.curate") / "words" / "groups.json"
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded
