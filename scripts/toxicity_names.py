"""Everyday sentences of our own with names in them: of people, streets, films, songs, dishes and firms.

Names share letters with rude words more often than other words do, and service dialogues are full of
them. None of the sentences is toxic. Titles and names are facts; the sentences are ours.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path


def _listed(words: str) -> list[str]:
    return words.split()


SURNAMES = _listed(
    "Dickinson Cocker Hancock Butts Gaylord Weiner Wiener Assad Hooker Pratt Dyke Dykstra Peacock Babcock Hitchcock "
    "Glasscock Dickson Dick Fuchs Fuks Shiatsu Kuntz Kunz Titus Tittensor Slutsky Hore Hoare Pigg Hogg Savage Moore "
    "Black White Brown Gray Young Strange Cruel Payne Slaughter Killian Kilmer Deadman Coffin Graves Nutt Nutter Loser "
    "Looser Lazier Dumas Dumont Dummett Stinson Rapp Raper Bass Bastian Bastardi Blood Bloodworth Hell Heller Hellmann "
    "Craps Crapper Crane Smelley Smellie Grossman Fatone Fatt Foole Trashman Swinburne Schwein Sauer Bitterman Best "
    "Garcia Martinez Nguyen Patel Kim Chen Singh Okafor Haddad Ivanov Kowalski Schmidt Rossi Silva Tanaka Sato Ali Khan "
    "Miller Davis Wilson Taylor Thomas Jackson Harris Clark Lewis Walker Hall Allen King Wright Scott Green Adams Baker"
)
TITLES = (
    "Kill Bill", "The Killers", "Pretty Woman", "Psycho",
    "Crazy Rich Asians", "The Hateful Eight", "Snatch", "Moby Dick", "Dick Tracy", "The Black Keys", "White Stripes", "Scum",
    "Death on the Nile", "Murder on the Orient Express", "Ugly Betty", "The Ugly Duckling", "Animals", "Animal Farm", "Beasts",
    "The Good, the Bad and the Ugly", "Bad Bunny", "Nasty", "Dirty Dancing", "Idiocracy", "The Idiot", "Weird Fishes", "Creep",
    "Loser", "Monster", "Poison", "Trash", "Garbage", "Filthy", "Toxic", "Savage", "Hate That I Love You", "Womanizer", "Men in Black",
    "Girls Like You", "Boys Don't Cry", "Old Town Road", "Fat Lip", "Burn", "Blood Diamond", "Rats", "Pigs on the Wing", "Monkey Man",
    "Smelly Cat", "Fight Club", "Shoot to Thrill", "Die Hard", "Die Another Day", "Live and Let Die", "No Country for Old Men",
    "The White Tiger", "American Idiot", "American Psycho", "A Fish Called Wanda", "Shaft", "Get Out", "Go Away", "Shut Up and Drive",
    "The Grudge", "Gone Girl", "Misery", "Burn After Reading", "Jackass Forever", "Bad Santa", "Cruella", "Parasite", "Bastards", "Inglorious",
)  # fmt: skip
PLACES = (
    "Dickens Street", "Cockfosters", "Scunthorpe", "Penistone Road", "Essex", "Middlesex", "Sussex", "Black Butte", "Boring", "Hell",
    "Dildo", "Intercourse", "Bitche", "Condom", "Titz", "Fucking", "Bastard Township", "Hooker Avenue", "Butte", "Cumming", "Gaylord",
    "Assen", "Pratteln", "Wankdorf", "Shitterton", "Cockermouth", "Cummings Park", "Dyke Road", "Idiot Hill", "Kill Devil Hills",
    "Leeds", "Bristol", "Galway", "Halifax", "Dayton", "Boise", "Omaha", "Tampa", "Reno", "Tucson", "Buffalo", "Albany", "El Paso", "Cork",
    "Brisbane", "Perth", "Durban", "Accra", "Lagos", "Pune", "Chennai", "Manila", "Osaka", "Lyon", "Bremen", "Turin", "Porto", "Gdansk",
)  # fmt: skip
DISHES = (
    "spotted dick", "faggots and peas", "cock-a-leekie soup", "pu pu platter", "fat noodles", "dirty rice", "black pudding", "jerk chicken",
    "bitter lemon", "ugly tomatoes", "smashed avocado", "monkey bread", "devilled eggs", "bastard sauce", "toad in the hole", "pigs in blankets",
    "crab cakes", "white chocolate", "brown bread", "rump steak", "chicken breast", "kebab", "tikka masala", "pho", "sashimi", "gnocchi",
)  # fmt: skip
FRAMES = (
    "The appointment is with Dr. {surname} on the 4th.", "{first} {surname} wants a table for two in {place}.", "Please play {title} by {first} {surname}.",
    "Is {title} on at seven?", "I would like three tickets for {title}.", "Play {title} on the TV.", "Have you seen {title}?", "{title} is rated PG-13.",
    "I found 4 films: {title}, {other} and two more.", "What about {title}? It stars {first} {surname}.", "The song is {title} from the album {other}.",
    "Dr. {surname} is a dentist in {place}.", "{first} {surname}, dermatologist, {place}.", "Their stylist is called {first} {surname}.",
    "The hotel {surname} in {place} has four stars.", "The {surname} Inn costs 120 dollars a night.", "Book a room at the {surname} House in {place}.",
    "How about {dish} at {surname}'s in {place}?", "Do they serve {dish}?", "The {dish} was cold, otherwise we liked it.", "I ordered {dish} and got {other_dish}.",
    "The bus from {place} to {other_place} leaves at 6:40 am.", "A flight from {place} to {other_place}, one way, economy.", "Pick up the car in {place}.",
    "It is 75 degrees in {place} with a 10 percent chance of rain.", "The address is 12 {surname} Drive, {place}.", "Send 150 dollars to {first}.",
    "{first} sent me 80 dollars, is it on my account?", "Transfer the money from checking to {first}'s savings.", "My name is {first} {surname}.",
    "{first} has a meeting at {surname} and Sons.", "Mr. {surname} called, please ring him back.", "Mrs. {surname} lost her card in {place}.",
    "You want to see {title} at the {surname} Cinema, right?", "Please confirm: {title}, two seats, {place}, 8 pm.", "Add {title} to my list.",
    "The therapist {first} {surname} has room on Monday.", "The house on {surname} Avenue has 3 bedrooms and 2 baths.", "No, {title}.", "{title} sounds good.",
    "I prefer {other}.", "{place}, please.", "In {place}.", "It is {first} {surname}.", "Yes, {dish} and {other_dish}.", "Who is in {title}?",
    "Who directed {title}?", "I am looking for something by {surname}.", "Find me a {surname} concert in {place}.", "Tickets for {surname} vs {other_surname}.",
)  # fmt: skip
ROUNDS = 90


def named() -> Iterator[tuple[str, float, float]]:
    """(text, toxic, attack) of every frame with ROUNDS fillings, in a fixed order."""
    firsts = first_names()
    for number, frame in enumerate(FRAMES):
        for turn in range(ROUNDS):
            salt = f"{number}/{turn}"
            text = frame.format(
                first=_pick(firsts, salt + "f"),
                surname=_pick(SURNAMES, salt + "s"),
                other_surname=_pick(SURNAMES, salt + "t"),
                title=_pick(TITLES, salt + "u"),
                other=_pick(TITLES, salt + "v"),
                place=_pick(PLACES, salt + "p"),
                other_place=_pick(PLACES, salt + "q"),
                dish=_pick(DISHES, salt + "d"),
                other_dish=_pick(DISHES, salt + "e"),
            )
            yield (text.lower() if turn % 4 == 0 else text), 0.0, 0.0


def first_names() -> list[str]:
    """First names in common use, a list of our own, in its order."""
    path = Path(__file__).with_name("first_names.json")
    return list(_strings(json.loads(path.read_text(encoding="utf-8"))))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.isalpha() and value[:1].isupper():
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)


def _pick(choices: Sequence[str], salt: str) -> str:
    return choices[
        int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "big") % len(choices)
    ]
