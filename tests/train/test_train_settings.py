"""What a user of fine-tuning expects: accumulated gradients, full weights, early stopping, the best model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told, base_artifact, chat, curves, data_artifact, digests, learnable, run

from duecare.core import Artifacts, DataError, Note, StudyError
from duecare.train import Sft
from duecare.train.adversary import Adversary
from duecare.train.debias import Debias
from duecare.train.robust import GroupDro

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

QUICK: dict[str, Any] = {
    "on": "chats",
    "steps": 4,
    "every": 2,
    "learning_rate": 1e-2,
    "warmup": 2,
    "max_tokens": 64,
    "held_out": 0,
}
OVERFIT = Sft(
    on="chats",
    steps=60,
    every=3,
    batch_size=4,
    max_tokens=96,
    learning_rate=3e-2,
    schedule="constant",
    targets="all-linear",
    held_out=8,
    patience=2,
    keep="best",
)


def changed(step: Sft, **fields: object) -> Sft:
    return Sft(**{name: getattr(step, name) for name in step.__dataclass_fields__} | fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Chats whose answers are noise of many lengths: they can be learnt by heart only."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base = base_artifact(folder)
    rows = [
        chat(i, f"q{i % 5}", row.messages[1].content * (1 + i % 4), row.groups[0].value, weight=1.0 + i % 3)
        for i, row in enumerate(learnable(24, worse="men"))
    ]
    noise = [row for row in rows if row.groups[0].value == "men"]
    return {"base": base, "data": data_artifact(folder / "data", noise[:6] + rows[:8:2], noise[6:])}


@pytest.fixture(autouse=True)
def same_cache(inputs: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))


def adapter(out: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(out / "adapter" / "adapter_model.safetensors")


def furthest(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"batch_size": 2}, {"batch_size": 4}),
        ({"batch_tokens": 64}, {"batch_tokens": 128}),
    ],
    ids=["padded", "packed"],
)
def test_gathered_gradients_are_those_of_one_large_batch(
    small: dict[str, int], large: dict[str, int], inputs: Artifacts, tmp_path: Path
) -> None:
    gathered = QUICK | {"steps": 8, "warmup": 4, "accumulate": 2} | small
    run(Sft(**gathered), inputs, tmp_path / "small")
    run(Sft(**(QUICK | large)), inputs, tmp_path / "large")
    assert furthest(adapter(tmp_path / "small"), adapter(tmp_path / "large")) < 1e-5
    learned = [each for name, each in adapter(tmp_path / "small").items() if "lora_B" in name]
    assert max(float(np.abs(each).max()) for each in learned) > 1e-3


def test_control_a_mean_of_means_is_not_one_large_batch(
    inputs: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches with more taught tokens count more; Tunix's own average does not see that."""
    from duecare.train import engine_sft

    run(Sft(**(QUICK | {"batch_size": 4})), inputs, tmp_path / "large")
    monkeypatch.setattr(engine_sft, "shared", lambda taught, steps, accumulate: taught.step)
    run(
        Sft(**(QUICK | {"steps": 8, "warmup": 4, "accumulate": 2, "batch_size": 2})),
        inputs,
        tmp_path / "small",
    )
    assert furthest(adapter(tmp_path / "small"), adapter(tmp_path / "large")) > 1e-4


