"""What the names model learns from and is measured on: public-domain name lists, WNUT17, and which names
are kept out of training.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import openpyxl
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


def last_names(data: Path) -> set[str]:
    """The thousand most frequent surnames of the US Census of 2010."""
    book = openpyxl.load_workbook(data / "names-demographics" / "Names_2010Census_Top1000.xlsx", read_only=True)
    rows = book.worksheets[0].iter_rows(values_only=True)
    return {row[0].title() for row in rows if isinstance(row[0], str) and re.fullmatch("[A-Z]+", row[0]) and row[0] != "SURNAME"}


def tzioumis(data: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """First names with the share of each group, in per cent (Tzioumis 2018, doi:10.1038/sdata.2018.25)."""
    book = openpyxl.load_workbook(data / "names-demographics" / "firstnames.xlsx", read_only=True)
    for row in list(book["Data"].iter_rows(values_only=True))[1:]:
        if isinstance(row[0], str) and row[0].isalpha() and row[0] != "ALL OTHER FIRST NAMES":
            yield row[0], {group: float(row[column] or 0) for group, column in GROUPS.items()}


def names_by_group(data: Path) -> dict[str, list[str]]:
    """Held-out first names by the group in which they are most over-represented.

    A name belongs to the group whose share among its bearers is the largest multiple of that group's
    mean share over all names of the list.
    """
    rows = list(tzioumis(data))
    mean = {group: sum(shares[group] for _, shares in rows) / len(rows) for group in GROUPS}
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, shares in rows:
        if held_out(name) and len(name) > 1:
            found[max(GROUPS, key=lambda group: shares[group] / mean[group])].append(name.title())
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
    """Sentences of US consumer complaints that name nobody, and the words people use in small letters there.

    The complaints are a work of the US government; their authors' data had been masked by XXXX.
    """
    counted: Counter[str] = Counter()
    calm = []
    with (data / "cfpb-complaints" / "cfpb_narratives.csv").open(encoding="utf-8") as opened:
        for row in csv.DictReader(opened):
            text = row["Consumer complaint narrative"]
            counted.update(set(re.findall(r"\b[a-z]{2,}\b", text)))
            if hashlib.sha256(text.encode()).digest()[0] % 2 == 0:
                continue
            for sentence in re.split(r"(?<=[.!?])\s+", text):
                if 15 < len(sentence) < 250 and "XX" not in sentence and not re.search(r"(?<!^)\b(?!I\b)[A-Z]|\d{3}", sentence):
                    calm.append(sentence)
    return calm, {word for word, seen in counted.items() if seen >= 5}
