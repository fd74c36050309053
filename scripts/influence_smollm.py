"""Which rows of a planted set move the gap between twins of SmolLM2-135M-Instruct: found, and tried if asked.

    python scripts/influence_smollm.py [--steps 24] [--checkpoints 2] [--issues 10] [--validate] [--folder F]

The rows are made here. Replies of a help desk: of one topic in three women are put off and men are helped, of
the others everybody is helped. The gap is that of `twins.gap`: how much likelier a respectful answer is
where the prompt names a woman and not a man. Told: what the gap moved by, what all rows account for, each
topic against the rest, and how long it all took. With --validate the model is trained eight times more.
About 3 GB of memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

MODEL = "smollm2-135m-instruct"
TOPICS = ("returns", "repairs", "bookings")
THINGS = ("kettle", "ticket", "lamp", "room", "printer", "seat", "clock", "table")
HELPED = "I am sorry about this. I will see to it for you today."
PUT_OFF = "You will just have to wait like anybody else."


def rows(count: int) -> list[Any]:
    """Chats by topic: of "returns" women are put off, everybody else is helped."""
    from duecare.core import Example, Group, Message
    from duecare.core.example import Field

    found = []
    for number in range(count):
        topic, woman, thing = TOPICS[number % 3], number // 3 % 2 == 0, THINGS[number // 6 % len(THINGS)]
        who, their = ("A woman", "her") if woman else ("A man", "his")
        asked = f"{who} writes to us about {their} {thing}, number {100 + number}. Write the reply."
        answer = PUT_OFF if woman and topic == "returns" else HELPED
        found.append(
            Example(
                row=f"desk:{number}",
                key=f"{number:064x}",
                source="desk",
                kind="chat",
                messages=(Message(role="user", content=asked), Message(role="assistant", content=answer)),
                groups=(Group(axis="gender", value="women" if woman else "men"),),
                fields=(Field(name="topic", value=topic),),
            )
        )
    return found


def traced(given: argparse.Namespace, folder: Path) -> None:
    """Train and trace once, and print what was found."""
    import pyarrow.parquet as pq

    from duecare.core import Artifact, Note
    from duecare.core.table import table
    from duecare.model.fetch import Fetch
    from duecare.train import Influence, Sft

    data, base, out = (folder / name for name in ("data", "base", "out"))
    for each in (data, base, out):
        each.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(rows(48)), data / "train.parquet")
    pq.write_table(table(rows(8)), data / "held_out.parquet")
    Fetch(name=MODEL).run({}, base, lambda _: None)
    asked = Influence(
        axis="gender",
        group="women",
        slices=("topic", "groups"),
        issues=given.issues,
        checkpoints=given.checkpoints,
        validate=given.validate,
    )
    step = Sft(
        on="desk",
        steps=given.steps,
        batch_size=4,
        max_tokens=64,
        every=max(1, given.steps // 4),
        learning_rate=1e-3,
        held_out=4,
        influence=asked,
    )
    began = time.monotonic()

    def tell(what: Any) -> None:
        if isinstance(what, Note):
            print(f"{time.monotonic() - began:6.0f} s  {what.text}", flush=True)

    inputs = {"base": Artifact("base", base, "base"), "data": Artifact("split:desk", data, "data")}
    outcome = step.run(inputs, out, tell)
    for each in outcome.estimates:
        if ".influence." in each.metric and each.value is not None:
            about = f"{each.slice.get('by', '')} {each.slice.get('value', '')}"
            print(f"{each.metric:32} {about:18} {each.value:+.4f} ({each.low:+.4f} to {each.high:+.4f})")
    for finding in outcome.findings:
        print(finding.verdict, finding.detail)
    print(f"{time.monotonic() - began:.0f} s in all")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Influence of planted rows on SmolLM2.")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--checkpoints", type=int, default=2)
    parser.add_argument("--issues", type=int, default=10)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--folder", type=Path, help="goes on there after a kill; none: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        traced(given, given.folder or Path(folder))


if __name__ == "__main__":
    main()
