"""A classifier of one's own, in each form: it scores as its numbers say; pickles beside it are not read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from classifiers_on_disk import (
    CONFIGS,
    IDS,
    OURS,
    TYPES,
    WORDS,
    batch,
    golden,
    made,
    tokenizer,
    values,
)
from onnx_on_disk import classifier_on_disk

from duecare.core import DataError, DuecareError
from duecare.detect import encoders, scorer_of
from duecare.detect.classifier import Classifier, padded
from duecare.detect.classifier_files import look

TABLE = {"rude": (0.0, 3.0, 0.0), "vile": (0.0, 0.0, 2.0), "kind": (2.0, 0.0, 0.0)}
LABELS = ["fine", "insult", "threat"]
needs_engine = pytest.mark.onnx
needs_tokenizer = pytest.mark.onnx
"""The extra brings `tokenizers`, too."""


@needs_engine
def test_the_score_is_the_share_of_the_labels_that_count(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "tiny", TABLE, LABELS)
    scorer = scorer_of(Classifier(folder=folder, labels=("insult", "threat")))
    scores = scorer(batch("rude", "kind kind and a good deal longer", "", "vile"))
    expected = []
    for logits in ((0, 3, 0), (4, 0, 0), (0, 0, 0), (0, 0, 2)):
        raised = [math.exp(each) for each in logits]
        expected.append((raised[1] + raised[2]) / sum(raised))
    assert scores.column("value").to_pylist() == pytest.approx(expected)
    assert scores.column("row").to_pylist() == ["a:0", "a:1", "a:2", "a:3"]


@needs_engine
def test_labels_that_may_all_hold_are_judged_one_by_one(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", TABLE, LABELS, problem_type="multi_label_classification")
    classifier = Classifier(folder=folder, labels=("insult", "threat"))
    assert values(classifier, "rude vile") == pytest.approx([1 / (1 + math.exp(-3))])


@needs_engine
@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_classifier_gone_mad_gives_no_score(odd: float, tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", {"odd": (odd, 0.0, 0.0)}, LABELS)
    scores = scorer_of(Classifier(folder=folder, labels=("insult",)))(batch("odd", "fine"))
    assert scores.column("value").to_pylist() == [None, pytest.approx(1 / 3)]
    assert scores.column("reason").to_pylist() == ["the classifier gave no finite number", None]


@needs_engine
def test_a_long_text_is_read_to_its_end_in_windows(tmp_path: Path) -> None:
    """Control: the same words in a text cut at the first window have another score."""
    folder = classifier_on_disk(tmp_path / "t", TABLE, LABELS)
    classifier = Classifier(folder=folder, labels=("threat",), tokens=16)
    long = "kind " * 100 + "vile vile " * 8
    (found,), (cut,) = values(classifier, long), values(classifier, "kind " * 16)
    assert found == pytest.approx(1 / (1 + 2 * math.exp(-32)), abs=1e-6)
    assert cut < 1e-6
    mild = classifier_on_disk(tmp_path / "mild", {"kind": (0.1, 0.0, 0.0), "vile": (0.0, 0.0, 2.0)}, LABELS)
    classifier = Classifier(folder=mild, labels=("threat",), tokens=16)
    (across, whole) = values(
        classifier, "kind " * 15 + "vile vile " + "kind " * 13, "vile vile " + "kind " * 14
    )
    assert across == pytest.approx(whole)  # a window begins a little before the end of the last


@needs_tokenizer
@pytest.mark.parametrize("name", OURS)
def test_logits_are_those_of_transformers_with_torch(name: str, tmp_path: Path) -> None:
    model = encoders.load(look(Path(made(tmp_path / name, name)), "auto"))
    found = model([np.array(each) for each in IDS], [np.array(each) for each in TYPES])
    assert np.abs(found - np.array(golden()[name]["logits"])).max() < 2e-5
    if name in ("bert", "electra"):  # control: the same tokens, of the second type from the third on
        assert np.abs(found[0] - found[3]).max() > 0.01


@needs_tokenizer
def test_what_comes_out_for_a_text_does_not_hang_on_its_neighbours(tmp_path: Path) -> None:
    scorer = scorer_of(Classifier(folder=made(tmp_path / "m"), labels=("insult",)))
    chance = np.random.default_rng(1)
    said = [" ".join(chance.choice(WORDS, size)) for size in chance.integers(0, 60, 30)]
    together = scorer(batch(*said)).column("value").to_pylist()
    assert together == [scorer(batch(each)).column("value")[0].as_py() for each in said]
    assert len(set(together)) > 25


@needs_tokenizer
def test_other_architectures_need_torch_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "m", "deberta-v2")
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(
        DuecareError, match=r"DebertaV2ForSequenceClassification in m needs `pip install duec"
    ):
        scorer_of(Classifier(folder=folder, labels=("insult",)))(batch("you"))
    with pytest.raises(
        DataError, match=r"runtime = numpy, but architectures = Deberta.* expected torch or onnx"
    ):
        Classifier(folder=folder, labels=("insult",), runtime="numpy").files()


@needs_tokenizer
@pytest.mark.parametrize(
    "changed", [{"hidden_act": "mish"}, {"position_embedding_type": "relative_key"}, {"is_decoder": True}]
)
def test_what_is_not_computed_here_goes_to_torch(changed: dict[str, object], tmp_path: Path) -> None:
    assert look(Path(made(tmp_path / "plain")), "auto").runtime == "numpy"
    assert look(Path(made(tmp_path / "m", **changed)), "auto").runtime == "torch"


@needs_engine
def test_an_onnx_file_that_is_none_is_told(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", TABLE, LABELS)
    (tmp_path / "t" / "model.onnx").write_bytes(b"none")
    with pytest.raises(
        DataError, match=r"model\.onnx of t cannot be read \(InvalidProtobuf\); export it anew"
    ):
        values(Classifier(folder=folder, labels=("insult",)), "you")


@needs_engine
def test_unknown_labels_and_heads_are_refused_by_name(tmp_path: Path) -> None:
    folder = classifier_on_disk(tmp_path / "t", TABLE, LABELS)
    with pytest.raises(
        DataError, match=r"detector\.labels = hate: expected labels of the classifier \(fine, insult"
    ):
        scorer_of(Classifier(folder=folder, labels=("hate",)))
    with pytest.raises(DuecareError, match="heads"):
        scorer_of(Classifier(folder=folder, labels=("insult",)), ("toxicity",))


def test_windows_of_like_length_go_together_and_fill_up() -> None:
    ids = [np.arange(size) + 5 for size in (3, 9, 4, 2)]
    found = list(padded(ids, [each * 0 + 1 for each in ids], fill=7, most=9))
    assert [chosen for chosen, _ in found] == [[3, 0], [2], [1]]
    assert found[0][1]["input_ids"].tolist() == [[5, 6, 7], [5, 6, 7]]
    assert found[0][1]["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert found[0][1]["token_type_ids"].tolist() == [[1, 1, 0], [1, 1, 1]]


class Tensor:
    """As much of a torch tensor as the adapter needs."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def to(self, device: str) -> Tensor:
        assert device == "cpu"
        return self

    def double(self) -> Tensor:
        return Tensor(self.array.astype(np.float64))

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self.array


