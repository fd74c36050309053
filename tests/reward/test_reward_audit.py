"""The step: from held-out pairs to figures, verdicts and tables; what is broken is named."""

from __future__ import annotations

import math

import pyarrow.parquet as pq
import pytest
from reward_toys import SECRET, artifact, pair, pairs

from duecare.core import DataError, Message, StudyError
from duecare.reward import Audit, AuditLimits

SMALL = {"on": "pairs", "nudges": 300, "axes": ("religion", "pronoun")}


def run(tmp_path, rows=None, name="held_out.parquet", **settings):
    told = []
    step = Audit(**(SMALL | {"reward": "reward_toys:padded"} | settings))
    given = {"data": artifact(tmp_path / "data", rows or pairs(80), name)}
    out = tmp_path / "out"
    out.mkdir(parents=True, exist_ok=True)
    return step.run(given, out, told.append), told, out


def test_an_audit_ranks_nudges_decides_and_leaves_its_tables(tmp_path) -> None:
    outcome, told, out = run(tmp_path, nudges=1500, limits=AuditLimits(accuracy=0.6, length=0.5))
    verdicts = {each.name: each for each in outcome.findings}
    assert verdicts["reward.audit.accuracy"].verdict == "pass"
    assert verdicts["reward.audit.identity"].verdict == "pass"
    length = verdicts["reward.audit.length"]
    assert (length.verdict, length.gate) == ("fail", True)
    assert "some padding" in length.detail or "much padding" in length.detail
    assert length.next
    assert not verdicts["reward.rank.apart"].gate
    note = next(each for each in told if hasattr(each, "topic"))
    assert note.data["digest"].startswith(length.estimate.slice["digest"])
    metrics = {each.metric for each in outcome.estimates}
    assert metrics == {
        "reward.pairs.left_out",
        "reward.rank.accuracy",
        "reward.rank.ties",
        "reward.rank.difference",
        "reward.rank.differing",
        "reward.nudge",
        "reward.nudge.wins",
    }
    nudged = pq.read_table(out / "nudged.parquet")
    assert set(nudged.column("kind").to_pylist()) >= {"length", "identity", "refusal"}
    assert pq.read_table(out / "ranked.parquet").num_rows == 80
    whole = b"".join(path.read_bytes() for path in out.iterdir())
    assert b"screws" not in whole


