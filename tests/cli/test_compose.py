"""What a sound study becomes: jobs in order, each with its inputs and with what is recorded of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from sound import SOUND, read

from duecare.cli.combine import named
from duecare.cli.compose import compose
from duecare.cli.plan import content_digest
from duecare.core import StudyError


def test_the_plan_has_every_job_in_order_with_its_inputs(folder):
    plan = compose(read(folder, SOUND))
    chats = ["read", "audit", "toxicity", "duplicates", "balance", "personal", "split"]
    pairs = ["read", "audit", "duplicates", "personal", "split"]
    assert [job.id for job in plan.jobs] == [
        *(f"{name}:chats" for name in chats),
        *(f"{name}:pairs" for name in pairs),
        *("base", "sft", "dpo", "evaluate", "gate"),
    ]
    inputs = {job.id: dict(job.inputs) for job in plan.jobs}
    assert inputs["read:chats"] == {}
    assert inputs["toxicity:chats"] == {"examples": "audit:chats"}
    assert inputs["personal:pairs"] == {"examples": "duplicates:pairs"}
    assert inputs["sft"] == {"data": "split:chats", "base": "base"}
    assert inputs["dpo"] == {"data": "split:pairs", "base": "base", "model": "sft"}
    assert inputs["evaluate"] == {
        "base": "base",
        "tuned": "dpo",
        "data:chats": "split:chats",
        "data:pairs": "split:pairs",
    }
    assert inputs["gate"] == {"evaluate": "evaluate"}


def job(plan, name):
    return next(each for each in plan.jobs if each.id == name)


def test_what_is_recorded_does_not_say_where_on_this_machine_it_lies(folder):
    plan = compose(read(folder, SOUND))
    chats = job(plan, "read:chats")
    assert chats.declared.source == "chats.jsonl"
    assert Path(chats.step.source).is_absolute()
    assert chats.outside() == {"external:chats.jsonl": content_digest(folder / "chats.jsonl")}
    assert list(job(plan, "balance:chats").outside()) == ["external:population.csv"]
    assert str(folder) not in json.dumps(plan.settings)
    assert all(str(folder) not in json.dumps(each.settings) for each in plan.jobs)


def test_rows_lie_sealed_where_redaction_follows_and_only_there(folder):
    study = read(folder, SOUND)
    assert all(job(compose(study), f"read:{source}").step.sealed for source in ("chats", "pairs"))
    others = tuple(use for use in study.uses if named(use.step) != "personal")
    without = dataclasses.replace(study, curate=others)
    assert not job(compose(without), "read:chats").step.sealed


def test_a_group_column_goes_to_the_sources_that_have_it(folder):
    plan = compose(read(folder, SOUND))
    assert job(plan, "read:chats").step.groups == ("gender",)
    assert job(plan, "read:pairs").step.groups == ()


def test_an_audit_compares_with_the_population_that_the_source_is_balanced_to(folder):
    plan = compose(read(folder, SOUND))
    assert job(plan, "audit:chats").declared.population == "population.csv"
    assert list(job(plan, "audit:chats").outside()) == ["external:population.csv"]
    assert job(plan, "audit:pairs").declared.population is None


def test_a_variable_is_put_in_and_recorded_as_written(folder, monkeypatch):
    monkeypatch.setenv("MY_DATA", str(folder))
    plan = compose(read(folder, SOUND.replace("chats.jsonl", "$MY_DATA/chats.jsonl")))
    chats = job(plan, "read:chats")
    assert chats.step.source == str(folder / "chats.jsonl")
    assert chats.settings["source"] == "$MY_DATA/chats.jsonl"


def test_rows_are_held_against_what_the_study_evaluates_on_and_against_more(folder):
    (folder / "crows").mkdir()
    (folder / "crows" / "inner").mkdir()
    (folder / "crows" / "inner" / "pairs.txt.dev").write_text("an item a line\n")
    (folder / "exam.jsonl").write_text('{"question": "what is asked of everybody else?"}\n')
    text = SOUND.replace(
        "  - duplicates\n", "  - duplicates\n  - decontaminate: {against: {exam: exam.jsonl}}\n"
    )
    sections = text.split("evaluate:")
    text = f"{sections[0]}evaluate: {{suites: [twins, winobias], data: {{winobias: crows}}}}\n"
    found = job(compose(read(folder, text)), "decontaminate:chats")
    assert found.settings["against"] == {"exam": "exam.jsonl", "winobias": "crows"}
    assert found.step.against == {
        name: str(folder / path) for name, path in found.settings["against"].items()
    }
    assert set(found.outside()) == {"external:exam.jsonl", "external:crows/inner/pairs.txt.dev"}
    assert "external:crows/inner/pairs.txt.dev" in job(compose(read(folder, text)), "evaluate").outside()


def test_a_study_without_training_evaluates_the_base_alone(folder):
    text = SOUND.replace("train:\n  - sft: {on: chats, steps: 4}\n  - dpo: {on: pairs, steps: 2}\n", "")
    plan = compose(read(folder, text))
    assert "tuned" not in job(plan, "evaluate").inputs
    assert set(job(plan, "evaluate").inputs) == {"base", "data:chats", "data:pairs"}


def test_models_between_are_asked_where_a_study_says_so(folder):
    text = SOUND.replace("axes: [gender]}", "axes: [gender], samples: 2, stages: [twins]}")
    plan = compose(read(folder, text))
    asked = job(plan, "stages")
    assert asked.inputs == {
        "evaluate": "evaluate",
        "stage:sft": "sft",
        "data:chats": "split:chats",
        "data:pairs": "split:pairs",
    }
    assert (asked.step.suites, asked.step.order, asked.step.samples) == (("twins",), ("sft", "dpo"), 2)
    plain = compose(read(folder, text.replace(", stages: [twins]", "")))
    assert "stages" not in [each.id for each in plain.jobs]
    assert job(plan, "evaluate").settings == job(plain, "evaluate").settings  # and is not done again
    alone = text.replace("  - dpo: {on: pairs, steps: 2}\n", "")
    with pytest.raises(StudyError, match=r"evaluate\.stages"):
        compose(read(folder, alone))


def test_a_study_that_only_curates_needs_no_model(folder):
    text = "study: {name: try}\ndata:\n  chats: {source: chats.jsonl, kind: chat}\ncurate: [duplicates]\n"
    assert [each.id for each in compose(read(folder, text)).jobs] == [
        "read:chats",
        "audit:chats",
        "duplicates:chats",
    ]


def test_a_repeated_training_step_is_numbered(folder):
    text = SOUND.replace("  - dpo: {on: pairs, steps: 2}\n", "  - sft: {on: pairs, steps: 2}\n")
    plan = compose(read(folder, text))
    assert dict(job(plan, "sft:2").inputs)["model"] == "sft"


def test_no_step_goes_on_from_a_reward_model_and_none_is_evaluated(folder):
    text = SOUND.replace("  - dpo:", "  - reward-model: {on: pairs, steps: 2}\n  - dpo:")
    inputs = {each.id: dict(each.inputs) for each in compose(read(folder, text)).jobs}
    assert inputs["reward-model"] == {"data": "split:pairs", "base": "base", "model": "sft"}
    assert inputs["dpo"]["model"] == "sft"
    assert inputs["evaluate"]["tuned"] == "dpo"
    alone = SOUND.replace("  - sft: {on: chats, steps: 4}\n  - dpo:", "  - reward-model:")
    inputs = {each.id: dict(each.inputs) for each in compose(read(folder, alone)).jobs}
    assert inputs["reward-model"] == {"data": "split:pairs", "base": "base"}
    assert "tuned" not in inputs["evaluate"]


def test_the_command_line_fills_in_what_a_study_says_elsewhere(folder):
    text = SOUND.replace("columns: [gender]}", "columns: [gender], mentions: [religion]}")
    plan = compose(read(folder, text.replace("kind: chat}", "kind: chat, outcomes: [gender]}")))
    reads = job(plan, "read:chats").declared
    assert (reads.name, reads.study) == ("chats", "try")
    assert job(plan, "personal:pairs").step.study == "try"
    assert job(plan, "audit:chats").step.mentions == ("religion",)
    assert job(plan, "audit:chats").step.outcomes == ("gender",)
    assert job(plan, "audit:pairs").step.outcomes == ()
    assert job(plan, "split:pairs").step.seed == 3


def test_a_folder_and_a_pattern_are_sources(folder):
    (folder / "parts").mkdir()
    for number in range(2):
        (folder / "parts" / f"{number}.jsonl").write_text((folder / "chats.jsonl").read_text())
    for written in ("parts", "parts/*.jsonl"):
        plan = compose(read(folder, SOUND.replace("source: chats.jsonl", f"source: '{written}'")))
        assert list(job(plan, "read:chats").outside()) == [f"external:{written}/{n}.jsonl" for n in (0, 1)]


def test_a_croissant_description_and_what_it_describes_are_a_source(folder):
    description = {
        "@context": {"@vocab": "https://schema.org/"},
        "@type": "Dataset",
        "distribution": {"@id": "f", "contentUrl": "chats.jsonl", "encodingFormat": "application/jsonlines"},
        "recordSet": {
            "@id": "chats",
            "field": [
                {"@id": f"chats/{name}", "source": {"fileObject": "f", "extract": {"column": column}}}
                for name, column in (("turns", "messages"), ("sex", "gender"))
            ],
        },
    }
    (folder / "about.json").write_text(json.dumps(description))
    text = "study: {name: try}\ngroups: {columns: [sex]}\ncurate: [duplicates]\ndata:\n"
    written = text + "  chats: {source: about.json, kind: chat, text: turns}\n"
    reads = job(compose(read(folder, written)), "read:chats")
    assert reads.declared.groups == ("sex",)
    assert list(reads.outside()) == ["external:about.json", "external:about.json/chats.jsonl"]
    (folder / "chats.jsonl").rename(folder / "gone.jsonl")
    with pytest.raises(StudyError, match=r"line 5: data\.chats\.source .*distribution\.f\.contentUrl"):
        compose(read(folder, written))


def test_the_files_of_a_suite_are_recorded_whatever_their_ending_and_depth(folder):
    """WinoBias ends in .dev, BOLD lies in folders: neither is a table that curation could read."""
    inner = folder / "bold" / "prompts"
    inner.mkdir(parents=True)
    (inner / "gender_prompt.json").write_text("{}")
    (folder / "wino" / "bias").mkdir(parents=True)
    (folder / "wino" / "bias" / "pro_stereotyped_type1.txt.dev").write_text("1 [The potter] saw [him].\n")
    suites = "evaluate: {suites: [bold, winobias], data: {bold: bold, winobias: wino/bias}}\n"
    text = "study: {name: try}\nmodel: {base: smollm2-135m-instruct}\n"
    text += "data:\n  chats: {source: chats.jsonl, kind: chat}\n" + suites
    found = job(compose(read(folder, text)), "evaluate")
    assert set(found.files) == {
        "bold/prompts/gender_prompt.json",
        "wino/bias/pro_stereotyped_type1.txt.dev",
    }
    assert found.step.data == {"bold": str(folder / "bold"), "winobias": str(folder / "wino/bias")}
    first = found.outside()
    (inner / "gender_prompt.json").write_text("{ }")
    assert job(compose(read(folder, text)), "evaluate").outside() != first


def test_a_suite_s_folder_that_is_not_there_is_no_id_on_the_hub(folder):
    text = "study: {name: try}\nmodel: {base: smollm2-135m-instruct}\n"
    text += "data:\n  chats: {source: chats.jsonl, kind: chat}\n"
    text += "evaluate: {suites: [bbq], data: {bbq: data/bbq}}\n"
    with pytest.raises(StudyError, match=r"evaluate\.data\.bbq.*a file that is there"):
        read(folder, text).check()


REWARDED = SOUND.replace(
    "  - dpo: {on: pairs, steps: 2}\n",
    "  - reward-model: {on: pairs, steps: 2}\n"
    "  - grpo: {on: chats, steps: 2, reward_model: reward-model}\n"
    "reward:\n"
    "  - audit: {reward: reward-model, on: pairs}\n",
)


def test_a_step_that_a_reward_model_rewards_is_handed_it(folder):
    inputs = {job.id: dict(job.inputs) for job in compose(read(folder, REWARDED)).jobs}
    expected = {"data": "split:chats", "base": "base", "model": "sft", "reward": "reward-model"}
    assert inputs["grpo"] == expected
    assert inputs["evaluate"]["tuned"] == "grpo"


TAUGHT = SOUND.replace(
    "  - dpo: {on: pairs, steps: 2}\n",
    "  - distill: {on: chats, teacher: smollm2-135m-instruct, steps: 2}\n"
    "  - distill: {on: chats, teacher: big, steps: 2}\n"
    "  - distill: {on: chats, teacher: smollm2-135m-instruct, kd_ratio: 1, steps: 2}\n",
)


def test_a_teacher_is_a_job_of_its_own_and_each_comes_once(folder):
    (folder / "big").mkdir()
    plan = compose(read(folder, TAUGHT))
    trained = ["base", "teacher", "teacher:2", "sft", "distill", "distill:2", "distill:3", "evaluate", "gate"]
    assert [each.id for each in plan.jobs][-9:] == trained
    assert job(plan, "distill").inputs == {
        "data": "split:chats",
        "base": "base",
        "model": "sft",
        "teacher": "teacher",
    }
    assert [job(plan, each).inputs["teacher"] for each in trained[4:7]] == ["teacher", "teacher:2", "teacher"]
    assert job(plan, "teacher").kind == "duecare.model.fetch.Teacher"
    # A folder is found from where the study lies, and recorded as it was written.
    assert job(plan, "teacher:2").step.name == str(folder / "big")
    assert job(plan, "teacher:2").declared.name == "big"
    assert job(plan, "evaluate").inputs["tuned"] == "distill:3"


def test_a_teacher_that_is_nowhere_is_a_problem_with_its_line(folder):
    with pytest.raises(StudyError, match=r"train\.2\.distill\.teacher") as caught:
        read(folder, TAUGHT)
    (problem,) = caught.value.problems
    assert problem.line == 1 + TAUGHT.splitlines().index("  - distill: {on: chats, teacher: big, steps: 2}")


REVIEWED = (
    SOUND
    + """
