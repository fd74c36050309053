"""The report says what the run folder says, everywhere the same, and nothing else."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from fabricated_jobs import PLAN, curate
from fabricated_report import Built, build
from fabricated_run import HOSTILE, STUDY, Fabricator, about
from fabricated_verdicts import estimates, whole

from duecare.core import LedgerError, Note, StudyError
from duecare.ledger import verify
from duecare.ledger.read import entries
from duecare.ledger.record import Recorder
from duecare.ledger.sign import load_or_create
from duecare.report import Report, gather

FIGURE = re.compile(r'<data value="([^"]*)" data-figure="([^"]*)">([^<]*)</data>')


class Page(HTMLParser):
    """Tags, attributes, ids and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[str]:
        return [found for _, attributes in self.tags if (found := attributes.get(name)) is not None]


def test_every_figure_on_the_page_is_that_of_the_ledger_and_of_the_json(whole_report: Built) -> None:
    known = {item["id"]: item["estimate"] for item in whole_report.data["figures"]}
    shown = FIGURE.findall(whole_report.html)
    assert len(shown) > 80
    for text, name, _ in shown:
        assert text == ("" if known[name]["value"] is None else str(known[name]["value"]))
    recorded = {entry.index: entry for entry in entries(whole_report.run)}
    for name, estimate in known.items():
        entry, place = name.split(".")
        if place.isdigit():
            assert recorded[int(entry)].estimates[int(place)].value == estimate["value"]


def test_every_evaluated_figure_is_on_the_page_and_in_the_json(whole_report: Built) -> None:
    shown = {name for _, name, _ in FIGURE.findall(whole_report.html)}
    evaluated = [item for item in whole_report.data["figures"] if item["job"] == "evaluate"]
    assert len(evaluated) == len(estimates())
    assert {item["id"] for item in evaluated} <= shown


def test_the_gates_are_those_of_the_ledger(whole_report: Built) -> None:
    page = Page(whole_report.html).text
    assert "1 of 3 gates failed: gap between counterfactual twins (women)." in page
    assert "1 gate could not be decided: ratio of toxic answers (women)." in page
    assert "14,400" in page
    verdicts = [
        item["finding"]["verdict"] for item in whole_report.data["findings"] if item["finding"]["gate"]
    ]
    assert sorted(verdicts) == ["fail", "insufficient evidence", "pass"]
    assert "98.33% interval" in page, "a gate is decided at the level that its correction asks for"
    gate = next(item for item in whole_report.data["findings"] if "impact" in item["finding"]["name"])
    assert gate["figure"] in {item["id"] for item in whole_report.data["figures"]}


def test_what_is_not_known_is_shown_with_its_reason(whole_report: Built) -> None:
    row = re.search(r"60 and over <small>against 30 to 59</small>.*?</tr>", whole_report.html, re.DOTALL)
    assert row is not None
    assert row[0].count("not known") >= 2
    assert "no answer names this group" in row[0]


def test_every_link_leads_to_something_on_the_page(whole_report: Built) -> None:
    page = Page(whole_report.html)
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    links = page.all("href")
    assert links
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)
    beside = {link for link in links if not link.startswith("#")}
    assert {"annex_iv.html", "bom.cdx.json"} <= beside
    assert all((whole_report.out / link).is_file() for link in beside)


