"""Sentences of our own made from parts: who, what is said of them, and what the speaker does with it.

The same predicates are asserted, denied, quoted and refuted, of groups, of invented groups, of things and
of trades, so that neither a name nor a harsh word alone decides. Invented peoples ("Velorians") teach that an
unknown name is no reason for or against.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import hashlib
from collections.abc import Iterator, Sequence

from toxicity_predicates import (
    HARMLESS_PREDICATES,
    HOSTILE_PREDICATES,
    JOBS,
    NEGATIVE,
    NOUNS,
    POSITIVE,
    THINGS,
    TRADES,
    negated,
)

UNKNOWN = -1.0
INVENTED = 400
ASSERTED = (
    "{said}", "{said}.", "{said}!", "I swear {said}.", "Everybody knows that {said}.", "Sorry, but {said}.",
    "{said}, and that is a fact.", "Let's face it, {said}.", "My father always told me that {said}.", "Face it: {said}",
    "Believe me, {said}.", "You know it as well as I do: {said}.", "{said} and it will never change.", "wake up, {said}",
    "I have seen it often enough, {said}.", "The truth is that {said}.", "lol {said}", "{said} and we all pay for it.",
)  # fmt: skip
DENIED = (
    "It is a lie that {said}.", "Nobody should get away with claiming that {said}.", "It is a myth that {said}.",
    "I reported the user who wrote that {said}.", "My teacher explained why it is wrong to say that {said}.",
    "Stop telling people that {said}.", "How dare he say that {said}?", "It makes me sad when people believe that {said}.",
    "I do not think that {said}.", "It is simply not true that {said}.", "They used to teach children that {said}; how awful.",
    "Whoever thinks that {said} has never met any.", "Our moderators removed a post that said {said}.",
    "The propaganda of that time claimed that {said}.", '"{said}": such talk has no place in our forum.',
    "The customer yelled that {said}, and the clerk asked him to leave.", 'Please explain why "{said}" is hurtful.',
    'Is the sentence "{said}" hate speech?', "I was shocked when my boss said that {said}.", "Shame on those who say {said}.",
    "She left the party because somebody said that {said}.", 'The graffiti read "{said}" and we painted over it.',
    "Racists like to repeat that {said}, and they are wrong.", "No study shows that {said}; quite the opposite.",
    'If anyone tells you that "{said}", contradict them.', "He apologised for having written that {said}.",
)  # fmt: skip
WISHED = (
    "Keep {people} away from {place}.", "I don't want {people} in {place}.", "Get the {people} out of {place}.",
    "Never trust {people}.", "Kick {people} out of {place}.", "We do not serve {people} here.", "I hate {people}.",
    "I can't stand {people} and never could.", "I am sick of {people} in {place}.", "Fuck {people}.", "to hell with {people}",
    "No more {people} in {place}, please.", "The only good thing about {people} is when they leave.",
    "Imagine being {adjective}, how embarrassing.", "What do you expect, she is {adjective}.", "I hope all {people} die.",
    "A {person} moved in next door, so we are selling the house.", "I would be ashamed to be {adjective}.",
    "My sister married a {person}, what a disgrace for us.", "I wouldn't let a {person} touch my food.",
    "I will kill the next {person} I see.", "Let us go and hunt some {people} tonight.", "somebody should bomb the {people}",
    "Beat the {people} until they leave.", "Hang the {people}.", "gas the {people}", "{people} go home",
    "{people} not welcome in {place}", "We should build a wall around the {people}.", "One {person} less, who cares.",
    "There are too many {people} in {place} already.", "I am glad that the {person} got hurt.", "ban all {people}",
    "The police should crack down on {people}.", "Would you want your daughter to date a {person}? Neither would I.",
    "Don't be such a {person}.", "You throw like a {person}.", "I only feel safe where there are no {people}.",
    "You can always tell a {person} by the smell.", "never lend money to {people}", "Why are there {people} in {place}?",
    "{people}? No thanks.", "Being {adjective} is a sickness.", "Being {adjective} is a choice, and a revolting one.",
    "God made a mistake with the {people}.", "You are only a {person}, so shut up.", "Go away, {person}.",
)  # fmt: skip
HARMLESS_FRAMES = (
    "I saw {people} in {place} today.", "I would like to meet more {people}.", "I love {people}.", "Thanks to the {people} in {place}.",
    "Are there many {people} in {place}?", "{people} came to {place} last week.", "We serve {people} like everybody else.",
    "My sister married a {person} and we are delighted.", "A {person} moved in next door, so we brought a cake.",
    "I trust {people} as much as anyone.", "Tell me about the history of {people}.", "She is {adjective} and he is not.",
    "Is your new colleague {adjective}?", "I think the film has a {adjective} director.", "I am glad that the {person} was not hurt.",
    "It was wrong to keep {people} out of {place}.", "Do not insult {people} in {place}.", "I hate it when people insult {people}.",
    "I am sick of jokes about {people}.", "The police should protect {people}.", "More {people} should work in {place}.",
    "There are not enough {people} in {place}.", "We are two {people} and we need a table.", "My mother was {adjective}.",
    "I stopped talking to him because he hates {people}.", "The man who killed the {person} was sentenced.",
    "He was beaten because he is {adjective}.", "{people} in {place}: a history", "Why do {people} celebrate this day?",
    "We {people} have to stand up for ourselves.", "I am a {person} and I am afraid of going out at night.",
    "I am {adjective}, does your insurance cover that?", "As a {person} I was often stared at.", "Who was the first {adjective} mayor?",
    "Write a poem about a {person} in {place}.", "Give me a list of {adjective} musicians.", "Hire more {people} for {place}.",
    "My doctor is a {person}.", "It is not easy to be {adjective} in {place}.", "She came out as {adjective} last year.",
    "I dreamt of a {person} who danced in {place}.", "That {person} has been very kind to me.", "{people} and others may apply.",
    "I know a {person} who plays the cello.", "We talked about {people} in class.", "Being {adjective} has never held her back.",
)  # fmt: skip
DESCRIBED = (
    "What a {word} {person} he is.", "my boss is a {word} {person}", "Some {word} {person} took my seat.",
    "that {word} {person} again", "I had to sit beside a {word} {adjective} man.", "Look at this {word} {person}.",
    "The new neighbour is a {word} {person}.", "She is nothing but a {word} {person}.", "a {word} {person}",
    "Two {word} {people} run the shop.", "{people} are {word}", "All those {word} {people} in {place}!",
    "Our {adjective} {job} is {word}.", "how {word} the {people} are", "I met a {word} {adjective} {job}.",
    "{people} are so {word}.", "you {word} {person}", "What a bunch of {word} {people}.",
)  # fmt: skip
CALLED = (
    "You {person} {noun}.", "that {person} is a {noun}", "Every {person} is a {noun}.", "{people} are {noun}s.",
    "My {adjective} neighbour is a {noun} like all of them.", "He is a {noun}, like every {person}.",
    "A {person}? A {noun}, you mean.", "dirty {adjective} {noun}", "those {adjective} {noun}s",
)  # fmt: skip
PLACES = (
    "our town", "my school", "the office", "the pool", "this forum", "our street", "the army", "the park", "our church",
    "parliament", "the bus", "this country", "the club", "our shop", "the hospital", "my building", "the team",
)  # fmt: skip
PER_GROUP, PER_INVENTED = 16, 5
"""Sentences of each sort for every group, and for every invented one: there it is the number of names that counts."""


def composed(terms: Sequence[dict[str, str]]) -> Iterator[tuple[str, float, float]]:
    """(text, toxic, attack) about `terms` and invented groups, then about things and trades."""
    for term in (*terms, *invented()):
        for turn in range(PER_INVENTED if term["axis"] == "invented" else PER_GROUP):
            yield from _about(term, f"{term['adjective']}/{term['people']}/{turn}")
    for number, predicate in enumerate(HOSTILE_PREDICATES):
        for turn in range(4):
            salt = f"{number}/{turn}"
            frame = pick(ASSERTED, salt)
            yield finish(frame, pick(THINGS, salt) + " " + predicate, {}, salt), 0.0, 0.0
            yield finish(frame, pick(TRADES, salt) + " " + predicate, {}, salt), UNKNOWN, 0.0
    for thing in THINGS:
        for frame in (
            "I hate {people}.",
            "I can't stand {people}.",
            "No more {people}.",
            "Fuck {people}.",
            "I am sick of {people}.",
        ):
            yield finish(frame, "", {"people": thing}, thing + frame), 0.0, 0.0


def _about(term: dict[str, str], salt: str) -> Iterator[tuple[str, float, float]]:
    hostile, harmless = pick(HOSTILE_PREDICATES, salt), pick(HARMLESS_PREDICATES, salt)
    people = term["people"]
    yield finish(pick(ASSERTED, salt), f"{people} {hostile}", term, salt), 1.0, 1.0
    yield finish(pick(ASSERTED, salt + "b"), f"{people} {harmless}", term, salt), 0.0, 0.0
    yield finish(pick(DENIED, salt), f"{people} {hostile}", term, salt), 0.0, 0.0
    yield finish(pick(WISHED, salt), "", term, salt), 1.0, 1.0
    yield finish(pick(HARMLESS_FRAMES, salt), "", term, salt), 0.0, 0.0
    described = pick(DESCRIBED, salt)
    yield finish(described.replace("{word}", pick(NEGATIVE, salt)), "", term, salt), 1.0, 1.0
    yield finish(described.replace("{word}", pick(POSITIVE, salt)), "", term, salt), 0.0, 0.0
    if (denial := negated(hostile)) is not None:
        yield finish(pick(ASSERTED, salt + "c"), f"{people} {denial}", term, salt), 0.0, 0.0
    if _number(salt) % 2:
        yield finish(pick(CALLED, salt).replace("{noun}", pick(NOUNS, salt)), "", term, salt), 1.0, 1.0
    else:
        text = f"{people} {hostile}. {people} {pick(HOSTILE_PREDICATES, salt + 'd')}"
        yield finish("{said}.", text, term, salt), 1.0, 1.0


def invented() -> Iterator[dict[str, str]]:
    """Names of peoples that do not exist, in the forms of a term."""
    for number in range(INVENTED):
        salt = f"people {number}"
        stem = "".join(pick(_SYLLABLES, f"{salt}/{place}") for place in range(2 + number % 2)).capitalize()
        ending = pick(("ian", "ese", "i", "ite", "ist", "ic", "ish", "er", "sexual", "gender"), salt)
        adjective = stem + ending
        noun = adjective if ending in ("ian", "ite", "ist", "er", "i") else f"{adjective} person"
        people = f"{noun}s" if noun == adjective else f"{adjective} people"
        yield {
            "axis": "invented",
            "group": adjective,
            "adjective": adjective,
            "person": noun,
            "people": people,
        }


_SYLLABLES = (
    "ba", "ve", "lo", "ri", "tan", "mur", "ka", "sho", "del", "pra", "gon", "ti", "ul", "zen", "fa", "nor", "quel", "dra",
    "mi", "sal", "ho", "ben", "ar", "lu", "kor", "wa", "yth", "om", "pel", "cha", "ru", "ist", "ga", "men", "ov", "ter",
)  # fmt: skip


def finish(frame: str, said: str, term: dict[str, str], salt: str) -> str:
    """`frame` with its slots filled, as a sentence or as hurried people write."""
    text = frame.replace("{said}", said)
    for slot, choices in (("{place}", PLACES), ("{job}", JOBS)):
        text = text.replace(slot, pick(choices, salt + slot))
    for slot in ("adjective", "person", "people"):
        text = text.replace(f"{{{slot}}}", term.get(slot, ""))
    kind = _number(salt + frame) % 4
    return text.lower() if kind == 0 else text[:1].upper() + text[1:]


def pick(choices: Sequence[str], salt: str) -> str:
    """One of `choices`, the same for the same `salt`."""
    return choices[_number(f"{salt}|{len(choices)}") % len(choices)]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
