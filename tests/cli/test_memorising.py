"""Memorisation in a study: which rows training reads, what the steps are given, and what is refused."""

from __future__ import annotations

import pytest
from sound import SOUND, read

from duecare.cli.compose import compose
from duecare.core import StudyError

PLACING = SOUND.replace("  - personal: {}\n", "  - personal: {}\n  - canaries: {on: chats, count: 3}\n")
LOOKING = PLACING + "memorise:\n  - canaries: {on: chats}\n"


@pytest.fixture
def folder(tmp_path):
    from sound import lay_out

    lay_out(tmp_path)
    return tmp_path


def inputs_of(plan):
    return {job.id: dict(job.inputs) for job in plan.jobs}


def test_training_reads_the_rows_with_canaries_and_evaluation_those_without(folder):
    found = inputs_of(compose(read(folder, LOOKING)))
    assert found["canaries:chats"] == {"examples": "split:chats"}
    assert found["sft"]["data"] == "canaries:chats"
    assert found["dpo"]["data"] == "split:pairs"
    assert found["evaluate"]["data:chats"] == "split:chats"


def test_the_step_is_given_the_model_the_steps_behind_it_and_their_rows(folder):
    plan = compose(read(folder, LOOKING))
    assert inputs_of(plan)["canaries-back"] == {
        "base": "base",
        "model": "dpo",
        "trained:sft": "sft",
        "trained:dpo": "dpo",
        "data:chats": "canaries:chats",
    }
    order = [job.id for job in plan.jobs]
    assert order.index("evaluate") < order.index("canaries-back") < order.index("gate")
    after = inputs_of(compose(read(folder, LOOKING.replace("{on: chats}\n", "{on: chats, after: sft}\n"))))
    assert after["canaries-back"]["model"] == "sft"
    assert "trained:dpo" not in after["canaries-back"]


def test_a_policy_is_asked_no_canary(folder):
    text = LOOKING.replace(
        "  - dpo: {on: pairs, steps: 2}\n", "  - grpo: {on: chats, steps: 2, reward: {refusal: 1}}\n"
    )
    found = inputs_of(compose(read(folder, text)))
    assert (found["sft"]["data"], found["grpo"]["data"]) == ("canaries:chats", "split:chats")
    assert found["canaries-back"]["data:chats"] == "canaries:chats"


def test_a_study_without_either_is_planned_as_before(folder):
    found = inputs_of(compose(read(folder, SOUND)))
    assert found["sft"]["data"] == "split:chats"
    assert not [job for job in found if job.startswith("canaries")]


WRONG = {
    "no canaries there": (
        LOOKING.replace("memorise:\n  - canaries: {on: chats}", "memorise:\n  - canaries: {on: pairs}"),
        "memorise.0.canaries.on",
    ),
    "no such training": (LOOKING.replace("{on: chats}\n", "{after: grpo}\n"), "memorise.0.canaries.after"),
    "a place that rows do not have": (
        PLACING.replace("count: 3", "places: [chosen]"),
        "curate.4.canaries.places",
    ),
    "a source that nobody trains on": (
        PLACING.replace("  - sft: {on: chats, steps: 4}\n", ""),
        "curate.4.canaries.on",
    ),
    "a share beyond 1": (
        LOOKING.replace("- canaries: {on: chats}\n", "- canaries: {limits: {tpr: 2}}\n"),
        "limits.tpr",
    ),
    "no canary to be placed": (PLACING.replace("count: 3", "repeats: [0]"), "repeats"),
}


@pytest.mark.parametrize(("text", "where"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused_at_its_place(folder, text, where):
    with pytest.raises(StudyError) as error:
        read(folder, text).check()
    assert any(where in each.where and each.line for each in error.value.problems), error.value


def test_the_sound_one_is_refused_nothing(folder):
    """Control: what is refused above is not refused because of something else."""
    read(folder, LOOKING).check()


RECORDS = SOUND + (
    "memorise:\n  - records: {on: chats, round: marked, limits: {redacted: 0.1, verbatim: null}}\n"
    "review:\n  - {before: train, point: data, on: chats, name: marked, items: 10}\n"
)


def test_records_are_given_models_rows_curation_and_the_round_of_people(folder):
    plan = compose(read(folder, RECORDS))
    found = inputs_of(plan)["records"]
    assert found["base"] == "base"
    assert found["model"] == "dpo"
    assert found["data:chats"] == "split:chats"
    assert found["people"] == "review:marked"
    assert found["curated:personal:chats"] == "personal:chats"
    assert found["curated:balance:chats"] == "balance:chats", "what the step personal read"
    order = [job.id for job in plan.jobs]
    assert max(order.index(made) for made in found.values()) < order.index("records")
    read(folder, RECORDS).check()


def test_a_reward_model_is_asked_for_no_record(folder):
    text = RECORDS.replace(
        "  - dpo: {on: pairs", "  - reward-model: {on: pairs, steps: 2}\n  - dpo: {on: pairs"
    )
    read(folder, text).check()
    with pytest.raises(StudyError, match="no reward model"):
        read(folder, text.replace("on: chats, round", "on: chats, after: reward-model, round")).check()


@pytest.mark.parametrize(
    ("was", "becomes", "where"),
    [
        ("round: marked", "round: other", "memorise.0.records.round"),
        ("{before: train", "{before: release", "memorise.0.records.round"),
        ("on: chats, round", "on: nobody, round", "memorise.0.records.on"),
        ("redacted: 0.1", "redacted: 10", "limits.redacted"),
        ("on: chats, round: marked", "round: marked", "memorise.0.records.on"),
    ],
)
def test_records_that_cannot_be_are_refused_at_their_place(folder, was, becomes, where):
    with pytest.raises(StudyError) as error:
        read(folder, RECORDS.replace(was, becomes)).check()
    assert any(where in each.where and each.line for each in error.value.problems), error.value
