"""Whether every engine writes the same bytes: steps of curation, on generated rows, on each engine.

python scripts/engines_alike.py VENV [--rows N] [--steps toxicity,decontaminate]

VENV is a folder for an environment of its own, made if it is not there: duecare's requirements, Daft and
Ray Data. Each step runs on each engine in a process of its own. Prints the digest of what was written, the
seconds with the engine's start, megabytes of text a second, and the most memory that the process held which
reads and writes; exits with 1 where digests differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGINES = (("local", 1), ("local", 2), ("daft", 2), ("ray", 2))
POOL = 20_000
"""Rows that differ."""
SAID = (
    "the order came late again so I wrote to them and nobody answered my question about the refund which "
    "is sad because my sister Maria works there and she said that women cannot park while old people are slow"
)


def sentence(draw: random.Random, number: int) -> str:
    """Generated words; now and then with a mail address, a number, an insult, an item of the set."""
    said = " ".join(draw.choices(SAID.split(), k=draw.randint(8, 60)))
    extra = {
        3: f"write to person{number}@example.org or call +44 20 7946 0{number % 1000:03d}",
        7: "you stupid idiot, shut up",
        11: "all Muslims are terrorists",
        13: "what is the capital of the country in which the river begins that we saw yesterday evening",
    }
    return " ".join([said, *(more for every, more in extra.items() if number % every == 0)])


def generated(folder: Path, rows: int) -> float:
    """So many rows of kind text as an artifact; says how many megabytes of text that is.

    At most 20,000 different texts: what lies in the file again is worked on again.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from duecare.core import Example
    from duecare.core.table import EXAMPLES, table

    draw, count = random.Random(0), min(rows, POOL)
    made = [Example(row="", key="", source="a", kind="text", text=sentence(draw, n)) for n in range(count)]
    pool, size = table(made), 0
    folder.mkdir(parents=True)
    with pq.ParquetWriter(folder / "kept.parquet", EXAMPLES) as writer:
        for start in range(0, rows, POOL):
            part = pool.slice(0, rows - start)
            size += sum(len(each.text) for each in made[: len(part)])
            numbers = range(start, start + len(part))
            part = part.set_column(0, EXAMPLES.field("row"), pa.array([f"a:{n}" for n in numbers]))
            part = part.set_column(1, EXAMPLES.field("key"), pa.array([f"{n:064x}" for n in numbers]))
            writer.write_table(part)
    (folder / "set.jsonl").write_text(
        '{"q": "What is the capital of the country in which the river begins that we saw '
        'yesterday evening?"}\n'
    )
    return size / 1e6


def work(step: str, engine: str, workers: int, place: Path) -> None:
    """One step on one engine; prints digest, seconds and kilobytes."""
    from duecare import curate
    from duecare.core import Artifact
    from duecare.curate.engine import engine_of, working_on

    read = {"examples": Artifact(job="read:a", path=place / "in", digest="0" * 64)}
    steps = {
        "toxicity": curate.Screen,
        "stereotypes": lambda: curate.Stereotypes(mode="drop"),
        "decontaminate": lambda: curate.Decontaminate(against={"set": str(place / "in" / "set.jsonl")}),
        "personal": lambda: curate.Redact(replace="surrogate"),
    }
    settings, digest = steps[step](), hashlib.sha256()
    with tempfile.TemporaryDirectory(dir=place) as name:
        began = time.perf_counter()
        with working_on(engine_of(engine, workers)):
            settings.run(read, Path(name), lambda _: None)
        seconds = time.perf_counter() - began
        for path in sorted(Path(name).glob("*.parquet*")):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    print(digest.hexdigest(), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def compare(rows: int, steps: list[str]) -> bool:
    """Every step on every engine; whether all wrote the same."""
    alike = True
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ["DUECARE_HOME"] = str(place / "home")
        size = generated(place / "in", rows)
        print(f"{rows:,} rows, {size:.1f} MB of text", flush=True)
        for step in steps:
            digests = set()
            for engine, workers in ENGINES:
                call = [sys.executable, __file__, "--work", step, engine, str(workers), str(place)]
                said = subprocess.run(call, check=True, capture_output=True, text=True).stdout.split()
                digest, seconds, held = said[-3], float(said[-2]), int(said[-1]) / 1e3
                digests.add(digest)
                print(
                    f"{step:14} {engine:6} {workers}  {digest[:16]}  {seconds:6.1f} s "
                    f"{size / seconds:6.2f} MB/s {held:6.0f} MB",
                    flush=True,
                )
            alike = alike and len(digests) == 1
    print("all engines wrote the same bytes" if alike else "ENGINES DIFFER")
    return alike


def main() -> int:
    """Make the environment where it is absent; compare inside it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("venv", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--steps", default="toxicity,stereotypes,decontaminate,personal")
    given = parser.parse_args()
    python = given.venv / "bin" / "python"
    if Path(sys.prefix).resolve() == given.venv.resolve():
        return 0 if compare(given.rows, given.steps.split(",")) else 1
    if not python.exists():
        venv.create(given.venv, with_pip=True)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        extras = project["optional-dependencies"]
        needs = [*project["dependencies"], *extras["daft"], *extras["ray"]]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *needs], check=True)
    inside = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    call = [python, __file__, given.venv, "--rows", str(given.rows), "--steps", given.steps]
    return subprocess.run(call, env=inside, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
        raise SystemExit(0)
    raise SystemExit(main())
