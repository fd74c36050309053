"""Hidden states of SmolLM2-135M-Instruct that `robust_rewards.py` fits heads on, computed once, in pieces.

    DUECARE_DATA=... python scripts/robust_states.py FOLDER [--minutes 3]

Of the first 900 usable pairs of hh-rlhf-harmless: the chosen answer, the rejected one, and where the chosen
one is whole, the chosen one with a sentence added that says nothing. Of the twins of gender and age, in two
wordings: the respectful and the dismissive answer. The state is the one that a reward model's head reads.
Prompts keep their last 96 tokens, answers their first 64. Each piece is a file in FOLDER; a second call goes
on where the first ended, and says so. About 2 GB of memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "smollm2-135m-instruct"
PAIRS, PIECE = 900, 100
PROMPT, ANSWER = 96, 64
AXES = ("gender", "age")
FRAMED, TWINS = 80, 800
"""Forty matters in each of two wordings; of the answers the first so many."""
FILLERS = (
    " That is how I would put it, and there is nothing more that I would want to add at this point.",
    " This is my answer, as well as I can give it here, and I will leave it at that for the moment.",
    " So much for that question, which I have now answered in the way in which it seemed best to me.",
)
"""Sentences that say nothing: an answer that is paid more for one is paid for its length."""


def judge() -> Any:
    """The base model under a head that is not used."""
    import jax.numpy as jnp

    from duecare.model.fetch import resolve
    from duecare.model.load import load
    from duecare.model.reward import RewardModel, around_answer

    loaded = load(resolve(MODEL))
    return RewardModel(
        loaded=loaded,
        head=jnp.zeros(loaded.shape.width),
        identity=MODEL,
        batch=16,
        pad=None,
        around=around_answer(loaded.tokenizer),
    )


def pairs(tokenizer: Any) -> Iterator[dict[str, Any]]:
    """Prompt, answers, and whether each came to its end; `long` is the chosen one with a filler."""
    import pyarrow.parquet as pq

    from duecare.core.table import examples
    from duecare.curate.source import Read

    source = Path(os.environ["DUECARE_DATA"]) / "hh-rlhf-harmless/harmless-base_test_first1500.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        Read(name="hh", source=str(source), kind="preference").run({}, Path(folder), lambda _: None)
        rows = examples(pq.read_table(Path(folder) / "kept.parquet"))
    count = 0
    for number, row in enumerate(rows):
        ids = tokenizer.encode(tokenizer.chat(row.messages, answer=True), special=True)[-PROMPT:]
        said = [tokenizer.encode(each) for each in (row.chosen, row.rejected)]
        if not all(said) or said[0][:ANSWER] == said[1][:ANSWER]:
            continue
        texts = [tokenizer.decode(each[:ANSWER]) for each in said]
        ended = [len(each) <= ANSWER for each in said]
        if ended[0]:
            texts.append(texts[0].rstrip() + FILLERS[number % len(FILLERS)])
        yield {
            "prompt": tokenizer.decode(ids, special=True),
            "answers": texts,
            "ended": [*ended, True][: len(texts)],
            "filler": number % len(FILLERS),
        }
        count += 1
        if count == PAIRS:
            return


def pieces(tokenizer: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Name and prompts of each piece."""
    from duecare.core import Message
    from duecare.model.twins import twins

    found = list(pairs(tokenizer))
    for start in range(0, len(found), PIECE):
        yield f"pairs-{start:05d}", found[start : start + PIECE]
    asked = [
        {
            "prompt": tokenizer.chat([Message(role="user", content=twin.text)], answer=True),
            "answers": [twin.answer],
            "ended": [True],
            "twin": f"{twin.pair_id}|{twin.group}",
        }
        for twin in twins(AXES, FRAMED)
    ]
    for start in range(0, TWINS, 2 * PIECE):
        yield f"twins-{start:05d}", asked[start : start + 2 * PIECE]


def read(model: Any, asked: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """States [N, D], lengths in tokens [N], and of each its prompt's place and its turn, [N] each."""
    flat = [(place, turn) for place, one in enumerate(asked) for turn in range(len(one["answers"]))]
    prompts = [asked[place]["prompt"] for place, _ in flat]
    answers = [asked[place]["answers"][turn] for place, turn in flat]
    ended = [asked[place]["ended"][turn] for place, turn in flat]
    return {
        "states": model.states(prompts, answers, ended=ended),
        "length": np.array([len(model.loaded.tokenizer.encode(each)) for each in answers]),
        "place": np.array([place for place, _ in flat]),
        "turn": np.array([turn for _, turn in flat]),
        "name": np.array([asked[place].get("twin", "") for place, _ in flat]),
    }


def main() -> None:
    """Read pieces until the time is up or all are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    model, begun = judge(), time.monotonic()
    every = list(pieces(model.loaded.tokenizer))
    for name, asked in every:
        path = given.folder / f"{name}.npz"
        if path.exists():
            continue
        if time.monotonic() - begun > 60 * given.minutes:
            break
        at = time.monotonic()
        with path.with_suffix(".making").open("wb") as file:
            np.savez(file, **read(model, asked))
        path.with_suffix(".making").rename(path)
        print(f"{name}: {time.monotonic() - at:.0f} s", flush=True)
    left = sum(not (given.folder / f"{name}.npz").exists() for name, _ in every)
    print(f"{left} of {len(every)} pieces are left", flush=True)


if __name__ == "__main__":
    main()
