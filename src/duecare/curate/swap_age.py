"""The edits that exchange young and old people in a text, or why it cannot be done without guessing."""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import re

from duecare.curate.wording import Edit, Reading, Refusal, cased, listed

YOUNG, OLDER = "young", "older"
_PAIRS = (("young", "old"), ("younger", "older"), ("youngest", "oldest"), ("teenager", "pensioner"),
          ("teenagers", "pensioners"), ("youthful", "aged"))  # fmt: skip
_SIDES = {
    **{one: (other, YOUNG) for one, other in _PAIRS[:5]},
    **{other: (one, OLDER) for one, other in _PAIRS[:5]},
}
_PEOPLE = listed(
    """
    people person persons man men woman women lady ladies gentleman gentlemen guy guys customer
    customers client clients user users worker workers employee employees driver drivers applicant
    applicants patient patients adult adults couple couples candidate candidates resident residents
    voter voters nurse doctor teacher engineer manager
    """
)
_SAME = listed(
    """
    female male single married rich poor black white tall happy sad busy
    """
)
"""Words that may stand between "old" and a person."""
_AGE = re.compile(
    r"\b(\d{1,3})([ -])(year|years)([ -])old\b|\baged (\d{1,3})\b|\b(\d{1,3}) years of age\b", re.I
)
_OWN = re.compile(
    r"\b(?:elderly|seniors?|retire\w*|pensions?|school\w*|college|universit\w*|students?|kids?|child\w*|boys?|girls?|teens?"
    r"|teenage|grand\w+|born|19\d\d|20\d\d|generations?|millennials?|boomers?|daughters?|sons?|mothers?|fathers?|moms?|dads?|mums?|parents?|legal|drink\w*|driving licen[cs]e|nursing homes?|dementia|alzheimer\w*|menopaus\w*"
    r"|puberty|minors?|youths?|adolescen\w*|toddlers?|bab(?:y|ies)|infants?|aged care|old age|ageing|aging)\b",
    re.I,
)  # fmt: skip
LOWEST, HIGHEST, MIRROR = 18, 29, 100
"""Ages from LOWEST to HIGHEST trade places with MIRROR minus the age; ages between are left as they are."""


def edits(text: str) -> list[Edit] | Refusal:
    """What to change so that young and old people trade places; empty where neither is named."""
    reading = Reading(text)
    made: list[Edit] = []
    taken: list[tuple[int, int]] = []
    for found in _AGE.finditer(text):
        taken.append(found.span())
        number = next(group for group in (1, 5, 6) if found[group])
        years = int(found[number])
        if LOWEST <= years <= HIGHEST or LOWEST <= MIRROR - years <= HIGHEST:
            side = YOUNG if years <= HIGHEST else OLDER
            made.append(Edit(*found.span(number), str(MIRROR - years), side))
        elif not HIGHEST < years < 60:
            return Refusal("an age without a counterpart", *found.span())
    for place, word in enumerate(reading.words):
        if any(start <= word.start < end for start, end in taken):
            continue
        found_word = _word(reading, place)
        if isinstance(found_word, Refusal):
            return found_word
        if found_word is not None:
            made.append(found_word)
    return _checked(reading, sorted(made))


def _checked(reading: Reading, made: list[Edit]) -> list[Edit] | Refusal:
    if not made:
        return []
    if own := _OWN.search(reading.text):
        return Refusal("a fact of one age", *own.span())
    for edit in made:
        if reading.in_quotation(edit.start):
            return Refusal("a quotation names the group", edit.start, edit.end)
    return made


def _word(reading: Reading, place: int) -> Edit | Refusal | None:
    word = reading.words[place]
    if (paired := _SIDES.get(word.lower)) is None:
        return None
    other, side = paired
    if word.lower not in ("teenager", "teenagers", "pensioner", "pensioners"):
        after = reading.next(place)
        if after is not None and after.lower in _SAME:
            after = reading.next(place + 1)
        before = reading.last(place)
        if before is not None and before.lower in (
            "year",
            "years",
            "month",
            "months",
            "how",
            "days",
            "weeks",
        ):
            return None
        if after is None or after.lower not in _PEOPLE:
            ends = after is None
            return Refusal("a word that may speak of a thing", word.start, word.end) if ends else None
        if word.text[0].isupper() and not reading.opens(place):
            return Refusal("a word that may be part of a name or a title", word.start, word.end)
    return Edit(word.start, word.end, cased(word.text, other), side)
