"""The runner on toy steps: what is done, what is not done again, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from toys import CALLS, Count, PlainReport, Silent, chain, job

from duecare.cli.plan import Plan
from duecare.cli.run import StepError, run
from duecare.cli.standing import standing
from duecare.core import LedgerError, StudyError
from duecare.ledger import anchor, entries, head, verify
from duecare.vault import keys


@pytest.fixture(autouse=True)
def fresh():
    CALLS.clear()


def go(plan, folder, screen=None):
    return run(plan, folder, screen=screen or Silent(), reporter=PlainReport())


def number(folder, name):
    done = standing(entries(folder)).done[name]
    ((path, _),) = done.outputs.items()
    return int((folder / path / "number.txt").read_text())


def test_a_plan_runs_in_order_and_is_verified(tmp_path):
    result = go(chain(gate=3), tmp_path / "run")
    assert CALLS == ["a", "b", "d", "c"]
    assert result.done == ("a", "b", "d", "c")
    assert number(result.folder, "c") == 3
    assert result.verdict == "pass"
    assert (result.report / "report.html").exists()
    assert not (result.folder / "scratch").exists()
    last = anchor.recall(keys.home(), head(result.folder).run)
    found = verify(result.folder, pinned_key=last[0], last_head=last[1])
    assert {finding.verdict for finding in found} == {"pass"}


def test_a_second_run_does_and_writes_nothing(tmp_path):
    go(chain(), tmp_path)
    before = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"
    }
    CALLS.clear()
    result = go(chain(), tmp_path)
    assert CALLS == []
    assert result.done == ()
    assert result.kept == ("a", "b", "d", "c")
    after = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"
    }
    assert after == before


def test_a_changed_setting_redoes_only_what_depends_on_it(tmp_path):
    go(chain(), tmp_path)
    CALLS.clear()
    result = go(chain(b=5), tmp_path)
    assert CALLS == ["b", "c"]
    assert result.kept == ("a", "d")
    assert number(tmp_path, "c") == 7
    CALLS.clear()
    go(chain(b=5, a=2), tmp_path)
    assert CALLS == ["a", "b", "d", "c"]  # the control: all depend on a


def test_going_back_to_earlier_settings_does_nothing_again_but_says_what_counts(tmp_path):
    go(chain(b=1), tmp_path)
    go(chain(b=5), tmp_path)
    CALLS.clear()
    result = go(chain(b=1), tmp_path)
    assert CALLS == []
    assert result.done == ()
    assert number(tmp_path, "c") == 3
    latest = [entry for entry in entries(tmp_path) if entry.happened == "step.finished" and entry.job == "c"][
        -1
    ]
    assert latest.note.topic == "kept"
    assert latest.estimates[0].value == 3
    assert {finding.verdict for finding in verify(tmp_path)} == {"pass", "insufficient evidence"}


def test_what_only_changes_speed_changes_nothing(tmp_path):
    plan = Plan(name="p", settings={}, jobs=(job(Count(name="a", workers=1)),))
    again = Plan(name="p", settings={}, jobs=(job(Count(name="a", workers=8)),))
    go(plan, tmp_path)
    go(again, tmp_path)
    assert CALLS == ["a"]
    go(Plan(name="p", settings={}, jobs=(job(Count(name="a", seed=1)),)), tmp_path)
    assert CALLS == ["a", "a"]  # the control: a seed does


def test_equal_results_end_the_redoing(tmp_path):
    """Two ways to one number: what comes after it need not be done again."""

    def plan(fail):
        return Plan(
            name="p",
            settings={"fail": fail},
            jobs=(job(Count(name="a", fail=fail)), job(Count(name="b"), "a")),
        )

    go(plan(""), tmp_path)
    CALLS.clear()
    go(plan("no such way to fail"), tmp_path)
    assert CALLS == ["a"]
    assert set(standing(entries(tmp_path)).done) == {"a", "b"}


def test_a_changed_file_outside_the_run_is_noticed(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("1")
    plan = Plan(name="p", settings={}, jobs=(job(Count(name="a"), files={"data.csv": data}),))
    go(plan, tmp_path / "run")
    go(plan, tmp_path / "run")
    assert CALLS == ["a"]
    data.write_text("2")
    go(plan, tmp_path / "run")
    assert CALLS == ["a", "a"]
    finished = [entry for entry in entries(tmp_path / "run") if entry.happened == "step.finished"]
    assert finished[0].inputs.keys() == {"external:data.csv"}


def test_a_moved_run_goes_on(tmp_path):
    go(chain(), tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    CALLS.clear()
    go(chain(), tmp_path / "there")
    assert CALLS == []


def test_a_damaged_result_is_made_again(tmp_path):
    go(chain(), tmp_path)
    next((tmp_path / "artifacts").glob("b-*/number.txt")).write_text("99")
    CALLS.clear()
    go(chain(), tmp_path)
    assert CALLS == ["b"]


def test_a_lost_report_is_built_again_and_nothing_else(tmp_path):
    go(chain(), tmp_path)
    (tmp_path / "report" / "report.html").write_text("edited")
    count = len(entries(tmp_path))
    CALLS.clear()
    go(chain(), tmp_path)
    assert CALLS == []
    assert (tmp_path / "report" / "report.html").read_text() == "a report"
    assert [entry.happened for entry in entries(tmp_path)[count:]] == ["report"]


def test_what_a_step_tells_is_on_record_before_it_fails(tmp_path):
    with pytest.raises(StepError, match="do not add up") as caught:
        go(chain(fail="data"), tmp_path)
    assert caught.value.job == "c"
    *_, failed = entries(tmp_path)
    assert (failed.happened, failed.job) == ("step.failed", "c")
    told = [entry for entry in entries(tmp_path) if entry.happened == "told" and entry.job == "c"]
    assert told[0].estimates[0].metric == "toy.midway"
    assert told[1].note.text == "Added."
    stand = standing(entries(tmp_path))
    assert (stand.next, stand.failed.job, stand.finished) == ("c", "c", False)
    CALLS.clear()
    go(chain(), tmp_path)
    assert CALLS == ["c"]
    assert standing(entries(tmp_path)).failed is None


def test_somebody_elses_error_is_recorded_without_its_words(tmp_path):
    with pytest.raises(StepError, match="ValueError in toys, line"):
        go(chain(fail="bug"), tmp_path)
    assert b"SECRET" not in (tmp_path / "ledger" / "log.jsonl").read_bytes()


def test_a_file_that_was_promised_and_not_written_is_an_error(tmp_path):
    with pytest.raises(StepError, match=r"nowhere\.txt"):
        go(chain(fail="missing"), tmp_path)


def test_a_failed_gate_is_a_verdict_not_an_error(tmp_path):
    result = go(chain(gate=2), tmp_path)
    assert result.verdict == "fail"
    finished = [entry for entry in entries(tmp_path) if entry.happened == "run.finished"][-1]
    assert finished.note.data["verdict"] == "fail"
    assert go(chain(gate=2), tmp_path).verdict == "fail"  # also where nothing was done


def test_the_screen_sees_jobs_and_progress(tmp_path):
    screen = Silent()
    go(chain(), tmp_path, screen)
    assert screen.seen[:4] == [
        ("begin", "a"),
        ("progress", 1),
        ("note", "toy"),
        ("end", "a", "worked", True),
    ]
    screen = Silent()
    go(chain(c=2), tmp_path, screen)
    assert ("end", "a", None, True) in screen.seen
    assert ("end", "c", "worked", True) in screen.seen


def test_a_plan_must_be_in_order():
    with pytest.raises(StudyError, match="which no earlier job makes"):
        Plan(name="p", settings={}, jobs=(job(Count(name="b"), "a"), job(Count(name="a"))))
    with pytest.raises(StudyError, match="planned twice"):
        Plan(name="p", settings={}, jobs=(job(Count(name="a")), job(Count(name="a"))))


def test_another_users_run_is_refused(tmp_path, monkeypatch):
    go(chain(), tmp_path / "run")
    monkeypatch.setenv("DUECARE_HOME", str(tmp_path / "other"))
    with pytest.raises(LedgerError):
        go(chain(b=2), tmp_path / "run")


def test_a_rolled_back_run_is_refused(tmp_path):
    import shutil

    go(chain(), tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    go(chain(b=2), tmp_path / "run")
    with pytest.raises(LedgerError, match="rolled back"):
        go(chain(b=3), tmp_path / "copy")


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits it ignored
sys.path.insert(0, {tests!r})
from pathlib import Path
from toys import Slow, Silent, PlainReport, Count, job
from duecare.cli.plan import Plan
from duecare.cli.run import run
plan = Plan(name="p", settings={{}}, jobs=(job(Count(name="a")), job(Slow(rounds=6, pause=0.3), "a")))
run(plan, Path({run!r}), screen=Silent(), reporter=PlainReport())
"""


