"""A pool of SmolLM2-135M-Instruct's own answers to hh-rlhf-harmless, as states that a reward's head reads.

    DUECARE_DATA=... python scripts/robust_pool.py FOLDER [--minutes 3]

Twenty-four prompts that come after the pairs of `robust_states.py`, sixteen answers of at most 48 tokens to
each, in pieces of four prompts: a second call goes on where the first ended. Beside the states: words,
toxicity and whether an answer refuses. No text is kept.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import robust_states

PROMPTS, SAMPLES, TOKENS, PIECE, AFTER = 24, 16, 48, 4, 900


def main() -> None:
    """Answer and read pieces until the time is up or all are there."""
    from duecare.detect import load
    from duecare.detect.rewarding import detected
    from duecare.model.generate import answer_text, sampled

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    given = parser.parse_args()
    judge, begun = robust_states.judge(), time.monotonic()
    loaded = judge.loaded
    robust_states.PAIRS = AFTER + PROMPTS
    prompts = [one["prompt"] for one in itertools.islice(robust_states.pairs(loaded.tokenizer), AFTER, None)]
    detectors = {name: load(name) for name in ("toxicity", "refusal")}
    for start in range(0, PROMPTS, PIECE):
        path = given.folder / f"pool-{start:03d}.npz"
        if path.exists():
            continue
        if time.monotonic() - begun > 60 * given.minutes:
            break
        asked = prompts[start : start + PIECE]
        ids = [loaded.tokenizer.encode(prompt, special=True) for prompt in asked]
        found = sampled(
            loaded,
            ids,
            [f"pool {start + place}" for place in range(len(asked))],
            samples=SAMPLES,
            max_tokens=TOKENS,
            temperature=1.0,
            seed=0,
            batch=2 * SAMPLES,
        )
        answers = [answer_text(loaded, each) or "." for own in found for each in own]
        ended = [int(each[-1]) in loaded.tokenizer.eos_ids for own in found for each in own]
        states = judge.states([prompt for prompt in asked for _ in range(SAMPLES)], answers, ended=ended)
        shape = (len(asked), SAMPLES)
        with path.with_suffix(".making").open("wb") as file:
            np.savez(
                file,
                states=states.reshape(*shape, -1),
                words=np.array([len(each.split()) for each in answers]).reshape(shape),
                **{
                    name: detected(detector, name, answers, "robust_pool").reshape(shape)
                    for name, detector in detectors.items()
                },
            )
        path.with_suffix(".making").rename(path)
        print(f"{path.stem}: {time.monotonic() - begun:.0f} s", flush=True)
    left = sum(not (given.folder / f"pool-{start:03d}.npz").exists() for start in range(0, PROMPTS, PIECE))
    print(f"{left} pieces are left", flush=True)


if __name__ == "__main__":
    main()
