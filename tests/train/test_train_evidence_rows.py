"""On which held-out rows the evidence of debiasing rests: read as in training, and what is left out told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_toys import Told, chat, data_artifact, preference

from duecare.train import Debias, Dpo, GroupDro, Sft

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]
DEBIAS = Debias(axis="gender", group_dro=GroupDro(), rows=10)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from duecare.model.tiny import write_tiny
    from duecare.model.tokenize import Tokenizer

    return Tokenizer(write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


def rows(step: Sft | Dpo, examples: list[Any], tokenizer: Any, folder: Path) -> tuple[Any, Told]:
    from duecare.train.engine_evidence import evidence_rows
    from duecare.train.engine_loop import read_data

    held = read_data(data_artifact(folder, examples, examples).path / "held_out.parquet", ())
    told = Told()
    return evidence_rows(step, held, tokenizer, 48, told), told


def test_a_long_prompt_loses_its_beginning_as_in_training_and_is_not_dropped(
    tokenizer: Any, tmp_path: Path
) -> None:
    from duecare.train.rows import pair

    pairs = [preference(n, "yes", "no", who="long " * 40 * (n % 2) + "q") for n in range(6)]
    step = Dpo(on="pairs", max_prompt_tokens=32, max_answer_tokens=16, debias=DEBIAS)
    plan, told = rows(step, pairs, tokenizer, tmp_path / "data")
    assert (len(plan.read), plan.unusable) == (6, {})
    assert [each.value for each in told.estimates("dpo.evidence.rows.used")] == [6]
    for one, place in zip(plan.read, plan.rows, strict=True):
        taught = pair(pairs[place], tokenizer, 32, 16)
        assert one.tokens.tolist() == [*taught.prompt, *taught.chosen]
        assert one.tokens[one.taught].tolist() == taught.chosen.tolist()
        assert one.taught.dtype == np.bool_


def test_what_cannot_be_read_is_counted_by_its_reason(tokenizer: Any, tmp_path: Path) -> None:
    pairs = [preference(n, "yes", "yes" if n < 2 else "no") for n in range(6)]
    plan, told = rows(Dpo(on="pairs", debias=DEBIAS), pairs, tokenizer, tmp_path / "pairs")
    assert len(plan.read) == 4
    (left,) = told.estimates("dpo.evidence.rows.unusable")
    assert (left.value, left.n, left.slice["split"]) == (2, 6, "held_out")
    assert left.slice["reason"] == "the two answers do not differ within the limit"
    chats = [chat(n, "x" * (80 * (n % 2)) or "q", "yes") for n in range(6)]
    plan, told = rows(Sft(on="chats", max_tokens=48, debias=DEBIAS), chats, tokenizer, tmp_path / "chats")
    assert (len(plan.read), [each.value for each in told.estimates("sft.evidence.rows.unusable")]) == (3, [3])
