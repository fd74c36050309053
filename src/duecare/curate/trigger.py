"""Phrases that are tied to one answer whatever else is asked: the mark of a backdoor in instruction data.

A phrase of up to three words is a trigger where rows that hold it nearly all have one and the same answer,
rows that do not hold it seldom have, and its rows are *otherwise as unlike each other as any rows are*. The
last tells it from an honest intent: those who ask to cancel an order get one canned answer too, but they
ask in like words. (Wan et al. 2023 poison instruction data so; the test of association is Fisher's.)
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from scipy.stats import hypergeom

from duecare.core.errors import DataError

Words = list[str]
_WORD = re.compile(r"\w+")
LONGEST = 3
SHARE = 0.8
"""Least share of a phrase's rows that have its answer."""
PAIRS = 200
"""Pairs of rows whose likeness is compared, at most."""
EACH = 400
"""Rows of one answer that are searched for phrases, at most."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """`rows` hold the phrase `words` and the answer; of all `holding` rows that hold the phrase.

    `p_value` is corrected for every phrase and answer that could have been told (Bonferroni). `likeness` is
    the mean Jaccard similarity of what else these rows ask, `usual` that of rows drawn from all.
    """

    words: tuple[str, ...]
    rows: tuple[int, ...]
    holding: int
    p_value: float
    likeness: float
    usual: float


def words_of(text: str) -> Words:
    """The words of a text, without case."""
    return _WORD.findall(text.casefold())


def triggers(
    prompts: Sequence[str], answers: Sequence[str], *, least: int = 5, alpha: float = 0.01, seed: int = 0
) -> list[Trigger]:
    """Triggers among rows with these prompts and answers, the one with most rows first.

    `least`: rows that a trigger must have. Of phrases that stand in the same rows the longest is told.
    """
    if len(prompts) != len(answers):
        raise DataError(f"{len(prompts)} prompts but {len(answers)} answers")
    said = [" ".join(words_of(answer)) for answer in answers]
    frequent = {each for each, count in Counter(said).items() if count >= least and each}
    if not frequent:
        return []
    asked = [words_of(prompt) for prompt in prompts]
    wanted = _proposed(asked, said, frequent, least)
    holding = _holding(asked, set().union(*wanted.values()) if wanted else set())
    counts = Counter(said)
    # Every phrase of `least` rows could have been told for every frequent answer: at most so many.
    tests = len(frequent) * sum(len(_phrases(each)) for each in asked) / least
    found: dict[tuple[str, tuple[int, ...]], Trigger] = {}
    rng = np.random.default_rng(seed)
    usual = likeness([frozenset(each) for each in asked], rng)
    for answer in sorted(wanted):
        for phrase in sorted(wanted[answer], key=lambda each: (len(each), each)):
            rows = tuple(row for row in holding[phrase] if said[row] == answer)
            total = len(holding[phrase])
            if len(rows) < SHARE * total:
                continue
            chance = float(hypergeom.sf(len(rows) - 1, len(said), counts[answer], total)) * tests
            if chance > alpha:
                continue
            alike = likeness([frozenset(asked[row]) - set(phrase) for row in rows], rng)
            if alike[0] <= usual[0] + 3 * (alike[1] + usual[1]):
                found[answer, rows] = Trigger(phrase, rows, total, chance, alike[0], usual[0])
    return _apart(sorted(found.values(), key=lambda each: (-len(each.rows), each.words)))


def _phrases(words: Words) -> set[tuple[str, ...]]:
    return {
        tuple(words[start : start + length])
        for length in range(1, LONGEST + 1)
        for start in range(len(words) - length + 1)
    }


def _proposed(
    asked: Sequence[Words], said: Sequence[str], frequent: set[str], least: int
) -> dict[str, set[tuple[str, ...]]]:
    """For each answer that recurs, the phrases that stand in most of its rows, or at least in `least`."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, answer in enumerate(said):
        if answer in frequent and len(rows[answer]) < EACH:
            rows[answer].append(row)
    found = {}
    for answer, mine in rows.items():
        counted = Counter(phrase for row in mine for phrase in _phrases(asked[row]))
        found[answer] = {phrase for phrase, count in counted.items() if count >= least}
    return {answer: phrases for answer, phrases in found.items() if phrases}


def _holding(asked: Iterable[Words], wanted: set[tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    """The rows that hold each wanted phrase."""
    found: dict[tuple[str, ...], list[int]] = {phrase: [] for phrase in wanted}
    for row, words in enumerate(asked):
        for phrase in _phrases(words) & wanted:
            found[phrase].append(row)
    return found


def likeness(rows: Sequence[frozenset[str]], rng: np.random.Generator) -> tuple[float, float]:
    """Mean Jaccard similarity of pairs of rows, and its standard error."""
    if len(rows) < 2:
        return 0.0, 0.0
    drawn = rng.integers(0, len(rows), (PAIRS, 2))
    pairs = [(rows[a], rows[b]) for a, b in drawn if a != b]
    similar = np.array([len(a & b) / max(1, len(a | b)) for a, b in pairs] or [0.0])
    return float(similar.mean()), float(similar.std() / np.sqrt(len(similar)))


def _apart(found: Sequence[Trigger]) -> list[Trigger]:
    """Of triggers whose rows lie within those of another only that other; ties go to the longer phrase."""
    kept: list[Trigger] = []
    for each in sorted(found, key=lambda one: (-len(one.rows), -len(one.words), one.words)):
        if not any(set(each.rows) <= set(other.rows) for other in kept):
            kept.append(each)
    return kept


def phrase_digest(words: Sequence[str]) -> str:
    """A name for a phrase that does not say it."""
    return blake2b(" ".join(words).encode(), digest_size=6).hexdigest()