def test_the_page_loads_nothing_and_runs_nothing(whole_report: Built) -> None:
    page = Page(whole_report.html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use"}
    for attribute in ("src", "srcset", "action", "poster", "xlink:href"):
        assert page.all(attribute) == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "://" not in re.sub(r">[^<]*<", "><", whole_report.html), "no address outside of plain text"
    assert not re.search(r"url\(|@import", whole_report.html)
    assert "default-src 'none'" in whole_report.html
    assert len(whole_report.html) < 1_500_000


def test_headings_do_not_skip_a_level_and_pictures_have_words(whole_report: Built) -> None:
    page = Page(whole_report.html)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for tag, attributes in page.tags:
        if tag == "svg" and "class" in attributes and attributes["class"] in ("strip", "curve", "flowbar"):
            assert attributes.get("aria-label")


def test_hostile_texts_are_inert(whole_report: Built) -> None:
    page = Page(whole_report.html)
    assert "alert('owned')" in page.text, "the text itself is there, as text"
    assert "<script" not in whole_report.html
    assert "&lt;/script&gt;&lt;script&gt;" in whole_report.html
    assert "onerror" not in {name for _, attributes in page.tags for name in attributes}
    assert "\u202e" not in whole_report.html
    assert "\x07" not in whole_report.html
    assert HOSTILE[3] not in whole_report.html, "a text of 6,000 signs is cut"


def test_no_personal_data_and_no_text_of_redaction_reaches_any_file(whole_report: Built) -> None:
    for text in (whole_report.html, whole_report.card, str(whole_report.data)):
        assert "john.smith@example.com" not in text
        assert "4111 1111" not in text
    assert "Shut up, idiot, or I call" in whole_report.html, "control: the rest of that text is shown"
    personal = re.search(r"<h4>Personal</h4>.*?</li>\s*<li>\s*<div", whole_report.html, re.DOTALL)
    assert personal is not None
    assert "blockquote" not in personal[0]
    assert "EMAIL" in personal[0]


def test_texts_can_be_left_out(made: Callable[[str], Path], tmp_path: Path) -> None:
    built = build(made("whole"), tmp_path, cases=0)
    assert "blockquote" not in built.html
    assert "Shut up" not in built.html


def test_texts_are_withheld_without_the_personal_data_detector(
    made: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("duecare.detect.load", absent)
    built = build(made("whole"), tmp_path)
    assert "blockquote" not in built.html
    assert "Texts are withheld" in built.html


def test_the_same_run_folder_gives_the_same_bytes(whole_report: Built, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(whole_report.run, tmp_path / "elsewhere"))
    again = build(moved, tmp_path / "out")
    for name in (
        "report.html",
        "model_card.md",
        "data_card.md",
        "croissant.json",
        "report.json",
        "bom.cdx.json",
    ):
        assert (again.out / name).read_bytes() == (whole_report.out / name).read_bytes()


def test_a_report_on_record_does_not_change_the_next_one(
    whole_report: Built, copied: Path, tmp_path: Path
) -> None:
    keys = whole_report.run.parent / "keys"
    clock = Fabricator(tmp_path / "other", keys)._clock
    with Recorder(copied, load_or_create(keys), "ana@example.org", clock) as recorder:
        scratch = copied / "scratch" / "report"
        shutil.copytree(whole_report.out, scratch)
        sealed = recorder.publish_report(scratch)
        recorder.append("report", outputs={"report": sealed.digest}, software={"duecare": "0.1.0"})
    again = build(copied, tmp_path / "again")
    assert again.html == whole_report.html
    assert not [finding for finding in verify(copied) if finding.verdict == "fail"]


def test_another_figure_in_the_ledger_is_another_page(tmp_path: Path, whole_report: Built) -> None:
    """Control for the test above: the bytes do depend on the run."""
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    whole(run, size=380)
    assert build(tmp_path / "run", tmp_path / "out").html != whole_report.html


def test_an_altered_file_is_not_shown_but_named(copied: Path, tmp_path: Path) -> None:
    (folder,) = copied.glob("artifacts/toxicity-chats-*")
    data = (folder / "changes.parquet").read_bytes()
    (folder / "changes.parquet").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    built = build(copied, tmp_path / "out")
    assert "toxicity:chats: changes.parquet" in Page(built.html).text
    assert built.data["altered"] == ["toxicity:chats: changes.parquet"]
    assert gather(copied).job("toxicity:pairs").files["changes.parquet"]  # type: ignore[union-attr]


def test_an_artifact_that_was_taken_away_leaves_the_figures_of_the_ledger(
    copied: Path, tmp_path: Path
) -> None:
    for folder in copied.glob("artifacts/*"):
        shutil.rmtree(folder)
    built = build(copied, tmp_path / "out")
    assert len(built.data["altered"]) == len(PLAN)
    assert "1 of 3 gates failed" in built.html
    assert built.data["sources"][0]["steps"][2]["counts"]["dropped"]


def test_a_run_of_curation_alone(made: Callable[[str], Path], tmp_path: Path) -> None:
    built = build(made("curate"), tmp_path)
    page = Page(built.html).text
    assert "No gates were declared." in page
    assert "No model was evaluated in this run." in page
    assert "No model was trained in this run." in page
    assert "model-index" not in built.card


def test_a_run_of_evaluation_alone(made: Callable[[str], Path], tmp_path: Path) -> None:
    page = Page(build(made("evaluate"), tmp_path).html).text
    assert "No data was curated in this run." in page
    assert "1 of 3 gates failed" in page


def test_a_run_that_failed_says_where_and_why(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(PLAN)
    curate(run, "chats", 60)
    note = Note(topic="failed", text="out of memory")
    run.recorder.append("step.failed", job="read:pairs", step="duecare.curate.source.Read", note=note)
    run.recorder.close()
    built = build(tmp_path / "run", tmp_path / "out")
    page = Page(built.html).text
    assert "The run stopped at read:pairs." in page
    assert "out of memory" in page
    assert built.data["failed"] == "read:pairs"
    assert "sft" in built.data["missing"]


def test_a_run_that_is_not_complete_says_so(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(PLAN)
    run.recorder.close()
    assert "The run is not complete." in build(tmp_path / "run", tmp_path / "out").html


def test_what_is_signed_after_a_run_makes_it_no_longer(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["read:chats"])
    curate(run, "chats", 60)
    end = run.recorder.append("run.finished")
    run.recorder.append("released", note=Note(topic="released", text="A bundle."))
    run.recorder.close()
    assert gather(tmp_path / "run").ended == end.time


def test_what_an_earlier_run_left_counts_only_if_it_was_kept(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(PLAN)
    curate(run, "chats", 60)
    run.start(PLAN, standing=["read:chats"])
    run.recorder.close()
    story = gather(tmp_path / "run")
    assert [stage.job for stage in story.stages] == ["read:chats"]
    assert "audit:chats" in story.missing


def test_figures_told_midway_are_in_the_json_and_counted_once(whole_report: Built) -> None:
    told = [item for item in whole_report.data["figures"] if item["job"] == "sft"]
    assert len(told) == 18
    assert {item["estimate"]["step"] for item in told} == set(range(0, 60, 10))


def test_a_long_training_does_not_make_a_long_page(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["sft"])
    told = [[msgspec.structs.replace(about("loss", 2.0, 0.1, 64, {}, 64), step=step)] for step in range(900)]
    told.insert(500, [about("loss.probe", 2.0, 0.1, 64, {}, 64)])
    run.job("sft", "duecare.train.sft.Sft", told=told)
    run.finish()
    built = build(tmp_path / "run", tmp_path / "out")
    assert len(built.data["figures"]) == 901
    page = Page(built.html)
    assert "750 further entries" in page.text
    assert "entry-501" in page.all("id"), "what is no figure of a single step stays"
    assert "entry-400" not in page.all("id")
    assert len(built.html) < 150_000


def test_the_limit_of_a_gate_is_drawn_where_it_holds(whole_report: Built) -> None:
    plots = re.findall(r'<figure class="forest">.*?</figure>', whole_report.html, re.DOTALL)
    banded = {
        re.sub(r"<[^>]*>", "", re.split(r"</h[34]>", plot)[0]).strip()
        for plot in plots
        if 'class="band"' in plot
    }
    assert banded == {
        "Ratio of toxic answers, by gender",
        "Gap between counterfactual twins, by gender",
        "Change in perplexity by tuning",
    }


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>\" onload='x' [a](javascript:b)"
    study = {"study": {"name": name, "purpose": "</style><script>", "owner": "{{ 7 * 7 }}"}}
    run = Fabricator(tmp_path / "run", tmp_path / "keys", actor="eve\"><img src=x onerror='1'>")
    run.start(["evaluate"], study)
    figures = estimates(("men", "<b onclick=x>women</b>", "-->]]>"))
    run.job("evaluate", "duecare.evaluate.ask.Evaluate", estimates=figures)
    run.finish()
    built = build(tmp_path / "run", tmp_path / "out")
    page = Page(built.html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "img" not in {tag for tag, _ in page.tags}
    assert "{{ 7 * 7 }}" in page.text
    assert "<script" not in built.card.split("---\n", 2)[2]


def test_settings_are_refused_at_once() -> None:
    with pytest.raises(StudyError, match=r"report\.cases = 51"):
        Report(cases=51)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        Report().build(tmp_path, tmp_path / "out")


def test_the_purpose_stands_on_the_page(whole_report: Built) -> None:
    assert STUDY["study"]["purpose"] in Page(whole_report.html).text
