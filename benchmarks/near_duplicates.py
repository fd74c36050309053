"""Near duplicates, from texts to the rows that go: ours against rensa, datasketch and datatrove.

    python -m venv PEERS && PEERS/bin/pip install rensa datasketch datatrove spacy tokenizers "xxhash<4"
    python benchmarks/near_duplicates.py PEERS/bin/python [rows]

Without the first argument, or for a package that it does not have, peers are left out. Each runs in a
process of its own on the same rows (English-like words; one row in ten has a copy with one, two or three
words changed), each the fastest way its documentation shows: words in runs of five, 128 permutations,
similarity 0.8. Ours also compares candidates exactly, which the others leave out. Prints processor seconds
(all threads, without imports; the fastest of three calls) as rows and megabytes a second, the ratio to
ours, what share of the copies was found, and of other rows taken for copies. datatrove is called once and
gets a tenth of the rows: its speed does not hang on their number. The bars: 5 times rensa, 20 times
datasketch, 100 times datatrove.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

SHAPES = {"long rows (85 to 150 words)": (85, 150), "short rows (10 to 30 words)": (10, 30)}
PEERS = {
    "duecare": 1,
    "duecare, no library": 10,
    "rensa": 1,
    "rensa, characters": 1,
    "datasketch": 1,
    "datasketch, characters": 3,
    "datatrove": 10,
}
"""Who runs, and on which part of the rows (one in so many). Ours compares short rows by characters."""

EDITS = (1, 2, 3)


def corpus(rows: int, low: int, high: int) -> tuple[list[str], dict[int, tuple[int, int]]]:
    """Rows, and for the place of each copy: the place of its original, and how many words were changed."""
    chance = random.Random(7)
    letters = "aaabcdeeeefghiiiklmnooprrssttu"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(30_000)]
    weights = [1 / (rank + 20) for rank in range(len(words))]
    texts, copies = [], {}
    while len(texts) < rows:
        said = chance.choices(words, weights, k=chance.randint(low, high))
        texts.append(" ".join(said))
        if chance.random() < 0.1:
            edits = chance.choice(EDITS)
            for place in chance.sample(range(len(said)), edits):
                said[place] = chance.choice(words)
            copies[len(texts)] = (len(texts) - 1, edits)
            texts.append(" ".join(said))
    return texts, copies


def ours(texts: list[str]) -> list[int]:
    """The rows that go, and those they are similar to."""
    import numpy as np
    import pyarrow as pa

    from duecare.detect.lsh import NearRows
    from duecare.detect.overlap import passages_of

    column = pa.array(texts)
    with tempfile.TemporaryDirectory() as folder, NearRows(len(texts), 0.8, Path(folder)) as near:
        for first in range(0, len(texts), 2048):
            some = column.slice(first, 2048)
            near.add(passages_of(some))
        places = np.flatnonzero(near.candidates())
        for part in np.array_split(places, len(places) // 2048 + 1):
            near.add_candidates(part, passages_of(column.take(pa.array(part))))
        keeper = near.kept().keeper
    gone = np.flatnonzero(keeper != np.arange(len(keeper)))
    return sorted({*gone.tolist(), *keeper[gone].tolist()})


def runs(text: str) -> set[str]:
    """The runs of five words of a text, as users of these packages write it."""
    words = text.lower().split()
    return {" ".join(words[place : place + 5]) for place in range(max(1, len(words) - 4))}


def characters(text: str) -> set[str]:
    """The runs of four characters."""
    said = f" {text.lower()} "
    return {said[place : place + 4] for place in range(max(1, len(said) - 3))}


Shingles = Callable[[str], set[str]]


def rensa(texts: list[str], shingles: Shingles = runs) -> list[int]:
    """Its bulk calls."""
    from rensa import RMinHash, RMinHashLSH

    matrix = RMinHash.digest_matrix_from_token_sets([list(shingles(text)) for text in texts], 128, 42)
    flags = RMinHashLSH(0.8, 128, 16).query_duplicate_flags_matrix_one_shot(matrix)
    return [place for place, flag in enumerate(flags) if flag]


def datasketch(texts: list[str], shingles: Shingles = runs) -> list[int]:
    """Its bulk calls; it chooses the banding for the threshold itself."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.8, num_perm=128)
    found: set[int] = set()
    encoded = ([run.encode() for run in shingles(text)] for text in texts)
    for place, made in enumerate(MinHash.bulk(encoded, num_perm=128)):
        if near := index.query(made):
            found |= {place, *near}
        index.insert(place, made)
    return sorted(found)


