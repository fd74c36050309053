"""What the placeholders of a typical chapter on data ethics miss: the tables of docs/tutorial-data-ethics.md.

    python scripts/tutorial_figures.py $DUECARE_DATA

Prints three tables in Markdown, each share with its 95 % interval. Nothing is trained; seconds on one core.

- words: a short list of bad words, a published one of 403, and the detector, on texts never trained on
- places: one pattern for US social security numbers, and `personal`, on labelled places of personal data
- copies: groups made equal by copying rows before a random split, and by weights
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from toxicity_sources import Labelled, davidson, toxigen

from duecare.curate.population import weights
from duecare.detect.personal import find_personal
from duecare.detect.toxic import Toxicity
from duecare.measure import cluster_proportion, proportion
from duecare.measure.interval import Interval

PLACEHOLDER = ("hate", "stupid", "idiot", "dumb", "kill", "ugly", "disgusting", "trash")
"""Such words as a chapter puts in a list that it calls a placeholder."""
LIMIT = 0.5
SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_OTHERS = "IBANs, driving licences, IP addresses"
KINDS = {
    "PERSON": "names of people", "ADDRESS": "addresses", "CREDIT_CARD": "card numbers",
    "PHONE_NUMBER": "telephone numbers", "EMAIL_ADDRESS": "e-mail addresses",
    "US_SSN": "social security numbers", "IBAN_CODE": _OTHERS, "US_DRIVER_LICENSE": _OTHERS,
    "IP_ADDRESS": _OTHERS,
}  # fmt: skip
"""Labels of the set that identify a person, by what they are called here."""
HELD_OUT, SEED, MOST = 0.1, 0, 10.0
NARRATIVE, TAGS = "Consumer complaint narrative", "Tags"


def cell(found: Interval) -> str:
    """ "12.3 % [10.1, 14.9], n = 400"."""
    if found.value is None or found.low is None or found.high is None:
        return f"not known: {found.reason}"
    return f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}], n = {found.n:,}"


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def listed(words: Sequence[str]) -> Callable[[list[str]], np.ndarray]:
    """Whether each text holds one of the words, as a word."""
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)", re.IGNORECASE)
    return lambda texts: np.array([pattern.search(text) is not None for text in texts])


def detected(texts: list[str]) -> np.ndarray:
    """Whether the detector scores each text at LIMIT or above; a text without words has no score."""
    scores, worded = Toxicity().heads(pa.array(texts, pa.string()))
    return np.asarray((scores.max(axis=1) >= LIMIT) & worded)


def of_words(data: Path) -> str:
    """Toxic texts found, and harmless texts called toxic."""
    published = (data / "ldnoobw" / "en").read_text("utf-8").split("\n")
    judges = {
        f"a list of {len(PLACEHOLDER)} words": listed(PLACEHOLDER),
        "the published list of 403 words": listed([word.strip() for word in published if word.strip()]),
        "the detector `toxicity`": detected,
    }
    lines = []
    for name, read in (("tweets (Davidson)", davidson), ("sentences about groups (ToxiGen)", toxigen)):
        rows = [row for row in read(data) if row.held_out and row.toxic in (0.0, 1.0)]
        for what, judge in judges.items():
            lines.append([name, what, *(cell(each) for each in _rates(rows, judge))])
    return table(["texts", "judged by", "toxic texts found", "harmless texts called toxic"], lines)


def _rates(rows: list[Labelled], judge: Callable[[list[str]], np.ndarray]) -> Iterator[Interval]:
    said, toxic = judge([row.text for row in rows]), np.array([row.toxic for row in rows]) == 1
    for which in (toxic, ~toxic):
        yield proportion(int(said[which].sum()), int(which.sum()))


def of_places(data: Path) -> str:
    """Labelled places of personal data that are touched, by kind; sentences of a template are a cluster."""
    found: dict[str, list[tuple[object, bool, bool]]] = {}
    for row in _unread(data):
        text = row["full_text"]
        by_pattern = [match.span() for match in SSN.finditer(text)]
        by_us = [(span.start, span.end) for span in find_personal(text)]
        for place in row["spans"]:
            if kind := KINDS.get(place["entity_type"]):
                at = (place["start_position"], place["end_position"])
                hits = (any(a < at[1] and at[0] < b for a, b in spans) for spans in (by_pattern, by_us))
                found.setdefault(kind, []).append((row["template_id"], *hits))
    every = [each for places in found.values() for each in places]
    lines = []
    for kind, places in [
        ("all", every),
        *((kind, found[kind]) for kind in dict.fromkeys(KINDS.values()) if kind in found),
    ]:
        templates = [template for template, _, _ in places]
        shares = (cluster_proportion([float(each[side]) for each in places], templates) for side in (1, 2))
        lines.append([kind, *(cell(each) for each in shares)])
    return table(["places of", "found by the pattern", "found by `personal`"], lines)


def _unread(data: Path) -> list[dict[str, Any]]:
    """The sentences of templates whose errors nobody read while the detector was made (`personal_card`)."""
    rows = json.loads((data / "presidio-synth" / "generated_large.json").read_text(encoding="utf-8"))
    return [row for row in rows if int(hashlib.sha256(str(row["template_id"]).encode()).hexdigest(), 16) % 3]


def of_copies(data: Path) -> str:
    """Held-out rows whose copy is trained on (copies of a row are a cluster), and what weights do instead."""
    with (data / "cfpb-complaints" / "cfpb_narratives.csv").open(encoding="utf-8", newline="") as file:
        tags = [row[TAGS] or "no tag" for row in csv.DictReader(file)]
    counts = Counter(tags)
    chance = np.random.default_rng(SEED)
    rows = np.arange(len(tags))
    drawn = np.concatenate([
        np.concatenate([own, chance.choice(own, max(counts.values()) - len(own))])
        for own in (rows[np.array(tags) == tag] for tag in sorted(counts))
    ])  # fmt: skip
    out = chance.random(len(drawn)) < HELD_OUT
    seen = np.isin(drawn[out], drawn[~out])
    by_weight = weights(counts, None, TAGS, MOST)
    lines = []
    for tag in sorted(counts, key=lambda tag: -counts[tag]):
        own = np.array([tags[row] == tag for row in drawn[out]])
        again = cluster_proportion(seen[own].astype(float), drawn[out][own].tolist())
        lines.append([
            tag, f"{counts[tag]:,}", cell(again),
            f"{by_weight[tag]:.2f}", f"{by_weight[tag] * counts[tag] / len(tags):.1%}".replace("%", " %"),
        ])  # fmt: skip
    heads = ["group", "rows", "copied: held-out rows that are also trained on", "weight", "share by weights"]
    return table(heads, lines)


TABLES: dict[str, Callable[[Path], str]] = {"words": of_words, "places": of_places, "copies": of_copies}


if __name__ == "__main__":
    for name, make in TABLES.items():
        print(f"<!-- begin {name} -->\n{make(Path(sys.argv[1]))}\n<!-- end {name} -->\n")
