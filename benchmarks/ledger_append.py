"""What durability, a signature and a proof cost: entries appended and verified a second, from 10^3 to 10^6.

    python benchmarks/ledger_append.py [entries]    # ways of writing, against a bare append with fsync
    python benchmarks/ledger_append.py bars [largest]    # batches and verification at 10^3, 10^4, ... largest

The first prints one line a way of writing: entries a second, and the ratio to a bare append with fsync. The
second appends batches of 1,000 entries with one figure each until the log holds as many as asked, says what
an entry cost up to each size, and then the time to verify the whole run (entries, links, tree, claims; in one
process and in as many as there are processors), and to make and check a proof, here and by the outsiders'
program. Seconds are of the wall; beside them stand processor seconds where other load may matter.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from duecare.core import FAIL, exact
from duecare.ledger import load_or_create, verify
from duecare.ledger.chain import leaf_hash
from duecare.ledger.inspect_lines import examine
from duecare.ledger.log import read_log
from duecare.ledger.outside.tree import proof_holds
from duecare.ledger.proof import consistency, consistent, included, inclusion
from duecare.ledger.record import Recorder

FIGURES = tuple(exact("curate.rows.in", number, number, {"source": "chats"}) for number in range(5))
TOLD = {"happened": "told", "job": "sft", "step_key": "ab" * 32, "estimates": FIGURES[:1]}
BATCH = 1000


def bare(path: Path, count: int) -> None:
    """The floor: a line of the same size, written and synced, nothing else."""
    line = b"x" * 1200 + b"\n"
    with path.open("ab", buffering=0) as file:
        for _ in range(count):
            file.write(line)
            os.fsync(file.fileno())


def open_run(run: Path) -> Recorder:
    """A run that is written with a key beside it."""
    return Recorder(run, load_or_create(run.parent / "keys"), "benchmark", lambda: datetime.now(UTC))


def one_by_one(run: Path, count: int) -> None:
    """`append`: every entry synced and signed before it returns."""
    with open_run(run) as recorder:
        for _ in range(count):
            recorder.append("told", job="toxicity:chats", estimates=FIGURES)


def in_batches(run: Path, count: int) -> None:
    """`append_many`, 50 entries a signature."""
    record = {"happened": "told", "job": "toxicity:chats", "estimates": FIGURES}
    with open_run(run) as recorder:
        for _ in range(count // 50):
            recorder.append_many([record] * 50)


def timed(act: Callable[[], object]) -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def ways(root: Path, count: int) -> None:
    """Ways of writing, against the floor."""
    floor = timed(lambda: bare(root / "bare", count))
    singly = timed(lambda: one_by_one(root / "one", count))
    batched = timed(lambda: in_batches(root / "many", count))
    checking = timed(lambda: verify(root / "one"))
    for name, seconds in (("bare fsync", floor), ("append", singly), ("append_many(50)", batched)):
        print(f"{name:16} {count / seconds:8.0f} entries/s   {seconds / floor:6.2f} x bare")
    print(f"verify           {count / checking:8.0f} entries/s")


def bars(root: Path, largest: int) -> None:
    """The figures that the issue asks for, at every power of ten."""
    size, done = 1000, 0
    while size <= largest:
        with open_run(root / "run") as recorder:
            begun, processor = time.perf_counter(), time.process_time()
            for _ in range((size - done) // BATCH):
                recorder.append_many([TOLD] * BATCH)
            wall, processor = time.perf_counter() - begun, time.process_time() - processor
        each = 1e6 / (size - done)
        print(
            f"{size:>9,} entries: {wall * each:6.1f} us an entry appended ({processor * each:.1f} processor)"
        )
        _verified(root / "run", size)
        size, done = size * 10, size


def _verified(run: Path, size: int) -> None:
    head, lines, _ = read_log(run / "ledger")
    name = head.run
    plain = timed(lambda: examine(lines, name, 1))
    found: list[object] = []
    before = _processor()
    whole = timed(lambda: found.extend(verify(run)))
    processor = _processor() - before
    wrong = [finding for finding in found if getattr(finding, "verdict", None) == FAIL]
    print(
        f"          verified: {whole:.2f} s ({processor:.2f} processor), entries in one process {plain:.2f}, "
        f"wrong: {wrong}"
    )
    leaves = [leaf_hash(line) for line in lines]
    proof, growth = inclusion(leaves, size // 3), consistency(leaves, size // 3)
    made = timed(lambda: inclusion(leaves, size // 3))
    root, grew_from = _roots(leaves, size // 3)
    rounds = range(200)
    ours = timed(lambda: [included(leaves[size // 3], size // 3, size, proof, root) for _ in rounds]) / 200
    theirs = (
        timed(lambda: [proof_holds(leaves[size // 3], size // 3, size, proof, root) for _ in rounds]) / 200
    )
    grown = timed(lambda: [consistent(size // 3, grew_from, size, root, growth) for _ in rounds]) / 200
    print(
        f"          a proof: {len(proof)} hashes, made in {made * 1e3:.0f} ms, checked in {ours * 1e6:.0f} "
        f"us (outsiders' program {theirs * 1e6:.0f} us), growth in {grown * 1e6:.0f} us"
    )


def _processor() -> float:
    """Processor seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


def _roots(leaves: list[bytes], old: int) -> tuple[bytes, bytes]:
    from duecare.ledger.chain import tree_root

    return bytes.fromhex(tree_root(leaves)), bytes.fromhex(tree_root(leaves[:old]))


def main() -> None:
    """Measure and print."""
    root = Path(tempfile.mkdtemp(dir="."))
    try:
        if sys.argv[1:2] == ["bars"]:
            bars(root, int(sys.argv[2]) if len(sys.argv) > 2 else 10**6)
        else:
            ways(root, int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
