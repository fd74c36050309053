"""Decontamination: rows held against evaluation items, ours against a Python set of word runs.

    python benchmarks/decontamination.py [rows]

Rows of 85 to 150 words, one in fifty with 13 words of an item in it, against 20,000 items of 6 to 60 words.
Prints megabytes for each second of the processor, the ratio, what reading the items took, and whether all
planted rows were found and no others. The bar: 100 MB a second on one core, and 10 times the Python set.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from duecare.detect.overlap import passages_of
from duecare.detect.runs import KnownRuns, known_runs

Way = Callable[[list[str]], set[int]]
_WORD = re.compile(r"[a-z0-9]+")


def corpus(rows: int) -> tuple[list[str], list[str], set[int]]:
    """Items, rows, and which rows hold 13 words of an item."""
    chance = random.Random(3)
    words = [
        "".join(chance.choices("aaabcdeeeefghiiiklmnooprrssttu", k=chance.randint(2, 9)))
        for _ in range(30_000)
    ]
    items = [" ".join(chance.choices(words, k=chance.randint(6, 60))) for _ in range(20_000)]
    long = [item.split() for item in items if item.count(" ") >= 12]
    texts, planted = [], set()
    for place in range(rows):
        said = chance.choices(words, k=chance.randint(85, 150))
        if chance.random() < 0.02:
            item = chance.choice(long)
            start = chance.randrange(len(item) - 12)
            said[40:53] = item[start : start + 13]
            planted.add(place)
        texts.append(" ".join(said))
    return items, texts, planted


def with_a_set(items: list[str]) -> Way:
    """As one writes it: a set of tuples of 13 words."""
    known = set()
    for item in items:
        words = _WORD.findall(item.lower())
        known.update(tuple(words[i : i + 13]) for i in range(len(words) - 12))
    return lambda texts: _in_the_set(known, texts)


def _in_the_set(known: set[tuple[str, ...]], texts: list[str]) -> set[int]:
    found = set()
    for place, text in enumerate(texts):
        words = _WORD.findall(text.lower())
        if any(tuple(words[i : i + 13]) in known for i in range(len(words) - 12)):
            found.add(place)
    return found


def ours(items: list[str]) -> Way:
    """What the step does; shorter items and shorter runs are looked for, too."""
    known = known_runs(items)
    return lambda texts: _found(known, texts)


def _found(known: KnownRuns, texts: list[str]) -> set[int]:
    column = pa.array(texts)
    found = (known.find(passages_of(column.slice(first, 2048))) for first in range(0, len(texts), 2048))
    return set(np.flatnonzero(np.concatenate(list(found)) >= 0).tolist())


def main(rows: int) -> None:
    """Print one line for each way."""
    items, texts, planted = corpus(rows)
    megabytes, first = sum(map(len, texts)) / 1e6, 0.0
    for name, way, kernel in (
        ("duecare", ours, ""),
        ("duecare, no library", ours, "off"),
        ("a Python set", with_a_set, ""),
    ):
        os.environ["DUECARE_KERNEL"] = kernel
        before = time.process_time()
        find, seconds = way(items), []
        ready = time.process_time() - before
        for _ in range(3):
            before = time.process_time()
            found = find(texts)
            seconds.append(time.process_time() - before)
        first = first or min(seconds)
        print(
            f"{name:20} {megabytes / min(seconds):7.1f} MB/s   "
            f"ours is {min(seconds) / first:5.1f} times as fast   items read in {ready:.2f} s   "
            f"all planted found: {planted <= found}, others: {len(found - planted)}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
