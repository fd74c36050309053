"""The commands that read a run, on runs of toy steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
from toys import CALLS, PlainReport, Silent, chain
from typer.testing import CliRunner

from duecare.cli import show, show_run
from duecare.cli.main import app
from duecare.cli.run import StepError, run
from duecare.ledger import entries
from duecare.ledger.lock import Lock

COMMANDS = (
    *("init", "check", "run", "status", "verify", "report", "models", "plan", "detectors", "chat"),
    *("why", "lineage", "diff", "history", "checkpoint", "witness", "prove", "bundle", "stamp"),
    *("sign", "attest", "approve", "waive", "release"),
    *("forget", "push", "pull", "explain", "memorised"),
)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CALLS.clear()
    return run(chain(gate=2), tmp_path / "runs" / "toys", screen=Silent(), reporter=PlainReport()).folder


def test_status_of_a_finished_run(done):
    said = call("status", done)
    assert said.exit_code == 0
    assert said.output.count("done") == 4
    assert "✗ fail  gate.toy.total: at most 2  3, n = " not in said.output  # the gate has no estimate
    assert "✗ fail  gate.toy.total: at most 2" in said.output
    assert "report.html" in said.output


def test_a_reader_that_has_gone_is_no_defect(done):
    """As in `duecare status RUN | head -0`."""
    code = "from duecare.cli.main import app; app(['status', 'runs/toys'])"
    reader, writer = os.pipe()
    os.close(reader)
    left = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert "defect" not in left.stderr


def test_the_latest_run_is_meant_where_none_is_named(done):
    assert "toys in runs/toys" in call("status").output


def test_a_study_file_names_its_run(done, tmp_path):
    (tmp_path / "s.yaml").write_text("study: {name: toys}\n")
    assert "toys in runs/toys" in call("status", "s.yaml").output


def test_status_of_a_run_that_stopped(tmp_path):
    with pytest.raises(StepError):
        run(chain(fail="data"), tmp_path / "r", screen=Silent(), reporter=PlainReport())
    said = call("status", tmp_path / "r")
    assert said.exit_code == 0
    assert "stopped" in said.output
    assert "the numbers do not add up" in said.output
    assert "Next: c" in said.output


def test_status_of_a_run_that_is_being_written(tmp_path):
    with pytest.raises(StepError):
        run(chain(fail="data"), tmp_path / "r", screen=Silent(), reporter=PlainReport())
    lock = Lock(tmp_path / "r" / "ledger" / "lock")
    assert "Working on c now." in call("status", tmp_path / "r").output
    lock.release()
    assert "Next: c" in call("status", tmp_path / "r").output


def test_status_where_there_is_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = call("status")
    assert said.exit_code == 1
    assert "no run lies under runs/" in said.output
    assert call("status", tmp_path / "nowhere").exit_code == 1


def test_verify_a_run_made_here(done):
    said = call("verify", done)
    assert said.exit_code == 0, said.output
    assert "Anchored" in said.output


def test_verify_finds_an_edit(done):
    next(done.glob("artifacts/b-*/number.txt")).write_text("7")
    said = call("verify", done)
    assert said.exit_code == 1
    assert "number.txt" in said.output
    assert "Do not rely on this run" in said.output


def test_verify_finds_a_rollback(done, tmp_path):
    shutil.copytree(done, tmp_path / "old")
    run(chain(gate=2, b=9), done, screen=Silent(), reporter=PlainReport())
    said = call("verify", tmp_path / "old")
    assert said.exit_code == 1
    assert "rolled back" in said.output


def test_a_run_from_elsewhere_is_consistent_not_anchored_until_remembered(done, tmp_path, monkeypatch):
    key = entries(done) and show_run.head(done).key
    monkeypatch.setenv("DUECARE_HOME", str(tmp_path / "elsewhere"))
    said = call("verify", done)
    assert said.exit_code == 2
    assert "Consistent, not anchored" in said.output
    assert not (tmp_path / "elsewhere").exists()  # looking makes nothing
    assert call("verify", done, "--key", "0" * 64).exit_code == 1
    assert call("verify", done, "--key", key).exit_code == 2  # a roll-back could not be seen
    assert call("verify", done, "--key", key, "--head", done / "ledger" / "head.json").exit_code == 0
    assert call("verify", done, "--remember").exit_code == 2
    assert call("verify", done).exit_code == 0


def test_verify_what_is_no_run(tmp_path):
    assert call("verify", tmp_path / "nowhere").exit_code == 1


def test_errors_are_words_and_debug_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = call("status")
    assert "Traceback" not in said.output
    debug = call("--debug", "status")
    assert isinstance(debug.exception, show.LedgerError)


def test_somebody_elses_words_are_not_shown_as_an_error(monkeypatch):
    monkeypatch.setattr(show, "show_models", lambda: 1 / 0)
    said = call("models")
    assert said.exit_code == 1
    assert "ZeroDivisionError: a defect of duecare." in said.output


def test_ctrl_c_exits_as_shells_expect(monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "show_models", stop)
    said = call("models")
    assert said.exit_code == 130
    assert "goes on from there" in said.output


def test_models_lists_what_can_be_loaded():
    said = call("models")
    assert said.exit_code == 0
    assert "smollm2-135m-instruct" in said.output
    assert "Apache-2.0" in said.output
    assert ".gguf" in said.output


def test_the_version():
    from duecare.version import __version__

    assert call("--version").output.strip() == f"duecare {__version__}"


def test_every_command_stands_in_the_help_and_teaches_with_an_example():
    said = call("--help").output
    registered = {command.callback.__name__ for command in app.registered_commands}
    assert registered == set(COMMANDS)
    for name in COMMANDS:
        assert f"│ {name} " in said
        help_text = call(name, "--help").output
        assert f"Example: duecare {name}" in help_text


HEAVY = (
    "jax",
    "tunix",
    "flax",
    "torch",
    "pyarrow",
    "polars",
    "numpy",
    "pandas",
    "scipy",
    "cryptography",
    "yaml",
)


def modules_after(code):
    script = f"import sys\n{code}\nprint(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_nothing_heavy():
    code = "from typer.testing import CliRunner\nfrom duecare.cli.main import app\n"
    code += "CliRunner().invoke(app, ['--help'])"
    assert not modules_after(code) & set(HEAVY)
    assert "yaml" in modules_after("import duecare.cli.document")  # the control: this would show


def test_help_is_quick():
    """Half a second is the bar; a loaded machine gets three times as long, the best of five counts."""
    best = 9.0
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from duecare.cli.main import main; main()", "--help"],
            capture_output=True,
            check=True,
            env=os.environ,
        )
        best = min(best, time.perf_counter() - began)
    assert best < 1.5
