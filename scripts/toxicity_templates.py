"""Sentences of our own that teach the toxicity detector what its sources do not.

That naming a group is not an attack (neutral sentences for every group of the identity lexicon, some
of them sad, angry or in defence of the group); that an angry customer is not toxic; and that hostility
to any group is. None of the sentences shares its grammar with the Jigsaw sentence templates, which
stay a test; a model that was taught only two thirds of the groups is measured on the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib import resources

from toxicity_talk import talk

NEUTRAL = (
    "{adjective}",
    "yes, I am {adjective}, why do you ask?",
    "I think he is {adjective}",
    "She is a proud {person}.",
    "{people}",
    "a {person}",
    "{people} are people like everyone else.",
    "I like {people}.",
    "My teacher is a {person}, and a very good one.",
    "She is a kind and clever {person}.",
    "What a nice {adjective} family!",
    "being {adjective} is nothing to be ashamed of",
    "I am a {person} and I have banked with you for ten years.",
    "My neighbour is {adjective}.",
    "My best friend is {adjective} and we talk every day.",
    "The {person} at the counter helped me with my new card.",
    "{people} have lived in this town for a long time.",
    "Do you have advice for {people} who want to open an account?",
    "As a {person}, I would like to know about the fees.",
    "Write a story about a {person} who moves to a new city.",
    "A {person} asked whether the parcel could be sent again.",
    "Describe the {adjective} community in our town.",
    "{people} are welcome in our branch.",
    "The café on the corner was opened by a {person}.",
    "My daughter married a {person} last spring.",
    "What is it like to be {adjective} at your school?",
    "The new manager is a {person} with two degrees.",
    "Please explain how {people} celebrate the new year.",
    "{people} and their neighbours planned a street party.",
    "I grew up {adjective} in a small village.",
    "She wrote her thesis about {people} in the nineteenth century.",
    "A {person} won the prize for chemistry.",
    "The survey asked {people} about their daily commute.",
    "There is a film festival for {people} this weekend.",
    "Is it true that more {people} work in health care now?",
    "Many {people} in our office volunteer on Saturdays.",
    "The doctor, a {person}, was very patient with me.",
    "I would trust a {person} as much as anyone else.",
    "The {person} was upset because the delivery came late.",
    "It is wrong to keep {people} out of the club.",
    "{people} are often treated unfairly by lenders.",
    "I hate how {people} are treated at the airport.",
    "Stop insulting {people}, it is not funny.",
    "He was fired because he is {adjective}, and that is illegal.",
    "{people} still face discrimination when they rent a flat.",
    "A {person} was attacked on the train and the police are looking for witnesses.",
    "I don't agree with people who say that {people} are less able.",
    "As a {person} I am tired of being followed around in shops.",
    "Tell me about a famous {person}.",
    "Give three examples of {people} in science.",
    "How should a support agent talk with a {person}?",
    "The {person} and her family moved in next door.",
)
ATTACKS = (
    "I can't stand {people}.",
    "{people} should not be allowed in here.",
    "All {people} are {insult}.",
    "{people} ruin everything they touch.",
    "Keep {people} out of our country.",
    "We would be better off without {people}.",
    "Nobody wants {people} around.",
    "{people} don't deserve any respect.",
    "You can't trust {people}, they are all {insult}.",
    "Why are {people} always so {quality}?",
    "{people} are {quality} and everyone knows it.",
    "Go back to where you came from, you {quality} {person}.",
    "Of course it was a {person}, they are all {insult}.",
    "I would never hire a {person}, they are too {quality}.",
    "{people} belong at the bottom.",
    "The world would be cleaner with fewer {people}.",
    "Typical {person}, {quality} as always.",
    "Every {person} I met was a {single}.",
    "Someone should get rid of {people} once and for all.",
    "{people} are not even human.",
)
INSULTS = (
    "you are a {single}",
    "You {quality} {single}, shut up.",
    "shut up you {single}",
    "What a bunch of {insult} you are.",
    "Your whole team is a pack of {insult}.",
    "Are you too {quality} to read my message, {single}?",
    "go to hell you {quality} {single}",
    "I hope you choke, you {single}.",
    "You are {quality} and nobody likes you.",
    "Answer me, {single}!",
    "How can anybody be as {quality} as you?",
    "You worthless {single}, do your job.",
    "Only a {single} would write something like that.",
    "Kill yourself, {single}.",
    "I will find you and hurt you, {single}.",
    "You make me sick, you {quality} {single}.",
    "fuck you and your {quality} bank",
    "get lost, {single}",
)
CALM = (
    "This is the worst service I have ever had.",
    "I am really angry about that fee.",
    "Your app is terrible and keeps crashing.",
    "I am sick of waiting on the phone.",
    "The hotel was dirty and the food was awful.",
    "My old laptop is dead again.",
    "This stupid printer does not work.",
    "I hate the new design of the site.",
    "Please kill the process that hangs.",
    "kill the process and start it again",
    "How do I kill a running task?",
    "The job was killed by the system.",
    "I will shoot the video on Friday.",
    "The update destroyed my settings.",
    "This queue is murder on my back.",
    "That was a dumb mistake of mine, sorry.",
    "I feel like an idiot, I lost my card again.",
    "The film was brutal but very good.",
    "I am furious that nobody called me back.",
    "It is a shame that the refund takes so long.",
    "Damn, I forgot my password.",
    "I am disappointed, cancel my order right now.",
    "He called me an idiot and I want to report him.",
    "How do I report an abusive message?",
    "The stink of the garbage made us ill.",
    "Shoot an e-mail to the team, please.",
    "This black coat is too small, I need the white one.",
    "We crushed the quarterly target.",
    "The attack on the server was stopped in time.",
    "I am sorry, I cannot help with that request.",
    "Thank you, you have been very kind.",
    "Could you tell me where my parcel is?",
    "My husband died and I need to close his account.",
    "She beat cancer and started her own firm.",
    "I hate to bother you, but the link is broken.",
    "You are right, I am the one who made the error.",
    "You are a great help, thank you.",
    "You are a customer of our bank, aren't you?",
    "You are a lovely team.",
    "You are so kind and patient.",
    "Are you a human or a machine?",
    "You are an agent, you should be able to look it up.",
    "Sorry, that was not what I meant.",
    "I'm afraid your claim was refused.",
    "Nobody told me that the fee had changed.",
    "I need help with my account, this is urgent.",
)
SINGLE = (
    "idiot", "moron", "loser", "pig", "clown", "imbecile", "bastard", "parasite", "rat", "fool", "creep",
    "jerk", "piece of trash", "piece of garbage", "dumbass", "asshole", "bitch", "scumbag", "halfwit",
)  # fmt: skip
INSULT = (
    "idiots", "morons", "losers", "animals", "parasites", "liars", "thieves", "criminals", "vermin", "scum",
    "clowns", "pigs", "rats", "cowards", "trash", "garbage", "imbeciles", "cheats",
)  # fmt: skip
QUALITY = (
    "stupid", "lazy", "dirty", "disgusting", "dumb", "useless", "worthless", "pathetic", "greedy", "filthy",
    "brainless", "ugly", "evil", "vile", "incompetent", "crooked",
)  # fmt: skip


def written(withhold: int | None = None) -> Iterator[tuple[str, float, float]]:
    """(text, toxic, attack) of every sentence, filled in a fixed pseudo-random way.

    `withhold` 0, 1 or 2 leaves out that third of the groups.
    """
    for term in all_terms():
        if third(term) == withhold:
            continue
        for number, pattern in enumerate((*NEUTRAL, *ATTACKS)):
            hostile = float(number >= len(NEUTRAL))
            yield _fill(pattern, term, f"{term['axis']}{term['group']}{number}"), hostile, hostile
    for round_ in range(40):
        for number, pattern in enumerate(INSULTS):
            yield _fill(pattern, {}, f"insult{round_}/{number}"), 1.0, 0.0
    for text in (*CALM * 6, *talk()):
        yield text, 0.0, 0.0


def all_terms() -> list[dict[str, str]]:
    """The groups of the identity lexicon, then further words for some of them."""
    path = resources.files("duecare.detect") / "words" / "identity.json"
    terms = json.loads(path.read_text(encoding="utf-8"))["terms"]
    return [*terms, *(dict(zip(_SLOTS, other, strict=True)) for other in OTHER_WORDS)]


def third(term: dict[str, str]) -> int:
    """Which third of the groups a term is in."""
    return _number(f"{term['axis']}:{term['group']}") % 3


_SLOTS = ("axis", "group", "adjective", "person", "people")
OTHER_WORDS = (
    ("orientation", "gay", "homosexual", "homosexual", "homosexuals"),
    ("orientation", "straight", "heterosexual", "heterosexual", "heterosexuals"),
    ("orientation", "queer", "LGBTQ", "LGBT person", "LGBTQ people"),
    ("orientation", "queer", "queer", "queer woman", "queers"),
    ("gender", "transgender", "trans", "trans woman", "trans people"),
    ("gender", "women", "female", "lady", "girls"),
    ("gender", "men", "male", "guy", "boys"),
    ("religion", "Christian", "Catholic", "Catholic", "Catholics"),
    ("religion", "Christian", "Protestant", "Protestant", "Protestants"),
    ("religion", "Jewish", "Jewish", "Jewish woman", "Jewish people"),
    ("religion", "Muslim", "Muslim", "Muslim man", "Muslim people"),
    ("race", "Black", "African American", "African American", "African Americans"),
    ("race", "Black", "black", "black man", "black men"),
    ("race", "white", "white", "white man", "white men"),
    ("race", "Latino", "Hispanic", "Hispanic", "Hispanics"),
    ("age", "older", "elderly", "senior citizen", "old people"),
    ("age", "young", "teenage", "teenager", "teenagers"),
    ("disability", "mobility", "paralyzed", "paralyzed person", "paralyzed people"),
)


def _fill(pattern: str, term: dict[str, str], salt: str) -> str:
    text = pattern
    for slot, choices in (("single", SINGLE), ("insult", INSULT), ("quality", QUALITY)):
        text = text.replace(f"{{{slot}}}", choices[_number(salt + slot) % len(choices)])
    for slot in ("adjective", "person", "people"):
        text = text.replace(f"{{{slot}}}", term.get(slot, ""))
    return text[:1].upper() + text[1:] if _number(salt) % 2 else text.lower()


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
