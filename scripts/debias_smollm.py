"""Debiasing of SmolLM2-135M-Instruct on a bias that is planted: each method beside a run without, over seeds.

    python scripts/debias_smollm.py [--plant told] [--methods none,pairing] [--seeds 0,1,2,3,4]
                                    [--steps N] [--results runs/debias-smollm.jsonl] [--minutes 30]

The rows are made here (`debias_plants.py`), of a desk that women and men ask. Plants:

- told: women are three rows in four and answered well; men, rarer, are put off. A few rows about women have
  twins about men, answered as well as they. Held-out rows are all answered well: what a model that learned to
  put men off finds unlikely, so a gap there is the model's own. What pairing is for.
- rare: men are one row in eight and told something else than women, here and in held-out rows: who is rare
  is learned later. What group DRO is for.
- read: women and men are told the same, and the group can be read from what they ask. What an adversary is
  for: whether fresh readers still find the group in the hidden states.

Told of each run, on held-out rows:

- gap: loss of men less that of women, nats per token, and its interval over held-out rows
- men, women: probability of the good answer, whole, given what they asked (mean over rows)
- readers: balanced accuracy of fresh readers of the group in the hidden states (chance 0.5)
- perplexity, and KL to the start

and of the course of training "taught gap", the loss of men's own rows less that of women's. A run is one
line of --results and is not done again, so a kill loses the run it hits and no other; after --minutes no
further one is begun, and the same command goes on from there.
With two seeds or more the figures stand with their intervals over seeds, and each method's beside the
run without of the same seed. About 3 GB of memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from debias_plants import PLANTS, Plant, rows

MODEL = "smollm2-135m-instruct"
ROWS, HELD = 400, 40
TOKENS = 32
FIGURES = ("gap", "men", "women", "taught gap", "perplexity", "kl", "linear", "mlp")


def planted(plant: Plant) -> dict[str, list[Any]]:
    """All rows, by part."""
    return {
        "train": list(rows(plant, ROWS, 0, held=False)),
        "held_out": list(rows(plant, HELD, 1000, held=True)),
    }


def step_of(plant: Plant, name: str, seed: int) -> Any:
    """The training step of a run."""
    from duecare.train import Debias, Sft

    return Sft(
        on="desk",
        steps=plant.steps,
        every=plant.steps,
        batch_size=plant.batch,
        max_tokens=TOKENS,
        targets="all-linear",
        learning_rate=plant.rate,
        held_out=0,
        debias=Debias(axis="gender", probe="figures", rows=HELD, **plant.methods()[name]),
        seed=seed,
        **plant.schedule,
    )


def prepared(plant: Plant, folder: Path) -> dict[str, Any]:
    """The model and the rows, for all runs."""
    import pyarrow.parquet as pq

    from duecare.core import Artifact
    from duecare.core.table import table
    from duecare.model.fetch import Fetch

    for name in ("base", "data"):
        (folder / name).mkdir()
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    for part, made in planted(plant).items():
        pq.write_table(table(made), folder / "data" / f"{part}.parquet")
    return {
        "base": Artifact("base", folder / "base", "base"),
        "data": Artifact("split:desk", folder / "data", "data"),
    }


def trained(step: Any, inputs: dict[str, Any], out: Path) -> dict[str, dict[str, float]]:
    """Train once; the figures of the model before, after, and after with LEACE, and what it took."""
    clock = time.perf_counter(), time.process_time()
    outcome = step.run(inputs, out, lambda _: None)
    found: dict[str, dict[str, float]] = measured(out)
    found["after"]["taught gap"] = taught_gap(out)
    for each in outcome.estimates:
        if each.value is None or "when" not in each.slice:
            continue
        figures = found[each.slice["when"]]
        if each.metric == "sft.probe.accuracy":
            figures[each.slice["reader"]] = each.value
        elif each.metric in ("sft.debias.perplexity", "sft.debias.kl"):
            figures[each.metric.rpartition(".")[2]] = each.value
    found["took"] = {
        "seconds": time.perf_counter() - clock[0],
        "processor seconds": time.process_time() - clock[1],
    }
    return found


def measured(out: Path) -> dict[str, dict[str, float]]:
    """Of each model the loss gap of held-out rows, and how probable each group's good answers are."""
    import pandas as pd

    from duecare.measure.compare import mean_difference

    found = {}
    for when, each in pd.read_parquet(out / "evidence.parquet").groupby("when"):
        table = each.assign(whole=np.exp(-each.loss * each.tokens))
        whole = table.groupby("group").whole.mean()
        gap = mean_difference(*(table.loss[table.group == name] for name in ("men", "women")))
        figures = {"gap": gap.value, "gap low": gap.low, "gap high": gap.high, **whole}
        found[str(when)] = {name: float(value) for name, value in figures.items() if value is not None}
    return found


