"""No policy learns from a reward model whose audit did not pass, unless two people say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from toys import CALLS, Count, PlainReport, Silent

from duecare.cli import reviewing
from duecare.cli.plan import Job, Plan
from duecare.cli.run import StepError, run
from duecare.cli.standing import standing
from duecare.cli.start import StartError, may_start
from duecare.core import Artifacts, Finding, Outcome, Tell
from duecare.explain import Words
from duecare.ledger import entries, verify
from duecare.ledger.digest import value_digest
from duecare.review.waive import Waiver, note_of
from duecare.reward import Audit
from duecare.train import Grpo

NOW = datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks(Audit):
    """An audit that comes to a verdict at once."""

    reward: str = "judge"
    on: str = "pairs"
    verdict: str = "pass"

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        CALLS.append("audit")
        (out / "number.txt").write_text("0")
        gate, verdict = self.verdict != "none", self.verdict if self.verdict != "none" else "pass"
        found = Finding(
            name="reward.audit.accuracy", verdict=verdict, limit="much", detail="So it is.", gate=gate
        )
        return Outcome(files={"number": "number.txt"}, findings=(found,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Learns:
    """A step that is rewarded."""

    reward_model: str = "judge"
    name: str = "grpo"
    more: dict[str, str] = field(default_factory=dict)

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        CALLS.append("grpo")
        (out / "number.txt").write_text("0")
        return Outcome(files={"number": "number.txt"})


AUDIT_STEP = "duecare.reward.audit.Audit"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    CALLS.clear()
    monkeypatch.setattr(
        Job, "kind", property(lambda job: AUDIT_STEP if isinstance(job.step, Audit) else "toy")
    )


def plan(verdict: str | None = "pass", number: int = 1, learns: Learns | None = None) -> Plan:
    """judge -> audit -> grpo; `number` makes another judge; no verdict, no audit."""
    made = [
        Job(id="judge", step=Count(name="judge", number=number), declared=Count(name="judge", number=number))
    ]
    if verdict is not None:
        look = Looks(verdict=verdict)
        made.append(Job(id="reward-audit", step=look, declared=look, inputs={"reward": "judge"}))
    learner = learns or Learns()
    made.append(Job(id="grpo", step=learner, declared=learner, inputs={"reward": "judge"}))
    return Plan(
        name="toys", settings={"study": {"name": "toys"}, "n": number, "v": verdict}, jobs=tuple(made)
    )


def go(folder, what, clock=lambda: NOW):
    return run(what, folder, screen=Silent(), reporter=PlainReport(), clock=clock)


def waive(folder, finding, *, second="p-2", days=7, expires=None):
    ends = expires or (NOW + timedelta(days=days)).isoformat()
    asked = Waiver(
        id="w-1",
        gate=finding.name,
        finding=value_digest(finding),
        asked_by="p-1",
        asked=NOW.isoformat(),
        reason="It is looked at every week.",
        expires=ends,
        seconded_by=second,
        seconded=NOW.isoformat(),
    )
    with reviewing.recording(folder) as recorder:
        recorder.append("told", job="review", note=note_of(asked))  # as `duecare review` tells it


def test_a_passing_audit_lets_it_start_and_the_ledger_says_so(tmp_path):
    result = go(tmp_path, plan())
    assert CALLS == ["judge", "audit", "grpo"]
    assert result.verdict == "pass"
    (note,) = [e.note for e in entries(tmp_path) if e.note and e.note.topic == "reward.start"]
    assert note.text == "grpo learns from judge, whose audit passed."
    assert (
        note.data["reward"]
        == next(e for e in entries(tmp_path) if e.happened == "step.finished" and e.job == "grpo").inputs[
            "reward"
        ]
    )


@pytest.mark.parametrize("verdict", ["fail", "insufficient evidence"])
def test_an_audit_that_did_not_pass_stops_it_and_says_what_to_do(tmp_path, verdict):
    with pytest.raises(StepError, match=rf"reward\.audit\.accuracy \({verdict}\).*two people waive"):
        go(tmp_path, plan(verdict))
    assert "grpo" not in CALLS
    state = standing(entries(tmp_path))
    assert state.failed.job == "grpo"
    assert state.gates[-1].name == "reward.start"
    assert state.gates[-1] in reviewing.failed(tmp_path)()  # the page of waivers offers it
    assert "fail" not in {found.verdict for found in verify(tmp_path)}


def test_without_an_audit_nothing_starts(tmp_path):
    with pytest.raises(StepError, match=r"no audit of it is on record.*- audit: \{reward: judge"):
        go(tmp_path, plan(None))
    assert CALLS == ["judge"]


def test_an_audit_that_decided_nothing_is_none(tmp_path):
    with pytest.raises(StepError, match="no audit of it is on record"):
        go(tmp_path, plan("none"))


def test_an_audit_of_another_artifact_is_none_of_this_one(tmp_path):
    go(tmp_path, plan())
    with pytest.raises(StepError, match="no audit of it is on record"):
        go(tmp_path, plan(None, number=2))
    assert CALLS.count("grpo") == 1


def test_an_audit_that_is_on_record_from_an_earlier_run_counts(tmp_path):
    go(tmp_path, plan())
    go(tmp_path, plan(None, learns=Learns(more={"another": "setting"})))
    assert CALLS.count("grpo") == 2


def test_two_people_may_waive_the_failed_gate_of_the_audit(tmp_path):
    with pytest.raises(StepError):
        go(tmp_path, plan("fail"))
    finding = next(f for f in reviewing.failed(tmp_path)() if f.name == "reward.audit.accuracy")
    waive(tmp_path, finding)
    result = go(tmp_path, plan("fail"))
    assert CALLS == ["judge", "audit", "grpo"]
    assert result.verdict == "fail"  # it is waived, not passed
    (note,) = [e.note for e in entries(tmp_path) if e.note and e.note.topic == "reward.start"]
    assert "by a waiver" in note.text
    assert note.data["waivers"]


@pytest.mark.parametrize("verdict", [None, "insufficient evidence"])
def test_two_people_may_waive_the_refusal_itself(tmp_path, verdict):
    with pytest.raises(StepError):
        go(tmp_path, plan(verdict))
    refusal = next(f for f in reviewing.failed(tmp_path)() if f.name == "reward.start")
    waive(tmp_path, refusal)
    result = go(tmp_path, plan(verdict))
    assert CALLS[-1] == "grpo"
    assert result.verdict == (
        "no gates" if verdict is None else verdict
    )  # the refusal stands for nothing now


@pytest.mark.parametrize(
    "lacking", [{"second": "p-1"}, {"second": ""}, {"days": -1}, {"expires": "2999-01-01"}]
)
def test_one_person_or_a_waiver_that_ran_out_is_none(tmp_path, lacking):
    with pytest.raises(StepError):
        go(tmp_path, plan("fail"))
    for finding in reviewing.failed(tmp_path)():
        waive(tmp_path, finding, **lacking)
    with pytest.raises(StepError, match="may not learn from judge"):
        go(tmp_path, plan("fail"))
    assert "grpo" not in CALLS


def test_a_waiver_is_of_this_reward_model_and_of_no_other(tmp_path):
    with pytest.raises(StepError):
        go(tmp_path, plan(None))
    waive(tmp_path, reviewing.failed(tmp_path)()[-1])
    go(tmp_path, plan(None))
    with pytest.raises(StepError, match="no audit of it is on record"):
        go(tmp_path, plan(None, number=2))


def test_what_needs_no_reward_model_is_let_be(tmp_path):
    go(tmp_path, plan(None, learns=Learns(reward_model="")))
    assert CALLS == ["judge", "grpo"]


def test_explaining_a_reward_is_no_learning_from_it():
    words = Words(score="reward", reward_model="judge")
    job = Job(id="words", step=words, declared=words, inputs={"reward": "judge"})
    assert may_start(job, {"reward": "some digest"}, {}, [], NOW) is None
    learns = Grpo(on="pairs", reward_model="judge")
    job = Job(id="grpo", step=learns, declared=learns, inputs={"reward": "judge"})
    with pytest.raises(StartError, match="no audit of it is on record"):  # the control
        may_start(job, {"reward": "some digest"}, {}, [], NOW)
