"""Train and measure the model that reads "her", and write its weights and card.

    python scripts/train_her.py $DUECARE_DATA BOOKS

BOOKS is a folder with the public-domain novels of `BOOKS` as plain text, named by their number at Project
Gutenberg ("1661.txt"). Every "him" and "his" in them and in half of the rows of the public sets below is
read as "her"; what it was is the label. The other half of the rows is held out. A "his" that stands alone
("a friend of his") is left out: in the feminine it would be "hers".
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from duecare.curate.her import BUCKETS, SURE, features
from duecare.measure import proportion

WEIGHTS = Path(__file__).parent.parent / "src/duecare/curate/weights"
TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
STRENGTH = 0.5
"""Weight of the squared penalty against the mean loss, by the number of examples."""
LIKE = {"my": "his", "our": "his", "their": "his", "me": "him", "us": "him", "them": "him"}
"""Words that stand where "his" and "him" do: they teach, far oftener, what is a noun."""
LIKE_COUNTS = 0.6
"""What such an example counts, against one of "him" or "his"."""
BOOKS = {
    "1661": "Doyle, Adventures of Sherlock Holmes", "1342": "Austen, Pride and Prejudice",
    "145": "Eliot, Middlemarch", "1400": "Dickens, Great Expectations", "74": "Twain, Tom Sawyer",
    "543": "Lewis, Main Street", "242": "Cather, My Antonia",
}  # fmt: skip
SETS = {
    "hh-rlhf-harmless": "MIT", "davidson": "MIT", "toxigen-human": "MIT", "surge-toxicity": "MIT",
    "cfpb-complaints": "public domain", "wnut17": "CC-BY-4.0", "convabuse-raters": "CC-BY-4.0",
}  # fmt: skip
TABLES = {
    "davidson": "labeled_data.csv", "surge-toxicity": "toxicity_en.csv",
    "cfpb-complaints": "cfpb_narratives.csv", "convabuse-raters": "ConvAbuseEMNLPtrain.csv",
}  # fmt: skip
Example = tuple[list[int], bool, float]


def examples(text: str, *, more: bool = False) -> Iterator[Example]:
    """(features, whether it goes with a noun, count) of every him and his, with `more` of words like them."""
    words = TOKEN.findall(text)
    for place, word in enumerate(words):
        lower = word.lower()
        like = LIKE.get(lower, lower) if more else lower
        if like == "him" or (like == "his" and _goes_on(words, place)):
            yield features(words, place), like == "his", 1.0 if like == lower else LIKE_COUNTS


def _goes_on(words: list[str], place: int) -> bool:
    """Whether another word follows at once: a "his" before a mark or the end is "hers" in the feminine."""
    return place + 1 < len(words) and bool(re.match(r"\w|[\"'“‘(*]", words[place + 1]))


def book(path: Path) -> str:
    """The text between the marks of Project Gutenberg."""
    text = path.read_text("utf-8", "replace")
    text = text.split("*** START OF", 1)[-1].split("*** END OF", 1)[0]
    return text.replace("_", " ").replace("--", " - ")


def rows(data: Path, name: str) -> Iterator[str]:
    """The texts of one set, one a row."""
    folder = data / name
    if name == "hh-rlhf-harmless":
        for line in (folder / "harmless-base_test_first1500.jsonl").read_text("utf-8").splitlines():
            yield json.loads(line)["chosen"]
    elif name == "toxigen-human":
        for raw in json.loads((folder / "toxiGen.json").read_text("utf-8")):
            yield str(raw.get("text", raw) if isinstance(raw, dict) else raw)
    elif name == "wnut17":
        for part in (folder / "wnut17train.conll").read_text("utf-8").split("\n\n"):
            yield " ".join(line.split("\t")[0] for line in part.splitlines())
    else:
        file = TABLES[name]
        with (folder / file).open(encoding="utf-8", errors="replace", newline="") as opened:
            for record in csv.reader(opened):
                yield max(record, key=len, default="")


def held_out(row: str) -> bool:
    """Half of the rows, by their content, so that a row that recurs stays on one side."""
    return hashlib.blake2b(" ".join(row.split()).encode(), digest_size=1).digest()[0] % 2 == 0


def fitted(found: list[Example]) -> np.ndarray:
    """Weights [BUCKETS + 1] of the logistic model with a squared penalty."""
    matrix, label, count = design(found)

    def loss(weight: np.ndarray) -> tuple[float, np.ndarray]:
        logit = matrix @ weight
        signed = np.where(label, 1.0, -1.0)
        value = (count * np.logaddexp(0, -signed * logit)).sum() + STRENGTH / 2 * (weight[:-1] ** 2).sum()
        pull = -signed * count / (1 + np.exp(np.clip(signed * logit, -50, 50)))
        slope = matrix.T @ pull
        slope[:-1] += STRENGTH * weight[:-1]
        return value, slope

    return minimize(loss, np.zeros(BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def design(found: list[Example]) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """One row of ones for each example, the last column for the bias; the labels; and what each counts."""
    columns = [[*each, BUCKETS] for each, _, _ in found]
    lengths = np.cumsum([0, *map(len, columns)])
    flat = np.concatenate(columns) if columns else np.zeros(0, int)
    matrix = csr_matrix((np.ones(len(flat)), flat, lengths), shape=(len(columns), BUCKETS + 1))
    return (
        matrix,
        np.array([noun for _, noun, _ in found], dtype=bool),
        np.array([count for *_, count in found]),
    )


def measured(weight: np.ndarray, found: list[Example]) -> dict[str, object]:
    """Share right over all, the share answered where it is sure, and the share right among those."""
    matrix, label, _ = design(found)
    chance = 1 / (1 + np.exp(-(matrix @ weight.astype(np.float16).astype(np.float64))))
    right, sure = (chance >= 0.5) == label, np.maximum(chance, 1 - chance) >= SURE
    return {
        "n": len(found),
        "right": interval(int(right.sum()), len(found)),
        "answered": interval(int(sure.sum()), len(found)),
        "right_where_answered": interval(int(right[sure].sum()), int(sure.sum())),
        "always_his": interval(int(label.sum()), len(found)),
    }


def interval(hits: int, total: int) -> list[float | None]:
    """Share with its 95 % interval."""
    found = proportion(hits, total)
    return [None if each is None else round(each, 4) for each in (found.value, found.low, found.high)]


def main(data: Path, books: Path) -> None:
    """Fit, measure, write."""
    train = [each for number in BOOKS for each in examples(book(books / f"{number}.txt"), more=True)]
    tests: dict[str, list[Example]] = {}
    for name in SETS:
        for row in rows(data, name):
            if held_out(row):
                tests.setdefault(name, []).extend(examples(row))
            else:
                train += examples(row, more=True)
    weight = fitted(train)
    every = [each for found in tests.values() for each in found]
    WEIGHTS.mkdir(exist_ok=True)
    np.save(WEIGHTS / "her.npy", weight.astype(np.float16), allow_pickle=False)
    card = {
        "about": "Which \"her\" is \"his\" and which is \"him\"; see duecare.curate.her.",
        "trained_on": {
            "examples": len(train),
            "books": [f"{title} (Project Gutenberg {number})" for number, title in BOOKS.items()],
            "half_of_the_rows_of": SETS,
        },
        "held_out": "the other half of the rows; the label is the pronoun that stood there",
        "sure": SURE,
        "measured": {"all": measured(weight, every), **{n: measured(weight, f) for n, f in tests.items()}},
        "licence": "Apache-2.0",
        "sha256": hashlib.sha256((WEIGHTS / "her.npy").read_bytes()).hexdigest(),
    }  # fmt: skip
    (WEIGHTS / "her.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(card["measured"], indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
