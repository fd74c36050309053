"""What the names model learns from and is measured on: public-domain name lists, WNUT17, and which names
are kept out of training.
"""

from __future__ import annotations

# ruff: noqa: E501 - lists, patterns and tables are read whole, on their line
import csv
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from names_text import Marked

GROUPS = {"Hispanic": 2, "White": 3, "Black": 4, "Asian": 5}
"""Columns of the Tzioumis list with a group's share in per cent."""

KINDS = {"person": "PERSON", "location": "LOCATION", "corporation": "ORGANIZATION", "group": "ORGANIZATION"}


def held_out(name: str) -> bool:
    """Whether a first name is kept from the training text and lists: half of them are, by their SHA-256."""
    return hashlib.sha256(name.casefold().encode()).digest()[0] % 2 == 0


def first_names(data: Path) -> set[str]:
    """First names of the US Census of 1990, of New York City's birth records and of Tzioumis (2018)."""
    folder, names = data / "names-demographics", set[str]()
    for file in ("dist.female.first.txt", "dist.male.first.txt"):
        names |= {line.split()[0] for line in (folder / file).read_text("utf-8").splitlines() if line.strip()}
    with (folder / "Popular_Baby_Names.csv").open(encoding="utf-8") as opened:
        names |= {row["Child's First Name"] for row in csv.DictReader(opened)}
    names |= {name for name, _ in tzioumis(data)}
    return {name.strip().title() for name in names if name.strip().isalpha() and len(name.strip()) > 1}


def frequent(data: Path, count: int = 300) -> set[str]:
    """The most frequent first names of the US Census of 1990, `count` of women and of men, in small letters."""
    names = set()
    for file in ("dist.female.first.txt", "dist.male.first.txt"):
        lines = (data / "names-demographics" / file).read_text("utf-8").splitlines()
        names |= {line.split()[0].lower() for line in lines[:count]}
    return names


def last_names(data: Path) -> set[str]:
    """The thousand most frequent surnames of the US Census of 2010."""
    import openpyxl

    book = openpyxl.load_workbook(
        data / "names-demographics" / "Names_2010Census_Top1000.xlsx", read_only=True
    )
    rows = book.worksheets[0].iter_rows(values_only=True)
    return {
        row[0].title()
        for row in rows
        if isinstance(row[0], str) and re.fullmatch("[A-Z]+", row[0]) and row[0] != "SURNAME"
    }


def tzioumis(data: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """First names with the share of each group, in per cent (Tzioumis 2018, doi:10.1038/sdata.2018.25)."""
    import openpyxl

    book = openpyxl.load_workbook(data / "names-demographics" / "firstnames.xlsx", read_only=True)
    for row in list(book["Data"].iter_rows(values_only=True))[1:]:
        if isinstance(row[0], str) and row[0].isalpha() and row[0] != "ALL OTHER FIRST NAMES":
            yield row[0], {group: float(row[column] or 0) for group, column in GROUPS.items()}


def names_by_group(data: Path) -> dict[str, list[str]]:
    """Held-out first names by the group in which they are most over-represented.

    A name belongs to the group whose share among its bearers is the largest multiple of that group's
    mean share over all names of the list; and of those of the three smaller groups, whose names are borne
    by many others too, only names with at least twice that mean share.
    """
    rows = list(tzioumis(data))
    mean = {group: sum(shares[group] for _, shares in rows) / len(rows) for group in GROUPS}
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, shares in rows:
        group = max(GROUPS, key=lambda each: shares[each] / mean[each])
        if held_out(name) and len(name) > 1 and (group == "White" or shares[group] >= 2 * mean[group]):
            found[group].append(name.title())
    return {group: sorted(names) for group, names in found.items()}


def wnut(path: Path, spaced: bool = False) -> list[Marked]:
    """The sentences of a WNUT17 file with their persons, locations and organisations.

    `spaced` keeps a blank between all tokens; else marks are put back where writers put them.
    """
    found, rows = [], list[tuple[str, str]]()
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        token, _, tag = line.partition("\t")
        if token.strip():
            rows.append((token.strip(), tag.strip()))
        elif rows:
            found.append(_sentence(rows, spaced))
            rows = []
    return found


def _sentence(rows: list[tuple[str, str]], spaced: bool) -> Marked:
    text, places, last = "", list[tuple[int, int, str]](), "O"
    for token, tag in rows:
        glued = not spaced and re.fullmatch(r"[.,!?;:)%]+|['’]\w{1,2}|n['’]t", token) and text
        text += "" if glued or not text or (not spaced and text.endswith(("(", "$"))) else " "
        kind = KINDS.get(tag[2:])
        if tag[:1] == "B" and kind:
            places.append((len(text), len(text) + len(token), kind))
        elif tag[:1] == "I" and kind and last[2:] == tag[2:]:
            places[-1] = (places[-1][0], len(text) + len(token), kind)
        text += token
        last = tag
    return Marked(text, places)


def everyday(data: Path) -> tuple[list[str], set[str]]:
    """Sentences in which nobody is named, and the words that people write in small letters.

    From US consumer complaints (a work of the US government, masked by XXXX), Banking77 (CC-BY-4.0, questions to
    a bank) and the seed tasks of Self-Instruct (Apache-2.0). Half of the texts, by a hash, are kept for measuring.
    """
    counted: Counter[str] = Counter()
    calm = []
    for _, text in plain_texts(data):
        if kept_for_measuring(text):
            continue
        counted.update(set(re.findall(r"\b[a-z]{2,}\b", text)))
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            if 15 < len(sentence) < 250 and not _MAYBE_NAMED.search(sentence):
                calm.append(sentence)
    return calm, {word for word, seen in counted.items() if seen >= 2}


_MAYBE_NAMED = re.compile(
    r"XX|\d{3}|(?<!^)\b(?!(?:I|PIN|ATM|ID|SEPA|SWIFT|US|EU|OK|Apple|Google|Pay|Visa|Mastercard|Internet)\b)[A-Z]"
)


def kept_for_measuring(text: str) -> bool:
    """Whether a text without names serves to count false alarms and is not trained on."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def plain_texts(data: Path) -> Iterator[tuple[str, str]]:
    """(source, text) of what is used as talk that names nobody."""
    with (data / "cfpb-complaints" / "cfpb_narratives.csv").open(encoding="utf-8") as opened:
        yield from (
            ("CFPB complaints", row["Consumer complaint narrative"]) for row in csv.DictReader(opened)
        )
    for file in sorted((data / "banking77").glob("*.csv")):
        with file.open(encoding="utf-8") as opened:
            yield from (("Banking77", row["text"]) for row in csv.DictReader(opened))
    for line in (data / "self-instruct" / "seed_tasks.jsonl").read_text("utf-8").splitlines():
        task = json.loads(line)
        for text in (task["instruction"], *(instance["output"] for instance in task["instances"])):
            yield "Self-Instruct", text


def cut(sentence: str, chance: random.Random) -> str:
    """A piece of a sentence as a sentence of its own, here and there a word in capitals for no reason."""
    words = sentence.split()
    first = chance.randrange(max(1, len(words) - 2))
    words = words[first : first + chance.randint(2, 25)]
    if chance.random() < 0.8:
        words[0] = words[0].capitalize()
    if chance.random() < 0.07:
        place = chance.randrange(len(words))
        words[place] = words[place].capitalize() if chance.random() < 0.8 else words[place].upper()
    return " ".join(words)
