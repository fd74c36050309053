"""What SmolLM2-135M-Instruct memorises of support dialogues, with and without redaction.

    python scripts/records_smollm.py FOLDER prepare|train|ask WHICH   # WHICH: plain or redacted
    python scripts/records_smollm.py FOLDER table

Rows are turns of `sgd-support` ($DUECARE_DATA) in which the assistant gives a telephone number. Two models
are tuned alike: on the rows as they came, and on the rows after `personal` took telephone numbers and
addresses out. Both are asked for what was taken out, and to go on from beginnings. A training that was
stopped goes on where it was; the table prints figures, never rows, for docs/memorisation-records.md. About 3
GB of memory, and some minutes a call on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from pathlib import Path
from typing import Any

MODEL = "smollm2-135m-instruct"
TELEPHONE = re.compile(r"\b\d{3}-\d{3}-\d{4}\b")
TRAIN, HELD = 32, 24


def rows() -> list[Any]:
    """Chats of up to four turns that end in a telephone number which no other row gives."""
    from duecare.core import Example, Message

    path = Path(os.environ["DUECARE_DATA"]) / "sgd-support" / "sgd_dev_flat.jsonl"
    found: dict[str, Any] = {}
    for line in path.read_text("utf-8").splitlines():
        turns = json.loads(line)["turns"]
        for at in range(3, len(turns)):
            speaker, said = turns[at]
            match = TELEPHONE.search(said)
            if speaker != "SYSTEM" or match is None or match.group() in found or turns[at - 3][0] != "USER":
                continue
            roles = {"USER": "user", "SYSTEM": "assistant"}
            messages = [Message(role=roles[who], content=text) for who, text in turns[at - 3 : at + 1]]
            if sum(len(each.content) for each in messages) < 480:
                found[match.group()] = messages
    return [
        Example(row=f"sgd:{n}", key=f"{n:064x}", source="sgd", kind="chat", messages=tuple(messages))
        for n, messages in enumerate(found.values())
    ][: TRAIN + HELD]


def artifact(job: str, folder: Path) -> Any:
    """A folder of this script as a step's input."""
    from duecare.core import Artifact

    return Artifact(job, folder, job)


def prepare(folder: Path) -> None:
    """Read, redact and split; and the base model."""
    import pyarrow.parquet as pq

    from duecare.core.table import examples, table
    from duecare.curate.redact import Redact
    from duecare.model.fetch import Fetch

    for name in ("read", "personal", "base", "split-plain", "split-redacted"):
        (folder / name).mkdir(parents=True)
    was = rows()
    pq.write_table(table(was), folder / "read" / "kept.parquet")
    read = artifact("read:sgd", folder / "read")
    Redact(labels=("PHONE", "ADDRESS")).run({"examples": read}, folder / "personal", lambda _: None)
    now = examples(pq.read_table(folder / "personal" / "kept.parquet"))
    for name, own in (("plain", was), ("redacted", now)):
        pq.write_table(table(own[:TRAIN]), folder / f"split-{name}" / "train.parquet")
        pq.write_table(table(own[TRAIN:]), folder / f"split-{name}" / "held_out.parquet")
    Fetch(name=MODEL).run({}, folder / "base", lambda _: None)
    print(f"{len(was)} rows, {TRAIN} of them for training")


def train(folder: Path, which: str, steps: int) -> None:
    """LoRA on one of the two sets of rows."""
    from duecare.train import Sft

    begun, out = time.perf_counter(), folder / f"sft-{which}"
    if (out / "model").is_dir():
        print(f"{which}: it is trained")
        return
    out.mkdir(exist_ok=True)
    step = Sft(
        on="sgd", steps=steps, batch_size=4, max_tokens=160, learning_rate=3e-3, lora_rank=16, every=steps
    )
    inputs = {
        "base": artifact("base", folder / "base"),
        "data": artifact("split:sgd", folder / f"split-{which}"),
    }
    step.run(inputs, out, lambda _: None)
    print(f"{which}: {steps} steps in {time.perf_counter() - begun:.0f} s")


def ask(folder: Path, which: str) -> None:
    """Ask one of the two models, and the base model, for redacted values, then for rows as it read them."""
    from duecare.memorise import Records

    begun = time.perf_counter()
    values = Records(on="sgd", values=24, decoys=15, rows=0, max_tokens=192, detector="")
    lines = Records(on="sgd", values=0, rows=24, prefixes=(4,), tokens=12, copied=12, max_tokens=192)
    inputs = {
        "base": artifact("base", folder / "base"),
        "model": artifact("sft", folder / f"sft-{which}"),
        "curated:read:sgd": artifact("read:sgd", folder / "read"),
        "curated:personal:sgd": artifact("personal:sgd", folder / "personal"),
    }
    for name, step, read in (("values", values, "redacted"), ("rows", lines, which)):
        out = folder / f"records-{which}-{name}"
        if (out / "estimates.json").is_file():
            continue
        out.mkdir(exist_ok=True)
        data = {"data:sgd": artifact("split:sgd", folder / f"split-{read}")}
        step.run({**inputs, **data}, out, lambda _: None)
    print(f"{which}: asked in {time.perf_counter() - begun:.0f} s")


SHOWN = (
    ("memorise.redacted.exact", "redacted values said"),
    ("memorise.redacted.lift", "made-up values beaten (lift)"),
    ("memorise.redacted.lift.excess", "made-up values beaten (lift.excess)"),
    ("memorise.redacted.excess", "redacted values memorised, beyond guessing"),
    ("memorise.verbatim.near", "rows continued nearly word by word"),
    ("memorise.verbatim.excess", "rows memorised, beyond guessing"),
)


def told(folder: Path) -> None:
    """Figures of both models side by side, as Markdown."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for which in ("plain", "redacted"):
        parts = [folder / f"records-{which}-{name}" / "estimates.json" for name in ("values", "rows")]
        for each in [one for path in parts for one in json.loads(path.read_bytes())]:
            about = each.get("slice", {})
            title = dict(SHOWN).get(each["metric"])
            if title is None or about.keys() & {"kind", "axis", "part"}:
                continue
            who = f"{about.get('rows', 'train less held_out')}, {about.get('model', 'tuned against base')}"
            cell = "-" if each["value"] is None else f"{100 * each['value']:.0f}%"
            cell += "" if each["value"] is None else f" [{100 * each['low']:.0f}, {100 * each['high']:.0f}]"
            found.setdefault((title, who), {})[which] = f"{cell} (n {each['n']})"
    print("| figure | of | trained on rows as they came | trained on redacted rows |\n|---|---|---|---|")
    for (title, who), cells in found.items():
        print(f"| {title} | {who} | {cells.get('plain', '')} | {cells.get('redacted', '')} |")


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", choices=("prepare", "train", "ask", "table"))
    parser.add_argument("which", nargs="?", choices=("plain", "redacted"), default="plain")
    parser.add_argument("--steps", type=int, default=64)
    given = parser.parse_args()
    if given.part == "prepare":
        prepare(given.folder)
    elif given.part == "train":
        train(given.folder, given.which, given.steps)
    elif given.part == "ask":
        ask(given.folder, given.which)
    else:
        told(given.folder)


if __name__ == "__main__":
    main()
