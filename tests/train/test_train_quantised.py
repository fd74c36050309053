"""Low-rank updates on a base in few bits: how it is rounded, what it holds, and that it learns and leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm
from training_toys import Told, curves, data_artifact, learnable, preference, run

from duecare.core import Artifact, Note, StudyError
from duecare.model.tensors import rules
from duecare.model.tiny import write_tiny
from duecare.train import Debias, Dpo, GroupDro, Influence, Privacy, RewardModel, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

FAMILIES = ("llama", "qwen2", "qwen3", "gemma3")
LOOP: dict[str, Any] = {
    "steps": 20,
    "batch_size": 4,
    "every": 10,
    "learning_rate": 2e-2,
    "targets": "all-linear",
    "lora_alpha": 16,
    "held_out": 6,
}
SOUND: dict[str, Any] = {"on": "chats", "quantize": "nf4"}


def loaded_from(folder: Path) -> Any:
    from duecare.model.load import load

    return load(folder)


def quantised(folder: Path, quantize: Any, targets: Any = "q-v") -> tuple[Any, Any]:
    """The model of `folder` with updates on a base in few bits, and the module to ask it by."""
    from duecare.train.lora import with_lora

    loaded = loaded_from(folder)
    model = with_lora(loaded.model, rank=4, alpha=8, targets=targets, seed=0, quantize=quantize)
    loaded.model, loaded.lora_scale = model.model, 2.0
    return loaded, model


def weights(loaded: Any) -> dict[tuple[str | int, ...], npt.NDArray[Any]]:
    """The plain value of every parameter, by its path."""
    from duecare.model.load import parameter
    from duecare.model.quantised import plain

    return {rule.path: plain(parameter(loaded.model, rule.path)) for rule in rules(loaded.shape)}


def normal_float() -> npt.NDArray[np.float64]:
    """The 16 levels by their definition: quantiles of the normal distribution, 8 above 0 and 7 below.

    Appendix E of Dettmers et al. (2023); the outermost quantile is that of their reference code.
    """
    last = 0.9677083
    above = norm.ppf(np.linspace(last, 0.5, 9)[:-1])
    below = -norm.ppf(np.linspace(last, 0.5, 8)[:-1])
    found = np.sort(np.concatenate([above, [0.0], below]))
    return found / found.max()


def rounded(value: npt.NDArray[np.float32], axes: tuple[int, ...], block: int | None) -> Any:
    """`value` in 8 bits (`block` None) or NormalFloat: one scale over `axes`, the last in blocks.

    Also by how much another rounding may differ: by one step half-way between two numbers (as is the largest
    of each output in 8 bits), else by next to nothing.
    """
    if block is None:
        scale = np.abs(value).max(axis=axes, keepdims=True) / np.float32(127.5)
        half_way = np.abs(np.abs(value / scale) % 1 - 0.5) < 1e-4
        return np.clip(np.round(value / scale), -128, 127) * scale, np.where(half_way, 1.001 * scale, 2e-6)
    last = axes[-1]
    shape = (*value.shape[:last], value.shape[last] // block, block, *value.shape[last + 1 :])
    cut = value.reshape(shape)
    scale = np.abs(cut).max(axis=(*axes[:-1], last + 1), keepdims=True)
    levels = normal_float().astype(np.float32)
    nearest = np.abs((cut / scale)[..., None] - levels).argmin(axis=-1)
    return (levels[nearest] * scale).reshape(value.shape), np.full(value.shape, 2e-6)


# Axes that a module reads, and the block of nf4, of the tiny Llama: width 32, hidden 64, 4 heads of 8.
READ = {
    "q_proj": ((0,), 32),
    "k_proj": ((0,), 32),
    "v_proj": ((0,), 32),
    "o_proj": ((0, 1), 8),
    "gate_proj": ((0,), 32),
    "up_proj": ((0,), 32),
    "down_proj": ((0,), 64),
}


@pytest.mark.parametrize("quantize", ["int8", "nf4"])
def test_weights_are_rounded_as_an_independent_computation_says(tmp_path: Path, quantize: str) -> None:
    folder = write_tiny(tmp_path)
    before, after = weights(loaded_from(folder)), weights(quantised(folder, quantize)[0])
    seen = set()
    for path, was in before.items():
        name, now = str(path[-2]), after[path]
        if name not in READ:
            assert np.array_equal(was, now), path
            continue
        axes, block = READ[name]
        expected, allowed = rounded(was, axes, None if quantize == "int8" else block)
        assert (np.abs(now - expected) <= allowed).all(), path
        assert (allowed < 1e-5).mean() > 0.95
        assert np.abs(now - was).max() > 1e-4, "control: rounding moved something"
        seen.add(name)
    assert seen == set(READ)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("targets", ["q-v", "all-linear"])
def test_what_a_base_holds(tmp_path: Path, family: str, targets: str) -> None:
    from duecare.model.quantised import held

    folder = write_tiny(tmp_path, family)
    loaded = loaded_from(folder)
    bare, plain = held(loaded.model), weights(loaded)
    assert (bare.parameters, bare.quantised) == (sum(each.size for each in plain.values()), 0)
    assert bare.bytes == sum(each.nbytes for each in plain.values())
    ends = ("_proj", "_einsum")
    projections = sum(each.size for path, each in plain.items() if str(path[-2]).endswith(ends))
    four, eight = (held(quantised(folder, each, targets)[1]) for each in ("nf4", "int8"))
    assert four.parameters == eight.parameters == bare.parameters
    assert four.quantised == eight.quantised == projections
    assert four.bytes < eight.bytes < bare.bytes - 2 * projections
    assert four.bytes < bare.bytes - 2.9 * projections  # 4 bits, and a scale to about 32 numbers


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("quantize", ["int8", "nf4"])
def test_the_merged_model_says_what_the_quantised_one_said(
    tmp_path: Path, family: str, quantize: str
) -> None:
    from duecare.model.export import export, export_adapter
    from duecare.train.answering import Answering

    folder = write_tiny(tmp_path / "tiny", family)
    loaded, model = quantised(folder, quantize, "all-linear")
    draw_updates(model)
    export(loaded, tmp_path / "merged")
    export_adapter(loaded, tmp_path / "adapter")
    told = said(model)
    assert said(Answering(loaded_from(tmp_path / "merged").model)) == pytest.approx(told, abs=1e-4)
    assert np.abs(said(Answering(loaded_from(folder).model)) - told).max() > 0.05, "control: the base's own"
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def draw_updates(model: Any) -> None:
    """Updates that do something, in place."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    drawn = np.random.default_rng(0)
    state = nnx.state(model, nnx.LoRAParam)
    fresh = jax.tree.map(
        lambda each: jnp.asarray(0.1 * drawn.standard_normal(each.shape), jnp.float32), state
    )
    nnx.update(model, fresh)


