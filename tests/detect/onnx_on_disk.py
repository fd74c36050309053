"""A tiny text classifier in ONNX form, written byte by byte: tests need no model from elsewhere.

It looks two numbers up for every token and adds them up over the text: the logits.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

INT64, FLOAT = 7, 1


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protocol buffer: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def node(kind: str, given: list[str], made: str, attributes: bytes = b"") -> bytes:
    return b"".join([*(field(1, name) for name in given), field(2, made), field(4, kind), attributes])


def value(name: str, kind: int, *dims: str | int) -> bytes:
    shape = b"".join(field(1, field(2, dim) if isinstance(dim, str) else field(1, dim)) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def tensor(name: str, array: np.ndarray) -> bytes:
    kind = FLOAT if array.dtype == np.float32 else INT64
    dims = b"".join(field(1, size) for size in array.shape)
    return dims + field(2, kind) + field(8, name) + field(9, array.tobytes())


def model(table: np.ndarray) -> bytes:
    """logits = sum over tokens of table[input_ids] where the mask is 1; `table` float32 [V, L]."""
    nodes = [
        node("Gather", ["table", "input_ids"], "looked_up"),
        node("Cast", ["attention_mask"], "mask", field(5, field(1, "to") + field(3, FLOAT) + field(20, 2))),
        node("Unsqueeze", ["mask", "last"], "wide"),
        node("Mul", ["looked_up", "wide"], "counted"),
        node(
            "ReduceSum",
            ["counted", "middle"],
            "logits",
            field(5, field(1, "keepdims") + field(3, 0) + field(20, 2)),
        ),
    ]
    constants = {"table": table, "last": np.array([2], np.int64), "middle": np.array([1], np.int64)}
    graph = b"".join(
        [
            *(field(1, each) for each in nodes),
            field(2, "tiny"),
            *(field(5, tensor(name, array)) for name, array in constants.items()),
            *(field(11, value(name, INT64, "batch", "tokens")) for name in ("input_ids", "attention_mask")),
            field(12, value("logits", FLOAT, "batch", table.shape[1])),
        ]
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def classifier_on_disk(
    folder: Path, words: dict[str, tuple[float, ...]], labels: list[str], **config: object
) -> str:
    """A folder with a classifier whose logits are the sums over the words of a text."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    folder.mkdir(parents=True)
    vocabulary = {"[PAD]": 0, "[UNK]": 1, **{word: place for place, word in enumerate(words, start=2)}}
    table = np.zeros((len(vocabulary), len(labels)), np.float32)
    table[0] = 99.0  # a padded place that counted would be seen
    for word, logits in words.items():
        table[vocabulary[word]] = logits
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(model(table))
    said = {
        "id2label": {str(place): label for place, label in enumerate(labels)},
        "pad_token_id": 0,
        **config,
    }
    (folder / "config.json").write_text(json.dumps(said))
    return str(folder)
