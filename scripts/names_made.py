"""Made-up names, towns, addresses, numbers and dates that fill the training sentences of the names model.

All are drawn from lists of our own, from public-domain name lists and from made-up syllables; whom or
what they happen to name is chance.
"""

from __future__ import annotations

# ruff: noqa: E501, PLR0911, RUF005 - one line a form; lists are read whole, on their line
# fmt: off
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from names_values import MONTHS, WEEKDAYS, Values

WORDS = Path(__file__).parent / "names" / "lists.txt"
_ONSETS = ["b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kh", "kl", "l", "m", "n", "ng", "p", "ph", "pr", "qu", "r", "s", "sh", "st", "t", "th", "tr", "v", "w", "y", "z", "zh"] + [""]
_VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ee", "ia", "ou", "ua", "ie", "eo", "ay", "y"]
_CODAS = ["", "", "", "", *["n", "r", "l", "s", "m", "t", "k", "d", "sh", "ng", "x", "z", "ck", "rd", "nd"]]
_SURNAME_ENDS = ["son", "sen", "sson", "ski", "sky", "ska", "wicz", "czyk", "ov", "ova", "ev", "eva", "enko", "uk", "escu", "eanu", "ez", "es", "a", "o", "i", "ini", "elli", "etti", "ich", "ić", "vić", "idis", "opoulos", "akis", "yan", "ian", "dze", "shvili", "oğlu", "mann", "berg", "stein", "feld", "er", "baum", "haus", "ley", "ton", "ford", "worth", "well", "man", "stad", "stra", "sma", "inga", "nen", "la", "lä", "gil", "wala", "kar", "gowda", "appa", "eh", "adi", "zadeh", "pour", "nejad", "mbe", "nga", "ndi", "ola", "ade", "uchi", "moto", "mura", "yama", "da"]
_TOWN_ENDS = ["ville", "ton", "burgh", "mouth", "side", "view", "chester", "shire", "haven", "land", "bury", "furt", "stad", "fort", "port", "town", "borough", "berg", "dorf", "heim", "hausen", "ingen", "bach", "feld", "burg", "dijk", "veen", "broek", "by", "sund", "vik", "havn", "holm", "sjö", "järvi", "lahti", "niemi", "koski", "háza", "falva", "vár", "ice", "ov", "ec", "no", "grad", "polje", "ano", "ello", "ino", "ola", "osa", "ilha", "eira", "pur", "abad", "nagar", "garh", "shima", "saki", "kawa", "zhou", "jiang", "shan"]
_TAKEN_OUT = ("[LABEL]", "[LABEL]", "[LABEL]", "[LABEL_1]", "<LABEL>", "XXXX", "XX/XX/XXXX", "[REDACTED]", "{LABEL}", "xxxx", "***", "____")