def said(model: Any) -> npt.NDArray[np.float32]:
    """What a model says of 64 places in random texts."""
    import jax.numpy as jnp

    from duecare.model.forward import causal, places

    drawn = np.random.default_rng(1)
    tokens = jnp.asarray(drawn.integers(0, 200, (8, 12)), jnp.int32)
    row, place = (jnp.asarray(each, jnp.int32) for each in np.divmod(np.arange(64), 8))
    real = jnp.ones(tokens.shape, bool)
    asked = (row, place, jnp.asarray(drawn.integers(0, 200, 64), jnp.int32))
    return np.asarray(model(tokens, places(real), causal(real), asked))


STEPS = {
    "sft": lambda quantize: Sft(on="chats", quantize=quantize, **LOOP),
    "packed": lambda quantize: Sft(
        on="chats", quantize=quantize, **LOOP | {"batch_size": None}, batch_tokens=256, max_tokens=64
    ),
    "dpo": lambda quantize: Dpo(on="pairs", quantize=quantize, **LOOP),
    "orpo": lambda quantize: Dpo(on="pairs", algorithm="orpo", quantize=quantize, **LOOP),
    "reward-model": lambda quantize: RewardModel(on="pairs", quantize=quantize, **LOOP),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("quantize", ["int8", "nf4"])
def test_every_step_learns_on_a_quantised_base(
    base: Artifact, tmp_path: Path, name: str, quantize: str
) -> None:
    step: Any = STEPS[name](quantize)
    rows = learnable(30) if step.on == "chats" else [preference(n, f"yes {n % 5}", "no") for n in range(30)]
    data = data_artifact(tmp_path / "data", rows[:24], rows[24:])
    from duecare.model.quantised import held

    _, told = run(step, {"data": data, "base": base}, tmp_path / "out")
    drawn = curves(tmp_path / "out").to_pandas()
    losses = drawn[drawn.metric == "batch_loss"].value
    assert losses.iloc[-3:].mean() < 0.8 * losses.iloc[0]
    cost = sized(told)
    assert f"are held as {quantize}, the base in 0 MiB" in cost.text
    assert cost.data["quantised_type"] == quantize
    method = name if name != "packed" else "sft"
    (share,) = told.estimates(f"{method}.parameters.quantised", type=quantize)
    assert (share.value, share.n) == (int(cost.data["quantised_parameters"]), int(cost.data["parameters"]))
    assert int(cost.data["quantised_parameters"]) > 0.5 * int(cost.data["parameters"])
    # The folder holds what was trained: the rounded base with the update, no whole numbers.
    if name != "reward-model":
        assert held(loaded_from(tmp_path / "out" / "model").model).quantised == 0


def sized(told: Told) -> Note:
    return next(each for each in told.all if isinstance(each, Note) and "trains" in each.text)


def test_without_it_nothing_is_said_of_it(base: Artifact, tmp_path: Path) -> None:
    rows = learnable(12)
    data = data_artifact(tmp_path / "data", rows[:8], rows[8:])
    _, told = run(STEPS["sft"](None), {"data": data, "base": base}, tmp_path / "out")
    assert "held" not in sized(told).text
    assert not [name for name in sized(told).data if name.startswith("quantised")]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"quantize": "fp4"}, "int8 or nf4"),
        ({"weights": "full"}, "none beside weights: all weights are trained"),
        ({"privacy": Privacy(epsilon=3, delta=1e-5)}, "none beside privacy"),
        ({"debias": Debias(axis="gender", group_dro=GroupDro())}, "none beside debias"),
        ({"influence": Influence()}, "none beside influence"),
        ({"mesh": (2, 1)}, "none beside mesh"),
    ],
)
def test_what_it_cannot_stand_beside_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(StudyError, match="quantize") as caught:
        Sft(**SOUND | changes)
    assert named in str(caught.value)
    Sft(**SOUND)


@pytest.mark.parametrize("cls", [Dpo, RewardModel])
def test_the_others_refuse_alike(cls: Any) -> None:
    with pytest.raises(StudyError, match="none beside mesh"):
        cls(on="pairs", quantize="nf4", mesh=(2, 1))
    with pytest.raises(StudyError, match="int8 or nf4"):
        cls(on="pairs", quantize="int4")