@needs_tokenizer
def test_the_torch_adapter_reads_the_folder_alone_and_gives_rows_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for torch, which no lock file has; the real one: scripts/golden_classifiers.py."""
    import contextlib
    import sys
    from types import ModuleType, SimpleNamespace

    calls: list[dict[str, object]] = []
    missing: list[str] = []

    class Auto:
        @staticmethod
        def from_pretrained(name: str, **how: object) -> tuple[object, dict[str, list[str]]]:
            calls.append({"name": name, **how})
            return Auto(), {"missing_keys": missing}

        def to(self, device: str) -> Auto:
            return self

        def train(self, on: bool) -> Auto:
            assert not on
            return self

        def __call__(self, **given: Tensor) -> SimpleNamespace:
            sums = (given["input_ids"].array * given["attention_mask"].array).sum(axis=1)
            return SimpleNamespace(logits=Tensor(np.stack([0 * sums, sums / 50, 0 * sums], axis=1)))

    torch = ModuleType("torch")
    torch.__dict__.update(
        float32="float32",
        cuda=SimpleNamespace(is_available=lambda: False),
        from_numpy=Tensor,
        inference_mode=contextlib.nullcontext,
    )
    transformers, its_utils = ModuleType("transformers"), ModuleType("transformers.utils")
    transformers.AutoModelForSequenceClassification = Auto
    its_utils.logging = SimpleNamespace(disable_progress_bar=lambda: None)
    for module in (torch, transformers, its_utils):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    folder = made(tmp_path / "m", "deberta-v2")
    classifier = Classifier(folder=folder, labels=("insult",))
    said = ["you are vile", "", "thanks for the help", "you"]
    expected = []
    for each in said:
        total = sum(tokenizer().encode(each).ids) / 50
        expected.append(math.exp(total) / (math.exp(total) + 2))
    assert values(classifier, *said) == pytest.approx(expected)
    (call,) = calls
    assert call["name"] == folder
    assert (call["local_files_only"], call["trust_remote_code"], call["use_safetensors"]) == (
        True,
        False,
        True,
    )
    missing.append("classifier.weight")
    with pytest.raises(DataError, match=r"classifier\.weight missing in its weights"):
        values(classifier, "you")


def test_every_architecture_of_the_goldens_is_one_that_transformers_has() -> None:
    assert golden().keys() == CONFIGS.keys()
