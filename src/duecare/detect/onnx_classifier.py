"""A text classifier of the Hugging Face kind in ONNX form, run on onnxruntime (the extra `duecare[onnx]`).

The folder holds model.onnx, tokenizer.json and config.json, as `optimum-cli export onnx` writes them. An ONNX
file is a graph of operators and numbers: nothing in it is executed as Python, and pickled weights are
not read at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from duecare.core.errors import DataError, DuecareError, refuse_unless
from duecare.core.table import SCORES, TEXTS, expect

_BATCH = 32
_SIGMOID = "multi_label_classification"
MODEL, TOKENIZER, CONFIG = "model.onnx", "tokenizer.json", "config.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """A text classifier of your own, in a folder.

    - folder: where model.onnx, tokenizer.json and config.json are, from where duecare is run
    - labels: which of its labels count; the score is their greatest (where a text may have several) or
      their sum (where it has one)
    - tokens: how many tokens of a text are read
    """

    folder: str
    labels: tuple[str, ...]
    tokens: int = 512

    def __post_init__(self) -> None:
        refuse_unless(
            "detector",
            (bool(self.labels), "labels", list(self.labels), "one label and more"),
            (self.tokens in range(8, 8193), "tokens", self.tokens, "a whole number from 8 to 8192"),
        )

    @property
    def instrument(self) -> str:
        """Folder name and labels."""
        return f"{Path(self.folder).name}:{'+'.join(self.labels)}@folder"

    def scorer(self) -> ClassifierScorer:
        """Ready to be called with batches of TEXTS; DataError where the folder lacks what is needed."""
        return ClassifierScorer(self)


class ClassifierScorer:
    """Runs a `Classifier`."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        folder = Path(classifier.folder)
        lacking = [name for name in (MODEL, TOKENIZER, CONFIG) if not (folder / name).is_file()]
        if lacking:
            raise DataError(
                f"classifier {folder.name}: {', '.join(lacking)} missing, expected a folder in ONNX form "
                "(optimum-cli export onnx --task text-classification)"
            )
        self._config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        self._places = self._found()

    @property
    def instrument(self) -> str:
        """Folder name and labels."""
        return self._classifier.instrument

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        said = texts.column("text").to_pylist()
        values = np.zeros(len(said))
        order = sorted(range(len(said)), key=lambda place: len(said[place]))
        for first in range(0, len(order), _BATCH):
            chosen = order[first : first + _BATCH]
            values[chosen] = self._score([said[place] for place in chosen])
        finite = np.isfinite(values)
        return pa.RecordBatch.from_arrays(
            [
                *(texts.column(name) for name in ("row", "key", "part")),
                pa.repeat(pa.scalar(self.instrument), len(texts)),
                pa.array(values, mask=~finite, type=pa.float64()),
                pa.array(
                    [None if fine else "the classifier gave no finite number" for fine in finite], pa.string()
                ),
            ],
            schema=SCORES,
        )

    def _found(self) -> list[int]:
        named = self._config.get("id2label")
        labels = {str(name): int(place) for place, name in named.items()} if isinstance(named, dict) else {}
        lacking = [label for label in self._classifier.labels if label not in labels]
        if lacking:
            known = ", ".join(labels) or "none"
            raise DataError(
                f"detector.labels = {', '.join(lacking)}: expected labels of the classifier ({known})"
            )
        return [labels[label] for label in self._classifier.labels]

    @cached_property
    def _engine(self) -> tuple[Any, Any]:
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise DuecareError(
                f"{error.name} is not installed: a classifier in a folder needs `pip install duecare[onnx]`"
            ) from None
        folder = Path(self._classifier.folder)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.enable_truncation(self._classifier.tokens)
        tokenizer.enable_padding(pad_id=int(self._config.get("pad_token_id") or 0))
        return onnxruntime.InferenceSession(folder / MODEL, providers=["CPUExecutionProvider"]), tokenizer

    def _score(self, texts: list[str]) -> np.ndarray:
        session, tokenizer = self._engine
        encoded = tokenizer.encode_batch(texts)
        columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        given = {
            each.name: np.array([getattr(one, columns[each.name]) for one in encoded], dtype=np.int64)
            for each in session.get_inputs()
        }
        logits = np.asarray(session.run(None, given)[0], dtype=np.float64)
        if self._config.get("problem_type") == _SIGMOID or logits.shape[1] == 1:
            found: np.ndarray = (1 / (1 + np.exp(-logits)))[:, self._places].max(axis=1)
            return found
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: np.ndarray = (raised / raised.sum(axis=1, keepdims=True))[:, self._places].sum(axis=1)
        return shares
