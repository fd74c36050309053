"""Canaries: without protection the audit refutes the claim, with it it does not; and they must survive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from private_toys import PAIRS, ROWS, STEP, findings, pairs, private, trained

from duecare.core import FAIL, INSUFFICIENT, PASS, Artifact, DataError, Estimate, Example
from duecare.core.example import Field
from duecare.privacy.clip import clipped_sum
from duecare.train import Privacy

pytestmark = [
    pytest.mark.jax,
    pytest.mark.usefixtures("same_cache"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

AUDITED = replace(
    STEP,
    steps=60,
    batch_size=16,
    learning_rate=1e-2,
    schedule="constant",
    targets="all-linear",
    lora_rank=16,
    lora_alpha=32,
    every=60,
    privacy=Privacy(epsilon=0.5, delta=1e-4, canaries=60),
)


def lower(detail: str) -> float:
    return float(detail.split("bound epsilon from below by ")[1].split(" ")[0])


def test_the_bound_is_below_the_claim_where_noise_protects(base: Artifact, tmp_path: Path) -> None:
    outcome, told = trained(AUDITED, base, tmp_path, ROWS[:24])
    audit = findings(told, outcome)["sft.private.audit"]
    assert audit.verdict == PASS
    assert lower(audit.detail) <= 0.5
    (epsilon,) = [e for e in outcome.estimates if e.metric == "sft.private.epsilon"]
    assert epsilon.low == pytest.approx(lower(audit.detail), abs=5e-3)
    assert epsilon.n == 16 + 30  # rows, and half of the canaries
    used = [e for e in told.all if isinstance(e, Estimate) and e.metric == "sft.rows.used"]
    assert [e.value for e in used] == [16]


def test_control_without_protection_the_same_claim_is_refuted(
    base: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No clipping and no noise, and nothing that would have caught it beforehand: the canaries do."""
    from duecare.train import engine_private, private_step

    def unclipped(*given: Any, clip: float, together: int) -> Any:
        return clipped_sum(*given, clip=1e30, together=together)

    monkeypatch.setattr(private_step, "noised", lambda total, key, deviation: total)
    monkeypatch.setattr(private_step, "clipped_sum", unclipped)
    monkeypatch.setattr(engine_private, "checked", lambda *given: None)
    outcome, told = trained(AUDITED, base, tmp_path, ROWS[:24])
    audit = findings(told, outcome)["sft.private.audit"]
    assert audit.verdict == FAIL
    assert lower(audit.detail) > 0.8
    (epsilon,) = [e for e in outcome.estimates if e.metric == "sft.private.epsilon"]
    assert epsilon.value is None
    assert "the canaries" in str(epsilon.reason)


def test_canaries_that_are_cut_or_masked_are_refused_before_training(base: Artifact, tmp_path: Path) -> None:
    short = replace(private(STEP, canaries=20), max_tokens=40)
    with pytest.raises(DataError, match="20 of 20 do not survive"):
        trained(short, base, tmp_path / "rows")
    brief = replace(private(PAIRS, canaries=20), max_answer_tokens=6)
    with pytest.raises(DataError, match="20 of 20 do not survive"):
        trained(brief, base, tmp_path / "pairs", pairs(40))


def test_pairs_of_people_are_audited_too(base: Artifact, tmp_path: Path) -> None:
    """Canaries among pairs, each a person of its own; so few cannot refute epsilon 8, and that is said."""
    people = [
        Example(
            row=one.row,
            key=one.key,
            source=one.source,
            kind=one.kind,
            messages=one.messages,
            chosen=one.chosen,
            rejected=one.rejected,
            fields=(Field(name="customer", value=f"c{number // 2}"),),
        )
        for number, one in enumerate(pairs(48))
    ]
    step = private(PAIRS, unit="person", person="customer", rows_per_person=2, canaries=20)
    outcome, told = trained(replace(step, steps=3), base, tmp_path, people)
    audit = findings(told, outcome)["dpo.private.audit"]
    assert audit.verdict == INSUFFICIENT
    assert "20 canaries" in audit.detail
    (epsilon,) = [e for e in outcome.estimates if e.metric == "dpo.private.epsilon"]
    assert epsilon.n == 20 + 10  # people, and half of the canaries
