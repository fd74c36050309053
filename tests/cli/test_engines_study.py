"""A whole study of curation on each engine: the same bytes in every artifact; and nobody is told about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.ledger import entries

# As Ray does while it is imported and where it ends.
pytestmark = [
    pytest.mark.engines,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STUDY = """\
study: {name: tidy, purpose: "a test", owner: "nobody"}
data:
  said: {source: said.jsonl, kind: text}
curate:
  - toxicity: {limit: 0.5}
  - duplicates
  - decontaminate: {against: {fox: set.jsonl}}
  - stereotypes: {mode: drop}
  - personal: {replace: surrogate}
"""
ITEM = "the quick brown fox jumps over the lazy dog while nobody in the village looks"
SAID = {
    3: "Call Ada Lovelace on ada@lovelace.org, she knows.",
    5: "You stupid idiot, shut up.",
    7: "All women are bad drivers.",
    11: f"It says {ITEM} at all.",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    said = (
        {"text": f"Order {n} came late. " + next((SAID[k] for k in SAID if n % k == 0), "")}
        for n in range(2300)
    )
    Path("said.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said))
    Path("set.jsonl").write_text(json.dumps({"q": ITEM}) + "\n")
    Path("study.yaml").write_text(STUDY)
    return tmp_path


def made(engine: str, workers: int) -> dict[str, str]:
    """Digest of every artifact of a run of the study, by job."""
    call = [
        "run",
        "study.yaml",
        "--run",
        f"{engine}-{workers}",
        "--engine",
        engine,
        "--workers",
        str(workers),
    ]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    log = entries(Path(f"{engine}-{workers}"))
    return {entry.job: str(entry.outputs) for entry in log if entry.job}


def test_a_study_makes_the_same_artifacts_on_every_engine(here: Path) -> None:
    plain = made("local", 1)
    assert {"toxicity:said", "decontaminate:said", "stereotypes:said", "personal:said"} <= plain.keys()
    assert made("local", 2) == plain
    assert made("daft", 2) == plain
    assert made("ray", 2) == plain
    (here / "study.yaml").write_text(STUDY.replace("limit: 0.5", "limit: 0.6"))
    assert made("local", 3) != plain  # control


@pytest.mark.parametrize("name", ["daft", "ray"])
def test_an_engine_tells_its_makers_nothing_even_where_it_is_asked_to(name: str) -> None:
    asked = {"DAFT_ANALYTICS_ENABLED": "1", "RAY_USAGE_STATS_ENABLED": "1"}
    inside = {key: value for key, value in os.environ.items() if key not in ("DO_NOT_TRACK", "CI")} | asked
    script = """
        import sys, threading
        called = []
        def watch(what, about):
            if what == "urllib.Request":
                called.append(about)
                raise OSError("nobody is told")
        sys.addaudithook(watch)
        if sys.argv[2] == "ours":
            from duecare.curate.engine import engine_of
            engine_of(sys.argv[1], 2)
        import daft
        import ray._common.usage.usage_lib as usage
        for thread in threading.enumerate():
            thread is threading.current_thread() or thread.join(5)
        told = {"daft": bool(called), "ray": usage.usage_stats_enabled()}
        print(told[sys.argv[1]])
    """
    said = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), name, how],
            env=inside,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for how in ("ours", "theirs")
    ]
    assert said == [["False"], ["True"]]  # control: without us it would
