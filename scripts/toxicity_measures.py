"""What is measured on tests alone: functional test, Jigsaw sentence templates, service dialogues, swaps.

Nothing here is ever trained on. A judge is a function from texts to scores [N, 2], one column for each head.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from toxicity_sources import Labelled
from toxicity_swap import Swapper
from toxicity_templates import all_terms

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from functional import GROUPS, Case, cases

from duecare.detect import Measured
from duecare.measure import cluster_proportion

Judge = Callable[[list[str]], np.ndarray]
LIMIT, POWER = 0.5, -5.0
RESAMPLES = 200
FUNCTIONAL = "functional test (benchmarks/functional)"
KIND = ("neutral mention", "positive", "speaking of oneself", "a customer speaks", "question or task")
"""Functions that speak of a group without any hate in sight: the negatives of the identity-bias figure."""

SWAPS = 1
TEMPLATES = "Jigsaw sentence templates"


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Chance that a toxic text scores above one that is not, ties counting half (Mann and Whitney).

    NaN, which `resampled` leaves out, where a resample holds only one sort.
    """
    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return float("nan")
    ranks = rankdata(scores)[truth].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def power_mean(values: Sequence[float]) -> float:
    """The generalised mean with exponent -5, in which the worst weigh most (Borkan et al. 2019)."""
    return float(np.mean(np.asarray(values) ** POWER) ** (1 / POWER))


def wilson(hit: int, of: int) -> tuple[float, float, float]:
    """A share with its 95 % Wilson interval; of nothing, 0 between 0 and 1."""
    if of == 0:
        return 0.0, 0.0, 1.0
    z, share = 1.959964, hit / of
    middle, width = share + z * z / (2 * of), z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return share, float(max(0.0, (middle - width) / scale)), float(min(1.0, (middle + width) / scale))


def line(
    data: str, part: str, metric: str, figure: tuple[float, float, float], n: int, *, method: str
) -> Measured:
    """A figure as it stands on a card."""
    value, low, high = (round(number, 4) for number in figure)
    return Measured(data=data, part=part, metric=metric, value=value, low=low, high=high, n=n, method=method)


def on_functional(judge: Judge, nth: int = 1) -> Iterable[Measured]:
    """Ranking, errors by function, identity bias and flips, intervals by resampling whole templates; of
    the groups every `nth`."""
    among = set(GROUPS[::nth])
    every = [case for case in cases() if case.group is None or case.group in among]
    scores = judge([case.text for case in every])
    greater = scores.max(axis=1)
    attack = np.array([case.attack for case in every])
    unseen = np.array([case.group is None or not case.group.seen for case in every])
    template = np.array([case.template for case in every])
    method = "bootstrap over templates"
    everybody = "all groups" if nth == 1 else f"{len(among)} of {len(GROUPS)} groups"
    for part, chosen in (
        (everybody, np.ones(len(every), bool)),
        ("groups that training never names", unseen),
    ):
        figure = resampled(
            lambda at: auc(scores[at, 1], attack[at]),
            np.flatnonzero(chosen),
            template,
        )
        yield line(FUNCTIONAL, part, "ROC-AUC, identity attack", figure, int(chosen.sum()), method=method)
    yield from _by_function(every, greater, template)
    for head, values in (("greater head", greater), ("identity attack", scores[:, 1])):
        yield _functional_bias(every, values, template, head)
    named = np.array([case.group is not None for case in every])
    written = np.array([f"{case.template}/{case.function}" for case in every])
    figure = flips(written[named], greater[named])
    yield line(FUNCTIONAL, everybody, FLIPS, figure, int(named.sum()), method=method)


def on_unlisted(judge: Judge, nth: int = 1) -> Iterable[Measured]:
    """Ranking and flips on the functional test by a `judge` to whom half of its groups stand in no list."""
    among = set(GROUPS[::nth])
    every = [case for case in cases() if case.group in among]
    scores = judge([case.text for case in every])
    attack = np.array([case.attack for case in every])
    template = np.array([case.template for case in every])
    part, method = "groups that training never names, in no list", "bootstrap over templates"
    unseen = np.flatnonzero([not case.group.seen for case in every if case.group])
    figure = resampled(lambda at: auc(scores[at, 1], attack[at]), unseen, template)
    yield line(FUNCTIONAL, part, "ROC-AUC, identity attack", figure, len(unseen), method=method)
    written = np.array([f"{case.template}/{case.function}" for case in every])
    figure = flips(written, scores.max(axis=1))
    part = "all groups, those that training never names in no list"
    yield line(FUNCTIONAL, part, FLIPS, figure, len(every), method=method)


FLIPS = "error: decisions at 0.5 that flip when the group is swapped"


