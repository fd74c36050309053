"""The edits that exchange women and men in a text, or why it cannot be done without guessing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Any

from duecare.curate.her import resolve
from duecare.curate.wording import Edit, Reading, Refusal, Word, cased, listed

WOMEN, MEN = "women", "men"
_LETTERS = re.compile(r"[^\W\d_]+")
_ONE_SIDED = re.compile(r"..m[ae]n\Z")
_NEAR = 80
"""Code points on either side of a "her" that hold the two words it is read by."""
_HER_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_STANDS_ALONE = listed(
    """
    is was are were has had will would can could may might must does did do and or but than then too
    also as if when because while to in on at of for from with by after before since until that which
    who not be been being here there now alone he she it they we i you so yet still
    """
)
"""After these "his" is "hers", or it cannot be told; before a noun none of them stands."""
_SURE_ALONE = listed(
    """
    is was are were has had will would than too but because when while if
    """
)
_MAN_VERB = listed(
    """
    to will would can could must should did i we they you
    """
)
_CALLED = frozenset(("oh", "hey", "wow", "yo", "damn", "come", "whoa"))
_SPEAKS = listed(
    """
    is was has had says said will would asked told called wants works likes lives does did
    """
)
_IN_PLACE = listed(
    """
    in from to of at near west new south north state through via across visit visiting
    """
)
_NEARBY = listed(
    """
    in of since until by from last next this early late during before after every
    """
)
_PROPER = listed(
    """
    man woman men women boy girl boys girls lady ladies queen king prince princess father mother brother
    sister duke duchess emperor empress sir
    """
)
_CROWNED = listed(
    """
    king queen prince princess father mother brother sister guy gal
    """
)
"""Before a name these are titles of one person ("Father Brown")."""
Found = Edit | Refusal | None


def edits(text: str) -> list[Edit] | Refusal:
    """What to change so that women and men trade places; empty where no word names either side."""
    table = _table()
    if table.any_side.isdisjoint(_LETTERS.findall(text.lower())) and table.names.keys().isdisjoint(
        _LETTERS.findall(text)
    ):
        return []
    reading = Reading(text)
    if refusal := _refused(text):
        return refusal
    left = [found.span() for found in table.left.finditer(text)]
    made = [*_phrases(reading, left)]
    taken = [*left, *((edit.start, edit.end) for edit in made)]
    for place, word in enumerate(reading.words):
        if any(start <= word.start < end for start, end in taken):
            continue
        found = _word(reading, place)
        if isinstance(found, Refusal):
            return found
        if found is not None:
            made.append(found)
    return _checked(reading, sorted(made))


def _checked(reading: Reading, made: list[Edit]) -> list[Edit] | Refusal:
    """No edit inside a quotation, and no word elsewhere that should have had one."""
    for edit in made:
        if reading.in_quotation(edit.start):
            return Refusal("a quotation names the group", edit.start, edit.end)
    if not made:
        return []
    if stranger := _stranger(reading, made):
        return stranger
    return made


def _refused(text: str) -> Refusal | None:
    """Facts of the body, public people and titles of works."""
    for reason, pattern in _table().refused:
        if found := pattern.search(text):
            return Refusal(reason, *found.span())
    return None


def _phrases(reading: Reading, left: list[tuple[int, int]]) -> Iterator[Edit]:
    """Forms of address of several words, and "sir" with "ma'am"."""
    table = _table()
    for found in table.phrase.finditer(reading.text):
        if any(start <= found.start() < end for start, end in left):
            continue
        plain = " ".join(found.group().lower().replace("’", "'").split())
        other, side = table.phrases[plain]
        written = found.group()
        if plain in ("sir", "ma'am", "madam"):
            other = "madam" if plain == "sir" and written[0].isupper() else other
            yield Edit(found.start(), found.end(), cased(written, other), side)
        else:
            new = " ".join(
                cased(model, word) for model, word in zip(written.split(), other.split(), strict=True)
            )
            yield Edit(found.start(), found.end(), new, side)


def _word(reading: Reading, place: int) -> Found:
    word, table = reading.words[place], _table()
    if word.lower in table.no_way_back:
        title = word.lower != "miss" or (word.capital and _titles(reading, place))
        return (
            None
            if not title
            else Refusal(
                f"a word that has no way back: {table.no_way_back[word.lower]}", word.start, word.end
            )
        )
    if word.lower in ("her", "his", "him", "hers"):
        return _pronoun(reading, place)
    if word.capital and (name := table.names.get(word.text)):
        return _named(reading, place, *name)
    if (paired := table.sides.get(word.lower)) is None:
        return _one_sided(reading, place)
    if _is_clitic(reading, word):
        return None
    return _trap(reading, place) or _exchanged(reading, word, *paired)


def _one_sided(reading: Reading, place: int) -> Refusal | None:
    """A trade or rank in -man or -woman that the list does not pair; a surname in -man is none."""
    word = reading.words[place]
    if not _ONE_SIDED.search(word.lower) or word.lower in _table().not_of_man:
        return None
    named = word.capital and not word.text.isupper()
    return None if named else Refusal("a word of one side that the list does not pair", word.start, word.end)


def _exchanged(reading: Reading, word: Word, other: str, side: str) -> Edit:
    """The edit for a word of a pair; of "ladies" and "gentlemen" the genitives differ too."""
    end, new = word.end, cased(word.text, other)
    rest = re.match(r"['’]([sS]?)(?!\w)", reading.text[end:])
    if rest and word.lower == "ladies" and not rest[1]:
        end, new = end + 1, new + reading.text[end] + ("S" if new.isupper() else "s")
    elif rest and word.lower == "gentlemen" and rest[1]:
        end, new = end + 2, new + reading.text[end]
    return Edit(word.start, end, new, side)


def _is_clitic(reading: Reading, word: Word) -> bool:
    """Whether it is the rest of another word ("o'he")."""
    return word.start > 1 and reading.text[word.start - 1] in "'’" and reading.text[word.start - 2].isalpha()


def _titles(reading: Reading, place: int) -> bool:
    after = reading.next(place, r"\.? ")
    return after is not None and after.capital


def _pronoun(reading: Reading, place: int) -> Found:
    word = reading.words[place]
    if word.lower in ("him", "hers"):
        return Edit(
            word.start, word.end, cased(word.text, "her" if word.lower == "him" else "his"), _side(word)
        )
    if word.lower == "his":
        form = _his(reading, place)
    else:
        near = reading.text[max(0, word.start - _NEAR) : word.end + _NEAR]
        tokens = [*_HER_WORDS.finditer(near)]
        at = next(
            number
            for number, token in enumerate(tokens)
            if token.start() == word.start - max(0, word.start - _NEAR)
        )
        form = resolve([token.group() for token in tokens], at)
    if form is None:
        return Refusal("a pronoun that can be read in two ways", word.start, word.end)
    return Edit(word.start, word.end, cased(word.text, form), _side(word))


def _side(word: Word) -> str:
    return WOMEN if word.lower in ("her", "hers") else MEN


def _his(reading: Reading, place: int) -> str | None:
    """ "her" before a noun, "hers" where it stands alone."""
    word = reading.words[place]
    rest = reading.text[word.end :]
    if not rest.strip() or re.match(r"\s*[.,;:!?)\]]|\s*\n", rest):
        return "hers"
    after = reading.next(place, r"\s+")
    if after is None or after.lower not in _STANDS_ALONE:
        return "her"
    return "hers" if after.lower in _SURE_ALONE else None


def _named(reading: Reading, place: int, other: str, side: str) -> Found:
    """A first name of the list: exchanged, unless it may be a place or a surname."""
    word = reading.words[place]
    before = reading.last(place)
    if word.text in _table().places and before is not None and before.lower in _IN_PLACE:
        return None
    if before is not None and before.capital and not reading.opens(place) and before.text in _table().names:
        return Refusal("a first name that may be a surname here", word.start, word.end)
    if (title := reading.last(place, r"\.? ")) is not None and (
        title.lower in ("mr", "ms", "dr", "prof", "professor")
        or (len(title.text) == 1 and title.text not in "AI")
    ):
        return None  # a surname, after a title or an initial
    return Edit(word.start, word.end, cased(word.text, other), side)


def _trap(reading: Reading, place: int) -> Refusal | None:
    """Words that name a side in most texts, and something else in this one perhaps."""
    word, before, after = reading.words[place], reading.last(place), reading.next(place)
    if word.lower == "man":
        verb = after is not None and after.lower in ("the", "a", "up", "our")
        calls = reading.text[word.end : word.end + 1] in (",", "!") and reading.opens(place)
        if (
            (verb and before is not None and before.lower in _MAN_VERB)
            or calls
            or (before and before.lower in _CALLED)
        ):
            return Refusal("a word that may not speak of a person", word.start, word.end)
    near = any(each is not None and each.capital for each in (before, after))
    shouted = before is not None and after is not None and before.text.isupper() and len(before.text) > 1
    if (
        word.lower in _PROPER
        and word.capital
        and near
        and not (reading.opens(place) or shouted or word.text.isupper())
    ):
        return Refusal("a word that may be part of a name or a title", word.start, word.end)
    crowned = word.lower in _CROWNED and (
        word.capital or word.lower in ("king", "queen", "prince", "princess")
    )
    if crowned and after is not None and after.capital and not after.text.isupper():
        return Refusal("a named public person", word.start, word.end)
    if word.lower in ("mr", "ms") and not (after := reading.next(place, r"\.?\s")):
        return Refusal("a title without a name", word.start, word.end)
    return None


def _stranger(reading: Reading, made: list[Edit]) -> Refusal | None:
    """A person's name that the list does not pair: left standing, it would stay on its side."""
    from duecare.detect.identity import protected_words
    from duecare.detect.names import find_names
    from duecare.detect.tokens import first_names

    done, table = {edit.start for edit in made}, _table()
    listed = first_names() - protected_words()  # "German" is both
    spans = find_names(reading.text, ("PERSON", "LOCATION", "ORGANIZATION"))
    elsewhere = [span for span in spans if span.label != "PERSON"]
    for span in spans:
        if span.label != "PERSON":
            continue
        first = next((word for word in reading.words if word.start >= span.start), None)
        titled = re.search(r"\b(?:Mr|Ms|Dr|Prof|Professor|Mx|Madam|Mister)\.? \Z", reading.text[: span.start])
        if first is None or titled or not set(reading.text[span.start : span.end]) - set("Xx [].,"):
            continue  # a surname, or the mask of a name
        if first.text in table.doubtful:
            return Refusal("a word that may be a person's name", span.start, span.end)
        if first.start not in done and first.text not in table.unisex:
            return Refusal("a name whose counterpart is not known", span.start, span.end)
    for place, word in enumerate(reading.words):
        if not word.capital or word.start in done or word.text in table.unisex:
            continue
        if word.text in table.doubtful:
            if _may_be_person(reading, place):
                return Refusal("a word that may be a person's name", word.start, word.end)
        elif word.lower in listed and not _after_title(reading, place) and word.text not in table.names:
            if any(span.start <= word.start < span.end for span in elsewhere) and not _speaks(reading, place):
                continue  # a bank or a state that is also somebody's first name
            return Refusal("a name whose counterpart is not known", word.start, word.end)
    return None


