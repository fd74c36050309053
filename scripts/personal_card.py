"""What the detector of names is measured on: spans of presidio-research, first names by group, tweets.

Needs openpyxl and presidio-evaluator (whose scorer is the one behind Presidio's published figures) beside
duecare. None of it was trained on. Of the synthetic sentences, the errors on a third of the templates were
read while the training sentences were written; figures are of the other two thirds, unless told otherwise.
"""

from __future__ import annotations

# ruff: noqa: E501, PLR0917 - a card line has that many parts; lists, patterns and tables are read whole, on their line
import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from names_groups import OWN_CARRIERS, ROUNDS, SEED, carriers, drawn_recall, found_by_group
from names_sources import kept_for_measuring, plain_texts, wnut
from names_text import Marked
from toxicity_card import wilson

from duecare.detect import patterns
from duecare.detect.card import Measured
from duecare.detect.names import LABELS, find_names
from duecare.detect.spans import Span

Finder = Callable[[str], Iterable[tuple[int, int, str]]]
READ_THIRD = "templates whose errors were not read"
SYNTHETIC = "presidio-research generated_large, a test only"
TWEETS = "WNUT17 development part, a test only"
FIRST_NAMES = "first names of Tzioumis (2018) kept out of training and lists"
SHIPPED_NAMES = "the same first names, on the lists that ship"
BLIND = "in 60 sentences by somebody who had not seen the training sentences"
OWN = "in 4 sentences by the writer of the training sentences"


def everything(text: str) -> list[Span]:
    """All labels of the model and all forms: what the scorer counts."""
    return [*find_names(text, LABELS), *patterns.find_forms(text)]


def synthetic(data: Path, read: bool) -> list[dict[str, Any]]:
    """Rows of generated_large of the templates whose errors were read, or of the others."""
    rows = json.loads((data / "presidio-synth" / "generated_large.json").read_text(encoding="utf-8"))
    return [row for row in rows if _was_read(row) is read]


def _was_read(row: dict[str, Any]) -> bool:
    return int(hashlib.sha256(str(row["template_id"]).encode()).hexdigest(), 16) % 3 == 0


def span_counts(rows: Sequence[dict[str, Any]], find: Finder) -> np.ndarray:
    """True positives, predicted and annotated spans of each template, [templates, 3].

    By presidio-evaluator's SpanEvaluator: any kind counts as personal data, intersection over union of 0.9.
    """
    import pandas as pd
    import spacy
    from presidio_evaluator.evaluation import SpanEvaluator

    logging.disable(logging.WARNING)
    cut, scorer = spacy.blank("en"), SpanEvaluator(iou_threshold=0.9)
    by_template: dict[object, list[tuple[int, str, str, str, int]]] = {}
    for number, row in enumerate(rows):
        gold = [(span["start_position"], span["end_position"]) for span in row["spans"]]
        found = [(place[0], place[1]) for place in find(row["full_text"])]
        listed = by_template.setdefault(row["template_id"], [])
        for token in cut(row["full_text"]):
            here = (token.idx, token.idx + len(token.text))
            tags = (
                "PII" if any(a < here[1] and here[0] < b for a, b in spans) else "O"
                for spans in (gold, found)
            )
            listed.append((number, token.text, *tags, token.idx))
    counts = []
    for listed in by_template.values():
        columns = ["sentence_id", "token", "annotation", "prediction", "start_indices"]
        told = scorer.calculate_score_on_df(pd.DataFrame(listed, columns=columns), level="pii")
        counts.append((told.pii_true_positives, told.pii_predicted, told.pii_annotated))
    return np.array(counts, float)


def f_score(counts: np.ndarray, beta: float) -> float:
    """F of (true positives, predicted, annotated): recall counts beta times as much as precision."""
    right, predicted, annotated = counts
    return (1 + beta**2) * right / (beta**2 * annotated + predicted)


def resampled(units: np.ndarray, figure: Callable[[np.ndarray], float]) -> tuple[float, float, float]:
    """`figure` of the summed units, and the 95 % interval of a bootstrap over them."""
    chance = np.random.default_rng(SEED)
    drawn = chance.integers(0, len(units), (ROUNDS, len(units)))
    values = [figure(units[each].sum(axis=0)) for each in drawn]
    low, high = np.percentile(values, [2.5, 97.5])
    return figure(units.sum(axis=0)), float(low), float(high)


