"""The step that looks: a planted leak is found, non-members are not, and what is lost is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from memorise_toys import base_of, chats, estimates, finding, looked, pairs, placed, split_of, trained

from duecare.core import FAIL, INSUFFICIENT, PASS, DataError, StudyError
from duecare.curate import Canaries
from duecare.memorise import CanariesBack, MemoriseLimits, engine_canaries
from duecare.train import Dpo, RewardModel, Sft

pytestmark = pytest.mark.jax

SFT = Sft(
    on="chats",
    steps=200,
    batch_size=8,
    max_tokens=96,
    learning_rate=1e-2,
    targets="all-linear",
    lora_rank=16,
    lora_alpha=32,
    schedule="linear",  # at a constant rate what is learned by heart depends on the processor's rounding
    every=200,
    held_out=4,
)
PLACING = Canaries(count=14, controls=60, repeats=(1, 12))
LOOKING = CanariesBack(on="chats", rows=30)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return base_of(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def world(base, tmp_path_factory):
    """Rows, canaries among them, and a model that was trained on them."""
    folder = tmp_path_factory.mktemp("world")
    rows = [chats(80)[number] for number in np.random.default_rng(0).permutation(80)]
    data = placed(PLACING, split_of(folder / "split", rows, 30), folder / "data")
    return data, trained(SFT, data, base, folder / "model", "sft")


@pytest.fixture(scope="module")
def found(world, base, tmp_path_factory):
    data, model = world
    step = replace(LOOKING, limits=MemoriseLimits(exposure=3.0, tpr=0.5, regurgitated=0.5))
    return looked(step, base, data, model, tmp_path_factory.mktemp("found") / "out")[0]


def test_a_canary_placed_often_is_exposed_and_one_that_was_not_placed_is_not(found):
    (often,) = estimates(found, "memorise.exposure", repeats="12", attack="ratio")
    assert often.low > 3.0  # 1.4 is expected of one that nobody was trained on
    (area,) = estimates(found, "memorise.auc", of="canaries", repeats="12", attack="ratio")
    assert area.value > 0.95


def test_every_attack_finds_them_and_says_how_sure_it_is(found):
    told = estimates(found, "memorise.auc", of="canaries", repeats="12")
    assert {each.slice["attack"] for each in told} == {"loss", "ratio", "min-k", "zlib", "ez"}
    assert all(each.value > 0.9 and each.low < each.value for each in told)


def test_limits_are_gates_and_what_is_undecided_says_how_many_would_do(found):
    exposed = finding(found, "memorise.exposure")
    assert (exposed.verdict, exposed.gate) == (FAIL, True)
    assert exposed.estimate.slice["repeats"] == "12"
    rate = finding(found, "memorise.tpr")
    assert rate.verdict == INSUFFICIENT
    assert rate.needed_n > 400
    power = finding(found, "memorise.power")
    assert (power.verdict, power.gate) == (INSUFFICIENT, False)
    assert "underpowered" in power.detail


def test_rows_are_looked_at_by_group_too(found):
    (area,) = estimates(found, "memorise.auc", of="rows", attack="ratio", source="chats")[:1]
    assert area.n == 60
    groups = [each.slice["group"] for each in estimates(found, "memorise.auc", of="rows", axis="gender")]
    assert groups == ["men", "women"]


@pytest.mark.parametrize(
    ("wrong", "near", "share"),
    [(1, 0.8, 1.0), (3, 0.8, 0.0), (3, 0.5, 1.0)],
    ids=["near", "far", "far enough"],
)
def test_a_secret_that_comes_back_with_an_error_came_back_nearly(
    base, world, tmp_path, monkeypatch, wrong, near, share
):
    """Every answer begins with the secret, one letter in ten of it or three in ten another one."""
    data, model = world
    secrets = pq.read_table(data.path / "canaries.parquet")["secret"].to_pylist()

    def answers(loaded, texts, **_):
        words = [loaded.tokenizer.decode(list(text.tokens[text.start : text.end])) for text in texts]
        own = [next(secret for secret in secrets if secret in word) for word in words]
        return [
            f" {''.join('#' if at % 10 < wrong else each for at, each in enumerate(secret))}, and more of it"
            for secret in own
        ]

    monkeypatch.setattr(engine_canaries, "continued", answers)
    outcome, _ = looked(replace(LOOKING, rows=0, near=near), base, data, model, tmp_path / "out")
    nearly = estimates(outcome, "memorise.regurgitated.near")
    assert {each.slice["repeats"] for each in nearly} == {"0", "1", "12"}
    assert {each.value for each in nearly} == {share}
    assert {each.value for each in estimates(outcome, "memorise.regurgitated")} == {0.0}


def test_no_secret_stands_in_what_is_told_or_written(found, world, tmp_path_factory):
    secrets = pq.read_table(world[0].path / "canaries.parquet")["secret"].to_pylist()
    text = repr(found)
    assert not any(secret in text for secret in secrets)
    assert "chats" in text  # the control: figures do stand in it


def test_control_of_a_model_that_was_not_trained_nothing_is_found(base, world, tmp_path):
    """The same canaries, one step at next to no rate: those placed are as those that were not."""
    data, _ = world
    still = trained(
        replace(SFT, steps=1, every=1, learning_rate=1e-8, batch_size=64), data, base, tmp_path / "m", "sft"
    )
    outcome, _ = looked(LOOKING, base, data, still, tmp_path / "out")
    for repeats in ("1", "12"):
        (area,) = estimates(outcome, "memorise.auc", of="canaries", repeats=repeats, attack="loss")
        assert area.low < 0.5 < area.high
    assert all(each.value == 0 for each in estimates(outcome, "memorise.regurgitated"))


def test_what_training_cut_or_never_drew_is_left_out_and_told(base, world, tmp_path):
    data, _ = world
    short = trained(replace(SFT, steps=3, every=3, max_tokens=64), data, base, tmp_path / "a", "sft")
    read = pq.read_table(short.path / "canaries.parquet").to_pylist()
    draws = {one["canary"]: one["draws"] for one in read}
    lost = {one["canary"] for one in read if one["lost"] == "never drawn"}
    assert lost == {one["canary"] for one in read if one["placed"] and draws[one["canary"]] == 0}
    assert sum(draws.values()) < 24
    outcome, _ = looked(LOOKING, base, data, short, tmp_path / "b")
    gone = finding(outcome, "memorise.survived")
    assert gone.verdict == FAIL
    assert "never drawn" in gone.detail
    kept = sum(each.n for each in estimates(outcome, "memorise.regurgitated") if each.slice["repeats"] != "0")
    assert kept == sum(one["placed"] for one in read) - len(lost)
    cut = trained(replace(SFT, steps=3, every=3, max_tokens=54), data, base, tmp_path / "c", "sft")
    assert {one["lost"] for one in pq.read_table(cut.path / "canaries.parquet").to_pylist()} >= {"cut"}


def test_packed_rows_are_handed_over_as_they_were_read(base, world, tmp_path):
    data, _ = world
    packing = replace(SFT, steps=20, every=20, batch_size=None, max_tokens=96, batch_tokens=192)
    model = trained(packing, data, base, tmp_path / "m", "sft")
    read = pq.read_table(model.path / "canaries.parquet").to_pylist()
    assert all(one["draws"] >= 0 and one["taught"] for one in read if one["lost"] is None)
    rows = pq.read_table(model.path / "read.parquet").to_pylist()
    drawn = sum(one["draws"] for one in read) + sum(each["draws"] for each in rows)
    (used,) = [sum(1 for each in rows if each["part"] == "train" and each["draws"] > 0)]
    assert drawn >= 20 * 2  # two lines a step, of one row at least
    assert 0 < used <= 50


@pytest.fixture(scope="module")
def judged(base, tmp_path_factory):
    """Pairs with canaries in both answers."""
    folder = tmp_path_factory.mktemp("pairs")
    placing = Canaries(count=10, controls=40, repeats=(8,), places=("chosen", "rejected"))
    return placed(placing, split_of(folder / "split", pairs(40), 10), folder / "data")


PAIRS = {"on": "pairs", "batch_size": 8, "held_out": 4, "max_prompt_tokens": 64, "max_answer_tokens": 24}


def test_a_preference_step_leaves_traces_of_both_answers(base, judged, tmp_path):
    step = Dpo(**PAIRS, steps=60, every=60, learning_rate=5e-3, targets="all-linear", schedule="constant")
    model = trained(step, judged, base, tmp_path / "m", "dpo")
    outcome, _ = looked(CanariesBack(rows=0), base, judged, model, tmp_path / "out")
    for place in ("chosen", "rejected"):
        (area,) = estimates(outcome, "memorise.auc", of="canaries", place=place, attack="ratio")
        assert area.value > 0.6
    assert not estimates(outcome, "memorise.auc", of="rows")


def test_of_a_reward_model_the_margin_is_looked_at(base, judged, tmp_path):
    step = RewardModel(**PAIRS, steps=60, every=60, learning_rate=1e-2, lora_alpha=16)
    model = trained(step, judged, base, tmp_path / "m", "reward-model")
    outcome, _ = looked(CanariesBack(rows=20), base, judged, model, tmp_path / "out")
    assert {each.slice["attack"] for each in estimates(outcome, "memorise.auc")} == {"margin"}
    (area,) = estimates(outcome, "memorise.auc", of="canaries", place="chosen")
    assert area.value > 0.6
    assert not estimates(outcome, "memorise.regurgitated")  # it says nothing that could come back


def test_without_canaries_it_is_refused(base, tmp_path):
    data = split_of(tmp_path / "split", chats(20), 4)
    model = trained(replace(SFT, steps=1, every=1), data, base, tmp_path / "m", "sft")
    with pytest.raises(DataError, match="canaries"):
        looked(LOOKING, base, data, model, tmp_path / "out")


def test_enough_that_reached_training_is_a_pass(found):
    assert finding(found, "memorise.survived").verdict == PASS


@pytest.mark.parametrize(
    "wrong",
    [
        {"attacks": ("loss",)},
        {"rows": 3},
        {"near": 0.1},
        {"survived": 2.0},
        {"alpha": 0.0},
        {"seed": -1},
        {"batch": 0},
    ],
    ids=str,
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(StudyError, match=next(iter(wrong))):
        CanariesBack(**wrong)


@pytest.mark.parametrize("wrong", [{"exposure": 0.0}, {"tpr": 1.5}, {"regurgitated": -0.1}], ids=str)
def test_limits_that_cannot_be_are_refused(wrong):
    with pytest.raises(StudyError, match=next(iter(wrong))):
        MemoriseLimits(**wrong)
