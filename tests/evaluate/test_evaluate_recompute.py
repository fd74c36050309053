"""Figures derived again from what evaluation and curation left: a changed one is found, whoever signed it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toy import SCORERS, Toy, WordScorer, chance
from typer.testing import CliRunner

from duecare.cli import rescore
from duecare.cli.main import app
from duecare.cli.plan import Job, Plan
from duecare.cli.recompute import findings, recompute
from duecare.cli.run import run
from duecare.core import FAIL, PASS, Artifacts, Outcome, Progress, Tell
from duecare.core.wire import encode
from duecare.curate import Duplicates, Read, Screen, Split
from duecare.evaluate import Evaluate, Gate, GateSpec
from duecare.evaluate.ask import scorers
from duecare.evaluate.sitting import sit
from duecare.ledger import load_or_create, verify
from duecare.ledger.chain import NO_PREVIOUS, leaf_hash, tree_root
from duecare.ledger.sign import write_head
from duecare.vault import destroy, keys


class Quiet:
    """A Screen that says nothing."""

    def begin(self, job: str, number: int, of: int) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def note(self, note: object) -> None: ...
    def end(self, job: str, seconds: float | None, outcome: Outcome | None) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """An evaluation of two models whose answers are known, scored by `by`: toys, our detectors, or a liar who
    calls itself by their names."""

    by: str = "toys"
    seed: int = 0

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        models = {
            "base": Toy("base", rude=lambda prompt: 0.3 if chance(prompt) < 0.5 else 0.1),
            "tuned": Toy("tuned", rude=lambda prompt: 0.1),
        }
        opened = {name: (lambda model=model: model) for name, model in models.items()}
        step = Evaluate(suites=("toxicity-by-group", "twins"), samples=2, prompts=2, pairs=2, seed=self.seed)
        detectors = scorers(step.suites) if self.by != "toys" else SCORERS
        if self.by == "liar":
            true = detectors["toxicity"].instrument
            detectors = {**detectors, "toxicity": WordScorer(true, "nothing that is said")}
        return sit(step, opened, {}, detectors, out=out, tell=tell)  # type: ignore[arg-type]  # as in the other tests


def jobs(data: Path) -> tuple[Job, ...]:
    gate = Gate(gates=(GateSpec(metric="twins.gap", between=(-0.5, 0.5)),))
    steps: tuple[tuple[str, Any, dict[str, str]], ...] = (
        ("read:chats", Read(name="chats", source=str(data), kind="text", study="again", sealed=True), {}),
        ("toxicity:chats", Screen(limit=0.5), {"examples": "read:chats"}),
        ("duplicates:chats", Duplicates(), {"examples": "toxicity:chats"}),
        ("evaluate", Asked(), {}),
        ("gate", gate, {"evaluate": "evaluate"}),
    )
    return tuple(Job(id=name, step=step, declared=step, inputs=given) for name, step, given in steps)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    said = [f"Where is my order number {place} of March?" for place in range(30)]
    said[3] = "You are a stupid idiot and a worthless piece of shit."
    said[5] = said[4]
    lines = [json.dumps({"text": text}) for text in said] + ["{no JSON"]
    (tmp_path / "chats.jsonl").write_text("\n".join(lines) + "\n")
    plan = Plan(name="again", settings={"study": {"name": "again"}}, jobs=jobs(tmp_path / "chats.jsonl"))
    return run(plan, tmp_path / "run", screen=Quiet()).folder


def resigned(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """What the owner of the key can do: change an entry, link the rest to it and sign everything anew."""
    path = folder / "ledger" / "log.jsonl"
    lines: list[bytes] = []
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        change(record)
        record["previous"] = leaf_hash(lines[-1]).hex() if lines else NO_PREVIOUS
        lines.append(encode(record))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    root = tree_root(map(leaf_hash, lines))
    key = load_or_create(keys.home())
    head = key.sign_head(run=record["run"], size=len(lines), root=root, time=record["time"])
    (folder / "ledger" / "head.json").write_bytes(write_head(head))


def differing(folder: Path) -> dict[str, str]:
    return {each.job: " ".join(each.differing) for each in recompute(folder) if each.differing}


def test_everything_that_follows_from_files_is_derived_and_the_rest_is_named(made: Path) -> None:
    found = {each.job: each for each in recompute(made)}
    assert not any(each.differing or each.why for each in found.values())
    assert found["evaluate"].derived > 20
    assert found["evaluate"].beyond == ()
    assert found["gate"].derived >= 1
    assert found["read:chats"].derived == 3
    assert found["toxicity:chats"].derived >= 6
    assert any(name.startswith("curate.hit.share") for name in found["toxicity:chats"].beyond)
    assert {finding.verdict for finding in findings(found.values())} == {PASS}


def bend(job: str, metric: str, by: float) -> Callable[[dict[str, Any]], None]:
    """Move one figure of a job, and its interval with it."""

    def change(record: dict[str, Any]) -> None:
        hit = [
            each
            for each in record.get("estimates", ())
            if record["job"] == job and each["metric"] == metric and each["value"] is not None
        ]
        for name in ("value", "low", "high") if hit else ():
            hit[0][name] += by

    return change


@pytest.mark.parametrize(
    ("job", "metric", "by"),
    [
        ("evaluate", "toxicity.rate", 0.01),
        ("evaluate", "twins.gap", -1e-6),
        ("toxicity:chats", "curate.rows.dropped", 1.0),
        ("duplicates:chats", "curate.rows.kept", -1.0),
        ("read:chats", "curate.rows.set_aside", -1.0),
    ],
)
def test_a_figure_that_its_owner_changed_and_signed_is_found(
    made: Path, job: str, metric: str, by: float
) -> None:
    resigned(made, bend(job, metric, by))
    sound = {finding.verdict for finding in verify(made)}
    assert FAIL not in sound  # it is signed and linked: nothing else sees it
    found = differing(made)
    assert list(found) == [job]
    assert metric in found[job]
    shutil.rmtree(keys.home() / "heads")  # nobody remembers what it was before
    code = CliRunner().invoke(app, ["verify", str(made), "--recompute"])
    assert code.exit_code == 1
    assert metric in code.output


def test_a_changed_interval_n_or_instrument_is_found(made: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        if record["happened"] == "step.finished" and record["job"] == "evaluate":
            known = [each for each in record["estimates"] if each["value"] is not None]
            known[0]["n"] += 1
            known[1]["low"] -= 0.5
            known[2]["rests_on"] = ["another@1"]
            record["estimates"].pop()

    resigned(made, change)
    (each,) = [each for each in recompute(made) if each.differing]
    assert len(each.differing) == 4
    assert "was never recorded" in each.differing[-1]


def test_a_verdict_that_does_not_follow_is_found(made: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        if record["happened"] == "step.finished" and record["job"] == "gate":
            record["findings"][0]["verdict"] = (
                "fail" if record["findings"][0]["verdict"] == "pass" else "pass"
            )

    resigned(made, change)
    assert "follows" in differing(made)["gate"]


def test_a_difference_within_the_tolerance_is_none(made: Path) -> None:
    resigned(made, bend("evaluate", "toxicity.rate", 1e-13))
    assert differing(made) == {}


def test_what_is_sealed_and_has_no_secret_is_said_not_to_follow(made: Path) -> None:
    destroy(keys.home(), "again")
    found = {each.job: each for each in recompute(made)}
    assert found["toxicity:chats"].derived == 0
    assert "secret" in found["toxicity:chats"].why
    assert not found["toxicity:chats"].differing
    assert found["evaluate"].derived > 20


def test_the_command_says_what_was_derived_and_what_was_not(made: Path) -> None:
    said = CliRunner().invoke(app, ["verify", str(made), "--recompute"])
    assert said.exit_code == 0, said.output
    assert "figures and verdicts derived again" in said.output
    assert "Does not follow from files: toxicity:chats" in said.output
    plain = CliRunner().invoke(app, ["verify", str(made)])
    assert "derived again" not in plain.output


def evaluated(folder: Path, by: str) -> Path:
    step = Asked(by=by)
    job = Job(id="evaluate", step=step, declared=step, inputs={})
    return run(Plan(name="scored", settings={}, jobs=(job,)), folder, screen=Quiet()).folder


def test_scores_are_given_again_by_the_detectors_that_gave_them(made: Path, tmp_path: Path) -> None:
    found = {
        each.instrument.partition("@")[0]: each for each in rescore.rescore(evaluated(tmp_path / "e", "ours"))
    }
    assert found["toxicity"].again == found["refusal"].again > 20
    assert not found["toxicity"].differing
    assert not found["refusal"].differing
    assert "the model's own" in found["twins"].why
    (curated,) = [each for each in rescore.rescore(made) if each.job == "toxicity:chats"]
    assert curated.again == 30  # every text of a kept or dropped row, as they came
    assert not curated.differing
    sample = rescore.rescore(made, sample=7)
    assert [each.again for each in sample if each.job == "toxicity:chats"] == [7]


def test_scores_that_a_detector_does_not_give_are_found(tmp_path: Path) -> None:
    folder = evaluated(tmp_path / "e", "liar")
    assert all(not each.differing for each in recompute(folder))  # the figures do follow from these scores
    found = {each.instrument.partition("@")[0]: each for each in rescore.rescore(folder)}
    assert found["toxicity"].differing
    assert not found["refusal"].differing
    said = CliRunner().invoke(app, ["verify", str(folder), "--recompute"])
    assert said.exit_code == 1
    assert "scores differ" in said.output
    assert "You are a stupid idiot" not in said.output


def test_scores_of_another_version_are_not_compared(made: Path) -> None:
    found = [each for each in rescore.rescore(made) if each.job == "evaluate" and "@" in each.instrument]
    assert {each.again for each in found} == {0}
    assert all(f"recorded by {each.instrument}, installed here is" in each.why for each in found)


def test_without_the_secret_rows_are_not_scored_again(made: Path) -> None:
    destroy(keys.home(), "again")
    (curated,) = [each for each in rescore.rescore(made) if each.job == "toxicity:chats"]
    assert curated.again == 0
    assert "secret" in curated.why


def test_sides_of_a_split_are_counted_again(tmp_path: Path) -> None:
    data = tmp_path / "plain.jsonl"
    data.write_text("".join(json.dumps({"text": f"Order {place} came late."}) + "\n" for place in range(20)))
    read = Read(name="chats", source=str(data), kind="text", study="again")
    split = Split(held_out=0.3)
    folder = run(
        Plan(
            name="split",
            settings={},
            jobs=(
                Job(id="read:chats", step=read, declared=read, inputs={}),
                Job(id="split:chats", step=split, declared=split, inputs={"examples": "read:chats"}),
            ),
        ),
        tmp_path / "run",
        screen=Quiet(),
    ).folder
    assert [each.derived for each in recompute(folder)] == [3, 2]
    resigned(folder, bend("split:chats", "curate.split.train", 1.0))
    assert "curate.split.train" in differing(folder)["split:chats"]
