"""Robust reward models on the tiny model: what is fitted anew, what is written, and who reads it how."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from training_toys import Told, data_artifact, digests, preference, run

from duecare.core import Artifact, Estimate, Example, Message, Outcome, Progress
from duecare.model.heads import FILE
from duecare.train import RewardModel, Robust
from duecare.train.padding import FITTED, TOLD, padded

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

WORDS = ("thanks", "sorry", "of course", "sure", "one moment", "right away")
SEVERAL = Robust(heads=4, combine="lower", length=100.0, padding=10.0, twins=100.0)


def step(robust: Robust | None) -> RewardModel:
    return RewardModel(
        on="pairs",
        steps=16,
        batch_size=8,
        every=8,
        learning_rate=1e-2,
        lora_alpha=16,
        held_out=40,
        robust=robust,
    )


def pairs(count: int = 160) -> list[Example]:
    """The polite answer is preferred; it is the longer one, too, in three pairs of four."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        one, two = rng.choice(WORDS, size=2, replace=False)
        more = " ok" * 4
        good, bad = f"please, {one}", f"well, {two}"
        rows.append(preference(number, *((good + more, bad) if number % 4 else (good, bad + more))))
    return rows


def trained(
    robust: Robust | None, base: Artifact, folder: Path, **changes: Any
) -> tuple[Outcome, Told, dict[str, Artifact]]:
    made, rows = replace(step(robust), **changes), pairs()
    data = data_artifact(folder / "data", rows[made.held_out :], rows[: made.held_out])
    inputs = {"data": data, "base": base}
    return (*run(made, inputs, folder / "out"), inputs)


def judge_of(folder: Path) -> Any:
    from duecare.model.reward import load_reward

    return load_reward(folder)


def found(outcome: Outcome, metric: str, when: str | None) -> list[Estimate]:
    return [
        each
        for each in outcome.estimates
        if each.metric == f"reward-model.{metric}" and each.slice.get("when") == when
    ]


def test_several_heads_are_written_beside_the_model_and_read_together(base: Artifact, tmp_path: Path) -> None:
    outcome, _, _ = trained(SEVERAL, base, tmp_path)
    out = tmp_path / "out"
    judge = judge_of(out / "model")
    assert judge.heads is not None
    assert judge.heads.values.shape[0] == 4
    rows = pairs()[:40]
    scores = pq.read_table(out / outcome.files["scores"])
    told = dict(zip(zip(*(scores.column(name).to_pylist() for name in ("row", "part")), strict=True),
                    scores.column("value").to_pylist(), strict=True))  # fmt: skip
    asked = [judge.loaded.tokenizer.chat(list(row.messages), answer=True) for row in rows]
    again = judge.scores(asked, [row.chosen or "" for row in rows])
    assert again == pytest.approx([told[row.row, "chosen"] for row in rows], abs=2e-4)
    # transformers knows one label and one head, which is the mean of them.
    config = json.loads((out / "model" / "config.json").read_text("utf-8"))
    assert config["num_labels"] == 1
    states = judge.states(asked, [row.chosen or "" for row in rows])
    assert np.asarray(judge.head) == pytest.approx(judge.heads.mean, abs=1e-6)
    (out / "model" / FILE).unlink()
    alone = judge_of(out / "model")
    assert alone.heads is None
    assert alone.identity != judge.identity, "other heads are another reward"
    plain = alone.scores(asked, [row.chosen or "" for row in rows])
    assert plain == pytest.approx((states @ judge.heads.mean).tolist(), abs=1e-4)
    assert not np.allclose(plain, again)
    assert found(outcome, "accuracy", "after")[0].low is not None


def test_the_terms_cut_what_they_are_against_and_the_cost_is_told(base: Artifact, tmp_path: Path) -> None:
    outcome, _, _ = trained(SEVERAL, base, tmp_path)
    (before,), (after,) = (found(outcome, "robust.length", when) for when in ("trained", "refitted"))
    assert before.value > 0.3
    assert abs(after.value) < before.value / 2
    gaps = {
        when: [
            abs(each.value) for each in found(outcome, "robust.reward_gap", when) if each.value is not None
        ]
        for when in ("trained", "refitted")
    }
    assert len(gaps["trained"]) == 2, "women and nonbinary against men"
    assert np.mean(gaps["refitted"]) < np.mean(gaps["trained"])
    (before,), (after,) = (found(outcome, "robust.padding", when) for when in ("trained", "refitted"))
    assert abs(after.value) < abs(before.value)
    (cost,) = found(outcome, "robust.accuracy.change", None)
    assert cost.low is not None
    assert cost.n == 80 or cost.n == 40
    # Control: without terms the head is still paid by length.
    outcome, _, _ = trained(Robust(heads=1), base, tmp_path / "plain")
    (after,) = found(outcome, "robust.length", "refitted")
    assert after.value > 0.3


def test_answers_are_padded_of_the_pairs_that_were_read(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of the first ones in the table, which may be sorted or count for nothing."""
    seen: list[tuple[str, str]] = []

    def noting(example: Example, sentence: str, *more: Any) -> Any:
        seen.append((example.row, sentence))
        return padded(example, sentence, *more)

    monkeypatch.setattr("duecare.train.engine_heads.padded", noting)
    trained(Robust(heads=1, padding=1.0), base, tmp_path, steps=4, every=4)
    fitted = [row for row, sentence in seen if sentence in FITTED]
    assert len(fitted) == len(set(fitted)) == 32
    assert len({row for row, sentence in seen if sentence in TOLD}) == 40
    assert fitted != sorted(fitted, key=lambda row: int(row.rpartition(":")[2]))


def test_an_average_of_weights_is_one_head_and_nothing_else(base: Artifact, tmp_path: Path) -> None:
    outcome, _, _ = trained(Robust(heads=3), base, tmp_path)
    model = tmp_path / "out" / "model"
    assert not (model / FILE).exists()
    assert judge_of(model).heads is None
    assert found(outcome, "accuracy", "after")[0].value > 0.9


def test_without_it_nothing_is_fitted_anew(base: Artifact, tmp_path: Path) -> None:
    outcome, _, _ = trained(None, base, tmp_path)
    assert not [each for each in outcome.estimates if ".robust." in each.metric]


class Stopped(Exception):
    """Stands in for a kill."""


def test_a_run_that_dies_comes_to_the_same_heads(base: Artifact, tmp_path: Path) -> None:
    _, _, inputs = trained(SEVERAL, base, tmp_path)
    made = step(SEVERAL)
    (tmp_path / "died").mkdir()

    def dying(what: object) -> None:
        if isinstance(what, Progress) and what.done == 12:
            raise Stopped

    with pytest.raises(Stopped):
        made.run(inputs, tmp_path / "died", dying)
    run(made, inputs, tmp_path / "died")
    assert digests(tmp_path / "out") == digests(tmp_path / "died")


def test_an_ensemble_scores_one_answer_as_it_scores_many(base: Artifact, tmp_path: Path) -> None:
    trained(SEVERAL, base, tmp_path)
    judge = judge_of(tmp_path / "out" / "model")
    prompt = judge.loaded.tokenizer.chat([Message(role="user", content="q1")], answer=True)
    answers = ["please, sure", "well, sure", "please"]
    many = judge.scores([prompt, *["other" for _ in answers]], [answers[0], *answers])
    assert judge.scores([prompt], answers[:1])[0] == pytest.approx(many[0], abs=1e-6)
