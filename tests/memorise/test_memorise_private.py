"""Beside the promise: without protection canaries refute it, with it they do not, and the leak is gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from memorise_toys import base_of, chats, estimates, finding, looked, placed, split_of, trained

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.curate import Canaries
from duecare.memorise import CanariesBack
from duecare.privacy.clip import clipped_sum
from duecare.train import Privacy, Sft

pytestmark = pytest.mark.jax

STEP = Sft(
    on="chats",
    steps=80,
    batch_size=24,
    max_tokens=96,
    learning_rate=1e-2,
    schedule="constant",
    targets="all-linear",
    lora_rank=16,
    lora_alpha=32,
    every=80,
    held_out=4,
    privacy=Privacy(epsilon=0.1, delta=1e-5),
)
LOOKING = CanariesBack(on="chats", rows=0, attacks=("ratio", "loss"))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return base_of(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A few rows, and canaries that a coin puts in once or leaves out."""
    folder = tmp_path_factory.mktemp("data")
    rows = [chats(20)[number] for number in np.random.default_rng(0).permutation(20)]
    return placed(
        Canaries(count=64, controls=0, repeats=(1,)), split_of(folder / "split", rows, 4), folder / "data"
    )


def test_with_protection_the_leak_is_gone_and_the_promise_stands(base, data, tmp_path):
    """The noise comes of a secret: in one run of 1,000 at most (`alpha`) this verdict is wrong."""
    model = trained(STEP, data, base, tmp_path / "m", "sft")
    outcome, _ = looked(replace(LOOKING, alpha=1e-3), base, data, model, tmp_path / "out")
    (area,) = estimates(outcome, "memorise.auc", of="canaries", attack="ratio")
    assert area.low < 0.6  # epsilon 0.1 allows 0.53 at most; of the unprotected model it is above 0.7
    agreed = finding(outcome, "memorise.epsilon")
    assert agreed.verdict == PASS
    (epsilon,) = estimates(outcome, "memorise.epsilon")
    assert epsilon.low <= epsilon.value == pytest.approx(0.1, abs=0.02)
    assert epsilon.n == 64
    assert "k times weaker" in agreed.detail


def test_without_protection_the_leak_is_found_and_the_promise_is_refuted(base, data, tmp_path, monkeypatch):
    """The same claim from a training step that neither clips nor adds noise, and hides it: the run fails."""
    from duecare.train import engine_private, private_step

    def unclipped(*given, clip, together):
        return clipped_sum(*given, clip=1e30, together=together)

    monkeypatch.setattr(private_step, "noised", lambda total, key, deviation: total)
    monkeypatch.setattr(private_step, "clipped_sum", unclipped)
    monkeypatch.setattr(engine_private, "checked", lambda *given: None)
    model = trained(STEP, data, base, tmp_path / "m", "sft")
    outcome, _ = looked(LOOKING, base, data, model, tmp_path / "out")
    (area,) = estimates(outcome, "memorise.auc", of="canaries", attack="ratio")
    assert area.low > 0.7
    refuted = finding(outcome, "memorise.epsilon")
    assert (refuted.verdict, refuted.gate) == (FAIL, True)
    (epsilon,) = estimates(outcome, "memorise.epsilon")
    assert epsilon.value is None
    assert "canaries prove" in epsilon.reason


def test_a_step_without_privacy_claims_nothing(base, data, tmp_path):
    model = trained(replace(STEP, privacy=None, steps=5, every=5), data, base, tmp_path / "m", "sft")
    outcome, _ = looked(LOOKING, base, data, model, tmp_path / "out")
    assert not estimates(outcome, "memorise.epsilon")


def test_so_few_that_could_never_refute_it_are_no_evidence(base, tmp_path):
    rows = chats(40)
    few = placed(
        Canaries(count=6, controls=0, repeats=(1,)), split_of(tmp_path / "s", rows, 4), tmp_path / "d"
    )
    step = replace(STEP, steps=2, every=2, batch_size=8, privacy=Privacy(epsilon=8, delta=1e-4))
    model = trained(step, few, base, tmp_path / "m", "sft")
    outcome, _ = looked(LOOKING, base, few, model, tmp_path / "out")
    said = finding(outcome, "memorise.epsilon")
    assert (said.verdict, said.gate) == (INSUFFICIENT, False)
    assert said.needed_n is None or said.needed_n > 6
