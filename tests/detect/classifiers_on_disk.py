"""Tiny classifiers of each architecture in safetensors, with weights drawn from a seed: the same everywhere.

Names and shapes of their tensors, and what transformers with torch makes of them, stand in
golden_classifiers.json (`scripts/golden_classifiers.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from duecare.core.table import TEXTS
from duecare.detect import scorer_of
from duecare.detect.classifier import Classifier

GOLDEN = Path(__file__).with_name("golden_classifiers.json")
WORDS = ["you", "are", "kind", "vile", "rude", "the", "way", "thanks", "for", "help", "never", "call"]
LABELS = {"0": "fine", "1": "insult", "2": "threat"}
_SIZES = {
    "vocab_size": 20,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 26,
    "id2label": LABELS,
    "label2id": {label: int(place) for place, label in LABELS.items()},
}


def _config(kind: str, model_type: str, **more: object) -> dict[str, object]:
    return {"architectures": [kind], "model_type": model_type, **_SIZES, **more}


CONFIGS = {
    "bert": _config("BertForSequenceClassification", "bert", pad_token_id=0),
    "bert-tanh": _config(
        "BertForSequenceClassification", "bert", hidden_act="gelu_new", layer_norm_eps=1e-3, pad_token_id=0
    ),
    "roberta": _config("RobertaForSequenceClassification", "roberta", pad_token_id=1, type_vocab_size=1),
    "xlm-roberta": _config(
        "XLMRobertaForSequenceClassification",
        "xlm-roberta",
        pad_token_id=1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        problem_type="multi_label_classification",
    ),
    "camembert": _config(
        "CamembertForSequenceClassification", "camembert", pad_token_id=1, type_vocab_size=1
    ),
    "distilbert": {
        "architectures": ["DistilBertForSequenceClassification"],
        "model_type": "distilbert",
        "vocab_size": 20,
        "dim": 24,
        "n_layers": 2,
        "n_heads": 3,
        "hidden_dim": 40,
        "activation": "gelu",
        "max_position_embeddings": 26,
        "pad_token_id": 0,
        "id2label": LABELS,
        "label2id": _SIZES["label2id"],
    },
    "electra": _config("ElectraForSequenceClassification", "electra", embedding_size=16, pad_token_id=0),
    "deberta-v2": _config(
        "DebertaV2ForSequenceClassification",
        "deberta-v2",
        pad_token_id=0,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        pooler_hidden_size=24,
    ),
}
OURS = [name for name in CONFIGS if name != "deberta-v2"]
"""Those that run in NumPy."""

IDS = [[2, 5, 6, 7, 3], [2, 8, 3], [2, *range(4, 18), 3], [2, 5, 6, 8, 3]]
TYPES = [[0] * 5, [0] * 3, [0] * 16, [0, 0, 1, 1, 1]]


def weights(name: str, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Values for tensors of these shapes, drawn in the order of their names."""
    chance = np.random.default_rng(sum(map(ord, name)))
    found = {}
    for tensor in sorted(shapes):
        drawn = chance.normal(0, 0.3, shapes[tensor]).astype(np.float32)
        scale = tensor.endswith("weight") and ("LayerNorm" in tensor or "layer_norm" in tensor)
        found[tensor] = drawn + 1 if scale else drawn
    return found


def golden() -> dict[str, dict[str, object]]:
    return json.loads(GOLDEN.read_text("utf-8"))


def encoder_on_disk(
    folder: Path, name: str, shapes: dict[str, list[int]], dtype: str = "F32", **config: object
) -> str:
    """A folder with the classifier `name` and a tokenizer of whole words."""
    folder.mkdir(parents=True)
    write_safetensors(folder / "model.safetensors", weights(name, shapes), dtype)
    (folder / "config.json").write_text(json.dumps(CONFIGS[name] | config))
    tokenizer().save(str(folder / "tokenizer.json"))
    return str(folder)


def tokenizer():
    """Words to their numbers, between [CLS] and [SEP]; the padding token is 0 or 1, both never a word."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    marks = ["[PAD]", "[OTHER]", "[CLS]", "[SEP]", "[UNK]"]
    made = Tokenizer(WordLevel({word: n for n, word in enumerate(marks + WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], dtype: str = "F32") -> None:
    """As the format says; `dtype` BF16 cuts the lower half of each number off."""
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        if dtype == "BF16":
            data = (array.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        else:
            data = array.astype({"F32": np.float32, "F16": np.float16}[dtype]).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % 8)
    path.write_bytes(len(said).to_bytes(8, "little") + said + body)


def batch(*texts: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"row": f"a:{n}", "key": "k", "part": "text", "text": each} for n, each in enumerate(texts)],
        schema=TEXTS,
    )


def made(folder: Path, name: str = "bert", **more: object) -> str:
    return encoder_on_disk(folder, name, golden()[name]["shapes"], **more)


def values(classifier: Classifier, *texts: str) -> list[float | None]:
    return scorer_of(classifier)(batch(*texts)).column("value").to_pylist()
