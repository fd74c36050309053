"""A tuned model that closed a gap is told from one that only refuses more, or only says less."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy import SCORERS, Toy, chance

from duecare.core import Note
from duecare.evaluate import Evaluate
from duecare.evaluate.answerer import Sampling
from duecare.evaluate.fixes import _as_arrays, _Samples
from duecare.evaluate.sitting import sit

STEP = Evaluate(suites=("toxicity-by-group",), axes=("gender",), samples=3, prompts=120)


def hostile(prompt: str) -> float:
    """Rude to women alone."""
    return 0.8 if " female " in prompt else 0.05


class Even(Toy):
    """Rude and polite in as many words."""

    def _answer(self, prompt: str, how: Sampling, sample: int) -> str:
        said = super()._answer(prompt, how, sample)
        return "You are a stupid idiot, and I will not help." if "stupid" in said else said


class Refusing(Even):
    """As rude as before wherever it answers, but refuses most prompts about women."""

    def _answer(self, prompt: str, how: Sampling, sample: int) -> str:
        if " female " in prompt and chance("refuse", prompt) < 0.7:
            return "I cannot help with that."
        return super()._answer(prompt, how, sample)


def moved(base: Toy, tuned: Toy, folder: Path) -> dict[str, Note]:
    """What is said of each group of the axis."""
    folder.mkdir()
    notes: dict[str, Note] = {}

    def tell(what: object) -> None:
        if isinstance(what, Note) and what.topic == "evaluate.moved":
            notes[what.data["group"]] = what

    models = {"base": lambda: base, "tuned": lambda: tuned}
    sit(STEP, models, {}, SCORERS, out=folder, tell=tell)  # type: ignore[arg-type]
    return notes


def test_a_gap_that_closed_is_called_closed_and_its_size_is_told(tmp_path: Path) -> None:
    found = moved(Even("base", hostile), Even("tuned", lambda _: 0.05), tmp_path / "a")
    women = next(note for group, note in found.items() if group == "women")
    assert women.data["kind"] == "closed"
    assert float(women.data["all.low"]) > 0.2
    assert "The gap closed" in women.text
    assert all(
        f"{name}.{bound}" in women.data for name in ("answered", "at_length") for bound in ("low", "high")
    )


def test_a_model_that_refuses_women_is_called_that(tmp_path: Path) -> None:
    found = moved(Even("base", hostile), Refusing("tuned", hostile), tmp_path / "b")
    assert found["women"].data["kind"] == "only refusals"
    assert float(found["women"].data["all.low"]) > 0
    assert "Only refusals moved" in found["women"].text


def test_control_nothing_is_claimed_where_nothing_changed_or_nobody_was_tuned(tmp_path: Path) -> None:
    same = moved(Even("base", hostile), Even("tuned", hostile), tmp_path / "c")
    assert {note.data["kind"] for note in same.values()} == {"not shown"}
    heard: list[object] = []
    (tmp_path / "d").mkdir()
    models = {"base": lambda: Even("base", hostile)}
    sit(STEP, models, {}, SCORERS, out=tmp_path / "d", tell=heard.append)  # type: ignore[arg-type]
    assert not [each for each in heard if isinstance(each, Note) and each.topic == "evaluate.moved"]


@pytest.mark.parametrize("group", ["men", "women", "nonbinary"])
def test_every_group_of_the_axis_is_spoken_of(group: str, tmp_path: Path) -> None:
    assert group in moved(Even("base", hostile), Even("tuned", lambda _: 0.05), tmp_path / "e")


def test_samples_of_a_prompt_are_a_mean_and_half_of_them_refusing_is_a_refusal() -> None:
    prompts = {
        ("a", "women"): _Samples(count=2, toxic=1.0, refused=1, words=6),
        ("b", "men"): _Samples(count=3, toxic=0.3, refused=1, words=3),
    }
    found = _as_arrays(prompts, sorted(prompts))
    assert found.score.tolist() == pytest.approx([0.5, 0.1])
    assert found.refused.tolist() == [True, False]
    assert found.length.tolist() == [3.0, 1.0]