def _by_function(every: list[Case], greater: np.ndarray, template: np.ndarray) -> Iterable[Measured]:
    functions = dict.fromkeys((case.function, case.toxic) for case in every)
    for function, toxic in functions:
        chosen = np.array([case.function == function for case in every])
        metric = "recall at 0.5" if toxic else "false positive rate at 0.5"
        # Not by resampling: where none or all are hit, every resample says the same.
        found = cluster_proportion(greater[chosen] >= LIMIT, template[chosen].tolist())
        figure = (found.value or 0.0, found.low or 0.0, 1.0 if found.high is None else found.high)
        yield line(FUNCTIONAL, function, metric, figure, int(chosen.sum()), method=found.method)


def _functional_bias(every: list[Case], values: np.ndarray, template: np.ndarray, head: str) -> Measured:
    """Power mean over the unseen groups of how well sentences that merely name a group rank below attacks
    on others (BPSN: background positive, subgroup negative)."""
    unseen = np.array([case.group is not None and not case.group.seen for case in every])
    name = np.array([case.group.name if case.group else "" for case in every])
    kind = np.array([case.function in KIND for case in every]) & unseen
    hate = np.array([case.attack and not case.function.startswith("spelling") for case in every]) & unseen
    at_all = np.flatnonzero(kind | hate)

    def bias(at: np.ndarray) -> float:
        found = []
        for group in np.unique(name[at_all]):
            chosen = at[(kind[at] & (name[at] == group)) | (hate[at] & (name[at] != group))]
            found.append(auc(values[chosen], hate[chosen]))
        return power_mean(found)

    return line(
        FUNCTIONAL,
        "groups that training never names, mentions against attacks",
        f"BPSN AUC, power mean, {head}",
        resampled(bias, at_all, template, 60),
        len(at_all),
        method="bootstrap over templates",
    )


