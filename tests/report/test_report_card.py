"""The model card: figures of the page, metadata that a hub reads, nothing that a stranger can inject."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from fabricated_report import Built, build
from fabricated_run import Fabricator
from fabricated_verdicts import estimates

from duecare.core import Estimate
from duecare.core.wire import decode, encode
from duecare.ledger.chain import leaf_hash
from duecare.ledger.log import entry_line
from duecare.ledger.read import entries as read_entries
from duecare.report import words
from duecare.report.card import literal
from duecare.report.named import HEADING


def head(card: str) -> dict:
    _, metadata, _ = card.split("---\n", 2)
    return yaml.safe_load(metadata)


def test_the_metadata_has_the_fields_that_a_hub_asks_for(whole_report: Built) -> None:
    metadata = head(whole_report.card)
    assert metadata["library_name"] == "transformers"
    assert metadata["pipeline_tag"] == "text-generation"
    (model,) = metadata["model-index"]
    assert model["name"] == "support-assistant"
    for result in model["results"]:
        assert result["task"]["type"] == "text-generation"
        assert result["dataset"]["type"]
        assert result["dataset"]["name"]
        for metric in result["metrics"]:
            assert isinstance(metric["value"], float)
            assert metric["args"]["low"] <= metric["value"] <= metric["args"]["high"]


def test_the_figures_are_those_of_the_json(whole_report: Built) -> None:
    figures = [decode(encode(item["estimate"]), Estimate) for item in whole_report.data["figures"]]
    told = {(item.metric, item.value, item.low, item.high, item.n) for item in figures}
    metrics = [
        metric
        for model in head(whole_report.card)["model-index"]
        for result in model["results"]
        for metric in result["metrics"]
    ]
    assert len(metrics) > 10
    for metric in metrics:
        args = metric["args"]
        assert (metric["type"], metric["value"], args["low"], args["high"], args["n"]) in told
    tuned = [item for item in figures if item.slice.get("model") == "tuned"]
    for figure in tuned:
        assert f"| {literal(words.value(figure))} |" in whole_report.card


def test_every_figure_names_its_entry_and_the_card_its_hash(whole_report: Built) -> None:
    leaves = {entry.index: leaf_hash(entry_line(entry)).hex() for entry in read_entries(whole_report.run)}
    args = [
        metric["args"]
        for result in head(whole_report.card)["model-index"][0]["results"]
        for metric in result["metrics"]
    ]
    named = whole_report.card[whole_report.card.index(HEADING) :]
    for each in args:
        assert each["ledger_leaf"] == leaves[each["ledger_entry"]]
        assert f"| {each['ledger_entry']} | {each['ledger_leaf']} |" in named
    for heading in ("## Gates", "## Evaluation", "## Training", "## Training data and its curation"):
        section = whole_report.card.partition(f"{heading}\n")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
        assert rows
        assert all(f"| {row.rsplit('|', 2)[1].strip()} | " in named for row in rows)


def test_what_nobody_said_is_missing_in_the_card(whole_report: Built) -> None:
    said = whole_report.card.partition("## What it is for\n")[2].partition("\n## ")[0]
    assert "declared by Maria Okafor, head of customer care (entry 0)" in said
    assert "| Users |  | missing: the answer “users”" in said


@pytest.mark.jax  # huggingface-hub comes with the train extra
def test_hugging_face_reads_the_model_index(whole_report: Built) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard(whole_report.card)
    results = card.data.eval_results
    assert results is not None
    told = {(each["estimate"]["metric"], each["estimate"]["value"]) for each in whole_report.data["figures"]}
    assert len(results) > 10
    assert {(each.metric_type, each.metric_value) for each in results} <= told
    assert all(each.metric_args["ledger_leaf"] for each in results)
    broken = whole_report.card.replace("  name: support-assistant\n", "", 1).replace(
        "- name: support-assistant\n  ", "- ", 1
    )
    assert broken != whole_report.card
    with pytest.raises(ValueError, match="name"):  # control: the reader asks for what it needs
        ModelCard(broken, ignore_metadata_errors=False)


def test_only_the_tuned_model_is_spoken_of_where_there_is_one(
    whole_report: Built, made: Callable[[str], Path], tmp_path: Path
) -> None:
    assert "base model |" not in whole_report.card
    assert "gender: women, tuned model" in whole_report.card
    assert "Evaluation" in build(made("evaluate"), tmp_path).card


def test_gates_and_limits_stand_in_the_card(whole_report: Built) -> None:
    assert "1 of 3 gates failed" in whole_report.card
    assert "14,400" in whole_report.card
    assert "not enough evidence" in whole_report.card
    assert "No person rated the answers" in whole_report.card
    assert "no answer names this group" in whole_report.card


def test_no_text_of_a_row_is_in_the_card(whole_report: Built) -> None:
    assert "idiot" not in whole_report.card
    assert "stupid" not in whole_report.card


@pytest.mark.parametrize(
    "hostile",
    [
        "[click](javascript:alert(1))",
        "![x](https://evil.example/p.png)",
        "<img src=x onerror=alert(1)>",
        "a | b | c",
        "see https://evil.example or www.evil.example",
        "`code` *bold* _it_ ~~no~~",
        "two\nlines\n\n# heading",
        "# heading",
        "- item",
        "1. item",
        "&lt;b&gt;",
        "---",
    ],
)
def test_what_a_stranger_wrote_is_literal_in_markdown(hostile: str) -> None:
    """Checked by the signs that would mean something: none is left bare."""
    written = literal(hostile)
    assert "\n" not in written
    assert not re.search(r"(?<!\\)[\[\]`*_|~!$#](?!\d+;)", written)
    assert not re.search(r"[<>]", written)
    assert not re.search(r"https?://|www\.(?!\\)[a-z]", written.replace("www\\.", ""))
    assert not re.match(r"[-+]\s|---|===|#|\d+[.)]\s", written)


def test_figures_are_not_spoilt_by_escaping() -> None:
    for figure in ("+0.022", "−0.9 to +5.1 pp", "1.03", "0.54 to 2.16", "between -0.01 and 0.01"):
        assert literal(figure) == figure


def test_names_cannot_break_out_of_the_metadata(tmp_path: Path) -> None:
    study = {"study": {"name": "x\n---\nlicense: mit\n# owned", "purpose": "p", "owner": "o"}}
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["evaluate"], study)
    run.job("evaluate", "duecare.evaluate.ask.Evaluate", estimates=estimates(("men", "a | b\n# c")))
    run.finish()
    card = build(tmp_path / "run", tmp_path / "out").card
    assert card.count("\n---\n") == 1, "one end of the metadata"
    assert "license" not in head(card)
    assert head(card)["model-index"][0]["name"] == "x --- license: mit # owned"
    assert [line for line in card.split("---\n", 2)[2].splitlines() if line.startswith("# ")] == [
        "# x --- license: mit \\# owned"
    ]
