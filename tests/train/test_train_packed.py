"""Packed rows are taught as if each stood alone: losses, gradients, whole runs, for every family."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from training_toys import Told, base_artifact, chat, curves, data_artifact, digests, learnable, run

from duecare.core import Artifact, Artifacts, Example, Message
from duecare.model.tiny import write_tiny
from duecare.train import Sft
from duecare.train.adversary import Adversary
from duecare.train.debias import Debias
from duecare.train.robust import GroupDro

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

LENGTH = 160
FAMILIES = ("llama", "qwen2", "qwen3", "gemma3")
STEP = Sft(
    on="chats",
    batch_tokens=LENGTH,
    steps=6,
    every=2,
    learning_rate=2e-2,
    targets="all-linear",
    held_out=8,
)


@dataclass(frozen=True)
class World:
    """A tiny model whose low-rank updates have an effect, and how to ask it for losses and gradients."""

    module: Any
    tokenizer: Any
    ask: Any
    slopes: Any

    def passages(self, rows: list[Example]) -> tuple[Any, Any]:
        from duecare.train.batch import Plan
        from duecare.train.engine_loop import Data
        from duecare.train.rows import passage

        read = tuple(passage(row, self.tokenizer, LENGTH) for row in rows)
        count = len(read)
        weights = np.linspace(0.5, 1.5, count).astype(np.float32)
        data = Data(rows=None, names=[], groups=None, weights=weights)  # type: ignore[arg-type]
        return data, Plan(np.arange(count), read, np.arange(count), {}, count)

    def padded(self, rows: list[Example]) -> dict[str, Any]:
        from duecare.train.engine_sft import Passages

        data, plan = self.passages(rows)
        return dict(Passages(data, plan, (LENGTH, 256), 0).batch(plan.slots))

    def packed(self, rows: list[Example], lines: tuple[tuple[int, ...], ...]) -> dict[str, Any]:
        from duecare.train.engine_sft import PackedPassages
        from duecare.train.packing import Lines

        data, plan = self.passages(rows)
        held = Lines(plan, tuple(np.array(line) for line in lines))
        made = PackedPassages(data, held, (len(lines), LENGTH), (7, 256), 0)
        return dict(made.step(0))

    def losses(self, batch: Mapping[str, Any]) -> np.ndarray:
        """Loss per taught token of each row there is, by its place in the table."""
        _, aux = self.ask(self.module, batch)
        found = dict(zip(aux["row"].tolist(), np.asarray(aux["figures"]["loss"]).tolist(), strict=True))
        return np.array([found[row] for row in sorted(found) if row >= 0])

    def gradient(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        import jax

        found, _ = self.slopes(self.module, batch)
        return {
            jax.tree_util.keystr(path): np.asarray(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(found)
        }


def asking() -> tuple[Any, Any]:
    """Loss and gradient, compiled anew: what was compiled before a patch must not outlive it."""
    from flax import nnx

    from duecare.train.engine_sft import sft_loss

    def loss(module: Any, batch: Mapping[str, Any]) -> Any:
        return sft_loss(module, batch)

    return nnx.jit(loss), nnx.jit(nnx.grad(loss, argnums=nnx.DiffState(0, nnx.LoRAParam), has_aux=True))


@pytest.fixture(scope="module", params=FAMILIES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    import jax.numpy as jnp
    from flax import nnx

    from duecare.model.load import load
    from duecare.train.lora import with_lora

    loaded = load(write_tiny(tmp_path_factory.mktemp("tiny") / request.param, request.param, seed=3))
    module = with_lora(loaded.model, rank=2, alpha=4.0, targets="all-linear", seed=0)
    generator = np.random.default_rng(5)
    state = nnx.to_flat_state(nnx.state(module, nnx.LoRAParam))
    for _, variable in sorted(state, key=lambda item: str(item[0])):
        variable.set_value(jnp.asarray(0.2 * generator.standard_normal(variable.shape), jnp.float32))
    nnx.update(module, nnx.from_flat_state(state))
    return World(module, loaded.tokenizer, *asking())


ROWS = [
    chat(0, "hi", "yes"),
    chat(1, "a longer question about it", "no"),
    chat(2, "q", "an answer of its own that outgrows any window of sixteen tokens by far"),
    chat(3, "what", "that"),
    Example(
        row="chats:4",
        key=f"{4:064x}",
        source="chats",
        kind="chat",
        messages=tuple(
            Message(role=("user", "assistant")[turn % 2], content=f"turn {turn}") for turn in range(4)
        ),
    ),
]
LINES = ((2,), (3, 1), (0, 4))


def test_every_row_has_the_loss_it_has_alone(world: World) -> None:
    alone = np.concatenate([world.losses(world.padded([row])) for row in ROWS])
    assert np.ptp(alone) > 0.1
    np.testing.assert_allclose(world.losses(world.padded(ROWS)), alone, atol=1e-4)
    np.testing.assert_allclose(world.losses(world.packed(ROWS, LINES)), alone, atol=1e-4)
    np.testing.assert_allclose(world.losses(world.packed(ROWS, ((1, 0), (4, 3), (2,)))), alone, atol=1e-4)


def test_gradients_are_those_of_the_padded_batch(world: World) -> None:
    padded, packed = world.gradient(world.padded(ROWS)), world.gradient(world.packed(ROWS, LINES))
    assert padded.keys() == packed.keys()
    scale = max(np.abs(each).max() for each in padded.values())
    assert scale > 1e-2
    for name, each in padded.items():
        np.testing.assert_allclose(packed[name], each, atol=1e-5 * max(scale, 1.0), err_msg=name)
    # Control: the gradient of other lines is another.
    other = world.gradient(world.packed(ROWS[:4], ((2,), (3, 1), (0,))))
    assert any(not np.allclose(other[name], each, atol=1e-3 * scale) for name, each in padded.items())


OTHER = [*ROWS[:3], chat(3, "what", "this"), ROWS[4]]
"""ROWS with another answer of the same length in row 3."""


def test_rows_do_not_see_each_other(world: World) -> None:
    before = world.losses(world.packed(ROWS, LINES))
    after = world.losses(world.packed(OTHER, LINES))
    others = [0, 1, 2, 4]
    np.testing.assert_allclose(after[others], before[others], rtol=0, atol=1e-6)
    assert abs(after[3] - before[3]) > 1e-3


def test_control_a_plainly_causal_mask_lets_them_see(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tests fail where lines are read as one text, even with positions that start anew."""
    from duecare.model.forward import causal
    from duecare.train import engine_sft

    alone = world.losses(world.padded(ROWS))
    monkeypatch.setattr(engine_sft, "within", lambda segment: causal(segment >= 0))
    world = replace(world, ask=asking()[0])
    before = world.losses(world.packed(ROWS, LINES))
    after = world.losses(world.packed(OTHER, LINES))
    assert np.abs(before - alone).max() > 1e-2
    assert abs(after[1] - before[1]) > 1e-4  # the row behind the changed one
    np.testing.assert_allclose(after[2], before[2], rtol=0, atol=1e-6)  # alone in its line


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Chats of two groups, of many lengths."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base = base_artifact(folder)
    rows = [
        chat(i, f"q{i % 9}" * (1 + i % 5), row.messages[1].content, row.groups[0].value)
        for i, row in enumerate(learnable(60, worse="men"))
    ]
    return {"base": base, "data": data_artifact(folder / "data", rows[:48], rows[48:])}


