"""One accident after the other, in every method: each is told, and the end is that of a run without any."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_train_reinforce import CRITIC, QUICK, asks
from training_toys import Told, base_artifact, data_artifact, digests, learnable, preference, run

from duecare.core import FAIL, Artifact, Artifacts, DataError, Finding, ModelError, Note
from duecare.train import Distill, Dpo, RewardModel, watch

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

LOOP: dict[str, Any] = {"steps": 6, "every": 2, "held_out": 2, "learning_rate": 1e-2}
ROUNDS: dict[str, Any] = {**LOOP, "batch_size": 4, "samples": 2, "iterations": 1}
METHODS: dict[str, Any] = {
    "orpo": Dpo(on="pairs", algorithm="orpo", batch_size=4, **LOOP),
    "reward-model": RewardModel(on="pairs", batch_size=4, **LOOP),
    "distill": Distill(on="chats", teacher="given", batch_size=4, max_tokens=32, **LOOP),
    "grpo": replace(QUICK, **ROUNDS),
    "ppo": replace(CRITIC, **ROUNDS),
}


def world(method: str, base: Artifact, folder: Path) -> Artifacts:
    if method in ("orpo", "reward-model"):
        rows = [preference(n, "yes sir", "no", ("women", "men")[n % 2]) for n in range(26)]
    else:
        rows = learnable(26) if method == "distill" else asks(26)
    inputs = {"base": base, "data": data_artifact(folder / "data", rows[:24], rows[24:])}
    if method == "distill":
        (folder / "teacher").mkdir()
        inputs["teacher"] = base_artifact(folder / "teacher", seed=1)
    return inputs


def no_number_at(step: int, seen: Callable[..., object]) -> Callable[..., object]:
    """`Run._record`, which is `seen`, with a broken loss at a step."""

    def record(self: object, number: int, aux: dict[str, object]) -> object:
        return seen(self, number, aux | ({"loss": float("nan")} if number == step else {}))

    return record


def ending_after(steps: int, seen: Callable[..., object]) -> Callable[..., object]:
    """`Run.fit`, which is `seen`, with data for so many steps."""

    def fit(self: object, trainer: object, batch: Callable[[int], object]) -> object:
        def short(number: int) -> object:
            if number == steps:
                raise StopIteration
            return batch(number)

        return seen(self, trainer, short)

    return fit


def full_after(lines: int) -> Callable[..., object]:
    seen, count = watch.append_line, iter(range(1, 100))

    def write(path: Path, data: bytes) -> object:
        if path.name == "steps.jsonl" and next(count) > lines:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return seen(path, data)

    return write


def damage(scratch: Path) -> None:
    """Turn one bit of the newest checkpoint of a step."""
    newest = max(each for each in scratch.glob("*.safetensors") if each.name[0].isdigit())
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(bytes(data))


@pytest.mark.parametrize("method", METHODS)
def test_accidents_are_told_and_leave_no_trace(
    method: str, base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.train.engine_loop import Run

    step, inputs, out = METHODS[method], world(method, base, tmp_path), tmp_path / "out"
    run(step, inputs, tmp_path / "whole")
    out.mkdir()

    def stopped(owner: Any, name: str, broken: object, error: type[Exception], says: str) -> Told:
        told = Told()
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            with pytest.raises(error, match=says):
                step.run(inputs, out, told)
        assert not (out / "model").exists()
        return told

    def failed(told: Told) -> list[str]:
        found = [each for each in told.all if isinstance(each, Finding) and each.verdict == FAIL]
        assert all(each.next for each in found)
        return [each.name for each in found]

    def went_on(told: Told) -> list[str]:
        return [e.text for e in told.all if isinstance(e, Note) and e.topic == f"{method}.resumed"]

    broken = no_number_at(5, Run._record)
    told = stopped(Run, "_record", broken, ModelError, "step 5 the loss was not a finite number")
    assert failed(told) == [f"{method}.finite"]
    damage(out / ".resume")
    told = stopped(Run, "fit", ending_after(3, Run.fit), DataError, "ended after training step 3 of 6")
    assert failed(told) == [f"{method}.checkpoint", f"{method}.data"]
    assert went_on(told) == ["training goes on after step 2 of 6"]
    told = stopped(watch, "append_line", full_after(1), ModelError, "No space left on device.*step 4 is kept")
    assert failed(told) == [f"{method}.disk"]
    assert went_on(told) == ["training goes on after step 3 of 6"]
    _, told = run(step, inputs, out)
    assert went_on(told) == ["training goes on after step 4 of 6"]
    assert not failed(told)
    assert digests(out) == digests(tmp_path / "whole")
