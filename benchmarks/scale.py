"""The chain of curation on any amount of generated chats: the most memory of each step, and its speed.

    python benchmarks/scale.py FOLDER MEGABYTES [STEP ...]

Writes so many megabytes of text as JSON lines into FOLDER, row by row, then reads, audits, screens for
toxicity, drops near duplicates and takes personal data out (surrogates), sealed as in a run; each step in a
process of its own. Prints rows in and kept, seconds of the processor (of all threads, imports included),
megabytes of text for each of them, and the most memory that the process held (VmHWM). What a step has read is
deleted once the next has read it: FOLDER needs room for the text once and for four tables of it.
With names of steps only those are run, on what lies in FOLDER: so a long run can be taken in turns.

A row is a question of 40 to 140 words and an answer of 30 to 120, drawn from the words of this project's
documentation, each as often as it stands there; one question in three names a person, one in four an address
of e-mail, one in eight a telephone number, one in eight an address, one in six a group of people. Of 100
rows eight are an earlier row with one word changed, and two are an earlier row as it stands.

The bar: below 1,500 MB in every step on 10,000 MB.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

import numpy as np

from duecare import curate
from duecare.core import Artifact, Step
from duecare.curate.flow import count_rows

Made = TypeVar("Made")


def words_of(line: str) -> list[str]:
    """The words of a line."""
    return line.split()


STEPS: dict[str, Step] = {
    "read": curate.Read(source="chats.jsonl", kind="chat", study="scale", sealed=True),
    "audit": curate.Audit(mentions=("gender", "age")),
    "toxicity": curate.Screen(),
    "duplicates": curate.Duplicates(similarity=0.8),
    "personal": curate.Redact(replace="surrogate", study="scale"),
}
WORD = re.compile(r"(?<![\w`./_-])[a-z]{2,}(?![\w`/_(-])")
GIVEN = words_of("Anna Peter Maria John Fatima Wei Olga Carlos Aisha Tom Ingrid Kofi Yuki Samuel Leila Pavel")
FAMILY = words_of(
    "Berger Smith Okafor Ivanova Garcia Chen Novak Haddad Larsen Tanaka Mensah Rossi Kaya Brandt"
)
STREETS = ("Mill Lane", "Station Road", "Oak Street", "Church Street", "Park Avenue", "High Street")
GROUPS = ("old people", "my wife and she", "a young man", "women", "her husband", "Muslims", "a girl")
BLOCK = 4096
"""Rows generated at once, and as many earlier ones are kept to be copied."""


def vocabulary() -> Counter[str]:
    """The words in small letters of this project's own documentation, and how often each stands there."""
    pages = sorted((Path(__file__).parent.parent / "docs").rglob("*.md"))
    return Counter(word for page in pages for word in WORD.findall(page.read_text(encoding="utf-8")))


def chats(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Questions and answers without end."""
    draw, number = random.Random(seed), 0
    listed, times = zip(*vocabulary().items(), strict=True)
    words, many = np.array(listed, dtype=object), np.random.default_rng(seed)
    borders = np.cumsum(times) / sum(times)
    before: list[tuple[str, str]] = []
    while True:
        said, answered = many.integers(40, 141, BLOCK), many.integers(30, 121, BLOCK)
        drawn = words[np.searchsorted(borders, many.random(int(said.sum() + answered.sum())))].tolist()
        made: list[tuple[str, str]] = []
        at = 0
        for asks, answers in zip(said.tolist(), answered.tolist(), strict=True):
            kind, number = draw.random(), number + 1
            question = drawn[at : at + asks]
            answer = drawn[at + asks : at + asks + answers]
            at += asks + answers
            if kind < 0.1 and before:
                question, answer = (each.split(" ") for each in draw.choice(before))
                if kind < 0.08:
                    question[draw.randrange(len(question))] = draw.choice(listed)
            else:
                planted(question, draw, number)
            made.append((" ".join(question), " ".join(answer)))
        yield from made
        before = made


def planted(words: list[str], draw: random.Random, number: int) -> None:
    """Put personal data and groups of people between the words of a question."""
    family = draw.choice(FAMILY)
    for chance, said in (
        (3, f"my name is {draw.choice(GIVEN)} {family} and"),
        (4, f"mail me at {family.lower()}{number}@example.net please"),
        (8, f"call 212-{draw.randint(200, 999)}-{draw.randint(1000, 9999)} today"),
        (8, f"I live at {draw.randint(1, 300)} {draw.choice(STREETS)} now"),
        (6, f"and {draw.choice(GROUPS)} said so"),
    ):
        if not draw.randrange(chance):
            words.insert(draw.randrange(len(words)), said)


def generate(path: Path, megabytes: float) -> float:
    """Write chats until their texts have so many megabytes; returns how many they have."""
    size, encode = 0, json.dumps
    with path.open("w", encoding="ascii") as file:
        for question, answer in chats():
            turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            file.write(encode({"messages": turns}) + "\n")
            size += len(question) + len(answer)
            if size >= megabytes * 1e6:
                return size / 1e6
    raise AssertionError("chats have no end")


def work(name: str, read: Artifact | None, out: Path) -> tuple[float, float]:
    """Run one step; returns seconds of the processor, and the most memory in MB that the process held."""
    os.chdir(out.parent)
    STEPS[name].run({"examples": read} if read else {}, out, lambda _: None)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return time.process_time(), int(peak.split()[1]) / 1024


def apart(act: Callable[..., Made], *given: object) -> Made:
    """What `act` returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(act, *given).result()


def main(folder: Path, megabytes: float, wanted: list[str]) -> None:
    """Run the steps wanted (all, if none is named); print a line for each."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["DUECARE_HOME"] = str(folder / "home")
    if not wanted:
        began = time.process_time()
        megabytes = generate(folder / "chats.jsonl", megabytes)
        print(f"{megabytes:,.0f} MB of text in {time.process_time() - began:.0f} s", flush=True)
        print(f"{'step':12} {'in':>12} {'kept':>12} {'s of processor':>15} {'MB/s':>7} {'memory':>10}")
    total, before = 0.0, ""
    for step in STEPS:
        out = folder / step
        read = Artifact(job=f"{before}:chats", path=folder / before, digest=before) if before else None
        before = step
        if wanted and step not in wanted:
            continue
        rmtree(out, ignore_errors=True)
        out.mkdir()
        rows = count_rows(read) if read else 0
        seconds, peak = apart(work, step, read, out)
        kept = count_rows(Artifact(job=f"{step}:chats", path=out, digest=step))
        total += seconds
        print(
            f"{step:12} {rows or kept:12,} {kept:12,} {seconds:15.1f} {megabytes / seconds:7.2f} "
            f"{peak:7.0f} MB",
            flush=True,
        )
        rmtree(read.path) if read else (folder / "chats.jsonl").unlink()
    print(f"{'together':37} {total:15.1f} {megabytes / total:7.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
