"""The adversary: what it learns, how the model moves against it, and what a fresh reader finds afterwards."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from planted import Killed, Made, figure, telling, trained
from training_toys import curves, data_artifact, digests

from duecare.core import Artifact, Progress, StudyError
from duecare.measure.interval import mean_t
from duecare.train import Adversary, Debias, Pairing, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

SHORT = Sft(
    on="chats",
    steps=8,
    batch_size=4,
    every=4,
    held_out=0,
    max_tokens=48,
    learning_rate=2e-3,
    debias=Debias(axis="gender", adversary=Adversary(warmup=2, ramp=2, memory=8, steps=2, width=8), rows=24),
)


def changed(step: Sft, **fields: object) -> Sft:
    """`step` with other settings."""
    return Sft(**{name: getattr(step, name) for name in step.__dataclass_fields__} | fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A short run against an adversary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        return trained(SHORT, base, tmp_path_factory.mktemp("whole"), telling(32), telling(24, first=900))


def test_its_course_is_drawn_and_nothing_of_it_is_exported(whole: Made) -> None:
    from safetensors.numpy import load_file

    drawn = curves(whole[2]).to_pandas()
    course = drawn[drawn.metric.str.startswith("adversary")].pivot(
        index="step", columns="metric", values="value"
    )
    assert list(course.index) == list(range(1, 9))
    assert set(course.columns) == {
        "adversary_loss",
        "adversary_accuracy",
        "adversary_push",
        "adversary_push_ratio",
        "adversary_cosine",
    }
    assert list(course.adversary_push[:2]) == [0, 0]
    assert course.adversary_push.iloc[-1] == pytest.approx(1, abs=1e-3)
    assert (course.adversary_push_ratio <= 1 + 1e-4).all()
    names = [*load_file(whole[2] / "model" / "model.safetensors")]
    names += load_file(whole[2] / "adapter" / "adapter_model.safetensors")
    assert not [name for name in names if "adversary" in name or "debias" in name]


@pytest.mark.parametrize("moment", [3, 7])
def test_a_killed_run_goes_on_with_its_adversary_to_the_same_bytes(
    whole: Made, base: Artifact, tmp_path: Path, moment: int
) -> None:
    def dying(what: object) -> None:
        if isinstance(what, Progress) and what.message.startswith("loss") and what.done == moment:
            raise Killed

    rows, held = telling(32), telling(24, first=900)
    data = data_artifact(tmp_path / "data", rows, held)
    (tmp_path / "out").mkdir()
    with pytest.raises(Killed):
        SHORT.run({"data": data, "base": base}, tmp_path / "out", dying)
    trained(SHORT, base, tmp_path, rows, held)
    assert digests(tmp_path / "out") == digests(whole[2])


def test_before_the_push_the_model_trains_as_without_an_adversary(base: Artifact, tmp_path: Path) -> None:
    made = {}
    for name, debias in (
        ("plain", None),
        ("warming", Debias(axis="gender", adversary=Adversary(warmup=50, memory=8), rows=4)),
        ("pushed", Debias(axis="gender", adversary=Adversary(warmup=0, ramp=0, memory=8), rows=4)),
    ):
        out = trained(changed(SHORT, steps=3, debias=debias), base, tmp_path / name, telling(16), [])[2]
        from safetensors.numpy import load_file

        made[name] = load_file(out / "model" / "model.safetensors")
    apart = {
        name: max(float(np.abs(each - made["plain"][key]).max()) for key, each in made[name].items())
        for name in ("warming", "pushed")
    }
    assert apart["warming"] < 1e-4 < apart["pushed"]


def test_the_gradient_against_it_is_that_of_the_papers() -> None:
    import jax.numpy as jnp

    from duecare.train.engine_adversary import against

    rng = np.random.default_rng(0)
    own, theirs = ({"a": jnp.asarray(rng.normal(size=4)), "b": jnp.asarray(rng.normal(size=2))} for _ in "ab")
    flat_own, flat = (np.concatenate([each["a"], each["b"]]) for each in (own, theirs))

    def moved(by: str, push: float, clip: float = 1e6) -> np.ndarray:
        found, _ = against(by, own, theirs, jnp.asarray(push), clip)
        return np.concatenate([found["a"], found["b"]])

    # Zhang et al. 2018, section 3: own - proj_theirs(own) - alpha theirs.
    along = (flat_own @ flat) / (flat @ flat) * flat
    np.testing.assert_allclose(moved("projection", 0.7), flat_own - along - 0.7 * flat, rtol=1e-5)
    assert (moved("projection", 1e-6) @ flat) == pytest.approx(0, abs=1e-4)
    # Ganin et al. 2016, equation 13: own - lambda theirs.
    np.testing.assert_allclose(moved("reversal", 0.7), flat_own - 0.7 * flat, rtol=1e-5)
    for by in ("projection", "reversal"):
        np.testing.assert_allclose(moved(by, 0.0), flat_own, rtol=1e-6)
    pushed = moved("reversal", 100.0, clip=0.5) - flat_own
    assert np.linalg.norm(pushed) == pytest.approx(0.5 * np.linalg.norm(flat_own), rel=1e-5)


def test_the_push_waits_rises_and_stays() -> None:
    from duecare.train.engine_adversary import push_at

    method = Adversary(weight=2.0, warmup=3, ramp=4)
    course = [push_at(method, step) for step in range(12)]
    assert course[:3] == [0, 0, 0]
    assert np.all(np.diff(course[3:7]) > 0)
    assert course[3] == pytest.approx(2 * (2 / (1 + math.exp(-2.5)) - 1))
    assert course[6:] == [pytest.approx(2 * (2 / (1 + math.exp(-10)) - 1))] * 6
    assert push_at(Adversary(warmup=0, ramp=0), 0) > 0.99


@pytest.mark.parametrize("spectral", [False, True])
def test_it_learns_to_read_what_can_be_read_and_not_the_rarer_group_away(spectral: bool) -> None:
    import jax.numpy as jnp

    from duecare.train.engine_adversary import (
        balanced_accuracy,
        balanced_loss,
        fresh,
        learn,
        read,
        standardised,
    )

    rng = np.random.default_rng(0)
    method = Adversary(width=0, steps=20, memory=64, learning_rate=0.05, spectral=spectral)
    carried = fresh(method, 6, 2, 0)
    for _ in range(6):
        group = (rng.random(16) < 0.15).astype(np.int32)
        group[:2] = [0, 1]
        states = rng.normal(size=(16, 6)) + 5.0
        states[:, 2] += 2.5 * group
        carried = learn(method, carried, jnp.asarray(states, jnp.float32), jnp.asarray(group))
    told = read(carried["layers"], standardised(carried["states"], carried["states"], carried["group"] >= 0))
    assert float(balanced_accuracy(told, carried["group"])) > 0.8
    assert float(balanced_loss(told, carried["group"])) < math.log(2)
    steep = max(float(np.linalg.norm(each["w"], 2)) for each in carried["layers"])
    assert (steep <= 1 + 1e-5) is spectral
    # Control: always naming the larger group is worth nothing.
    lazy = jnp.tile(jnp.array([9.0, 0.0]), (64, 1))
    assert float(balanced_accuracy(lazy, carried["group"])) == 0.5
    assert float(balanced_loss(lazy, carried["group"])) > math.log(2)


def test_rows_read_worse_than_by_chance_are_pushed_no_further() -> None:
    import jax
    import jax.numpy as jnp

    from duecare.train.engine_adversary import balanced_loss

    logits, group = jnp.array([[2.0, 0.0], [0.0, 2.0]]), jnp.array([0, 0])
    slopes = np.asarray(jax.grad(lambda each: balanced_loss(each, group, cap=math.log(2)))(logits))
    assert np.abs(slopes[0]).max() > 0
    assert np.abs(slopes[1]).max() == 0


def test_what_is_senseless_is_refused() -> None:
    with pytest.raises(StudyError) as caught:
        Adversary(by="love", weight=-1.0, steps=0, memory=1, clip=0.0, learning_rate=2.0)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 6
    with pytest.raises(StudyError, match="at a time"):
        Debias(axis="gender", adversary=Adversary(), pairing=Pairing())


STRONG = Adversary(warmup=20, ramp=40, steps=20, memory=32, width=16)


def test_fresh_readers_read_less_of_the_group_in_every_seed(base: Artifact, tmp_path: Path) -> None:
    """Never the adversary's own loss: readers made afterwards, on held-out rows, against a run without."""
    rows, held = telling(1280), telling(80, first=9000)

    def read(seed: int, adversary: Adversary | None) -> dict[str, float]:
        debias = Debias(axis="gender", adversary=adversary, probe="figures", rows=80)
        fields = {"steps": 160, "batch_size": 8, "every": 80, "learning_rate": 4e-3, "schedule": "linear"}
        step = changed(SHORT, targets="all-linear", seed=seed, debias=debias, **fields)
        outcome = trained(step, base, tmp_path / f"{adversary is None}{seed}", rows, held)[0]
        # It still learnt what it was taught.
        assert figure(outcome, "sft.debias.perplexity", when="after").value < 4  # type: ignore[operator]
        found = {}
        for reader in ("linear", "mlp"):
            assert figure(outcome, "sft.probe.control", when="after", reader=reader).low < 0.5  # type: ignore[operator]
            found[reader] = figure(outcome, "sft.probe.accuracy", when="after", reader=reader).value or 0.0
        return found

    plain = read(0, None)
    assert min(plain.values()) > 0.95
    against = [read(seed, STRONG) for seed in range(5)]
    for reader, most in (("linear", 0.85), ("mlp", 0.95)):
        level = mean_t([each[reader] for each in against])
        assert level.high is not None
        assert level.high < most, against
