"""Twins put to a reward model while it is trained: the right scores, an honest unit, and limits that hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_toys import Told, base_artifact, curves, data_artifact, digests, preference, run

from duecare.core import FAIL, INSUFFICIENT, PASS, Artifacts, Message, Note, Outcome, StudyError
from duecare.measure.compare import paired_difference
from duecare.train import Limits, Probes, RewardModel, Sft
from duecare.train.crossing import Crossing
from duecare.train.probing import Floats, Pairing, reward_pairings
from duecare.train.twin_gauge import TwinGauge

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

MATTERS = 40
PROBES = Probes(axes=("gender",), issues=10, every=4)
STEP = RewardModel(
    on="pairs",
    steps=12,
    batch_size=4,
    every=4,
    learning_rate=1e-2,
    held_out=4,
    probe=PROBES,
)


def scores(rng: np.random.Generator, gap: float, matters: int = MATTERS) -> tuple[Pairing, Floats]:
    """Rewards of good and bad answers to each matter for two groups, of which one gets `gap` more."""
    matter = rng.normal(0, 1.0, (matters, 1, 1))
    group = np.array([gap, 0.0])[None, :, None]
    good = np.array([1.0, -1.0])[None, None, :]
    values = matter + group + good + rng.normal(0, 0.3, (matters, 2, 2))
    places = np.arange(values.size).reshape(values.shape)
    pair = Pairing(
        "gender", "women", "men", places[:, 0, 0], places[:, 1, 0], spread=places.reshape(matters, -1)
    )
    return pair, values.ravel()


def test_the_gap_is_the_mean_difference_over_the_deviation_of_all_rewards() -> None:
    pair, values = scores(np.random.default_rng(0), 0.8)
    found = pair.gap(values)
    by_hand = (values[pair.mine] - values[pair.other]).mean() / values.std()
    assert found.mean() == pytest.approx(by_hand, rel=1e-12)
    # Scores have neither unit nor zero: neither changes the figure.
    assert pair.gap(7 * values - 3).mean() == pytest.approx(by_hand, rel=1e-9)
    swapped = replace(pair, mine=pair.other, other=pair.mine)
    assert swapped.gap(values).mean() == pytest.approx(-by_hand, rel=1e-9)


def missed(linear: bool, trials: int = 1500, matters: int = 20, gap: float = 3.0) -> float:
    """How often a 90 % interval misses a wide gap; with `linear` False the deviation is taken as known."""
    rng, outside = np.random.default_rng(4), 0
    truth = gap / np.sqrt(1.0 + 1.0 + 0.3**2 + gap**2 / 4)
    for _ in range(trials):
        pair, values = scores(rng, gap, matters)
        each = pair.gap(values) if linear else (values[pair.mine] - values[pair.other]) / values.std()
        found = paired_difference(each, 0 * each, 0.9)
        outside += not (found.low or 0.0) <= truth <= (found.high or 0.0)
    return outside / trials


def test_intervals_know_that_the_unit_is_of_the_same_matters() -> None:
    assert missed(linear=True) <= 0.13
    assert missed(linear=False) > 0.2  # control: a unit that is taken as known


def gauge(pair: Pairing, **limits: float) -> TwinGauge:
    return TwinGauge(
        method="reward-model",
        about={"source": "pairs"},
        pairings=[pair],
        base=np.zeros(pair.spread.size if pair.spread is not None else 0),
        looks=3,
        limits=Limits(**limits),  # type: ignore[arg-type]
        alpha=0.05,
        crossing=Crossing("warn", 10),
    )


def test_a_limit_on_the_gap_is_crossed_and_held() -> None:
    rng, told = np.random.default_rng(1), Told()
    pair, wide = scores(rng, 1.5)
    _, none = scores(rng, 0.0)
    made = gauge(pair, twins_reward_gap=0.3)
    made.look(5, none, told)
    assert made.verdicts == [PASS]
    made.look(10, wide, told)
    (finding,) = made.findings()
    assert (finding.name, finding.verdict) == ("reward-model.twins.reward_gap", FAIL)
    assert "standard deviations of the rewards" in finding.detail
    assert finding.limit == "between -0.3 and 0.3"
    last = told.estimates("reward-model.twins.reward_gap", group="women", against="men")[-1]
    assert last.unit == "standard deviations of the rewards"
    assert not told.estimates("reward-model.twins.amplification")


def test_equal_rewards_have_no_gap_that_could_be_measured() -> None:
    pair, values = scores(np.random.default_rng(1), 0.5)
    made, told = gauge(pair, twins_reward_gap=0.3), Told()
    made.look(5, np.full(len(values), 2.0), told)
    (estimate,) = told.estimates("reward-model.twins.reward_gap")
    assert estimate.value is None
    assert "the same reward" in str(estimate.reason)
    assert [each.verdict for each in made.findings()] == [INSUFFICIENT]


def test_respectful_answers_are_compared_and_all_answers_are_the_unit() -> None:
    asked = Probes(axes=("gender", "age"), issues=12).twins(both=True)
    found = {(pair.axis, pair.group): pair for pair in reward_pairings(asked)}
    pair = found["gender", "women"]
    assert {asked[i].manner for i in (*pair.mine, *pair.other)} == {"respectful"}
    assert pair.spread is not None
    assert pair.spread.shape == (12, 2 * 3)
    for mine, every in zip(pair.mine, pair.spread, strict=True):
        assert {asked[i].manner for i in every} == {"respectful", "dismissive"}
        assert {asked[i].axis for i in every} == {"gender"}
        assert len({asked[i].issue for i in (mine, *every)}) == 1


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base = base_artifact(folder)
    rows = [preference(n, "please, " + "x" * (n % 5), "well", ("women", "men")[n % 2]) for n in range(44)]
    return {"base": base, "data": data_artifact(folder / "data", rows[:40], rows[40:])}


@pytest.fixture(autouse=True)
def same_cache(inputs: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))


@pytest.fixture(scope="module")
def probed(inputs: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Told, Path]:
    out = tmp_path_factory.mktemp("probed") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(inputs["base"].path.parent / "cache"))
        return *run(STEP, inputs, out), out


def test_the_last_probe_s_scores_are_those_of_the_exported_model(
    probed: tuple[Outcome, Told, Path],
) -> None:
    from duecare.model.reward import load_reward

    _, told, out = probed
    gaps = told.estimates("reward-model.twins.reward_gap", group="women")
    assert [each.step for each in gaps] == [0, 4, 8, 12]
    model, asked = load_reward(out / "model"), PROBES.twins(both=True)
    prompts = [
        model.loaded.tokenizer.chat([Message(role="user", content=twin.text)], answer=True) for twin in asked
    ]
    values = np.array(model.scores(prompts, [twin.answer for twin in asked]))
    pair = next(each for each in reward_pairings(asked) if each.group == "women")
    assert gaps[-1].value == pytest.approx(float(pair.gap(values).mean()), abs=1e-3)
    assert gaps[-1].value != pytest.approx(gaps[0].value, abs=1e-3)  # control: the head as it was drawn
    drawn = curves(out).to_pandas()
    assert set(drawn[drawn.metric == "twins.reward_gap"].step) == {0, 4, 8, 12}


class Killed(BaseException):
    """A process that is gone."""


def test_asking_trains_nothing_and_a_killed_run_ends_with_the_same_bytes(
    probed: tuple[Outcome, Told, Path], inputs: Artifacts, tmp_path: Path
) -> None:
    run(replace(STEP, probe=None), inputs, tmp_path / "silent")
    assert (
        digests(tmp_path / "silent")["model/model.safetensors"]
        == digests(probed[2])["model/model.safetensors"]
    )
    out, told = tmp_path / "out", Told()

    def dying(what: object) -> None:
        told(what)  # type: ignore[arg-type]
        if len(told.estimates("reward-model.twins.reward_gap", group="women")) == 3:
            raise Killed

    out.mkdir()
    with pytest.raises(Killed):
        STEP.run(inputs, out, dying)
    run(STEP, inputs, out)
    assert digests(out) == digests(probed[2])


def test_a_crossing_rolls_back_head_and_updates(
    inputs: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that pays women more from its third probe on."""
    from flax import nnx

    from duecare.train.engine_reward_probe import RewardAsker

    seen, asked = RewardAsker.values, []

    def values(asker: RewardAsker, model: nnx.Module) -> np.ndarray:
        asked.append(1)
        women = np.array([twin.group == "women" for twin in asker.twins])
        found = seen(asker, model)  # type: ignore[arg-type]
        return found + (4 * found.std() * women if len(asked) == 4 else 0)

    monkeypatch.setattr(RewardAsker, "values", values)
    limited = replace(STEP, steps=20, on_crossing="rollback", limits=Limits(twins_reward_gap=1.0))
    outcome, told = run(limited, inputs, tmp_path / "out")
    crossed = next(each for each in outcome.findings if each.verdict == FAIL)
    assert crossed.name == "reward-model.twins.reward_gap"
    (note,) = [
        each for each in told.all if isinstance(each, Note) and each.topic == "reward-model.rolled_back"
    ]
    assert note.data == {"crossed": "12", "kept": "8", "planned": "20"}


def test_limits_that_nobody_asks_for_are_refused() -> None:
    with pytest.raises(StudyError, match="only twins_reward_gap"):
        RewardModel(on="a", probe=PROBES, limits=Limits(twins_gap=0.1))
    with pytest.raises(StudyError, match="only twins_gap, twins_amplification"):
        Sft(on="a", probe=PROBES, limits=Limits(twins_reward_gap=0.1))
    with pytest.raises(StudyError, match="no limit on twins where there is no `probe`"):
        RewardModel(on="a", limits=Limits(twins_reward_gap=0.1))
