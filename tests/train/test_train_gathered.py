"""Gradients of several batches make one update, that of a large batch: of pairs, and of twins beside rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import stereotyped
from training_toys import curves, data_artifact, digests, preference, run, run_killed_once

from duecare.core import Artifact, StudyError
from duecare.train import Debias, Dpo, GroupDro, Pairing, Privacy, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

PAIRS = Dpo(
    on="pairs", steps=8, batch_size=2, accumulate=2, every=4, warmup=4, learning_rate=1e-2, held_out=0
)
TWINS = Sft(
    on="chats",
    steps=8,
    batch_size=2,
    accumulate=2,
    every=4,
    warmup=4,
    learning_rate=1e-2,
    max_tokens=48,
    held_out=0,
    debias=Debias(axis="gender", pairing=Pairing(weight=3.0, pairs=2)),
)


def adapter(out: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(out / "adapter" / "adapter_model.safetensors")


def furthest(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def given(base: Artifact, folder: Path) -> dict[str, Artifact]:
    answers = [("yes" * (1 + n % 3), "no") for n in range(12)]
    rows = [preference(n, *both, weight=1.0 + n % 3) for n, both in enumerate(answers)]
    return {"base": base, "data": data_artifact(folder / "data", rows)}


@pytest.mark.parametrize("algorithm", ["dpo", "orpo"])
def test_pairs_gathered_are_those_of_one_large_batch(algorithm: str, base: Artifact, tmp_path: Path) -> None:
    inputs = given(base, tmp_path)
    small = replace(PAIRS, algorithm=algorithm)  # type: ignore[arg-type]
    large = replace(small, accumulate=1, steps=4, batch_size=4, warmup=2, every=2)
    run(small, inputs, tmp_path / "small")
    run(large, inputs, tmp_path / "large")
    assert furthest(adapter(tmp_path / "small"), adapter(tmp_path / "large")) < 1e-5
    learned = [each for name, each in adapter(tmp_path / "small").items() if "lora_B" in name]
    assert max(float(np.abs(each).max()) for each in learned) > 1e-3
    # Control: an update for every small batch ends elsewhere.
    run(replace(small, accumulate=1), inputs, tmp_path / "each")
    assert furthest(adapter(tmp_path / "each"), adapter(tmp_path / "large")) > 1e-4


def test_a_run_of_pairs_killed_within_an_update_goes_on(base: Artifact, tmp_path: Path) -> None:
    inputs, step = given(base, tmp_path), replace(PAIRS, every=3)
    run(step, inputs, tmp_path / "whole")
    run_killed_once(step, inputs, tmp_path / "killed", at=5)
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_twins_gathered_are_those_of_one_large_batch_and_the_loss_told_is_whole(
    base: Artifact, tmp_path: Path
) -> None:
    inputs = {"base": base, "data": data_artifact(tmp_path / "data", stereotyped(24, copies=12))}
    large = replace(
        TWINS,
        accumulate=1,
        steps=4,
        batch_size=4,
        warmup=2,
        every=2,
        debias=Debias(axis="gender", pairing=Pairing(weight=3.0, pairs=4)),
    )
    run(TWINS, inputs, tmp_path / "small")
    run(large, inputs, tmp_path / "large")
    assert furthest(adapter(tmp_path / "small"), adapter(tmp_path / "large")) < 1e-5
    drawn = curves(tmp_path / "small").to_pandas()
    told = drawn[drawn.metric == "batch_loss"].set_index("step").value
    apart = drawn[drawn.metric == "pair_distance"].set_index("step").value
    run(replace(TWINS, debias=None, learning_rate=1e-12), inputs, tmp_path / "alone")
    plain = curves(tmp_path / "alone").to_pandas()
    plain = plain[plain.metric == "batch_loss"].set_index("step").value
    # Before the first update the model is the base: its loss on the rows, and three times the distance.
    for step in (1, 2):
        assert told[step] == pytest.approx(plain[step] + 3 * apart[step], abs=1e-4)


def test_the_loss_told_of_a_share_is_that_of_the_batch() -> None:
    import jax.numpy as jnp

    from duecare.train.engine_pairing import paired_loss

    def plain(_: Any, batch: Any) -> tuple[Any, dict[str, Any]]:
        return 2.0 * batch["share"], {"loss": jnp.asarray(2.0)}

    loss = paired_loss(Pairing(weight=0.5), plain, lambda _, twins: twins)
    total, aux = loss(None, {"share": 0.25, "twins": jnp.array([1.0, 4.0])})
    assert float(total) == pytest.approx(0.5 + 0.5 * 3)
    assert float(aux["loss"]) == pytest.approx(2.0 + 0.5 * 3)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"accumulate": 0}, "accumulate = 0"),
        ({"accumulate": 3}, "steps = 8: expected a multiple of accumulate = 3"),
        ({"debias": Debias(axis="a", group_dro=GroupDro())}, "accumulate = 2: expected 1 beside group_dro"),
        ({"privacy": Privacy(epsilon=8, delta=1e-5)}, "accumulate.*with privacy"),
    ],
)
def test_what_cannot_be_gathered_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(StudyError, match=says):
        replace(PAIRS, **fields)
