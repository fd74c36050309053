"""The audit finds who is missing and who is answered worse, and nothing where nothing is; weights balance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rows import chat, inputs, text

from duecare.core import FAIL, PASS, DataError, Example, Finding
from duecare.core.table import examples
from duecare.curate.population import read_population, weights
from duecare.curate.represent import Audit, Balance

POPULATION = "axis,value,share\nage,young,0.5\nage,old,0.5\n"


def conversations(seed: int, *, old_share: float, old_length: float, old_solved: float) -> list[Example]:
    """600 conversations with planted treatment of one group."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(600):
        old = rng.random() < old_share
        words = max(1, int(rng.normal(30, 6) * (old_length if old else 1)))
        solved = "yes" if rng.random() < (old_solved if old else 0.8) else "no"
        rows.append(
            chat(
                number, "Hello?", "word " * words, fields=[("solved", solved)], age="old" if old else "young"
            )
        )
    return rows


def audited(folder: Path, rows: list[Example]) -> list[Finding]:
    (folder / "population.csv").write_text(POPULATION)
    step = Audit(population=str(folder / "population.csv"), outcomes=("solved",))
    outcome = step.run(inputs(folder / "in", rows), folder, lambda _: None)
    assert pq.read_table(folder / "kept.parquet").num_rows == len(rows)
    return list(outcome.findings)


def failed(findings: list[Finding]) -> set[tuple[str, str]]:
    return {
        (finding.name, finding.estimate.slice["group"])
        for finding in findings
        if finding.verdict == FAIL and finding.estimate
    }


def test_planted_trouble_is_found(tmp_path: Path) -> None:
    found = failed(audited(tmp_path, conversations(1, old_share=0.1, old_length=0.4, old_solved=0.3)))
    assert {
        ("audit.representation", "old"),
        ("audit.answer_length", "old"),
        ("audit.outcome", "old"),
    } <= found


def test_nothing_is_found_where_nothing_was_planted(tmp_path: Path) -> None:
    """Control: equal shares, equal answers, equal outcomes, over ten data sets."""
    false_alarms = 0
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        findings = audited(
            tmp_path / str(seed), conversations(seed, old_share=0.5, old_length=1, old_solved=0.8)
        )
        assert any(finding.verdict == PASS for finding in findings)
        false_alarms += len(failed(findings))
    assert false_alarms == 0