def test_a_run_killed_within_an_update_goes_on(inputs: Artifacts, tmp_path: Path) -> None:
    step = Sft(**(QUICK | {"steps": 8, "every": 3, "accumulate": 2, "batch_size": 2}))
    run(step, inputs, tmp_path / "whole")
    (tmp_path / "killed").mkdir()
    with pytest.raises(KilledError):
        step.run(inputs, tmp_path / "killed", Killed(after=4))
    _, told = run(step, inputs, tmp_path / "killed")
    assert any("after step 3 of 8" in getattr(each, "text", "") for each in told.all)
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3"])
def test_gradients_of_all_weights_are_those_of_tunixs_loss(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head's too, whether it is tied to the embedding (llama, gemma3) or its own (qwen2)."""
    import jax
    from flax import nnx
    from tunix.sft.peft_trainer import _default_loss_fn

    from duecare.model.forward import causal, logits, places
    from duecare.model.load import load
    from duecare.model.tiny import write_tiny
    from duecare.train import answering
    from duecare.train.answering import Answering
    from duecare.train.batch import stack
    from duecare.train.engine_sft import sft_loss
    from duecare.train.rows import passage

    loaded = load(write_tiny(tmp_path / "tiny", family))
    rows = [chat(0, "hi", "yes"), chat(1, "a longer question", "no")]
    tokens, real, asked = stack([passage(row, loaded.tokenizer, 64) for row in rows], 64, 64, 0)
    batch = {
        "tokens": tokens,
        "real": real,
        "asked_row": asked.row,
        "asked_place": asked.place,
        "target": asked.target,
        "counts": asked.counts,
        "weight": np.ones(2, np.float32),
        "row": np.arange(2),
    }
    taught = np.zeros(tokens.shape, np.float32)
    asks = asked.counts > 0
    taught[asked.row[asks], asked.place[asks] + 1] = 1

    def theirs(model: Any) -> Any:
        return _default_loss_fn(model, tokens, taught, places(real), causal(real))

    def slopes(loss: Any, model: Any) -> dict[str, np.ndarray]:
        found = nnx.jit(nnx.grad(loss))(model)
        leaves = jax.tree_util.tree_leaves_with_path(found)
        return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}

    def ours() -> float:
        found = slopes(lambda asking: sft_loss(asking, batch)[0], Answering(loaded.model, whole=True))
        return furthest({name.replace("['model']", "", 1): each for name, each in found.items()}, expected)

    expected = slopes(theirs, loaded.model)
    assert ours() < 1e-5

    def frozen(model: Any, states: Any) -> Any:
        graph, state = nnx.split(model)
        return logits(nnx.merge(graph, jax.tree.map(jax.lax.stop_gradient, state)), states)

    monkeypatch.setattr(answering, "logits", frozen)
    assert ours() > 1e-3  # control: a head that gets no gradient is seen


