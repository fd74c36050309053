"""How long a round takes to open: candidates read from a sealed artifact, drawn, and written as items.

    python benchmarks/review_open.py [--items 100000] [--store postgresql://...]

Makes a run's tables of that many short chats and a detector's scores, opens a round in which all of
them are items, and then times the next item of a person who was given 2,000 of them before everybody
else. Prints seconds, and exits with 1 where opening took 10 s or more.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from duecare.core.table import EXAMPLES, SCORES
from duecare.review import desk, schema
from duecare.review.alone import alone
from duecare.review.desk import Shown
from duecare.review.person import Person
from duecare.review.plan import Draw, Plan, Quality
from duecare.review.rounds import Round, open_round
from duecare.review.source import of_rows
from duecare.review.store import Store, fresh
from duecare.review.usual import HARM, guideline_of

LIMIT_SECONDS, AHEAD = 10.0, 2000


def lay_out(folder: Path, items: int) -> None:
    """kept.parquet and scores.parquet of `items` chats in two groups."""
    random = np.random.default_rng(0)
    names = [f"chats:{i}" for i in range(items)]
    keys = [f"{i:064x}" for i in range(items)]
    turns = [
        [
            {
                "role": "user",
                "content": f"Question {i} about a parcel that has not come yet, though it should have.",
            },
            {
                "role": "assistant",
                "content": f"Answer {i}: it is on its way; you can follow it with its number.",
            },
        ]
        for i in range(items)
    ]
    groups = [[{"axis": "age", "value": "older" if i % 3 else "younger"}] for i in range(items)]
    rows = {
        "row": names,
        "key": keys,
        "source": ["chats"] * items,
        "kind": ["chat"] * items,
        "text": [None] * items,
        "messages": turns,
        "chosen": [None] * items,
        "rejected": [None] * items,
        "groups": groups,
        "fields": [[]] * items,
        "weight": [1.0] * items,
    }
    pq.write_table(pa.table(rows, schema=EXAMPLES), folder / "kept.parquet")
    scores = {
        "row": names,
        "key": keys,
        "part": ["messages.1"] * items,
        "instrument": ["toxicity@1"] * items,
        "value": random.beta(0.5, 2, items),
        "reason": [None] * items,
    }
    pq.write_table(pa.table(scores, schema=SCORES), folder / "scores.parquet")


def opened(store: Store, folder: Path, items: int) -> tuple[Round, dict[str, float]]:
    """A round of everything, and the seconds of each part of opening it."""
    began, computed = time.perf_counter(), time.process_time()
    candidates = list(of_rows(folder, [folder]))
    read = time.perf_counter()
    plan = Plan(
        name=fresh(),
        point="data",
        questions=(HARM,),
        guideline=guideline_of("data"),
        draw=Draw(items=items, cover=("age",)),
        quality=Quality(consistency=0),
    )
    round_made = open_round(store, candidates, plan)
    ended = time.perf_counter()
    return round_made, {
        "read": read - began,
        "drawn and written": ended - read,
        "opened": ended - began,
        "of it, computing": time.process_time() - computed,
    }


def ahead(store: Store, round_made: Round, person: Person) -> list[float]:
    """Seconds of each next item for somebody who was given the first AHEAD items before anybody else."""
    items, given = schema.items, schema.assignments
    query = (
        sa.select(items.c.id).where(items.c.round == round_made.id).order_by(items.c.position).limit(AHEAD)
    )
    with store.begin() as connection:
        first = connection.execute(query).scalars().all()
        common = {"round": round_made.id, "person": person.id, "turn": 0, "given": store.stamp()}
        rows = [
            {**common, "id": fresh(), "item": item, "lease": store.stamp(), "state": "skipped", "left": "a"}
            for item in first
        ]
        connection.execute(sa.insert(given), rows)
    seconds = []
    for _ in range(50):
        began = time.perf_counter()
        shown = desk.next_item(store, person, round_made.id)
        seconds.append(time.perf_counter() - began)
        if isinstance(shown, Shown):
            desk.submit(store, person, shown.assignment, {"harm": 1})
    return seconds


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--items", type=int, default=100_000)
    options.add_argument("--store", help="a database by URL; left out: SQLite in a temporary folder")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, given.items)
        with Store.open(given.store or folder / "review.sqlite") as store:
            round_made, took = opened(store, folder, given.items)
            person = alone(store, "benchmark")
            further = ahead(store, round_made, person)
    for what, seconds in took.items():
        print(f"{what:>22}: {seconds:6.2f} s")
    middle = statistics.median(further) * 1000
    print(f"{'next item, far ahead':>22}: {middle:6.1f} ms (median of {len(further)})")
    sys.exit(took["opened"] >= LIMIT_SECONDS)


if __name__ == "__main__":
    main()
