"""How much of what can be done to a finished run verification finds, and how often it cries wolf.

    python benchmarks/ledger_mutations.py [mutations] [untouched]

Each mutation is done to a copy of a small finished run: a flipped bit, a stretch cut, doubled or swapped in
any file, a file removed, added or exchanged, all of it signed anew with a foreign key, or taken back to an
older state. Verification knows the public key and the last head seen, both from outside. Before that, runs
that nobody touched are verified. Prints how many were found of each kind, and how many untouched runs were
suspected.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from duecare.core import FAIL, PASS, exact
from duecare.ledger import Key, head, key_of_step, load_or_create, scratch_folder, value_digest, verify
from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.checkpoint import CHECKPOINT, sign_checkpoint
from duecare.ledger.record import Recorder
from duecare.ledger.sign import write_head

Mutation = Callable[[Path, random.Random], bool]


def step(recorder: Recorder, run: Path, job: str, inputs: dict[str, str], draw: random.Random) -> str:
    """One sealed and recorded result; its digest."""
    settings = {"job": job, "limit": draw.random()}
    key = key_of_step(f"bench.{job}", value_digest(settings), 0, inputs, "0")
    scratch = scratch_folder(run, job, key)
    scratch.mkdir(parents=True)
    for name in ("kept.parquet", "changes.parquet"):
        (scratch / name).write_bytes(draw.randbytes(draw.randrange(1, 400)))
    made = recorder.publish(scratch, job, key)
    recorder.append(
        "step.finished",
        job=job,
        step=f"bench.{job}",
        step_key=key,
        settings=settings,
        seed=0,
        inputs=inputs,
        software={"duecare": "0"},
        outputs={made.path.relative_to(run).as_posix(): made.digest},
        estimates=(exact("rows", 3, 3, {"job": job}),),
    )
    return made.digest


def finished(run: Path, key: Key, draw: random.Random) -> Path:
    """A finished run of a few steps, with a checkpoint; `run`.older is it before its last step."""
    with Recorder(run, key, "benchmark", lambda: datetime.now(UTC)) as recorder:
        recorder.append("run.started", settings={"study": {"name": "mutations"}})
        before = step(recorder, run, "read", {}, draw)
        for number in range(draw.randrange(1, 4)):
            before = step(recorder, run, f"step{number}", {"examples": before}, draw)
            recorder.append("told", job=f"step{number}", estimates=(exact("rows", number, 3, {}),))
        older = Path(shutil.copytree(run, run.with_suffix(".older")))
        (older / "ledger" / "lock").unlink()
        step(recorder, run, "last", {"examples": before}, draw)
        recorder.append("run.finished")
    (run / "ledger" / CHECKPOINT).write_bytes(sign_checkpoint(head(run), key).encode())
    return run


def files(run: Path) -> list[Path]:
    """Every file of a run but the lock, which says nothing."""
    return sorted(path for path in run.rglob("*") if path.is_file() and path.name != "lock")


def changed_bytes(run: Path, draw: random.Random) -> bool:
    """A bit flipped, or a stretch cut, doubled or swapped; whether that changed anything."""
    path = draw.choice(files(run))
    data = path.read_bytes()
    place, other, length = draw.randrange(len(data)), draw.randrange(len(data)), draw.choice([1, 5, 40, 200])
    kinds = (
        data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :],
        data[:place] + data[place + length :],
        data[: place + length] + data[place:],
        data[:place],
        data[: min(place, other)] + data[max(place, other) :] + data[min(place, other) : max(place, other)],
    )
    new = draw.choice(kinds)
    path.write_bytes(new)
    return new != data


def changed_files(run: Path, draw: random.Random) -> bool:
    """A file removed, added, or exchanged with another."""
    path, other = draw.choice(files(run)), draw.choice(files(run))
    kind = draw.randrange(3)
    if kind == 0:
        path.unlink()
        return path.name != CHECKPOINT  # a run without a checkpoint is no worse a run
    if kind == 1:
        path.with_name("stranger").write_bytes(draw.randbytes(9))
        return True
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)
    return first != second


def changed_lines(run: Path, draw: random.Random) -> bool:
    """Entries of the log removed, doubled or swapped."""
    path = run / "ledger" / "log.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    place, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    kind, new = draw.randrange(3), list(lines)
    if kind == 0:
        del new[place]
    elif kind == 1:
        new.insert(place, lines[other])
    else:
        new[place], new[other] = lines[other], lines[place]
    path.write_bytes(b"".join(new))
    return new != lines


def signed_anew(run: Path, draw: random.Random) -> bool:
    """All of it signed with a foreign key, checkpoint included."""
    foreign = load_or_create(Path(tempfile.mkdtemp(dir=run.parent)))
    lines = (run / "ledger" / "log.jsonl").read_bytes().splitlines()
    signed = foreign.sign_head(
        run=head(run).run, size=len(lines), root=tree_root(map(leaf_hash, lines)), time=head(run).time
    )
    (run / "ledger" / "head.json").write_bytes(write_head(signed))
    (run / "ledger" / CHECKPOINT).write_bytes(sign_checkpoint(signed, foreign).encode())
    return True


def taken_back(run: Path, draw: random.Random) -> bool:
    """The whole folder as it was before its last step, signed by its owner."""
    shutil.rmtree(run)
    shutil.copytree(run.with_suffix(".older"), run)
    return True


KINDS: dict[str, Mutation] = {
    "bytes": changed_bytes,
    "files": changed_files,
    "entries": changed_lines,
    "signed anew by another": signed_anew,
    "taken back": taken_back,
}


def main() -> None:
    """Mutate, verify, count."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    untouched = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    draw, found, tried, missed = random.Random(8), Counter[str](), Counter[str](), list[str]()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        root = Path(folder)
        key = load_or_create(root / "keys")
        alarms, began = 0, time.perf_counter()
        for number in range(untouched):
            run = finished(root / f"untouched{number}", key, draw)
            verdicts = {one.verdict for one in verify(run, pinned_key=key.public, last_head=head(run))}
            alarms += verdicts != {PASS}
        print(f"{untouched} untouched runs: {alarms} suspected ({time.perf_counter() - began:.0f} s)")
        original, began = finished(root / "original", key, draw), time.perf_counter()
        last, copy = head(original), root / "copy"
        shutil.copytree(original.with_suffix(".older"), copy.with_suffix(".older"))
        while tried.total() < wanted:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(original, copy)
            name = draw.choice([*KINDS, "bytes", "bytes", "entries"])
            if not KINDS[name](copy, draw):
                continue
            tried[name] += 1
            hit = any(one.verdict == FAIL for one in verify(copy, pinned_key=key.public, last_head=last))
            found[name] += hit
            missed += [] if hit else [name]
        for name, count in sorted(tried.items()):
            print(f"{name:24} {found[name]} of {count} found")
        print(f"{tried.total()} mutations, {len(missed)} missed ({time.perf_counter() - began:.0f} s)")
    raise SystemExit(1 if missed or alarms else 0)


if __name__ == "__main__":
    main()
