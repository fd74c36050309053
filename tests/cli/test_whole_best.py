"""A study that follows where a reward leads a policy, end to end, and what its report says of it."""

from __future__ import annotations

import json
import re

import pyarrow.parquet as pq
import pytest
from sound import SOUND, read
from typer.testing import CliRunner

from duecare.cli.compose import compose
from duecare.cli.main import app
from duecare.core import StudyError
from duecare.ledger import entries

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

STUDY = """\
study: {{name: followed, purpose: "a test", owner: "nobody"}}
model: {{base: {base}}}
data:
  pairs: {{source: pairs.jsonl, kind: preference, groups: [reader]}}
curate:
  - split: {{held_out: 0.5}}
train:
  - reward-model: {{on: pairs, steps: 2, batch_size: 4, held_out: 8, robust: {{heads: 3, combine: lower}}}}
  - reward-model: {{on: pairs, steps: 3, batch_size: 4, held_out: 8}}
reward:
  - best-of-n:
      reward: reward-model
      held_out: "reward-model:2"
      on: pairs
      prompts: 12
      samples: 4
      max_answer_tokens: 8
      instruments: [toxicity]
"""


def rows(count: int) -> list[dict[str, str]]:
    return [
        {
            "prompt": f"q{number}?",
            "chosen": f"Part {number} is lovely.",
            "rejected": f"Part {number} is horrible.",
            "reader": "women" if number % 3 else "men",
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    from duecare.model.tiny import write_tiny

    folder = tmp_path_factory.mktemp("followed")
    base = write_tiny(folder / "tiny")
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(40)))
    (folder / "study.yaml").write_text(STUDY.format(base=base))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        said = CliRunner().invoke(app, ["run", str(folder / "study.yaml"), "--run", str(folder / "run")])
    assert said.exit_code in (0, 3), said.output
    return folder / "run"


def test_both_rewards_are_told_for_every_n_with_the_answers_of_the_policy(followed):
    (last,) = [e for e in entries(followed) if e.happened == "step.finished" and e.job == "best-of-n"]
    assert last.inputs.keys() == {"data", "base", "reward", "held_out"}
    levels = {
        (each.metric.rpartition(".")[2], each.slice["n"]): each
        for each in last.estimates
        if "n" in each.slice and "against" not in each.slice
    }
    assert {n for name, n in levels if name == "reward"} == {"1", "2", "4"}
    assert {name for name, _ in levels} == {"reward", "held_out", "toxicity", "length"}
    assert levels["reward", "1"].value < levels["reward", "4"].value
    assert levels["reward", "4"].clusters in (None, 12)
    assert levels["reward", "4"].n == 12
    (turn,) = last.findings
    assert turn.name == "reward.best-of-n.turn"
    assert {each.slice.get("group") for each in last.estimates if each.metric.endswith(".gap")} == {
        "men",
        "women",
    }
    folder = followed / "artifacts" / next(p.name for p in (followed / "artifacts").glob("best-of-n-*"))
    pool = pq.read_table(folder / "pool.parquet")
    assert len(pool) == 12 * 4 * 4
    assert "text" not in pool.column_names


def test_the_report_draws_the_curve_with_words_for_it_and_a_table(followed):
    page = (followed / "report" / "report.html").read_text("utf-8")
    part = page.split("Where the reward reward-model leads the base model")[1].split("<h3")[0]
    (drawn,) = re.findall(r'<svg class="curve"[^>]*role="img" aria-label="([^"]+)"', part)
    assert "the held-out reward from" in drawn
    assert "best of n answers" in part
    assert "training step" not in part
    table = part.split("<table")[1]
    for head in ("Nats from the policy, at most", "Held-out reward", "Toxicity", "Words"):
        assert head in table
    assert re.findall(r'<th scope="row">(\d+)</th>', table)[:3] == ["1", "2", "4"]
    assert "0.6363" in table, "log 4 - 3/4"


def test_it_waits_for_the_policy_and_both_rewards(folder):
    train = SOUND.replace(
        "  - dpo: {on: pairs, steps: 2}\n",
        "  - reward-model: {on: pairs, steps: 2}\n"
        "reward:\n  - best-of-n: {reward: reward-model, held_out: toxicity, on: chats, policy: sft}\n",
    )
    plan = compose(read(folder, train))
    names = [job.id for job in plan.jobs]
    job = next(job for job in plan.jobs if job.id == "best-of-n")
    assert job.inputs == {"reward": "reward-model", "data": "split:chats", "base": "base", "policy": "sft"}
    assert max(names.index("sft"), names.index("reward-model")) < names.index("best-of-n")
    with pytest.raises(StudyError, match=r'policy.*did you mean "sft"'):
        read(folder, train.replace("policy: sft", "policy: sfd"))
    with pytest.raises(StudyError, match="a training step whose model answers"):
        read(folder, train.replace("policy: sft", "policy: reward-model"))
    with pytest.raises(StudyError, match="module:function in Python only"):
        read(folder, train.replace("held_out: toxicity", "held_out: 'os:getcwd'"))


def test_control_an_untrained_study_answers_with_its_base_and_needs_one(folder):
    text = (
        "study: {name: try}\nmodel: {base: some-model}\n"
        "data:\n  pairs: {source: pairs.jsonl, kind: preference}\n"
        "reward:\n  - best-of-n: {reward: toxicity, held_out: sentiment, on: pairs}\n"
    )
    (folder / "some-model").mkdir()
    plan = compose(read(folder, text))
    assert [job.id for job in plan.jobs][-2:] == ["base", "best-of-n"]
    with pytest.raises(StudyError, match="a base model, because its answers are looked into"):
        read(folder, text.replace("model: {base: some-model}\n", ""))
