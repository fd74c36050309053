"""Real sentences in which nobody is named, with names put where a pronoun or a noun for a person stood.

A grammar of our own says what its writer thought of; people write more kinds of sentences. Wherever one says
"he", "my sister" or "someone", a name can stand: so these places teach what the surroundings of a person look
like. And where a thing stands ("it", "the app"), a product, a company or a town is put with its capital
letter: else every such word that is on no list would be a person.
"""

from __future__ import annotations

# ruff: noqa: E501 - patterns and lists are read whole, on their line
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from names_made import Maker
from names_text import Marked, noisy

_ROLES = "wife|husband|son|daughter|mother|mom|mum|father|dad|brother|sister|friend|girlfriend|boyfriend|boss|manager|supervisor|teacher|neighbor|neighbour|uncle|aunt|cousin|roommate|colleague|coworker|co-worker|doctor|lawyer|attorney|landlord|representative|agent|guy|man|woman|girl|boy|lady|kid|child|student|employee|worker|driver|customer|person|partner|grandmother|grandfather|grandma|grandpa|ex|baby|nurse|professor|officer|player|actor|singer|killer|writer"
_PAST = "went|told|said|came|got|gave|took|made|saw|knew|thought|felt|found|left|kept|began|ran|wrote|read|heard|met|paid|sent|spoke|spent|stood|understood|lost|brought|bought|built|chose|drove|ate|fell|grew|held|hung|hit|hurt|let|put|quit|rode|sat|sold|sang|slept|stole|taught|wore|won|could|would|should|can|will|must|might|had|was|did|never|also|just|[a-z]{2,}ed"
_NOT_OWNED = "and|or|but|to|in|on|at|of|for|from|with|by|about|as|so|that|when|if|because|while|until|after|before|the|a|an|is|was|are|were|will|would|could|can|not|up|out|off|over|down|back|away|again|there|here|what|how|why|who|where|too|then|than|this|it|into|through|during|without|against|like|even|anyway"
_BEFORE = "to|with|for|from|by|about|of|at|against|without|than|after|behind|between|like|near|tell|told|ask|asked|help|call|called|give|gave|let|made|make|show|showed|see|saw|hurt|kill|love|hate|want|believe|contact|email|thank|offered|sent|informed|advised|charged"
PERSONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[Hh]e(?='s\b|'d\b|'ll\b| )"), ""),
    (re.compile(r"\b[Ss]he(?='s\b|'d\b|'ll\b| )"), ""),
    (re.compile(r"\bhim\b"), ""),
    (re.compile(rf"\bher\b(?= (?!(?:{_NOT_OWNED})\b)[a-z])"), "'s"),
    (re.compile(rf"\bher\b(?=[.,;!?]| (?:{_NOT_OWNED})\b)"), ""),
    (re.compile(r"\b[Hh]is\b(?= [a-z])"), "'s"),
    (re.compile(r"\b(?:[Ss]omeone|[Ss]omebody|[Aa]nyone|[Nn]obody|[Nn]o one|[Ee]veryone)\b(?! else| who| of| with)"), ""),
    (re.compile(rf"\b(?:[Mm]y|[Yy]our|[Hh]is|[Hh]er|[Oo]ur|[Tt]heir|[Tt]he|[Aa]|[Tt]his|[Tt]hat)(?: best| old| new| young| little)? (?:{_ROLES})\b(?! [a-z]*(?:er|or|ist)\b| of | who | number)"), ""),
    (re.compile(rf"\bI\b(?= (?:{_PAST})\b)"), ""),
    (re.compile(r"\bI am\b"), " is"),
    (re.compile(r"\bI have\b"), " has"),
    (re.compile(r"\bI (?:don't|do not|dont)\b"), " does not"),
    (re.compile(r"\b[Ww]e\b"), " and I"),
    (re.compile(rf"\b(?:{_BEFORE}) (me|you|them|us|him)\b(?! to)"), ""),
    (re.compile(r"\b[Mm]y\b(?= [a-z]{3,})"), "'s"),
    (re.compile(r"\b[Tt]hey\b(?= (?:went|told|said|came|got|gave|took|made|saw|could|would|should|can|will|must|had|did|never|[a-z]{2,}ed)\b)"), ""),
)  # fmt: skip
"""Place of a person, and what follows the name that stands there instead."""

_THINGS = "company|bank|website|app|store|card|account|phone|game|movie|book|song|service|school|agency|bureau|lender|office|website|site|restaurant|product|program|system|device|drug|law|test|film|show|band|team|city|country|town"
THINGS = (
    re.compile(r"\b[Ii]t\b(?= (?:is|was|will|would|can|could|has|had|works?|[a-z]{2,}ed|[a-z]{2,}s)\b)"),
    re.compile(rf"\b(?:[Tt]he|[Tt]his|[Tt]hat|[Aa]|[Mm]y|[Yy]our|[Tt]heir|[Oo]ur) (?:{_THINGS})\b"),
    re.compile(r"\b(?:with|from|for|of|to|on|in|by|about) (it|this|that)\b(?=[.,;!?]| (?:and|but|or|because|when|if|for)\b)"),
)  # fmt: skip
"""Places of a thing."""

