"""Goldens of rewards from an independent implementation: transformers (and peft) with torch on the CPU.

    python scripts/golden_rewards.py --torch /path/to/python

Run in duecare's own environment; `--torch` names the interpreter of another one that has torch, transformers,
peft and nothing of ours. First the folders are made here: tiny random models of each family, with LoRA and
a head, written as reward models (merged) and as adapters. Then this same file is run there and reads
them as any stranger would: `AutoModelForSequenceClassification`, the folder's tokenizer and chat template,
all texts in one padded batch. It writes `tests/model/golden/rewards.npz`: the tokens that are read and the
scores, and refuses where the adapter on its base gives other scores than the merged folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
ALIKE = 1e-4


def prepare(folder: Path) -> dict[str, object]:
    """Make every folder; what is asked and said, and the names of the models."""
    sys.path.insert(0, str(ROOT / "tests" / "model"))
    import models

    from duecare.model.export import export_adapter, export_reward

    for name in models.TUNED:
        loaded, head = models.rewarding(name, folder)
        export_reward(loaded, head, folder / f"{name}-reward")
        export_adapter(loaded, folder / f"{name}-adapter", head)
    return {"folder": str(folder), "asked": models.ASKED, "said": models.SAID, "names": list(models.TUNED)}


def measure(wanted: dict[str, object], out: Path) -> None:
    """Write the golden; runs where torch, transformers and peft are."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    kind, how = AutoModelForSequenceClassification, {"dtype": torch.float32, "attn_implementation": "eager"}
    found: dict[str, np.ndarray] = {}
    for name in wanted["names"]:
        folder = f"{wanted['folder']}/{name}-reward"
        tokenizer = AutoTokenizer.from_pretrained(folder)
        chats = [
            [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
            for asked, said in zip(wanted["asked"], wanted["said"], strict=True)
        ]
        # The line break that the template puts after the end of turn is never sampled.
        texts = [tokenizer.apply_chat_template(chat, tokenize=False).rstrip("\n") for chat in chats]
        given = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        model = kind.from_pretrained(folder, **how).eval()
        base = kind.from_pretrained(
            f"{wanted['folder']}/{name}", num_labels=1, pad_token_id=model.config.pad_token_id, **how
        )
        tuned = PeftModel.from_pretrained(base, f"{wanted['folder']}/{name}-adapter").eval()
        with torch.no_grad():
            scores, again = (one(**given).logits[:, 0].numpy() for one in (model, tuned))
        if not np.allclose(scores, again, atol=ALIKE):
            raise SystemExit(f"{name}: the adapter scores {again}, the merged folder {scores}")
        found |= {f"{name}.scores": scores, f"{name}.tokens": given["attention_mask"].sum(1).numpy()}
        print(name, scores.round(3))
    np.savez_compressed(out / "rewards.npz", **found)


def main() -> None:
    """Both halves, or the second one alone where this file calls itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--torch", type=Path, help="python with torch, transformers and peft")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "model" / "golden")
    asked = parser.parse_args()
    if asked.measure:
        measure(json.loads(asked.measure.read_text()), asked.out)
        return
    if not asked.torch:
        parser.error("--torch is needed")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.json"
        wanted.write_text(json.dumps(prepare(Path(folder))))
        command = [asked.torch, __file__, "--measure", wanted, "--out", asked.out]
        subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main()
