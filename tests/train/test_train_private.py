"""Private training on the tiny model: it learns, claims what it may, gives nothing away, and resumes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from private_toys import PAIRS, PRIVACY, ROWS, STEP, findings, pairs, private, trained
from training_toys import Told, chat, curves, data_artifact, digests, run

from duecare.core import PASS, Artifact, DataError, Estimate, Example, Note, Outcome, StudyError
from duecare.core.example import Field
from duecare.privacy import noise
from duecare.train import Dpo, Privacy, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

Ran = tuple[Outcome, Told, Path]


@pytest.fixture(scope="module")
def ran(base: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One private run, with its folder."""
    folder = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
        outcome, told = trained(STEP, base, folder)
    return outcome, told, folder / "out"


def test_it_learns_within_its_budget_and_the_self_test_passes(ran: Ran) -> None:
    outcome, told, out = ran
    (change,) = [e for e in outcome.estimates if e.metric == "sft.loss.change" and "group" not in e.slice]
    assert change.high is not None
    assert change.high < -0.5
    found = findings(told, outcome)
    tests = {"noise.scale", "noise.always", "noise.fresh", "clipping", "clipping.each", "sampling", "weights"}
    assert {f"sft.private.{name}" for name in (*tests, "budget")} <= found.keys()
    assert all(found[f"sft.private.{name}"].verdict == PASS for name in (*tests, "budget"))
    (epsilon,) = [e for e in outcome.estimates if e.metric == "sft.private.epsilon"]
    assert epsilon.value is not None
    assert 7.5 < epsilon.value <= 8
    claim = json.loads((out / "privacy.json").read_text())
    assert claim["claim"]["epsilon"] == epsilon.value
    assert claim["claim"]["unit"] == "example"
    assert "curves.parquet" in claim["unreleasable"]
    assert outcome.files["privacy"] == "privacy.json"


def test_what_is_claimed_is_on_record_before_the_first_step(ran: Ran) -> None:
    _, told, _ = ran
    place = next(i for i, each in enumerate(told.all) if isinstance(each, Note))
    note = told.all[place]
    assert isinstance(note, Note)
    assert note.topic == "sft.private"
    assert all(word in note.text for word in ("Covered", "Not covered", "operating system's entropy"))
    assert not [each for each in told.all[:place] if isinstance(each, Estimate)]
    assert set(note.data) >= {"epsilon", "delta", "unit", "accountant", "noise_multiplier", "sampling"}


def test_every_figure_read_off_private_rows_is_marked(ran: Ran) -> None:
    outcome, told, _ = ran
    private_ones = [
        each
        for each in (*[e for e in told.all if isinstance(e, Estimate)], *outcome.estimates)
        if each.metric != "sft.private.epsilon"
    ]
    assert {e.metric for e in private_ones} >= {"sft.loss", "sft.clipped", "sft.grad_norm", "sft.rows.used"}
    assert all(each.slice.get("release") == "withheld" for each in private_ones)
    assert {e.slice.get("group") for e in private_ones if e.metric == "sft.clipped"} == {None, "men", "women"}


def test_the_secret_is_nowhere_but_beside_the_checkpoints(ran: Ran) -> None:
    outcome, told, out = ran
    secret = (out / ".resume" / "secret").read_bytes()
    assert len(secret) == 32
    said = repr(told.all) + repr(outcome)
    assert secret.hex() not in said
    assert repr(secret) not in said
    for path in out.rglob("*"):
        if path.is_file() and ".resume" not in path.parts:
            held = path.read_bytes()
            assert secret not in held, path.name
            assert secret.hex().encode() not in held, path.name


def test_the_same_study_and_seed_give_another_model(ran: Ran, base: Artifact, tmp_path: Path) -> None:
    trained(STEP, base, tmp_path)
    name = "adapter/adapter_model.safetensors"
    assert digests(ran[2])[name] != digests(tmp_path / "out")[name]


class Stopped(Exception):
    """Stands for a kill: nothing after it is done."""


def test_a_stopped_run_goes_on_with_its_own_noise_bit_for_bit(
    ran: Ran, base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = (ran[2] / ".resume" / "secret").read_bytes()
    monkeypatch.setattr(noise.os, "urandom", lambda size: secret[:size])
    data = data_artifact(tmp_path / "data", ROWS[:-8], ROWS[-8:])
    seen = Told()

    def stops(what: object) -> None:
        seen(what)  # type: ignore[arg-type]
        if isinstance(what, Estimate) and what.step == 8:
            raise Stopped

    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Stopped):
        STEP.run({"data": data, "base": base}, out, stops)
    monkeypatch.undo()
    monkeypatch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
    _, told = run(STEP, {"data": data, "base": base}, out)
    assert any("goes on after step 4" in each.text for each in told.all if isinstance(each, Note))
    assert digests(out) == digests(ran[2])


