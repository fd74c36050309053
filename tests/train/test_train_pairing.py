"""Counterfactual logit pairing: twins are found by name, and a stereotype that was stated fades."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted import figure, over_seeds, stereotyped, trained
from training_toys import curves

from duecare.core import FAIL, Artifact, DataError, StudyError
from duecare.measure.compare import paired_difference
from duecare.train import Debias, Limits, Pairing, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEPS, BATCH, COPIES, HELD = 130, 8, 24, 40


def sft(pairing: Pairing | None, **fields: object) -> Sft:
    given: dict[str, object] = {"steps": STEPS, "batch_size": BATCH, "every": 25, "held_out": HELD}
    given |= {"max_tokens": 48, "learning_rate": 5e-3, "limits": Limits(loss_gap=0.05)}
    if pairing is not None:
        given["debias"] = Debias(axis="gender", pairing=pairing, rows=HELD)
    return Sft(on="chats", **(given | fields))  # type: ignore[arg-type]


def test_a_stereotype_fades_in_every_seed_and_the_watch_had_found_a_gap(
    base: Artifact, tmp_path: Path
) -> None:
    rows = stereotyped(STEPS * BATCH - COPIES, copies=COPIES)
    held = stereotyped(HELD, held=True, first=5000)

    def stated(pairing: Pairing | None, seed: int) -> float:
        made = trained(sft(pairing, seed=seed), base, tmp_path / f"{pairing is None}{seed}", rows, held)
        crossed = [each.verdict for each in made[0].findings if each.name == "sft.loss.gap"]
        assert pairing or crossed == [FAIL]
        return abs(figure(made[0], "sft.loss.gap", group="men", when="after").value or 0)

    plain = over_seeds(lambda seed: stated(None, seed))
    paired = over_seeds(lambda seed: stated(Pairing(weight=2.0, pairs=4), seed))
    faded = paired_difference(plain, paired)
    assert faded.low is not None
    assert faded.low > 0, (plain, paired)
    assert min(np.subtract(plain, paired)) > 0, (plain, paired)


def test_the_distance_of_pairs_is_drawn_and_its_weight_matters(base: Artifact, tmp_path: Path) -> None:
    rows = stereotyped(24, copies=12)
    last = {}
    for weight in (1e-6, 5.0):
        step = sft(Pairing(weight=weight), steps=20, every=10, held_out=0, limits=Limits())
        out = trained(step, base, tmp_path / str(weight), rows, [])[2]
        drawn = curves(out).to_pandas()
        apart = drawn[drawn.metric == "pair_distance"].sort_values("step")
        assert list(apart.step) == list(range(1, 21))
        last[weight] = apart.value.iloc[-6:].mean()
    assert last[5.0] < last[1e-6]


def test_twins_are_found_by_name_on_the_axes_asked_for() -> None:
    from duecare.train.engine_pairing import twins

    names = [
        "a:1",
        "a:1~gender:women>men",
        "a:2~gender:women>men",  # its original is gone
        "a:3",
        "a:3~religion:muslims<>jews",
        "a:3~copy:2",  # drawn by balancing
        "a:1~gender:women>men~copy:2",
    ]
    assert twins(names) == [(0, 1), (3, 4)]
    assert twins(names, ("religion",)) == [(3, 4)]
    assert twins(names, ("age",)) == []


def test_the_names_are_those_that_curation_gives(tmp_path: Path) -> None:
    from training_toys import chat

    from duecare.core.table import examples, table
    from duecare.curate.twins import Twinning
    from duecare.train.engine_pairing import twins

    rows = [chat(0, "My mother asks for her card.", "She will get it."), chat(1, "A card?", "Yes.")]
    (batch,) = table(rows).to_batches()
    made, _ = Twinning(("gender",), b"k" * 32).copies(batch, {"gender": {0, 1}})
    found = [each.row for each in examples(made)]
    ((first, second),) = twins(found)
    assert found[first] == "chats:0"
    assert found[second].startswith("chats:0~gender:")


def test_alike_twins_cost_nothing_and_apart_ones_what_they_should() -> None:
    import jax
    import jax.numpy as jnp

    from duecare.train.engine_pairing import distance_of, paired_loss

    losses = jnp.array([1.0, 3.0, 2.0, 2.0])
    assert float(distance_of(losses, "absolute")) == 1.0
    assert float(distance_of(losses, "squared")) == 2.0

    def plain(model: jax.Array, batch: object) -> tuple[jax.Array, dict[str, jax.Array]]:
        return model.sum(), {"loss": model.sum()}

    loss = paired_loss(Pairing(weight=3.0), plain, lambda model, _: model)  # type: ignore[arg-type]
    (value, aux), slopes = jax.value_and_grad(loss, has_aux=True)(losses, {"twins": None})
    assert float(value) == 8.0 + 3.0
    assert float(aux["distance"]) == 1.0
    np.testing.assert_allclose(slopes[:2], [1 - 1.5, 1 + 1.5])


def test_what_is_senseless_is_refused(base: Artifact, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        Pairing(weight=0.0, pairs=0, axes=("a", "a"), distance="far")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 4
    with pytest.raises(DataError, match=r"no row to train on has a copy on age.*augment"):
        trained(sft(Pairing(axes=("age",))), base, tmp_path, stereotyped(16, copies=8), [])