def slow_run(folder: Path) -> subprocess.Popen:
    script = textwrap.dedent(SCRIPT).format(tests=str(Path(__file__).parent), run=str(folder))
    return subprocess.Popen([sys.executable, "-c", script], env=os.environ, stderr=subprocess.DEVNULL)


def wait_for_rounds(folder: Path, rounds: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(list(folder.glob("scratch/slow-*/.resume/*"))) >= rounds:
            return
        time.sleep(0.02)
    raise AssertionError("the slow step never began")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_killed_run_goes_on_where_it_was(tmp_path, how):
    folder = tmp_path / "run"
    first = slow_run(folder)
    wait_for_rounds(folder, 2)
    first.send_signal(how)
    assert first.wait(60) != 0
    told = [
        entry.estimates[0].value for entry in entries(folder) if entry.happened == "told" and entry.estimates
    ]
    assert told[-1] >= 1  # durable before the kill
    failed = [entry for entry in entries(folder) if entry.happened == "step.failed"]
    assert len(failed) == (1 if how == signal.SIGINT else 0)
    assert slow_run(folder).wait(60) == 0
    stand = standing(entries(folder))
    assert stand.finished
    assert stand.done["slow"].estimates[0].value == 2  # two processes worked on it: it was not begun anew
    assert [e.job for e in entries(folder) if e.happened == "step.finished"] == ["a", "slow"]
    assert not any(finding.verdict == "fail" for finding in verify(folder))
