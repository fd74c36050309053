"""What the report tells of real records: redacted values, rows word by word, what redaction missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated_report import Built, build
from fabricated_run import Fabricator, wilson

from duecare.core import Estimate, Finding, Note, exact
from duecare.report.gather import gather
from duecare.report.metrics import METRICS
from duecare.report.recorded import recorded


def points(metric: str, value: float, **about: str) -> Estimate:
    return Estimate(
        metric=metric,
        value=value,
        low=value - 0.02,
        high=value + 0.03,
        n=80,
        method="difference of rates",
        unit="share",
        slice={"source": "chats"} | about,
        rests_on=("model:base", "model:tuned"),
    )


def said(metric: str, hits: int, **about: str) -> Estimate:
    return wilson(metric, hits, 80, {"source": "chats"} | about, [f"model:{about['model']}"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder: Path = tmp_path_factory.mktemp("asked")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["records"])
    excess = points("memorise.redacted.excess", 0.11)
    figures = [
        excess,
        points("memorise.redacted.excess", 0.21, kind="EMAIL"),
        points("memorise.redacted.excess", 0.01, axis="gender", group="women"),
        points("memorise.verbatim.excess", 0.07, prefix="32"),
        exact("memorise.missed.detected", 12, 400, {"source": "chats"}, "values"),
    ]
    for rows in ("train", "held_out"):
        for model, hits in (("base", 1), ("tuned", 10)):
            figures.append(said("memorise.redacted.exact", hits, rows=rows, model=model))
            figures.append(said("memorise.verbatim.near", hits, rows=rows, model=model, prefix="32"))
    run.job(
        "records",
        "duecare.memorise.records.Records",
        estimates=figures,
        findings=[
            Finding(
                name="memorise.records.redacted",
                verdict="fail",
                limit="at most 2% of redacted values come back beyond what the base model says",
                detail="11.0% of redacted values come back and would not have by guessing.",
                next="Take the rows out.",
                estimate=excess,
                gate=True,
            )
        ],
        notes=[
            Note(
                topic="memorise.records",
                text="Asked.",
                data={
                    "model": "sft",
                    "source": "chats",
                    "redacted": "160",
                    "rows": "80",
                    "reviewed": "1",
                    "drawn": "Which training rows were drawn is not on record.",
                },
            )
        ],
    )
    return build(run.finish(), folder / "report")


def test_values_rows_and_verdicts_stand_in_their_section(asked: Built):
    (one,) = recorded(gather(asked.run))
    assert [len(plot.rows) for plot in one.plots] == [1, 2, 1, 2]
    assert [mark.kind for mark in one.plots[1].rows[0].marks] == ["base", "tuned"]
    assert len(one.further) == 3
    part = asked.html.split("Real records")[1].split("</section>")[0]
    for text in (
        "160 values that redaction took out of chats",
        "80 rows. People had reviewed 1 row after redaction. Which training rows were drawn is not on",
        "11.0% of redacted values come back",
        "+11.0 pp",
        "rows held out, shown 32 tokens",
        "Redacted values memorised, beyond guessing, by kind",
        "EMAIL",
        "women",
        "12",
    ):
        assert text in part, text


def test_every_figure_of_the_step_has_plain_words():
    """Control: a figure without a name of its own would be shown by its dotted one."""
    import re

    source = Path(__file__).parents[2] / "src" / "duecare" / "memorise"
    written = "".join((source / f"{name}.py").read_text() for name in ("redacted", "extraction", "missed"))
    written += (source / "records_run.py").read_text() + (source / "missed_detected.py").read_text()
    named = set(re.findall(r'"(memorise\.(?:redacted|verbatim|missed)\.[a-z_.]+)"', written))
    assert len(named) >= 10
    assert not [name for name in named if name not in METRICS]
