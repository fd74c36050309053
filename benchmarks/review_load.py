"""A hundred annotators at once: how long the next item and an answer take, and whether anything is lost.

    python benchmarks/review_load.py                        # SQLite, then PostgreSQL
    python benchmarks/review_load.py --databases sqlite --seconds 60 --people 100

Serves the review application on loopback, in a process of its own, and lets simulated annotators judge: each
asks for an item, thinks for 3 to 10 seconds, saves a draft and sends the answer. Latencies are taken by the
clients, which share the machine with the server and the database, so they include both. PostgreSQL is a
cluster in a temporary folder, as the tests start it. At the end the store is compared with what was
acknowledged: an answer that was acknowledged and is not there is lost, an item with more labels than planned,
or judged twice by one person, was given wrongly.

Bars: 99 % of next-item and submit under 100 ms, nothing lost, nothing given twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
import sqlalchemy as sa

from duecare.review import people, schema
from duecare.review.pages.settings import Settings
from duecare.review.people import Role
from duecare.review.plan import Candidate, Draw, Plan
from duecare.review.question import Question
from duecare.review.rounds import open_round
from duecare.review.serve import Binding, server
from duecare.review.store import Store

THINK = (3.0, 10.0)
BAR_MS = 100.0
OVERLAP = 3
FORM = re.compile(r'action="(/rounds/[^"]+/items/[^"]+)/answer"')
TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
PASSWORD = "a password of the load test"


@dataclass
class Seen:
    """What the clients measured, in milliseconds, and what was acknowledged to them."""

    next: list[float] = field(default_factory=list)
    draft: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def populated(place: str, count: int, items: int) -> tuple[str, list[str]]:
    """A round, and the session token of each annotator."""
    question = Question(name="tone", ask="How kind is it?", scale=("harsh", "plain", "kind"))
    words = "A customer writes about a card, a letter and a visit to a branch. " * 6
    rows = [
        Candidate(row=f"r:{n}", key=f"{n:064x}", part="text", shown={"kind": "text", "text": f"{n}. {words}"})
        for n in range(items)
    ]
    with Store.open(place) as store:
        draw = Draw(items=items)
        plan = Plan(
            name="Load", point="data", questions=(question,), guideline="Read it.", overlap=OVERLAP, draw=draw
        )
        found = open_round(store, rows, plan)
        tokens = []
        for n in range(count):
            invitation = people.invite(store, Role.ANNOTATOR, None)
            people.join(store, invitation, f"person{n:03}", f"Person {n}", PASSWORD)
            tokens.append(people.log_in(store, f"person{n:03}", PASSWORD, f"10.0.0.{n}")[1])
    return found.id, tokens


@contextmanager
def serving(place: str) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{json.loads((process.stdout or sys.stdin).readline())}"
        finally:
            process.terminate()


def serve(place: str) -> None:
    """The server's own process: says its port, and serves until it is ended."""

    async def run() -> None:
        with Store.open(place) as store:
            running = server(store, Settings(), Binding(port=0))
            task = asyncio.create_task(running.serve())
            while not running.started:
                await asyncio.sleep(0.01)
            print(running.servers[0].sockets[0].getsockname()[1], flush=True)
            await task

    asyncio.run(run())


async def warm(site: str, round: str, token: str) -> None:
    """A few unmeasured items, as any server has behind it that runs for more than a minute."""
    cookies = {"duecare-session": token}
    async with httpx.AsyncClient(base_url=site, cookies=cookies, timeout=30, trust_env=False) as client:
        for _ in range(5):
            page = await client.get(f"/rounds/{round}/next")
            form, csrf = FORM.search(page.text), TOKEN.search(page.text)
            if form and csrf:
                fields = {"csrf": csrf[1], "q.tone": "2", "comment": "", "opened": "0"}
                await post(client, f"{form[1]}/draft", fields | {"draft": "script"})
                await post(client, f"{form[1]}/answer", fields)


async def annotate(
    client: httpx.AsyncClient, round: str, until: float, dice: random.Random, seen: Seen
) -> None:
    """One annotator, from a start of their own until the time is over."""
    await asyncio.sleep(dice.uniform(0, THINK[1]))
    while time.monotonic() < until:
        page = await timed(client.get(f"/rounds/{round}/next"), seen.next)
        form, csrf = FORM.search(page.text), TOKEN.search(page.text)
        if page.status_code != 200 or not form or not csrf:
            seen.failed.append(f"next: {page.status_code}")
            return
        await asyncio.sleep(dice.uniform(*THINK))
        fields = {"csrf": csrf[1], "q.tone": str(dice.randint(1, 3)), "comment": "", "opened": "0"}
        draft = await timed(post(client, f"{form[1]}/draft", fields | {"draft": "script"}), seen.draft)
        answer = await timed(post(client, f"{form[1]}/answer", fields), seen.submit)
        if answer.status_code == 303:
            seen.acknowledged.append(form[1].rpartition("/")[2])
        if (draft.status_code, answer.status_code) != (204, 303):
            seen.failed.append(f"draft {draft.status_code}, answer {answer.status_code}")