def _speaks(reading: Reading, place: int) -> bool:
    after = reading.next(place)
    return after is not None and after.lower in _SPEAKS


def _after_title(reading: Reading, place: int) -> bool:
    before = reading.last(place, r"\.? ")
    return before is not None and before.lower in ("mr", "ms", "dr", "prof", "professor", "madam")


def _may_be_person(reading: Reading, place: int) -> bool:
    """A name that is a word, a month or a place too: not so where what stands beside it tells."""
    word, before, after = reading.words[place], reading.last(place), reading.next(place)
    table = _table()
    if word.text in table.places and before is not None and before.lower in _IN_PLACE:
        return False
    if word.text in table.months and (
        (before is not None and before.lower in _NEARBY) or re.match(r" \d", reading.text[word.end :])
    ):
        return False
    speaks = (after is not None and after.lower in _SPEAKS) or re.match(
        r",|['’]s|\s+and\b", reading.text[word.end :]
    )
    return not reading.opens(place) or bool(speaks) or (after is not None and after.capital)


class _Table:
    """The word lists, made ready."""

    def __init__(self) -> None:
        path = resources.files("duecare.curate") / "words" / "gender.json"
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        self.sides = _both(raw["pairs"])
        self.names = _both(raw["names"])
        self.phrases = {
            **_both(raw["phrases"]), "ma'am": ("sir", WOMEN), "madam": ("sir", WOMEN), "sir": ("ma'am", MEN)
        }  # fmt: skip
        listed = "|".join(re.escape(each).replace(r"\ ", r"\s+") for each in _longest(self.phrases))
        self.phrase = re.compile(rf"\b(?:{listed.replace(chr(39), '[' + chr(39) + '’]')})(?!\w)", re.I)
        self.no_way_back: dict[str, str] = {
            word: why or "has none" for word, why in raw["no_way_back"].items()
        }
        self.no_way_back.pop("madam")
        self.not_of_man = frozenset(raw["not_of_man"])
        self.unisex, self.months = frozenset(raw["unisex"]), frozenset(raw["month_names"])
        self.places = frozenset(raw["place_names"])
        self.any_side = frozenset(
            ("her", "his", "him", "hers", "sir", "madam", "ma", *self.sides, *self.no_way_back)
        )
        self.doubtful = frozenset(raw["word_names"]) | self.months | self.places
        self.left = re.compile(rf"(?<!\w)(?:{'|'.join(raw['left'])})(?!\w)", re.I)
        self.refused = (
            ("a fact of the body or of one sex", re.compile(rf"\b(?:{'|'.join(raw['facts'])})\b", re.I)),
            ("a word for parts that fit", re.compile(rf"\b(?:{'|'.join(raw['connectors'])})\b", re.I)),
            ("a title of a work or a name of a brand", re.compile(rf"\b(?:{'|'.join(raw['works'])})\b")),
            ("a named public person", re.compile(rf"\b(?:{'|'.join(raw['public'])})\b")),
        )


@lru_cache(maxsize=1)
def _table() -> _Table:
    return _Table()


def _both(pairs: list[list[str]]) -> dict[str, tuple[str, str]]:
    """Word -> (the other, the side of the word)."""
    found = {}
    for woman, man in pairs:
        found[woman], found[man] = (man, WOMEN), (woman, MEN)
    return found


def _longest(words: dict[str, Any]) -> list[str]:
    return sorted(words, key=lambda word: (-len(word), word))
