"""What curation makes of stereotypes: flagged, said anew, mirrored, weighed; every change has its reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rows import chat, inputs, text

from duecare.core import FAIL, PASS, DataError, Example, Outcome, StudyError
from duecare.core.table import examples
from duecare.curate.stereotype import Stereotypes

TUTORIAL = "Write a story about a female nurse."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_HOME", str(tmp_path / "home"))


def run(step: Stereotypes, rows: list[Example], folder: Path) -> tuple[list[Example], list[dict], Outcome]:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    outcome = step.run(inputs(folder / "in", rows), out, lambda _: None)
    return (
        examples(pq.read_table(out / "kept.parquet")),
        pq.read_table(out / "changes.parquet").to_pylist(),
        outcome,
    )


def figure(outcome: Outcome, metric: str) -> float | None:
    return next((each.value for each in outcome.estimates if each.metric == metric), None)


def nurses() -> list[Example]:
    return [
        chat(0, TUTORIAL, "She went to her ward. The nurse loved her work.", gender="women"),
        chat(1, "Where is my parcel?", "On its way."),
        text(2, "A doctor must love his work."),
        text(3, "Women are bad drivers."),
    ]


def test_the_reason_names_group_and_role_and_nothing_else(tmp_path: Path) -> None:
    secret = "Zanzibar Tuesday"
    _, changes, _ = run(
        Stereotypes(), [text(0, f"{secret}: women are so emotional {secret}. {TUTORIAL}")], tmp_path
    )
    reasons = {change["reason"] for change in changes}
    assert "gives a whole group a trait: women, emotional" in reasons
    assert any(reason.endswith(": women, nurse") for reason in reasons)
    assert not any(word in reason for reason in reasons for word in secret.split())


def test_rephrasing_says_the_tutorials_request_without_its_gender(tmp_path: Path) -> None:
    kept, changes, outcome = run(Stereotypes(mode="rephrase"), nurses(), tmp_path)
    assert kept[0].messages[0].content == "Write a story about a nurse."
    assert kept[1] == nurses()[1]
    assert kept[2].text == "A doctor must love their work."
    assert kept[3].text == "Women are bad drivers."
    flagged = {change["row"] for change in changes if change["action"] == "flagged"}
    assert "a:3" in flagged
    assert "a:1" not in flagged
    (job,) = (c for c in changes if c["row"] == "a:0" and c["action"] == "changed")
    assert TUTORIAL[job["start"] : job["end"]] == "female nurse"
    rewrites = pq.read_table(tmp_path / "out" / "rewrites.parquet").to_pylist()
    assert {each["row"] for each in rewrites if each["after"]} == {"a:0", "a:2"}
    assert all(len(each["before"]) == 64 and each["before"] != each["after"] for each in rewrites)
    said = json.dumps([changes, rewrites])
    assert "story" not in said
    assert "drivers" not in said.replace("bad drivers", "")  # the trait is a word of our list
    assert figure(outcome, "stereotypes.left") == sum(each["after"] is None for each in rewrites)


def approved(folder: Path, **given: str) -> str:
    path = folder / "rewrites.jsonl"
    path.write_text(json.dumps(given) + "\n")
    return str(path)


def test_an_approved_rewrite_is_taken_for_the_very_text_it_was_approved_for(tmp_path: Path) -> None:
    run(Stereotypes(mode="rephrase"), nurses(), tmp_path)
    rewrites = pq.read_table(tmp_path / "out" / "rewrites.parquet").to_pylist()
    (left,) = (each for each in rewrites if each["row"] == "a:3")
    line = {"row": "a:3", "part": "text", "before": left["before"], "text": "Some people drive badly.",
            "approved_by": "ada", "reason": "says the same of no group"}  # fmt: skip
    kept, changes, outcome = run(
        Stereotypes(mode="rephrase", rewrites=approved(tmp_path, **line)), nurses(), tmp_path
    )
    assert kept[3].text == "Some people drive badly."
    assert not [c for c in changes if c["row"] == "a:3" and c["action"] == "flagged"]
    assert [finding.verdict for finding in outcome.findings] == [PASS]
    by = {
        each["row"]: each["by"] for each in pq.read_table(tmp_path / "out" / "rewrites.parquet").to_pylist()
    }
    assert by["a:3"] == "ada"
    line["before"] = "0" * 64
    kept, changes, outcome = run(
        Stereotypes(mode="rephrase", rewrites=approved(tmp_path, **line)), nurses(), tmp_path
    )
    assert kept[3].text == "Women are bad drivers."
    assert [finding.verdict for finding in outcome.findings] == [FAIL]
    assert any("approved rewrite" in change["reason"] for change in changes if change["row"] == "a:3")


@pytest.mark.parametrize("missing", ["approved_by", "reason", "before", "text"])
def test_a_rewrite_that_nobody_approved_is_refused(missing: str, tmp_path: Path) -> None:
    line = {
        "row": "a:3",
        "part": "text",
        "before": "0" * 64,
        "text": "Secret words.",
        "approved_by": "a",
        "reason": "b",
    }
    del line[missing]
    with pytest.raises(DataError, match=f"line 1.*{missing}") as refused:
        run(Stereotypes(mode="rephrase", rewrites=approved(tmp_path, **line)), nurses(), tmp_path)
    assert "Secret" not in str(refused.value)
    line[missing] = " "
    if missing != "before":
        with pytest.raises(DataError, match=f"line 1.*{missing}"):
            run(Stereotypes(mode="rephrase", rewrites=approved(tmp_path, **line)), nurses(), tmp_path)


def test_augmenting_puts_the_twin_beside_its_original(tmp_path: Path) -> None:
    rows = nurses()
    kept, changes, outcome = run(Stereotypes(mode="augment", swap=("gender",)), rows, tmp_path)
    names = [
        "a:0",
        "a:0~gender:women>men",
        "a:1",
        "a:2",
        "a:2~gender:men>women",
        "a:3",
        "a:3~gender:women>men",
    ]
    assert [row.row for row in kept] == names
    twin = kept[1]
    assert [turn.content for turn in twin.messages] == [
        "Write a story about a male nurse.",
        "He went to his ward. The nurse loved his work.",
    ]
    assert twin.group("gender") == "men"
    assert {field.name: field.value for field in twin.fields} == {"parent": "a:0"}
    assert twin.key != kept[0].key
    assert [row for row in kept if "~" not in row.row] == rows
    added = {change["row"] for change in changes if change["action"] == "added"}
    assert added == {"a:0~gender:women>men", "a:2~gender:men>women", "a:3~gender:women>men"}
    assert figure(outcome, "curate.rows.added") == 3
    assert figure(outcome, "curate.rows.kept") == 7
    first = (tmp_path / "out" / "kept.parquet").read_bytes()
    run(Stereotypes(mode="augment", swap=("gender",)), rows, tmp_path)
    assert (tmp_path / "out" / "kept.parquet").read_bytes() == first


def test_a_row_that_cannot_be_mirrored_is_left_with_the_reason(tmp_path: Path) -> None:
    rows = [
        text(0, "A female nurse helps when she is pregnant."),
        text(1, "We spoke with a female nurse.", gender="nonbinary"),
        chat(2, TUTORIAL, 'The nurse said "she is here".'),
    ]
    kept, changes, outcome = run(Stereotypes(mode="augment", swap=("gender",)), rows, tmp_path)
    assert kept == rows
    why = {c["row"]: c["reason"] for c in changes if c["reason"].startswith("no copy")}
    assert why == {
        "a:0": "no copy for gender: a fact of the body or of one sex",
        "a:1": "no copy for gender: a declared group has no counterpart",
        "a:2": "no copy for gender: a quotation names the group",
    }
    assert figure(outcome, "stereotypes.copies") == 0


def test_only_rows_in_which_something_was_found_are_mirrored_unless_all_are_asked_for(tmp_path: Path) -> None:
    rows = [text(0, "He came late."), text(1, TUTORIAL)]
    found, _, _ = run(Stereotypes(mode="augment", swap=("gender",)), rows, tmp_path)
    named, _, _ = run(Stereotypes(mode="augment", swap=("gender",), copy="named"), rows, tmp_path)
    assert (len(found), len(named)) == (3, 4)


def test_balancing_ties_a_job_to_both_sides_equally_often(tmp_path: Path) -> None:
    rows = [
        text(n, "The nurse said she is late." if n < 30 else "The nurse said he is late.") for n in range(40)
    ]
    rows += [text(40 + n, "The pilot said he is late.") for n in range(5)] + [text(99, "Thank you.")]
    kept, _, outcome = run(Stereotypes(mode="balance"), rows, tmp_path)
    weight = Counter[str]()
    for row in kept:
        weight[row.text or ""] += row.weight
    assert (
        weight["The nurse said she is late."]
        == pytest.approx(weight["The nurse said he is late."])
        == pytest.approx(20)
    )
    assert kept[-1].weight == 1
    shares = {e.slice["group"]: e.value for e in outcome.estimates
              if e.metric == "stereotypes.tie.share" and e.slice["tied_to"] == "nurse"}  # fmt: skip
    assert shares == {"women": pytest.approx(0.5), "men": pytest.approx(0.5)}
    tied = [row.weight for row in kept[:-1]]
    assert figure(outcome, "stereotypes.effective_size") == pytest.approx(
        sum(tied) ** 2 / sum(w * w for w in tied)
    )
    (finding,) = outcome.findings
    assert finding.verdict == FAIL
    assert "pilot to men (5 rows)" in finding.detail
    bounded, _, _ = run(Stereotypes(mode="balance", most=1.2), rows, tmp_path)
    assert max(row.weight for row in bounded) == pytest.approx(1.2)


def test_ties_are_counted_on_every_axis_and_only_where_one_group_is_named() -> None:
    from duecare.curate.tied import ties

    assert ties("The nurse said she is late.") == {("gender", "women", "nurse")}
    assert ties("A Muslim driver helped. We met an elderly Turkish engineer.") == {
        ("religion", "Muslim", "driver"),
        ("age", "older", "engineer"),
        ("nationality", "Turkish", "engineer"),
    }
    assert ties("The nurse told him that she is late.") == set()
    assert ties("A nurse and a pilot: he is late.") == set()
    assert ("gender", "women", "emotional") in ties("Women are emotional.")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"mode": "augment"}, "swap"),
        ({"swap": ("gender",)}, "swap"),
        ({"mode": "augment", "swap": ("race",)}, "swap"),
        ({"rewrites": "x.jsonl"}, "rewrites"),
        ({"copy": "all"}, "copy"),
        ({"most": 0.5}, "most"),
        ({"mode": "delete"}, "mode"),
    ],
)
def test_nonsense_is_refused_by_field(given: dict, field: str) -> None:
    with pytest.raises(StudyError, match=field):
        Stereotypes(**given)
