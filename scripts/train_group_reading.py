"""Train what tells the name of a group of people that no list holds, for `toxicity-minilm`.

    python scripts/train_group_reading.py $DUECARE_DATA

Needs `duecare[minilm]`. A logistic model of words in their places: names are those that the fast tier was
taught, those of the list that are not held (`group_names.py`), and those of invented peoples; all other words
of the training part are none. A fifth of the names, all forms of a word together, is left out first and says
how many unknown names are found; the weights are then fitted with all.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import optimize
from toxicity_grammar import invented
from toxicity_groups import group_words
from toxicity_hostile import ADJECTIVES, NOUNS
from toxicity_predicates import NEGATIVE
from toxicity_predicates import NOUNS as MORE_NOUNS
from toxicity_sources import everything

from duecare.detect.group_reading import (
    BEFORE,
    BEHIND,
    PLACE,
    SHORTEST,
    Marks,
    beside,
    form,
    pack_marks,
    place_marks,
)
from duecare.detect.groups import group_names
from duecare.detect.minilm import Encoder, shipped_encoder
from duecare.detect.ngrams import PEOPLE_WORDS

WEIGHTS = Path(__file__).parent.parent / "src/duecare/detect/weights/group_reading.npz"
PLACES = 5
"""Places in the texts at which one word is looked at, at most."""
PENALTY, CAUTION, RAREST = 1e-3, -0.3, 2
"""Penalty; what is taken from every margin; occurrences that an other word has at least. A name that is not
found lets its group decide, another word that is taken for one costs little: hence the rather early yes."""
_WORD = re.compile(r"[^\W\d_]+")


def main(data: Path) -> None:
    """Fit, say how many unknown names are found, write the weights."""
    texts = [row.text for row in everything(data) if not row.held_out and row.source != "twins"]
    listed = group_names(held=False)
    names = listed.words | set(group_words())
    left = group_names().words - names | {word for phrase in listed.phrases for word in phrase} - names
    made = {
        word for term in invented() for word in (term["adjective"].lower(), term["people"].lower().split()[0])
    }
    encoder = shipped_encoder()
    word, rows = examples(texts, names | made, left, encoder)
    truth = np.array([each in names or each in made for each in word])
    hidden = np.array([each in names and _number(each[:5]) % 5 == 0 for each in word])
    tried = fit(rows[~hidden], truth[~hidden], weighed(word[~hidden], truth[~hidden], made))
    said = rows @ tried - CAUTION > 0
    print(
        f"unknown names found: {said[hidden].mean():.3f} of {len(set(word[hidden]))} words", file=sys.stderr
    )
    print(f"other words taken for names: {said[~truth].mean():.4f}", file=sys.stderr)
    fitted = fit(rows, truth, weighed(word, truth, made))
    width = rows.shape[1] - len(BEFORE) - len(BEHIND) - 2 - PLACE
    fitted[width - 1] -= CAUTION
    pack_marks(WEIGHTS, Marks(fitted[:width], fitted[width:-PLACE], fitted[-PLACE:]))


def examples(
    texts: list[str], names: set[str], left: set[str], encoder: Encoder
) -> tuple[np.ndarray, np.ndarray]:
    """Words [N] and their features [N, D]: words at PLACES places at most, less rare ones and `left`."""
    texts = sorted(set(texts), key=_number)
    words = [[match[0].lower() for match in _WORD.finditer(text)] for text in texts]
    common = Counter(word for each in words for word in each)
    seen: Counter[str] = Counter()
    found, contexts = [], []
    for text, each in zip(texts, words, strict=True):
        matches = list(_WORD.finditer(text))
        for place, word in enumerate(each):
            if word not in names and (word in PEOPLE_WORDS or word in left or common[word] < RAREST):
                continue
            if seen[word] >= PLACES or len(word) < SHORTEST:
                continue
            seen[word] += 1
            found.append(word)
            marks = np.zeros(PLACE, np.float32)
            marks[place_marks(text, matches, place, cased=not text.isupper())] = 1
            context = beside(
                each[place - 1] if place else None, each[place + 1] if place + 1 < len(each) else None
            )
            contexts.append(np.append(context, marks))
    forms = {word: form(encoder, word) for word in dict.fromkeys(found)}
    rows = np.concatenate((np.stack([forms[word] for word in found]), np.stack(contexts)), axis=1)
    return np.array(found), rows


def weighed(word: np.ndarray, truth: np.ndarray, made: set[str]) -> np.ndarray:
    """Weight of each example: names and others even, invented names a third of the names."""
    is_made = np.array([each in made for each in word])
    found = np.zeros(len(word))
    for chosen, share in ((truth & ~is_made, 0.2), (is_made, 0.1), (~truth, 0.7)):
        found[chosen] = share / chosen.sum()
    found[np.isin(word, sorted(insults()))] *= 30
    return found


def insults() -> set[str]:
    """Words that say what is thought of somebody: taken for a name they would be lost."""
    nouns = {*NOUNS, *MORE_NOUNS}
    return {*nouns, *(f"{noun}s" for noun in nouns), *ADJECTIVES, *NEGATIVE}


def fit(rows: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights [D] of the logistic model with the smallest penalised loss."""

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = rows @ beta.astype(np.float32)
        error = (weight * (1 / (1 + np.exp(-margin)) - truth)).astype(np.float32)
        value = float(weight @ (np.logaddexp(0, margin) - truth * margin) + PENALTY / 2 * beta @ beta)
        return value, (rows.T @ error).astype(np.float64) + PENALTY * beta

    found = optimize.minimize(
        loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    )
    return np.asarray(found.x)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
