"""How many first names kept out of training and lists are found, by the group of people who bear them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from names_sources import names_by_group

from duecare.detect.tagging import Tagger
from duecare.detect.tokens import shipped_lists

OWN_CARRIERS = (
    "Has {} already handed in the form?",
    "The keys are with {} at the front desk.",
    "{} asked whether we could reschedule the visit.",
    "we owe {} an apology for the mix-up",
)
"""By the writer of the training grammar, which makes none of them, when an earlier model was finished."""

ROUNDS, SEED = 1000, 7
_FILE = Path(__file__).parent / "names" / "carriers.txt"


def carriers() -> tuple[str, ...]:
    """Sentences with a place {} for a first name, by somebody who had not seen the training sentences."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def found_by_group(data: Path, sentences: Sequence[str], *, listed: bool = False) -> dict[str, np.ndarray]:
    """Whether each name kept out of training is found in each sentence, bool [names, sentences], by group.

    The lists know none of these names, unless `listed`: then they are those that ship.
    """
    groups = names_by_group(data)
    unlisted = frozenset(name.lower() for names in groups.values() for name in names)
    tagger = Tagger(lists=shipped_lists() if listed else shipped_lists().without(unlisted))
    return {
        group: np.stack([persons_hit(tagger, sentence, names) for sentence in sentences], axis=1)
        for group, names in groups.items()
    }


def persons_hit(tagger: Tagger, sentence: str, names: Sequence[str]) -> np.ndarray:
    """Whether a person is seen where each of the names stands, bool [names]."""
    places = tagger.places(pa.array([sentence.format(name) for name in names]))
    begin = sentence.index("{}")
    hit = np.zeros(len(names), bool)
    ends = np.array([begin + len(name) for name in names])[places.text]
    hit[places.text[(places.label == "PERSON") & (places.start < ends) & (places.end > begin)]] = True
    return hit


def drawn_recall(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Recall of each group in bootstraps of names and of sentences, which groups share: [ROUNDS]."""
    chance = np.random.default_rng(SEED)
    sentences = next(iter(found.values())).shape[1]
    drawn: dict[str, list[float]] = {group: [] for group in found}
    for _ in range(ROUNDS):
        there = np.bincount(chance.integers(0, sentences, sentences), minlength=sentences) / sentences
        for group, hit in found.items():
            names = np.bincount(chance.integers(0, len(hit), len(hit)), minlength=len(hit)) / len(hit)
            drawn[group].append(float(names @ hit @ there))
    return {group: np.array(values) for group, values in drawn.items()}
