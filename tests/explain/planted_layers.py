"""A tiny Llama into which one fact about a letter is written, by construction, at one known place.

All blocks are silent (their last matrix is nought) but for two heads that attend to everything before alike.
Head `HEAD` of layer `LAYER` reads what the letters "p" and "q" alone have (dimension READ) and writes it into
a dimension that no embedding has (WRITTEN); the head over the vocabulary turns that into the answer. Another
head, of the first layer, writes which of "m" and "w" was read into a dimension that nothing looks
at (IDLE): readable, without effect. The letters of a pair are equal in all else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from duecare.explain.twinned import Pair, paired
from duecare.model.tiny import write_tiny

LAYERS, LAYER, HEAD = 4, 3, 2
READ, WRITTEN, NAMED, IDLE = 30, 31, 28, 29
ANSWER = "y"


def write_planted(folder: Path, *, leak: float = 0.0) -> Path:
    """The model's folder; with `leak` a head of layer 2 carries so much of it too."""
    from safetensors.numpy import load_file, save_file

    made = write_tiny(folder, "llama", seed=3, num_hidden_layers=LAYERS, tie_word_embeddings=False)
    weights = {name: each.copy() for name, each in load_file(made / "model.safetensors").items()}
    for name, each in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight", "q_proj.weight")):
            each[:] = 0
        if "norm" in name:
            each[:] = 1
    letters = _letters(made)
    embedded, head = weights["model.embed_tokens.weight"], weights["lm_head.weight"]
    embedded[:, 28:] = 0
    head[:, 28:] = 0
    for one, other, where in (("p", "q", READ), ("m", "w", NAMED)):
        embedded[letters[other]] = embedded[letters[one]]
        embedded[letters[one], where], embedded[letters[other], where] = 6.0, -6.0
    head[letters["y"], WRITTEN] = 1.0
    _route(weights, LAYER - 1, HEAD, READ, WRITTEN)
    _route(weights, 0, 0, NAMED, IDLE)
    _route(weights, 1, 1, READ, WRITTEN, 4.0 * leak)
    # What the text is about reaches its last token too, as noise for readers.
    weights["model.layers.0.self_attn.v_proj.weight"][8:16, 28:] = 0
    weights["model.layers.0.self_attn.o_proj.weight"][:8, 24:32] = 0.5 * np.eye(8, dtype=np.float32)
    save_file(weights, made / "model.safetensors", metadata={"format": "pt"})
    return made


def _route(
    weights: dict[str, np.ndarray], layer: int, head: int, read: int, write: int, size: float = 4.0
) -> None:
    """Head `head` carries dimension `read` of everything before into dimension `write`; 8 wide, 2 heads a
    key."""
    value = weights[f"model.layers.{layer}.self_attn.v_proj.weight"]
    row = head // 2 * 8
    value[row, :] = 0
    value[row, read] = 1.0
    weights[f"model.layers.{layer}.self_attn.o_proj.weight"][write, head * 8] = size


def _letters(folder: Path) -> dict[str, int]:
    from duecare.model.tokenize import Tokenizer

    tokenizer = Tokenizer(folder)
    return {letter: tokenizer.encode(letter)[0] for letter in "pqmwy"}


def twins_of_letters(
    tokenizer: object, issues: int, seed: int = 0, *, tied: bool = True, named: bool = True
) -> list[Pair]:
    """Twins that name a group by "m" or "w" and have the letter "p" or "q" behind it.

    With `tied` women have "p" and men "q": the group makes the gap. Without, which has which is drawn by lot
    for each issue: there is a gap in every pair and it has nothing to do with the group. Without `named` both
    have "m", so that nothing but "p" and "q" tells them apart.
    """
    rng, found = np.random.default_rng(seed), []
    for number in range(issues):
        mine, other = ("p", "q") if tied or rng.random() < 0.5 else ("q", "p")
        about = "".join(rng.choice(list("abcdefgh"), 6))
        women = "w" if named else "m"
        texts = (f"a {women}{mine} {about}. {number % 10}", f"a m{other} {about}. {number % 10}")
        names = {"pair": f"pair-{number}", "cluster": f"issue-{number}", "axis": "gender"}
        found.append(paired(tokenizer, texts, ANSWER, **names, group="women", against="men"))
    return found