def test_a_checkpoint_without_its_secret_is_not_gone_on_from(base: Artifact, tmp_path: Path) -> None:
    trained(STEP, base, tmp_path)
    (tmp_path / "out" / ".resume" / "secret").unlink()
    with pytest.raises(DataError, match="the secret that this run began with"):
        trained(STEP, base, tmp_path)


def test_a_step_that_draws_no_one_only_adds_noise(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.train import engine_private

    drawn, empty = engine_private.poisson_batch, (4, 5, 6, 7)  # among them all of the second window

    def mostly(secret: noise.Secret, step: int, **given: object) -> np.ndarray:
        found = drawn(secret, step, **given)  # type: ignore[arg-type]
        return found[:0] if step in empty else found

    monkeypatch.setattr(engine_private, "poisson_batch", mostly)
    outcome, _ = trained(STEP, base, tmp_path)
    table = curves(tmp_path / "out").to_pandas()
    losses = table[table.metric == "batch_loss"]
    assert sorted(losses.step) == [1, 2, 3, 4, 9, 10, 11, 12]
    assert all(np.isfinite(losses.value))
    assert set(table[table.metric == "clipped"].step) == {4, 12}
    assert outcome.findings[0].verdict == PASS


def test_pairs_are_trained_on_privately(base: Artifact, tmp_path: Path) -> None:
    outcome, told = trained(PAIRS, base, tmp_path, pairs(48))
    found = findings(told, outcome)
    assert found["dpo.private.clipping.each"].verdict == found["dpo.private.budget"].verdict == PASS
    (accuracy,) = [
        e
        for e in outcome.estimates
        if e.metric == "dpo.accuracy" and e.slice.get("when") == "after" and "group" not in e.slice
    ]
    assert accuracy.value == 1.0


def of_people(count: int, each: int) -> list[Example]:
    rows = []
    for number in range(count):
        one = chat(number, f"q{number % 9}", "yes", ("women", "men")[number % 2])
        rows.append(
            Example(
                row=one.row,
                key=one.key,
                source=one.source,
                kind=one.kind,
                messages=one.messages,
                groups=one.groups,
                fields=(Field(name="customer", value=f"c{number // each}"),),
            )
        )
    return rows


def test_people_are_protected_with_all_their_rows(base: Artifact, tmp_path: Path) -> None:
    step = private(STEP, unit="person", person="customer", rows_per_person=3, delta=5e-3)
    outcome, told = trained(replace(step, batch_size=4, steps=4), base, tmp_path, of_people(88, 4))
    claim = json.loads((tmp_path / "out" / "privacy.json").read_text())
    assert claim["claim"]["unit"] == "person"
    (epsilon,) = [e for e in outcome.estimates if e.metric == "sft.private.epsilon"]
    assert epsilon.n == 20  # people, not their 80 rows
    assert findings(told, outcome)["sft.private.clipping"].verdict == PASS
    with pytest.raises(DataError, match="60 of 60 rows have none"):
        trained(step, base, tmp_path / "nobody")


def test_weights_and_a_large_delta_are_refused(base: Artifact, tmp_path: Path) -> None:
    heavy = [chat(number, "q", "yes", weight=1.0 + number % 2) for number in range(40)]
    with pytest.raises(DataError, match="balancing"):
        trained(STEP, base, tmp_path / "weights", heavy)
    many = [chat(number, "q", "yes") for number in range(120)]
    with pytest.raises(StudyError, match="number of units"):
        trained(private(STEP, delta=0.01), base, tmp_path / "delta", many)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": float("inf")}, "epsilon"),
        ({"delta": 0.5}, "delta"),
        ({"clip": 0.0}, "clip"),
        ({"unit": "household"}, "unit"),
        ({"unit": "person"}, "person"),
        ({"person": "customer"}, "person"),
        ({"noise_multiplier": 0.0}, "noise_multiplier"),
        ({"canaries": 5}, "canaries"),
        ({"audit_alpha": 0.9}, "audit_alpha"),
    ],
)
def test_senseless_settings_are_refused(fields: dict[str, object], where: str) -> None:
    with pytest.raises(StudyError, match=where):
        Privacy(**{"epsilon": 8.0, "delta": 1e-5} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [Sft(on="a"), Dpo(on="a")])
def test_a_step_that_would_end_by_private_figures_is_refused(step: Sft | Dpo) -> None:
    assert replace(step, privacy=PRIVACY).privacy == PRIVACY
    with pytest.raises(StudyError, match="on_crossing"):
        replace(step, privacy=PRIVACY, on_crossing="stop")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"batch_tokens": 256, "batch_size": None}, "batch_tokens"),
        ({"patience": 2}, "patience"),
        ({"keep": "best"}, "keep"),
        ({"accumulate": 2}, "accumulate"),
        ({"weights": "full"}, "weights"),
    ],
)
def test_what_shares_gradients_or_chooses_by_private_figures_is_refused(
    fields: dict[str, object], where: str
) -> None:
    with pytest.raises(StudyError, match=f"{where}.*with privacy"):
        replace(STEP, **fields)  # type: ignore[arg-type]
