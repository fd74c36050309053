"""How long sealing takes beside a plain copy with SHA-256, of the same file in the same run.

Both end where an artifact ends: the bytes are on the disk (fsync) and their SHA-256 is known. A copy reads a
piece, hashes it and writes it. Sealing reads a piece, encrypts and writes it (AES-256-GCM, format 2 of
`vault.sealed`), and what was written is read once more to be hashed, as the manifest does. Also measured:
reading it back, and the format under a study's secret (AES-256-GCM-SIV, format 1), which is deterministic and
slower. The order changes from round to round; medians are told. The bar is a ratio of 2.

python benchmarks/sealing.py [--mib 512] [--rounds 5] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PIECE = 1024 * 1024


def copy(source: Path, target: Path) -> str:
    """Copy a file; the SHA-256 of its bytes."""
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        while piece := read.read(PIECE):
            digest.update(piece)
            write.write(piece)
        write.flush()
        os.fsync(write.fileno())
    return digest.hexdigest()


def seal(source: Path, target: Path, name: str) -> str:
    """Seal a file; the SHA-256 of what was written."""
    from duecare.vault.memory import seal_file

    seal_file(source, target, name)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_back(target: Path) -> str:
    """The SHA-256 of what a sealed file holds."""
    from duecare.vault import opened

    digest = hashlib.sha256()
    with opened(target) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        os.environ["DUECARE_HOME"] = str(Path(place) / "home")
        source, target = Path(place) / "weights.safetensors", Path(place) / "out"
        chance = random.Random(1)
        with source.open("wb") as file:
            for _ in range(given.mib):
                file.write(chance.randbytes(PIECE))
        sealed = target.with_suffix(".sealed")
        ways: dict[str, Callable[[], str]] = {
            "copy with SHA-256": lambda: copy(source, target),
            "sealed under a data key": lambda: seal(source, sealed, "data.bench.rows"),
            "read back": lambda: read_back(sealed),
            "sealed under a study's secret": lambda: seal(source, target.with_suffix(".old.sealed"), "bench"),
        }
        plain = copy(source, target)
        seal(source, sealed, "data.bench.rows")
        if read_back(sealed) != plain:
            raise SystemExit("what came back is not what was sealed")
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(given.rounds):
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                began = time.perf_counter()
                ways[name]()
                times[name].append(time.perf_counter() - began)
        middle = {name: statistics.median(each) for name, each in times.items()}
        base = middle["copy with SHA-256"]
        for name, seconds in middle.items():
            rate = given.mib / seconds
            print(f"{name:32} {seconds:7.2f} s  {rate:8.0f} MiB/s  {seconds / base:5.2f} times the copy")


if __name__ == "__main__":
    main()
