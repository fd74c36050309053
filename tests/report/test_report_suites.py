"""Figures of any suite, the comparisons behind the gates, and the cases behind a number."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricated_cases import STRANGE
from fabricated_report import Built, build
from fabricated_run import TOXICITY

from duecare.core import Estimate
from duecare.core.wire import decode, encode
from duecare.detect import DETECTORS
from duecare.detect.card import Measured
from duecare.report import words
from duecare.report.card import literal
from duecare.report.metrics import metric, suite_title

SHOWN = re.compile(
    r'data-figure="([^"]*)">([^<]*)</data></a>(?:</div>)?(?:\s*<span class="ci">([^<]*)</span>)?'
)


def estimates(report: Built) -> dict[str, Estimate]:
    return {item["id"]: decode(encode(item["estimate"]), Estimate) for item in report.data["figures"]}


def test_page_json_and_card_say_the_same_of_every_figure(whole_report: Built) -> None:
    """What is written for a figure is what its Estimate in report.json comes to."""
    known = estimates(whole_report)
    shown = [(name, *map(escaping.unescape, rest)) for name, *rest in SHOWN.findall(whole_report.html)]
    assert {name for name, _, _ in shown} >= {
        item["id"] for item in whole_report.data["figures"] if item["job"] in ("evaluate", "gate")
    }
    beside = 0
    for name, value, interval in shown:
        assert value == words.value(known[name])
        if interval:
            assert interval == (known[name].reason or words.interval(known[name]))
            beside += 1
    assert beside > 8
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', whole_report.html, re.S)
    for _, figures, intervals, *_ in (row.split('<td class="num">') for row in rows if "plot" in row):
        names = re.findall(r'data-figure="([^"]*)"', figures)
        said = [
            re.sub(r"<[^>]*>", "", each)
            for each in re.findall(r"<div[^>]*>(.*?)</div>", intervals.split("</td>")[0])
        ]
        for name, text in zip(names, said, strict=True):
            wanted = known[name].reason or words.interval(known[name]) or "–"
            assert escaping.unescape(text) == wanted
            beside += 1
    assert beside > 60
    body = whole_report.card.split("---\n", 2)[2]
    for item in whole_report.data["figures"]:
        estimate = known[item["id"]]
        if item["job"] == "evaluate" and estimate.slice.get("model") == "tuned":
            said = estimate.reason or words.interval(estimate)
            cells = [words.value(estimate), said, f"{estimate.n:,}", estimate.method]
            assert "| " + " | ".join(map(literal, cells)) + " |" in body


def test_a_figure_reads_the_same_wherever_it_stands(whole_report: Built) -> None:
    written: dict[str, set[str]] = {}
    for name, value, _ in SHOWN.findall(whole_report.html):
        written.setdefault(name, set()).add(value)
    assert any(len(re.findall(f'data-figure="{name}"', whole_report.html)) > 1 for name in written)
    assert all(len(each) == 1 for each in written.values())


def test_a_suite_that_nobody_named_has_its_plots(whole_report: Built) -> None:
    block = re.search(
        r'<section class="suite" aria-labelledby="suite-odd-suite">.*?</section>', whole_report.html, re.S
    )
    assert block is not None
    assert "Odd suite" in block[0]
    first = block[0][: block[0].index("</figure>")]
    assert first.index("all together") < first.index(">age"), "all together and the groups on one number line"
    assert "61.0%" in first
    assert "52.0%" in first
    assert "−9.0 pp" in block[0], "a change of a share is in points"


@pytest.mark.parametrize(
    ("name", "unit", "form", "better"),
    [
        ("odd.rate", "", "share", ""),
        ("odd.rate.change", "", "points", ""),
        ("odd.accuracy.change", "", "points", "higher"),
        ("odd.rate.difference", "share", "points", "near"),
        ("odd.disparate_impact_ratio", "", "ratio", "near"),
        ("odd.bias_score.change", "", "signed", ""),
        ("odd.bias_score", "nats", "number", ""),
    ],
)
def test_an_unknown_figure_gets_a_readable_form(name: str, unit: str, form: str, better: str) -> None:
    known = metric(name, unit)
    assert (known.form, known.better) == (form, better)
    assert "_" not in known.title
    assert suite_title("odd-suite") == "Odd suite"


def test_every_comparison_stands_in_the_table_with_both_levels(whole_report: Built) -> None:
    table = re.search(r'<table class="compared-table">.*?</table>', whole_report.html, re.S)
    assert table is not None
    assert table[0].count("<tr") == 4
    assert "The correction changed 1 verdict" in whole_report.html
    assert table[0].count('class="changed"') == 1
    assert "at 98.33%" in table[0]
    listed = whole_report.data["comparisons"]
    known = estimates(whole_report)
    assert len(listed) == 3
    for line in listed:
        assert known[line["corrected"]["figure"]].metric == known[line["alone"]["figure"]].metric
    evaluated = {item["id"] for item in whole_report.data["figures"] if item["job"] == "evaluate"}
    assert all(line["alone"]["figure"] in evaluated for line in listed), "a figure on record keeps its id"


def test_a_run_without_its_comparisons_says_so(copied: Path, tmp_path: Path) -> None:
    for file in copied.glob("artifacts/gate-*/comparisons.json"):
        file.write_bytes(b"[]")
    built = build(copied, tmp_path / "out")
    assert "before the other comparisons were kept" in built.html
    assert all(line["alone"] is None for line in built.data["comparisons"])


def test_twins_stand_side_by_side_the_widest_gap_first(whole_report: Built) -> None:
    block = re.search(r"<summary>The 5 pairs told apart most.*?</details>", whole_report.html, re.S)
    assert block is not None
    first = block[0][: block[0].index("</li>")]
    assert "gap −1.00 nats per token" in first
    assert first.count('<blockquote class="veil"') == 3
    assert '<div class="beside">' in first
    assert "non-binary people against men" in first


def test_answers_options_and_held_out_rows_are_one_click_away(whole_report: Built) -> None:
    for title in (
        "answers with the highest toxicity scores, blurred",
        "The 5 items whose options are told apart most",
        "held-out rows answered least like their references, blurred",
    ):
        assert title in whole_report.html
    held = re.search(r"<summary>The 6 held-out rows.*?</details>", whole_report.html, re.S)
    assert held is not None
    assert "Held-out reference 0" in held[0]
    assert held[0].index("Held-out answer 0") < held[0].index("Held-out answer 1"), "the worst first"
    assert "Held-out answer 3" not in held[0], "no reference, no case"
    assert "Held-out reference" not in whole_report.card


def test_no_case_is_shown_where_none_is_wanted(made: Callable[[str], Path], tmp_path: Path) -> None:
    assert "blockquote" not in build(made("whole"), tmp_path, cases=0).html
    assert STRANGE in str(build(made("whole"), tmp_path, cases=0).data)


def test_a_result_that_leans_on_a_detector_stands_beside_its_worst_figure(whole_report: Built) -> None:
    worst = DETECTORS["toxicity"].worst_first[0]
    line = f"Worst figure on its card: <b>{worst.metric}:"
    assert whole_report.html.count(line) > 4
    plots = re.findall(r'<figure class="forest">.*?</figure>', whole_report.html, re.S)
    leaning = [plot for plot in plots if "Toxic answers, by" in plot]
    assert leaning
    assert all(line in plot for plot in leaning)
    assert not any(line in plot for plot in plots if "Perplexity on" in plot), "control: no detector there"
    named = {item["name"]: item["worst"] for item in whole_report.data["instruments"]}
    assert named[TOXICITY]["value"] == worst.value
    assert literal(f"{worst.metric}:") in whole_report.card


def test_a_card_is_folded_and_what_matters_stands_outside(whole_report: Built) -> None:
    named = f"instrument-{TOXICITY.replace('@', '-')}"
    article = re.search(
        rf'<article class="instrument" aria-labelledby="{named}".*?</article>',
        whole_report.html,
        re.S,
    )
    assert article is not None
    outside = re.sub(r"<details.*?</details>", "", article[0], flags=re.S)
    assert "Worst figure on its card" in outside
    assert DETECTORS["toxicity"].what[:40] in outside
    assert "<table" in article[0]
    assert "<table" not in outside


def test_the_worst_figure_is_the_one_farthest_from_perfect() -> None:
    def figure(name: str, value: float) -> Measured:
        return Measured(data="d", part="p", metric=name, value=value, low=value, high=value, n=9, method="m")

    assert figure("ROC-AUC", 0.5).badness == 1
    assert figure("false positive rate at 0.5", 0.3).badness == 0.3
    assert figure("recall at 0.5", 0.3).badness == pytest.approx(0.7)
    assert figure("share pointed at", 0.0).badness == 0, "no false alarm is not the worst figure"
    for card in DETECTORS.values():
        assert card.worst_first[0].badness == max(each.badness for each in card.measured_on)
