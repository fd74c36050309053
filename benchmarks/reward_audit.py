"""How long an audit of a reward model takes: SmolLM2-135M with a fitted head, on pairs of hh-rlhf-harmless.

    DUECARE_DATA=... python benchmarks/reward_audit.py [pairs] [nudges] [head pairs] [characters]

The bar: 500 held-out pairs and 2,000 nudges within 20 minutes on 2 cores. A part of that is run (short pairs,
so that it is minutes): ranking and nudging, each twice, so that the second time nothing is compiled. That
gives the processor time of a token and of compiling one shape. How many tokens, padding counted, and shapes
the whole audit has is counted exactly, by its own plan on pairs of up to 512 tokens; so the whole is told by
what it consists of and not by the number of texts. On a machine with other load processor time is the figure
to read. The head is fitted on states of other pairs; what the audit says of it is printed, too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "smollm2-135m-instruct"
BAR = {"pairs": 500, "nudges": 2000, "minutes": 20, "cores": 2}
PULL = 0.3
DEFAULT = ("100", "400", "60", "600")


def read(folder: Path, characters: int) -> Path:
    """Pairs of at most so many characters, as a source is read."""
    from duecare.curate.source import Read

    name = "hh-rlhf-harmless/harmless-base_test_first1500.jsonl"
    folder.mkdir()
    source = str(Path(os.environ["DUECARE_DATA"]) / name)
    Read(source=source, kind="preference", name="hh", max_chars=characters).run({}, folder, lambda _: None)
    return folder


def judge(folder: Path, pairs: list[Any]) -> Path:
    """SmolLM2 with a head fitted to which answer of `pairs` was chosen, as a classifier with one label."""
    from duecare.model.export import export_reward
    from duecare.model.fetch import resolve
    from duecare.model.load import load
    from duecare.reward.engine import of_folder
    from duecare.reward.refit import refitted

    loaded = load(resolve(MODEL))
    start = np.zeros(loaded.shape.width)
    export_reward(loaded, start.astype(np.float32), folder)
    states = of_folder("judge", folder, 16).states([text for pair in pairs for text in pair.texts])
    labels = np.tile([1.0, 0.0], (len(pairs), 1))
    head = refitted(states[0::2] - states[1::2], labels, start, PULL)
    shutil.rmtree(folder)
    export_reward(loaded, head.astype(np.float32), folder)
    return folder


def telling(what: object) -> None:
    """How far it is, on standard error: a run that is stopped has said what it came to."""
    done, total = getattr(what, "done", 0), getattr(what, "total", 0)
    print(
        f"  {done} of {total} texts, {time.process_time():.0f} s of processor time",
        file=sys.stderr,
        flush=True,
    )


def twice(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call gives, and the processor seconds of the first and of the second one."""
    seconds = []
    for _ in range(2):
        began = time.process_time()
        found = call()
        seconds.append(time.process_time() - began)
    return found, *seconds


def work(model: Any, texts: list[Any]) -> tuple[int, int]:
    """How many shapes are compiled for texts, and how many tokens are read, padding counted."""
    from duecare.model.logprob import kinds

    prompts = [model.prompt(text) for text in texts]
    rows = [model.model.tokens(prompt, text.answer) for prompt, text in zip(prompts, texts, strict=True)]
    found = kinds(model.model.loaded, prompts, rows)
    tokens = 0
    for kind, groups in found:
        together = kind.together(model.model.batch)
        tokens += -(-len(groups) // together) * together * kind.tokens
    return len(found), tokens


def texts_of_audit(step: Any, pairs: list[Any]) -> tuple[list[Any], list[Any]]:
    """What an audit ranks, and what it nudges."""
    from duecare.reward.nudge import texts_of
    from duecare.reward.plan import planned

    plan = {"kinds": step.kinds, "axes": step.axes, "nudges": step.nudges, "seed": step.seed}
    return [text for pair in pairs for text in pair.texts], list(texts_of(planned(pairs, words=(), **plan)))


def main() -> int:
    """Fit, audit, print; 1 where the bar is not met."""
    from duecare.reward import Audit
    from duecare.reward.auditing import nudged, rank
    from duecare.reward.engine import of_folder
    from duecare.reward.pairs import read_pairs

    count, nudges, fitted, characters = map(int, [*sys.argv[1:], *DEFAULT[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        every = read_pairs(read(folder / "data", characters), "subset", 10**6, 0)
        model = of_folder("judge", judge(folder / "judge", every[:fitted]), 16)
        step = Audit(reward="judge", on="hh", pairs=count, nudges=nudges)
        pairs = every[fitted : fitted + count]
        ranked, first, ranking = twice(lambda: rank(model, pairs, telling))
        print(f"{len(pairs)} pairs ranked in {ranking:.0f} s of processor time,", end=" ")
        print(f"compiling {first - ranking:.0f} s; accuracy {ranked.right.mean():.2f}", flush=True)
        found, whole, nudging = twice(lambda: nudged(step, model, ranked, telling))
        print(f"{found.nudges} nudges in {nudging:.0f} s, compiling {whole - nudging:.0f} s", flush=True)
        parts = [work(model, texts) for texts in texts_of_audit(step, pairs)]
        long = read_pairs(read(folder / "all", 10**5), "subset", 10**6, 0)
        fit = [pair for pair in long if all(model.fits(text, 512) for text in pair.texts)][: BAR["pairs"]]
        full = Audit(reward="judge", on="hh", pairs=BAR["pairs"], nudges=BAR["nudges"])
        wholes = [work(model, texts) for texts in texts_of_audit(full, fit)]
    shapes, tokens = (sum(each) for each in zip(*parts, strict=True))
    compiling = (first - ranking + whole - nudging) / shapes
    reading = (ranking + nudging) / tokens
    print(f"a shape takes {compiling:.1f} s to compile, a thousand tokens {1000 * reading:.2f} s to read")
    shapes, tokens = (sum(each) for each in zip(*wholes, strict=True))
    total = shapes * compiling + tokens * reading
    minutes = total / 60 / BAR["cores"]
    print(f"{BAR['pairs']} pairs and {BAR['nudges']} nudges: {shapes} shapes and {tokens:,} tokens,")
    print(
        f"{total / 60:.1f} min of processor time, so {minutes:.1f} min on {BAR['cores']} busy cores;", end=" "
    )
    print(f"bar {BAR['minutes']} min")
    for effect in sorted(found.effects, key=lambda each: each.adjusted or 1.0):
        if effect.found:
            about = ", ".join(effect.comparison.about.values())
            print(f"  {about}: {effect.at(0.95).value:+.2f} spreads, Holm p {effect.adjusted:.2g}")
    return 0 if minutes <= BAR["minutes"] else 1


if __name__ == "__main__":
    sys.exit(main())
