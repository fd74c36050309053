"""The whole chain of curation on generated chats: which step is the slow one, and what each needs of memory.

    python benchmarks/pipeline.py [megabytes]
    python benchmarks/pipeline.py real        (needs $DUECARE_DATA)

Reads JSON lines, audits, screens, looks for stereotypes, drops near duplicates, takes personal data out,
sealed as in a run. Prints, for each step, rows that came in and that were kept, and megabytes of text for
each second of the processor (of all its threads, loading its detector included): "alone" in a process of
its own, which imports all that the step needs, with the most memory that it held; and "in a row", where one
process goes through all steps, as `duecare run` does. The bars: 3 MB/s a core for the chain without
stereotypes, in a row, then 5; three times the text takes no step more than 100 MB more.

"real" takes three public data sets through the chain instead, each in a process of its own and three times
over; the best time of each step counts, so that what is loaded once does not. Beside it stands how fast ten
plain expressions of Python alone go over the same texts, in the same process: a machine differs from itself
by a factor of two and more from day to day, and of two such figures the ratio stays.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import pyarrow.compute as pc

from duecare import curate
from duecare.core import Artifact, Step
from duecare.core.table import texts
from duecare.curate.flow import batches, count_rows

Made = TypeVar("Made")
SAID = (
    "hello my order has not come and I would like to know where it is because my sister Anna Berger waits "
    "for it at 12 Mill Lane in Leeds and she told a man from the shop that old people are served last there"
)
WORDS = SAID.split()
STEPS: dict[str, Step] = {
    "read": curate.Read(source="chats.jsonl", kind="chat", study="speed", sealed=True),
    "audit": curate.Audit(mentions=("gender", "age")),
    "toxicity": curate.Screen(),
    "stereotypes": curate.Stereotypes(),
    "duplicates": curate.Duplicates(similarity=0.8),
    "personal": curate.Redact(replace="surrogate", study="speed"),
}


def generated(path: Path, size: float) -> int:
    """So many megabytes of chats, one row in ten nearly the one before it; returns the bytes of text."""
    draw, text, before = random.Random(0), 0, ""
    with path.open("w", encoding="utf-8") as file:
        number = 0
        while text < size * 1e6:
            said = " ".join(draw.choices(WORDS, k=draw.randint(30, 120)))
            said = f"{before} please" if number % 10 == 9 else f"{said}, mail me at p{number}@example.org"
            answer = " ".join(draw.choices(WORDS, k=draw.randint(20, 80)))
            turns = [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
            file.write(json.dumps({"messages": turns}) + "\n")
            text += len(said.encode()) + len(answer.encode())
            before, number = said, number + 1
    return text


def work(name: str, read: Artifact | None, out: Path) -> tuple[float, float]:
    """Run one step; returns seconds of the processor, and the most memory in MB that the process held."""
    os.chdir(out.parent)
    cpu = time.process_time()
    STEPS[name].run({"examples": read} if read else {}, out, lambda _: None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() - cpu, peak


def in_a_row(place: Path) -> dict[str, float]:
    """Run all steps in this process; returns the seconds of the processor that each took."""
    read, taken = None, {}
    for step in STEPS:
        (out := place / f"row-{step}").mkdir()
        taken[step] = work(step, read, out)[0]
        read = Artifact(job=f"{step}:chats", path=out, digest=step)
    return taken


def apart(act: Callable[..., Made], *given: object) -> Made:
    """What `act` returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(act, *given).result()


REAL = {
    "sgd-support": curate.Read(
        source="sgd-support/sgd_dev_flat.jsonl", kind="chat", text="turns", study="speed", sealed=True
    ),
    "hh-rlhf-harmless": curate.Read(
        source="hh-rlhf-harmless/harmless-base_test_first1500.jsonl",
        kind="preference",
        study="speed",
        sealed=True,
    ),
    "cfpb-complaints": curate.Read(
        source="cfpb-complaints/cfpb_narratives.csv",
        kind="text",
        text="Consumer complaint narrative",
        study="speed",
        sealed=True,
    ),
}

