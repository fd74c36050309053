"""A text classifier of the Hugging Face kind, in a folder of one's own or at a pinned commit of the hub.

What runs it goes by what the folder holds: model.onnx runs on onnxruntime; model.safetensors in NumPy where
its architecture is one of the common encoders (`encoders`), else in transformers with torch, where these are
installed. Nothing in a folder is executed: pickled weights and a model's own code are refused.

A text with more tokens than the model reads at once is read in windows that overlap, and its score is that of
the worst window: no part of a text goes unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core.errors import DataError, refuse_unless
from duecare.core.table import SCORES, TEXTS, expect
from duecare.detect.classifier_files import ClassifierFiles, from_hub, look, tokenizer_of

Runtime = Literal["auto", "onnx", "numpy", "torch"]
Ids = npt.NDArray[np.int64]

OVERLAP = 8
"""A window shares one in so many of its tokens with the one before it."""
_SIGMOID, _REGRESSION = "multi_label_classification", "regression"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Model(Protocol):
    """Runs a classifier: token numbers of windows to logits, float64 [N, labels], one row for each window.

    `types` are token types, one for each token. What comes out for a window is not to depend on the others.
    """

    def __call__(self, ids: Sequence[Ids], types: Sequence[Ids]) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """A text classifier of your own: in a folder, or at a commit of the hub.

    - labels: which of its labels count; the score is their greatest (where a text may have several) or
      their sum (where it has one)
    - folder: where config.json, the tokenizer and model.safetensors or model.onnx are; in a study, from
      where the study file is
    - hub: instead of a folder, a hub id "owner/name"; it is fetched once, with `revision`
    - revision: the hub's commit, 40 digits and letters: a branch could be another model tomorrow
    - tokens: how many tokens of a text are read at once; longer texts are read in windows that overlap
    - runtime: what runs it: "onnx", "numpy" or "torch"; "auto" goes by what is in the folder
    """

    labels: tuple[str, ...]
    folder: str = ""
    hub: str = ""
    revision: str = ""
    tokens: int = 512
    runtime: Runtime = "auto"

    def __post_init__(self) -> None:
        refuse_unless(
            "detector",
            (bool(self.labels), "labels", list(self.labels), "one label and more"),
            (
                bool(self.folder) != bool(self.hub),
                "folder",
                self.folder,
                "a folder, or none where `hub` names a model: one of the two",
            ),
            (not self.hub or bool(_HUB_ID.fullmatch(self.hub)), "hub", self.hub, "a hub id owner/name"),
            (
                bool(_COMMIT.fullmatch(self.revision)) if self.hub else not self.revision,
                "revision",
                self.revision,
                "a commit of the hub (40 digits and letters a to f)" if self.hub else "none, for a folder",
            ),
            (self.tokens in range(8, 8193), "tokens", self.tokens, "a whole number from 8 to 8192"),
            (
                self.runtime in get_args(Runtime),
                "runtime",
                self.runtime,
                f"one of {', '.join(get_args(Runtime))}",
            ),
        )

    def files(self) -> ClassifierFiles:
        """What the folder holds, looked at; fetched before where it is on the hub.

        Raises DataError where something is missing, pickled, or not what `labels` and `runtime` say.
        """
        found = look(Path(self.folder) if self.folder else from_hub(self.hub, self.revision), self.runtime)
        if found.config.get("problem_type") == _REGRESSION:
            raise DataError(
                f"classifier {found.folder.name}: problem_type = regression: expected a classifier, whose "
                "numbers are shares or chances"
            )
        known = list(found.labels)
        if strange := [label for label in self.labels if label not in known]:
            raise DataError(
                f"detector.labels = {', '.join(strange)}: expected labels of the classifier "
                f"({', '.join(known)})"
            )
        return found

    def scorer(self) -> ClassifierScorer:
        """Ready to be called with batches of TEXTS; DataError where the folder lacks what is needed."""
        return ClassifierScorer(self)


class ClassifierScorer:
    """Runs a `Classifier`."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._files = classifier.files()
        named = self._files.labels
        self._places = [named[label] for label in classifier.labels]
        name = classifier.hub or self._files.folder.name
        self._instrument = f"{name}:{'+'.join(classifier.labels)}@{self._files.digest[:12]}"

    @property
    def instrument(self) -> str:
        """Name, labels, and the first digits of the SHA-256 of config, tokenizer and weights."""
        return self._instrument

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        values = self._scores(texts.column("text").to_pylist())
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

    def _scores(self, said: Sequence[str]) -> npt.NDArray[np.float64]:
        """The score of each text, that of its worst window; NaN where the model gives no finite number."""
        distinct = list(dict.fromkeys(said))
        owner, ids, types = list[int](), list[Ids](), list[Ids]()
        for place, encoded in enumerate(self._tokenizer.encode_batch(distinct)):
            for window in (encoded, *encoded.overflowing):
                owner.append(place)
                ids.append(np.array(window.ids, dtype=np.int64))
                types.append(np.array(window.type_ids, dtype=np.int64))
        if not distinct:
            return np.zeros(0)
        worst = np.full(len(distinct), -np.inf)
        with np.errstate(invalid="ignore"):  # NaN of one window is the text's
            np.maximum.at(worst, owner, self._shares(self._model(ids, types)))
        found = dict(zip(distinct, worst.tolist(), strict=True))
        return np.array([found[text] for text in said])

    def _shares(self, logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of each window the score [N] from its logits [N, labels]."""
        if logits.shape[1] != len(self._files.labels):
            raise DataError(
                f"classifier {self._files.folder.name}: {logits.shape[1]} numbers for a text, but "
                f"{len(self._files.labels)} labels in config.json: expected as many"
            )
        if self._files.config.get("problem_type") == _SIGMOID or logits.shape[1] == 1:
            with np.errstate(over="ignore"):
                chances: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits))
            greatest: npt.NDArray[np.float64] = chances[:, self._places].max(axis=1)
            return greatest
        with np.errstate(invalid="ignore"):  # of infinite logits comes NaN, which is told
            raised = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares: npt.NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
        together: npt.NDArray[np.float64] = shares[:, self._places].sum(axis=1)
        return together

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = tokenizer_of(self._files)
        most = min(self._classifier.tokens, self._files.positions or self._classifier.tokens)
        tokenizer.enable_truncation(most, stride=max(1, most // OVERLAP))
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _model(self) -> Model:
        from duecare.detect import encoders, onnx_classifier, torch_classifier

        load = {"onnx": onnx_classifier.load, "numpy": encoders.load, "torch": torch_classifier.load}
        return load[self._files.runtime](self._files)


def padded(
    ids: Sequence[Ids], types: Sequence[Ids], fill: int, most: int
) -> Iterator[tuple[list[int], dict[str, Ids]]]:
    """Windows of about one length together: their places, and input_ids, attention_mask and token_type_ids
    [B, T], filled up with the token `fill`; B * T is at most `most`, or B is 1."""
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    while order:
        count = 1
        while count < len(order) and (count + 1) * len(ids[order[count]]) <= most:
            count += 1
        chosen, order = order[:count], order[count:]
        shape = (count, len(ids[chosen[-1]]))
        given = {"input_ids": np.full(shape, fill, dtype=np.int64)}
        given |= {name: np.zeros(shape, dtype=np.int64) for name in ("attention_mask", "token_type_ids")}
        for row, place in enumerate(chosen):
            given["input_ids"][row, : len(ids[place])] = ids[place]
            given["attention_mask"][row, : len(ids[place])] = 1
            given["token_type_ids"][row, : len(ids[place])] = types[place]
        yield chosen, given