def treated(folder: Path, *, declined: float, topic: str | None = None) -> tuple[list, list[Finding]]:
    """200 old and 200 young users, of whom a share of the old is turned away; these ask about money."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(400):
        old = number % 2 == 0
        no = rng.random() < (declined if old else 0.1)
        answer = (
            "I'm sorry, but I cannot help with that." if no else "Yes, that is how it works, please go on."
        )
        asked = "Where is my refund, at the bank?" if old else "Which hotel has a room for a trip?"
        field = [("subject", "x" if old else "y")]
        rows.append(chat(number, asked, answer, fields=field, age="old" if old else "young"))
    outcome = Audit(topic=topic).run(inputs(folder / "in", rows), folder, lambda _: None)
    return list(outcome.estimates), list(outcome.findings)


def test_who_is_turned_away_is_found_and_what_each_group_asks_about_is_told(tmp_path: Path) -> None:
    estimates, findings = treated(tmp_path, declined=0.6)
    unequal = {
        (f.estimate.slice["group"], f.estimate.slice["outcome"])
        for f in findings
        if f.name == "audit.outcome"
    }
    assert ("old", "answer: declines") in unequal
    shares = {
        (e.slice["group"], e.slice["outcome"]): e.value for e in estimates if e.metric == "audit.outcome.rate"
    }
    assert shares["old", "topic: money"] == 1
    assert shares["young", "topic: money"] == 0
    assert shares["young", "topic: travel"] == 1
    assert not any("topic" in outcome for _, outcome in unequal)
    _, equal = treated(tmp_path, declined=0.1)  # the control
    assert not [finding for finding in equal if finding.name == "audit.outcome"]


def test_pairs_of_groups_are_told_but_not_judged(tmp_path: Path) -> None:
    """Old women are answered briefly; each axis alone hides by half what the pair shows."""
    rows = []
    for number in range(400):
        age, sex = ("old", "young")[number % 2], ("women", "men")[number // 2 % 2]
        words = (5 if (age, sex) == ("old", "women") else 20) + number // 4 % 3
        rows.append(chat(number, "Hello?", "word " * words + "end.", age=age, sex=sex))
    rows.append(chat(400, "Hello?", "One pair alone.", age="middle", sex="women"))
    outcome = Audit().run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    ratio = {
        each.slice["group"]: each.value
        for each in outcome.estimates
        if each.metric == "audit.answer_words.ratio"
    }
    assert ratio["old x women"] < 0.4 < ratio["old"] < 0.7
    assert "middle x women" not in ratio
    assert any(each.slice.get("group") == "middle x women" for each in outcome.estimates)
    assert not any(
        " x " in finding.estimate.slice["group"] for finding in outcome.findings if finding.estimate
    )


def test_a_declared_topic_is_taken_before_words(tmp_path: Path) -> None:
    estimates, _ = treated(tmp_path, declined=0.1, topic="subject")
    told = {e.slice["outcome"] for e in estimates if e.metric == "audit.outcome.rate"}
    assert {"topic: x", "topic: y"} <= told
    assert "topic: money" not in told
    with pytest.raises(DataError, match="topic = object"):
        treated(tmp_path, declined=0.1, topic="object")


def test_answers_are_told_by_how_they_end() -> None:
    from duecare.core.table import EXAMPLES, table
    from duecare.curate.census import take_census

    rows = [
        chat(0, "Hi?", "It works like this, and then"),
        chat(1, "Hi?", "Yes."),
        chat(2, "Hi?", "It works like this, and so it does."),
        chat(3, "Hi?", "I cannot help with that request."),
        text(4, "nobody answers here"),
    ]
    batch = table(rows).cast(EXAMPLES).to_batches()[0]
    census = take_census([batch], (), ())
    assert census.answers.tolist() == ["breaks off", "very short", "whole", "declines", None]


def test_the_length_of_what_people_wrote_themselves_is_not_how_they_were_answered(tmp_path: Path) -> None:
    rows = [
        text(number, "word " * (5 + 20 * (number % 2)), age=("young", "old")[number % 2])
        for number in range(80)
    ]
    outcome = Audit().run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    assert {"audit.text_words", "audit.text_words.ratio"} <= {each.metric for each in outcome.estimates}
    assert not any(each.metric.startswith("audit.answer") for each in outcome.estimates)
    assert not any(each.name == "audit.answer_length" for each in outcome.findings)


def test_a_group_of_the_population_without_a_row_is_found(tmp_path: Path) -> None:
    rows = [text(number, "a b c", age="young") for number in range(50)]
    assert ("audit.representation", "old") in failed(audited(tmp_path, rows))


def test_weights_make_groups_count_as_in_the_population(tmp_path: Path) -> None:
    rows = [text(n, "x", age="old" if n < 5 else "young") for n in range(50)] + [text(99, "x")]
    (tmp_path / "p.csv").write_text(POPULATION)
    step = Balance(by="age", to=str(tmp_path / "p.csv"))
    outcome = step.run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    kept = examples(pq.read_table(tmp_path / "kept.parquet"))
    by_group = {group: sum(r.weight for r in kept if r.group("age") == group) for group in ("old", "young")}
    assert by_group["old"] == pytest.approx(by_group["young"])
    assert kept[-1].weight == 1.0
    effective = next(e.value for e in outcome.estimates if e.metric == "balance.effective_size")
    assert effective == pytest.approx(50**2 / sum(r.weight**2 for r in kept[:-1]))


def test_a_weight_is_bounded_and_absence_is_said(tmp_path: Path) -> None:
    counts = {"a": 1, "b": 60, "c": 939}
    found = weights(counts, None, "x", most=10.0)
    assert found["a"] == 10.0
    assert found["b"] * counts["b"] == pytest.approx(found["c"] * counts["c"])  # the others share the rest
    assert sum(found[group] * count for group, count in counts.items()) == pytest.approx(1000)
    spilled = weights({"a": 1, "b": 34, "c": 965}, None, "x", most=10.0)
    assert (spilled["a"], spilled["b"]) == (
        10.0,
        10.0,
    )  # "b" alone would need less, but for what "a" cannot take
    (tmp_path / "p.csv").write_text(POPULATION)
    outcome = Balance(by="age", to=str(tmp_path / "p.csv")).run(
        inputs(tmp_path / "in", [text(0, "x", age="young")]), tmp_path, lambda _: None
    )
    assert [(finding.name, finding.verdict) for finding in outcome.findings] == [
        ("balance.every_group_has_rows", FAIL),
        ("balance.margins", PASS),
    ]


@pytest.mark.parametrize(("most", "verdict"), [(10.0, FAIL), (50.0, PASS)])
def test_a_group_that_the_largest_weight_leaves_short_is_said(
    most: float, verdict: str, tmp_path: Path
) -> None:
    rows = [text(n, "x", age="old" if n < 2 else "young") for n in range(80)]
    outcome = Balance(by="age", most=most).run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    kept = examples(pq.read_table(tmp_path / "kept.parquet"))
    assert max(row.weight for row in kept) <= most
    (short,) = (each for each in outcome.findings if each.name == "balance.margins")
    assert short.verdict == verdict
    if verdict == FAIL:
        assert "old has 25.0% of the weight, is to have 50.0%" in short.detail
    shares = {each.slice["group"]: each.value for each in outcome.estimates if each.metric == "balance.share"}
    assert shares["old"] == pytest.approx(2 * most / 80 if verdict == FAIL else 0.5)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("axis,value\na,b\n", "columns"),
        ("axis,value,share\na,b,x\n", "line 2"),
        ("axis,value,share\na,b,0.4\na,c,0.4\n", "add up"),
    ],
)
def test_a_population_that_cannot_be_is_refused(content: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(DataError, match=match):
        read_population(tmp_path / "p.csv")


def test_a_group_that_the_population_does_not_name_is_refused() -> None:
    with pytest.raises(DataError, match="green"):
        weights({"green": 3}, {"blue": 1.0}, "colour", 10.0)
