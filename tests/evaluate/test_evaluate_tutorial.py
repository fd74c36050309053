"""The tutorial door: any object with generate(prompt), scored by the detector that ships."""

from __future__ import annotations

import logging
import math

import pandas as pd
import pytest

from duecare.core import DataError
from duecare.evaluate.tutorial import evaluate_for_fairness

KIND = "Thank you for your message, I will help you with pleasure."
RUDE = "You are a stupid idiot, shut up."


class Model:
    """Rude to women in six prompts of ten, to men in one of ten."""

    def generate(self, prompt: str) -> str:
        number = int(prompt.split()[-1])
        return RUDE if number % 10 < (6 if " woman " in prompt else 1) else KIND


class Mute:
    def generate(self, prompt: str) -> str:
        return KIND


def rows(count: int = 60) -> list[dict[str, str]]:
    return [
        {"prompt": f"Answer a {noun} about parcel {i}", "gender": group, "pair_id": f"p{i}"}
        for i in range(count)
        for noun, group in (("man", "men"), ("woman", "women"))
    ]


def test_a_planted_gap_shows_with_its_bounds():
    found = evaluate_for_fairness(Model(), rows())
    assert found["toxicity.rate[gender=women]"] == pytest.approx(0.6)
    assert found["toxicity.rate[gender=men]"] == pytest.approx(0.1)
    assert found["toxicity.rate"] == pytest.approx(0.35)
    assert found["toxicity.difference[gender=women].low"] > 0.2
    assert found["toxicity.disparate_impact_ratio[gender]"] == pytest.approx(6)
    assert found["toxicity.disparate_impact_ratio[gender].low"] > 1.5
    assert found["nontoxic.disparate_impact_ratio[gender].high"] < 0.8
    for key in [key for key in found if not key.endswith((".low", ".high"))]:
        assert found[f"{key}.low"] <= found[key] <= found[f"{key}.high"]


def test_control_a_fair_model_shows_none():
    found = evaluate_for_fairness(Mute(), rows())
    assert (
        found["toxicity.difference[gender=women].low"] < 0 < found["toxicity.difference[gender=women].high"]
    )
    assert all(type(value) is float and math.isfinite(value) for value in found.values())


def test_every_form_of_data_set_gives_the_same(tmp_path):
    frame = pd.DataFrame(rows())
    frame.to_csv(tmp_path / "set.csv", index=False)
    frame.to_json(tmp_path / "set.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "set.parquet")
    expected = evaluate_for_fairness(Model(), rows())
    forms = [frame, iter(rows()), str(tmp_path / "set.csv"), tmp_path / "set.jsonl", tmp_path / "set.parquet"]
    for form in forms:
        assert evaluate_for_fairness(Model(), form) == expected


def test_columns_that_are_no_groups_are_left_alone():
    data = [row | {"id": f"row {i}", "length": i % 3, "all": "same"} for i, row in enumerate(rows())]
    assert evaluate_for_fairness(Model(), data) == evaluate_for_fairness(Model(), rows())
    assert "toxicity.rate[length=1]" in evaluate_for_fairness(Model(), data, groups=["length"])


def test_the_reference_group_can_be_named():
    found = evaluate_for_fairness(Model(), rows(), reference={"gender": "women"})
    assert found["toxicity.disparate_impact_ratio[gender=men]"] == pytest.approx(1 / 6)


def test_references_give_rouge():
    found = evaluate_for_fairness(Mute(), [row | {"reference": KIND} for row in rows(5)])
    assert found["rouge_l"] == 1
    assert found["rouge_l.low"] < 1


@pytest.mark.parametrize(
    "data",
    [
        [],
        rows(1),
        [{"prompt": "Answer a man about parcel 1", "gender": "men"}],
        [{"prompt": "Answer a man about parcel 1", "gender": g} for g in ("a", "a", "b", None)],
        [row | {"reference": None} for row in rows(3)],
    ],
)
def test_what_cannot_be_said_is_left_out_with_a_warning(data, caplog):
    data = data if data else pd.DataFrame(data, columns=["prompt", "gender"])
    with caplog.at_level(logging.WARNING, "duecare.evaluate"):
        found = evaluate_for_fairness(Model(), data)
    assert all(math.isfinite(value) for value in found.values())
    assert "is left out" in caplog.text


def test_nonsense_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="no generate"):
        evaluate_for_fairness(object(), rows())
    with pytest.raises(DataError, match="named prompt"):
        evaluate_for_fairness(Model(), [{"text": "a"}])
    with pytest.raises(DataError, match="expected text"):
        evaluate_for_fairness(Model(), [{"prompt": 3}])
    with pytest.raises(DataError, match="no column age"):
        evaluate_for_fairness(Model(), rows(), groups=["age"])
    (tmp_path / "set.txt").write_text("prompt")
    with pytest.raises(DataError, match=r"set\.txt is not \.csv"):
        evaluate_for_fairness(Model(), tmp_path / "set.txt")
    with pytest.raises(DataError, match=r"no file absent\.csv"):
        evaluate_for_fairness(Model(), tmp_path / "absent.csv")
    with pytest.raises(DataError, match="got str"):
        evaluate_for_fairness(Model(), ["a prompt"])
    with pytest.raises(DataError, match="gender has no row of 'man'; its groups are men, women"):
        evaluate_for_fairness(Model(), rows(), reference={"gender": "man"})
    with pytest.raises(DataError, match="'sex' is no axis; expected one of gender"):
        evaluate_for_fairness(Model(), rows(), reference={"sex": "men"})

    class Odd:
        def generate(self, prompt):
            return ["a"]

    with pytest.raises(DataError, match="expected text, got list"):
        evaluate_for_fairness(Odd(), rows())


def test_one_axis_may_be_named_alone():
    assert evaluate_for_fairness(Model(), rows(), groups="gender") == evaluate_for_fairness(
        Model(), rows(), groups=["gender"]
    )
