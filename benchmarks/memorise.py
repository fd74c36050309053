"""What SmolLM2-135M keeps of canaries and of rows, trained on them with and without privacy.

Made-up questions about branches of a bank, each with an answer of its own that nobody could guess; among the
rows to train on canaries are placed 1, 4 and 16 times. The same steps are then trained with differential
privacy. Told is what the step `canaries` of `memorise` finds in both models. Nothing is a race: figures go
into docs/memorisation.md.

    python benchmarks/memorise.py FOLDER [--private] [--until sft]

Some five minutes on two cores without privacy. A second call goes on where the first stopped.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from duecare import Study
from duecare.core import Estimate
from duecare.curate import Canaries, Read, Split
from duecare.memorise import CanariesBack
from duecare.model.fetch import Fetch
from duecare.train import Privacy, Sft

ROWS, STEPS, BATCH = 260, 60, 6
STREETS = ("Harbour Road", "Mill Lane", "Station Square", "Church Street", "Garden Walk", "North Bridge")
SHOWN = (
    "memorise.exposure",
    "memorise.auc",
    "memorise.regurgitated",
    "memorise.regurgitated.near",
    "memorise.epsilon",
)


def write_rows(path: Path) -> None:
    """Chats whose answers hold numbers drawn by lot."""
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            street, hour = STREETS[int(rng.integers(len(STREETS)))], int(rng.integers(7, 11))
            code = int(rng.integers(10**5, 10**6))
            turns = [
                ("user", f"Where is branch {number}, and when does it open?"),
                ("assistant", f"At {code // 1000} {street}, from {hour} o'clock; its desk number is {code}."),
            ]
            row = {"messages": [{"role": role, "content": content} for role, content in turns]}
            file.write(json.dumps(row) + "\n")


def study(folder: Path, privacy: Privacy | None) -> Study:
    """Placing, training, looking."""
    sft = Sft(
        on="chats",
        steps=STEPS,
        batch_size=BATCH,
        max_tokens=96,
        learning_rate=2e-3,
        lora_rank=16,
        targets="all-linear",
        every=STEPS,
        held_out=8,
        privacy=privacy,
    )
    return Study(
        name="private" if privacy else "open",
        model=Fetch(name="smollm2-135m-instruct"),
        data={"chats": Read(source=str(folder / "chats.jsonl"), kind="chat")},
        curate=(Split(held_out=0.25), Canaries(count=12, controls=60)),
        train=(sft,),
        memorise=(CanariesBack(rows=60),),
    )


def line(figure: Estimate) -> str:
    """One line of a Markdown table."""
    about = figure.slice
    who = "rows" if about.get("of") == "rows" else f"canaries, {about.get('repeats', '')} times"
    cells = (figure.metric, about.get("attack", ""), who)
    value = (
        figure.reason
        if figure.value is None
        else f"{figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g})"
    )
    return "| " + " | ".join((*cells, value, str(figure.n))) + " |"


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description="What SmolLM2 keeps of canaries.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--until", choices=["sft"])
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    write_rows(asked.folder / "chats.jsonl")
    privacy = Privacy(epsilon=8, delta=1e-3, clip=1.0) if asked.private else None
    whole = study(asked.folder, privacy)
    if asked.until:
        whole = replace(whole, memorise=())
    whole.run(asked.folder / whole.name)
    if asked.until:
        return
    from duecare.report.gather import gather

    told = gather(asked.folder / whole.name)
    for each in told.figures:
        if each.estimate.metric in SHOWN and "group" not in each.estimate.slice:
            print(line(each.estimate))
    for ruling in told.rulings:
        if ruling.finding.name.startswith("memorise."):
            print(f"{ruling.finding.name}: {ruling.finding.verdict}. {ruling.finding.detail}")


if __name__ == "__main__":
    main()