_TOWNS = re.compile(
    r"\b(?:there|here)\b(?=[.,;!?]| (?:and|but|for|to|with|in|on|at|because|when|if|again|today)\b)"
)
_CAPITAL = re.compile(r"(?<!^)\b(?!I\b)[A-Z]")


def _dialogues(data: Path) -> Iterator[list[str]]:
    """Harmless-base of hh-rlhf (Bai et al. 2022, MIT): what people and an assistant say, sentence by sentence."""
    with (data / "hh-rlhf-harmless" / "harmless-base_test_first1500.jsonl").open(encoding="utf-8") as opened:
        for line in opened:
            row = json.loads(line)
            turns = re.split(r"\s*\n+(?:Human:|Assistant:)?\s*", row["chosen"] + "\n" + row["rejected"])
            yield [said for turn in turns for said in re.split(r"(?<=[.!?])\s+", turn.replace("’", "'"))]


def calm_talk(data: Path) -> list[str]:
    """Its sentences without a capital letter but the first and "I", each once."""
    said = dict.fromkeys(sentence for dialogue in _dialogues(data) for sentence in dialogue)
    return [sentence for sentence in said if 15 < len(sentence) < 220 and not _CAPITAL.search(sentence)]


def small_words(data: Path) -> set[str]:
    """Words in small letters in two dialogues or more, and in more than have them with a capital inside a sentence."""
    small, capital = Counter[str](), Counter[str]()
    for dialogue in _dialogues(data):
        text = "\n".join(dialogue)
        small.update(set(re.findall(r"\b[a-z]{3,}\b", text)))
        capital.update({word.lower() for word in re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{2,}\b", text)})
    return {word for word, seen in small.items() if seen >= 2 and seen > capital[word]}


def swapped(sentences: list[str], make: Maker, count: int) -> list[Marked]:
    """`count` texts with one to three names in the places of people; here and there also of things."""
    able = [(sentence, places) for sentence in sentences if (places := _places(sentence)) and len(places[0])]
    found = []
    for _ in range(count):
        sentence, (people, things) = make.chance.choice(able)
        chosen = make.chance.sample(people, min(len(people), make.chance.choice((1, 1, 1, 2, 3))))
        if things and make.odds(0.3):
            chosen.append(make.chance.choice(things))
        found.append(noisy(_filled(sentence, chosen, make), make))
    return found


def things_swapped(sentences: list[str], make: Maker, count: int) -> list[Marked]:
    """`count` texts in which a product, a company or a town stands for a thing, and nobody is named."""
    able = [(sentence, places[1]) for sentence in sentences if (places := _places(sentence))[1]]
    found = []
    for _ in range(count):
        sentence, things = make.chance.choice(able)
        found.append(noisy(_filled(sentence, [make.chance.choice(things)], make), make))
    return found


_Place = tuple[int, int, str, str]


def _places(sentence: str) -> tuple[list[_Place], list[_Place]]:
    people = [
        (*found.span(found.re.groups), "person", after)
        for form, after in PERSONS
        for found in form.finditer(sentence)
    ]
    things = [
        (*found.span(found.re.groups), "thing", "") for form in THINGS for found in form.finditer(sentence)
    ]
    things += [(*found.span(), "town", "") for found in _TOWNS.finditer(sentence)]
    return people, things


def _filled(sentence: str, chosen: list[_Place], make: Maker) -> Marked:
    text, places, done = "", list[tuple[int, int, str]](), 0
    for start, end, kind, after in sorted(chosen):
        if start < done:
            continue
        text += sentence[done:start]
        for label, said in _MADE[kind](make):
            if label:
                places.append((len(text), len(text) + len(said), label))
            text += said
        text, done = text + after, end
    return Marked(text + sentence[done:], places)


def _person(make: Maker) -> list[tuple[str, str]]:
    drawn = make.chance.random()
    if drawn < 0.72:
        return [("PERSON", make.listed() if make.odds(0.75) else make.first())]
    return [("PERSON", make.person())] if drawn < 0.96 else make.titled()


def _thing(make: Maker) -> list[tuple[str, str]]:
    drawn = make.chance.random()
    if drawn < 0.4:
        return [("ORGANIZATION", make.organisation())]
    before = make.pick("the ", "my ", "this ", "", "", "", "")
    if drawn < 0.75:
        return [("", before + make.one("product"))]
    return [("", before + (make.stem(2, 3) if drawn < 0.8 else make.one("everyday").capitalize()))]


def _town(make: Maker) -> list[tuple[str, str]]:
    return [("", "in "), ("LOCATION", make.city() if make.odds(0.75) else make.one("country"))]


_MADE: dict[str, Callable[[Maker], list[tuple[str, str]]]] = {
    "person": _person,
    "thing": _thing,
    "town": _town,
}


def renamed(rows: list[Marked], make: Maker) -> list[Marked]:
    """The rows that name a person, with other names there."""
    found = []
    for row in rows:
        if not any(label == "PERSON" for _, _, label in row.places):
            continue
        text, places, done = "", list[tuple[int, int, str]](), 0
        for start, end, label in sorted(row.places):
            text += row.text[done:start]
            said = row.text[start:end]
            if label == "PERSON":
                said = make.first() if " " not in said else f"{make.first()} {make.last()}"
            places.append((len(text), len(text) + len(said), label))
            text, done = text + said, end
        found.append(Marked(text + row.text[done:], places))
    return found