review:
  - {point: data, on: chats, items: 5}
  - {before: release, point: model, items: 5}
  - {before: release, point: pairs, on: pairs, name: again}
"""
)


def test_people_stand_before_training_and_before_release(folder):
    plan = compose(read(folder, REVIEWED))
    names = [each.id for each in plan.jobs]
    assert names.index("split:pairs") < names.index("review:data-chats") < names.index("base")
    assert names[-3:] == ["gate", "review:model", "review:again"]
    assert job(plan, "review:data-chats").inputs == {"reviewed": "personal:chats"}
    assert job(plan, "review:model").inputs == {"reviewed": "evaluate"}
    assert job(plan, "review:again").inputs == {"reviewed": "personal:pairs"}
    assert "review" not in compose(read(folder, SOUND)).settings  # older studies keep their digest


EXPLAINED = """\
study: {name: try, purpose: "answers", owner: "me"}
model: {base: smollm2-135m-instruct}
groups: {columns: [gender]}
data:
  chats: {source: chats.jsonl, kind: chat}
explain:
  - layers: {}
  - layers: {declared: [gender]}
"""


def test_layers_are_given_rows_where_they_are_asked_of_columns_and_only_there(folder):
    """Nothing is trained or evaluated here: rows are held out because layers are asked of them."""
    plan = compose(read(folder, EXPLAINED))
    assert dict(job(plan, "layers").inputs) == {"base": "base"}
    assert dict(job(plan, "layers:2").inputs) == {"base": "base", "data:chats": "split:chats"}
    assert "split:chats" in [each.id for each in plan.jobs]
    without = compose(read(folder, EXPLAINED.replace("  - layers: {declared: [gender]}\n", "")))
    assert not [each.id for each in without.jobs if each.id.startswith("split:")]


@pytest.mark.parametrize(("on", "columns"), [("chats", "none is"), ("pairs", "region")])
def test_a_column_that_no_held_out_row_declares_is_refused_before_anything_runs(folder, on, columns):
    text = SOUND.replace("groups: {columns: [gender]}\n", "").replace(
        "  - balance: {on: chats, by: gender, to: population.csv}\n", ""
    )
    text = text.replace("kind: preference}", "kind: preference, groups: [region]}")
    text = (
        text[: text.index("train:")]
        + f"train: [{{{'sft' if on == 'chats' else 'dpo'}: {{on: {on}, steps: 2}}}}]\n"
    )
    text += "explain:\n  - layers: {declared: [regions]}\n"
    with pytest.raises(StudyError) as refused:
        read(folder, text)
    (found,) = [each for each in refused.value.problems if each.where == "explain.0.layers.declared"]
    assert f"held out ({columns})" in found.expected
    assert found.line == len(text.splitlines())