async def post(client: httpx.AsyncClient, path: str, fields: dict[str, str]) -> httpx.Response:
    """Send a form."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await client.post(path, content=urlencode(fields), headers=headers)


async def timed(request: object, into: list[float]) -> httpx.Response:
    """Await a request, and note its milliseconds."""
    began = time.perf_counter()
    response: httpx.Response = await request  # type: ignore[misc]
    into.append((time.perf_counter() - began) * 1000)
    return response


async def crowd(site: str, round: str, tokens: list[str], seconds: float) -> Seen:
    """Everybody at once, each with a browser of their own."""
    seen, until = Seen(), time.monotonic() + seconds

    async def one(number: int, token: str) -> None:
        cookies = {"duecare-session": token}
        async with httpx.AsyncClient(base_url=site, cookies=cookies, timeout=30, trust_env=False) as client:
            await annotate(client, round, until, random.Random(number), seen)

    await asyncio.gather(*(one(number, token) for number, token in enumerate(tokens)))
    return seen


def checked(place: str, seen: Seen) -> dict[str, int]:
    """What is lost, and what was given wrongly, by the store itself."""
    given, decided, items = schema.assignments, schema.decisions, schema.items
    with Store.open(place) as store, store.read() as connection:
        kept = sa.select(decided.c.assignment).where(decided.c.kind == "label")
        labels = list(connection.execute(kept).scalars())
        active = given.c.state.in_(("given", "answered"))
        many = sa.select(given.c.item).where(active, given.c.turn == 0).group_by(given.c.item)
        over = connection.execute(many.having(sa.func.count() > OVERLAP)).all()
        twice = sa.select(given.c.item).where(given.c.turn == 0).group_by(given.c.item, given.c.person)
        again = connection.execute(twice.having(sa.func.count() > 1)).all()
        planned = connection.execute(sa.select(sa.func.min(items.c.needed))).scalar_one()
    return {
        "acknowledged": len(seen.acknowledged),
        "lost": len(set(seen.acknowledged) - set(labels)),
        "kept twice": len(labels) - len(set(labels)),
        "over the plan": len(over) + (planned < 0),
        "given twice to one person": len(again),
    }


def at(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def measure(name: str, place: str, options: argparse.Namespace) -> bool:
    """One database: prints a table; whether every bar is met."""
    opened, tokens = populated(place, options.people + 1, options.items)
    with serving(place) as site:
        asyncio.run(warm(site, opened, tokens.pop()))
        seen = asyncio.run(crowd(site, opened, tokens, options.seconds))
    told = checked(place, seen)
    print(f"\n{name}: {options.people} people, {options.seconds:.0f} s each, thinking 3 to 10 s")
    print("| request | n | p50 ms | p99 ms | slowest ms |\n|---|---|---|---|---|")
    for kind, values in (("next item", seen.next), ("draft", seen.draft), ("submit", seen.submit)):
        print(
            f"| {kind} | {len(values)} | {at(values, 0.5):.1f} | {at(values, 0.99):.1f} | {max(values):.1f} |"
        )
    print(
        ", ".join(f"{what}: {count}" for what, count in told.items()), f"failed requests: {len(seen.failed)}"
    )
    fast = all(at(values, 0.99) < BAR_MS for values in (seen.next, seen.submit))
    return (
        fast and not seen.failed and not any(count for what, count in told.items() if what != "acknowledged")
    )


def postgres() -> tuple[str, object]:
    """A cluster of one's own, started as the tests do it."""
    sys.path.append(str(Path(__file__).parent.parent / "tests" / "review"))
    import review_postgres

    if reason := review_postgres.missing():
        raise SystemExit(reason)
    cluster = review_postgres.Cluster()
    return cluster.url("load"), cluster


def main() -> None:
    """Measure on the databases that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    met = []
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in options.databases:
            met.append(measure("SQLite", str(Path(folder) / "review.sqlite"), options))
        if "postgresql" in options.databases:
            place, cluster = postgres()
            try:
                met.append(measure("PostgreSQL", place, options))
            finally:
                cluster.remove()  # type: ignore[attr-defined]
    raise SystemExit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
