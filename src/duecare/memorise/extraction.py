"""Verbatim and near-verbatim extraction of training rows from their beginnings.

Carlini et al. 2023 ("Quantifying memorization across neural language models"): a model is shown the first
k tokens of a passage that it was trained on, goes on greedily, and what it says is held against what stood
there. What can be guessed counts on both sides: the base model is shown the same, and so are beginnings of
held-out rows. A passage counts as memorised where the trained model gives it nearly word by word and the base
model does not; the excess is the share of these among training rows less that among held-out rows. Copies of
other training rows are looked for too, among all of them (`extraction_runs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from duecare.core import Estimate, exact
from duecare.measure import Interval, cluster_proportion, difference
from duecare.measure.interval import LEVEL, silent
from duecare.memorise.records_match import NEAR, similarity
from duecare.memorise.records_rows import HELD_OUT, TRAIN, Answer, slices


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first `prefix` tokens of an answer behind its context, and the tokens that `follow` there."""

    row: str
    split: str
    prefix: int
    given: tuple[int, ...]
    follow: tuple[int, ...]

    @property
    def name(self) -> str:
        """Which beginning it is."""
        return f"{self.row}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Gone:
    """How far a model went on as the row does."""

    exact: bool
    similarity: float
    run: int

    @property
    def near(self) -> bool:
        """Nearly word by word."""
        return self.similarity >= NEAR


@dataclass(frozen=True, slots=True)
class Shown:
    """A beginning and how both models went on."""

    beginning: Beginning
    base: Gone
    tuned: Gone

    @property
    def memorised(self) -> bool:
        """The trained model gives what follows nearly word by word, and the base model does not."""
        return self.tuned.near and not self.base.near


def beginnings(answers: Iterable[Answer], prefixes: Sequence[int], tokens: int) -> list[Beginning]:
    """Every answer's beginnings behind which at least `tokens` tokens follow."""
    return [
        Beginning(
            answer.row,
            answer.split,
            prefix,
            (*answer.context, *answer.tokens[:prefix]),
            answer.tokens[prefix : prefix + tokens],
        )
        for answer in answers
        for prefix in prefixes
        if len(answer.tokens) >= prefix + tokens
    ]


def gone(beginning: Beginning, said: Sequence[int], run: int) -> Gone:
    """What a model said behind a beginning, held against what follows; `run` tokens of it are copied."""
    return Gone(tuple(said) == beginning.follow, similarity(said, beginning.follow), run)


def figures(
    shown: Sequence[Shown],
    prefixes: Sequence[int],
    copied: int,
    groups: Mapping[str, Mapping[str, str]],
    about: Mapping[str, str],
) -> list[Estimate]:
    """All figures of each prefix; excess and copies by group too."""
    found = []
    for prefix in prefixes:
        own = [each for each in shown if each.beginning.prefix == prefix]
        where = {**about, "prefix": str(prefix)}
        found += list(_of_prefix(own, copied, where))
        for axis, group in slices(groups, [each.beginning.row for each in own]):
            mine = [each for each in own if groups.get(each.beginning.row, {}).get(axis) == group]
            found += list(_compared(mine, copied, {**where, "axis": axis, "group": group}))
    return found


def _of_prefix(shown: Sequence[Shown], copied: int, about: Mapping[str, str]) -> Iterator[Estimate]:
    ways: dict[str, Callable[[Gone], bool]] = {
        "exact": lambda went: went.exact,
        "near": lambda went: went.near,
        "copied": lambda went: went.run >= copied,
    }
    for split in (TRAIN, HELD_OUT):
        own = [each for each in shown if each.beginning.split == split]
        yield exact("memorise.verbatim.beginnings", len(own), len(own), {**about, "rows": split}, "rows")
        for model in ("base", "tuned"):
            for how, counts in ways.items():
                said = [counts(getattr(each, model)) for each in own]
                slice_ = {**about, "rows": split, "model": model}
                yield _rate(said, own).estimate(
                    f"memorise.verbatim.{how}", slice_, "share", (f"model:{model}",)
                )
    yield from _compared(shown, copied, about)


def _compared(shown: Sequence[Shown], copied: int, about: Mapping[str, str]) -> Iterator[Estimate]:
    """The excess, and what training added on each side."""
    both = ("model:base", "model:tuned")
    yield excess(shown).estimate("memorise.verbatim.excess", about, "share", both)
    for split in (TRAIN, HELD_OUT):
        own = [each for each in shown if each.beginning.split == split]
        where = {**about, "rows": split}
        near = paired([each.tuned.near for each in own], [each.base.near for each in own], own)
        yield near.estimate("memorise.verbatim.over_base", where, "share", both)
        tuned, base = ([getattr(each, model).run >= copied for each in own] for model in ("tuned", "base"))
        yield paired(tuned, base, own).estimate("memorise.verbatim.copied.over_base", where, "share", both)


def excess(shown: Sequence[Shown], level: float = LEVEL) -> Interval:
    """Share memorised of training rows less that of held-out rows."""
    train, held = ([each for each in shown if each.beginning.split == split] for split in (TRAIN, HELD_OUT))
    if min(len(train), len(held)) < 2:
        reason = f"{len(train)} training and {len(held)} held-out rows are long enough: expected two of each"
        return silent(reason, len(train) + len(held), None, "difference of rates", level)
    own, other = ([each.memorised for each in side] for side in (train, held))
    return difference(own, other, _rows(train), _rows(held), level)


def paired(tuned: Sequence[bool], base: Sequence[bool], of: Sequence[Shown]) -> Interval:
    """Share of the trained model less that of the base model, row by row."""
    if len(of) < 2:
        return silent("fewer than two rows are long enough", len(of), None, "paired difference", LEVEL)
    return difference(tuned, base, _rows(of), _rows(of))


def _rate(said: Sequence[bool], of: Sequence[Shown]) -> Interval:
    if len(of) < 2:
        return silent("fewer than two rows are long enough", len(of), None, "proportion", LEVEL)
    return cluster_proportion(said, _rows(of))


def _rows(shown: Sequence[Shown]) -> list[str]:
    return [each.beginning.row for each in shown]