def test_full_weights_are_trained_exported_and_resumed(inputs: Artifacts, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    step = Sft(**(QUICK | {"weights": "full", "learning_rate": 1e-3, "held_out": 4}))
    outcome, _ = run(step, inputs, tmp_path / "whole")
    assert set(outcome.files) == {"model", "curves"}
    assert not (tmp_path / "whole" / "adapter").exists()
    change = {e.slice.get("group"): e.value for e in outcome.estimates if e.metric == "sft.loss.change"}
    assert change[None] < 0
    before = load_file(inputs["base"].path.parent / "tiny" / "model.safetensors")
    after = load_file(tmp_path / "whole" / "model" / "model.safetensors")
    assert all(not np.array_equal(before[name], after[name]) for name in before)
    (tmp_path / "killed").mkdir()
    with pytest.raises(KilledError):
        step.run(inputs, tmp_path / "killed", Killed(after=2))
    run(step, inputs, tmp_path / "killed")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


@pytest.fixture(scope="module")
def enough(inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A run that learns noise by heart until held-out rows say stop."""
    out = tmp_path_factory.mktemp("enough") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        return *run(OVERFIT, inputs, out), out


def looks(told: Told) -> dict[int, float]:
    """Mean held-out loss by step, as told midway."""
    return {e.step: e.value for e in told.estimates("sft.loss", split="probe") if "group" not in e.slice}


def after(outcome: Any) -> float:
    (one,) = (
        each.value
        for each in outcome.estimates
        if each.metric == "sft.loss" and each.slice.get("when") == "after" and "group" not in each.slice
    )
    return float(one)


def test_training_ends_when_held_out_rows_get_no_better(enough: tuple[Any, Told, Path]) -> None:
    outcome, told, out = enough
    seen = looks(told)
    last, best = max(seen), min(seen, key=lambda step: seen[step])
    assert last < OVERFIT.steps
    assert last - best == OVERFIT.patience * OVERFIT.every
    drawn = curves(out).to_pandas()
    assert drawn[drawn.metric == "batch_loss"].step.max() == last
    probes = drawn[(drawn.split == "probe") & drawn.group.isna()].set_index("step").value
    assert sorted(probes.index) == [0, *sorted(seen)]
    for step, value in seen.items():
        assert probes[step] == pytest.approx(value)
    topics = [each.topic for each in told.all if isinstance(each, Note)]
    assert [each for each in topics if each not in ("sft.cost", "sft.time")] == ["sft.enough", "sft.kept"]
    assert after(outcome) == pytest.approx(seen[best])


def test_control_the_last_model_is_worse_and_no_patience_trains_on(
    enough: tuple[Any, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    best, _, out = enough
    outcome, told = run(changed(OVERFIT, keep="last"), inputs, tmp_path / "last")
    seen = looks(told)
    assert after(outcome) == pytest.approx(seen[max(seen)])
    assert after(outcome) > after(best) + 0.01
    assert digests(tmp_path / "last")["model/model.safetensors"] != digests(out)["model/model.safetensors"]
    _, told = run(changed(OVERFIT, patience=None, keep="last"), inputs, tmp_path / "on")
    assert looks(told) == {}
    assert curves(tmp_path / "on")["step"].to_numpy().max() == OVERFIT.steps


def test_a_killed_run_chooses_as_the_whole_one(
    enough: tuple[Any, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    _, told, out = enough
    killed = tmp_path / "out"
    killed.mkdir()
    for after_step in (4, max(looks(told)) - 1):
        with pytest.raises(KilledError):
            OVERFIT.run(inputs, killed, Killed(after=after_step))
    run(OVERFIT, inputs, killed)
    assert digests(killed) == digests(out)


def test_where_training_only_harms_the_base_is_kept(inputs: Artifacts, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    taught, held = ([chat(i, "q", text * 20) for i in range(4)] for text in ("z", "abc"))
    data = data_artifact(tmp_path / "data", taught, held)
    harmful = changed(OVERFIT, learning_rate=0.5, steps=6)
    _, told = run(harmful, {"base": inputs["base"], "data": data}, tmp_path / "out")
    (kept,) = (each for each in told.all if isinstance(each, Note) and each.topic == "sft.kept")
    assert kept.data["step"] == "0"
    before = load_file(inputs["base"].path.parent / "tiny" / "model.safetensors")
    made = load_file(tmp_path / "out" / "model" / "model.safetensors")
    assert furthest(before, made) == 0


def test_without_held_out_rows_nothing_can_be_decided(inputs: Artifacts, tmp_path: Path) -> None:
    data = data_artifact(tmp_path / "data", learnable(4))
    with pytest.raises(DataError, match="chats has none"):
        run(OVERFIT, {"data": data, "base": inputs["base"]}, tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"weights": "some"}, "weights = 'some': expected one of lora, full"),
        ({"accumulate": 0}, "accumulate = 0"),
        ({"accumulate": 7}, "steps = 60: expected a multiple of accumulate = 7"),
        ({"patience": 0}, "patience = 0"),
        ({"patience": 2, "held_out": 0}, "held_out = 0: expected at least 1 row"),
        (
            {"accumulate": 2, "debias": Debias(axis="a", group_dro=GroupDro())},
            "accumulate = 2: expected 1 beside",
        ),
        (
            {"weights": "full", "debias": Debias(axis="a", probe="figures")},
            "weights = 'full': expected lora",
        ),
        (
            {"weights": "full", "debias": Debias(axis="a", adversary=Adversary())},
            "weights = 'full': expected lora",
        ),
        ({"keep": "first"}, "keep = 'first'"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(StudyError, match=says):
        Sft(on="chats", **settings)  # type: ignore[arg-type]


class KilledError(Exception):
    """Stands for the end of the process."""


class Killed(Told):
    """Ends the run when it shows more than so many steps done, from inside it."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def __call__(self, what: Any) -> None:
        super().__call__(what)
        if getattr(what, "done", 0) > self.after:
            raise KilledError
