"""A model, LoRA merged, as a Hugging Face folder; and its LoRA alone in PEFT's layout. Imports JAX.

Weights are written as canonical safetensors: names sorted, fixed metadata, so that equal weights give
equal bytes and a digest means something. (Orbax files of two equal saves differ.)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from duecare.core import ModelError
from duecare.model.family import CLASSIFIERS, HEAD, Shape
from duecare.model.load import Loaded, parameter, read_config
from duecare.model.quantised import plain
from duecare.model.tensors import Array, Rule, rules
from duecare.model.tokenize import padding

COPIED = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "chat_template.jinja",
    "tokenizer.model",
)
FUSED = ("q_einsum", "kv_einsum", "qkv_einsum")
"""Gemma 3's projections, whose contracted width is the last axis but one."""


def export(loaded: Loaded, out: Path) -> None:
    """Write the model to `out` so that transformers loads it with the same logits.

    Config and tokenizer files of the folder it was loaded from are carried over. The tensors have the
    dtype of the parameters, of quantised ones that of their scales. ModelError where there is LoRA and
    `loaded.lora_scale` is not known.
    """
    tensors = _tensors(loaded, loaded.shape)
    _write(loaded, tensors, {"architectures": [_causal(read_config(loaded.folder))]}, out)


def export_reward(loaded: Loaded, head: Array, out: Path) -> None:
    """Write the model with a `head` [D] so that transformers loads it as a classifier with one label.

    The head over the vocabulary, where there is one of its own, is left out. transformers reads the score
    at the last token that is not padding, so padding must not be the token that ends a turn: where it
    is, another special token takes its place. ModelError where there is none.
    """
    families = {family: name for name, family in CLASSIFIERS.items()}
    tokenizer = loaded.tokenizer
    pad = padding(tokenizer)
    changes = {
        "architectures": [families[loaded.shape.family]],
        "num_labels": 1,
        "id2label": {"0": "reward"},
        "label2id": {"reward": 0},
        "pad_token_id": tokenizer.pad_id if pad is None else pad[0],
    }
    tensors = _tensors(loaded, replace(loaded.shape, tied=True))
    tensors[HEAD] = np.asarray(head, np.float32)[None].astype(next(iter(tensors.values())).dtype)
    _write(loaded, tensors, changes, out)
    if pad is not None:
        _pad_with(out, pad[1])


