"""What it costs to hold the base in few bits under LoRA: loss, time and memory, float against int8 and nf4.

    python benchmarks/quantised.py [steps] [rows held out]

SmolLM2-135M-Instruct is fine-tuned on conversations of sgd-support (DUECARE_DATA names the folder of the
public data sets) three times, with the same rows, seed and settings, each in its own process. Printed are
the loss on held-out rows before training (against float: what rounding costs) and after it (what is left of
that once the updates have learnt around it), the seconds of a step, what the base takes by the bits of its
types, and the most memory that the process held, with loading, compiling and exporting.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

KINDS = ("float", "int8", "nf4")
TRAINED = 200


def write_rows(folder: Path, held_out: int) -> None:
    """The first conversations as train.parquet, the next as held_out.parquet."""
    import pyarrow.parquet as pq

    from duecare.core import Example, Message
    from duecare.core.table import table

    (path,) = (Path(os.environ["DUECARE_DATA"]) / "sgd-support").glob("sgd*.jsonl")
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines()[: TRAINED + held_out]):
        turns = [
            Message(role="user" if who == "USER" else "assistant", content=said)
            for who, said in json.loads(line)["turns"]
        ]
        made: dict[str, Any] = {
            "row": f"sgd:{number}",
            "key": f"{number:064x}",
            "source": "sgd",
            "kind": "chat",
        }
        rows.append(Example(**made, messages=tuple(turns)))
    pq.write_table(table(rows[:TRAINED]), folder / "train.parquet")
    pq.write_table(table(rows[TRAINED:]), folder / "held_out.parquet")


def measured(kind: str, steps: int, held_out: int) -> None:
    """Train once and print what was found as JSON."""
    from duecare.core import Artifact, Note
    from duecare.model.fetch import Fetch
    from duecare.train import Sft

    told: dict[str, str] = {}

    def tell(what: Any) -> None:
        if isinstance(what, Note) and what.topic == "sft.cost":
            told.update(what.data)

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("base", "data", "out"):
            (folder / name).mkdir()
        write_rows(folder / "data", held_out)
        Fetch(name="smollm2-135m-instruct").run({}, folder / "base", tell)
        inputs = {name: Artifact(name, folder / name, name) for name in ("base", "data")}
        step = Sft(
            on="sgd",
            quantize=None if kind == "float" else kind,  # type: ignore[arg-type]  # one of KINDS
            targets="all-linear",
            batch_tokens=512,
            max_tokens=256,
            steps=steps,
            every=steps,
            held_out=held_out,
        )
        outcome = step.run(inputs, folder / "out", tell)
    losses = {
        each.slice["when"]: each.value
        for each in outcome.estimates
        if each.metric == "sft.loss" and "when" in each.slice
    }
    most = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(
        json.dumps(
            losses
            | {
                "seconds": float(told["step_seconds"]),
                "base": int(told.get("quantised_bytes", 4 * int(told["parameters"]))) / 2**20,
                "most": int(most[1]) / 2**20 if most else None,
            }
        )
    )


def main(steps: int, held_out: int) -> None:
    """All three, one after the other, as a table."""
    print("| base | loss before | loss after | seconds a step | base, MiB | most held, GiB |")
    print("|---|---|---|---|---|---|")
    for kind in KINDS:
        command = [sys.executable, __file__, kind, str(steps), str(held_out)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"| {kind} | {found['before']:.4f} | {found['after']:.4f} | {found['seconds']:.2f}"
            f" | {found['base']:.0f} | {found['most']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of Tunix 0.1.7 on the JAX and Flax of today
    given = sys.argv[1:]
    if given and given[0] in KINDS:
        measured(given[0], *map(int, given[1:]))
    else:
        main(*map(int, [*given, *("20", "40")[len(given) :]]))
