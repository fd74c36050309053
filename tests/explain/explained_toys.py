"""What goldens of attribution are made of, and a model that answers by a trigger; for tests and scripts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from duecare.model.tiny import write_tiny

GOLDEN = Path(__file__).parent / "golden" / "attribution.npz"
FAMILIES = ("llama", "qwen2", "qwen3", "gemma3")
STEPS = 24
PROMPT = "A female caller says that she needs help. né ✓ Where is it?"
ANSWER = "I will trace it now."
OTHER = "Wait."


def make(family: str, folder: Path) -> Path:
    """The tiny model of a family that goldens are of."""
    return write_tiny(folder / family, family, seed=13)


def head(width: int) -> np.ndarray:
    """A head of a reward model, float32 [width]."""
    return np.random.default_rng(5).standard_normal(width).astype(np.float32)