def flips(cluster: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """Share of pairs of texts of one cluster (one sentence about two groups) that are decided differently,
    with its 95 % percentile interval over resampled clusters."""
    _, number = np.unique(cluster, return_inverse=True)
    size = np.bincount(number)
    yes = np.bincount(number, scores >= LIMIT)
    differing, pairs = yes * (size - yes), size * (size - 1) / 2
    picks = np.random.default_rng(0).integers(0, len(size), (RESAMPLES, len(size)))
    drawn = differing[picks].sum(axis=1) / np.maximum(pairs[picks].sum(axis=1), 1)
    value = float(differing.sum() / max(pairs.sum(), 1))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return value, float(min(low, value)), float(max(high, value))


def resampled(
    figure: Callable[[np.ndarray], float], at: np.ndarray, cluster: np.ndarray, times: int = RESAMPLES
) -> tuple[float, float, float]:
    """`figure` of the places `at`, with its 95 % percentile interval over resampled clusters."""
    chance = np.random.default_rng(0)
    order = at[np.argsort(cluster[at], kind="stable")]
    _, starts = np.unique(cluster[order], return_index=True)
    members = np.split(order, starts[1:])
    drawn = []
    for _ in range(times):
        picks = chance.integers(0, len(members), len(members))
        drawn.append(figure(np.concatenate([members[pick] for pick in picks])))
    low, high = np.quantile(np.array(drawn)[np.isfinite(drawn)], (0.025, 0.975))
    value = figure(at)
    return value, float(min(low, value)), float(max(high, value))


def on_templates(judge: Judge, data: Path, most: int | None = None) -> Iterable[Measured]:
    """The Jigsaw sentence templates: ranking, identity bias, recall, flips, and errors for each term."""
    rows = templates(data)
    if most is not None and most < len(rows):
        rows = [rows[place] for place in np.random.default_rng(0).choice(len(rows), most, replace=False)]
    part = "all, a test only" if most is None else f"{len(rows):,} drawn at random, a test only"
    greater = judge([row["phrase"] for row in rows]).max(axis=1)
    truth = np.array([row["toxicity"] == "toxic" for row in rows])
    terms = sorted(_terms(templates(data)))
    words = [set(row["phrase"].lower().split()) for row in rows]
    holds = {term: np.array([term in each for each in words]) for term in terms}
    everyone, alone = np.arange(len(rows)), np.arange(len(rows))

    def bias(at: np.ndarray) -> float:
        found = []
        for term in terms:
            chosen = at[holds[term][at] != truth[at]]
            found.append(auc(greater[chosen], truth[chosen]))
        return power_mean(found)

    method = "bootstrap over texts"
    ranked = resampled(lambda at: auc(greater[at], truth[at]), everyone, alone, 40)
    yield line(TEMPLATES, part, "ROC-AUC", ranked, len(rows), method=method)
    yield line(
        TEMPLATES,
        part,
        "BPSN AUC, power mean",
        resampled(bias, everyone, alone, 40),
        len(rows),
        method=method,
    )
    hit = greater >= LIMIT
    recall = wilson(int((hit & truth).sum()), int(truth.sum()))
    yield line(TEMPLATES, part, "recall at 0.5", recall, int(truth.sum()), method="Wilson")
    frame = np.array([_frame(row["phrase"], terms) for row in rows])
    swapped = flips(frame, greater)
    yield line(TEMPLATES, part, FLIPS, swapped, len(rows), method="bootstrap over sentences")
    for term in terms:
        calm = holds[term] & ~truth
        rate = wilson(int((hit & calm).sum()), int(calm.sum()))
        yield line(
            TEMPLATES, f"naming {term}", "false positive rate at 0.5", rate, int(calm.sum()), method="Wilson"
        )


def templates(data: Path) -> list[dict[str, str]]:
    """Rows of the Jigsaw sentence templates."""
    with (data / "jigsaw-sentence-templates" / "en_sentence_templates.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _terms(rows: list[dict[str, str]]) -> set[str]:
    """The identity terms: words that fill the one slot of "I am X" in the phrases."""
    split = (row["phrase"].lower().split() for row in rows)
    return {words[-1] for words in split if len(words) == 3 and words[:2] == ["i", "am"]}


def _frame(phrase: str, terms: Sequence[str]) -> str:
    known = set(terms)
    return " ".join("_" if word in known else word for word in phrase.lower().split())


def on_dialogues(judge: Judge, data: Path, most: int | None = None) -> Iterable[Measured]:
    """Everyday dialogues between people and service desks: how many hold a turn that is called toxic."""
    path = data / "sgd-support" / "sgd_dev_flat.jsonl"
    turns = [[text for _, text in json.loads(row)["turns"]] for row in path.open(encoding="utf-8")]
    if most is not None:
        turns = [turns[place] for place in np.random.default_rng(0).choice(len(turns), most, replace=False)]
    scores = judge([text for dialogue in turns for text in dialogue]).max(axis=1)
    owner = np.repeat(np.arange(len(turns)), [len(dialogue) for dialogue in turns])
    hit = np.zeros(len(turns), dtype=bool)
    hit[owner[scores >= LIMIT]] = True
    rate = wilson(int(hit.sum()), len(turns))
    name = "Schema-Guided Dialogue (SGD), service dialogues"
    metric = "false positive rate at 0.5, dialogues"
    yield line(name, "a test only", metric, rate, len(turns), method="Wilson")


def on_swaps(judge: Judge, rows: list[Labelled]) -> Iterable[Measured]:
    """Held-out texts of people and machines that name a group, and the same about other groups: flips."""
    swapper, owner, texts = _swapper(), [], []
    for number, row in enumerate(rows):
        twins = [swapper.twin(row.text, f"swap {turn}") for turn in range(SWAPS)]
        found = [row.text, *(twin for twin in twins if twin is not None)]
        if len(found) > 1:
            owner += [number] * len(found)
            texts += found
    group = np.array(owner)
    greater = judge(texts).max(axis=1)
    figure = flips(group, greater)
    n = len(np.unique(group))
    yield line(
        "held-out texts that name a group",
        "and their twins about others",
        FLIPS,
        figure,
        n,
        method="bootstrap over texts",
    )


@cache
def _swapper() -> Swapper:
    return Swapper(all_terms())


def names_a_group(row: Labelled) -> bool:
    """Whether a text names exactly one group, so that it has twins."""
    return _swapper().twin(row.text, "swap 0") is not None


def by_group(judge: Judge, data: Path) -> Iterable[Measured]:
    """Errors on held-out ToxiGen texts by the group that they are about."""
    told: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for row in json.loads((data / "toxigen-human" / "toxiGen.json").read_text()):
        if Labelled("toxigen", row["text"], 0.0, 0.0, 1.0).held_out:
            groups = row["target_groups"]
            for group in [groups] if isinstance(groups, str) else groups:
                told[group].append((row["text"], row["label"] == "hate"))
    for group, rows in sorted(told.items()):
        hit = judge([text for text, _ in rows]).max(axis=1) >= LIMIT
        hate = np.array([hateful for _, hateful in rows])
        part = f"about {group}, a fifth of its texts, never trained on"
        for metric, wrong, of in (
            ("false positive rate at 0.5", hit & ~hate, ~hate),
            ("false negative rate at 0.5", ~hit & hate, hate),
        ):
            rate = wilson(int(wrong.sum()), int(of.sum()))
            yield line("ToxiGen, human-labelled", part, metric, rate, int(of.sum()), method="Wilson")