@pytest.fixture(autouse=True)
def same_cache(inputs: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))


@pytest.fixture(scope="module")
def whole(inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        return run(STEP, inputs, out), out


def test_a_packed_run_learns_and_its_figures_are_per_row(whole: tuple[Any, Path], inputs: Artifacts) -> None:
    (outcome, told), out = whole
    drawn = curves(out).to_pandas()
    steps = drawn[drawn.metric == "batch_loss"]
    assert len(steps) == STEP.steps
    assert (steps.n > 2).all()  # rows in a batch; room for more is not counted
    last = {e.slice.get("group"): e for e in told.estimates("sft.loss", split="train") if e.step == 6}
    assert last["women"].n + last["men"].n == last[None].n
    change = {e.slice.get("group"): e.value for e in outcome.estimates if e.metric == "sft.loss.change"}
    assert change[None] < 0
    (share,) = told.estimates("sft.tokens.useful")
    assert share.n == STEP.steps * LENGTH
    assert 0.9 * share.n < share.value <= share.n
    (used,) = told.estimates("sft.rows.used")
    assert used.value <= pq.read_table(inputs["data"].path / "train.parquet").num_rows


def test_held_out_rows_are_measured_as_padded_ones_are(whole: tuple[Any, Path], inputs: Artifacts) -> None:
    (outcome, _), out = whole
    padded = Sft(
        on="chats", batch_size=4, max_tokens=LENGTH, steps=1, every=1, held_out=8, targets="all-linear"
    )
    other, _ = run(padded, inputs, out.parent / "padded")

    def before(found: Any) -> dict[str | None, float]:
        return {
            each.slice.get("group"): each.value
            for each in found.estimates
            if each.metric == "sft.loss" and each.slice["when"] == "before"
        }

    assert before(outcome) == pytest.approx(before(other), abs=1e-4)
    assert len(before(outcome)) == 3


def test_a_killed_packed_run_goes_on_and_equals_the_whole_one(
    whole: tuple[Any, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    _, out = whole
    killed = tmp_path / "out"
    killed.mkdir()
    with pytest.raises(KilledError):
        STEP.run(inputs, killed, Killed(after=3))
    (_, told) = run(STEP, inputs, killed)
    assert any("after step 2 of 6" in getattr(each, "text", "") for each in told.all)
    assert digests(killed) == digests(out)


def test_a_shuffled_file_gives_the_same_model(
    whole: tuple[Any, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    _, out = whole
    folder = inputs["data"].path
    (tmp_path / "data").mkdir()
    for name in ("train.parquet", "held_out.parquet"):
        rows = pq.read_table(folder / name)
        order = random.Random(0).sample(range(len(rows)), len(rows))
        pq.write_table(rows.take(order), tmp_path / "data" / name)
    data = Artifact("split:chats", tmp_path / "data", "shuffled")
    run(STEP, {**inputs, "data": data}, tmp_path / "out")
    made, known = digests(tmp_path / "out"), digests(out)
    assert made["model/model.safetensors"] == known["model/model.safetensors"]


@pytest.mark.parametrize(
    "method", [GroupDro(), Adversary(memory=32, warmup=1)], ids=["group_dro", "adversary"]
)
def test_packed_batches_are_debiased_row_by_row(
    method: GroupDro | Adversary, inputs: Artifacts, tmp_path: Path
) -> None:
    """What a batch has room for and does not hold is of no group, and no loss of NaN comes of it."""
    given = {"group_dro" if isinstance(method, GroupDro) else "adversary": method}
    step = Sft(
        on="chats", batch_tokens=LENGTH, steps=2, every=2, held_out=0, debias=Debias(axis="gender", **given)
    )
    _, told = run(step, inputs, tmp_path / "out")
    drawn = curves(tmp_path / "out").to_pandas()
    assert np.isfinite(drawn.value).all()
    last = {e.slice.get("group"): e for e in told.estimates("sft.loss", split="train")}
    assert last["women"].n + last["men"].n == last[None].n


@pytest.mark.parametrize("whole", [True, False])
def test_room_for_a_row_is_of_no_group(whole: bool) -> None:
    from duecare.train.engine_debias import Membership
    from duecare.train.engine_loop import Data
    from duecare.train.watch import Groups

    groups = Groups({"gender": np.array(["men", "women", None, "women"], dtype=object)})
    data = Data(rows=None, names=[], groups=groups, weights=np.ones(4, np.float32))  # type: ignore[arg-type]
    member = Membership(data, "gender", whole=whole)
    found = member.groups(np.array([1, 0, 2, -1, -1], np.int32))
    assert found.tolist() == [1, 0, 2 if whole else -1, -1, -1]


class KilledError(Exception):
    """Stands for the end of the process."""


class Killed(Told):
    """Ends the run after some training steps, from inside it."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def __call__(self, what: Any) -> None:
        super().__call__(what)
        if getattr(what, "done", 0) > self.after:
            raise KilledError
