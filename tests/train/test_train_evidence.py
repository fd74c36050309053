"""The evidence of debiasing: verdicts on fresh probes, prices, and all of it from a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from planted import figure, rarer_pairs, telling, trained
from training_toys import base_artifact, chat

from duecare.core import FAIL, INSUFFICIENT, PASS, Artifact, DataError, StudyError
from duecare.measure.interval import Interval, silent
from duecare.train import Adversary, Debias, Dpo, GroupDro, Sft
from duecare.train.evidence import Evidence, Held, Model, at_chance

N = 120


def reading(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 100, None, "test")


def test_a_verdict_on_chance_needs_an_interval_that_could_have_told() -> None:
    assert at_chance([reading(0.45, 0.55), reading(0.42, 0.58)], 0.5, 0.1) == PASS
    assert at_chance([reading(0.45, 0.55), reading(0.51, 0.58)], 0.5, 0.1) == FAIL
    assert at_chance([reading(0.35, 0.75)], 0.5, 0.1) == INSUFFICIENT
    assert at_chance([silent("too few", 3, None, "test", 0.95)], 0.5, 0.1) == INSUFFICIENT
    assert at_chance([], 0.5, 0.1) == INSUFFICIENT
    assert at_chance([reading(0.2, 0.55)], 0.5, 0.1) == INSUFFICIENT
    assert at_chance([reading(0.3, 0.45)], 0.5, 0.1) == INSUFFICIENT
    assert at_chance([reading(0.25, 0.42)], 1 / 3, 0.1) == PASS


def evidence(trace: float, *, probe: str = "chance", rows: int = N) -> Evidence:
    """Rows whose states before tell the group plainly, and after as far as `trace`."""
    rng = np.random.default_rng(0)
    group = np.arange(rows) % 2

    def model(strength: float, gap: float) -> Model:
        states = rng.standard_normal((rows, 6)) + strength * group[:, None]
        loss = 2 + gap * group + 0.1 * rng.standard_normal(rows)
        return Model(loss.astype(np.float32), np.full(rows, 0.1, np.float32), states.astype(np.float32))

    names = tuple(f"a:{number}" for number in range(rows))
    held = Held(names, group.astype(np.int64), ("men", "women"), np.full(rows, 5, np.int64))
    debias = Debias(axis="gender", probe=probe, tolerance=0.2)  # type: ignore[arg-type]
    before, after = model(1.5, 0.8), model(trace, 0.3)
    return Evidence("sft", "chats", debias, 0, held, before, after, after)


def test_the_finding_says_whether_it_fell_to_chance() -> None:
    verdicts = {}
    for trace in (1.5, 0.0):
        _, (finding,) = evidence(trace).told()
        verdicts[trace] = finding.verdict
        assert finding.name == "sft.probe.chance"
        assert finding.estimate is not None
        assert "before" in finding.detail
    assert verdicts == {1.5: FAIL, 0.0: PASS}
    assert evidence(1.5).told()[1][0].next
    _, (few,) = evidence(0.0, rows=30).told()
    assert few.verdict == INSUFFICIENT
    assert "Hold out more rows" in few.next


def test_a_group_too_rare_to_be_read_silences_no_reader() -> None:
    whole = evidence(1.5)
    group = whole.held.group.copy()
    group[:4] = 2
    held = replace(whole.held, group=group, groups=("men", "women", "others"))
    told, (finding,) = replace(whole, held=held).told()
    read = [each for each in told if each.metric == "sft.probe.accuracy"]
    assert read
    assert all(each.value is not None and each.n == N - 4 for each in read)
    assert "others (4)" in finding.detail
    assert "chance (0.5)" in finding.limit
    # Control: where one group alone has enough rows, nothing is read, and that is said.
    lonely = np.where(np.arange(N) < 4, 1, 0)
    told, (finding,) = replace(whole, held=replace(whole.held, group=lonely)).told()
    assert all(each.value is None for each in told if each.metric == "sft.probe.accuracy")
    assert finding.verdict == INSUFFICIENT
    assert "there are 4" in finding.detail


def test_figures_without_a_verdict_and_no_probe_where_none_is_asked_for() -> None:
    told, findings = evidence(0.0, probe="figures").told()
    assert findings == []
    read = {
        (each.slice["when"], each.slice["reader"]) for each in told if each.metric == "sft.probe.accuracy"
    }
    assert read == {(when, who) for when in ("before", "after", "after, LEACE") for who in ("linear", "mlp")}
    quiet = replace(evidence(0.0), debias=Debias(axis="gender", adversary=Adversary()))
    assert not [each for each in quiet.told()[0] if "probe" in each.metric]


def test_leace_leaves_a_linear_reader_nothing() -> None:
    told, _ = evidence(1.5).told()
    erased = {
        each.slice["reader"]: each
        for each in told
        if each.metric == "sft.probe.accuracy" and each.slice["when"] == "after, LEACE"
    }
    assert erased["linear"].low <= 0.5 <= erased["linear"].high  # type: ignore[operator]


def test_prices_stand_in_the_estimates() -> None:
    told, _ = evidence(0.0).told()
    found = {each.metric: each for each in told if each.slice.get("group") == "men"}
    assert found["sft.debias.closed"].low > 0.3  # type: ignore[operator]
    assert found["sft.debias.kl.per_gap"].value == pytest.approx(
        0.1 / found["sft.debias.closed"].value, rel=1e-4
    )  # type: ignore[operator]
    perplexity = {each.slice["when"]: each.value for each in told if each.metric == "sft.debias.perplexity"}
    assert perplexity["after"] < perplexity["before"]  # type: ignore[operator]


def test_groups_of_three_are_each_held_against_the_rest() -> None:
    made = evidence(1.0)
    held = replace(made.held, group=np.arange(N) % 3, groups=("a", "b", "c"))
    told, (finding,) = replace(made, held=held).told()
    assert {each.slice["group"] for each in told if each.metric == "sft.debias.closed"} == {"a", "b", "c"}
    assert "0.333" in finding.limit


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("base")
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        return base_artifact(folder)


@pytest.fixture
def same_cache(base: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))


PLAIN = Sft(
    on="chats",
    steps=6,
    batch_size=4,
    every=3,
    held_out=24,
    max_tokens=48,
    learning_rate=5e-3,
    debias=Debias(axis="gender", probe="chance", rows=24, answers=True, answer_tokens=4),
)


@pytest.mark.jax
@pytest.mark.usefixtures("same_cache")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_a_run_measures_what_the_model_itself_says(base: Artifact, tmp_path: Path) -> None:
    """Loss and KL go through files, chunks and the head: held against the exported model's own logits."""
    import jax
    import jax.numpy as jnp

    from duecare.model.forward import causal, hidden, logits, places
    from duecare.model.load import load
    from duecare.train.rows import passage

    held = telling(24, first=900)
    outcome, _, out = trained(PLAIN, base, tmp_path, telling(24), held)
    measured = pq.read_table(out / "evidence.parquet").to_pandas().set_index(["row", "when"])
    start, tuned = load(base.path.parent / "tiny"), load(out / "model")
    for example in held[:3]:
        one = passage(example, tuned.tokenizer, 48)
        ids, real = jnp.asarray(one.tokens)[None], jnp.ones((1, len(one.tokens)), bool)
        spoken = np.flatnonzero(one.taught[1:])
        said = []
        for loaded in (start, tuned):
            states, _ = hidden(loaded.model, ids, places(real), None, causal(real))
            said.append(np.asarray(jax.nn.log_softmax(logits(loaded.model, states)[0], axis=-1))[spoken])
        old, new = said
        row = measured.loc[(example.row, "after")]
        assert row.kl == pytest.approx((np.exp(old) * (old - new)).sum(-1).mean(), abs=2e-4)
        assert row.loss == pytest.approx(
            -new[np.arange(len(spoken)), one.tokens[spoken + 1]].mean(), abs=2e-4
        )
        assert row.tokens == len(spoken)
        assert measured.loc[(example.row, "before")].kl == pytest.approx(0, abs=1e-5)
        assert row.group == example.groups[0].value
        assert 0 <= row.length <= 4
    assert (
        figure(outcome, "sft.debias.perplexity", when="after").value
        < figure(  # type: ignore[operator]
            outcome, "sft.debias.perplexity", when="before"
        ).value
    )
    assert [each.verdict for each in outcome.findings if each.name == "sft.probe.chance"] == [FAIL]
    assert figure(outcome, "sft.debias.length", when="after").n == 24


