"""The files of a classifier: what is read of a folder or the hub, refused, or told apart."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from classifiers_on_disk import (
    batch,
    golden,
    made,
    values,
    weights,
    write_safetensors,
)

from duecare.core import DataError, StudyError
from duecare.detect import scorer_of
from duecare.detect.classifier import Classifier
from duecare.detect.classifier_files import look, tokenizer_of
from duecare.detect.safe_tensors import read_tensors

COMMIT = "cd" * 20
needs_tokenizer = pytest.mark.onnx
"""The extra brings `tokenizers`, too."""


@needs_tokenizer
@pytest.mark.parametrize(("dtype", "close"), [("F16", 3e-3), ("BF16", 3e-2)])
def test_weights_of_half_the_bytes_are_read(dtype: str, close: float, tmp_path: Path) -> None:
    whole = values(Classifier(folder=made(tmp_path / "whole"), labels=("insult",)), "you are vile")
    half = values(Classifier(folder=made(tmp_path / "half", dtype=dtype), labels=("insult",)), "you are vile")
    assert whole == pytest.approx(half, abs=close)
    assert whole != half


@needs_tokenizer
def test_weights_in_several_files_are_one_model(tmp_path: Path) -> None:
    folder = Path(made(tmp_path / "m"))
    one = values(Classifier(folder=str(folder), labels=("insult",)), "you are vile")
    tensors = weights("bert", golden()["bert"]["shapes"])
    names = {name: f"model-{place % 2 + 1}-of-2.safetensors" for place, name in enumerate(tensors)}
    for part in set(names.values()):
        write_safetensors(folder / part, {name: tensors[name] for name in tensors if names[name] == part})
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    scorer = scorer_of(Classifier(folder=str(folder), labels=("insult",)))
    assert scorer(batch("you are vile")).column("value").to_pylist() == one
    (folder / "model-2-of-2.safetensors").unlink()
    with pytest.raises(DataError, match=r"model-2-of-2\.safetensors missing, which .*index\.json names"):
        Classifier(folder=str(folder), labels=("insult",)).files()


@needs_tokenizer
def test_the_instrument_names_the_very_weights_config_and_tokenizer(tmp_path: Path) -> None:
    classifier = Classifier(folder=made(tmp_path / "m"), labels=("insult", "threat"))
    names = [
        classifier.scorer().instrument,
        Classifier(folder=made(tmp_path / "b" / "m"), labels=("insult", "threat")).scorer().instrument,
    ]
    assert names[0] == names[1]
    name, _, digest = names[0].partition("@")
    assert name == "m:insult+threat"
    assert len(digest) == 12
    for file in ("config.json", "tokenizer.json", "model.safetensors"):
        path = tmp_path / "m" / file
        before = path.read_bytes()
        path.write_bytes(
            before.replace(b"insult", b"Insult").replace(b"vile", b"evil")
            if file.endswith("json")
            else before + b"\0"
        )
        changed = Classifier(folder=str(tmp_path / "m"), labels=("threat",)).scorer().instrument
        assert changed.partition("@")[2] != digest
        path.write_bytes(before)
    (tmp_path / "m" / "README.md").write_text("nothing that counts")
    assert classifier.scorer().instrument == names[0]


@needs_tokenizer
@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json", "tokenizer_config.json"])
@pytest.mark.parametrize(("content", "said"), [("{", "is no JSON"), ("[]", "holds no JSON object")])
def test_a_broken_file_is_named(name: str, content: str, said: str, tmp_path: Path) -> None:
    folder = Path(made(tmp_path / "m"))
    if name == "tokenizer_config.json":
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\n")
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=f"{name} {said}"):
        tokenizer_of(look(folder, "numpy"))


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
        DataError, match=r"model\.safetensors, tokenizer\.json missing.*pytorch_model\.bin is never read"
    ):
        scorer_of(Classifier(folder=str(folder), labels=("insult",)))
    assert not mark.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert mark.exists()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"auto_map": {"AutoModel": "code.Mine"}}, r"code of its own \(auto_map\), which is never run"),
        ({"problem_type": "regression"}, "problem_type = regression: expected a classifier"),
        ({"id2label": None}, r"expected labels of the classifier \(LABEL_0, LABEL_1\)"),
        ({"num_attention_heads": 5}, "its tensors do not fit each other"),
        ({"num_hidden_layers": 3}, r"encoder\.layer\.2\.attention\.self\.query\.weight missing"),
    ],
)
@needs_tokenizer
def test_what_is_no_classifier_is_refused_in_words(
    config: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = made(tmp_path / "m", **config)
    with pytest.raises(DataError, match=said):
        scorer_of(Classifier(folder=folder, labels=("insult",)))(batch("you"))


@needs_tokenizer
def test_a_file_that_was_cut_short_is_told(tmp_path: Path) -> None:
    folder = Path(made(tmp_path / "m"))
    whole = (folder / "model.safetensors").read_bytes()
    for left in (0, 5, 100, len(whole) - 7):
        (folder / "model.safetensors").write_bytes(whole[:left])
        with pytest.raises(DataError, match=r"model\.safetensors cannot be read as safetensors"):
            list(read_tensors([folder / "model.safetensors"]))
    (folder / "model.safetensors").write_bytes(whole.replace(b'"data_offsets": [0,', b'"data_offsets": [9,'))
    with pytest.raises(DataError, match="bytes for the shape"):
        list(read_tensors([folder / "model.safetensors"]))


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"labels": (), "folder": "x"}, "labels"),
        ({}, "folder"),
        ({"folder": "x", "hub": "a/b", "revision": COMMIT}, "folder"),
        ({"hub": "a/b"}, "revision"),
        ({"hub": "a/b", "revision": "main"}, "revision"),
        ({"folder": "x", "revision": COMMIT}, "revision"),
        ({"hub": "nobody", "revision": COMMIT}, "hub"),
        ({"folder": "x", "tokens": 4}, "tokens"),
        ({"folder": "x", "runtime": "tpu"}, "runtime"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, object], where: str) -> None:
    with pytest.raises(StudyError, match=rf"detector\.{where}"):
        Classifier(**{"labels": ("a",), **given})


@needs_tokenizer
def test_the_hub_is_asked_for_one_commit_and_for_no_pickle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []
    folder = made(tmp_path / "snapshots" / COMMIT)

    def download(hub: str, **how: object) -> str:
        asked.append({"hub": hub, **how})
        if how.get("local_files_only"):
            raise FileNotFoundError(hub)
        return folder

    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "snapshot_download", download)
    scorer = scorer_of(Classifier(hub="owner/name", revision=COMMIT, labels=("insult",)))
    assert scorer.instrument.startswith("owner/name:insult@")
    assert [each["revision"] for each in asked] == [COMMIT] * 2
    wanted = asked[0]["allow_patterns"]
    assert not [each for each in wanted if each.endswith((".bin", ".pt", ".py"))]
    scorer_of(Classifier(folder=folder, labels=("insult",)))
    assert len(asked) == 2  # a folder asks nobody


@needs_tokenizer
def test_a_tokenizer_is_made_of_the_vocabulary_where_that_is_all_there_is(tmp_path: Path) -> None:
    folder = Path(made(tmp_path / "m"))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json missing"):
        look(folder, "auto")
    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##kind", "É"])
    )
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    encoded = tokenizer_of(look(folder, "auto")).encode("unkind É nobody")
    assert encoded.ids == [2, 5, 6, 7, 1, 3]
    (folder / "vocab.txt").unlink()
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "\u0120", "ab", "\u0120ab", "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({piece: n for n, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\na b\n\u0120 ab\n")
    assert tokenizer_of(look(folder, "auto")).encode("ab ab a").ids == [0, 7, 8, 6, 4, 2]
