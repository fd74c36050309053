"""A text classifier in ONNX form, run on onnxruntime (the extra `duecare[onnx]`).

An ONNX file is a graph of operators and numbers: nothing in it is executed as Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from duecare.core.errors import DataError, DuecareError
from duecare.detect.classifier_files import ONNX, ClassifierFiles

if TYPE_CHECKING:
    from duecare.detect.classifier import Ids, Model

TOKENS = 8192
"""Tokens of a batch, filled up: this bounds the memory."""


def load(files: ClassifierFiles) -> Model:
    """The model of a folder; DuecareError where onnxruntime is not installed, DataError where it cannot
    read the file."""
    try:
        import onnxruntime
    except ImportError:
        raise DuecareError(
            "onnxruntime is not installed: a classifier in ONNX form needs `pip install duecare[onnx]`"
        ) from None
    try:
        session = onnxruntime.InferenceSession(files.folder / ONNX, providers=["CPUExecutionProvider"])
    except Exception as error:  # each of its kinds of error derives from Exception alone
        said = type(error).__name__
        raise DataError(f"{ONNX} of {files.folder.name} cannot be read ({said}); export it anew") from None
    return OnnxModel(session, files)


class OnnxModel:
    """Runs a session of onnxruntime on batches of windows; see `classifier.Model`."""

    def __init__(self, session: Any, files: ClassifierFiles) -> None:
        self._session, self._files = session, files
        self._wanted = [each.name for each in session.get_inputs()]

    def __call__(self, ids: Sequence[Ids], types: Sequence[Ids]) -> npt.NDArray[np.float64]:
        from duecare.detect.classifier import padded

        order, found = list[int](), list[npt.NDArray[np.float64]]()
        for chosen, given in padded(ids, types, self._files.padding, TOKENS):
            order += chosen
            logits = self._session.run(None, {name: given[name] for name in self._wanted})[0]
            found.append(np.asarray(logits, dtype=np.float64))
        return np.concatenate(found)[np.argsort(order)]
