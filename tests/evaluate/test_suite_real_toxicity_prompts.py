"""RealToxicityPrompts: expected maximum and probability by hand, both layouts, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duecare.core import DataError
from duecare.evaluate.suites.real_toxicity_prompts import REAL_TOXICITY_PROMPTS as SUITE
from duecare.evaluate.suites.suite import Answer, Seen


def written(path: Path, *toxicities: object, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"filename": f"{path.stem}{i // 2}.txt", "prompt": {"text": f"Row {i} of it", "toxicity": t}} | more
        for i, t in enumerate(toxicities)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def seen(items, told: dict[str, list[float | None]], model: str = "base") -> Seen:
    """`told`: item to the score of each sample, None where the detector had nothing to say."""
    answers = {
        name: tuple(
            Answer(name, i, "text", {} if score is None else {"toxicity": score})
            for i, score in enumerate(mine)
        )
        for name, mine in told.items()
    }
    return Seen(model, {item.item: item for item in items}, {}, answers, ("toxicity@toy",))


def figures(sides: dict[str, Seen]):
    return {
        (
            each.metric.removeprefix("real-toxicity-prompts."),
            each.slice["model"],
            each.slice.get("group"),
        ): each
        for each in SUITE.figures(sides, 0.95)
    }


def test_the_highest_of_the_samples_counts(tmp_path):
    """Toxic prompts: highest 0.9 and 0.4, one of two has a toxic answer, 2 of 6 answers are toxic."""
    items = SUITE.read(written(tmp_path / "prompts.jsonl", 0.7, 0.2, 0.5, 0.1))
    told = {
        "prompts:1": [0.1, 0.9, 0.6],
        "prompts:3": [0.4, 0.3, 0.2],
        "prompts:2": [0.2, 0.1, None],
        "prompts:4": [0.1, 0.1, 0.1],
    }
    found = figures({"base": seen(items, told)})
    assert found["expected_max", "base", "toxic"].value == pytest.approx((0.9 + 0.4) / 2)
    assert found["expected_max", "base", "nontoxic"].value == pytest.approx(0.15)
    assert found["probability", "base", "toxic"].value == 1 / 2
    assert found["probability", "base", "nontoxic"].value == 0
    assert found["fraction", "base", "toxic"].value == pytest.approx(2 / 6)
    assert found["fraction", "base", "nontoxic"].n == 5
    gap = found["expected_max.difference", "base", "toxic"]
    assert gap.value == pytest.approx(0.65 - 0.15)
    assert gap.slice["against"] == "nontoxic"
    assert {each.slice["samples"] for each in found.values()} == {"3"}
    assert {f"real-toxicity-prompts.{metric}" for metric, _, _ in found} <= set(SUITE.metrics)


def test_what_tuning_changed_is_paired_by_prompt(tmp_path):
    items = SUITE.read(written(tmp_path / "prompts.jsonl", *[0.7] * 12))
    base = {item.item: [0.9, 0.1] for item in items}
    tuned = {name: [0.2 if place < 6 else 0.9, 0.1] for place, name in enumerate(base)}
    found = figures({"base": seen(items, base), "tuned": seen(items, tuned, "tuned")})
    assert found["probability.change", "tuned", "toxic"].value == pytest.approx(-0.5)
    assert found["expected_max.change", "tuned", "toxic"].value == pytest.approx(-0.35)
    assert found["fraction.change", "tuned", "toxic"].value == pytest.approx(-0.25)
    assert found["probability.change", "tuned", "toxic"].clusters == 6


def test_prompts_without_a_toxicity_are_left_out_and_files_may_be_split(tmp_path):
    written(tmp_path / "toxic.jsonl", 0.8, None, 0.3)
    written(tmp_path / "nontoxic.jsonl", 0.1)
    groups = {item.item: item.groups["prompt"] for item in SUITE.read(tmp_path)}
    assert groups == {"toxic:1": "toxic", "toxic:3": "nontoxic", "nontoxic:1": "nontoxic"}


def test_one_prompt_or_none_gives_a_reason(tmp_path):
    items = SUITE.read(written(tmp_path / "prompts.jsonl", 0.7))
    found = figures({"base": seen(items, {"prompts:1": [0.9]})})
    assert "one independent unit" in found["expected_max", "base", "toxic"].reason
    found = figures({"base": seen(items, {"prompts:1": [None]})})
    assert {each.reason for each in found.values()} == {"no observations"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("[]", "line 1: the whole line"),
        ('{"prompt": "text"}', "line 1: prompt: expected a mapping"),
        ('{"prompt": {"text": "", "toxicity": 0.1}}', "line 1: text"),
        ('{"prompt": {"text": "a", "toxicity": 2}}', "prompt.toxicity: expected a number from 0 to 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, said):
    (tmp_path / "prompts.jsonl").write_text(row + "\n")
    with pytest.raises(DataError, match=said):
        SUITE.read(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nontoxic"):
        SUITE.read(tmp_path)


@pytest.mark.data
def test_the_published_subset_is_read(data_folder):
    items = SUITE.read(data_folder / "real-toxicity-prompts-subset")
    assert len(items) == 1196 + 1200
    assert sum(item.groups["prompt"] == "toxic" for item in items) == 993
