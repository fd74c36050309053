"""What a step holds while rows go by, and that counting by batches counts the same."""

from __future__ import annotations

import gc
import random
import tracemalloc
import weakref

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources_on_disk import made_artifact, unheard

from duecare.core import Artifact, Example
from duecare.core.table import EXAMPLES, table
from duecare.curate import flow
from duecare.curate.flow import Sifted, batches, changes, memberships, sift
from duecare.curate.mention import mentions
from duecare.curate.near import near_rows
from duecare.curate.overlap import Duplicates
from duecare.curate.partition import in_lots


def row(place, said):
    return Example(row=f"data:{place}", key="k", source="data", kind="text", text=said)


@pytest.fixture
def large(tmp_path):
    """An artifact of some 8 MB that nothing compresses, in 40 row groups."""
    chance = random.Random(0)
    with pq.ParquetWriter(tmp_path / "kept.parquet", EXAMPLES) as writer:
        for group in range(40):
            writer.write_table(
                table([row(2 * group + at, chance.randbytes(50_000).hex()) for at in range(2)])
            )
    return Artifact(job="read:data", path=tmp_path, digest="d")


def most_held(read):
    tracemalloc.start()
    try:
        rows = sum(len(batch) for batch in read)
        return rows, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_rows_that_went_by_are_not_kept(large, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", 2)
    size = (large.path / "kept.parquet").stat().st_size
    assert size > 4_000_000
    rows, held = most_held(batches(large))
    assert rows == 80
    assert held < size / 4


def test_the_control_reading_ahead_keeps_the_file(large):
    size = (large.path / "kept.parquet").stat().st_size
    with (large.path / "kept.parquet").open("rb") as raw, pq.ParquetFile(raw, pre_buffer=True) as file:
        _, held = most_held(file.iter_batches(batch_size=2))
    assert held > size / 2


def test_chosen_rows_come_with_their_positions_and_others_groups_stay_unread(large, monkeypatch):
    asked = []
    real = pq.ParquetFile.iter_batches

    def asking(self, *given, row_groups, **more):
        asked.extend(row_groups)
        return real(self, *given, row_groups=row_groups, **more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", asking)
    wanted = np.zeros(80, dtype=bool)
    assert list(flow.chosen(large, wanted)) == []
    wanted[[4, 5, 7, 79]] = True
    for size in (1, 100):
        monkeypatch.setattr(flow, "BATCH", size)
        found = [
            (place, name)
            for places, rows in flow.chosen(large, wanted)
            for place, name in zip(places.tolist(), rows.column("row").to_pylist(), strict=True)
        ]
        assert found == [(place, f"data:{place}") for place in (4, 5, 7, 79)]
    assert asked == [2, 3, 39] * 2


SAID = [
    "the clerk was kind",
    "women wait longer here",
    "a woman called twice",
    "women wait longer here",
    "men wait as long",
    "a woman called twice",
    "the clerk was kind",
    "old women and old men",
]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_whose_mention_goes_is_counted_alike_in_any_batches(size, tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", size)
    inputs = made_artifact([row(place, said) for place, said in enumerate(SAID)], tmp_path / "in")
    (out := tmp_path / "out").mkdir()
    outcome = Duplicates().run(inputs, out, unheard)
    told = {
        (each.slice["axis"], each.slice["group"]): (each.value, each.n)
        for each in outcome.estimates
        if each.metric == "curate.removed.mentioning"
    }
    seen = mentions(batches(inputs["examples"]))
    removed = mentions(batches(Artifact(job="x:data", path=out, digest="x"), "dropped.parquet"))
    assert told == {key: (removed[key] / count, count) for key, count in seen.items()}
    assert any(0 < share < 1 for share, _ in told.values())


def test_where_rows_are_sure_to_go_none_is_read_again_for_its_mentions(tmp_path, monkeypatch):
    """The control drops the same rows without having said so."""
    monkeypatch.setattr(flow, "BATCH", 1)
    inputs = made_artifact([row(place, said) for place, said in enumerate(SAID)], tmp_path / "in")
    told, read, real = [], [], flow._examples
    monkeypatch.setattr(flow, "_examples", lambda *given: read.append(given) or real(*given))

    def unsaid(*given, whose):
        return sift(*given)

    for name, doing in (("said", sift), ("unsaid", unsaid)):
        monkeypatch.setattr("duecare.curate.overlap.sift", doing)
        (out := tmp_path / name).mkdir()
        told.append(Duplicates().run(inputs, out, unheard).estimates)
        read.append(name)
    assert [each for each in read if isinstance(each, str)] == ["said", "unsaid"]
    assert [read.index("said"), read.index("unsaid") - read.index("said") - 1] == [2, 3]
    assert told[0] == told[1]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_row_counts_once_however_much_is_changed_in_it(size, tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "BATCH", size)

    def operate(batch):
        names = [name for name in batch.column("row").to_pylist() if name != "data:0"]
        reason = {"key": "k", "step": "s", "action": "changed", "reason": "r"}
        return Sifted(batch, batch.slice(0, 0), changes([{"row": name, **reason} for name in names * 3]))

    inputs = made_artifact([row(place, said) for place, said in enumerate(SAID)], tmp_path / "in")
    (out := tmp_path / "out").mkdir()
    told = {each.metric: each.value for each in sift(inputs, out, unheard, operate).estimates}
    assert told["curate.rows.changed"] == len(SAID) - 1
    assert told["curate.rows.in"] == told["curate.rows.kept"] == len(SAID)


def test_rows_that_do_not_count_are_near_to_none(tmp_path):
    read = made_artifact([row(place, SAID[0]) for place in range(3)], tmp_path / "in")["examples"]
    shown = []
    with near_rows(read, 0.8, tmp_path, unheard, seen=shown.append) as near:
        assert near.clusters().tolist() == [0, 0, 0]  # control
    with near_rows(read, 0.8, tmp_path, unheard, wanted=lambda: np.array([True, False, True])) as near:
        assert near.clusters().tolist() == [0, 1, 0]
    assert [len(batch) for batch in shown] == [3]


def test_rows_without_groups_declare_none():
    none = table([row(0, "a")]).to_batches()[0]
    assert memberships(none) == memberships(none.slice(0, 0)) == {}
    assert isinstance(none, pa.RecordBatch)


class Cycle:
    """Held by itself alone: only a search for cycles lets it go."""

    def __init__(self):
        self.own = self


def test_cycles_made_in_one_lot_are_let_go_of_before_the_lot_after_next():
    held, most = weakref.WeakSet(), 0
    for _, lot in in_lots(range(20_000), 2000):
        assert not gc.isenabled()
        for _ in lot:
            held.add(Cycle())
        most = max(most, len(held))
    assert gc.isenabled()
    assert 2000 <= most <= 4000


def left_early():
    for _ in in_lots(range(9), 2):
        break


def failing():
    for _ in in_lots(range(9), 2):
        raise KeyError("consumer")


def fed_by_what_fails():
    for _ in in_lots((1 // (3 - each) for each in range(9)), 2):
        pass


def suspended():
    def onward():
        yield from in_lots(range(9), 2)

    next(onward())


@pytest.mark.parametrize("act", [left_early, failing, fed_by_what_fails, suspended])
@pytest.mark.parametrize("searched", [True, False])
def test_cycles_are_searched_for_again_however_lots_end(act, searched):
    (gc.enable if searched else gc.disable)()
    try:
        try:
            act()
        except (KeyError, ZeroDivisionError):
            assert gc.isenabled() is searched  # also while the error is held
        assert gc.isenabled() is searched
    finally:
        gc.enable()