def lists() -> dict[str, list[str]]:
    """The sections of names/lists.txt."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in WORDS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            found.setdefault(section, []).extend(word.strip() for word in line.split(",") if word.strip())
    return found


class Maker(Values):
    """Fills the places of the sentences; `first` and `last` are the listed names it may use."""

    def __init__(self, seed: int, first: list[str], last: list[str], own: dict[str, list[str]]) -> None:
        super().__init__(seed, own)
        self.listed_first, self.listed_last = first, last

    def fill(self, place: str) -> tuple[str, list[tuple[str, str]]]:
        """(label, text) pieces for a place, label "" for what is no entity, as ("", pieces)."""
        label, make = PLACES[place]
        if label and self.odds(0.02):  # text from which others took out what stood here
            return "", [("", self.pick(*_TAKEN_OUT).replace("LABEL", label))]
        made = make(self)
        return label, made if isinstance(made, list) else [(label, made)]

    def stem(self, least: int = 1, most: int = 3) -> str:
        pieces = [
            self.chance.choice(_ONSETS) + self.chance.choice(_VOWELS) + self.chance.choice(_CODAS)
            for _ in range(self.number(least, most))
        ]
        return "".join(pieces).capitalize()

    def plain(self, name: str) -> str:
        """`name`, sometimes without its accents."""
        if name.isascii() or self.odds(0.7):
            return name
        return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))

    def foreign(self) -> str:
        """A word in another script."""
        made = self.one(self.pick("greek", "greek", "cyrillic", "cyrillic", "otherscript"))
        return made.upper() if self.odds(0.25) else made

    def first(self) -> str:
        drawn = self.chance.random()
        if drawn < 0.02:
            return self.foreign()
        if drawn < 0.45:
            return self.chance.choice(self.listed_first)
        if drawn < 0.75:
            return self.plain(self.one("first"))
        return self.stem(1, 3)

    def listed(self) -> str:
        """A first name of the public lists."""
        return self.chance.choice(self.listed_first)

    def last(self) -> str:
        drawn = self.chance.random()
        if drawn < 0.25:
            return self.chance.choice(self.listed_last)
        if drawn < 0.65:
            return self.plain(self.one("last"))
        if drawn < 0.85:
            made = self.stem(1, 2) + self.chance.choice(_SURNAME_ENDS)
            return self.pick("Mc", "Mac", "O'", "D'") + made if self.odds(0.08) else made
        if drawn < 0.92:
            return self.one("orghead") + self.pick("well", "ton", "man", "s", "wood", "field", "by", "stone")
        return self.stem(1, 3)

    def person(self) -> str:
        """A person as people write one, here and there with a suffix, which is part of the name."""
        made = self.bare_person()
        if " " in made and self.odds(0.05):
            return made + self.pick(" ", " ", ", ") + self.one("suffix")
        return made

    def bare_person(self) -> str:
        first, last, drawn = self.first(), self.last(), self.chance.random()
        if drawn < 0.42:
            return f"{first} {last}"
        if drawn < 0.64:
            return first
        if drawn < 0.7:
            return f"{first} {self.digits('@')}{self.pick('.', '.', '')} {last}"
        if drawn < 0.76:
            return f"{first} {self.first()} {last}"
        if drawn < 0.83:
            return f"{first} {last}{self.pick('-', ' ')}{self.last()}"
        if drawn < 0.9:
            return last
        if drawn < 0.93:
            return f"{self.digits('@')}. {last}"
        if drawn < 0.96:
            return f"{first} {self.pick('van', 'de', 'von', 'al', 'bin', 'da', 'del', 'ter', 'el', 'ibn')} {last}"
        if drawn < 0.98:
            return f"{first}-{self.first()} {last}"
        return f"{last}, {first}"

    def titled(self) -> list[tuple[str, str]]:
        name = self.last() if self.odds(0.7) else f"{self.first()} {self.last()}"
        return [("TITLE", self.one("prefix")), ("", " "), ("PERSON", name)]

    def town(self) -> str:
        drawn = self.chance.random()
        if drawn < 0.05:
            return self.foreign()
        if drawn < 0.07:
            return f"{self.stem(1, 2)} {self.pick('nad', 'pod', 'u', 'am', 'an der', 'upon', 'sur', 'del', 'di')} {self.stem(1, 2)}{self.pick('', '', ' ' + self.digits('%'))}"
        if drawn < 0.4:
            return self.plain(self.one("city"))
        if drawn < 0.6:
            return self.stem(1, 2) + self.chance.choice(_TOWN_ENDS)
        if drawn < 0.75:
            return self.one("last") + self.pick("ville", "ton", "burgh", "bury", "mouth", "side", "view", "berg", "stad")
        if drawn < 0.92:
            before = self.pick(*["North", "South", "East", "West", "New", "Lake", "Port", "Fort", "Mount", "Saint", "St.", "San", "Santa", "Bad", "Den", "Sint", "La", "Le", "El", "Los", "Las", "Nova", "Villa", "Upper", "Old"])
            return f"{before} {self.pick(self.stem(1, 2), self.one('last'), self.one('first'))}"
        if drawn < 0.96:
            return f"{self.stem(1, 2)}-{self.pick('sur', 'am', 'an der', 'upon', 'en', 'les', 'le')}-{self.stem(1, 2)}"
        return self.stem(2, 3)

    def city(self) -> str:
        made = self.town()
        return made.upper() if self.odds(0.1) else made

    def house(self) -> str:
        return self.digits(self.pick("%", "%#", "%##", "%###", "%####", "%#", "%#@", "0%#")).replace("@", "B")

    def street(self) -> str:
        drawn = self.chance.random()
        if drawn < 0.04:
            return f"{self.house()} {self.foreign()} {self.digits('%#')}" if self.odds(0.5) else f"{self.foreign()} {self.digits('%#')}"
        if drawn < 0.06:
            return f"{self.pick('the corner of', 'the corner of', 'corner of', 'the junction of')} {self.street()} {self.pick('and', '&')} {self.stem(1, 2)} {self.one('streetend')}"
        if drawn < 0.1:
            return f"{self.house()} {self.stem(1, 3)} {self.digits('%#')}{self.pick('', ' ' + self.one('streetend'))}"
        if drawn < 0.5:
            name = self.pick(self.one("streetword"), self.one("last"), self.one("first"), self.stem(1, 2), self.digits("%") + self.pick("st", "nd", "rd", "th"), self.digits("%#") + "th")
            turned = self.pick("", "", "", "N ", "S. ", "West ", "East ", "NE ", "North ")
            return f"{self.house()} {turned}{name} {self.one('streetend')}"
        if drawn < 0.66:
            name = self.pick(self.stem(1, 2), self.one("last"), self.one("streetword"))
            return f"{name}{self.pick('', ' ', '-')}{self.one('foreignend')} {self.house()}"
        if drawn < 0.86:
            link = self.pick("", "de ", "del ", "della ", "do ", "da ", "du ", "des ", "des ", "di ", "la ")
            place = self.pick(f"{self.house()}, ", f"{self.house()} ", "", "")
            after = "" if place else self.pick(" ", ", ") + self.house()
            return f"{place}{self.one('foreignroad')} {link}{self.pick(self.stem(1, 2), self.one('last'))}{after}"
        if drawn < 0.93:
            return self.stem(1, 3) + " " + self.house()
        return f"{self.house()} {self.stem(1, 3)} {self.one('streetend')}"

    def road(self) -> str:
        """A street, mostly without a number."""
        made = self.street()
        return made if self.odds(0.3) else made.strip("0123456789B, ")

    def unit(self) -> str:
        return f"{self.pick('Apt.', 'Apt', 'apt.', 'Suite', 'Unit', 'Flat', 'Floor', 'Room', 'Ste', '#', 'Box', 'Apartment')} {self.digits(self.pick('%', '%#', '%##', '%@', '@'))}".replace("# ", "#")

    def address(self) -> str:
        drawn = self.chance.random()
        if drawn < 0.05:
            return self.digits(self.pick(
                f"PSC %###, Box %###\nAPO {self.pick('AE', 'AP', 'AA')} #####", f"Unit %#### Box %###\nDPO {self.pick('AE', 'AP')} #####",
            )) if self.odds(0.6) else f"{self.pick('USS', 'USNS', 'USNV', 'USCGC')} {self.last()}\nFPO {self.pick('AE', 'AP', 'AA')} {self.digits('#####')}"
        if drawn < 0.1:
            street = f"{self.pick('PO Box', 'P.O. Box', 'Post Office Box', 'Postfach', 'PO BOX', 'Private Bag')} {self.digits('%###')}"
        else:
            street = self.street() + (self.pick(" ", ", ", "\n") + self.unit() if self.odds(0.25) else "")
        if drawn > 0.88:
            return street
        return street + self.pick("\n", "\n", ", ", ", ", " ", "\n ") + self.locality()

    def locality(self) -> str:
        """Town, state, post code and country, in one of the usual orders."""
        town, code, gap = self.city(), self.postcode(), self.pick(" ", " ", "\n", ", ", "\n ")
        state = self.pick(self.one("statecode"), self.one("statecode"), self.one("state"))
        form = self.pick(
            f"{town}, {state} {code}", f"{town}, {state} {code}", f"{town} {state} {code}", f"{town}{gap}{state}{gap}{code}", f"{town}{gap}{code}",
            f"{code} {town}", f"{code} {town}", f"{code}, {town}", f"{town}", f"{town}, {state}", f"{code}{gap}{town}", f"{town} {state}",
        )
        if self.odds(0.35):
            form += self.pick("\n", ", ", "\n", " ") + self.one("country")
        return form

    def things(self) -> str:
        """A noun, often with an adjective."""
        return self.one("noun") if self.odds(0.65) else f"{self.one('adjective')} {self.one('noun')}"

    def doing(self, forms: tuple[int, ...] = (1, 1, 2, 2, 2, 3, 4, 4, 0)) -> list[tuple[str, str]]:
        """What somebody does: a verb in some tense, mostly with something after it."""
        verb, form = self.one("verb").split("/"), self.chance.choice(forms)
        before = {3: self.pick("has ", "had ", "has never ", "must have "), 4: self.pick("is ", "was ", "is not ", "will be ", "keeps ", "has been "),
                  0: self.pick("will ", "can ", "did not ", "does not ", "wants to ", "used to ", "could ", "should ", "has to ", "may ")}.get(form, self.pick("", "", "", "", "always ", "never ", "just ", "also ", "first ", "really ", "finally "))
        pieces = [("", before + verb[form])]
        return [*pieces, ("", " "), *self.complement()] if self.odds(0.8) else pieces

    def complement(self) -> list[tuple[str, str]]:
        """What follows a verb; its own places are filled, and marked."""
        pieces: list[tuple[str, str]] = []
        for number, piece in enumerate(re.split(r"\{([A-Z]+)\}", self.one("complement"))):
            pieces += self.fill(piece)[1] if number % 2 else [("", piece)]
        return pieces

    def named_thing(self) -> str:
        """What has a capital letter and is nobody, listed or made up."""
        drawn = self.chance.random()
        if drawn < 0.7:
            return self.one("thing")
        if drawn < 0.82:
            return self.one("everyday").capitalize()
        if drawn < 0.9:
            return self.stem(1, 2) + self.pick("ix", "ol", "tron", "ex", "ware", "Pro", "Max", "Hub", "itis", "emia", "ium", "ine", "cillin", "zole")
        return self.one("orghead") + self.pick("ify", "ly", "Box", " Pro", " Plus", "Fit", "Mate", "Pad", "Go")

    def organisation(self) -> str:
        drawn = self.chance.random()
        if drawn < 0.25:
            return f"{self.pick(self.one('orghead'), self.stem(1, 3), self.last())} {self.one('orgtail')}"
        if drawn < 0.4:
            return f"{self.one('orghead')} {self.one('orghead')} {self.one('orgtail')}" if self.odds(0.6) else f"{self.one('orghead')} {self.one('orghead')}"
        if drawn < 0.52:
            return self.one("orghead") + self.pick("data", "soft", "ly", "ify", "base", "hub", "works", "tech", "net", "Cloud", "Tech", "Labs", "chek", "graph", "lab", "scape", "sys", "Sense", "AI", "metrics", "IQ")
        if drawn < 0.6:
            return self.stem(1, 3) + self.pick("", "o", "ify", "ics", "ia", "ex", "on", "io", "us", "lytics")
        if drawn < 0.66:
            return self.digits(self.pick("@@", "@@@", "@@@@"))
        if drawn < 0.78:
            return f"{self.last()}{self.pick(' & Sons', ' and Sons', ' Brothers', ' and Co', '-' + self.last(), ' ' + self.one('orgtail'))}"
        if drawn < 0.86:
            return f"{self.last()}, {self.last()} {self.pick('and', '&')} {self.last()}" if self.odds(0.6) else f"{self.last()} {self.pick('and', '&')} {self.last()}"
        if drawn < 0.93:
            return self.one("company")
        return f"{self.pick('University of', 'Bank of', 'Church of', 'Institute of', 'The', 'Royal', 'First', 'National', 'City of')} {self.pick(self.town(), self.one('orghead'), self.one('country'))}"

    def job(self) -> str:
        made = self.one("job") if self.odds(0.55) else f"{self.one('field')} {self.one('role')}"
        if self.odds(0.06):
            made = f"{self.one('field')} and {self.one('field')} {self.one('role')}"
        elif self.odds(0.05):
            made = f"{self.one('field')}, {self.one('field')}, and {self.one('field')} {self.one('role')}"
        return self.pick(made, made.capitalize(), made.title())

    def age(self) -> str:
        return str(self.number(1, 99)) if self.odds(0.93) else self.pick("twenty-five", "forty", "sixteen", "thirty-two", "eighty")

    def people(self) -> str:
        made = self.one("nationality")
        return made if made.endswith(("ish", "ese", "ch", "ss")) else made + "s"

    def mail(self) -> str:
        first, last = (self.plain(name).replace(" ", "").replace("'", "") for name in (self.first(), self.last()))
        local = self.pick(f"{first}.{last}", f"{first}{last}", f"{first[0]}{last}", f"{first}_{last}", f"{first}{self.digits('##')}", self.pick("info", "support", "sales", "help", "office"))
        host = self.pick("mail", "inbox", "post", self.stem(1, 2), self.one("orghead") + self.one("orghead"))
        made = f"{local}@{host}.{self.pick('com', 'org', 'net', 'de', 'fr', 'co.uk', 'se', 'hu', 'io', 'example')}"
        return made.lower() if self.odds(0.6) else made

    def link(self) -> str:
        host = self.pick(self.one("orghead") + self.one("orghead"), self.stem(1, 3), self.stem(1, 2) + self.one("orghead"))
        host = host if self.odds(0.5) else host.lower()
        start = self.pick("http://", "https://", "http://www.", "https://www.", "www.", "")
        return f"{start}{host}.{self.pick('com', 'org', 'net', 'de', 'fi', 'es', 'ch', 'co.uk', 'co.nz', 'be', 'se', 'tv', 'io')}{self.pick('', '/', '/', '/' + self.stem(1, 2).lower(), '/a/' + self.digits('##'))}"

    def handle(self) -> str:
        made = self.pick(self.first() + self.last(), self.stem(1, 3) + self.digits("##"), self.first() + "_" + self.stem(1, 2), self.one("orghead") + self.stem(1, 2), self.one("orghead") + self.one("orghead"))
        return made.replace(" ", "") if self.odds(0.5) else made.replace(" ", "").lower()


PLACES: dict[str, tuple[str, Callable[[Maker], str | list[tuple[str, str]]]]] = {
    "P": ("PERSON", Maker.person), "F": ("PERSON", Maker.first), "L": ("PERSON", Maker.last), "PT": ("", Maker.titled),
    "A": ("ADDRESS", Maker.address), "ST": ("ADDRESS", Maker.road), "Z": ("ADDRESS", Maker.postcode),
    "C": ("LOCATION", Maker.city), "CO": ("LOCATION", lambda make: make.one("country")), "SA": ("LOCATION", lambda make: make.one(make.pick("state", "statecode"))),
    "O": ("ORGANIZATION", Maker.organisation), "O1": ("", lambda make: make.organisation().replace(" ", "")),
    "D": ("DATE", Maker.date), "DT": ("DATE", Maker.moment), "Y": ("DATE", lambda make: str(make.number(1890, 2029))),
    "W": ("DATE", lambda make: make.chance.choice(WEEKDAYS[:7])), "TM": ("DATE", Maker.time),
    "J": ("TITLE", Maker.job), "N": ("NRP", lambda make: make.one("nationality")), "NS": ("NRP", Maker.people), "AG": ("AGE", Maker.age),
    "PH": ("PHONE", Maker.phone), "EM": ("LINK", Maker.mail), "UR": ("LINK", Maker.link), "IP": ("LINK", lambda make: ".".join(str(make.number(0, 255)) for _ in range(4))),
    "ID": ("NUMBER", Maker.numbered), "NO": ("", Maker.order), "AMT": ("", Maker.amount), "PR": ("", lambda make: make.one("product")),
    "VP": ("", Maker.doing), "VP2": ("", lambda make: make.pick("and left", "but never again", "at last", "too")),
    "VP3": ("", lambda make: make.one("verb").split("/")[make.chance.choice((0, 2, 2))]),
    "NP": ("", Maker.things), "NPC": ("", lambda make: make.things().capitalize()), "AD": ("", lambda make: make.one("adjective")),
    "VP0": ("", lambda make: [("", make.one("verb").split("/")[0]), ("", " "), *make.complement()]),
    "VING": ("", lambda make: [("", make.one("verb").split("/")[4]), ("", " "), *make.complement()]),
    "VPC": ("", lambda make: [("", make.one("verb").split("/")[0].capitalize()), ("", " "), *make.complement()]),
    "WC": ("", lambda make: make.pick(make.one("everyday"), make.one("everyday"), make.one("noun"), make.one("product")).capitalize()),
    "WF": ("", lambda make: make.one("both").capitalize()), "XF": ("", Maker.first), "MO": ("DATE", lambda make: make.chance.choice(MONTHS[:12])),
    "TH": ("", lambda make: make.named_thing()),
    "FW": ("", lambda make: make.one("foreignword")),
    "W1": ("", lambda make: make.one("everyday")), "SE": ("", Maker.serial),
    "QT": ("", lambda make: str(make.number(1, 60))), "HN": ("", Maker.handle),
}  # fmt: skip
"""Place in a sentence -> (label, how to fill it)."""