@pytest.mark.jax
@pytest.mark.usefixtures("same_cache")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_preference_tuning_leaves_the_same_evidence(base: Artifact, tmp_path: Path) -> None:
    debias = Debias(axis="gender", group_dro=GroupDro(), probe="figures", rows=24)
    step = Dpo(on="pairs", steps=4, batch_size=4, held_out=8, learning_rate=5e-3, debias=debias)
    outcome, _, out = trained(step, base, tmp_path, rarer_pairs(16), rarer_pairs(48, every=2, first=900))
    measured = pq.read_table(out / "evidence.parquet").to_pandas()
    assert set(measured.when) == {"before", "after", "after, LEACE"}
    assert (measured[measured.when == "after"].kl > 1e-6).all()
    assert figure(outcome, "dpo.debias.kl", when="after").low > 0  # type: ignore[operator]
    assert figure(outcome, "dpo.probe.accuracy", when="before", reader="linear").value is not None


def test_what_is_senseless_is_refused() -> None:
    with pytest.raises(StudyError) as caught:
        Debias(axis=" ", probe="yes", tolerance=0.0, rows=0, answers=1, answer_tokens=0)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 6
    with pytest.raises(StudyError, match="this step has no other"):
        Dpo(on="pairs", debias=Debias(axis="gender", adversary=Adversary()))


@pytest.mark.jax
@pytest.mark.usefixtures("same_cache")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Tunix 0.1.7 on the JAX and Flax of today
def test_a_probe_without_held_out_rows_is_refused_before_training(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no held-out row"):
        trained(PLAIN, base, tmp_path, [chat(i, "q", "a", "men") for i in range(8)], [])
