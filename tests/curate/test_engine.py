"""Curation over partitions: the same bytes with any number of processes; a failure costs what it must."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_works import Broken, Shouting, Unloadable, many

from duecare.core import DataError, DuecareError, StudyError
from duecare.curate import engine as engine_module
from duecare.curate.contamination import Decontaminate
from duecare.curate.engine import Engine, Finished, Local, engine_of, working_on
from duecare.curate.flow import BATCH, sift
from duecare.curate.partition import (
    Made,
    Partition,
    Work,
    attempt_far,
    from_far,
    pack,
    pack_rows,
    unpack_rows,
)
from duecare.curate.redact import Redact
from duecare.curate.screen import Screen
from duecare.curate.stereotype import Stereotypes
from duecare.ledger.layout import RESUME
from duecare.vault import SUFFIX, home, secret


def quiet(told: object) -> None:
    """Tells nobody."""


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


class Elsewhere:
    """An engine as a cluster is one: rows go there as bytes, results come back as bytes, in waves."""

    def __init__(self) -> None:
        self.carried = 0

    def carry(self, work: Work, parts: Iterator[Partition]) -> Iterator[Made]:
        operator = work.load()
        wave = list(parts)
        found = {}
        for part in reversed(wave):  # whatever order they are worked on in
            again = Partition(part.number, part.start, unpack_rows(pack_rows(part.rows)))
            found[part.number] = attempt_far(work, operator, again)
            self.carried += 1
        yield from (from_far(found[part.number]) for part in wave)


def test_any_number_of_processes_and_any_engine_write_the_same_bytes(tmp_path: Path) -> None:
    read = many(tmp_path / "in", 3, {5: "boom", 4100: "boom"})
    made, outcomes = [], []
    for name, engine in {
        "1": Local(),
        "2": Local(workers=2),
        "3": Local(workers=3),
        "e": Elsewhere(),
    }.items():
        (out := tmp_path / name).mkdir()
        with working_on(engine):
            outcomes.append(sift(read, out, quiet, Shouting()))
        made.append(written(out))
    assert made[0] == made[1] == made[2] == made[3]
    assert outcomes[0] == outcomes[1] == outcomes[2] == outcomes[3]
    kept, dropped = (pq.read_table(tmp_path / "2" / f"{stem}.parquet") for stem in ("kept", "dropped"))
    assert kept.num_rows + dropped.num_rows == 3 * BATCH - 100
    names = kept.column("row").to_pylist()
    assert names == sorted(names, key=lambda name: int(name[2:]))
    (tmp_path / "other").mkdir()
    sift(many(tmp_path / "in2", 3), tmp_path / "other", quiet, Shouting())
    assert written(tmp_path / "other") != made[0]  # control: other rows, other bytes


def test_real_steps_are_the_same_on_an_engine(tmp_path: Path) -> None:
    said = {
        3: "Call Ada Lovelace on ada@lovelace.org",
        2100: "all women are bad drivers",
        2500: "you idiot, die",
    }
    against = tmp_path / "set.jsonl"
    against.write_text(
        '{"q": "the quick brown fox jumps over the lazy dog while nobody in the village looks"}\n'
    )
    said[2300] = "It says the quick brown fox jumps over the lazy dog while nobody in the village looks up."
    read = many(tmp_path / "in", 2, said)
    steps = {
        "toxicity": Screen(),
        "personal": Redact(),
        "stereotypes": Stereotypes(mode="drop"),
        "decontaminate": Decontaminate(against={"fox": str(against)}),
    }
    for name, step in steps.items():
        here, there, engine = tmp_path / f"{name}-here", tmp_path / f"{name}-there", Elsewhere()
        here.mkdir(), there.mkdir()
        first = step.run(read, here, quiet)
        with working_on(engine):
            assert step.run(read, there, quiet) == first
        assert engine.carried == 2
        assert written(here) == written(there)
        assert pq.read_table(here / "changes.parquet").num_rows


def test_a_small_input_starts_no_engine(tmp_path: Path) -> None:
    engine = Elsewhere()
    with working_on(engine):
        sift(many(tmp_path / "in", 1), tmp_path, quiet, Shouting())
    assert engine.carried == 0
    assert not (tmp_path / RESUME).exists()


def test_a_row_that_raises_is_set_apart_alone_and_its_text_is_told_nowhere(tmp_path: Path) -> None:
    outcome = sift(many(tmp_path / "in", 2, {2050: "boom"}), tmp_path, quiet, Shouting())
    aside = pq.read_table(tmp_path / "changes.parquet").filter(pa.compute.field("action") == "set aside")
    assert aside.select(["row", "step", "reason"]).to_pylist() == [
        {"row": "a:2050", "step": "shouting", "reason": "ValueError"}
    ]
    assert "a:2050" in pq.read_table(tmp_path / "dropped.parquet").column("row").to_pylist()
    assert "a:2050" not in pq.read_table(tmp_path / "kept.parquet").column("row").to_pylist()
    (finding,) = outcome.findings
    assert finding.name == "curate.shouting.set_aside"
    assert "Ada" not in finding.detail
    counted = {each.metric: each.value for each in outcome.estimates if each.metric.startswith("curate.rows")}
    assert counted["curate.rows.set_aside"] == 1
    assert counted["curate.rows.kept"] + counted["curate.rows.dropped"] == counted["curate.rows.in"]


def test_an_operator_that_fails_on_every_row_is_no_matter_of_rows(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"^broken: KeyError on every row of partition 0 \(rows 0 to 2047\)"
    ) as told:
        sift(many(tmp_path / "in", 2), tmp_path, quiet, Broken())
    assert "LOUD" not in str(told.value)


def test_a_text_that_a_screen_cannot_score_costs_its_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.curate import scoring
    from duecare.detect import load

    real = load("toxicity")

    class Choosy:
        instrument = real.instrument

        def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
            if any(each == "quiet words 9" for each in batch.column("text").to_pylist()):
                raise ValueError("quiet words 9")
            return real(batch)

    monkeypatch.setattr(scoring.Scoring, "scorer", lambda self: Choosy())
    outcome = Screen().run(many(tmp_path / "in", 2, {10: "you idiot"}), tmp_path, quiet)
    dropped = pq.read_table(tmp_path / "dropped.parquet").column("row").to_pylist()
    assert dropped == ["a:10", "a:9"]
    scores = pq.read_table(tmp_path / "scores.parquet")
    assert scores.num_rows == 2 * BATCH - 100
    assert scores.filter(pa.compute.field("row") == "a:9").column("reason").to_pylist() == [
        "ValueError was raised"
    ]
    assert "curate.toxicity.set_aside" in {each.name for each in outcome.findings}
    assert {each.metric: each.value for each in outcome.estimates}["curate.rows.unscored"] == 0


def test_a_process_that_dies_costs_a_retry(tmp_path: Path) -> None:
    read = many(tmp_path / "in", 3, {2100: "die"})
    (tmp_path / "plain").mkdir(), (tmp_path / "out").mkdir()
    survived = tmp_path / "died-once"
    with working_on(Local(workers=2)):
        sift(read, tmp_path / "out", quiet, Shouting(once=str(survived)))
    assert survived.exists()
    sift(read, tmp_path / "plain", quiet, Shouting(once=str(survived)))
    assert written(tmp_path / "out") == written(tmp_path / "plain")


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_detector_on_which_compiled_code_gives_up_is_a_clear_stop(partitions: int, tmp_path: Path) -> None:
    """In this very process too: where all rows are one partition, and where there are several."""
    read = many(tmp_path / "in", partitions)
    with pytest.raises(DuecareError, match=r"^unloadable: PanicException while its detector was loaded$"):
        sift(read, tmp_path, quiet, Unloadable(panics=True))


def test_a_process_that_always_dies_is_told_with_step_and_partition(tmp_path: Path) -> None:
    read = many(tmp_path / "in", 2, {2100: "die"})
    with (
        working_on(Local(workers=2)),
        pytest.raises(
            DuecareError, match=r"^shouting: partition 1 \(rows 2048 to 3995\): its process died 3 times"
        ),
    ):
        sift(read, tmp_path, quiet, Shouting())


def test_a_killed_run_goes_on_after_the_last_finished_partition(tmp_path: Path) -> None:
    read, log, out = many(tmp_path / "in", 3), tmp_path / "log", tmp_path / "out"
    out.mkdir()

    class Killed(BaseException):
        pass

    def kill(told: object) -> None:
        if getattr(told, "done", 0) >= 2 * BATCH:
            raise Killed

    with pytest.raises(Killed):
        sift(read, out, kill, Shouting(log=str(log)))
    assert log.read_text().split() == ["a:0", "a:2048"]
    parts = sorted((out / RESUME).rglob("*.part"))
    parts[1].write_bytes(parts[1].read_bytes()[:-20])  # the kill came before all of it was on the disk
    sift(read, out, quiet, Shouting(log=str(log)))
    assert log.read_text().split() == ["a:0", "a:2048", "a:2048", "a:4096"]
    assert not list((out / RESUME).rglob("*.part"))
    (tmp_path / "plain").mkdir()
    sift(read, tmp_path / "plain", quiet, Shouting())
    assert written(out) == written(tmp_path / "plain")


def test_what_is_finished_belongs_to_one_work_on_one_input(tmp_path: Path) -> None:
    read = many(tmp_path / "in", 2)["examples"]
    Finished(tmp_path, Shouting(), read, None).add(0, Made({}, {0: "ValueError"}))
    assert Finished(tmp_path, Shouting(), read, None).find(0) == Made({}, {0: "ValueError"})
    assert Finished(tmp_path, Shouting(log="x"), read, None).find(0) is None


def test_sealed_rows_lie_open_nowhere_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(home(), "s")
    read = many(tmp_path / "in", 2, {1: "Her name is Zebulonia Quux, boom"}, seal="s")
    out, found = tmp_path / "out", []
    out.mkdir()
    sift(read, out, lambda told: found.extend((out / RESUME).rglob("*.part*")), Shouting(), plain=True)
    assert found
    assert all(path.suffix == SUFFIX for path in found)
    # What could not be worked on was not made fit to lie open either.
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        "kept.parquet", "dropped.parquet.sealed", "changes.parquet",
    }  # fmt: skip
    assert not [path for path, data in written(out).items() if b"Zebulonia" in data]


def test_a_full_disk_is_told_with_step_and_folder_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, out = many(tmp_path / "in", 2), tmp_path / "out"
    out.mkdir()
    writes = []

    def full(made: Made) -> bytes:
        writes.append(1)
        if len(writes) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pack(made)

    monkeypatch.setattr(engine_module, "pack", full)
    with pytest.raises(DuecareError, match=r"^shouting: the disk is full, at .*out"):
        sift(read, out, quiet, Shouting())
    assert not written(out)
    assert [path.name for path in (out / RESUME).rglob("*") if path.is_file()] == ["00000000.part"]
    with monkeypatch.context() as again:
        again.setattr(pq.ParquetWriter, "write_batch", lambda *_: full(Made({})) and 1 / 0)
        again.setattr(engine_module, "pack", pack)
        writes.clear(), writes.append(1)
        with pytest.raises(DuecareError, match="the disk is full"):
            sift(read, out, quiet, Shouting())
    assert not written(out)


def test_partitions_in_flight_are_bounded(tmp_path: Path) -> None:
    taken, given = 0, 0

    def parts() -> Iterator[Partition]:
        nonlocal taken
        batch = next(
            iter(pq.ParquetFile(many(tmp_path / "in", 1)["examples"].path / "kept.parquet").iter_batches(8))
        )
        for number in range(12):
            taken += 1
            yield Partition(number, 8 * number, batch)

    for _ in Local(workers=2).carry(Shouting(), parts()):
        given += 1
        assert taken - given <= 2 * 2
    assert given == 12


@pytest.mark.parametrize("engine", [Local(), Local(workers=2), Elsewhere()])
def test_what_stops_a_step_stops_it_on_any_engine(tmp_path: Path, engine: Engine) -> None:
    with (
        working_on(engine),
        pytest.raises(DuecareError, match=r"^broken: KeyError on every row of partition 0"),
    ):
        sift(many(tmp_path / "in", 2), tmp_path, quiet, Broken())


@pytest.mark.parametrize("name", ["daft", "ray"])
def test_an_engine_whose_package_is_absent_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"duecare.curate.engine_{name}", raising=False)
    with pytest.raises(DuecareError, match=rf"engine {name} needs: pip install '{name}"):
        engine_of(name, 2)


def test_a_wrong_number_of_workers_is_refused() -> None:
    with pytest.raises(StudyError, match=r"engine.workers = 0: expected a whole number from 1"):
        Local(workers=0)
