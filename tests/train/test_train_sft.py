"""Fine-tuning on the tiny model: it learns, it tells the groups apart, and nothing moves that should not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told, base_artifact, chat, curves, data_artifact, digests, learnable, run

from duecare.core import FAIL, Artifact, DataError, Estimate, Example, Finding, ModelError, Outcome
from duecare.model.tiny import write_tiny
from duecare.train import Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

QUICK = Sft(
    on="chats",
    steps=30,
    batch_size=4,
    every=10,
    learning_rate=2e-2,
    targets="all-linear",
    lora_alpha=16,
    held_out=20,
)


Worse = tuple[Outcome, Told, Path]


def changed(step: Sft, **fields: object) -> Sft:
    """`step` with other settings."""
    return Sft(**{name: getattr(step, name) for name in step.__dataclass_fields__} | fields)  # type: ignore[arg-type]


def trained(
    step: Sft, base: Artifact, folder: Path, rows: list[Example], held: Sequence[Example] = ()
) -> tuple[Outcome, Told]:
    data = data_artifact(folder / "data", rows, held)
    return run(step, {"data": data, "base": base}, folder / "out")


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def worse(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Worse:
    """One run on chats where men's answers are noise, with its folder."""
    folder = tmp_path_factory.mktemp("worse")
    rows = learnable(80, worse="men")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        outcome, told = trained(QUICK, base, folder, rows[:60], rows[60:])
    return outcome, told, folder / "out"


def held_out(outcome: Outcome, metric: str, group: str | None = None, when: str | None = None) -> Estimate:
    (one,) = [
        each
        for each in outcome.estimates
        if (each.metric, each.slice.get("group"), each.slice.get("when")) == (metric, group, when)
    ]
    return one


def test_the_loss_falls_and_the_group_that_cannot_be_learnt_stays_behind(worse: Worse) -> None:
    outcome, told, out = worse
    drawn = curves(out).to_pandas()
    steps = drawn[drawn.metric == "batch_loss"]
    assert len(steps) == 30
    assert steps.value.iloc[-5:].mean() < 0.7 * steps.value.iloc[:2].mean()
    last = {e.slice.get("group"): e for e in told.estimates("sft.loss", split="train") if e.step == 30}
    assert last["women"].high < last["men"].low
    gap = held_out(outcome, "sft.loss.gap", group="men", when="after")
    assert gap.low > 1
    assert held_out(outcome, "sft.loss.change", group="women").high < 0
    assert held_out(outcome, "sft.loss.gap.change", group="men").low > 0
    assert set(drawn.split) == {"train", "probe"}
    assert {0, 30} == set(drawn[drawn.split == "probe"].step)


def test_control_no_gap_is_found_where_none_is_planted(base: Artifact, tmp_path: Path) -> None:
    rows = learnable(80)
    outcome, told = trained(QUICK, base, tmp_path, rows[:60], rows[60:])
    gap = held_out(outcome, "sft.loss.gap", group="men", when="after")
    assert gap.low < 0 < gap.high
    last = {e.slice.get("group"): e for e in told.estimates("sft.loss", split="train") if e.step == 30}
    assert last["women"].low < last["men"].high
    assert last["men"].low < last["women"].high


def test_the_exported_model_is_the_trained_one_and_the_base_stood_still(worse: Worse, base: Artifact) -> None:
    _, _, out = worse
    before, after = weights(base.path.parent / "tiny"), weights(out / "model")
    assert before.keys() == after.keys()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved
    assert all("_proj" in name for name in moved)
    # The low-rank update alone accounts for all of the change.
    from safetensors.numpy import load_file

    adapter = load_file(out / "adapter" / "adapter_model.safetensors")
    for name in moved:
        stem = "base_model.model." + name.removesuffix(".weight")
        update = adapter[f"{stem}.lora_B.weight"] @ adapter[f"{stem}.lora_A.weight"]
        np.testing.assert_allclose(after[name], before[name] + 2.0 * update, atol=1e-6)


