"""Rewards in a study: what looks into them comes in time, and nothing learns from one nobody looked into."""

from __future__ import annotations

import dataclasses

import pytest
from sound import SOUND, read

from duecare.cli.compose import compose
from duecare.core import StudyError

TRAIN = "  - dpo: {on: pairs, steps: 2}\n"
JUDGE = "  - reward-model: {on: pairs, steps: 2}\n"
LEARNS = "  - grpo: {on: chats, steps: 2, reward_model: reward-model}\n"
AUDIT = "reward:\n  - audit: {reward: reward-model, on: pairs}\n"


def study(train: str, reward: str = "") -> str:
    return SOUND.replace(TRAIN, train + reward)


def order(folder, text):
    return [job.id for job in compose(read(folder, text)).jobs]


def test_an_audit_comes_before_the_policy_learns_and_after_the_judge_is_made(folder):
    plan = compose(read(folder, study(JUDGE + LEARNS, AUDIT)))
    names = [job.id for job in plan.jobs]
    assert names.index("reward-model") < names.index("reward-audit") < names.index("grpo")
    audit = next(job for job in plan.jobs if job.id == "reward-audit")
    assert audit.inputs == {"reward": "reward-model", "data": "split:pairs"}
    assert audit.seed == 3
    assert plan.settings["reward"] == [{"reward-audit": audit.settings | {"seed": 3}}]


def test_a_study_without_the_section_is_recorded_as_before(folder):
    assert "reward" not in compose(read(folder, SOUND)).settings


def test_a_policy_that_learns_from_what_nobody_audits_is_refused(folder):
    with pytest.raises(
        StudyError, match=r"train\.2\.grpo\.reward_model.*a reward model that the study audits"
    ):
        read(folder, study(JUDGE + LEARNS))
    other = "reward:\n  - audit: {reward: toxicity, on: pairs}\n"
    with pytest.raises(StudyError, match=r"a reward model that the study audits"):
        read(folder, study(JUDGE + LEARNS, other))


def test_detectors_alone_need_no_audit(folder):
    order(folder, study("  - grpo: {on: chats, steps: 2, reward: {toxicity: -1.0}}\n"))


def test_a_reward_model_from_outside_is_brought_audited_and_used(folder):
    (folder / "judge").mkdir()
    text = study(LEARNS.replace("reward-model", "judge"), AUDIT.replace("reward-model", "judge"))
    plan = compose(read(folder, text))
    names = [job.id for job in plan.jobs]
    assert names.index("judge") < names.index("reward-audit") < names.index("grpo")
    inputs = {job.id: dict(job.inputs) for job in plan.jobs}
    assert inputs["grpo"]["reward"] == inputs["reward-audit"]["reward"] == "judge"
    brings = next(job for job in plan.jobs if job.id == "judge")
    assert (brings.declared.name, brings.step.name) == ("judge", str(folder / "judge"))


def test_an_audit_alone_needs_no_model_and_reads_all_rows_of_what_is_not_split(folder):
    text = (
        "study: {name: try}\ndata:\n  pairs: {source: pairs.jsonl, kind: preference}\n"
        "reward:\n  - audit: {reward: toxicity, on: pairs, against: sentiment}\n"
    )
    plan = compose(read(folder, text))
    assert [job.id for job in plan.jobs] == ["read:pairs", "audit:pairs", "reward-audit"]
    assert plan.jobs[-1].inputs == {"data": "audit:pairs"}