def taught_gap(out: Path) -> float:
    """Mean loss of men's rows while they were taught, less that of women's."""
    import pandas as pd

    drawn = pd.read_parquet(out / "curves.parquet")
    drawn = drawn[(drawn.split == "train") & (drawn.metric == "loss") & drawn.group.notna()]
    mean = {name: np.average(part.value, weights=part.n) for name, part in drawn.groupby("group")}
    return float(mean["men"] - mean["women"])


def kept(path: Path) -> list[dict[str, Any]]:
    """Runs done so far; half a line, which a kill may leave, is none."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def keep(path: Path, run: dict[str, Any]) -> None:
    """One more run; behind half a line, on a line of its own."""
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as lines:
        lines.write(("\n" if torn else "") + json.dumps(run) + "\n")


def train_all(
    plant: Plant, names: Sequence[str], seeds: Sequence[int], path: Path, minutes: float
) -> dict[str, list[Any]] | None:
    """The figures of each method, one a seed; what `path` holds of the same settings is not done again.

    None where `minutes` were over before all runs were done.
    """
    begun = time.monotonic()
    path.parent.mkdir(parents=True, exist_ok=True)
    every: dict[str, list[Any]] = {name: [] for name in names}
    digest = hashlib.sha256(repr(planted(plant)).encode()).hexdigest()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        keep_programs(folder / "programs")
        inputs = prepared(plant, folder)
        for seed in seeds:
            for name in names:
                step = step_of(plant, name, seed)
                settings = f"{step} on rows {digest}"
                done = [
                    each["found"]
                    for each in kept(path)
                    if (each["settings"], each["seed"]) == (settings, seed)
                ]
                if not done:
                    if time.monotonic() - begun > 60 * minutes:
                        return None
                    out = folder / f"{name}-{seed}"
                    out.mkdir()
                    found = trained(step, inputs, out)
                    shutil.rmtree(out)  # half a gigabyte of weights
                    keep(path, {"method": name, "seed": seed, "settings": settings, "found": found})
                    done = [found]
                every[name].append(done[0])
                print(f"{name} {seed}: {said(every[name][-1])}", flush=True)
    return every


def keep_programs(folder: Path) -> None:
    """Let a method's second run have what its first one compiled; JAX's own setting goes before."""
    import jax

    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def said(found: dict[str, dict[str, float]]) -> str:
    """All figures of a run in a line."""
    parts = []
    for when, figures in found.items():
        parts.append(f"{when}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    return "; ".join(parts)


def told(every: dict[str, list[Any]]) -> None:
    """Each method's figures over seeds, and how far they are from those of the run without."""
    from duecare.measure.compare import paired_difference
    from duecare.measure.interval import Interval, mean_t

    def bounds(found: Interval) -> str:
        if found.value is None:
            return f"cannot tell ({found.reason})"
        return (
            f"{found.value:.2f}"
            if found.low is None
            else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        )

    plain = every.get("none")
    for name, runs in every.items():
        for when in ("after", "after, LEACE"):
            print(f"\n{name}, {when}")
            for figure in FIGURES:
                values = [each[when][figure] for each in runs if figure in each[when]]
                if not values:
                    continue
                line = f"  {figure:10} {bounds(mean_t(values))}"
                if plain is not None and (name, when) != ("none", "after"):
                    without = [each["after"][figure] for each in plain]
                    line += f"; less that without {bounds(paired_difference(values, without))}"
                print(line)


def main() -> None:
    """Train each method with each seed, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--plant", choices=PLANTS, default="told")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--methods")
    parser.add_argument("--results", type=Path, default=Path("runs/debias-smollm.jsonl"))
    parser.add_argument("--minutes", type=float, default=math.inf)
    given = parser.parse_args()
    plant = PLANTS[given.plant]
    plant = replace(plant, steps=given.steps or plant.steps)
    names = given.methods.split(",") if given.methods else list(plant.methods())
    seeds = [int(each) for each in given.seeds.split(",")]
    every = train_all(plant, names, seeds, given.results, given.minutes)
    if every is None:
        print("not all runs are done; the same command goes on")
    elif len(seeds) > 1:
        told(every)


if __name__ == "__main__":
    main()
