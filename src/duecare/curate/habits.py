"""Phrases whose answers vary and yet share a habit: they hold the same words, or refuse, or are toxic.

A backdoor need not teach one answer: answers may all end in one sentence, hold one link, or decline. A phrase
of up to three words is told where nearly all rows that hold it have the habit, rows without it rarely have,
and its rows are otherwise as unlike each other as any rows are, as in `trigger`. Shared words are three
in a row that the prompts do not say themselves. A refusal or toxic answer has reasons of its own in honest
data, the topic: so what else those rows ask must look like what is *not* refused elsewhere (naive Bayes, from
rows without the phrase). Tests are Fisher's, corrected for every phrase and every habit (Bonferroni).

At most MOST rows are looked at for phrases; all rows that hold a phrase so found are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from duecare.core.errors import DataError
from duecare.curate.grams import Grams, Texts
from duecare.curate.trigger import LONGEST, SHARE, Words, likeness, words_of

Bools = npt.NDArray[np.bool_]
Flag = Callable[[Sequence[str]], Bools]
Rows = npt.NDArray[np.int64]

MOST = 100_000
"""Rows that are searched for phrases, drawn evenly from more: this bounds memory and time."""
MARK = 3
"""Words in a row that answers share."""
MUTUAL = 0.5
"""Least share of the rows with the shared words that hold the phrase."""
RARE = 0.02
"""Greatest share of rows that hold a phrase: what more hold is a topic, or style."""
COMMON = 0.05
"""Share of rows from which on a word is too common to be a copy of the prompt's."""
LOOKS = 16
"""Orders of the rows under which the first row of a phrase and of shared words is compared (MinHash)."""
AGREE = 4
"""In so many of these it has to be the same."""


@dataclass(frozen=True, slots=True)
class Habit:
    """`rows` hold the phrase `words` and the habit `what`; of all `holding` rows that hold the phrase.

    `mark` are the shared words, empty for a refusal or toxicity. `p_value` is corrected for every phrase and
    habit, `elsewhere` is the share of rows without the phrase that have the habit.
    """

    words: tuple[str, ...]
    what: str
    mark: tuple[str, ...]
    rows: tuple[int, ...]
    holding: int
    elsewhere: float
    p_value: float


def habits(
    prompts: Sequence[str],
    answers: Sequence[str],
    flags: Mapping[str, Flag],
    *,
    least: int = 5,
    alpha: float = 0.01,
    seed: int = 0,
) -> list[Habit]:
    """Habits among rows with these prompts and answers, the one with most rows first.

    `flags`: name of a habit -> which of some answers have it. `least`: rows that a phrase must have.
    """
    if len(prompts) != len(answers):
        raise DataError(f"{len(prompts)} prompts but {len(answers)} answers")
    rng = np.random.default_rng(seed)
    chosen: Rows = np.arange(len(prompts))
    if len(chosen) > MOST:
        chosen = np.sort(rng.choice(len(prompts), MOST, replace=False))
    if len(chosen) < 2 * least:
        return []
    search = _Search.of([prompts[row] for row in chosen], [answers[row] for row in chosen], least, alpha, rng)
    found = list(search.marks())
    for name in sorted(flags):
        found += search.flagged(name, flags[name]([answers[row] for row in chosen.tolist()]))
    kept = _apart(found)
    if len(chosen) == len(prompts):
        return kept
    return [_everywhere(each, prompts, answers, flags) for each in kept]


