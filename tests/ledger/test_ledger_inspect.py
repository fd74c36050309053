"""Long logs are examined by several processes: they find what one finds, and nobody can slip in between."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_run import RUN_ID, failures, log_lines, open_run

from duecare.core import DuecareError, Estimate
from duecare.core.wire import decode, encode, encode_read
from duecare.ledger import inspect_lines
from duecare.ledger.chain import leaf_hash
from duecare.ledger.inspect_lines import examine, leaves_of
from duecare.ledger.log import parse_line


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    run = tmp_path_factory.mktemp("long") / "run"
    with open_run(run, run_id=RUN_ID) as recorder:
        recorder.append("run.started", settings={"study": {"name": "long"}})
        recorder.append_many([{"happened": "told", "job": "sft", "seed": number} for number in range(40)])
        recorder.append("run.finished")
    return [line[:-1] for line in log_lines(run)]


def broken(lines: list[bytes], seed: int) -> list[bytes]:
    """Lines swapped, cut, doubled or turned into garbage."""
    draw, found = random.Random(seed), list(lines)
    for _ in range(draw.randrange(1, 4)):
        place, other = draw.randrange(len(found)), draw.randrange(len(found))
        kind = draw.randrange(4)
        if kind == 0:
            found[place], found[other] = found[other], found[place]
        elif kind == 1:
            found[place] = found[place][: draw.randrange(len(found[place]))]
        elif kind == 2:
            found.insert(place, found[other])
        else:
            found[place] = draw.randbytes(20)
    return found


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_processes_beside_find_what_one_finds(lines: list[bytes], processes: int, seed: int) -> None:
    alone, shared = examine(lines, RUN_ID, 1), examine(lines, RUN_ID, processes)
    assert shared == alone
    assert alone.wrong == []
    assert alone.matter == [0, len(lines) - 1]
    assert leaves_of(alone) == [leaf_hash(line) for line in lines]
    changed = broken(lines, seed)
    assert examine(changed, RUN_ID, processes) == examine(changed, RUN_ID, 1)
    assert examine(changed, RUN_ID, 1).wrong


def test_more_processes_than_lines_and_no_lines(lines: list[bytes]) -> None:
    assert examine(lines[:2], RUN_ID, 5) == examine(lines[:2], RUN_ID, 1)
    assert examine([], RUN_ID, 2).leaves == b""


def test_a_process_that_cannot_start_is_done_without(
    lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = examine(lines, RUN_ID, 1)
    for program in ("/bin/false", "/bin/echo", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", program)
        assert examine(lines, RUN_ID, 2) == expected


def test_nothing_is_imported_from_the_folder_one_stands_in(
    lines: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit(open('caught', 'w').write('x'))")
    (tmp_path / "duecare").mkdir()
    (tmp_path / "duecare" / "__init__.py").write_text("open('caught', 'w').write('x')")
    monkeypatch.chdir(tmp_path)
    assert examine(lines, RUN_ID, 2) == examine(lines, RUN_ID, 1)
    assert not (tmp_path / "caught").exists()


def test_a_long_log_is_verified_by_processes_and_its_faults_are_named(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_lines, "SHARED_FROM", 2)
    assert not failures(run)
    path = run / "ledger" / "log.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"index":4', b'"index":5', 1))
    assert any("entry 4: its index is 5" in each.detail for each in failures(run))


BOUND = st.floats(allow_nan=True) | st.integers(-5, 5) | st.none() | st.sampled_from([1e-5, 0.1, -0.0, 1e300])


@given(value=BOUND, low=BOUND, high=BOUND, level=st.floats(), n=st.integers(-1, 3))
def test_the_quick_way_writes_what_the_careful_one_does(
    value: float | None, low: float | None, high: float | None, level: float, n: int
) -> None:
    given: Any = {"value": value, "low": low, "high": high, "n": n, "level": level}
    try:
        written = encode(Estimate(metric="m", method="t", reason="why", slice={"ä": "ß"}, **given))
    except DuecareError:
        return
    read = decode(written, Estimate)
    assert encode_read(read) == encode(read)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_line_with_no_number_is_no_entry(lines: list[bytes], number: str) -> None:
    record = json.loads(lines[0])
    line = encode(record | {"settings": {"a": 0.5}}).replace(b'"a":0.5', f'"a":{number}'.encode())
    with pytest.raises(DuecareError):
        parse_line(line)


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (float("nan"), 0.0, 1.0, "not finite"),
        (0.5, float("-inf"), 1.0, "not finite"),
        (0.5, 0.0, float("inf"), "not finite"),
        (0.5, 0.6, 1.0, "lies outside"),
        (None, 0.0, 1.0, "all given, or all None"),
        (0.5, None, 1.0, "all given, or all None"),
    ],
)
def test_the_quick_check_of_estimates_refuses_as_before(
    value: float | None, low: float | None, high: float | None, said: str
) -> None:
    with pytest.raises(DuecareError, match=said):
        Estimate(metric="m", value=value, low=low, high=high, n=1, method="t", reason="why")
