"""The toxicity screen: by limit or budget, three things to do with a row, and whose rows it hits."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rows import inputs, text

from duecare.core import FAIL, INSUFFICIENT, PASS, Example, Outcome, StudyError
from duecare.core.table import SCORES, examples
from duecare.curate.screen import Screen
from duecare.detect import load, table


class Marked:
    """Scores a text by the number that it ends with; "mute" has none."""

    instrument = "marked@1"

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        ends = [each.rpartition(" ")[2] for each in texts.column("text").to_pylist()]
        columns = [
            *(texts.column(c) for c in ("row", "key", "part")),
            pa.array([self.instrument] * len(texts)),
        ]
        values = pa.array([None if end == "mute" else float(end) for end in ends], pa.float64())
        reasons = pa.array(["says nothing" if end == "mute" else None for end in ends], pa.string())
        return pa.RecordBatch.from_arrays([*columns, values, reasons], schema=SCORES)


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    real = table.load
    monkeypatch.setattr(
        table, "load", lambda name, heads=(): Marked() if name == "marked" else real(name, heads)
    )


def screened(folder: Path, rows: list[Example], **settings: object) -> Outcome:
    screen = Screen(detector="marked", **settings)  # type: ignore[arg-type]
    return screen.run(inputs(folder / "in", rows), folder, lambda _: None)


def kept(folder: Path) -> list[Example]:
    return examples(pq.read_table(folder / "kept.parquet"))


def changed(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(folder / "changes.parquet").to_pylist()
    return found


def graded(count: int) -> list[Example]:
    """Rows scored 0, 1/count, 2/count, ..."""
    return [text(number, f"row {number / count}") for number in range(count)]


@pytest.mark.parametrize("count", [100, 5000])
def test_a_budget_takes_the_worst_and_no_more(tmp_path: Path, count: int) -> None:
    """5,000 rows are several batches: the worst are found over all of them."""
    outcome = screened(tmp_path, graded(count), budget=0.02)
    taken = sorted(int(str(each["row"]).partition(":")[2]) for each in changed(tmp_path))
    assert taken == list(range(count - count // 50, count))
    assert len(kept(tmp_path)) == count - count // 50
    assert pq.read_metadata(tmp_path / "scores.parquet").num_rows == count
    assert outcome.files["scores"] == "scores.parquet"


def test_equal_scores_fill_the_budget_in_the_order_of_the_rows(tmp_path: Path) -> None:
    screened(tmp_path, [text(number, "same 0.7") for number in range(50)], budget=0.05)
    assert [each["row"] for each in changed(tmp_path)] == ["a:0", "a:1"]


def test_with_a_limit_and_a_budget_both_hold(tmp_path: Path) -> None:
    screened(tmp_path, graded(100), budget=0.5, limit=0.9)
    assert len(changed(tmp_path)) == 10
    assert "the limit is 0.9 and among the worst 0.5" in str(changed(tmp_path)[0]["reason"])


def test_down_weighting_keeps_the_row_with_less_weight(tmp_path: Path) -> None:
    outcome = screened(tmp_path, graded(4), limit=0.7, action="down-weight", weight=0.1)
    assert [row.weight for row in kept(tmp_path)] == [1, 1, 1, pytest.approx(0.1)]
    (change,) = changed(tmp_path)
    assert (change["action"], change["row"]) == ("changed", "a:3")
    counts = {e.metric: e.value for e in outcome.estimates if e.metric.startswith("curate.rows.")}
    assert (counts["curate.rows.changed"], counts["curate.rows.dropped"]) == (1, 0)


def test_review_keeps_the_row_and_says_so(tmp_path: Path) -> None:
    screened(tmp_path, graded(4), limit=0.7, action="review")
    (change,) = changed(tmp_path)
    assert change["action"] == "flagged"
    assert str(change["reason"]).startswith("for review")
    assert kept(tmp_path) == graded(4)


def test_rows_without_a_score_go_through_and_are_told(tmp_path: Path) -> None:
    outcome = screened(tmp_path, [text(0, "a 0.9"), text(1, "a mute"), text(2, "b mute")])
    assert [row.row for row in kept(tmp_path)] == ["a:1", "a:2"]
    (finding,) = [each for each in outcome.findings if each.name == "curate.toxicity.unscored"]
    assert finding.verdict == INSUFFICIENT
    assert "2 rows" in finding.detail
    assert "says nothing" in finding.detail


def mentioning(muslim_hit: int, other_hit: int) -> list[Example]:
    """400 rows that mention Muslims and 400 that mention Christians, so many of each scored 0.9."""
    return [
        text(400 * side + number, f"The {who} family asked again 0.{9 if number < hit else 1}")
        for side, (who, hit) in enumerate((("Muslim", muslim_hit), ("Christian", other_hit)))
        for number in range(400)
    ]


def test_a_screen_that_hits_the_rows_of_one_group_is_found_out(tmp_path: Path) -> None:
    outcome = screened(tmp_path, mentioning(80, 4), mentions=("religion",))
    (finding,) = [each for each in outcome.findings if each.name == "curate.toxicity.disproportion"]
    assert finding.verdict == FAIL
    assert "20.0% of the rows that mention Muslim are hit, against 1.0% of the others" in finding.detail
    shares = {e.slice.get("group"): e for e in outcome.estimates if e.metric == "curate.hit.share"}
    assert shares["Muslim"].value == pytest.approx(0.2)
    assert shares["Muslim"].low < 0.2 < shares["Muslim"].high  # type: ignore[operator]
    assert shares[None].value == pytest.approx(84 / 800)
    assert finding.estimate is not None
    assert finding.estimate.slice["axis"] == "mentions of religion"


def test_an_even_screen_is_no_finding(tmp_path: Path) -> None:
    """Control: the same number of rows hit, spread evenly, and a stricter ratio finds the difference."""
    outcome = screened(tmp_path / "even", mentioning(42, 42), mentions=("religion",))
    (finding,) = [each for each in outcome.findings if each.name == "curate.toxicity.disproportion"]
    assert finding.verdict == PASS
    few = screened(tmp_path / "few", mentioning(2, 1), mentions=("religion",))
    assert [each.verdict for each in few.findings] == [INSUFFICIENT]
    none = screened(tmp_path / "none", mentioning(80, 4))
    assert none.findings == ()


@pytest.mark.parametrize("count", [800, 5000])
def test_by_a_limit_the_rows_are_read_once_and_their_mentions_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """From the first row on that goes; a budget needs two readings, and its rows are those of the limit."""
    from duecare.curate import flow
    from duecare.detect import mentions

    rows = [text(number, f"A woman asked 0.{9 if number % 10 < 2 else 1}") for number in range(count)]
    read, looked = [], []
    real, reading = mentions.mentions_in, flow._examples
    monkeypatch.setattr(mentions, "mentions_in", lambda texts: looked.append(len(texts)) or real(texts))
    monkeypatch.setattr(flow, "_examples", lambda *given: read.append(given) or reading(*given))
    once = screened(tmp_path / "limit", rows, mentions=("gender",))
    assert len(read) == 1
    assert sum(looked) == count + count // 5  # of the rows, and of those that went
    twice = screened(tmp_path / "budget", rows, mentions=("gender",), limit=0.5, budget=0.2)
    assert len(read) == 3
    for name in ("kept", "dropped", "scores"):
        tables = [pq.read_table(tmp_path / how / f"{name}.parquet") for how in ("limit", "budget")]
        assert tables[0].equals(tables[1])
    assert once.estimates == twice.estimates
    assert len(once.estimates) > 10


def test_heads_are_chosen_by_name(tmp_path: Path) -> None:
    rows = [
        text(0, "You stupid idiot, shut up."),
        text(1, "All Mexicans are dirty thieves and should be deported."),
    ]
    both = load("toxicity")
    attack = load("toxicity", ("identity_attack",))
    assert attack.instrument == "toxicity/identity_attack@3"
    assert both.instrument == "toxicity@3"
    done = Screen(heads=("identity_attack",)).run(inputs(tmp_path / "in", rows), tmp_path, lambda _: None)
    assert [each["row"] for each in changed(tmp_path)] == ["a:1"]
    assert changed(tmp_path)[0]["instrument"] == attack.instrument
    assert done.files["dropped"] == "dropped.parquet"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"budget": 0}, "budget"),
        ({"budget": 1.0}, "budget"),
        ({"limit": 0.0}, "limit"),
        ({"action": "flag"}, "action"),
        ({"weight": 0}, "weight"),
        ({"most": 1}, "most"),
    ],
)
def test_nonsense_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    with pytest.raises(StudyError, match=rf"curate\.toxicity\.{field} ="):
        Screen(**settings)  # type: ignore[arg-type]
