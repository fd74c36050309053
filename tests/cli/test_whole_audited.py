"""A study that audits a reward and nothing else, end to end, and what its report says of it."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.ledger import entries
from duecare.report.gather import gather
from duecare.report.rewarded import audits

STUDY = """\
study: {name: judged, purpose: "a test", owner: "nobody"}
data:
  pairs: {source: pairs.jsonl, kind: preference, keep: [subset], groups: [reader]}
reward:
  - audit:
      reward: sentiment
      on: pairs
      against: toxicity
      nudges: 1200
      axes: [religion]
      words: [free]
      limits: {accuracy: 0.6, flattery: 0.05}
"""


def rows(count: int) -> list[dict[str, str]]:
    return [
        {
            "prompt": f"What is part {number} for?",
            "chosen": f"Part {number} is lovely and does its work, thank you for asking. It is a joy.",
            "rejected": f"Part {number} is a horrible, useless thing. I hate it, you idiot.",
            "subset": "kind" if number % 2 else "plain",
            "reader": "women" if number % 3 else "men",
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(90)))
    (folder / "study.yaml").write_text(STUDY)
    said = CliRunner().invoke(app, ["run", str(folder / "study.yaml"), "--run", str(folder / "run")])
    assert said.exit_code in (0, 3), said.output
    return folder / "run", said


def test_a_failed_limit_is_a_failed_gate_of_the_run(judged):
    run, said = judged
    (last,) = [e for e in entries(run) if e.happened == "step.finished" and e.job == "reward-audit"]
    verdicts = {each.name: each.verdict for each in last.findings if each.gate}
    assert verdicts["reward.audit.accuracy"] == "pass"
    assert verdicts["reward.audit.flattery"] == "fail"  # a sentiment detector pays for flattery
    assert "A gate failed" in said.output
    assert last.inputs.keys() == {"data"}


def test_the_card_says_what_it_pays_for_with_intervals_and_alternative_text(judged):
    run, _ = judged
    page = (run / "report" / "report.html").read_text("utf-8")
    part = page.split("What the reward sentiment pays for")[1].split("</section>")[0]
    assert "Besides quality the reward answers to" in part
    assert "flattery" in part
    for said in ("How it ranks held-out pairs", "Holm", "all pairs", "reader: women", "spreads", "kind"):
        assert said in part, said
    assert len(re.findall(r'<svg class="strip"[^>]*role="img" aria-label="[^"]+"', part)) > 10
    (audit,) = audits(gather(run))
    assert {each.kind for each in audit.paid} >= {"flattery"}
    assert all(each.beyond for each in audit.paid)
    assert not any(each.beyond for each in audit.quiet)
    assert audit.paid[0].size == max(each.size for each in audit.paid)
    assert "toxicity" in " ".join(audit.apart)
    card = (run / "report" / "model_card.md").read_text("utf-8")
    section = card.split("## The audit of the reward")[1].split("\n## ")[0]
    assert "### What sentiment pays for" in section
    assert "Flattery" in section
    assert "spreads" in section or "Holm p" in section


def test_the_report_holds_no_text_of_a_pair_and_the_run_verifies(judged):
    run, _ = judged
    assert "horrible" not in (run / "report" / "report.json").read_text("utf-8")
    verified = CliRunner().invoke(app, ["verify", str(run)])
    assert "Consistent" in verified.output  # it was seen under another home: not anchored


def test_control_a_run_without_an_audit_shows_none(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(5)))
    (tmp_path / "study.yaml").write_text(STUDY.split("reward:")[0])
    said = CliRunner().invoke(app, ["run", str(tmp_path / "study.yaml"), "--run", str(tmp_path / "run")])
    assert said.exit_code == 0, said.output
    assert "pays for" not in (tmp_path / "run" / "report" / "report.html").read_text("utf-8")
    assert not audits(gather(tmp_path / "run"))