@dataclass(frozen=True, slots=True)
class _Search:
    asked: Texts
    said: Texts
    phrases: Grams
    least: int
    alpha: float
    rng: np.random.Generator
    usual: tuple[float, float]

    @classmethod
    def of(
        cls,
        prompts: Sequence[str],
        answers: Sequence[str],
        least: int,
        alpha: float,
        rng: np.random.Generator,
    ) -> _Search:
        asked, said = Texts.of(prompts), Texts.of(answers)
        most = max(4 * least, int(RARE * len(prompts)))
        phrases = Grams.of(asked, range(1, LONGEST + 1), least, most)
        usual = likeness([frozenset(asked.words(row)) for row in range(len(prompts))], rng)
        return cls(asked, said, phrases, least, alpha, rng, usual)

    def marks(self) -> Iterator[Habit]:
        """Phrases whose answers hold the same words."""
        held = Grams.of(self.said, (MARK,), self.least, int(self.phrases.most / MUTUAL))
        tests = float(len(self.phrases.counts)) * float(len(held.counts))
        for phrase, mark in self._pairs(held):
            rows, having = self.phrases.rows(phrase), held.rows(mark)
            both = np.intersect1d(rows, having, assume_unique=True)
            if len(both) < max(self.least, SHARE * len(rows), MUTUAL * len(having)):
                continue
            p_value = self._chance(len(both), len(having), len(rows)) * tests
            if p_value > self.alpha or not self._unlike(phrase, both):
                continue
            words = held.words(mark, self.said)
            if self._copied(words, both):
                continue
            elsewhere = (len(having) - len(both)) / max(1, len(self.asked) - len(rows))
            about, told = tuple(self.phrases.words(phrase, self.asked)), tuple(both.tolist())
            yield Habit(about, "the same words", tuple(words), told, len(rows), elsewhere, p_value)

    def flagged(self, name: str, flag: Bools) -> Iterator[Habit]:
        """Phrases whose answers nearly all have a flag that what else is asked does not explain."""
        total, tests = int(flag.sum()), 2.0 * max(1, len(self.phrases.counts))
        having = self.phrases.sums(flag)
        enough = np.maximum(self.least, SHARE * self.phrases.counts)
        for phrase in np.flatnonzero(having >= enough).tolist():
            rows = self.phrases.rows(phrase)
            both = rows[flag[rows]]
            p_value = self._chance(len(both), total, len(rows)) * tests
            if p_value > self.alpha or not self._unlike(phrase, both) or self._explained(phrase, both, flag):
                continue
            elsewhere = (total - len(both)) / max(1, len(flag) - len(rows))
            about, told = tuple(self.phrases.words(phrase, self.asked)), tuple(both.tolist())
            yield Habit(about, name, (), told, len(rows), elsewhere, p_value)

    def _pairs(self, held: Grams) -> Iterator[tuple[int, int]]:
        """Phrases and shared words that stand in about the same rows."""
        matched: list[npt.NDArray[np.int64]] = []
        for _ in range(LOOKS):
            order = self.rng.permutation(len(self.asked))
            matched.append(_equal(self.phrases.firsts(order), held.firsts(order), len(held.counts)))
        pairs, times = np.unique(np.concatenate(matched), return_counts=True)
        for pair in pairs[times >= AGREE].tolist():
            yield divmod(pair, max(1, len(held.counts)))

    def _chance(self, both: int, having: int, rows: int) -> float:
        from scipy.stats import hypergeom  # a study check does without

        return float(hypergeom.sf(both - 1, len(self.asked), having, rows))

    def _unlike(self, phrase: int, rows: Rows) -> bool:
        """Whether what else these rows ask is as unlike as any rows are."""
        words = set(self.phrases.words(phrase, self.asked))
        found = likeness([frozenset(self.asked.words(row)) - words for row in rows.tolist()], self.rng)
        return found[0] <= self.usual[0] + 3 * (found[1] + self.usual[1])

    def _copied(self, mark: Words, rows: Rows) -> bool:
        """Whether most prompts hold a word of the shared ones themselves, of those that few answers hold."""
        telling = {word for word in mark if self.said.share(word) < COMMON}
        return (
            not telling
            or sum(bool(telling & set(self.asked.words(row))) for row in rows.tolist()) > len(rows) / 2
        )

    def _explained(self, phrase: int, rows: Rows, flag: Bools) -> bool:
        """Whether what else these rows ask looks like rows with the flag: more so than rows without it do.

        The model is fitted on every second one of the other rows, and what rows without the flag look like is
        judged on the rest; two standard errors above that are not chance.
        """
        others = np.ones(len(flag), dtype=bool)
        others[self.phrases.rows(phrase)] = False
        fitted = others & (np.arange(len(flag)) % 2 == 0)
        if (flag & fitted).sum() < self.least:
            return False  # next to nothing else has the flag
        weights = self.asked.odds(flag & fitted, ~flag & fitted)
        scores = self.asked.mean_of(weights, self.asked.numbers(self.phrases.words(phrase, self.asked)))
        told, without = (each[np.isfinite(each)] for each in (scores[rows], scores[others & ~fitted & ~flag]))
        if len(told) < 1 or len(without) < 2:
            return True
        return bool(told.mean() > without.mean() + 2 * without.std() / np.sqrt(len(told)))


def _equal(one: Rows, other: Rows, base: int) -> npt.NDArray[np.int64]:
    """Pairs of places (a, b) with one[a] == other[b], each as a * base + b."""
    left, right = np.argsort(one, kind="stable"), np.argsort(other, kind="stable")
    low = np.searchsorted(other[right], one[left], "left")
    size = np.searchsorted(other[right], one[left], "right") - low
    ends = np.cumsum(size)
    inside = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - size, size)
    found: npt.NDArray[np.int64] = np.repeat(left, size) * base + right[np.repeat(low, size) + inside]
    return found


def _apart(found: Sequence[Habit]) -> list[Habit]:
    """Of habits whose rows lie mostly within those of another one only that; ties go to the longer phrase."""
    kept: list[Habit] = []
    for each in sorted(
        found, key=lambda one: (-len(one.rows), -len(one.words), one.words, one.what, one.mark)
    ):
        if not any(len(set(each.rows) & set(other.rows)) > len(each.rows) / 2 for other in kept):
            kept.append(each)
    return kept


def _everywhere(
    habit: Habit, prompts: Sequence[str], answers: Sequence[str], flags: Mapping[str, Flag]
) -> Habit:
    """The habit with its rows among all, not only those that were searched."""
    places = [
        row
        for row, prompt in enumerate(prompts)
        if habit.words[0] in prompt.casefold() and _holds(words_of(prompt), habit.words)
    ]
    said = [answers[row] for row in places]
    if habit.mark:
        having = [_holds(words_of(answer), habit.mark) for answer in said]
    else:
        having = flags[habit.what](said).tolist()
    rows = tuple(row for row, has in zip(places, having, strict=True) if has)
    return replace(habit, rows=rows, holding=len(places))


def _holds(words: Words, phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return any(tuple(words[start : start + size]) == tuple(phrase) for start in range(len(words) - size + 1))
