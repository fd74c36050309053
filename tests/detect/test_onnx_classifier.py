"""A text classifier in ONNX form, made here, scores as its numbers say; pickles beside it are not read."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from onnx_on_disk import classifier_on_disk

from duecare.core import DataError, DuecareError, StudyError
from duecare.core.table import TEXTS
from duecare.detect import scorer_of
from duecare.detect.onnx_classifier import Classifier

WORDS = {"rude": (0.0, 3.0, 0.0), "vile": (0.0, 0.0, 2.0), "kind": (2.0, 0.0, 0.0)}
LABELS = ["fine", "insult", "threat"]
needs_engine = pytest.mark.onnx


def batch(*texts: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"row": f"a:{n}", "key": "k", "part": "text", "text": each} for n, each in enumerate(texts)],
        schema=TEXTS,
    )


@needs_engine
def test_the_score_is_the_share_of_the_labels_that_count(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "tiny", WORDS, LABELS)
    scorer = scorer_of(Classifier(folder=folder, labels=("insult", "threat")))
    scores = scorer(batch("rude", "kind kind and a good deal longer", "", "vile"))
    expected = []
    for logits in ((0, 3, 0), (4, 0, 0), (0, 0, 0), (0, 0, 2)):
        raised = [math.exp(each) for each in logits]
        expected.append((raised[1] + raised[2]) / sum(raised))
    assert scores.column("value").to_pylist() == pytest.approx(expected)
    assert scorer.instrument == "tiny:insult+threat@folder"
    assert scores.column("row").to_pylist() == ["a:0", "a:1", "a:2", "a:3"]


@needs_engine
def test_labels_that_may_all_hold_are_judged_one_by_one(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", WORDS, LABELS, problem_type="multi_label_classification")
    scores = scorer_of(Classifier(folder=folder, labels=("insult", "threat")))(batch("rude vile"))
    assert scores.column("value").to_pylist() == pytest.approx([1 / (1 + math.exp(-3))])


@needs_engine
def test_a_classifier_gone_mad_gives_no_score(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", {"odd": (math.nan, 0.0, 0.0)}, LABELS)
    scores = scorer_of(Classifier(folder=folder, labels=("insult",)))(batch("odd"))
    assert scores.column("value").to_pylist() == [None]
    assert scores.column("reason").to_pylist() == ["the classifier gave no finite number"]


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    """Control: the pickle would leave a mark if anything loaded it."""
    mark = tmp_path / "mark"

    class Mark:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (mark,)

    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Mark()))
    (folder / "config.json").write_text('{"id2label": {"0": "insult"}}')
    with pytest.raises(
        DataError, match=r"model\.onnx, tokenizer\.json missing, expected a folder in ONNX form"
    ):
        scorer_of(Classifier(folder=str(folder), labels=("insult",)))
    assert not mark.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert mark.exists()


@needs_engine
def test_unknown_labels_and_heads_are_refused_by_name(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", WORDS, LABELS)
    with pytest.raises(
        DataError, match=r"detector\.labels = hate: expected labels of the classifier \(fine, insult"
    ):
        scorer_of(Classifier(folder=folder, labels=("hate",)))
    with pytest.raises(DuecareError, match="heads"):
        scorer_of(Classifier(folder=folder, labels=("insult",)), ("toxicity",))
    with pytest.raises(StudyError, match=r"detector\.labels"):
        Classifier(folder=folder, labels=())