def test_the_same_audit_gives_the_same_bytes(tmp_path) -> None:
    one, _, first = run(tmp_path / "a")
    other, _, second = run(tmp_path / "b")
    assert one == other
    for name in ("ranked.parquet", "nudged.parquet"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    changed, _, _ = run(tmp_path / "c", seed=4, pairs=40)
    assert changed != one


def test_where_nothing_was_held_out_all_rows_are_ranked(tmp_path) -> None:
    outcome, _, _ = run(tmp_path, name="kept.parquet")
    assert next(each for each in outcome.estimates if each.metric == "reward.rank.accuracy").n == 80
    with pytest.raises(DataError, match=r"expected held_out.parquet or kept.parquet"):
        run(tmp_path / "other", name="train.parquet")


def test_too_little_evidence_is_no_pass_and_says_what_would_do(tmp_path) -> None:
    outcome, _, _ = run(
        tmp_path, rows=pairs(12), reward="reward_toys:padded", limits=AuditLimits(accuracy=0.9)
    )
    (accuracy,) = [each for each in outcome.findings if each.name == "reward.audit.accuracy"]
    assert accuracy.verdict == "insufficient evidence"


def test_pairs_of_one_prompt_decide_nothing_and_it_is_said_why(tmp_path) -> None:
    turns = pair(1).turns
    rows = [pair(number, turns=turns) for number in range(12)]
    outcome, _, _ = run(tmp_path, rows=rows, axes=(), kinds=("flattery",), limits=AuditLimits(flattery=0.5))
    verdicts = {each.name: each for each in outcome.findings}
    assert verdicts["reward.audit.accuracy"].verdict == "insufficient evidence"
    flattery = verdicts["reward.audit.flattery"]
    assert flattery.verdict == "insufficient evidence"
    assert "nothing can be told of the nudge flattery" in flattery.detail
    assert "one independent unit" in flattery.estimate.reason


def test_two_rewards_are_compared_on_the_pairs_that_both_ranked(tmp_path) -> None:
    rows = [*pairs(60), pair(61, rejected="")]  # the detector cannot judge an empty answer
    outcome, _, _ = run(tmp_path, rows=rows, against="toxicity")
    apart = [each for each in outcome.estimates if each.metric == "reward.rank.difference"]
    assert {each.slice["against"] for each in apart} == {"the longer answer", "toxicity"}
    assert {each.n for each in apart} == {2 * 61, 2 * 60}


def test_a_detector_is_a_reward_like_any_other(tmp_path) -> None:
    rows = [
        pair(n, chosen="Thank you, that is lovely.", rejected=f"You are an idiot, number {n}.")
        for n in range(40)
    ]
    outcome, _, _ = run(tmp_path, rows=rows, reward="sentiment")
    accuracy = next(each for each in outcome.estimates if each.metric == "reward.rank.accuracy")
    assert accuracy.value == 1
    assert accuracy.rests_on == ("sentiment",)
    assert any("flattery" in str(each.slice) for each in outcome.estimates)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("not_a_number", "gave NaN or an infinite number for 1 of 160 answers"),
        ("too_few", r"gave numbers of shape \(159,\): expected \(160,\)"),
        ("constant", "the reward is constant"),
        ("raises", "raised KeyError"),
        ("nothing_of_that_name", "cannot be loaded"),
        ("SECRET", "cannot be called"),
    ],
)
def test_a_broken_reward_is_named_and_no_text_is_told(tmp_path, function: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        run(tmp_path, reward=f"reward_toys:{function}")
    assert SECRET not in str(caught.value)
    assert "screws" not in str(caught.value)


def test_a_function_that_takes_a_declared_axis_is_told_of_nobody(tmp_path) -> None:
    outcome, _, _ = run(tmp_path, reward="reward_toys:by_gender")
    assert outcome.estimates


def test_an_audit_of_a_function_needs_no_jax() -> None:
    import subprocess
    import sys

    script = (
        "import sys, duecare.reward.auditing\n"
        "duecare.reward.Audit(reward='toxicity', on='pairs')\n"
        "print({'jax', 'flax', 'tunix'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_group_without_pairs_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"reward.audit.groups: no pair declares age"):
        run(tmp_path, groups=("age",))


def test_a_source_without_pairs_is_refused(tmp_path) -> None:
    from duecare.core import Example
    from duecare.core.table import table

    row = Example(row="a:1", key="0" * 64, source="a", kind="text", text="no pair")
    given = artifact(tmp_path / "data", pairs(2))
    pq.write_table(table([row]), given.path / "held_out.parquet")
    with pytest.raises(DataError, match="holds no preference pairs"):
        Audit(**SMALL, reward="toxicity").run({"data": given}, tmp_path, lambda _: None)


def test_layouts_of_rewardbench_and_of_transcripts_are_read(tmp_path) -> None:
    """By the step that reads sources: prompt, chosen, rejected and subset; or two transcripts."""
    import json

    from duecare.curate.source import Read
    from duecare.reward.pairs import read_pairs

    bench = [
        {"prompt": f"Ask {i}", "chosen": "Yes", "rejected": "No", "subset": "chat" if i % 2 else "safety"}
        for i in range(6)
    ]
    start = "\n\nHuman: Hello\n\nAssistant: Hi\n\nHuman: Well?\n\nAssistant:"
    turned = [{"chosen": f"{start} Good {i}.", "rejected": f"{start} Bad {i}."} for i in range(6)]
    found = {}
    for name, rows, more in (("bench", bench, {"keep": ("subset",)}), ("hh", turned, {})):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        out = tmp_path / name
        out.mkdir()
        Read(source=str(tmp_path / f"{name}.jsonl"), kind="preference", name=name, **more).run(
            {}, out, lambda _: None
        )
        found[name] = read_pairs(out, "subset", 500, 0)
    assert {each.subset for each in found["bench"]} == {"chat", "safety"}
    assert found["bench"][0].turns == (Message(role="user", content="Ask 0"),)
    assert [turn.role for turn in found["hh"][0].turns] == ["user", "assistant", "user"]
    assert found["hh"][3].chosen == "Good 3."
    assert len(read_pairs(tmp_path / "hh", "subset", 4, 0)) == 4


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"reward": " "}, "reward"),
        ({"on": ""}, "on"),
        ({"against": "toxicity"}, "against"),
        ({"pairs": 3}, "pairs"),
        ({"nudges": 5}, "nudges"),
        ({"worth": math.nan}, "worth"),
        ({"alpha": 0}, "alpha"),
        ({"axes": ("shoe",)}, "axes"),
        ({"kinds": ("volume",)}, "kinds"),
        ({"axes": ("gender", "gender")}, "axes"),
        ({"words": ("two words",)}, "words"),
        ({"max_tokens": 1}, "max_tokens"),
        ({"batch": 0}, "batch"),
        ({"limits": AuditLimits(word=0.5)}, "limits"),
        ({"limits": AuditLimits(accuracy=None), "axes": ()}, "limits"),
    ],
)
def test_nonsense_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    given: dict[str, object] = {"on": "pairs", "reward": "toxicity"} | settings
    with pytest.raises(StudyError, match=f"reward.audit.{field}") as caught:
        Audit(**given)  # type: ignore[arg-type]
    assert {problem.where for problem in caught.value.problems} == {f"reward.audit.{field}"}


@pytest.mark.parametrize(
    "limits", [{"accuracy": 1.5}, {"identity": 0}, {"length": math.inf}, {"accuracy": None, "identity": None}]
)
def test_limits_that_are_none_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(StudyError, match=r"reward\.audit\.limits"):
        AuditLimits(**limits)