def datatrove(texts: list[str]) -> list[int]:
    """Its four stages on files, in this process; it says which rows go."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline import dedup
    from loguru import logger

    logger.remove()
    rows = [Document(text=text, id=str(place)) for place, text in enumerate(texts)]
    left: set[int] = set()

    def collect(data: Iterable[Document], rank: int = 0, world_size: int = 1) -> Iterable[Document]:
        for row in data:
            left.add(int(row.id))
            yield row

    with tempfile.TemporaryDirectory() as name:
        made, pairs, gone = (f"{name}/{part}" for part in ("signatures", "pairs", "gone"))
        stages = (
            [rows, dedup.MinhashDedupSignature(made)],
            [dedup.MinhashDedupBuckets(made, pairs)],
            [dedup.MinhashDedupCluster(pairs, gone)],
            [rows, dedup.MinhashDedupFilter(gone), collect],
        )
        for number, stage in enumerate(stages):
            tasks = 14 if number == 1 else 1  # a task for each bucket
            LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=f"{name}/log{number}").run()
    return sorted(set(range(len(texts))) - left)


WAYS: dict[str, Callable[[list[str]], list[int]]] = {
    "duecare": ours,
    "duecare, no library": ours,
    "rensa": rensa,
    "rensa, characters": partial(rensa, shingles=characters),
    "datasketch": datasketch,
    "datasketch, characters": partial(datasketch, shingles=characters),
    "datatrove": datatrove,
}


def child(name: str, path: Path) -> None:
    """One way on the rows of `path`, a few first so that imports are not measured; prints JSON."""
    texts = json.loads(path.read_text("utf-8"))
    WAYS[name](texts[:20] * 2)
    seconds = []
    for _ in range(1 if name == "datatrove" else 3):
        before = time.process_time() + sum(os.times()[2:4])
        found = WAYS[name](texts)
        seconds.append(time.process_time() + sum(os.times()[2:4]) - before)
    print(json.dumps({"seconds": min(seconds), "found": found}))


def run(name: str, python: str, texts: list[str], folder: Path) -> dict[str, object] | None:
    """What `child` said in a process of its own, or None where the package is not there."""
    path = folder / "texts.json"
    path.write_text(json.dumps(texts), "utf-8")
    environment = {**os.environ, "DUECARE_KERNEL": "off" if "no library" in name else ""}
    call = [python, __file__, "--child", name, str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"  {name}: left out ({reason[:90]})")
        return None
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def main(peers: str | None, rows: int) -> None:
    """Print a table for each shape of rows."""
    print(f"{rows} rows, {time.strftime('%Y-%m-%d')}; recall: share of copies found, by words changed")
    for shape, (low, high) in SHAPES.items():
        print(shape)
        texts, copies = corpus(rows, low, high)
        ours_a_second = 0.0
        for name, part in PEERS.items():
            if low > 30 and "characters" in name:
                continue
            python = sys.executable if name.startswith("duecare") else peers
            if python is None:
                continue
            some = texts[: len(texts) // part]
            with tempfile.TemporaryDirectory() as folder:
                said = run(name, python, some, Path(folder))
            if said is None:
                continue
            found, speed = set(said["found"]), len(some) / said["seconds"]
            ours_a_second = ours_a_second or speed
            planted = {copy: of for copy, of in copies.items() if copy < len(some)}
            both = {
                edits: [c in found or o in found for c, (o, e) in planted.items() if e == edits]
                for edits in EDITS
            }
            recall = ", ".join(f"{edits}: {sum(hit) / len(hit):.3f}" for edits, hit in both.items())
            wrong = found - set(planted) - {of for of, _ in planted.values()}
            megabytes = sum(map(len, some)) / said["seconds"] / 1e6
            print(
                f"  {name:22} {speed:10,.0f} rows/s {megabytes:7.2f} MB/s   ours is "
                f"{ours_a_second / speed:6.1f} times as fast   recall {recall}   "
                f"others taken {len(wrong) / len(some):.4f}"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 30_000)