def test_the_exported_model_says_what_the_trained_module_said(worse: Worse) -> None:
    outcome, _, out = worse
    from duecare.model.load import load
    from duecare.model.logprob import answer_logprobs

    loaded = load(out / "model")
    rows = learnable(80, worse="men")[60:]
    prompts = [loaded.tokenizer.chat(row.messages[:1], answer=True) for row in rows]
    answers = [row.messages[1].content + "<|im_end|>" for row in rows]
    found = answer_logprobs(loaded, prompts, answers)
    loss = np.mean([-one.total / one.tokens for one in found])
    told = held_out(outcome, "sft.loss", when="after")
    assert told.value == pytest.approx(loss, abs=2e-5)
    base_says = held_out(outcome, "sft.loss", when="before")
    assert base_says.value != pytest.approx(loss, abs=0.1)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(base: Artifact, tmp_path: Path) -> None:
    rows = learnable(20)
    short = changed(QUICK, steps=3, held_out=4)
    made = []
    for name, step in (("a", short), ("b", short), ("c", changed(short, seed=1))):
        trained(step, base, tmp_path / name, rows[:16], rows[16:])
        made.append(digests(tmp_path / name / "out"))
    assert made[0] == made[1]
    assert made[0]["model/model.safetensors"] != made[2]["model/model.safetensors"]


def test_rows_of_weight_zero_do_not_move_the_model_and_others_do(base: Artifact, tmp_path: Path) -> None:
    short = changed(QUICK, steps=3, held_out=0)
    good = [chat(i, f"q{i}", "yes") for i in range(6)]
    ignored = [chat(i, f"q{i}", "no way", weight=0.0) for i in range(6, 12)]
    counted = [chat(i, f"q{i}", "no way", weight=0.1) for i in range(6, 12)]
    made = {}
    for name, rows in (("without", good), ("ignored", good + ignored), ("counted", good + counted)):
        trained(short, base, tmp_path / name, rows)
        made[name] = digests(tmp_path / name / "out")["model/model.safetensors"]
    assert made["without"] == made["ignored"]
    assert made["without"] != made["counted"]


def test_weights_matter_by_proportion_only(base: Artifact, tmp_path: Path) -> None:
    short = changed(QUICK, steps=3, held_out=0)
    made = []
    for name, unit in (("one", 1.0), ("four", 4.0)):
        trained(short, base, tmp_path / name, [chat(i, f"q{i}", "yes", weight=unit) for i in range(6)])
        made.append(digests(tmp_path / name / "out")["model/model.safetensors"])
    assert made[0] == made[1]
    trained(short, base, tmp_path / "mixed", [chat(i, f"q{i}", "yes", weight=1.0 + i) for i in range(6)])
    assert digests(tmp_path / "mixed" / "out")["model/model.safetensors"] != made[0]


def test_a_second_training_starts_where_the_first_ended(worse: Worse, base: Artifact, tmp_path: Path) -> None:
    outcome, _, out = worse
    rows = learnable(80, worse="men")
    data = data_artifact(tmp_path / "data", rows[:60], rows[60:])
    inputs = {"data": data, "base": base, "model": Artifact("sft", out, "digest")}
    again, _ = run(changed(QUICK, steps=1), inputs, tmp_path / "out")
    first, second = held_out(outcome, "sft.loss", when="after"), held_out(again, "sft.loss", when="before")
    assert second.value == pytest.approx(first.value, abs=1e-4)


@pytest.fixture(scope="module")
def asked(base: Artifact) -> tuple[Any, Any, dict[str, Any]]:
    """The tiny model, its module with low-rank updates of no effect yet, and three chats as a batch."""
    from duecare.model.load import load
    from duecare.train.batch import Plan
    from duecare.train.engine_loop import Data
    from duecare.train.engine_sft import Passages
    from duecare.train.lora import with_lora
    from duecare.train.rows import passage

    loaded = load(base.path.parent / "tiny")
    module = with_lora(loaded.model, rank=2, alpha=2.0, targets="q-v", seed=0)
    rows = [chat(0, "hi", "yes"), chat(1, "a longer question", "no"), chat(2, "q", "an answer of its own")]
    read = tuple(passage(row, loaded.tokenizer, 96) for row in rows)
    plan = Plan(slots=np.arange(3), read=read, rows=np.arange(3), unusable={}, met=3)
    data = Data(rows=None, names=[], groups=None, weights=np.ones(3, np.float32))  # type: ignore[arg-type]
    return (
        loaded.model,
        module,
        dict(Passages(data, plan, (96, 64), loaded.tokenizer.pad_id).batch(np.arange(3))),
    )


def taught(batch: dict[str, Any]) -> np.ndarray:
    """Which tokens of a batch are taught, float32 [B, L]."""
    found = np.zeros(batch["tokens"].shape, np.float32)
    asks = batch["counts"] > 0
    found[batch["asked_row"][asks], batch["asked_place"][asks] + 1] = 1
    return found


