"""What looking costs while SmolLM2-135M-Instruct is fine-tuned: telemetry and probes, in one run.

    python benchmarks/probes.py [steps] [batch] [every] [issues] [issues of sampled answers]

A study's own step is run on rows of about 128 tokens with two axes of groups, limits on their gaps and on
those between counterfactual twins, and everything that is told goes into a real ledger, signed and synced.
The run itself says where its time went (its note `sft.time`); this script prints that note's shares beside
their bars: telemetry (the log of steps, means per window and group, the followed gaps, entries in the ledger)
may take 3 % of the time of training, probes 10 %. How often twins are asked is derived from the budget
while the run goes on. Base and end are always measured, also where the budget has no room for them: a run
must be long enough for the bar to be met, and the script says what share the plan foresaw. Compiling the
probe once counts as the probe's.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watch_cost import MODEL, write_rows

BARS = {"telemetry": 0.03, "probes": 0.10}
HELD_OUT = 4


def train(folder: Path, sizes: tuple[int, int, int, int, int]) -> list[Any]:
    """Run the step with a ledger to tell to; the notes it told."""
    from duecare.core import Artifact, Note, Progress
    from duecare.ledger import load_or_create
    from duecare.ledger.record import Recorder
    from duecare.model.fetch import Fetch
    from duecare.train import Limits, Probes, Sampled, Sft

    steps, batch, every, issues, drawn = sizes
    write_rows(folder / "data", steps * batch)
    for name in ("base", "out"):
        (folder / name).mkdir()
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    inputs = {
        "base": Artifact("base", folder / "base", "base"),
        "data": Artifact("split:c", folder / "data", "data"),
    }
    step = Sft(
        on="c",
        steps=steps,
        batch_size=batch,
        every=every,
        held_out=HELD_OUT,
        probe=Probes(issues=issues, sampled=Sampled(issues=drawn) if drawn else None),
        limits=Limits(loss_gap=1e-6, twins_gap=1e-6, twins_amplification=1e-6),
    )
    notes: list[Any] = []
    key = load_or_create(folder / "keys")
    with Recorder(folder / "run", key, "benchmark", lambda: datetime.now(UTC)) as recorder:

        def tell(what: Any) -> None:
            if isinstance(what, Progress):
                return
            name = {"Estimate": "estimates", "Finding": "findings"}.get(type(what).__name__)
            recorder.append("told", job="sft", **({name: (what,)} if name else {"note": what}))
            if isinstance(what, Note):
                notes.append(what)
                print(f"{what.topic}: {what.text}", flush=True)

        step.run(inputs, folder / "out", tell)
        print(f"{len(recorder.entries)} entries in the ledger")
    return notes


def main() -> None:
    """Measure and print."""
    given = [int(each) for each in sys.argv[1:]]
    steps, batch, every, issues, drawn = (*given, *(60, 4, 10, 10, 0)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        notes = train(Path(folder), (steps, batch, every, issues, drawn))
    time = next(note for note in notes if note.topic == "sft.time").data
    plans = {note.topic: note.data for note in notes if note.topic in {"sft.probes", "sft.answers"}}
    whole = sum(float(seconds) for seconds in time.values())
    for what, bar in BARS.items():
        print(f"{what}: {float(time.get(what, 0)) / whole:.2%} of {whole:.0f} s (bar {bar:.0%})")
    print(f"checkpoints: {float(time.get('checkpoints', 0)) / whole:.2%}")
    for topic, planned in plans.items():
        print(
            f"{topic}: after every {planned['every']} steps; the plan foresaw {float(planned['share']):.2%}"
        )


if __name__ == "__main__":
    main()
