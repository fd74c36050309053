"""Goldens of text classifiers from transformers with torch, and our adapters held against it.

    /path/to/python scripts/golden_classifiers.py

Run by an interpreter that has torch and transformers, and pyarrow, msgspec, scipy and tokenizers for our
side. It makes a tiny classifier of each architecture, weights drawn from a seed, writes what torch says of
some token numbers to `tests/detect/golden_classifiers.json`, and then asks our two adapters (NumPy and torch)
for the same texts: the greatest difference is printed, and more than rounding is an error.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "detect")]
from classifiers_on_disk import (  # noqa: E402  # of the tests, and of this checkout
    CONFIGS,
    GOLDEN,
    IDS,
    OURS,
    TYPES,
    WORDS,
    encoder_on_disk,
    weights,
)

from duecare.core.table import TEXTS  # noqa: E402
from duecare.detect.classifier import Classifier  # noqa: E402

CLOSE = 2e-6


def made(name: str) -> tuple[torch.nn.Module, dict[str, list[int]]]:
    """The classifier in torch, and the shapes of its tensors."""
    config = AutoConfig.for_model(**CONFIGS[name])
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    shapes = {
        key: list(value.shape) for key, value in model.state_dict().items() if value.is_floating_point()
    }
    drawn = {key: torch.from_numpy(value) for key, value in weights(name, shapes).items()}
    lacking, strange = model.load_state_dict(drawn, strict=False)
    assert not strange
    assert not [key for key in lacking if key in shapes]
    return model, shapes


def logits(model: torch.nn.Module, name: str) -> list[list[float]]:
    """What torch says of each window alone."""
    found = []
    for ids, types in zip(IDS, TYPES, strict=True):
        given = {
            "input_ids": torch.tensor([ids]),
            "attention_mask": torch.ones((1, len(ids)), dtype=torch.long),
        }
        if CONFIGS[name].get("type_vocab_size", 2) > 1 and name != "distilbert":
            given["token_type_ids"] = torch.tensor([types])
        with torch.inference_mode():
            found.append(model(**given).logits[0].tolist())
    return found


def texts() -> pa.RecordBatch:
    """Forty texts of all lengths, the longest read in windows."""
    chance = np.random.default_rng(5)
    said = [" ".join(chance.choice(WORDS, size)) for size in chance.integers(0, 60, 40)]
    rows = [{"row": f"a:{n}", "key": "k", "part": "text", "text": each} for n, each in enumerate(said)]
    return pa.RecordBatch.from_pylist(rows, schema=TEXTS)


def main() -> None:
    """Write the goldens and compare."""
    torch.set_num_threads(1)
    golden = {}
    for name in CONFIGS:
        model, shapes = made(name)
        golden[name] = {"shapes": shapes, "logits": logits(model, name)}
    GOLDEN.write_text(json.dumps(golden, separators=(",", ":")) + "\n", "utf-8")
    for name in CONFIGS:
        with tempfile.TemporaryDirectory() as place:
            folder = encoder_on_disk(Path(place) / name, name, golden[name]["shapes"])
            found = {}
            for runtime in ("torch", "numpy") if name in OURS else ("torch",):
                scorer = Classifier(folder=folder, labels=("insult", "threat"), runtime=runtime).scorer()
                found[runtime] = np.array(scorer(texts()).column("value").to_pylist(), dtype=float)
            apart = np.abs(found["torch"] - found["numpy"]).max() if "numpy" in found else 0.0
            print(f"{name}: {len(found['torch'])} texts, {sorted(found)}, scores apart by {apart:.1e}")
            assert np.isfinite(found["torch"]).all()
            assert apart < CLOSE


if __name__ == "__main__":
    main()
