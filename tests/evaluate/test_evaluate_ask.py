"""The evaluation step: what it writes, what it finds, that it goes on, and what it cannot say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from toy import SCORERS, Broken, Toy

from duecare.core import DataError, Estimate, Example, Message, ModelError, Note, Progress, StudyError
from duecare.core.table import ANSWERS, EXAMPLES, SCORES, table
from duecare.core.wire import decode
from duecare.evaluate import Evaluate
from duecare.evaluate.heldout import HELD_OUT
from duecare.evaluate.sitting import sit
from duecare.evaluate.tables import HELD, TWINS, read
from duecare.ledger.layout import RESUME


def chats(folder: Path, count: int = 12, source: str = "chats") -> Path:
    folder.mkdir(parents=True)
    rows = [
        Example(
            row=f"{source}:{i}",
            key=f"{i:02d}",
            source=source,
            kind="chat",
            messages=(
                Message(role="user", content=f"Where is parcel {i}?"),
                Message(role="assistant", content="I will send you a second parcel today " + "now " * i),
            ),
        )
        for i in range(count)
    ]
    pq.write_table(table(rows), folder / HELD_OUT)
    return folder


def run(out: Path, models: dict[str, Toy], step: Evaluate | None = None, splits=None):
    out.mkdir(exist_ok=True)
    told: list[object] = []
    opened = {name: (lambda model=model: model) for name, model in models.items()}
    outcome = sit(step or Evaluate(samples=3), opened, splits or {}, SCORERS, out=out, tell=told.append)
    return outcome, told


def one(found, metric: str, **about: str) -> Estimate:
    (hit,) = [e for e in found if e.metric == metric and about.items() <= e.slice.items()]
    return hit


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Base is ruder to women and less ready to help them; the tuned model treats all alike."""
    folder = tmp_path_factory.mktemp("evaluate")
    base = Toy(
        "base",
        rude=lambda text: 0.6 if " female " in text else 0.15,
        lean=lambda text: -0.3 * (" female " in text),
    )
    outcome, told = run(
        folder / "out", {"base": base, "tuned": Toy("tuned")}, splits={"data:chats": chats(folder / "split")}
    )
    return folder / "out", outcome, told


def test_it_writes_what_the_borders_name(finished):
    out, outcome, told = finished
    for name, schema in (("answers", ANSWERS), ("scores", SCORES), ("twins", TWINS), ("heldout", HELD)):
        assert pq.read_schema(out / outcome.files[name]).equals(schema)
    kept = decode((out / "estimates.json").read_bytes(), list[Estimate])
    assert tuple(kept) == outcome.estimates
    answers = pq.read_table(out / "answers.parquet").to_pylist()
    sampled = [row for row in answers if row["suite"] == "toxicity-by-group"]
    assert len(sampled) == 2 * 64 * 3 * 3
    assert len({row["row"] for row in answers}) == len(answers)
    assert {row["reference"] is None for row in answers if row["suite"] == "heldout"} == {False}
    last = [each for each in told if isinstance(each, Progress)][-1]
    assert last.done == last.total


def test_a_planted_gap_is_found(finished):
    _, outcome, _ = finished
    women = {"model": "base", "axis": "gender", "group": "women", "against": "men"}
    assert one(outcome.estimates, "toxicity.difference", **women).low > 0.2
    assert one(outcome.estimates, "toxicity.disparate_impact_ratio", **women).low > 1.5
    assert one(outcome.estimates, "nontoxic.disparate_impact_ratio", **women).high < 0.8
    assert one(outcome.estimates, "toxicity.worst_group", model="base").slice["group"] == "women"
    gap = one(outcome.estimates, "twins.gap", **women)
    assert gap.value == pytest.approx(-0.3, abs=0.02)
    assert gap.high < -0.25
    assert (gap.n, gap.clusters) == (120, 40)
    assert one(outcome.estimates, "toxicity.rate", model="base", group="women").rests_on == ("toxicity@toy",)


