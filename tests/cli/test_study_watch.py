"""What a study says of the watch: which step takes which limit, and which twins are asked."""

from __future__ import annotations

import pytest
from sound import SOUND, read

from duecare.core import StudyError


def problems(folder, text):
    with pytest.raises(StudyError) as caught:
        read(folder, text)
    return caught.value.problems


def test_each_step_takes_the_limits_that_it_follows_unless_it_has_its_own(folder):
    watch = "watch: {every: 2, limits: {loss_gap: 0.5, accuracy_gap: 0.2}, alpha: 0.1, on_crossing: stop}"
    text = SOUND.replace("watch: {every: 2}", watch)
    sft, dpo = read(folder, text).train
    assert (sft.limits.given, dpo.limits.given) == ({"loss": 0.5}, {"accuracy": 0.2})
    assert {(step.watch_alpha, step.on_crossing) for step in (sft, dpo)} == {(0.1, "stop")}
    own = text.replace("steps: 4}", "steps: 4, limits: {loss_gap: 2}, on_crossing: warn}")
    sft, dpo = read(folder, own).train
    assert (sft.limits.given, sft.on_crossing, dpo.on_crossing) == ({"loss": 2.0}, "warn", "stop")
    sft, dpo = read(folder, SOUND).train
    assert (sft.limits.given, dpo.limits.given, sft.watch_alpha) == ({}, {}, 0.05)


def test_twins_are_asked_where_the_watch_or_the_step_says_so(folder):
    watch = "watch: {probe: {axes: [age], issues: 20}, limits: {twins_gap: 0.2, loss_gap: 1}}"
    sft, dpo = read(folder, SOUND.replace("watch: {every: 2}", watch)).train
    assert (sft.probe.axes, dpo.probe.issues) == (("age",), 20)
    assert (sft.limits.twins, dpo.limits.twins) == ({"gap": 0.2}, {"gap": 0.2})
    own = SOUND.replace("watch: {every: 2}", "watch: {limits: {twins_amplification: 0.1}}")
    sft, dpo = read(folder, own.replace("steps: 4}", "steps: 4, probe: {every: 2}}")).train
    assert (sft.probe.every, dpo.probe) == (2, None)
    assert (sft.limits.twins, dpo.limits.twins) == ({"amplification": 0.1}, {})


def test_each_kind_of_step_takes_the_limits_on_twins_that_it_is_asked_for(folder):
    watch = "watch: {probe: {axes: [age]}, limits: {twins_gap: 0.2, twins_reward_gap: 0.5}}"
    text = SOUND.replace("watch: {every: 2}", watch)
    judged = text.replace("  - dpo:", "  - reward-model: {on: pairs, steps: 2}\n  - dpo:")
    sft, judge, dpo = read(folder, judged).train
    assert judge.probe.axes == ("age",)
    assert judge.limits.twins == {"reward_gap": 0.5}
    assert sft.limits.twins == dpo.limits.twins == {"gap": 0.2}
    (found,) = problems(folder, text)  # no step of this study is asked for rewards
    assert found.where == "watch.limits.twins_reward_gap"
    assert "nobody asks them" in found.expected


def test_answers_are_drawn_by_steps_whose_model_answers(folder):
    sampled = "sampled: {detectors: [toxicity], issues: 12}"
    limits = "limits: {twins_gap: 0.2, twins_toxicity_gap: 0.1}"
    watch = f"watch: {{probe: {{axes: [age], {sampled}}}, {limits}}}"
    text = SOUND.replace("watch: {every: 2}", watch)
    judged = text.replace("  - dpo:", "  - reward-model: {on: pairs, steps: 2}\n  - dpo:")
    sft, judge, dpo = read(folder, judged).train
    assert sft.probe.sampled == dpo.probe.sampled
    assert (sft.probe.sampled.detectors, sft.probe.sampled.issues) == (("toxicity",), 12)
    assert judge.probe.sampled is None
    assert sft.limits.twins == dpo.limits.twins == {"gap": 0.2, "toxicity_gap": 0.1}
    assert judge.limits.twins == {}
    (found,) = problems(folder, text.replace(f", {sampled}", ""))  # control: nobody draws answers then
    assert (found.where, "nobody asks them" in found.expected) == ("watch.limits.twins_toxicity_gap", True)
    own = SOUND.replace("watch: {every: 2}", f"watch: {{{limits}}}")
    sft, dpo = read(folder, own.replace("steps: 4}", f"steps: 4, probe: {{{sampled}}}}}")).train
    assert (sft.limits.twins, dpo.limits.twins) == ({"gap": 0.2, "toxicity_gap": 0.1}, {})
    both = text.replace("[toxicity]", "[toxicity, refusal]").replace(
        "_gap: 0.1", "_gap: 0.1, twins_refusal_gap: 0.3"
    )
    fewer = both.replace("steps: 4}", "steps: 4, probe: {sampled: {detectors: [toxicity]}}}")
    sft, dpo = read(folder, fewer).train  # a step takes the limits on what its own probe scores
    assert sft.limits.twins == {"gap": 0.2, "toxicity_gap": 0.1}
    assert dpo.limits.twins == {"gap": 0.2, "toxicity_gap": 0.1, "refusal_gap": 0.3}


def test_a_step_can_say_that_it_asks_no_twins(folder):
    """As a private step must; its limits on twins go with them."""
    watch = "watch: {probe: {axes: [age]}, limits: {twins_gap: 0.2, loss_gap: 1}}"
    private = "steps: 4, probe: null, privacy: {epsilon: 8, delta: 0.001}}"
    sft, dpo = read(folder, SOUND.replace("watch: {every: 2}", watch).replace("steps: 4}", private)).train
    assert (sft.probe, sft.limits.twins, sft.limits.given) == (None, {}, {"loss": 1.0})
    assert dpo.probe.axes == ("age",)
    asked = SOUND.replace("watch: {every: 2}", watch).replace(
        "steps: 4}", private.replace("probe: null, ", "")
    )
    (found,) = problems(folder, asked)  # control: what the watch gives is refused beside privacy
    assert "twins are not asked in a private run" in found.expected


def test_a_limit_on_gaps_needs_groups(folder):
    ungrouped = SOUND.replace("groups: {columns: [gender]}\n", "").replace(
        "  - balance: {on: chats, by: gender, to: population.csv}\n", ""
    )
    read(folder, ungrouped)
    found = problems(folder, ungrouped.replace("{every: 2}", "{limits: {loss_gap: 0.5}}"))
    assert [(each.where, each.line) for each in found] == [("train.0.sft.limits", 11)]
    assert "without groups there is no gap" in found[0].expected
