"""Many at once: no item is given to more people than planned, and no acknowledged answer is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import review_postgres
import sqlalchemy as sa
from review_rounds import candidates, joined, plan

from duecare.review import desk, schema
from duecare.review.desk import Shown
from duecare.review.errors import BusyError, GoneError
from duecare.review.person import Person
from duecare.review.plan import Quality
from duecare.review.rounds import open_round
from duecare.review.store import Store

PEOPLE, ITEMS, OVERLAP = 50, 40, 3
CHILD = Path(__file__).parent / "annotator_child.py"


def audit(store: Store, round: str, overlap: int) -> int:
    """Every promise of the queue, looked at row by row; how many labels count."""
    with store.read() as connection:
        items = {row.id: row for row in connection.execute(sa.select(schema.items))}
        given = connection.execute(sa.select(schema.assignments)).all()
        decided = {row.id: row for row in connection.execute(sa.select(schema.decisions))}
    held = Counter(row.item for row in given if row.turn == 0 and row.state in ("given", "answered"))
    done = Counter(row.item for row in given if row.turn == 0 and row.state == "answered")
    for name, item in items.items():
        assert held[name] + item.needed == overlap, "a place was lost, or given twice"
        assert held[name] <= overlap
        assert done[name] == item.done
    people = Counter((row.item, row.person) for row in given if row.turn == 0)
    assert max(people.values(), default=1) == 1
    for row in given:
        if row.state == "answered":
            assert decided[row.decision].kind == "label"
            assert (decided[row.decision].item, decided[row.decision].person) == (row.item, row.person)
    numbers = Counter((row.person, row.number) for row in decided.values())
    assert max(numbers.values(), default=1) == 1
    return sum(done.values())


def work(
    store: Store, person: Person, round: str, said: dict[str, dict[str, int]], random: random.Random
) -> None:
    """Take, answer, skip, take back, and answer twice, as people do; what was acknowledged is noted."""
    while isinstance(shown := desk.next_item(store, person, round), Shown):
        chance, value = random.random(), random.randint(1, 3)
        if chance < 0.05:
            desk.skip(store, person, shown.assignment, "cannot say")
            continue
        decision = desk.submit(store, person, shown.assignment, {"harm": value})
        said[decision] = {"harm": value}
        if chance < 0.15:
            assert desk.submit(store, person, shown.assignment, {"harm": value}) == decision
        if chance > 0.9:
            try:
                back = desk.undo(store, person)
            except GoneError:
                continue
            if back is not None:
                said.pop(decision)


def test_fifty_annotators_at_once(store: Store) -> None:
    opened = open_round(
        store, candidates(ITEMS), plan(overlap=OVERLAP, quality=Quality(consistency=0.1, apart=2))
    )
    people = [joined(store, number, "annotator") for number in range(PEOPLE)]
    said: list[dict[str, dict[str, int]]] = [{} for _ in people]
    failures: list[BaseException] = []

    def one(place: int) -> None:
        try:
            work(store, people[place], opened.id, said[place], random.Random(place))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert audit(store, opened.id, OVERLAP) >= ITEMS * OVERLAP - 20  # what was skipped at the end may be open
    with store.read() as connection:
        kept = {
            row.id: row.answers
            for row in connection.execute(
                sa.select(schema.decisions).join(
                    schema.assignments, schema.assignments.c.decision == schema.decisions.c.id
                )
            )
            if row.kind == "label"
        }
    assert {name: answers for each in said for name, answers in each.items()} == kept


def test_one_person_with_many_tabs_has_one_item(store: Store) -> None:
    opened = open_round(store, candidates(20), plan(overlap=2))
    person, seen = joined(store, 1, "annotator"), list[str]()

    def tab() -> None:
        shown = desk.next_item(store, person, opened.id)
        assert isinstance(shown, Shown)
        seen.append(shown.assignment)

    threads = [threading.Thread(target=tab) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(seen), len(set(seen))) == (12, 1)
    decisions = set[str]()

    def send() -> None:
        decisions.add(desk.submit(store, person, seen[0], {"harm": 2}))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decisions) == 1
    assert audit(store, opened.id, 2) == 1


def test_a_round_that_is_closed_under_them_loses_no_answer(store: Store, tmp_path: Path) -> None:
    """What was acknowledged is in the export that is written right after closing."""
    import pyarrow.parquet as pq

    from duecare.review import export
    from duecare.review.rounds import close_round

    opened = open_round(store, candidates(200), plan(overlap=2))
    people = [joined(store, number, "annotator") for number in range(12)]
    said = list[str]()

    def one(person: Person) -> None:
        try:
            while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
                said.append(desk.submit(store, person, shown.assignment, {"harm": 1}))
        except GoneError:
            return

    threads = [threading.Thread(target=one, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    while len(said) < 40:
        time.sleep(0.005)
    close_round(store, opened.id)
    export.write(store, opened.id, tmp_path)
    for thread in threads:
        thread.join()
    kept = set(pq.read_table(tmp_path / "labels.parquet").column("decision").to_pylist())
    assert set(said) == kept


def test_the_audit_can_fail(store: Store) -> None:
    """Control: a place that is given without being taken is seen."""
    opened = open_round(store, candidates(3), plan(overlap=1))
    person = joined(store, 1, "annotator")
    assert isinstance(desk.next_item(store, person, opened.id), Shown)
    audit(store, opened.id, 1)
    with store.begin() as connection:
        connection.execute(sa.update(schema.items).values(needed=1))
    with pytest.raises(AssertionError, match="given twice"):
        audit(store, opened.id, 1)


def _children(place: str, round: str, people: list[Person], folder: Path) -> list[subprocess.Popen[bytes]]:
    """Processes that annotate and write down what was acknowledged, each line on the disk before the next."""
    each = [people[start :: len(people) // 10] for start in range(len(people) // 10)]
    return [
        subprocess.Popen(
            [sys.executable, str(CHILD), place, round, str(folder / f"{number}.log"), *[p.id for p in some]]
        )
        for number, some in enumerate(each)
    ]


def _acknowledged(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.glob("*.log"):
        for line in path.read_text().splitlines():
            try:
                decision, value = json.loads(line)
            except ValueError:
                continue  # the line under way when the process was killed: not acknowledged
            found[decision] = value
    return found


def _kept(store: Store) -> dict[str, int]:
    with store.read() as connection:
        rows = connection.execute(sa.select(schema.decisions).where(schema.decisions.c.kind == "label")).all()
    return {row.id: row.answers["harm"] for row in rows}


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_a_server_killed_in_the_middle_loses_nothing(place: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with Store.open(place) as store:
        opened = open_round(store, candidates(100), plan(overlap=OVERLAP, lease_minutes=0.02))
        people = [joined(store, number, "annotator") for number in range(PEOPLE)]
    for _ in range(2):
        children = _children(place, opened.id, people, logs)
        before, ends = len(_acknowledged(logs)), time.monotonic() + 60
        while len(_acknowledged(logs)) < before + 60 and time.monotonic() < ends:
            time.sleep(0.05)
        for child in children:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
    with Store.open(place) as store:
        acknowledged = _acknowledged(logs)
        assert len(acknowledged) >= 120
        kept = _kept(store)
        assert {name: kept.get(name) for name in acknowledged} == acknowledged
        audit(store, opened.id, OVERLAP)
        time.sleep(1.5)  # leases of the dead run out
        for person in people[:OVERLAP]:  # and the round can be finished
            while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
                desk.submit(store, person, shown.assignment, {"harm": 1})
        assert audit(store, opened.id, OVERLAP) == 100 * OVERLAP


def test_postgresql_restarted_under_it_loses_nothing() -> None:
    if reason := review_postgres.missing():
        pytest.skip(reason)
    cluster = review_postgres.Cluster()
    try:
        _restarted(cluster)
    finally:
        cluster.remove()


def _restarted(cluster: review_postgres.Cluster) -> None:
    with Store.open(cluster.url("restarted")) as store:
        opened = open_round(store, candidates(60), plan(overlap=OVERLAP))
        people = [joined(store, number, "annotator") for number in range(20)]
        said: dict[str, int] = {}
        away = threading.Event()
        waited: list[int] = []

        def one(person: Person) -> None:
            while True:
                try:
                    shown = desk.next_item(store, person, opened.id)
                    if not isinstance(shown, Shown):
                        return
                    decision = desk.submit(store, person, shown.assignment, {"harm": 1})
                    said[decision] = 1
                    time.sleep(0.01)
                except BusyError:
                    away.set()
                    waited.append(1)
                    time.sleep(0.2)

        threads = [threading.Thread(target=one, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        while len(said) < 30:
            time.sleep(0.01)
        cluster.stop("immediate")  # as a crash
        away.wait(10)
        cluster.start()
        for thread in threads:
            thread.join()
        assert waited
        kept = _kept(store)
        assert {name: kept.get(name) for name in said} == said
        assert audit(store, opened.id, OVERLAP) == 60 * OVERLAP
