"""Labelled texts for the toxicity detector, each from a source whose licence lets weights be shipped.

Every row gets two targets in 0..1, or -1 where the source says nothing about it: is it toxic, and does
it attack people for who they are. `part` is decided by a hash of the text, so a row is never both
trained on and tested on. No text is ever printed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toxicity_grammar import composed, invented
from toxicity_hostile import hostile
from toxicity_names import named
from toxicity_swap import Swapper
from toxicity_templates import all_terms, third, written

HELD_OUT_SHARE = 0.2
UNKNOWN = -1.0
CFPB_SENTENCES = 20000
TWINS = 3
"""Counterfactual twins of every text that names a group."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text with its targets and its weight in training."""

    source: str
    text: str
    toxic: float
    attack: float
    weight: float

    @property
    def held_out(self) -> bool:
        """Whether the text belongs to the part that is never trained on."""
        plain = re.sub(r"\W+", " ", self.text.lower()).strip()
        digest = hashlib.blake2b(plain.encode(), digest_size=8, key=b"duecare toxicity").digest()
        return int.from_bytes(digest, "big") / 2**64 < HELD_OUT_SHARE


def everything(data: Path, withhold: int | None = None) -> list[Labelled]:
    """All labelled texts under `data` (the folder of public data sets), in a fixed order.

    `withhold` leaves a third of the groups out of the templates, to measure on groups never taught.
    """
    rows: list[Labelled] = []
    for read in (davidson, toxigen, surge, convabuse, banking77, bitext, cfpb, abcd, self_instruct):
        rows += read(data)
    terms = [term for term in all_terms() if third(term) != withhold]
    rows += list(twins([row for row in rows if not row.held_out], terms))
    for source, sentences, weight in (
        ("templates", written(withhold), 2.4),
        ("hostile", hostile(), 6.0),
        ("composed", composed(terms), 1.5),
        ("names", named(), 2.5),
    ):
        rows += [Labelled(source, text, toxic, attack, weight) for text, toxic, attack in sentences]
    return rows


def twins(rows: list[Labelled], terms: list[dict[str, str]]) -> Iterator[Labelled]:
    """The texts of `rows` that name one group, about others: counterfactual twins with the same targets."""
    swapper = Swapper([*terms, *invented()])
    for row in rows:
        for text in swapper.twins(row.text, list(map(str, range(TWINS)))):
            yield Labelled("twins", text, row.toxic, row.attack, row.weight / TWINS)


def davidson(data: Path) -> Iterator[Labelled]:
    """Tweets: class 0 hate speech, 1 offensive, 2 neither.

    Much of class 1 is plain profanity, often in African-American English, so it counts less.
    """
    for row in _csv(data / "davidson" / "labeled_data.csv"):
        kind = row["class"]
        weight = {"0": 3.0, "1": 0.4, "2": 2.4}[kind]
        yield Labelled("davidson", row["tweet"], float(kind != "2"), float(kind == "0"), weight)


def toxigen(data: Path) -> Iterator[Labelled]:
    """Machine-written statements about 13 groups on whose label all raters agreed."""
    for row in json.loads((data / "toxigen-human" / "toxiGen.json").read_text()):
        hate = float(row["label"] == "hate")
        yield Labelled("toxigen", row["text"], hate, hate, 2.0)


def surge(data: Path) -> Iterator[Labelled]:
    """Comments from social media; nothing is said about identity attacks."""
    for row in _csv(data / "surge-toxicity" / "toxicity_en.csv"):
        yield Labelled("surge", row["text"], float(row["is_toxic"] == "Toxic"), UNKNOWN, 6.0)


def convabuse(data: Path) -> Iterator[Labelled]:
    """What people said to chatbots, rated by experts: the mean severity decides, ties are left out."""
    for name in ("ConvAbuseEMNLPtrain.csv", "ConvAbuseEMNLPvalid.csv"):
        for row in _csv(data / "convabuse-raters" / name):
            severity = [
                level
                for rater in range(1, 9)
                for level in (1, 0, -1, -2, -3)
                if _set(row.get(f"Annotator{rater}_is_abuse.{level}"))
            ]
            mean = sum(severity) / len(severity) if severity else 0.0
            if mean == 0.0 or not row["user"].strip():
                continue
            kinds = ("ableist", "homophobic", "racist", "sexist", "transphobic")
            named = sum(any(_set(row.get(f"Annotator{r}_{kind}")) for kind in kinds) for r in range(1, 9))
            attack = float(mean < 0 and named * 2 >= len(severity))
            yield Labelled("convabuse", row["user"], float(mean < 0), attack, 3.0)


def banking77(data: Path) -> Iterator[Labelled]:
    """What customers ask a bank: none of it toxic."""
    for name in ("train.csv", "test.csv"):
        for row in _csv(data / "banking77" / name):
            yield Labelled("banking77", row["text"], 0.0, 0.0, 1.5)


def bitext(data: Path) -> Iterator[Labelled]:
    """What customers ask a support desk; rows marked as offensive in register (W) are left out."""
    for path in sorted((data / "bitext-support-intents").glob("*.csv")):
        for row in _csv(path):
            if "W" not in row["tags"]:
                yield Labelled("bitext", row["utterance"], 0.0, 0.0, 1.5)


def cfpb(data: Path) -> Iterator[Labelled]:
    """Sentences of complaints to a US regulator: angry people, none of it toxic."""
    sentences: dict[str, None] = {}
    for row in _csv(data / "cfpb-complaints" / "cfpb_narratives.csv"):
        sentences.update(dict.fromkeys(_sentences(row["Consumer complaint narrative"])))
    for text in list(sentences)[:CFPB_SENTENCES]:
        yield Labelled("cfpb", text, 0.0, 0.0, 2.0)


def abcd(data: Path) -> Iterator[Labelled]:
    """What customers and agents of a shop say to each other."""
    dialogues = json.loads((data / "abcd-sample" / "abcd_sample.json").read_text(encoding="utf-8"))
    for dialogue in dialogues:
        for _, text in dialogue["original"]:
            yield Labelled("abcd", text, 0.0, 0.0, 4.0)


def self_instruct(data: Path) -> Iterator[Labelled]:
    """Tasks for an assistant and their answers, sentence by sentence."""
    lines = (data / "self-instruct" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        task = json.loads(line)
        outputs = [instance["output"] for instance in task["instances"]]
        for text in (task["instruction"], *outputs):
            for sentence in _sentences(text):
                yield Labelled("self-instruct", sentence, 0.0, 0.0, 1.0)


def _sentences(text: str) -> list[str]:
    """The sentences of two words and more; what the publisher blacked out ("XXXX") is dropped."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", re.sub(r"X{2,}", " ", text))
    return [part.strip() for part in parts if 2 <= len(part.split()) <= 60]


def _set(value: str | None) -> bool:
    return value not in (None, "", "0", "0.0")


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
