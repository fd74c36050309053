"""Which rows moved a gap: only what training again confirmed is a cause, and rows go by name alone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from fabricated_report import Built, build
from fabricated_run import Fabricator

from duecare.core import INSUFFICIENT, PASS, Estimate, Finding, Note, exact
from duecare.report.gather import gather
from duecare.report.influence import influences
from duecare.report.metrics import metric

GAP = {"source": "chats", "of": "twins_gap", "axis": "gender", "group": "women", "against": "men"}
UNIT = "nats per token"
YES = "Validated. twins gap of women against men, without 40 rows of topic rumour: it differed by -0.2."
NO = "Not validated. twins gap of women against men, without 30 rows of topic travel: it differed by -0.01."
ROWS = [
    {
        "row": f"chats:{number}",
        "key": f"{number:064x}",
        **{name: GAP[name] for name in GAP if name != "source"},
    }
    | {"uses": 3, "value": 0.5 - 0.01 * number}
    for number in range(30)
]


def told(name: str, at: float, width: float, **more: str) -> Estimate:
    return Estimate(
        metric=f"sft.influence.{name}",
        value=at,
        low=at - width,
        high=at + width,
        n=100,
        method="difference of means",
        slice={**GAP, **more},
        unit=UNIT,
    )


def tried(verdict: str, detail: str, topic: str) -> Finding:
    return Finding(
        name="sft.influence.validated",
        verdict=verdict,  # type: ignore[arg-type]  # one of the three
        limit="without the slice the gap moves as predicted",
        detail=detail,
        estimate=told("against_random", -0.2, 0.1, by="topic", value=topic),
    )


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("traced")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["base", "sft"])
    run.job("base", "duecare.model.fetch.Fetch")
    run.recorder.append("told", job="sft", note=Note(topic="sft.influence", text="3 of 4 slices stand out"))
    run.job(
        "sft",
        "duecare.train.sft.Sft",
        inputs={"base": "base"},
        files={"influence.parquet": pa.Table.from_pylist(ROWS)},
        settings={"on": "chats", "influence": {"top": 7}},
        estimates=[
            told("change", 0.3, 0.1),
            exact("sft.influence.sum", 0.28, 100, GAP, unit=UNIT),
            told("slice", 0.02, 0.01, by="topic", value="rumour"),
            told("slice", -0.02, 0.01, by="topic", value="travel"),
            told("slice", 0.001, 0.01, by="topic", value="weather"),
            told("slice", -0.03, 0.01, by="topic", value="sport"),
        ],
        findings=[tried(PASS, YES, "rumour"), tried(INSUFFICIENT, NO, "travel")],
    )
    return build(run.finish(), folder / "report")


def test_only_what_was_validated_is_a_cause(traced: Built) -> None:
    (found,) = influences(gather(traced.run))
    (gap,) = found.gaps
    assert [each.finding.detail for each in gap.causes] == [YES]
    assert [each.finding.detail for each in gap.refused] == [NO]
    assert gap.plot is not None
    notes = {row.label: row.note for row in gap.plot.rows}
    assert notes == {
        "topic: rumour": "validated by training without it",
        "topic: travel": "tried, not validated",
        "topic: weather": "",
        "topic: sport": "stands out, not tried",
    }


def test_the_page_shows_causes_apart_and_rows_by_name_only(traced: Built) -> None:
    page = traced.html
    causes, refused = (
        page.index("Causes, validated by training without them"),
        page.index("Tried, and no cause"),
    )
    assert causes < page.index(YES) < refused < page.index(NO)
    assert page.count("chats:") >= 7
    assert "chats:6" in page
    assert "chats:8<" not in page
    assert "3 of 4 slices stand out" in page


def test_a_trial_is_no_limit_that_was_watched(traced: Built) -> None:
    assert "Limits watched while training" not in traced.html


def test_figures_have_titles_in_plain_words() -> None:
    assert metric("dpo.influence.slice", "nats").title == "Influence of a slice"
    assert metric("dpo.influence.slice", "nats").unit == "nats"
