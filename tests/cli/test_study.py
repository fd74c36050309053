"""Study files: what is refused, with which line and which words, and what a sound one becomes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from sound import SOUND, read

import duecare
from duecare.core import StudyError

ACCELERATORS = {"jax", "jaxlib", "flax", "tunix", "qwix", "torch", "transformers"}


def problems(folder, text):
    with pytest.raises(StudyError) as caught:
        read(folder, text)
    return caught.value.problems


def test_a_sound_study_becomes_steps(folder):
    study = read(folder, SOUND)
    assert (study.name, study.owner, study.seed) == ("try", "me", 3)
    assert study.model.name == "smollm2-135m-instruct"
    assert [type(use.step).__name__ for use in study.uses] == ["Screen", "Duplicates", "Balance", "Redact"]
    assert [use.on for use in study.uses] == [("chats",), (), ("chats",), ()]
    sft, dpo = study.train
    assert (sft.seed, sft.every, sft.steps) == (3, 2, 4)
    assert (dpo.seed, dpo.every) == (3, 2)
    assert study.gates.gates[0].between == (-0.1, 0.1)


# What is wrong -> (what is replaced, by what, [(line, where, words of what was expected)])
WRONG = {
    "debiasing an axis that is not declared": (
        "steps: 4}",
        "steps: 4, debias: {axis: gendre, group_dro: {}}}",
        [(13, "train.0.sft.debias.axis", 'did you mean "gender"?')],
    ),
    "debiasing by two methods": (
        "steps: 4}",
        "steps: 4, debias: {axis: gender, group_dro: {}, pairing: {}}}",
        [(13, "train.0.sft.debias", "at a time")],
    ),
    "debiasing by a method of another step": (
        "steps: 2}",
        "steps: 2, debias: {axis: gender, pairing: {}}}",
        [(14, "train.1.dpo.debias", "group_dro: this step has no other")],
    ),
    "unknown section": ("watch:", "wacth:", [(15, "wacth", 'did you mean "watch"?')]),
    "review of what is not there": ("seed: 3", "review: {on: nothing}", [(19, "review.on", "chats, pairs")]),
    "review of pairs in chats": (
        "seed: 3",
        "review: {point: pairs, on: chats}",
        [(19, "review.on", "kind preference")],
    ),
    "review of the model before it is there": (
        "seed: 3",
        "review: {point: model}",
        [(19, "review.point", "data or pairs")],
    ),
    "unknown key of a step": (
        "limit: 0.5",
        "limits: 0.5",
        [(8, "curate.0.toxicity.limits", 'mean "limit"?')],
    ),
    "unknown step": (
        "- duplicates",
        "- duplicate",
        [(9, "curate.1.duplicate", 'did you mean "duplicates"?')],
    ),
    "unknown key of study": ("owner:", "owners:", [(1, "study.owners", 'did you mean "owner"?')]),
    "wrong type": ("steps: 4", "steps: four", [(13, "train.0.sft.steps", "a whole number")]),
    "a number as text": ("limit: 0.5", "limit: '0.5'", [(8, "curate.0.toxicity.limit", "a number")]),
    "a boolean is no number": ("steps: 4", "steps: true", [(13, "train.0.sft.steps", "a whole number")]),
    "wrong kind of rows": ("kind: chat}", "kind: chats}", [(5, "data.chats.kind", 'did you mean "chat"?')]),
    "missing key": ("source: chats.jsonl, ", "", [(5, "data.chats.source", "text")]),
    "missing name": ("name: try, ", "", [(1, "study.name", "text")]),
    "the step's own refusal": ("limit: 0.5", "limit: 1.5", [(8, "curate.0.toxicity.limit", "(0, 1]")]),
    "an option's refusal": ("steps: 2}", "beta: -1}", [(14, "train.1.dpo.beta", "a number in (0, 100]")]),
    "file not there": (
        "source: chats.jsonl",
        "source: chat.jsonl",
        [(5, "data.chats.source", 'did you mean "chats.jsonl"?')],
    ),
    "variable not set": (
        "source: chats.jsonl",
        "source: $NOT_SET_ANYWHERE/x.jsonl",
        [(5, "data.chats.source", "NOT_SET_ANYWHERE")],
    ),
    "population not there": (
        "to: population.csv",
        "to: people.csv",
        [(10, "curate.2.balance.to", "a file that is there")],
    ),
    "column in no source": (
        "columns: [gender]",
        "columns: [gendre]",
        [(3, "groups.columns.0", 'did you mean "gender"?')],
    ),
    "detector that is none": (
        "limit: 0.5",
        "detector: toxic",
        [(8, "curate.0.toxicity.detector", 'did you mean "toxicity"?')],
    ),
    "detector of the other kind": (
        "limit: 0.5",
        "detector: personal",
        [(8, "curate.0.toxicity.detector", "a detector that gives scores")],
    ),
    "own group column not there": (
        "kind: preference}",
        "kind: preference, groups: [gender]}",
        [(6, "data.pairs.groups", "a column of the file")],
    ),
    "balance by an undeclared column": (
        "by: gender",
        "by: region",
        [(10, "curate.2.balance.by", "a group column")],
    ),
    "balance where the column is not": (
        "balance: {on: chats,",
        "balance: {on: pairs,",
        [(10, "curate.2.balance.on", "that have the column gender (pairs has not)")],
    ),
    "curated source unknown": (
        "{on: chats, limit",
        "{on: chat, limit",
        [(8, "curate.0.toxicity.on", '"chats"?')],
    ),
    "trained source unknown": ("sft: {on: chats", "sft: {on: cats", [(13, "train.0.sft.on", '"chats"?')]),
    "a reward that is none": (
        "dpo: {on: pairs, steps: 2}",
        "grpo: {on: pairs, steps: 2, reward: {toxicty: -1.0}}",
        [(14, "train.1.grpo.reward.toxicty", "a detector or an installed reward function")],
    ),
    "a reward model that is none": (
        "dpo: {on: pairs, steps: 2}",
        "grpo: {on: pairs, steps: 2, reward_model: sft}",
        [(14, "train.1.grpo.reward_model", "trained before this step (none is)")],
    ),
    "code as a reward": (
        "dpo: {on: pairs, steps: 2}",
        "grpo: {on: pairs, steps: 2, reward: {'os:getcwd': 1.0}}",
        [(14, "train.1.grpo.reward", "module:function in Python only")],
    ),
    "dpo on chats": ("dpo: {on: pairs", "dpo: {on: chats", [(14, "train.1.dpo.on", "of kind preference")]),
    "reward model on chats": (
        "dpo: {on: pairs",
        "reward-model: {on: chats",
        [(14, "train.1.reward-model.on", "of kind preference")],
    ),
    "change by a reward model": (
        "  - sft: {on: chats, steps: 4}\n  - dpo: {on: pairs, steps: 2}",
        "  - reward-model: {on: pairs, steps: 2, centring: -1}",
        [(13, "train.0.reward-model.centring", "from 0 to 100")],
    ),
    "order": (
        "  - duplicates\n",
        "  - duplicates\n  - toxicity: {on: pairs}\n",
        [(10, "curate.2.toxicity", "the order audit, toxicity, poisoning, duplicates")],
    ),
    "nothing to hold rows against": (
        "  - duplicates\n",
        "  - duplicates\n  - decontaminate\n",
        [(10, "curate.2.decontaminate.against", "an evaluation set")],
    ),
    "twice on one source": (
        "  - duplicates\n",
        "  - duplicates\n  - duplicates: {on: pairs}\n",
        [(10, "curate.2.duplicates.on", "once")],
    ),
    "no model": ("model: {base: smollm2-135m-instruct}\n", "", [(1, "model", "because the study")]),
    "unknown model": (
        "base: smollm2-135m-instruct",
        "base: smollm2-135m",
        [(2, "model.base", "duecare models")],
    ),
    "gate on what is not measured": (
        "metric: twins.gap",
        "metric: toxicity.rate",
        [(18, "gates.0.metric", "toxicity-by-group")],
    ),
    "gate on no figure": (
        "metric: twins.gap",
        "metric: twins.gpa",
        [(18, "gates.0.metric", 'mean "twins.gap"?')],
    ),
    "gate on an axis that is not asked": (
        "0.1]}",
        "0.1], axis: age}",
        [(18, "gates.0.axis", "an axis that is evaluated")],
    ),
    "gate without limit": (", between: [-0.1, 0.1]", "", [(18, "gates.0.between", "exactly one of")]),
    "gates without evaluation": (
        "evaluate: {suites: [twins, heldout], axes: [gender]}\n",
        "",
        [(16, "gates", "`evaluate` section")],
    ),
    "unknown suite": (
        "suites: [twins, heldout]",
        "suites: [twinz]",
        [(16, "evaluate.suites", "toxicity-by-group")],
    ),
    "name that is no folder": ("name: try", "name: ../try", [(1, "study.name", "letters, digits")]),
    "source name that is no folder": ("  chats: {", "  'a:b': {", [(5, "data.a:b", "a source name")]),
    "group watched but not declared": (
        "steps: 4}",
        "steps: 4, groups: [age]}",
        [(13, "train.0.sft.groups", "a group column declared for chats")],
    ),
    "limit that is none": (
        "watch: {every: 2}",
        "watch: {every: 2, limits: {loss_gap: -1}, alpha: 2}",
        [(15, "watch.limits.loss_gap", "above 0"), (15, "watch.alpha", "at most 0.5")],
    ),
    "limit on an unknown gap": (
        "watch: {every: 2}",
        "watch: {limits: {los_gap: 1}}",
        [(15, "watch.limits.los_gap", 'mean "loss_gap"?')],
    ),
    "limit that no step follows": (
        "  - dpo: {on: pairs, steps: 2}\nwatch: {every: 2}",
        "watch: {limits: {margin_gap: 1, loss_gap: 1}}",
        [(14, "watch.limits.margin_gap", "dpo follows margin, accuracy")],
    ),
    "a step's limit that it does not follow": (
        "steps: 4}",
        "steps: 4, limits: {accuracy_gap: 0.2}}",
        [(13, "train.0.sft.limits", "sft follows")],
    ),
    "twins of an unknown axis": (
        "watch: {every: 2}",
        "watch: {probe: {axes: [shoes]}}",
        [(15, "watch.probe.axes", "gender, religion, age, nationality")],
    ),
    "limit on twins that nobody asks": (
        "watch: {every: 2}",
        "watch: {limits: {twins_gap: 0.1}}",
        [(15, "watch.limits.twins_gap", "nobody asks them")],
    ),
    "unknown answer to a crossing": (
        "watch: {every: 2}",
        "watch: {on_crossing: halt}",
        [(15, "watch.on_crossing", "warn, stop")],
    ),
    "two steps in one item": (
        "- duplicates",
        "- {duplicates: {}, audit: {}}",
        [(9, "curate.1", "one step with its settings")],
    ),
    "a list that is none": ("train:\n  - sft:", "train:\n  sft:", None),
    "given twice": ("seed: 3", "seed: 3\nseed: 4", [(20, "seed", "the first stands on line 19")]),
    "seed that is none": ("seed: 3", "seed: three", [(19, "seed", "a whole number")]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_with_its_line(folder, name):
    old, new, expected = WRONG[name]
    assert old in SOUND
    found = problems(folder, SOUND.replace(old, new))
    for line, where, words in expected or ():
        matching = [each for each in found if each.line == line and each.where.startswith(where)]
        assert matching, [str(each) for each in found]
        assert any(words in each.expected for each in matching), [str(each) for each in matching]
    assert all(each.line is not None for each in found)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(folder):
    text = SOUND
    picked = [
        "unknown key of study",
        "unknown model",
        "file not there",
        "order",
        "dpo on chats",
        "unknown suite",
        "seed that is none",
    ]
    for name in picked:
        old, new, _ = WRONG[name]
        text = text.replace(old, new)
    found = problems(folder, text)
    lines = [each.line for each in found]
    assert lines == sorted(lines)
    assert {1, 2, 5, 10, 15, 17, 20} <= set(lines)
    assert len(found) >= len(picked)


def test_a_group_without_rows_is_told(folder):
    rows = [json.loads(line) | {"gender": None} for line in (folder / "chats.jsonl").read_text().splitlines()]
    (folder / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = problems(folder, SOUND)
    assert any(each.line == 3 and "row" in each.expected for each in found), [str(each) for each in found]


def population(folder, text):
    (folder / "population.csv").write_text("axis,value,share\n" + text)
    return [each for each in problems(folder, SOUND) if each.where == "curate.2.balance.to"]


def test_a_population_that_does_not_fit_is_told(folder):
    (found,) = population(folder, "gender,women,0.5\ngender,men,0.4\ngender,others,0.1\n")
    assert (found.line, "others of gender has none in chats" in found.expected) == (10, True)
    (found,) = population(folder, "gender,women,1\n")
    assert "men has none" in found.expected
    (found,) = population(folder, "age,old,1\n")
    assert found.expected == "rows for the axis gender"
    (found,) = population(folder, "gender,women,much\n")
    assert found.expected == "a number in (0, 1]"


def test_a_second_axis_that_no_source_has_is_told(folder):
    found = problems(folder, SOUND.replace("by: gender, to", "by: gender, cross: age, to"))
    assert any(each.where == "curate.2.balance.on" and "age" in each.expected for each in found)


def test_a_rewrite_that_nobody_approved_stops_the_study(folder):
    study = SOUND.replace(
        "- duplicates\n", "- stereotypes: {on: chats, mode: rephrase, rewrites: rewrites.jsonl}\n"
    )
    line = {"row": "chats:0", "part": "messages.0", "before": "0" * 64, "text": "Words.", "reason": "none"}
    (folder / "rewrites.jsonl").write_text(json.dumps(line) + "\n")
    (found,) = (each for each in problems(folder, study) if "rewrites" in each.where)
    assert (found.line, "line 1" in found.expected, "approved_by" in found.expected) == (9, True, True)
    assert "Words" not in found.expected
    (folder / "rewrites.jsonl").write_text(json.dumps(line | {"approved_by": "ada"}) + "\n")
    read(folder, study)


def test_a_pattern_that_nothing_fits(folder):
    found = problems(folder, SOUND.replace("source: chats.jsonl", "source: 'none/*.jsonl'"))
    assert (found[0].line, found[0].where) == (5, "data.chats.source")


def test_a_source_without_its_columns_is_told(folder):
    (folder / "chats.jsonl").write_text('{"turns": [], "gender": "women"}\n')
    found = problems(folder, SOUND)
    assert any(each.where.startswith("data.chats") and each.line == 5 for each in found), [
        str(each) for each in found
    ]


def test_a_file_that_is_not_text(folder):
    (folder / "study.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="UTF-8"):
        duecare.Study.read(folder / "study.yaml")
    with pytest.raises(StudyError, match="can be read"):
        duecare.Study.read(folder / "nowhere.yaml")


def test_no_problem_carries_a_row(folder):
    rows = (folder / "chats.jsonl").read_text()
    (folder / "chats.jsonl").write_text(rows + '{"messages": "SECRET", "gender": "SECRET"}\nSECRET\n')
    text = SOUND.replace("columns: [gender]", "columns: [nothing]").replace("kind: chat}", "kind: text}")
    assert "SECRET" not in "".join(map(str, problems(folder, text)))


def test_a_check_imports_no_accelerator(folder):
    (folder / "study.yaml").write_text(SOUND)
    script = "import sys, duecare; duecare.Study.read('study.yaml').plan(); print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder, env=os.environ
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "duecare" in loaded
    assert not loaded & ACCELERATORS
    # Nor what makes a check slow: statistics, tables for people, signatures.
    assert not loaded & {"scipy", "pandas", "polars", "cryptography", "altair", "jinja2"}


def test_a_study_built_in_python_is_checked_alike(folder):
    from duecare import Groups, Study, Use, curate, train
    from duecare.model.fetch import Fetch

    study = Study(
        name="try",
        model=Fetch(name="smollm2-135m-instruct"),
        groups=Groups(columns=("gender",)),
        data={"chats": curate.Read(source="chats.jsonl", kind="chat")},
        curate=(curate.Duplicates(), Use(curate.Screen(), on=("cats",))),
        train=(train.Dpo(on="chats"),),
        folder=folder,
    )
    with pytest.raises(StudyError) as caught:
        study.check()
    where = {each.where for each in caught.value.problems}
    assert where == {"curate.1.toxicity", "curate.1.toxicity.on", "train.0.dpo.on"}
