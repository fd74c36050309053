"""Counterfactual augmentation: with the copies that curation makes, a stereotype is not learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted import figure, over_seeds, trained
from training_toys import chat

from duecare.core import FAIL, Artifact, Example
from duecare.core.table import examples, table
from duecare.curate.twins import Twinning
from duecare.measure.compare import paired_difference
from duecare.train import Limits, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEPS, BATCH, HELD = 120, 8, 24


def stated(count: int, *, held: bool = False, first: int = 0) -> list[Example]:
    """Of her it is said that she is a nurse, of him that he is a doctor; with `held` of both the first."""
    rows = []
    for number in range(first, first + count):
        man = number % 2 == 1
        job = "nurse" if held or not man else "doctor"
        question = f"{'He' if man else 'She'} came in {number % 10}."
        rows.append(chat(number, question, job, "men" if man else "women"))
    return rows


def augmented(rows: list[Example]) -> list[Example]:
    """The rows with a copy of each about the other group, as curation makes them."""
    (batch,) = table(rows).to_batches()
    made, _ = Twinning(("gender",), b"k" * 32).copies(batch, {"gender": set(range(len(rows)))})
    return list(examples(made))


def test_copies_say_the_same_of_the_other_group() -> None:
    first, second = augmented(stated(1))
    assert (first.messages[0].content, second.messages[0].content) == ("She came in 0.", "He came in 0.")
    assert [each.messages[1].content for each in (first, second)] == ["nurse", "nurse"]
    assert [each.groups[0].value for each in (first, second)] == ["women", "men"]


def test_a_stereotype_is_not_learnt_in_any_seed_and_without_copies_it_is(
    base: Artifact, tmp_path: Path
) -> None:
    rows, held = stated(STEPS * BATCH), stated(HELD, held=True, first=5000)
    both = augmented(rows[: STEPS * BATCH // 2])

    found_by_watch: dict[bool, list[bool]] = {False: [], True: []}

    def gap(copies: bool, seed: int) -> float:
        step = Sft(
            on="chats",
            steps=STEPS,
            batch_size=BATCH,
            every=25,
            held_out=HELD,
            max_tokens=48,
            learning_rate=1e-2,
            limits=Limits(loss_gap=0.05),
            seed=seed,
        )
        made = trained(step, base, tmp_path / f"{copies}{seed}", both if copies else rows, held)
        found = figure(made[0], "sft.loss.gap", group="men", when="after").value
        crossed = [each.verdict for each in made[0].findings if each.name == "sft.loss.gap"]
        found_by_watch[copies].append(crossed == [FAIL])
        assert found is not None
        return abs(found)

    plain = over_seeds(lambda seed: gap(False, seed))
    copied = over_seeds(lambda seed: gap(True, seed))
    assert sum(found_by_watch[False]) >= 3  # of 5: it sees a hundred steps or so, each before it teaches
    assert not any(found_by_watch[True])
    less = paired_difference(plain, copied)
    assert less.low is not None
    assert less.low > 0, (plain, copied)
    assert min(np.subtract(plain, copied)) > 0.5, (plain, copied)