@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ("{reward: reward-modle, on: pairs}", r'reward\.0\.audit\.reward.*did you mean "reward-model"'),
        ("{reward: reward-model, on: chats}", r"reward\.0\.audit\.on.*of kind preference"),
        ("{reward: reward-model, on: nothing}", r"reward\.0\.audit\.on.*a source under"),
        ("{reward: 'os:getcwd', on: pairs}", r"module:function in Python only"),
        ("{reward: toxicity, against: 'os:getcwd', on: pairs}", r"module:function in Python only"),
        ("{reward: reward-model, on: pairs, limits: {lenght: 1}}", r'did you mean "length"'),
        ("{reward: reward-model, on: pairs, limits: {word: 1}}", r"limits on kinds that are nudged"),
        ("{reward: reward-model, on: pairs, axes: [shoe]}", r"reward\.audit\.axes|reward\.0\.audit\.axes"),
    ],
)
def test_what_cannot_be_audited_is_refused_with_its_line(folder, audit, said):
    with pytest.raises(StudyError, match=said) as caught:
        read(folder, study(JUDGE, f"reward:\n  - audit: {audit}\n"))
    assert all(problem.line for problem in caught.value.problems)


def test_people_behind_a_reward_wait_for_their_round_or_are_read_from_outside(folder):
    rounds = "review: {point: pairs, on: pairs, name: taste, before: release}\n"
    asks = "reward:\n  - people: {reward: reward-model, on: pairs, round: taste}\n"
    plan = compose(read(folder, study(JUDGE, asks) + rounds))
    names = [job.id for job in plan.jobs]
    assert names.index("review:taste") < names.index("reward-people")
    looks = next(job for job in plan.jobs if job.id == "reward-people")
    assert looks.inputs == {"reward": "reward-model", "data": "split:pairs", "people": "review:taste"}
    with pytest.raises(StudyError, match=r"reward\.0\.people\.round.*a round of the section `review`"):
        read(folder, study(JUDGE, asks.replace("taste", "tasty")) + rounds)
    (folder / "export").mkdir()
    (folder / "export" / "labels.parquet").write_bytes(b"x")
    outside = "reward:\n  - people: {reward: reward-model, on: pairs, export: export}\n"
    looks = next(j for j in compose(read(folder, study(JUDGE, outside))).jobs if j.id == "reward-people")
    assert (looks.declared.export, looks.step.export) == ("export", str(folder / "export"))
    assert list(looks.outside()) == ["external:export/labels.parquet"]


def test_two_audits_are_numbered_and_each_waits_for_its_own(folder):
    two = JUDGE + JUDGE.replace("steps: 2", "steps: 3")
    text = study(two, AUDIT + "  - audit: {reward: 'reward-model:2', against: reward-model, on: pairs}\n")
    names = order(folder, text)
    assert names.index("reward-audit") < names.index("reward-model:2") < names.index("reward-audit:2")
    plan = compose(read(folder, text))
    again = next(job for job in plan.jobs if job.id == "reward-audit:2")
    assert again.inputs == {
        "reward": "reward-model:2",
        "against": "reward-model",
        "data": "split:pairs",
    }
    assert dataclasses.replace(again.step).reward == "reward-model:2"


BESIDE = "  - grpo: {on: chats, steps: 2, reward: {sentiment: 1.0}, drift: {reward_model: reward-model}}\n"


def test_an_instrument_beside_the_reward_is_handed_over_and_needs_no_audit(folder):
    plan = compose(read(folder, study(JUDGE + BESIDE)))
    inputs = next(dict(job.inputs) for job in plan.jobs if job.id == "grpo")
    assert inputs["independent"] == "reward-model"
    assert "reward" not in inputs


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        ("{reward_model: reward-modle}", r"drift\.reward_model.*a reward model trained before this step"),
        ("{independent: {'os:getcwd': 1}}", r"module:function in Python only"),
        ("{independent: {sentiment: 1}}", r"instruments that the reward does not hold"),
        ("{independent: {toxicity: 1}, fall: 0.7}", r"a share of at least 0 and below 0\.5"),
        ("{independent: {toxicity: 1}, fal: 0.1}", r'did you mean "fall"'),
    ],
)
def test_an_instrument_that_cannot_look_on_is_refused_with_its_line(folder, drift, said):
    with pytest.raises(StudyError, match=said) as caught:
        read(folder, study(JUDGE + BESIDE.replace("{reward_model: reward-model}", drift)))
    assert all(problem.line for problem in caught.value.problems)
