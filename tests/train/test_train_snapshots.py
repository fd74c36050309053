"""Low-rank updates kept on the way: each is the model of its step, a kill changes none, what is left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import Killed
from private_toys import STEP as PRIVATE
from private_toys import trained as trained_privately
from training_toys import Told, base_artifact, data_artifact, digests, learnable, preference, run

from duecare.core import Artifact, ModelError, Note, Outcome, Progress
from duecare.model.tensors import rules
from duecare.train import Distill, Dpo, Grpo, Ppo, RewardModel, Sft
from duecare.train.limits import Limits

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

LOOP: dict[str, Any] = {
    "steps": 8,
    "batch_size": 4,
    "every": 4,
    "learning_rate": 2e-2,
    "schedule": "constant",
    "held_out": 4,
}
CHATS: dict[str, Any] = {"on": "chats", "max_tokens": 32, "lora_alpha": 16, **LOOP}
ROWS = learnable(28)
PAIRS = [preference(n, f"yes {n % 5}", "no", ("women", "men")[n % 2]) for n in range(28)]


def trained(step: Any, base: Artifact, folder: Path, tell: Any = None, **more: Artifact) -> Any:
    rows = PAIRS if step.on == "pairs" else ROWS
    if (folder / "data").exists():
        data = Artifact("split:chats", folder / "data", "data")
    else:
        data = replace(data_artifact(folder / "data", rows[:24], rows[24:]), digest="data")
    out = folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    told = Told()
    return step.run({"data": data, "base": base, **more}, out, tell or told), told


def kept(out: Path) -> dict[int, Path]:
    from duecare.model.adapter import snapshots_of

    return snapshots_of(out)


def parameters(folder: Path, exchanged: tuple[Path, Path] | None = None) -> dict[str, np.ndarray]:
    """Every parameter of the model of `folder`, its own update exchanged for another."""
    from duecare.model.adapter import exchange, read_adapter
    from duecare.model.load import load, parameter

    loaded = load(folder)
    if exchanged is not None:
        exchange(loaded, *map(read_adapter, exchanged))
    return {
        str(rule.path): np.asarray(parameter(loaded.model, rule.path)[...]) for rule in rules(loaded.shape)
    }


def furthest(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3"])
def test_a_snapshot_is_the_model_of_its_step(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    base = base_artifact(tmp_path, family=family)
    step = Sft(targets="all-linear", **CHATS)
    outcome, told = trained(replace(step, snapshots=3), base, tmp_path / "long")
    long, short = tmp_path / "long" / "out", tmp_path / "short" / "out"
    trained(replace(step, steps=4), base, tmp_path / "short")
    found = kept(long)
    assert list(found) == [2, 4, 6]
    assert outcome.files["snapshots"] == "snapshots"
    same = [path / "adapter_model.safetensors" for path in (found[4], short / "adapter")]
    assert same[0].read_bytes() == same[1].read_bytes()
    back = parameters(long / "model", (long / "adapter", found[4]))
    assert furthest(back, parameters(short / "model")) < 1e-6
    # Controls: neither the last model nor that of another step is it.
    assert furthest(parameters(long / "model"), parameters(short / "model")) > 1e-3
    assert (
        furthest(parameters(long / "model", (long / "adapter", found[2])), parameters(short / "model")) > 1e-3
    )
    (note,) = [each for each in told.all if isinstance(each, Note) and each.topic == "sft.snapshots"]
    assert note.data == {"kept": "2 4 6", "left_out": ""}


def test_on_a_base_in_few_bits_too(base: Artifact, tmp_path: Path) -> None:
    step = Sft(quantize="nf4", **CHATS)
    trained(replace(step, snapshots=3), base, tmp_path / "long")
    trained(replace(step, steps=4), base, tmp_path / "short")
    long, short = tmp_path / "long" / "out", tmp_path / "short" / "out"
    back = parameters(long / "model", (long / "adapter", kept(long)[4]))
    assert furthest(back, parameters(short / "model")) < 1e-6


REINFORCED: dict[str, Any] = {
    "on": "chats",
    "reward": {"toy_rewards:lower_case": 1.0},
    "steps": 4,
    "batch_size": 4,
    "samples": 4,
    "max_answer_tokens": 6,
    "max_prompt_tokens": 32,
    "learning_rate": 2e-2,
    "every": 2,
    "held_out": 4,
}
STEPS = {
    "dpo": Dpo(on="pairs", **LOOP),
    "orpo": Dpo(on="pairs", algorithm="orpo", **LOOP),
    "distill": Distill(teacher="given", **CHATS),
    "grpo": Grpo(**REINFORCED),
    "ppo": Ppo(iterations=2, **{**REINFORCED, "steps": 4}),
    "reward-model": RewardModel(on="pairs", **LOOP),
}


@pytest.mark.parametrize("method", STEPS)
def test_every_method_keeps_them_and_trains_as_it_would_without(
    method: str, base: Artifact, tmp_path: Path
) -> None:
    step, more = STEPS[method], {}
    if method == "distill":
        more["teacher"] = replace(base, job="teacher")
    outcome, _ = trained(replace(step, snapshots=1), base, tmp_path / "with", **more)
    trained(step, base, tmp_path / "without", **more)
    out = tmp_path / "with" / "out"
    assert list(kept(out)) == [step.steps // 2]
    assert outcome.files["snapshots"] == "snapshots"
    here, there = digests(out), digests(tmp_path / "without" / "out")
    assert {name: digest for name, digest in here.items() if not name.startswith("snapshots/")} == there
    (folder,) = kept(out).values()
    from safetensors.numpy import load_file

    early, last = (load_file(each / "adapter_model.safetensors") for each in (folder, out / "adapter"))
    assert early.keys() == last.keys()
    assert all(np.isfinite(each).all() for each in early.values())
    moved = [name for name in early if not np.array_equal(early[name], last[name])]
    assert moved
    assert (folder / "adapter_config.json").read_bytes() == (
        out / "adapter" / "adapter_config.json"
    ).read_bytes()
    if method == "reward-model":
        assert "base_model.model.score.weight" in moved


def diverging(on_crossing: Any, **fields: Any) -> Sft:
    return Sft(
        on="chats",
        steps=150,
        batch_size=4,
        every=10,
        learning_rate=2e-2,
        max_tokens=32,
        held_out=4,
        limits=Limits(loss_gap=0.3),
        on_crossing=on_crossing,
        **fields,
    )


def test_steps_that_were_rolled_back_leave_no_snapshot(base: Artifact, tmp_path: Path) -> None:
    rows = learnable(608, worse="men")
    data = data_artifact(tmp_path / "data", rows[:600], rows[600:])
    found: dict[str, tuple[Outcome, Told, Path]] = {}
    for on_crossing in ("stop", "rollback"):
        out = tmp_path / on_crossing
        made = run(diverging(on_crossing, snapshots=29), {"base": base, "data": data}, out)
        found[on_crossing] = (*made, out)
    (note,) = [
        each
        for each in found["rollback"][1].all
        if isinstance(each, Note) and each.topic.endswith("rolled_back")
    ]
    crossed, good = int(note.data["crossed"]), int(note.data["kept"])
    assert 0 < good < crossed < 150
    due = range(5, 150, 5)
    assert list(kept(found["stop"][2])) == [step for step in due if step < crossed]
    assert list(kept(found["rollback"][2])) == [step for step in due if step < good]
    (told,) = [
        each for each in found["rollback"][1].all if isinstance(each, Note) and each.topic == "sft.snapshots"
    ]
    assert told.data["left_out"].split() == [str(step) for step in due if step >= good]
    assert "went back to before" in told.text
    last = found["rollback"][2]
    assert not {path.read_bytes() for path in last.glob("snapshots/*/*.safetensors")} & {
        (last / "adapter" / "adapter_model.safetensors").read_bytes()
    }


def killing(at: int, told: Told) -> Any:
    def tell(what: Any) -> None:
        told(what)
        if isinstance(what, Progress) and what.message.startswith("loss") and what.done == at:
            raise Killed

    return tell


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_a_killed_run_has_the_same_snapshots_though_one_was_damaged(
    base: Artifact, tmp_path: Path, damaged: bool
) -> None:
    step = Sft(snapshots=3, **CHATS)
    trained(step, base, tmp_path / "whole")
    with pytest.raises(Killed):
        trained(step, base, tmp_path / "killed", killing(7, Told()))
    scratch = tmp_path / "killed" / "out" / ".resume"
    taken = sorted(path.name.split(".")[0] for path in scratch.glob("snapshot-*.once"))
    assert taken == [f"snapshot-{step:09d}" for step in (2, 4, 6)]
    if damaged:
        (one,) = scratch.glob("snapshot-000000002.*.once")
        one.write_bytes(one.read_bytes()[:-1] + b"?")
    _, told = trained(step, base, tmp_path / "killed")
    topics = [each.text for each in told.all if isinstance(each, Note) and each.topic == "sft.resumed"]
    assert ("begins anew" in topics[0]) == damaged
    assert digests(tmp_path / "killed" / "out") == digests(tmp_path / "whole" / "out")


def test_one_that_is_damaged_when_training_has_ended_is_told_and_made_anew(
    base: Artifact, tmp_path: Path
) -> None:
    step = Sft(snapshots=3, **CHATS)
    trained(step, base, tmp_path / "whole")
    scratch = tmp_path / "damaged" / "out" / ".resume"

    def damaging(what: Any) -> None:
        if isinstance(what, Progress) and what.message.startswith("measuring what training"):
            (one,) = scratch.glob("snapshot-000000002.*.once")
            one.write_bytes(one.read_bytes()[:-1] + b"?")

    with pytest.raises(ModelError, match="snapshot of step 2 was damaged"):
        trained(step, base, tmp_path / "damaged", damaging)
    _, told = trained(step, base, tmp_path / "damaged")
    assert [each for each in told.all if isinstance(each, Note) and "begins anew" in each.text]
    assert digests(tmp_path / "damaged" / "out") == digests(tmp_path / "whole" / "out")


def test_a_private_steps_promise_speaks_of_its_snapshots(base: Artifact, tmp_path: Path) -> None:
    outcome, _ = trained_privately(replace(PRIVATE, snapshots=2), base, tmp_path)
    out = tmp_path / "out"
    assert list(kept(out)) == [4, 8]
    assert outcome.files["snapshots"] == "snapshots"
    assert "snapshots on the way" in json.loads((out / "privacy.json").read_text())["covered"]


def test_updates_that_do_not_fit_are_refused(base: Artifact, tmp_path: Path) -> None:
    from duecare.model.adapter import Adapter, exchange, read_adapter
    from duecare.model.load import load

    trained(Sft(snapshots=1, **CHATS), base, tmp_path)
    out = tmp_path / "out"
    (folder,) = kept(out).values()
    own, loaded = read_adapter(folder), load(out / "model")
    fewer = {name: each for name, each in own.low.items() if "layers.0" in name}
    with pytest.raises(ModelError, match="not of one and the same model"):
        exchange(loaded, own, Adapter(fewer, {name: own.high[name] for name in fewer}, own.scale))
    wide = Adapter(own.low, {name: each[:-1] for name, each in own.high.items()}, own.scale)
    with pytest.raises(ModelError, match="does not fit the model"):
        exchange(loaded, wide, wide)
    with pytest.raises(ModelError, match="a whole low-rank update"):
        read_adapter(tmp_path)
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ModelError, match="a whole low-rank update"):
        read_adapter(folder)
