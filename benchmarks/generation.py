"""Sampled answers a second: duecare against plain calls of Tunix's Sampler, the same work in one run.

    python benchmarks/generation.py [prompts] [tokens] [rounds] [sampler batches, as 16,50,100] [batch]

SmolLM2-135M-Instruct answers counterfactual prompts of the toxicity suite, 25 samples a prompt, every
answer exactly `tokens` long (no token ends it), so that all ways produce equally many. The ways:

- sampler 16, 50, 100: every answer is a row of its own, as many rows a call as the number says
- one by one: a call of the Sampler for every answer (measured on the first few of them)
- duecare: `generate` as an evaluation calls it, `batch` answers at a time (64); prompts are taken from one
  static length, because a batch that is not full takes as long as a full one

The Sampler runs Tunix's own attention with the rotary base of this model put right, which costs nothing.
Everything is compiled before the clock starts; rounds alternate, so that other load falls on all ways;
figures are medians over rounds, by the wall and by processor time (which other load disturbs less).
Greedy answers of both must be the same texts, or the script fails.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

SAMPLES = 25
BATCHES = (16, 50, 100)
LENGTH = 64
MODEL = "smollm2-135m-instruct"


def tunix_model(loaded: Any) -> Any:
    """The loaded model with the attention that Tunix ships, whose one fault (the rotary base) is mended."""
    from functools import partial

    from flax import nnx
    from tunix.models.llama3 import model as llama3

    llama3.apply_rope = partial(llama3.apply_rope, rope_theta=int(loaded.shape.theta))
    plain = nnx.eval_shape(lambda: llama3.Llama3(loaded.config, rngs=nnx.Rngs(0)))
    nnx.update(plain, nnx.state(loaded.model))
    return plain


class Adapted:
    """Our tokenizer as Tunix's Sampler wants it; with `endless`, no token ends an answer."""

    def __init__(self, tokenizer: Any, endless: bool) -> None:
        self._tokenizer, self._endless = tokenizer, endless
        self.bos_token_id, self.pad_token_id, self.eos_token_id = self.bos_id(), self.pad_id(), self.eos_id()

    def encode(self, text: str, **_: Any) -> list[int]:
        """Token ids without special tokens."""
        return list(self._tokenizer.encode(text))

    def decode(self, ids: Any, **_: Any) -> str:
        """Text of ids."""
        return str(self._tokenizer.decode([int(each) for each in ids]))

    def bos_id(self) -> int:
        """What a text would begin with."""
        return int(self._tokenizer.bos_id or 0)

    def eos_id(self) -> int:
        """The token that ends an answer, or one past the vocabulary."""
        return self._tokenizer.vocabulary + 1 if self._endless else int(self._tokenizer.eos_ids[0])

    def pad_id(self) -> int:
        """What fills a row: a token that stands in no prompt, because the Sampler masks it everywhere."""
        return 0


def sampler(loaded: Any, model: Any, room: int, endless: bool = True) -> Any:
    """A Sampler with a cache for `room` tokens."""
    from tunix.generate.sampler import CacheConfig, Sampler

    size = loaded.shape
    cache = CacheConfig(
        cache_size=room, num_layers=size.layers, num_kv_heads=size.kv_heads, head_dim=size.head_width
    )
    return Sampler(model, Adapted(loaded.tokenizer, endless), cache)


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of processor time."""
    start, work = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - start, time.process_time() - work


def plainly(ask: Any, rows: list[str], batch: int, tokens: int, longest: int) -> None:
    """All rows, `batch` at a time, sampled; one static shape, as a careful caller would have it."""
    for start in range(0, len(rows), batch):
        chunk = rows[start : start + batch]
        chunk += chunk[:1] * (batch - len(chunk))  # a smaller last batch would compile anew
        ask(chunk, max_generation_steps=tokens, temperature=1.0, top_p=1.0, max_prompt_length=longest, seed=0)


def main() -> None:
    """Measure and print."""
    count, tokens, rounds = (
        int(sys.argv[place]) if len(sys.argv) > place else default
        for place, default in ((1, 10), (2, 32), (3, 3))
    )
    batches = tuple(map(int, sys.argv[4].split(","))) if len(sys.argv) > 4 else BATCHES
    own = int(sys.argv[5]) if len(sys.argv) > 5 else 64
    from duecare.core import Message
    from duecare.evaluate.suites import prompts
    from duecare.model.fetch import resolve
    from duecare.model.generate import generate
    from duecare.model.load import load

    loaded = load(resolve(MODEL))
    every = [
        loaded.tokenizer.chat([Message(role="user", content=each.text)], answer=True)
        for each in prompts(("gender",), None)
    ]
    fitting = [each for each in every if LENGTH * 3 // 4 < len(loaded.tokenizer.encode(each)) <= LENGTH]
    asked = fitting[:: max(1, len(fitting) // count)][:count]
    longest = max(len(loaded.tokenizer.encode(each)) for each in asked)
    plain = tunix_model(loaded)
    ask = sampler(loaded, plain, longest + tokens + 1)
    ends = sampler(loaded, plain, longest + tokens + 1, endless=False)
    theirs = ends(asked, max_generation_steps=tokens, max_prompt_length=longest).text
    ours = [each for (each,) in generate(loaded, asked, max_tokens=tokens, temperature=0)]
    if theirs != ours:
        raise SystemExit(f"greedy answers differ:\n{theirs}\n{ours}")
    print(f"{count} prompts of at most {longest} tokens: greedy answers are equal")
    loaded.tokenizer.eos_ids = ()
    rows = [each for each in asked for _ in range(SAMPLES)]
    few = rows[:5]
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        f"sampler {batch}": (len(rows), lambda batch=batch: plainly(ask, rows, batch, tokens, longest))
        for batch in batches
    }
    ways["one by one"] = (len(few), lambda: plainly(ask, few, 1, tokens, longest))
    ways["duecare"] = (
        len(rows),
        lambda: generate(loaded, asked, samples=SAMPLES, max_tokens=tokens, batch=own),
    )
    speeds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, (answers, act) in ways.items():
            wall, work = timed(act)
            if turn:  # the first round compiles
                speeds[way].append((answers * tokens / wall, answers * tokens / work))
    for place, clock in enumerate(("wall", "processor")):
        report(clock, {way: statistics.median(one[place] for one in each) for way, each in speeds.items()})


def report(clock: str, speeds: dict[str, float]) -> None:
    """One line a way: tokens a second, and how many times as fast duecare is."""
    for way, speed in speeds.items():
        print(
            f"{way:12} {speed:7.0f} tokens a {clock} second; duecare: {speeds['duecare'] / speed:5.2f} times"
        )
    best = max(speed for way, speed in speeds.items() if way.startswith("sampler"))
    print(f"{clock}: against the sampler's best batch {speeds['duecare'] / best:.2f} (bar: 2)", flush=True)


if __name__ == "__main__":
    main()