def _pad_with(folder: Path, token: str) -> None:
    """Make `token` the padding in the tokenizer files that name one."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = folder / name
        if path.is_file():
            _write_json(path, {**json.loads(path.read_text("utf-8")), "pad_token": token})


def _tensors(loaded: Loaded, shape: Shape) -> dict[str, Array]:
    """Every tensor of a model of this shape, LoRA merged, by name."""
    scale, found = _scale(loaded), dict[str, Array]()
    for rule in rules(shape):
        for name, tensor in zip(rule.names, rule.split(merged(loaded.model, rule, scale)), strict=True):
            found[name] = np.ascontiguousarray(tensor)
    return found


def _write(loaded: Loaded, tensors: dict[str, Array], changes: dict[str, Any], out: Path) -> None:
    """A folder of these tensors, with the config and tokenizer of the folder that `loaded` came from."""
    described = read_config(loaded.folder)
    out.mkdir(parents=True, exist_ok=True)
    save_file(dict(sorted(tensors.items())), out / "model.safetensors", metadata={"format": "pt"})
    text = dict(described.get("text_config", described))
    kind = str(next(iter(tensors.values())).dtype)
    text.update(changes, torch_dtype=kind)
    text.pop("quantization_config", None)
    text.pop("dtype", None)
    _write_json(out / "config.json", text)
    for name in COPIED:
        if (loaded.folder / name).is_file():
            shutil.copyfile(loaded.folder / name, out / name)


def export_adapter(loaded: Loaded, out: Path, head: Array | None = None) -> None:
    """Write the LoRA of `model` in PEFT's layout: `adapter_model.safetensors`, `adapter_config.json`.

    lora_A is [rank, in], lora_B [out, rank]. Where Tunix fuses projections (Gemma 3's keys and
    values), their shared A is written for each. A reward model's `head` [D] stands beside them, whole.
    Nothing is written where the model has no LoRA.
    """
    tensors: dict[str, Array] = {}
    modules: set[str] = set()
    rank = 0
    for rule in rules(loaded.shape):
        found = low_rank(loaded.model, rule)
        if found is None:
            continue
        low, high = found
        rank = low.shape[-1]
        for name, a, b in _factors(rule, low, high):
            stem = "base_model.model." + name.removesuffix(".weight")
            tensors[f"{stem}.lora_A.weight"], tensors[f"{stem}.lora_B.weight"] = a, b
            modules.add(name.split(".")[-2])
    if not tensors:
        return
    if head is not None:
        tensors[f"base_model.model.{HEAD}"] = np.asarray(head, np.float32)[None]
    out.mkdir(parents=True, exist_ok=True)
    save_file(dict(sorted(tensors.items())), out / "adapter_model.safetensors", metadata={"format": "pt"})
    adapter = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM" if head is None else "SEQ_CLS",
        "r": rank,
        "lora_alpha": _scale(loaded) * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(modules),
    }
    if head is not None:
        adapter["modules_to_save"] = [HEAD.removesuffix(".weight")]
    _write_json(out / "adapter_config.json", adapter)


def _causal(described: dict[str, Any]) -> str:
    """The text-only architecture: a multimodal Gemma 3 is exported without its vision tower."""
    named = str(described["architectures"][0])
    return "Gemma3ForCausalLM" if named == "Gemma3ForConditionalGeneration" else named


def merged(model: Any, rule: Rule, scale: float) -> Array:
    """The parameter of `rule` with its low-rank update added, in float32 before rounding back.

    A quantised weight is taken at the value that the model computes with.
    """
    value = plain(parameter(model, rule.path))
    found = low_rank(model, rule)
    if found is None:
        return value
    update = np.tensordot(*found, axes=1) * scale
    if str(rule.path[-2]) in FUSED:
        update = _fused(update, value.ndim)
    return (value.astype(np.float32) + update.reshape(value.shape)).astype(value.dtype)


def _fused(update: Array, rank: int) -> Array:
    """[D, N, H] to [N, D, H], and [D, S, N, H] to [S, N, D, H]: where Tunix's einsum puts the width."""
    return np.moveaxis(update, 0, rank - 2)


def low_rank(model: Any, rule: Rule) -> tuple[Array, Array] | None:
    """The two factors on a parameter, as qwix keeps them beside it: [..., rank] and [rank, ...]."""
    owner = parameter(model, rule.path[:-1])
    low, high = (getattr(owner, f"{rule.path[-1]}_lora_{letter}", None) for letter in "ab")
    if low is None or high is None:
        return None
    return np.asarray(low[...], np.float32), np.asarray(high[...], np.float32)


def _scale(loaded: Loaded) -> float:
    """alpha / rank. qwix keeps it in the wrapped methods only, so whoever put the LoRA on says it."""
    if loaded.lora_scale is None:
        if any(low_rank(loaded.model, rule) for rule in rules(loaded.shape)):
            raise ModelError("the model has LoRA, but its scale (alpha / rank) is not known")
        return 1.0
    return loaded.lora_scale


def _factors(rule: Rule, low: Array, high: Array) -> Iterator[tuple[str, Array, Array]]:
    rank = low.shape[-1]
    a = np.ascontiguousarray(low.reshape(-1, rank).T)
    for name, part in zip(rule.names, _parts(high, len(rule.names)), strict=True):
        yield name, a, np.ascontiguousarray(part.reshape(rank, -1).T)


def _parts(high: Array, count: int) -> list[Array]:
    """The outputs of each fused projection: [r, S, N, H] by S."""
    return [high] if count == 1 else [high[:, number] for number in range(count)]


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