def test_our_loss_is_tunixs_default_and_prompts_do_not_count(asked: tuple[Any, Any, dict[str, Any]]) -> None:
    from tunix.sft.peft_trainer import _default_loss_fn

    from duecare.model.forward import causal, places
    from duecare.train.engine_sft import sft_loss

    plain, module, batch = asked
    real = batch["real"]
    where = (places(real), causal(real))
    theirs = float(_default_loss_fn(plain, batch["tokens"], taught(batch), *where))
    loss, aux = sft_loss(module, batch)
    assert float(loss) == pytest.approx(theirs, abs=1e-5)
    counts = taught(batch).sum(axis=1)
    assert float((aux["figures"]["loss"] * counts).sum() / counts.sum()) == pytest.approx(theirs, abs=1e-5)
    # Control: with the prompts taught too the number is another.
    with_prompts = float(_default_loss_fn(plain, batch["tokens"], real.astype(np.float32), *where))
    assert with_prompts != pytest.approx(theirs, abs=1e-3)


def test_gradients_are_those_of_the_plain_loss(asked: tuple[Any, Any, dict[str, Any]]) -> None:
    """The head's gradient is worked out by hand (train/answering.py): held against JAX's own."""
    import jax
    import jax.numpy as jnp

    from duecare.model.forward import logits
    from duecare.train.answering import logps

    plain, _, _ = asked
    rng = np.random.default_rng(0)
    states = jnp.asarray(rng.normal(size=(128, 32)), jnp.float32)
    targets = jnp.asarray(rng.integers(0, 259, 128), jnp.int32)
    weight = jnp.asarray(rng.normal(size=128), jnp.float32)

    def naive(states: jax.Array) -> jax.Array:
        found = jax.nn.log_softmax(logits(plain, states[None])[0], axis=-1)
        return (weight * jnp.take_along_axis(found, targets[:, None], axis=-1)[:, 0]).sum()

    def ours(states: jax.Array) -> jax.Array:
        return (weight * logps(plain, states, targets)).sum()

    assert float(ours(states)) == pytest.approx(float(naive(states)), abs=1e-3)
    np.testing.assert_allclose(jax.grad(ours)(states), jax.grad(naive)(states), atol=1e-5)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "gemma3"])
def test_every_family_learns_and_exports(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    step = changed(QUICK, steps=4, every=2, targets="q-v")
    outcome, _ = trained(step, base_artifact(tmp_path, family=family), tmp_path, learnable(16), learnable(8))
    assert held_out(outcome, "sft.loss.change", group="women").value < 0
    before, after = weights(write_tiny(tmp_path / "again", family)), weights(tmp_path / "out" / "model")
    assert any(not np.array_equal(before[name], after[name]) for name in before)


def test_a_broken_loss_stops_the_run_and_keeps_the_last_good_state(base: Artifact, tmp_path: Path) -> None:
    step = changed(QUICK, steps=8, every=2, held_out=0)
    data = data_artifact(tmp_path / "data", learnable(16))
    broken = Breaking(after=5)
    (tmp_path / "out").mkdir()
    with broken, pytest.raises(ModelError, match=r"step 6 .* checkpoint of step 4 is kept"):
        step.run({"data": data, "base": base}, tmp_path / "out", broken.told)
    (finding,) = [each for each in broken.told.all if isinstance(each, Finding)]
    assert (finding.name, finding.verdict) == ("sft.finite", FAIL)
    assert finding.next
    assert not (tmp_path / "out" / "model").exists()
    outcome, told = run(step, {"data": data, "base": base}, tmp_path / "out")
    assert outcome.files["model"] == "model"
    assert any("after step 4" in getattr(each, "text", "") for each in told.all)


class Breaking:
    """Makes every loss NaN after some training steps, as a broken accelerator or an overflow would."""

    def __init__(self, after: int) -> None:
        from training_toys import Told

        self.after, self.told = after, Told()
        self.patch = pytest.MonkeyPatch()

    def __enter__(self) -> None:
        from duecare.train import engine_loop

        seen = engine_loop.Run._record

        def record(run, step: int, aux):
            return seen(run, step, aux | {"loss": np.float32("nan")} if step > self.after else aux)

        self.patch.setattr(engine_loop.Run, "_record", record)

    def __exit__(self, *_: object) -> None:
        self.patch.undo()


def test_data_that_cannot_be_trained_on_is_refused(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="of 0 rows"):
        trained(QUICK, base, tmp_path / "empty", [])
    with pytest.raises(DataError, match="none can be trained on"):
        trained(changed(QUICK, max_tokens=8), base, tmp_path / "long", learnable(4))
    with pytest.raises(DataError, match="weights that are finite and not below 0"):
        trained(QUICK, base, tmp_path / "weights", [chat(0, "q", "a", weight=-1.0)])
