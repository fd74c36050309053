"""Whether every engine writes the same bytes: four steps of curation, on generated rows, on each engine.

python scripts/engines_alike.py VENV [--rows N]

VENV is a folder for an environment of its own, made if it is not there: duecare's requirements, Daft and
Ray Data. Prints a digest and the seconds of each step on each engine; exits with 1 where digests differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGINES = (("local", 1), ("local", 2), ("daft", 2), ("ray", 2))
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


def generated(folder: Path, rows: int) -> None:
    """So many rows of kind text as an artifact."""
    import pyarrow.parquet as pq

    from duecare.core import Example
    from duecare.core.table import table

    draw = random.Random(0)
    made = [
        Example(row=f"a:{n}", key=f"{n:064x}", source="a", kind="text", text=sentence(draw, n))
        for n in range(rows)
    ]
    folder.mkdir(parents=True)
    pq.write_table(table(made), folder / "kept.parquet")
    (folder / "set.jsonl").write_text(
        '{"q": "What is the capital of the country in which the river begins that we saw '
        'yesterday evening?"}\n'
    )


def compare(rows: int) -> bool:
    """Every step on every engine; whether all wrote the same."""
    from duecare import curate
    from duecare.core import Artifact
    from duecare.curate.engine import engine_of, working_on

    alike = True
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ["DUECARE_HOME"] = str(place / "home")
        generated(place / "in", rows)
        read = {"examples": Artifact(job="read:a", path=place / "in", digest="0" * 64)}
        steps = {
            "toxicity": curate.Screen(),
            "stereotypes": curate.Stereotypes(mode="drop"),
            "decontaminate": curate.Decontaminate(against={"set": str(place / "in" / "set.jsonl")}),
            "personal": curate.Redact(replace="surrogate"),
        }
        for step, settings in steps.items():
            digests = set()
            for engine, workers in ENGINES:
                out = place / f"{step}-{engine}-{workers}"
                out.mkdir()
                began = time.perf_counter()
                with working_on(engine_of(engine, workers)):
                    settings.run(read, out, lambda _: None)
                seconds = time.perf_counter() - began
                digest = hashlib.sha256()
                for path in sorted(out.glob("*.parquet*")):
                    digest.update(path.name.encode() + path.read_bytes())
                digests.add(digest.hexdigest())
                print(
                    f"{step:14} {engine:6} {workers}  {digest.hexdigest()[:16]}  {seconds:6.1f} s", flush=True
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
    given = parser.parse_args()
    python = given.venv / "bin" / "python"
    if Path(sys.prefix).resolve() == given.venv.resolve():
        return 0 if compare(given.rows) else 1
    if not python.exists():
        venv.create(given.venv, with_pip=True)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        extras = project["optional-dependencies"]
        needs = [*project["dependencies"], *extras["daft"], *extras["ray"]]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *needs], check=True)
    inside = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    call = [python, __file__, given.venv, "--rows", str(given.rows)]
    return subprocess.run(call, env=inside, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
