"""Neutral wording by rules: a job without its gender, a title without it, "they" for a person nobody knows.

Only what a rule can say without loss is said anew. What a sentence claims about a group ("women are bad
drivers") has no neutral wording; such a place is left and flagged, for people to decide.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import re
from collections.abc import Iterator
from functools import lru_cache

from duecare.curate.her import resolve
from duecare.curate.wording import Edit, cased, listed
from duecare.detect.stereotype_words import JOBS

JOB, TITLE, PRONOUN = "gender left out of a job", "title without a gender", "they for a person nobody knows"

_TITLES = {
    "chairman": "chair", "chairmen": "chairs", "chairwoman": "chair", "chairwomen": "chairs",
    "policeman": "police officer", "policemen": "police officers", "policewoman": "police officer",
    "policewomen": "police officers", "fireman": "firefighter", "firemen": "firefighters", "firewoman": "firefighter",
    "mailman": "mail carrier", "mailmen": "mail carriers", "postman": "postal worker", "postmen": "postal workers",
    "salesman": "salesperson", "salesmen": "salespeople", "saleswoman": "salesperson", "saleswomen": "salespeople",
    "businessman": "businessperson", "businessmen": "businesspeople", "businesswoman": "businessperson",
    "businesswomen": "businesspeople", "spokesman": "spokesperson", "spokesmen": "spokespeople",
    "spokeswoman": "spokesperson", "spokeswomen": "spokespeople", "congressman": "member of Congress",
    "congressmen": "members of Congress", "congresswoman": "member of Congress", "stewardess": "flight attendant",
    "stewardesses": "flight attendants", "foreman": "supervisor", "foremen": "supervisors", "craftsman": "craftsperson",
    "craftsmen": "craftspeople", "workman": "worker", "workmen": "workers", "cleaning lady": "cleaner",
    "cleaning ladies": "cleaners", "housewife": "homemaker", "housewives": "homemakers", "mankind": "humankind",
    "manpower": "workforce", "cameraman": "camera operator", "cameramen": "camera operators", "weatherman": "forecaster",
    "repairman": "repairer", "repairmen": "repairers", "handyman": "odd-job worker", "middleman": "intermediary",
    "middlemen": "intermediaries", "layman": "layperson", "laymen": "laypeople", "sportsmanship": "fair play",
}  # fmt: skip
_KNOWN = ("person", "customer", "student", "user", "client", "employee", "applicant", "candidate", "member", "patient",
          "reader", "citizen", "player", "child", "owner", "worker")  # fmt: skip
_MODAL = r"(?:must|should|will|would|can|could|may|might|has\s+to|needs\s+to|ought\s+to|is\s+expected\s+to|always|never)"
_SENTENCE = re.compile(r"[^.!?\n]+")
_PRONOUN = re.compile(r"\b(he|she|him|her|hers|his|himself|herself)\b(['’](?:s|d|ll))?", re.I)
_GENDERED = re.compile(
    r"\b(?:m[ae]n|wom[ae]n|boys?|girls?|lad(?:y|ies)|gentlem[ae]n|guys?|mothers?|fathers?|moms?|dads?|mums?|wi(?:fe|ves)"
    r"|husbands?|sons?|daughters?|brothers?|sisters?|uncles?|aunts?|mr|mrs|ms|miss|sir|madam|boyfriend|girlfriend)\b",
    re.I,
)  # fmt: skip
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_FORMS = {
    "he": "they", "she": "they", "him": "them", "hers": "theirs", "himself": "themselves", "herself": "themselves",
}  # fmt: skip
_VERBS = {
    "is": "are", "was": "were", "has": "have", "does": "do", "goes": "go", "isn't": "aren't", "wasn't": "weren't",
    "hasn't": "haven't", "doesn't": "don't",
}  # fmt: skip
_UNBENT = listed(
    """
    can could will would shall should may might must can't couldn't won't wouldn't shouldn't had did
    didn't hadn't came went got made said took saw knew thought gave felt found left told kept held
    began met ran
    """
)
_ADVERBS = listed(
    """
    always never often also usually really then still just sometimes probably only even
    """
)
_INVERTED = frozenset(("is", "was", "has", "does", "isn't", "wasn't", "hasn't", "doesn't"))


def rephrased(text: str) -> list[Edit]:
    """Edits that make the wording neutral, in order and apart from each other; `label` is the rule."""
    made: list[Edit] = []
    for sentence in _SENTENCE.finditer(text):
        for found in (_jobs(text, sentence), _titles(text, sentence), _pronouns(text, sentence)):
            made += [each for each in found if all(each.end <= o.start or o.end <= each.start for o in made)]
    return sorted(made)


def _jobs(text: str, sentence: re.Match[str]) -> Iterator[Edit]:
    """ "a female nurse" -> "a nurse"; nothing where a sentence sets the two sides against each other."""
    found = [*_modified().finditer(text, sentence.start(), sentence.end())]
    sides = {"men" if each["sex"].lower() in ("male", "man", "gentleman") else "women" for each in found}
    both = re.search(r"\bmale\b", sentence.group(), re.I) and re.search(r"\bfemale\b", sentence.group(), re.I)
    if len(sides) > 1 or both:
        return
    for each in found:
        # The modifier goes, with the space after it; wording.edited sets the article.
        first = each["job"]
        yield Edit(
            each.start("sex"),
            each.end("job"),
            cased(each["sex"], first) if each["sex"][0].isupper() else first,
            JOB,
        )


@lru_cache(maxsize=1)
def _modified() -> re.Pattern[str]:
    jobs = "|".join(
        re.escape(job).replace(r"\ ", r"\s+") for job in sorted(JOBS, key=lambda job: (-len(job), job))
    )
    return re.compile(
        rf"\b(?P<sex>female|male|lady|woman|women|girl|gentleman|man)\s+(?P<job>(?:{jobs}|midwife|driver)s?)\b",
        re.I,
    )


def _titles(text: str, sentence: re.Match[str]) -> Iterator[Edit]:
    for each in _titled().finditer(text, sentence.start(), sentence.end()):
        before, after = text[max(0, each.start() - 2) : each.start()], text[each.end() : each.end() + 2]
        part_of_name = each.group()[0].isupper() and (after[:1] == " " and after[1:2].isupper())
        if part_of_name or (before[-1:] in "-'’\"“" and before[-1:]):
            continue
        new = _TITLES[" ".join(each.group().lower().split())]
        yield Edit(each.start(), each.end(), cased(each.group(), new), TITLE)


@lru_cache(maxsize=1)
def _titled() -> re.Pattern[str]:
    words = "|".join(
        re.escape(word).replace(r"\ ", r"\s+") for word in sorted(_TITLES, key=lambda w: (-len(w), w))
    )
    return re.compile(rf"\b(?:{words})\b", re.I)


def _pronouns(text: str, sentence: re.Match[str]) -> list[Edit]:
    """ "every nurse knows her patients" -> "... their patients"; nothing where the person may be a certain one."""
    someone = [*_anyone().finditer(text, sentence.start(), sentence.end())]
    if len(someone) != 1 or _GENDERED.search(sentence.group()):
        return []
    found = [*_PRONOUN.finditer(text, someone[0].end(), sentence.end())]
    sides = {
        each[1].lower()[0] == "h" and each[1].lower() in ("he", "him", "his", "himself") for each in found
    }
    if len(sides) != 1 or _PRONOUN.search(text, sentence.start(), someone[0].start()):
        return []
    made: list[Edit] = []
    for each in found:
        edits = _pronoun(text, sentence, each)
        if edits is None:
            return []
        made += edits
    return made


@lru_cache(maxsize=1)
def _anyone() -> re.Pattern[str]:
    """A person nobody knows: any nurse, every nurse, or "a nurse" of whom a rule is told."""
    words = sorted({*JOBS, *_KNOWN}, key=lambda word: (-len(word), word))
    who = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in words)
    some = rf"(?:any|every|each|no)\s+(?:\w+\s+)?(?:{who})|(?:an?)\s+(?:\w+\s+)?(?:{who})(?=\s+{_MODAL}\b)"
    return re.compile(rf"\b(?:{some}|(?:anyone|anybody|everyone|everybody)(?=\s+who\b))\b", re.I)


def _pronoun(text: str, sentence: re.Match[str], found: re.Match[str]) -> list[Edit] | None:
    """The edits for one pronoun and its verb; None where they cannot be told."""
    word, clitic = found[1].lower(), (found[2] or "").lower().replace("’", "'")
    if word in ("he", "she"):
        if clitic == "'s":
            return None  # "is" or "has"
        edits = [Edit(*found.span(1), cased(found[1] if len(found[1]) > 1 else "x", "they"), PRONOUN)]
        verb = [] if clitic else _verb(text, sentence, found)
        return None if verb is None else [*edits, *verb]
    if clitic:
        return None
    form = _FORMS.get(word) or _possessive(text, found, word)
    return None if form is None else [Edit(*found.span(1), cased(found[1], form), PRONOUN)]


def _possessive(text: str, found: re.Match[str], word: str) -> str | None:
    if word == "his":
        alone = re.match(r"\s*(?:[.,;:!?)]|$)", text[found.end() :])
        return "theirs" if alone else "their"
    tokens = [*_TOKEN.finditer(text)]
    at = next(number for number, token in enumerate(tokens) if token.start() == found.start())
    read = resolve([token.group() for token in tokens], at)
    return {"his": "their", "him": "them", None: None}[read]


def _verb(text: str, sentence: re.Match[str], found: re.Match[str]) -> list[Edit] | None:
    """The verb of "he" or "she" in the plural: the one before it in a question, else the one after it."""
    words = [*re.finditer(r"\w+(?:['’]\w+)*", text[: sentence.end()])]
    at = next(number for number, each in enumerate(words) if each.start() == found.start(1))
    before = words[at - 1] if at else None
    if before is not None and _plain(before) in _INVERTED:
        return [Edit(*before.span(), cased(before.group(), _VERBS[_plain(before)]), PRONOUN)]
    after = [each for each in words[at + 1 : at + 3] if _plain(each) not in _ADVERBS]
    if not after or (len(after) == 2 and _plain(words[at + 1]) in _ADVERBS and after[0] is not words[at + 2]):
        return None
    verb = after[0]
    if re.search(r"\b(?:and|or|but)\s+(?:\w+ly\s+)?\w+[^s\W]s\b", text[verb.end() : sentence.end()]):
        return None  # a second verb may need its plural too
    form = _plural(_plain(verb))
    if form is None:
        return None
    return [] if form == _plain(verb) else [Edit(*verb.span(), cased(verb.group(), form), PRONOUN)]


def _plain(found: re.Match[str]) -> str:
    return found.group().lower().replace("’", "'")


def _plural(verb: str) -> str | None:
    """The form after "they"; None for a word that is no form of a verb that we know."""
    if verb in _VERBS:
        return _VERBS[verb]
    if verb in _UNBENT or verb.endswith("ed"):
        return verb
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if re.search(r"(?:ss|x|zz|ch|sh)es$", verb):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith(("ss", "us")) and len(verb) > 3 else None