def test_control_no_gap_is_reported_where_none_was_planted(finished):
    _, outcome, _ = finished
    others = {"model": "base", "axis": "gender", "group": "nonbinary", "against": "men"}
    for metric in ("toxicity.difference", "twins.gap", "refusal.difference"):
        figure = one(outcome.estimates, metric, **others)
        assert figure.low < 0 < figure.high


def test_tuning_changed_what_was_planted(finished):
    _, outcome, _ = finished
    change = one(outcome.estimates, "toxicity.change", group="women")
    assert change.high < -0.3
    assert change.clusters == 64  # prompts, shared by both models
    assert one(outcome.estimates, "twins.gap.change", group="women").low > 0.25


def test_heldout_figures_are_the_plain_definitions(finished):
    out, outcome, _ = finished
    rows = [row for row in pq.read_table(out / "heldout.parquet").to_pylist() if row["model"] == "base"]
    surprise = -sum(row["total"] for row in rows) / sum(row["tokens"] for row in rows)
    figure = one(outcome.estimates, "heldout.perplexity", model="base", source="chats")
    assert figure.value == pytest.approx(math.exp(surprise))
    assert figure.low < figure.value < figure.high
    assert (figure.n, figure.clusters) == (sum(row["tokens"] for row in rows), 12)
    overlap = one(outcome.estimates, "heldout.rouge_l", model="base")
    assert overlap.value == pytest.approx(sum(row["rouge_l"] for row in rows) / len(rows))
    change = one(outcome.estimates, "heldout.perplexity.change")
    tuned = one(outcome.estimates, "heldout.perplexity", model="tuned")
    assert change.value == pytest.approx(tuned.value - figure.value)
    assert change.low < change.value < change.high


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    def files(name: str, **settings) -> dict[str, bytes]:
        outcome, _ = run(
            tmp_path / name, {"base": Toy(rude=lambda text: 0.4)}, Evaluate(prompts=8, **settings)
        )
        return {file: (tmp_path / name / file).read_bytes() for file in outcome.files.values()}

    first = files("a")
    assert first == files("b") == files("c", batch=3)
    assert first["answers.parquet"] != files("d", seed=1)["answers.parquet"]


def test_a_killed_evaluation_goes_on_and_ends_alike(tmp_path):
    step = Evaluate(prompts=30, pairs=10)
    whole = Toy(rude=lambda text: 0.4)
    expected, _ = run(tmp_path / "whole", {"base": whole}, step)
    killed = Toy(rude=lambda text: 0.4)
    killed.die_after = 70
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", {"base": killed}, step)
    fresh = Toy(rude=lambda text: 0.4)
    found, _ = run(tmp_path / "killed", {"base": fresh}, step)
    assert found.estimates == expected.estimates
    assert killed.asked == 64
    assert fresh.asked == whole.asked - 64
    again = Toy(rude=lambda text: 0.4)
    run(tmp_path / "killed", {"base": again}, step)
    assert again.asked == 0
    other = Toy("another model")
    run(tmp_path / "killed", {"base": other}, step)
    assert other.asked == whole.asked  # nothing is taken from a model that did not say it


def test_a_torn_chunk_is_asked_again(tmp_path):
    step = Evaluate(prompts=4, pairs=4)
    run(tmp_path / "out", {"base": Toy()}, step)
    torn = sorted((tmp_path / "out" / RESUME).iterdir())[0]
    torn.write_bytes(torn.read_bytes()[:-10])
    again = Toy()
    run(tmp_path / "out", {"base": again}, step)
    assert 0 < again.asked < 32


def test_texts_and_preferences_are_held_out_too(tmp_path):
    folder = tmp_path / "split"
    folder.mkdir()
    turns = (Message(role="user", content="Where is it?"),)
    rows = [
        Example(row=f"t:{i}", key="k", source="t", kind="text", text=f"A text about {i}.") for i in range(3)
    ]
    rows += [
        Example(
            row=f"p:{i}",
            key="k",
            source="p",
            kind="preference",
            messages=turns,
            chosen="yes it is",
            rejected="no",
        )
        for i in range(3)
    ]
    rows.append(Example(row="p:9", key="k", source="p", kind="chat", messages=turns))
    pq.write_table(table(rows), folder / HELD_OUT)
    outcome, told = run(tmp_path / "out", {"base": Toy()}, Evaluate(suites=("heldout",)), {"data": folder})
    text = one(outcome.estimates, "heldout.rouge_l", source="t")
    assert text.value is None
    assert text.reason == "no observations"
    assert one(outcome.estimates, "heldout.perplexity", source="t").value is not None
    assert one(outcome.estimates, "heldout.rouge_l", source="p").n == 3
    assert [note.data["rows"] for note in told if isinstance(note, Note) and "rows" in note.data] == ["1"]


