"""The whole chain of curation on generated chats: which step is the slow one, and what each needs of memory.

    python benchmarks/pipeline.py [megabytes]

Reads JSON lines, audits, screens, looks for stereotypes, drops near duplicates, takes personal data out; each
step in a process of its own, sealed as in a run. Prints, for each step, rows that came in and that were kept,
megabytes of text for each second of the processor (of all its threads, loading its detector included), and
the most memory that its process held. The bar: three times the text takes no step more than 100 MB more.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from duecare import curate
from duecare.core import Artifact, Step
from duecare.curate.flow import count_rows

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


def work(name: str, read: Artifact | None, out: Path) -> tuple[float, float, float]:
    """Run one step; returns seconds of the processor, seconds by the clock, and the most memory in MB."""
    os.chdir(out.parent)
    cpu, began = time.process_time(), time.perf_counter()
    STEPS[name].run({"examples": read} if read else {}, out, lambda _: None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() - cpu, time.perf_counter() - began, peak


def main(size: float) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ["DUECARE_HOME"] = str(place / "home")
        megabytes = generated(place / "chats.jsonl", size) / 1e6
        print(f"{megabytes:.1f} MB of text")
        print(f"{'step':12} {'in':>8} {'kept':>8} {'MB/s':>7} {'clock':>7} {'memory':>9}")
        read: Artifact | None = None
        total, rows = 0.0, 0
        for step in STEPS:
            (out := place / step).mkdir()
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                cpu, clock, peak = pool.submit(work, step, read, out).result()
            read = Artifact(job=f"{step}:chats", path=out, digest=step)
            kept, total = count_rows(read), total + cpu
            counts = f"{rows or kept:8,} {kept:8,}"
            print(f"{step:12} {counts} {megabytes / cpu:7.2f} {clock:6.1f}s {peak:6.0f} MB", flush=True)
            rows = kept
        print(f"{'the chain':12} {'':8} {'':8} {megabytes / total:7.2f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20)
