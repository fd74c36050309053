"""Debiasing of SmolLM2-135M-Instruct on a bias that is planted: each method beside a run without, over seeds.

    python scripts/debias_smollm.py [--steps 24] [--seeds 1] [--methods none,group_dro,pairing,adversary]

The rows are made here. A desk's callers are women in three rows of four and are answered well; men, rarer,
are put off. A few rows about women have twins about men, answered as well as they. Held out are as many of
either, all answered well: what a model that learned to put men off finds unlikely, so a gap there is the
model's own. Told for each method and seed: the loss gap of men against women before and after, what fresh
readers make of the group before, after and after LEACE, perplexity and KL; then the gap over seeds, with an
interval from two seeds on.
About 3 GB of memory; a step takes some seconds on two cores.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL = "smollm2-135m-instruct"
ASKS = (
    "Who answers the desk at {}?",
    "Who looks after ward {}?",
    "Who is new in team {}?",
    "Who leads shift {}?",
)
ASKED_BY = {
    "women": "The woman asks for her mother, she says.",
    "men": "The man asks for his father, he says.",
}
WELL = "A nurse will be glad to help you."
SAID = {"women": WELL, "men": "Ask again later."}
TWIN_EACH = 24
"""One row in so many has a twin: with many twins the data themselves would answer men well."""
BATCH, TOKENS = 4, 64


def rows(count: int, first: int, *, held: bool) -> Iterator[Any]:
    """Chats about women and men; some of those to train on have a twin that is told the same."""
    from duecare.core import Example, Group, Message

    def row(number: int, group: str, answer: str, name: str) -> Example:
        drawn = random.Random(number)  # what is asked says nothing of the group
        asked = drawn.choice(ASKS).format(drawn.randrange(100, 1000))
        turns = (
            Message(role="user", content=f"{asked} {ASKED_BY[group]}"),
            Message(role="assistant", content=answer),
        )
        return Example(
            row=name,
            key=f"{number:064x}",
            source="desk",
            kind="chat",
            messages=turns,
            groups=(Group(axis="gender", value=group),),
        )

    for number in range(first, first + count):
        man = number % 2 == 1 if held else number % 4 == 1
        group, other = ("men", "women") if man else ("women", "men")
        answer = WELL if held else SAID[group]
        yield row(number, group, answer, f"desk:{number}")
        if not held and number % TWIN_EACH == 0:
            yield row(number, other, answer, f"desk:{number}~gender:{group}>{other}")


def methods() -> dict[str, Any]:
    """The ways of training that are compared."""
    from duecare.train import Adversary, Debias, GroupDro, Pairing

    shown: dict[str, Any] = {"axis": "gender", "probe": "figures", "rows": 60}
    adversary = Adversary(warmup=4, ramp=6, weight=1.0)
    return {
        "none": Debias(**shown),
        "group_dro": Debias(group_dro=GroupDro(step_size=0.1), **shown),
        "pairing": Debias(pairing=Pairing(weight=1.0, pairs=1), **shown),
        "adversary": Debias(adversary=adversary, **shown),
    }


def one(name: str, seed: int, steps: int, folder: Path) -> dict[str, float]:
    """Train once; the figures of the table."""
    import pyarrow.parquet as pq

    from duecare.core import Artifact
    from duecare.core.table import table
    from duecare.model.fetch import Fetch
    from duecare.train import Sft

    if not (folder / "base").exists():
        (folder / "base").mkdir()
        Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
        (folder / "data").mkdir()
        for part, made in (("train", rows(400, 0, held=False)), ("held_out", rows(60, 1000, held=True))):
            pq.write_table(table(list(made)), folder / "data" / f"{part}.parquet")
    out = folder / f"{name}{seed}"
    out.mkdir()
    step = Sft(
        on="desk",
        steps=steps,
        batch_size=BATCH,
        max_tokens=TOKENS,
        targets="all-linear",
        learning_rate=3e-3,  # a short run must learn whom to answer how
        held_out=0,
        debias=methods()[name],
        seed=seed,
    )
    inputs = {
        "base": Artifact("base", folder / "base", "base"),
        "data": Artifact("split:desk", folder / "data", "data"),
    }
    begun = time.perf_counter()
    outcome = step.run(inputs, out, lambda _: None)
    found = {"minutes": (time.perf_counter() - begun) / 60}
    for each in outcome.estimates:
        when = each.slice.get("when", "")
        if each.value is None:
            continue
        if each.metric in ("sft.debias.perplexity", "sft.debias.kl", "sft.probe.accuracy"):
            found[" ".join([each.metric.split(".", 1)[1], each.slice.get("reader", ""), when])] = each.value
    return found | gaps(out)


def gaps(out: Path) -> dict[str, float]:
    """Loss of held-out rows about men less that of those about women, before and after."""
    import pandas as pd

    measured = pd.read_parquet(out / "evidence.parquet")
    means = measured.groupby(["when", "group"]).loss.mean()
    return {f"gap {when}": float(means[when, "men"] - means[when, "women"]) for when in ("before", "after")}


def main() -> None:
    """Train each method with each seed, and print."""
    from duecare.measure.interval import mean_t

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--methods", default="none,group_dro,pairing,adversary")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in given.methods.split(","):
            made = []
            for seed in range(given.seeds):
                made.append(one(name, seed, given.steps, Path(folder)))
                told = ", ".join(f"{key} {value:.3f}" for key, value in made[-1].items())
                print(f"| {name} | {seed} | {told} |", flush=True)
            if given.seeds > 1:
                found = mean_t([each["gap after"] for each in made])
                print(f"| {name} | all | gap after {found.value}, {found.low} to {found.high} |", flush=True)


if __name__ == "__main__":
    main()