def test_what_cannot_be_said_is_said(tmp_path):
    """No noise at all, no event at all, one row: reasons and honest bounds, no NaN and no crash."""
    split = chats(tmp_path / "split", 1)
    outcome, _ = run(tmp_path / "out", {"base": Toy(noise=0.0)}, Evaluate(samples=1), {"data": split})
    assert "equal" in one(outcome.estimates, "twins.gap", group="women").reason
    rate = one(outcome.estimates, "toxicity.rate", group="women")
    assert rate.value == 0
    assert rate.high > 0.03
    ratio = one(outcome.estimates, "toxicity.disparate_impact_ratio", group="women")
    assert ratio.low < 0.1 < 10 < ratio.high
    assert "one independent unit" in one(outcome.estimates, "heldout.perplexity").reason
    assert "NaN" not in json.dumps([e.value for e in outcome.estimates])


def test_empty_answers_count_for_nothing_and_the_figures_say_so(tmp_path):
    class Silent(Toy):
        def _answer(self, prompt, how, sample):
            return ""

    outcome, _ = run(tmp_path / "out", {"base": Silent()}, Evaluate(prompts=4, samples=2))
    mine = [e for e in outcome.estimates if e.metric.startswith("toxicity")]
    assert {e.slice["group"] for e in mine if e.metric == "toxicity.rate"} == {"men", "women", "nonbinary"}
    assert all(e.value is None and e.n == 0 and e.reason for e in mine)
    assert read(tmp_path / "out").scores.column("value").null_count == len(read(tmp_path / "out").scores)


def test_a_broken_model_is_a_clear_error(tmp_path):
    with pytest.raises(ModelError, match="log-probability of nan"):
        run(tmp_path / "out", {"base": Broken()}, Evaluate(suites=("twins",)))


def test_without_held_out_rows_the_suite_is_left_out_with_a_note(tmp_path):
    outcome, told = run(tmp_path / "out", {"base": Toy()}, Evaluate(suites=("twins", "heldout"), pairs=4))
    assert not [e for e in outcome.estimates if e.metric.startswith("heldout")]
    assert "left out" in next(each.text for each in told if isinstance(each, Note))
    with pytest.raises(DataError, match=HELD_OUT):
        run(tmp_path / "out", {"base": Toy()}, splits={"data": tmp_path})


def test_nonsense_is_refused_all_at_once():
    with pytest.raises(StudyError) as caught:
        Evaluate(
            suites=("no such suite",),
            axes=("shoe",),
            samples=0,
            temperature=-1,
            toxic_at=0,
            prompts=1,
            manners=("loud",),
        )
    assert {problem.where for problem in caught.value.problems} == {
        "evaluate.suites", "evaluate.axes", "evaluate.samples", "evaluate.temperature", "evaluate.toxic_at",
        "evaluate.prompts", "evaluate.manners",
    }  # fmt: skip
    with pytest.raises(StudyError, match="temperature 0"):
        Evaluate(temperature=0.0, samples=3)
    with pytest.raises(StudyError, match="a group of each axis"):
        Evaluate(reference={"gender": "people"})


def test_one_manner_alone_halves_the_work(tmp_path):
    outcome, _ = run(tmp_path, {"base": Toy()}, Evaluate(suites=("twins",), pairs=5, manners=("respectful",)))
    assert {e.metric for e in outcome.estimates} == {"twins.gap"}
    assert len(read(tmp_path).twins) == 5 * 3


def test_examples_schema_is_what_splits_hold():
    assert table([]).schema.equals(EXAMPLES)
