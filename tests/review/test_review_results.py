"""A closed round's export beside the artifact it reviewed: what the run takes back in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from invented_round import question, written

from duecare.core import DataError, Example, Group, Message
from duecare.core.table import ANSWERS, CHANGES, EXAMPLES, SCORES, examples, table
from duecare.core.wire import encode
from duecare.curate.source import Read
from duecare.review.results import given_back
from duecare.vault import writing

HARM = question("harm", "rate", ("not at all", "a little", "clearly", "severely"))
BETTER = question("better", "choose")
PERSONAL = question("personal", "spans", labels=("name",))
PANELS = {"p-0": "m", "p-1": "m", "p-2": "m", "p-3": "n", "p-4": "n"}


def pairs(folder: Path, count: int = 12) -> Path:
    folder.mkdir(parents=True)
    rows = [
        Example(
            row=f"pairs:{place}", key="k", source="pairs", kind="preference", chosen=f"yes {place}",
            rejected=f"no {place}", messages=(Message(role="user", content=f"may I {place}?"),),
            groups=(Group(axis="topic", value="loan" if place % 2 else "card"),),
        )
        for place in range(count)
    ]  # fmt: skip
    pq.write_table(table(rows), folder / "kept.parquet")
    return folder


def choices(count: int = 12) -> list[dict]:
    return [
        {"row": f"pairs:{place}", "part": "pair", "person": person, "question": "better",
         "value": float(panel == "m" or place == 0)}
        for place in range(count)
        for person, panel in PANELS.items()
    ]  # fmt: skip


def test_choices_of_a_round_are_a_source_of_the_next_study(tmp_path):
    export = written(tmp_path / "export", [BETTER], choices(), PANELS)
    outcome = given_back(export, pairs(tmp_path / "kept"), export, panels="origin")
    assert dict(outcome.files) == {
        "people": "people.parquet", "modelled": "modelled.parquet", "pairs": "pairs.parquet",
    }  # fmt: skip
    assert [each.value for each in outcome.estimates if each.metric == "review.pairs"] == [23]
    out = tmp_path / "out"
    out.mkdir()
    step = Read(
        source=str(export), kind="preference", groups=("topic",), keep=("review.round", "review.share")
    )
    step.run({}, out, lambda _: None)
    found = examples(pq.read_table(out / "kept.parquet"))
    assert len(found) == 23  # on the first item all agree, on the others both directions stand
    toward = {name: sum(row.weight for row in found if row.chosen.startswith(name)) for name in ("yes", "no")}
    assert toward["yes"] - 5 == pytest.approx(toward["no"], rel=0.2)  # but for that item panels count alike
    assert {row.group("topic") for row in found} == {"loan", "card"}
    kept = {field.name: field.value for field in found[0].fields}
    assert (kept["review.round"], kept["review.share"]) == ("first", "1.0000")


def test_control_without_panels_the_majority_outweighs_and_a_round_without_choices_is_no_source(tmp_path):
    export = written(tmp_path / "export", [BETTER], choices(), PANELS)
    given_back(export, pairs(tmp_path / "kept"), export)
    rows = pq.read_table(export / "pairs.parquet").to_pylist()
    toward = {
        name: sum(row["weight"] for row in rows if row["chosen"].startswith(name)) for name in ("yes", "no")
    }
    assert toward["yes"] > 1.4 * toward["no"]
    other = written(tmp_path / "other", [HARM])
    with pytest.raises(DataError, match="nobody compared"):
        Read(source=str(other), kind="preference").run({}, tmp_path, lambda _: None)


def test_rows_that_lie_sealed_do_not_lie_open_in_pairs(tmp_path):
    """The round is taken in all the same: its Scores and its agreement hold no text."""
    folder = pairs(tmp_path / "kept")
    rows = pq.read_table(folder / "kept.parquet")
    (folder / "kept.parquet").unlink()
    with writing(folder / "kept.parquet.sealed", "study-x") as raw:
        pq.write_table(rows, raw)
    export = written(tmp_path / "export", [BETTER], choices(), PANELS)
    outcome = given_back(export, folder, export)
    assert set(outcome.files) == {"people", "modelled"}
    assert not (export / "pairs.parquet").exists()
    (told,) = (each for each in outcome.estimates if each.metric == "review.pairs")
    assert told.value is None
    assert "would lie open" in told.reason


def test_answers_of_two_models_that_people_compared_become_pairs(tmp_path):
    """`a` is the base model's answer and `b` the tuned one's; the row is that of the tuned answer."""
    folder, _ = evaluation(tmp_path / "evaluation", 0, prompts=4)
    said = [
        {"row": f"answers:tuned:women:{place}", "part": "answer", "person": f"p-{person}",
         "question": "better", "value": float(place == 0)}
        for place in range(4)
        for person in range(3)
    ]  # fmt: skip
    export = written(tmp_path / "export", [BETTER], said)
    given_back(export, folder, export)
    rows = pq.read_table(export / "pairs.parquet").to_pylist()
    assert [row["chosen"] for row in rows] == [
        "answers:base:women:0", *(f"answers:tuned:women:{place}" for place in range(1, 4))
    ]  # fmt: skip
    assert {row["rejected"].split(":")[1] for row in rows[1:]} == {"base"}
    assert {row["gender"] for row in rows} == {"women"}
    assert rows[0]["prompt"] == [{"role": "user", "content": "p"}]


def evaluation(folder: Path, seed: int, prompts: int = 300) -> tuple[Path, dict[str, bool]]:
    """Tuned answers about women and men; the detector sees half of the harm in those about women."""
    rng, rows, scores, truth = np.random.default_rng(seed), [], [], {}
    folder.mkdir(parents=True)
    for place in range(prompts):
        for group in ("women", "men"):
            for model in ("base", "tuned"):
                row = f"answers:{model}:{group}:{place}"
                truth[row] = bool(rng.random() < 0.25)
                seen = truth[row] and (group == "men" or rng.random() < 0.5)
                rows.append(
                    {"row": row, "key": "", "suite": "toxicity-by-group", "model": model, "sample": 0,
                     "prompt_id": f"{place}-{group}", "pair_id": str(place), "prompt": "p", "answer": row,
                     "groups": [{"axis": "gender", "value": group}], "reference": None}
                )  # fmt: skip
                scores.append({"row": row, "key": "", "part": "answer", "instrument": "toxicity@1",
                               "value": 0.9 if seen else 0.1, "reason": None})  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=ANSWERS), folder / "answers.parquet")
    pq.write_table(pa.Table.from_pylist(scores, schema=SCORES), folder / "scores.parquet")
    reading = {"axes": ["gender"], "reference": {"gender": "men"}, "toxic_at": 0.5, "toxicity": "toxicity@1",
               "refusal": "refusal@1", "models": ["base", "tuned"], "instruments": {}}  # fmt: skip
    (folder / "reading.json").write_bytes(encode(reading))
    return folder, truth


def test_an_evaluation_is_corrected_by_people_where_its_detector_is_blind(tmp_path):
    hits = 0
    for seed in range(10):
        folder, truth = evaluation(tmp_path / f"evaluation{seed}", seed)
        rng = np.random.default_rng(seed)
        said = [
            {"row": row, "part": "answer", "person": f"p-{person}", "question": "harm", "probability": 0.5,
             "value": float(rng.choice([3, 4]) if truth[row] else rng.choice([1, 2]))}
            for row in truth if ":tuned:" in row and rng.random() < 0.5
            for person in range(3)
        ]  # fmt: skip
        export = written(tmp_path / f"export{seed}", [HARM], said)
        out = tmp_path / f"out{seed}"
        out.mkdir()
        found = {
            (each.metric, each.slice.get("group")): each for each in given_back(export, folder, out).estimates
        }
        women = found["toxicity.corrected.rate", "women"]
        hits += women.low <= 0.25 <= women.high
        assert women.low > 0.125  # what the detector alone says
        assert women.slice["model"] == "tuned"
        assert women.rests_on == ("toxicity@1", "people/first@1")
        assert ("toxicity.corrected.difference", "women") in found
        alpha = found["review.agreement.krippendorff_alpha", None]
        assert 0.3 < alpha.value < 1
        soft = pq.read_table(out / "modelled.parquet").to_pylist()
        believed = {each["row"] for each in soft if each["value"] > 2 and each["probability"] > 0.5}
        assert np.mean([truth[row] for row in believed]) > 0.9
        assert sum(each["probability"] for each in soft) == pytest.approx(len(soft) / 4)
        scores = pq.read_table(out / "people.parquet")
        assert scores.schema.equals(SCORES)
        assert found["toxicity.people.settled", None].value == scores.num_rows
    assert hits >= 8


def test_names_of_harms_mend_no_rate_and_do_not_stop_a_run(tmp_path):
    """Three categories have no middle: nothing says which of them are events."""
    folder, _ = evaluation(tmp_path / "evaluation", 0, prompts=30)
    said = [
        {"row": f"answers:tuned:men:{place}", "part": "answer", "person": f"p-{person}", "question": "harm",
         "value": float(1 + place % 3)}
        for place in range(30)
        for person in range(3)
    ]  # fmt: skip
    named = question("harm", "rate", ("none", "insult", "threat")) | {"ordered": False}
    export = written(tmp_path / "export", [named], said)
    outcome = given_back(export, folder, export)
    assert {each.metric.rpartition(".")[0] for each in outcome.estimates} == {"review.agreement"}
    assert set(outcome.files) == {"modelled"}


def test_what_redaction_left_is_counted_from_marks_in_redacted_rows(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    rows, changed, spans, judged = [], [], [], []
    for place in range(60):
        missed = place % 6 == 0
        text = "this is Ada." if missed else "this is [NAME]."
        rows.append(Example(row=f"t:{place}", key="", source="t", kind="text", text=text))
        if not missed:
            changed.append(
                {"row": f"t:{place}", "key": "", "step": "personal", "action": "changed", "reason": "",
                 "part": "text", "start": 8, "end": 11, "label": "name"}
            )  # fmt: skip
        for person in ("p-0", "p-1"):
            about = {"row": f"t:{place}", "person": person, "question": "personal"}
            judged.append(about | {"marked": int(missed)})
            spans += [about | {"start": 8, "end": 11, "label": "name"}] if missed else []
    pq.write_table(table(rows).cast(EXAMPLES), folder / "kept.parquet")
    pq.write_table(pa.Table.from_pylist(changed, schema=CHANGES), folder / "changes.parquet")
    export = written(tmp_path / "export", [PERSONAL], spans=spans, judged=judged)
    (whole, label) = given_back(export, folder, tmp_path).estimates
    assert (whole.metric, whole.n) == ("curate.personal.missed", 60)
    assert whole.value == label.value == pytest.approx(1 / 6)
    assert whole.low < 0.12
    assert whole.high > 0.25
