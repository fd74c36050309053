"""A study that explains its models, on a tiny random model, end to end: from plan to terminal."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.recompute import recompute
from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.explain.table import ATTRIBUTIONS, EXPLAINED
from duecare.ledger import entries
from duecare.model.tiny import write_tiny

STUDY = """\
study: {name: tiny, purpose: "a test", owner: "nobody"}
model: {base: tiny-model}
data:
  chats: {source: chats.jsonl, kind: chat}
train:
  - sft: {on: chats, steps: 4, batch_size: 4, max_tokens: 64, learning_rate: 0.002}
evaluate: {suites: [toxicity-by-group], samples: 1, max_tokens: 12, prompts: 3}
explain:
  - words: {method: integrated-gradients, items: 4, checks: 4, steps: 8, points: 3, orders: 2}
  - words: {of: answers, score: toxicity, method: occlusion, items: 3, checks: 3, points: 3, orders: 2}
"""
SECRET = "Say nothing of this"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    rows = []
    for number in range(16):
        turns = [("user", f"Ask {number}"), ("assistant", f"{SECRET} {number}")]
        rows.append({"messages": [{"role": role, "content": text} for role, text in turns]})
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_study_explains_its_models(here):
    (here / "study.yaml").write_text(STUDY)
    said = CliRunner().invoke(app, ["run", "study.yaml"])
    assert said.exit_code == 0, said.output
    run = here / "runs" / "tiny"
    done = {entry.job: entry for entry in entries(run) if entry.happened == "step.finished"}
    first, second = done["words"], done["words:2"]
    assert set(first.inputs) == {"base", "tuned"}
    assert "evaluate" in second.inputs
    metrics = {each.metric for each in first.estimates}
    assert {
        "words.identity_share",
        "words.identity_share.change",
        "words.residual",
        "words.deletion",
    } <= metrics
    assert {each.slice["model"] for each in first.estimates} == {"base", "tuned"}
    assert all(each.rests_on for each in second.estimates if each.metric == "words.identity_effect")
    assert {each.name for each in second.findings} >= {"words.valid.deletion", "words.valid.base"}
    assert "words.valid.likeness" not in {each.name for each in second.findings}
    for name, schema in (("attributions", ATTRIBUTIONS), ("explained", EXPLAINED)):
        table = pq.read_table(run / next(iter(first.outputs)) / f"{name}.parquet")
        assert table.schema.equals(schema)
        assert len(table)
    page = (run / "report" / "report.html").read_text("utf-8")
    assert "Why it answers so" in page
    assert "not validated" in page  # an untrained toy gives no evidence
    log = (run / "ledger" / "log.jsonl").read_text()
    assert SECRET not in log
    assert "writes to us" not in log  # nor the words of the twins
    shown = CliRunner().invoke(app, ["explain", "runs/tiny", "--texts"])
    assert shown.exit_code == 0, shown.output
    assert "words:2" in shown.output
    assert "not validated" in shown.output
    told = CliRunner().invoke(app, ["explain", "runs/tiny", "--json"])
    assert json.loads(told.output)["estimates"]
    again = CliRunner().invoke(app, ["run", "study.yaml"])
    assert again.exit_code == 0
    verified = CliRunner().invoke(app, ["verify", "runs/tiny", "--recompute"])
    assert verified.exit_code == 0, verified.output
    again = {each.job: each for each in recompute(run)}
    for job in ("words", "words:2"):
        assert not (again[job].differing)
        assert not (again[job].beyond)
        assert not (again[job].why)
        assert again[job].derived == len(done[job].estimates) + len(done[job].findings)


@pytest.mark.parametrize(
    ("explain", "where", "expected"),
    [
        ("[{words: {method: guess}}]", "explain.0.words.method", "gradient-x-input"),
        ("[{words: {steps: 0}}]", "explain.0.words.steps", "1 or more"),
        ("[{words: {of: file}}]", "explain.0.words.file", "a path"),
        ("[{words: {of: file, file: gone.jsonl}}]", "explain.0.words.file", "a file that is there"),
        ("[{words: {score: reward, reward_model: judge}}]", "explain.0.words.reward_model", "a reward model"),
        ("[{words: {of: answers}}]", "explain.0.words.of", "an `evaluate` section"),
        (
            "[{words: {score: toxicity, of: answers, method: gradient-x-input}}]",
            "explain.0.words.method",
            "occlusion",
        ),
        ("[{guess: {}}]", "explain.0.guess", "words"),
    ],
)
def test_a_wrong_explain_section_is_refused_with_its_line(here, explain, where, expected):
    text = STUDY[: STUDY.index("evaluate:")] + f"explain: {explain}\n"
    (here / "study.yaml").write_text(text)
    with pytest.raises(StudyError) as refused:
        Study.read(here / "study.yaml")
    found = [each for each in refused.value.problems if each.where == where]
    assert found, refused.value.problems
    assert expected in found[0].expected
    assert found[0].line == len(text.splitlines())


def test_an_endpoint_is_not_explained(here):
    text = STUDY.replace("{base: tiny-model}", '{base: "endpoint:http://localhost:9", model: m}')
    (here / "study.yaml").write_text(text)
    with pytest.raises(StudyError, match="explains"):
        Study.read(here / "study.yaml")


def test_a_run_without_explanations_says_so(here):
    (here / "study.yaml").write_text(STUDY[: STUDY.index("train:")])
    assert CliRunner().invoke(app, ["run", "study.yaml"]).exit_code == 0
    said = CliRunner().invoke(app, ["explain", "runs/tiny"])
    assert said.exit_code == 1
    assert "nothing was explained" in said.output
    assert "Why it answers so" not in (here / "runs" / "tiny" / "report" / "report.html").read_text("utf-8")
