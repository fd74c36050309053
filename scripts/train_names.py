"""Train the model of names, places and organisations that ships with duecare.

    python scripts/train_names.py $DUECARE_DATA

A linear-chain CRF (Lafferty, McCallum and Pereira 2001) by python-crfsuite (L-BFGS, elastic net) on texts
of our own grammar (`names/sentences.txt`) and on the training part of WNUT17 (CC-BY-4.0). Half of the
listed first names, chosen by a hash, are kept out of text and lists, so that what the model makes of a
name it never saw can be measured. Deterministic. Needs python-crfsuite and openpyxl beside duecare.
"""

from __future__ import annotations

# ruff: noqa: E501 - lists, patterns and tables are read whole, on their line
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import pycrfsuite
from names_made import Maker, lists
from names_sources import cut, everyday, first_names, frequent, held_out, last_names, wnut
from names_swapped import calm_talk, renamed, small_words, swapped, things_swapped
from names_text import Marked, texts

from duecare.detect.crf import LABELS, Model, features, pack
from duecare.detect.tokens import Lists, tokens

DETECT = Path(__file__).parent.parent / "src/duecare/detect"
TEXTS, SWAPPED, SEED = 24_000, 20_000, 11
UNLISTED = 0.5
"""Share of texts whose names are taken off the lists, so that their form and their surroundings must tell."""
TRAINING = {
    "c1": 0.25,
    "c2": 0.02,
    "max_iterations": 60,
    "feature.minfreq": 3,
    "feature.possible_transitions": False,
}
STREET_WORDS = "apt apartment suite unit flat floor box po postfach apo fpo dpo psc ste room zip postcode"


def main(data: Path) -> None:
    """Write words/listed_names.json and weights/names.npz."""
    own = lists()
    calm, common = everyday(data)
    talk = calm_talk(data)
    listed = word_lists(data, own, common)
    first = sorted(name for name in first_names(data) if not held_out(name) and name.lower() in listed["F"])
    own |= {
        "first": [name for name in own["first"] if not held_out(name) and name.lower() not in common],
        "everyday": sorted(common),
        "both": sorted(common & {name.lower() for name in first_names(data)}),
    }
    make = Maker(SEED, first, sorted(last_names(data)), own)
    rows = texts(TEXTS, make)
    for spaced in (False, True):
        tweets = wnut(data / "wnut17" / "wnut17train.conll", spaced)
        rows += tweets + renamed(tweets, make)
    rows += [Marked(text, []) for text in calm] + [Marked(cut(text, make.chance), []) for text in calm]
    rows += swapped(calm + talk, make, SWAPPED) + things_swapped(calm + talk, make, SWAPPED // 3)
    known = Lists(
        {
            key: frozenset(word for word in words if key != "F" or not held_out(word))
            for key, words in listed.items()
        }
    )
    model = fitted(rows, known)
    pack(DETECT / "weights" / "names.npz", model)
    # Not taught with: a model taught with this longer list, and more everyday talk, found 0.03 fewer unlisted names.
    listed["W"] |= (small_words(data) | set(own["ordinary"])) - listed["F"] - frequent(data)
    write_lists(listed)


def word_lists(data: Path, own: dict[str, list[str]], common: set[str]) -> dict[str, set[str]]:
    """The lists that ship, by letter: single words in lower case."""

    def words(*sections: str) -> set[str]:
        found = {
            word.lower().strip(".,'’&")
            for section in sections
            for entry in own[section]
            for word in entry.replace("-", " ").replace("'", " ").split()
        }
        return {word for word in found if len(word) > 1}

    months = {month.lower() for month in MONTHS_AND_DAYS}
    return {
        "F": ({name.lower() for name in first_names(data)} | words("first"))
        - (common - frequent(data))
        - months,
        "L": {name.lower() for name in last_names(data)} | words("last"),
        "C": words("city", "state") - common,
        "K": words("country") - common,
        "N": words("nationality") | {f"{word}s" for word in words("nationality")},
        "O": words("orgtail") - {"and"},
        "T": words("prefix"),
        "S": words("streetend", "foreignroad", "foreignend") | set(STREET_WORDS.split()),
        "M": months,
        "J": words("job") - {"of", "and"},
        "W": common,
    }


MONTHS_AND_DAYS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Sept",
    "Oct",
    "Nov",
    "Dec",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Mon",
    "Tue",
    "Tues",
    "Wed",
    "Thu",
    "Thur",
    "Thurs",
    "Fri",
    "Sat",
    "Sun",
]


def fitted(rows: list[Marked], known: Lists) -> Model:
    """The model with the best penalised likelihood of the rows' labels."""
    began, count = time.perf_counter(), 0
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    chance = random.Random(SEED)
    for row in rows:
        if found := tokens(row.text):
            trainer.append(features(row.text, found, lists_for(row, known, chance)), labels_of(row))
            count += len(found)
    print(f"{len(rows)} texts, {count} tokens, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    trainer.set_params(TRAINING)
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(f"{folder}/names.crf")
        print(
            f"trained, {time.perf_counter() - began:.0f} s, {trainer.logparser.last_iteration}",
            file=sys.stderr,
        )
        tagger = pycrfsuite.Tagger()
        tagger.open(f"{folder}/names.crf")
        info = tagger.info()
        return Model.of_weights(info.state_features, info.transitions)


def lists_for(row: Marked, known: Lists, chance: random.Random) -> Lists:
    """The lists, for some texts without the names that stand in them."""
    if chance.random() > UNLISTED:
        return known
    named = [row.text[start:end].lower() for start, end, label in row.places if label == "PERSON"]
    return (
        known.without(frozenset(token.kind for name in named for token in tokens(name))) if named else known
    )


def labels_of(row: Marked) -> list[str]:
    """One label of LABELS a token: that of the place it touches."""
    found, last = [], None
    for token in tokens(row.text):
        place = next((place for place in row.places if token.start < place[1] and place[0] < token.end), None)
        if place is None:
            found.append("O")
        elif f"B-{place[2]}" in LABELS:
            found.append(f"{'I' if place == last else 'B'}-{place[2]}")
        else:
            found.append(place[2])
        last = place
    return found


def write_lists(listed: dict[str, set[str]]) -> None:
    """words/listed_names.json, a line of words for each first letter."""
    lines = {}
    for letter, words in listed.items():
        starts = sorted({word[0] for word in words})
        lines[letter] = [" ".join(sorted(word for word in words if word[0] == start)) for start in starts]
    about = {
        "F": "first names: US Census 1990, New York City birth records, Tzioumis 2018 (CC0), own list",
        "L": "last names: US Census 2010, the thousand most frequent; own list",
        "W": "words written in small letters in US consumer complaints, Banking77 (CC-BY-4.0), Self-Instruct and hh-rlhf (MIT); own list",
        "others": "own lists, see scripts/names/lists.txt",
    }
    content = {"about": about, "lists": lines}
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (DETECT / "words" / "listed_names.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
