"""Goldens of attribution from an independent implementation: Captum on transformers, with torch on the CPU.

    python -m venv VENV
    VENV/bin/pip install "torch==2.13.0" "transformers==5.24.0" "captum==0.9.0"
    python scripts/golden_attribution.py --torch VENV/bin/python

Run in duecare's own environment; `--torch` names the interpreter of the other one, which has nothing of ours.
First tiny random models of each family are written here, with the tokens of one prompt and its answers, which
of them are moved and which word each is of. Then this same file is run there: Captum's `InputXGradient`,
`IntegratedGradients` (Gauss-Legendre) and `FeatureAblation` on the embedded tokens, for the summed
log-probability of an answer, for that less the one of another answer, and for a reward (a linear head on
the last hidden state). It writes tests/explain/golden/attribution.npz, scores of tokens, float64.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent


def prepare(folder: Path) -> dict[str, Any]:
    """Write the models; the tokens that are read, per family."""
    sys.path.insert(0, str(ROOT / "tests" / "explain"))
    import explained_toys as toys

    from duecare.explain.attribution import readings
    from duecare.model.load import load

    asked: dict[str, Any] = {"folder": str(folder), "steps": toys.STEPS, "families": {}}
    for family in toys.FAMILIES:
        loaded = load(toys.make(family, folder))
        texts = readings(loaded, [toys.PROMPT] * 2, [toys.ANSWER, toys.OTHER])
        asked["families"][family] = {
            "pad": loaded.tokenizer.pad_id,
            "head": toys.head(loaded.shape.width).tolist(),
            "texts": [
                {
                    "tokens": list(text.tokens),
                    "first": text.first,
                    "moved": text.moved.tolist(),
                    "owner": text.owner.tolist(),
                }
                for text in texts
            ],
        }
    return asked


def measure(asked: dict[str, Any], out: Path) -> None:
    """Write the golden; runs where torch, transformers and Captum are."""
    import torch
    from transformers import AutoModelForCausalLM

    found: dict[str, np.ndarray] = {}
    for family, given in asked["families"].items():
        model = AutoModelForCausalLM.from_pretrained(
            f"{asked['folder']}/{family}", dtype=torch.float32, attn_implementation="eager"
        ).eval()
        for weight in model.parameters():
            weight.requires_grad_(False)
        sides = [_explained(model, text, given, asked["steps"]) for text in given["texts"]]
        for name, scores in sides[0].items():
            found[f"{family}.{name}"] = scores
            if name.startswith("answer."):  # the answers are fixed: only tokens before them have scores
                first = min(text["first"] for text in given["texts"])
                against = sides[1][name][:first]
                found[f"{family}.rather.{name.removeprefix('answer.')}"] = scores[:first] - against
    np.savez_compressed(out, **found)
    print(f"{len(found)} arrays in {out}")


def _explained(model: Any, text: dict[str, Any], given: dict[str, Any], steps: int) -> dict[str, np.ndarray]:
    """Scores of every token by each method, for the answer and for the reward."""
    import torch

    ids = torch.tensor([text["tokens"]])
    embed = model.get_input_embeddings()
    own = embed(ids).detach()
    base = embed(torch.tensor([[given["pad"]]])).detach()
    moved = torch.tensor(text["moved"])
    first, head = text["first"], torch.tensor(given["head"])

    def whole(inputs: Any) -> Any:
        """All embedded tokens, where `inputs` [B, M, D] are those that are moved."""
        full = own.repeat(len(inputs), 1, 1).clone()
        full[:, moved] = inputs
        return full

    def answer(inputs: Any) -> Any:
        scores = torch.log_softmax(model(inputs_embeds=whole(inputs)).logits.float(), -1)
        picked = scores[:, first - 1 : -1].gather(-1, ids[:, first:, None].expand(len(inputs), -1, -1))
        return picked.sum((1, 2))

    def reward(inputs: Any) -> Any:
        states = model.model(inputs_embeds=whole(inputs)).last_hidden_state
        return states[:, -1].float() @ head

    found: dict[str, np.ndarray] = {}
    for name, function in (("answer", answer), ("reward", reward)):
        for method, scores in _methods(function, own[:, moved], base, text, steps).items():
            wide = np.zeros(len(text["tokens"]))
            wide[np.array(text["moved"])] = scores.detach().numpy()
            found[f"{name}.{method}"] = wide
    return found


def _methods(
    function: Callable[[Any], Any], inputs: Any, base: Any, text: dict[str, Any], steps: int
) -> dict[str, Any]:
    """Captum's scores [M] of the tokens that are moved."""
    import torch
    from captum.attr import FeatureAblation, InputXGradient, IntegratedGradients

    start = base.expand_as(inputs).clone()
    owner = np.array(text["owner"])[np.array(text["moved"])]
    integrated, residual = IntegratedGradients(function).attribute(
        inputs,
        start,
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=8,
        return_convergence_delta=True,
    )
    print("convergence delta", float(residual))
    # Each word is a feature, and the white space between words one that is not looked at.
    features = torch.tensor(owner + 1)[None, :, None].expand_as(inputs).clone()
    ablated = FeatureAblation(function).attribute(inputs, start, feature_mask=features)[0, :, 0]
    seen, scores = set(), torch.zeros(len(owner))
    for place, word in enumerate(owner.tolist()):
        if word >= 0 and word not in seen:
            seen.add(word)
            scores[place] = ablated[place]
    return {
        "gradient-x-input": InputXGradient(function).attribute(inputs.clone().requires_grad_()).sum(-1)[0],
        "integrated-gradients": integrated.sum(-1)[0],
        "occlusion": scores,
    }


def main() -> None:
    """Both halves, or the second one alone where this file calls itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--torch", type=Path, help="python with torch, transformers and captum")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "explain" / "golden" / "attribution.npz")
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
