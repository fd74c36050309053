"""What the watch costs: its share of supervised fine-tuning of SmolLM2-135M-Instruct, all telling included.

    python benchmarks/watch_cost.py [steps] [batch] [every]

Rows of 128 tokens with two axes of groups (two and four groups: five gaps are followed) are trained on
as a study does it, and everything that is told goes into a real ledger, signed and synced. Counted as the
watch's are: the log of steps, the means per window and group, the followed gaps, the progress on the
screen's side, and the ledger's entries. Checkpoints are counted apart: they are kept for resuming.
The first step compiles and does not count. The gaps are looked at from 5 compared steps on instead of
100, so that a short run tells as much as a long one; `bar` is what the watch may cost.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BAR = 0.03
START = 5
HELD_OUT = 4
MODEL = "smollm2-135m-instruct"
ANSWER = (
    "I am sorry that this took so long. I have looked at your account and at the notes that my colleagues"
    " left there, and I can see what went wrong. I have put it right, you will get a message within the day,"
    " and you need not do anything more. If it happens again, please write to us and name this number,"
    " so that whoever answers finds what we did today, and can go on from there without asking you again."
)
Clocks = tuple[float, float]


def clocks() -> Clocks:
    """Wall time and processor time of all threads, in seconds."""
    return time.perf_counter(), time.process_time()


class Stopwatch:
    """Time spent in a function from one moment on, on both clocks."""

    def __init__(self) -> None:
        self.spent, self.calls, self.ends = [0.0, 0.0], 0, list[Clocks]()

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """`act`, timed from its second call on."""

        def timed(*given: Any) -> Any:
            begin = clocks()
            found = act(*given)
            end = clocks()
            self.calls += 1
            self.ends.append(end)
            if self.calls > 1:
                self.spent = [old + b - a for old, a, b in zip(self.spent, begin, end, strict=True)]
            return found

        return timed


def write_rows(folder: Path, count: int) -> None:
    """Training rows, each of its own text, and a few held out."""
    import pyarrow.parquet as pq

    from duecare.core import Example, Group, Message
    from duecare.core.table import table

    def row(number: int) -> Example:
        turns = (
            Message(role="user", content=f"Case {number}: where is my parcel?"),
            Message(role="assistant", content=f"Case {number}. {ANSWER}"),
        )
        groups = (
            Group(axis="gender", value=("women", "men")[number % 2]),
            Group(axis="region", value=("north", "south", "east", "west")[number // 2 % 4]),
        )
        return Example(
            row=f"c:{number}", key=f"{number:064x}", source="c", kind="chat", messages=turns, groups=groups
        )

    folder.mkdir()
    pq.write_table(table([row(number) for number in range(count)]), folder / "train.parquet")
    pq.write_table(table([row(count + number) for number in range(HELD_OUT)]), folder / "held_out.parquet")


def train(folder: Path, steps: int, batch: int, every: int) -> tuple[Stopwatch, Stopwatch]:
    """Run the step with a ledger to tell to; the watch's time, and the checkpoints'."""
    from duecare.core import Artifact, Progress
    from duecare.ledger import load_or_create
    from duecare.ledger.record import Recorder
    from duecare.model.fetch import Fetch
    from duecare.train import Sft, engine_loop, gauge, watch
    from duecare.train.limits import Limits

    watched, kept = Stopwatch(), Stopwatch()
    gauge.START = START  # type: ignore[misc]  # a short run is to tell as a long one does
    watch.Watch.step = watched.around(watch.Watch.step)  # type: ignore[method-assign]  # to be timed
    engine_loop.Run._keep = kept.around(engine_loop.Run._keep)  # type: ignore[method-assign]  # to be timed
    write_rows(folder / "data", steps * batch)
    (folder / "base").mkdir()
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    inputs = {
        "base": Artifact("base", folder / "base", "base"),
        "data": Artifact("split:c", folder / "data", "data"),
    }
    step = Sft(
        on="c", steps=steps, batch_size=batch, every=every, held_out=HELD_OUT, limits=Limits(loss_gap=1e-6)
    )
    out = folder / "out"
    out.mkdir()
    key = load_or_create(folder / "keys")
    with Recorder(folder / "run", key, "benchmark", lambda: datetime.now(UTC)) as recorder:

        def tell(what: Any) -> None:
            if not isinstance(what, Progress):
                name = {"Estimate": "estimates", "Finding": "findings"}.get(type(what).__name__)
                recorder.append("told", job="sft", **({name: (what,)} if name else {"note": what}))

        step.run(inputs, out, tell)
        print(f"{len(recorder.entries)} entries in the ledger")
    return watched, kept


def main() -> None:
    """Measure and print."""
    steps, batch, every = (
        int(sys.argv[place]) if len(sys.argv) > place else default
        for place, default in ((1, 41), (2, 4), (3, 10))
    )
    with tempfile.TemporaryDirectory() as folder:
        watched, kept = train(Path(folder), steps, batch, every)
    counted = watched.calls - 1
    for place, clock in enumerate(("wall", "processor")):
        whole = watched.ends[-1][place] - watched.ends[0][place]
        own, saved = watched.spent[place], kept.spent[place]
        print(
            f"{clock}: {whole / counted:.2f} s a step; the watch {1000 * own / counted:.1f} ms,"
            f" {own / whole:.2%} (bar {BAR:.0%}); checkpoints {saved / whole:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
