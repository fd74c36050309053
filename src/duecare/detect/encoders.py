"""Classifiers on a BERT-like encoder in NumPy, from safetensors: no torch, no export, only numbers are read.

BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019) with XLM-RoBERTa and CamemBERT, DistilBERT (Sanh et al.
2019) and ELECTRA (Clark et al. 2020): one encoder with different names for its tensors and different heads.
Logits are those of transformers within rounding (`scripts/golden_classifiers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from duecare.core.errors import DataError
from duecare.detect.safe_tensors import read_tensors

if TYPE_CHECKING:
    from duecare.detect.classifier import Ids, Model
    from duecare.detect.classifier_files import ClassifierFiles

Floats = npt.NDArray[np.float32]

TOKENS = 4096
"""Tokens of a batch: this bounds the memory."""


@dataclass(frozen=True, slots=True)
class Family:
    """What sets an architecture apart.

    `prefix` of its tensors; `head`: the layers from the first token on, with what follows each; `renamed`:
    patterns of its tensors' names to BERT's; `keys`: BERT's keys of config.json to its own; `offset`: whether
    places are counted from behind the padding token.
    """

    prefix: str
    head: tuple[tuple[str, str], ...]
    renamed: Mapping[str, str] | None = None
    keys: Mapping[str, str] | None = None
    offset: bool = False


_ROBERTA = Family("roberta.", (("classifier.dense", "tanh"), ("classifier.out_proj", "")), offset=True)
_DISTILBERT = Family(
    "distilbert.",
    (("pre_classifier", "relu"), ("classifier", "")),
    renamed={
        r"^transformer\.layer\.": "encoder.layer.",
        r"\.attention\.([qkv])_lin\.": r".attention.self.\1.",
        r"\.attention\.out_lin\.": ".attention.output.dense.",
        r"\.sa_layer_norm\.": ".attention.output.LayerNorm.",
        r"\.ffn\.lin1\.": ".intermediate.dense.",
        r"\.ffn\.lin2\.": ".output.dense.",
        r"\.output_layer_norm\.": ".output.LayerNorm.",
        r"\.self\.q\.": ".self.query.",
        r"\.self\.k\.": ".self.key.",
        r"\.self\.v\.": ".self.value.",
    },
    keys={
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "hidden_act": "activation",
    },
)
FAMILIES: dict[str, Family] = {
    "BertForSequenceClassification": Family("bert.", (("pooler.dense", "tanh"), ("classifier", ""))),
    "RobertaForSequenceClassification": _ROBERTA,
    "XLMRobertaForSequenceClassification": _ROBERTA,
    "CamembertForSequenceClassification": _ROBERTA,
    "DistilBertForSequenceClassification": _DISTILBERT,
    "ElectraForSequenceClassification": Family(
        "electra.", (("classifier.dense", "gelu"), ("classifier.out_proj", ""))
    ),
}
"""Architecture as config.json names it -> what sets it apart."""


def fault(config: Mapping[str, Any]) -> str:
    """Why a classifier cannot be run here, by its config.json; empty where it can."""
    named = config.get("architectures") or ["none"]
    if (kind := str(named[0])) not in FAMILIES:
        return f"architectures = {kind} is none of {', '.join(FAMILIES)}"
    keys = FAMILIES[kind].keys or {}
    activation = str(config.get(keys.get("hidden_act", "hidden_act"), "gelu"))
    if activation not in ACTIVATIONS:
        return f"its activation {activation} is none of {', '.join(ACTIVATIONS)}"
    if (places := config.get("position_embedding_type", "absolute")) != "absolute":
        return f"position_embedding_type = {places} is not absolute"
    return "it reads from left to right (is_decoder)" if config.get("is_decoder") else ""


def load(files: ClassifierFiles) -> Model:
    """The classifier of a folder; DataError where its weights lack a tensor or one has another shape."""
    config = files.config
    family = FAMILIES[str(config["architectures"][0])]
    keys = family.keys or {}
    weights = {_plain(name, family): array for name, array in read_tensors(files.weights)}
    try:
        encoder = Encoder(
            weights,
            layers=int(config[keys.get("num_hidden_layers", "num_hidden_layers")]),
            heads=int(config[keys.get("num_attention_heads", "num_attention_heads")]),
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            activation=ACTIVATIONS[str(config.get(keys.get("hidden_act", "hidden_act"), "gelu"))],
            first=files.padding + 1 if family.offset else 0,
            head=family.head,
        )
        encoder([np.array([0, 0])], [np.array([0, 0])])  # every tensor is there, and they fit each other
    except KeyError as error:
        raise DataError(
            f"classifier {files.folder.name}: {error.args[0]} missing in its weights or its config: expected "
            "a model that was trained as a classifier"
        ) from None
    except (ValueError, IndexError, TypeError) as error:
        raise DataError(
            f"classifier {files.folder.name}: its tensors do not fit each other ({error})"
        ) from None
    return encoder


def _plain(name: str, family: Family) -> str:
    """A tensor's name as BERT has it, without the model's prefix; the oldest files say gamma and beta."""
    name = name.removeprefix(family.prefix)
    for pattern, by in (family.renamed or {}).items():
        name = re.sub(pattern, by, name)
    return re.sub(
        r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    )


@dataclass(frozen=True, slots=True)
class Encoder:
    """`weights` by BERT's names, float32; `first` is the number of the first place, `head` as in `Family`.

    Windows of one length are computed together, by products for each: what comes out for one is the same to
    the last bit whatever its neighbours are.
    """

    weights: Mapping[str, Floats]
    layers: int
    heads: int
    epsilon: float
    activation: Callable[[Floats], Floats]
    first: int
    head: tuple[tuple[str, str], ...]

    def __call__(self, ids: Sequence[Ids], types: Sequence[Ids]) -> npt.NDArray[np.float64]:
        """Logits [N, labels] of windows; see `classifier.Model`."""
        order, found = list[int](), list[npt.NDArray[np.float64]]()
        for chosen in of_one_length([len(each) for each in ids]):
            hidden = self._embedded(
                np.stack([ids[place] for place in chosen]), np.stack([types[place] for place in chosen])
            )
            for layer in range(self.layers):
                hidden = self._layer(hidden, f"encoder.layer.{layer}")
            first = hidden[:, :1]  # [B, 1, D]: the token that stands for the whole
            for name, then in self.head:
                first = self._dense(first, name)
                first = ACTIVATIONS[then](first) if then else first
            order += chosen
            found.append(first[:, 0].astype(np.float64))
        return np.concatenate(found)[np.argsort(order)]

    def _embedded(self, ids: Ids, types: Ids) -> Floats:
        """What the first layer is given, [B, T, D], of token numbers and types [B, T]."""
        w = self.weights
        hidden = w["embeddings.word_embeddings.weight"][ids]
        places = np.arange(self.first, self.first + ids.shape[1])
        hidden = hidden + w["embeddings.position_embeddings.weight"][places]
        of_types = w.get("embeddings.token_type_embeddings.weight")
        if of_types is not None:
            hidden = hidden + of_types[np.minimum(types, len(of_types) - 1)]
        hidden = self._normalised(hidden, "embeddings.LayerNorm")
        return self._dense(hidden, "embeddings_project") if "embeddings_project.weight" in w else hidden

    def _layer(self, hidden: Floats, name: str) -> Floats:
        """One transformer layer: [B, T, D] to the same."""
        batch, length, width = hidden.shape
        query, key, value = (
            self._dense(hidden, f"{name}.attention.self.{part}")
            .reshape(batch, length, self.heads, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2)
        scores /= np.float32(np.sqrt(query.shape[-1]))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Any = (scores @ value).transpose(0, 2, 1, 3).reshape(batch, length, width)
        mixed = self._dense(mixed, f"{name}.attention.output.dense")
        hidden = self._normalised(hidden + mixed, f"{name}.attention.output.LayerNorm")
        inner = self.activation(self._dense(hidden, f"{name}.intermediate.dense"))
        return self._normalised(
            hidden + self._dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _dense(self, values: Floats, name: str) -> Floats:
        """A dense layer, by a product for each window: one over all would round by how many there are."""
        turned = self.weights[f"{name}.weight"].T
        found = np.empty((*values.shape[:-1], turned.shape[1]), dtype=np.float32)
        for place, window in enumerate(values):
            np.matmul(window, turned, out=found[place])
        found += self.weights[f"{name}.bias"]
        return found

    def _normalised(self, values: Floats, name: str) -> Floats:
        centred: Floats = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        centred /= spread
        centred *= self.weights[f"{name}.weight"]
        centred += self.weights[f"{name}.bias"]
        return centred


def of_one_length(lengths: Sequence[int], most_tokens: int = TOKENS) -> Iterator[list[int]]:
    """Places of texts of one length, together at most so many tokens (or one text)."""
    places: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        places.setdefault(length, []).append(place)
    for length, chosen in sorted(places.items()):
        most = max(1, most_tokens // max(length, 1))
        for first in range(0, len(chosen), most):
            yield chosen[first : first + most]


def _gelu(values: Floats) -> Floats:
    """The Gaussian error linear unit (Hendrycks and Gimpel 2016)."""
    from scipy.special import erf

    found = values * np.float32(np.sqrt(0.5))
    erf(found, out=found)
    found += 1
    found *= values
    found *= np.float32(0.5)
    return found


def _gelu_tanh(values: Floats) -> Floats:
    """Its form by the hyperbolic tangent."""
    inner = values * (1 + np.float32(0.044715) * np.square(values)) * np.float32(np.sqrt(2 / np.pi))
    found: Floats = np.float32(0.5) * values * (1 + np.tanh(inner))
    return found


def _silu(values: Floats) -> Floats:
    found: Floats = values / (1 + np.exp(-values))
    return found


def _relu(values: Floats) -> Floats:
    return np.maximum(values, np.float32(0))


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "gelu": _gelu,
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "relu": _relu,
    "silu": _silu,
    "swish": _silu,
    "tanh": np.tanh,
}
"""Activations by their names in config.json."""