def told(
    data: str, part: str, metric: str, value: tuple[float, float, float], n: int, method: str
) -> Measured:
    """A line of the card."""
    middle, low, high = (round(float(each), 4) for each in value)
    return Measured(data=data, part=part, metric=metric, value=middle, low=low, high=high, n=n, method=method)


def on_spans(data: Path) -> Iterator[Measured]:
    """F2, precision and recall of all labels together on sentences of templates whose errors were not read."""
    counts = span_counts(synthetic(data, read=False), everything)
    for metric, figure in (
        ("F2 of spans, any kind", lambda total: f_score(total, 2)),
        ("precision of spans, any kind", lambda total: total[0] / total[1]),
        ("recall of spans, any kind", lambda total: total[0] / total[2]),
    ):
        value, n = resampled(counts, figure), int(counts[:, 2].sum())
        yield told(SYNTHETIC, READ_THIRD, metric, value, n, "bootstrap of templates")


def on_groups(data: Path) -> Iterator[Measured]:
    """Recall of first names by group, unlisted and listed, and the largest gap between groups."""
    for where, sentences in ((BLIND, carriers()), (OWN, OWN_CARRIERS)):
        for listed, names in ((False, FIRST_NAMES), (True, SHIPPED_NAMES)):
            yield from _by_group(found_by_group(data, sentences, listed=listed), f"{names}, {where}", listed)


def _by_group(found: dict[str, np.ndarray], data: str, listed: bool) -> Iterator[Measured]:
    drawn, method = drawn_recall(found), "bootstrap of names and sentences"
    for group, hit in found.items():
        low, high = np.percentile(drawn[group], [2.5, 97.5])
        metric = "recall of first names" if listed else "recall of unlisted first names"
        yield told(data, group, metric, (float(hit.mean()), float(low), float(high)), len(hit), method)
    low, high = np.percentile(np.ptp(np.array(list(drawn.values())), axis=0), [2.5, 97.5])
    means = [float(hit.mean()) for hit in found.values()]
    value = max(means) - min(means), float(low), float(high)
    metric = "error: largest gap in recall between groups"
    yield told(data, "all groups", metric, value, sum(map(len, found.values())), method)


def person_counts(rows: Sequence[Marked], find: Finder) -> np.ndarray:
    """Exactly right, predicted and labelled persons of each sentence, [sentences, 3]."""
    counts = np.zeros((len(rows), 3))
    for number, row in enumerate(rows):
        gold = {(start, end) for start, end, label in row.places if label == "PERSON"}
        found = {(place[0], place[1]) for place in find(row.text) if place[2] == "PERSON"}
        counts[number] = len(gold & found), len(found), len(gold)
    return counts


def tweets(data: Path) -> list[Marked]:
    """The development part of WNUT17, tokens parted by blanks."""
    return wnut(data / "wnut17" / "emerging.dev.conll", spaced=True)


def on_tweets(data: Path) -> Iterator[Measured]:
    """F1 and recall of persons whose both ends are right."""
    rows = tweets(data)
    counts = person_counts(rows, lambda text: find_names(text, ("PERSON",)))
    n = int(counts[:, 2].sum())
    yield told(
        TWEETS,
        "persons, both ends right",
        "F1",
        resampled(counts, lambda total: f_score(total, 1)),
        n,
        "bootstrap of sentences",
    )
    yield told(
        TWEETS,
        "persons, both ends right",
        "recall",
        resampled(counts, lambda total: total[0] / total[2]),
        n,
        "bootstrap of sentences",
    )


def on_nobody(data: Path) -> Iterator[Measured]:
    """Share of sentences in which a person or an address is seen, of texts like those taught as naming nobody."""
    sentences: dict[str, list[str]] = {}
    for source, text in plain_texts(data):
        if kept_for_measuring(text):
            sentences.setdefault(source, []).extend(re.split(r"(?<=[.!?])\s+", text))
    for source, said in sentences.items():
        seen = sum(bool(find_names(text)) for text in said)
        shown = tuple(round(number, 4) for number in wilson(seen, len(said)))
        part = "sentences of the half not trained on; some do name somebody; the lists of firms were written after reading them"
        yield told(source, part, "share pointed at, names and addresses", shown, len(said), "Wilson")


def names_measured(data: Path) -> tuple[Measured, ...]:
    """All of it."""
    return (*on_spans(data), *on_groups(data), *on_tweets(data))
