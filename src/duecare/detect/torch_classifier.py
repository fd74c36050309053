"""A text classifier of any architecture that transformers knows, run with torch (`duecare[transformers]`).

The folder is read as it lies there: nothing is asked of the hub, weights are safetensors only, and code that
a model brings is not run. On a graphics card where torch sees one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from duecare.core.errors import DataError, DuecareError
from duecare.detect.classifier_files import ClassifierFiles

if TYPE_CHECKING:
    from duecare.detect.classifier import Ids, Model

TOKENS = 8192
"""Tokens of a batch, filled up: this bounds the memory."""


def load(files: ClassifierFiles) -> Model:
    """The model of a folder, in float32.

    Raises DuecareError where torch or transformers is not installed, DataError where transformers does not
    know the architecture or the weights do not fit it.
    """
    kind = ", ".join(map(str, files.config.get("architectures") or [files.config.get("model_type")]))
    try:
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging
    except ImportError as error:
        raise DuecareError(
            f"{error.name} is not installed: {kind} in {files.folder.name} needs `pip install "
            "duecare[transformers]`, or the model in ONNX form (optimum-cli export onnx)"
        ) from None
    logging.disable_progress_bar()
    try:
        model, told = AutoModelForSequenceClassification.from_pretrained(
            str(files.folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        said = str(error).strip().split("\n")[0]
        raise DataError(f"classifier {files.folder.name}: transformers cannot read {kind} ({said})") from None
    if lacking := sorted(told["missing_keys"]):
        raise DataError(
            f"classifier {files.folder.name}: {', '.join(lacking[:3])} missing in its weights: expected a "
            "model that was trained as a classifier"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return TorchModel(torch, model.to(device).train(False), files, device)


class TorchModel:
    """Runs a model of transformers on batches of windows; see `classifier.Model`."""

    def __init__(self, torch: Any, model: Any, files: ClassifierFiles, device: str) -> None:
        self._torch, self._model, self._files, self._device = torch, model, files, device
        takes_types = int(files.config.get("type_vocab_size") or 0) > 1
        self._wanted = ["input_ids", "attention_mask", *(["token_type_ids"] if takes_types else [])]

    def __call__(self, ids: Sequence[Ids], types: Sequence[Ids]) -> npt.NDArray[np.float64]:
        from duecare.detect.classifier import padded

        order, found = list[int](), list[npt.NDArray[np.float64]]()
        with self._torch.inference_mode():
            for chosen, given in padded(ids, types, self._files.padding, TOKENS):
                order += chosen
                put = {name: self._torch.from_numpy(given[name]).to(self._device) for name in self._wanted}
                found.append(self._model(**put).logits.double().cpu().numpy())
        return np.concatenate(found)[np.argsort(order)]
