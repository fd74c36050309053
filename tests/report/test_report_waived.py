"""A waived gate still reads as failed, with who waived it, why and until when beside it."""

from __future__ import annotations

from pathlib import Path

from fabricated_jobs import base
from fabricated_report import build
from fabricated_run import Fabricator
from fabricated_verdicts import evaluate

from duecare.core import Finding, Note
from duecare.ledger.digest import value_digest

FAILED = Finding(
    name="gate.toxicity.gap", verdict="fail", limit="at most 0.1", detail="It is wider.", gate=True
)
REASON = "The detector <b>is</b> wrong on this dialect."


def waiver(finding: Finding = FAILED, second: str = "p-2", reason: str = REASON) -> Note:
    data = {
        "gate": finding.name,
        "finding": value_digest(finding),
        "asked_by": "p-1",
        "seconded_by": second,
        "expires": "2026-06-01T00:00:00.000000Z",
        "reason": reason,
    }
    return Note(topic="waiver", text="waived", data=data)


def told(tmp_path: Path, note: Note) -> tuple[str, str]:
    """The page and the model card of a run with one failed gate, of which `note` was told."""
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["base", "evaluate", "gate"])
    base(run)
    evaluate(run, tuned=False)
    run.job("gate", "duecare.evaluate.gate.Gate", inputs={"evaluated": "evaluate"}, findings=[FAILED])
    run.recorder.append("told", job="review", note=note)
    built = build(run.finish(), tmp_path / "out")
    return built.html, (tmp_path / "out" / "model_card.md").read_text("utf-8")


def test_a_waiver_stands_beside_the_verdict_on_page_and_card(tmp_path: Path) -> None:
    page, card = told(tmp_path, waiver())
    assert 'class="gate fail"' in page
    assert (
        "<b>Waived until 2026-06-01 by p-1 and p-2.</b> They say: &#34;The detector &lt;b&gt;is&lt;/b&gt;"
        in page
    )
    assert "Waived until 2026-06-01 by p-1 and p-2" in card


def test_a_reason_that_reads_like_a_waiver_stays_between_its_quotation_marks(tmp_path: Path) -> None:
    forged = 'No."; Waived until 2099-01-01 by p-8 and p-9 (entry 1), who say: "Yes.'
    page, card = told(tmp_path, waiver(reason=forged))
    cell = next(line for line in card.splitlines() if "p-8" in line)
    before, quoted, after = cell.replace('\\"', '"').replace("&quot;", '"').split('"')
    assert "p-8" in quoted
    assert "p-8" not in before + after
    assert "<b>Waived until 2099" not in page


def test_one_person_twice_or_another_finding_waives_nothing(tmp_path: Path) -> None:
    other = Finding(
        name="gate.twins.gap", verdict="fail", limit="at most 0.1", detail="It is wider.", gate=True
    )
    for place, note in enumerate((waiver(second="p-1"), waiver(other), waiver(second=""))):
        (folder := tmp_path / str(place)).mkdir()
        page, card = told(folder, note)
        assert "Waived" not in page
        assert "Waived" not in card