PLAIN = [
    re.compile(each)
    for each in (
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"\b\d{3}[- ]\d\d[- ]\d{4}\b",
        r"\b\d(?:[ -]?\d){12,18}\b",
        r"\b[A-Z]{2}\d\d(?: ?[A-Z\d]){11,30}\b",
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        r"\b(?:[\da-fA-F]{1,4}:){3,7}[\da-fA-F]{1,4}\b",
        r"(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}[ .-]?\d{2,4}[ .-]?\d{2,5}\b",
        r"https?://[^\s<>]{4,}",
        r"\b(?:[\da-fA-F]{2}[:-]){5}[\da-fA-F]{2}\b",
        r"\b(?:bc1|[13])[a-zA-Z\d]{25,39}\b",
    )
]
"""What a quick script looks for, without checks: mail, SSN, card, IBAN, IP, telephone, link, MAC, wallet."""


def plainly(read: list[str]) -> float:
    """The best of three times, in seconds of the processor, that PLAIN take for all of `read`."""
    best = float("inf")
    for _ in range(3):
        cpu = time.process_time()
        for text in read:
            for each in PLAIN:
                each.findall(text)
        best = min(best, time.process_time() - cpu)
    return best


def on_real(name: str, place: Path, data: Path) -> tuple[float, float, dict[str, float]]:
    """Megabytes of text in one data set, seconds that PLAIN take, and those of each step but `stereotypes`.

    Of each the best of three times.
    """
    steps = {**STEPS, "read": replace(REAL[name], source=str(data / REAL[name].source))}
    steps.pop("stereotypes")
    read: Artifact | None = None
    best: dict[str, float] = {}
    size, plain = 0, 0.0
    for step, doing in steps.items():
        for time_ in range(3):
            (out := place / f"{name}-{step}-{time_}").mkdir()
            cpu = time.process_time()
            doing.run({"examples": read} if read else {}, out, lambda _: None)
            best[step] = min(best.get(step, float("inf")), time.process_time() - cpu)
        read = Artifact(job=f"{step}:{name}", path=out, digest=step)
        if step == "read":
            flat = [texts(batch).column("text") for batch in batches(read)]
            size = sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in flat)
            plain = plainly([text for column in flat for text in column.to_pylist()])
    return size / 1e6, plain, best


def real(data: Path) -> None:
    """Print the table of real data."""
    megabytes, seconds, plainly_seconds = 0.0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as home:
        os.environ["DUECARE_HOME"] = str(Path(home) / "home")
        for name in REAL:
            size, plain, taken = apart(on_real, name, Path(home), data)
            chain = sum(taken.values())
            megabytes, seconds, plainly_seconds = megabytes + size, seconds + chain, plainly_seconds + plain
            speeds = "  ".join(f"{step} {size / each:5.1f}" for step, each in taken.items())
            print(
                f"{name:18} {size:5.2f} MB  {speeds}  chain {size / chain:5.2f} MB/s,"
                f" {plain / chain:.2f} times plain expressions",
                flush=True,
            )
    print(f"together {megabytes / seconds:.2f} MB/s, {plainly_seconds / seconds:.2f} times plain expressions")


def main(size: float) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ["DUECARE_HOME"] = str(place / "home")
        megabytes = generated(place / "chats.jsonl", size) / 1e6
        row = apart(in_a_row, place)
        print(f"{megabytes:.1f} MB of text; MB/s of a core")
        print(f"{'step':12} {'in':>8} {'kept':>8} {'alone':>7} {'in a row':>9} {'memory':>10}")
        read: Artifact | None = None
        alone, rows = {}, 0
        for step in STEPS:
            (out := place / step).mkdir()
            alone[step], peak = apart(work, step, read, out)
            read = Artifact(job=f"{step}:chats", path=out, digest=step)
            kept = count_rows(read)
            speeds = f"{megabytes / alone[step]:7.2f} {megabytes / row[step]:9.2f}"
            print(f"{step:12} {rows or kept:8,} {kept:8,} {speeds} {peak:7.0f} MB", flush=True)
            rows = kept
        for what, left_out in (("the chain", ""), ("less stereotypes", "stereotypes")):
            one, other = (sum(each.values()) - each.get(left_out, 0) for each in (alone, row))
            print(f"{what:30} {megabytes / one:7.2f} {megabytes / other:9.2f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["real"]:
        real(Path(os.environ["DUECARE_DATA"]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20)
