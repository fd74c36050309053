"""bom.cdx.json: accepted by the official validator, and no figure in it that the ledger does not hold."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from documented_run import documented
from fabricated_run import Fabricator, counts, rows_table

from duecare.core import LedgerError, exact
from duecare.ledger.chain import leaf_hash
from duecare.ledger.digest import file_digest
from duecare.ledger.log import entry_line
from duecare.report.documents import bom
from duecare.report.view import View, view

KNOWN = "duecare:known:"
METRICS = "/modelCard/quantitativeAnalysis/performanceMetrics"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return documented(tmp_path_factory.mktemp("documented"))


@pytest.fixture(scope="module")
def seen(run: Path) -> View:
    return view(run, 0)


@pytest.fixture
def written(seen: View) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bom(seen))
    return found


def problems(written: dict[str, Any], version: SchemaVersion = SchemaVersion.V1_6) -> str:
    """What the validator of cyclonedx-python-lib says; empty where it accepts."""
    error = JsonStrictValidator(version).validate_str(json.dumps(written))
    return str(error) if error else ""


def at(component: dict[str, Any], pointer: str) -> Any:
    found: Any = component
    for part in filter(None, pointer.split("/")):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


def cited(text: str) -> Iterator[tuple[int, str]]:
    for index, digest in re.findall(r"entry (\d+) sha256:([0-9a-f]{64})", text):
        yield int(index), digest


def unresolved(written: dict[str, Any], seen: View) -> list[str]:
    """Figures of the bill that are not, to the digit, those of the entry that it names."""
    entries = {entry.index: entry for entry in seen.story.ledger}
    component = written["metadata"]["component"]
    told = {each["name"]: each["value"] for each in component["properties"]}
    found = []
    for place, metric in enumerate(component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]):
        ((index, digest),) = cited(told[f"{KNOWN}{METRICS}/{place}"])
        if leaf_hash(entry_line(entries[index])).hex() != digest:
            found.append(f"{place}: another entry")
        slice_ = dict(part.split("=") for part in metric.get("slice", "").split("; ") if part)
        interval = metric["confidenceInterval"]
        figure = (
            metric["type"],
            *map(float, (metric["value"], interval["lowerBound"], interval["upperBound"])),
        )
        held = [
            (each.metric, each.value, each.low, each.high)
            for each in entries[index].estimates
            if each.slice == slice_
        ]
        if figure not in held:
            found.append(f"{place}: {metric['type']}")
    return found


@pytest.mark.parametrize("version", [SchemaVersion.V1_6, SchemaVersion.V1_7])
@pytest.mark.parametrize("kind", ["whole", "curate", "evaluate"])
def test_the_official_validator_accepts(
    kind: str, version: SchemaVersion, made: Callable[[str], Path]
) -> None:
    text = bom(view(made(kind), 0)).decode().replace("1.6", version.to_version())
    assert not problems(json.loads(text), version)


def test_the_validator_can_refuse(written: dict[str, Any]) -> None:
    """Control: what is broken is seen."""
    assert not problems(written)

    def broken(change: Callable[[dict[str, Any]], Any]) -> str:
        other = copy.deepcopy(written)
        change(other)
        return problems(other)

    def metric(bill: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = at(bill["metadata"]["component"], f"{METRICS}/0")
        return found

    assert broken(lambda bill: bill.update(serialNumber="urn:uuid:none"))
    assert broken(lambda bill: bill["metadata"]["component"].pop("type"))
    assert broken(lambda bill: metric(bill).update(value=0.5))
    assert broken(lambda bill: metric(bill).update(entry=3))
    assert broken(lambda bill: bill["components"][0]["hashes"][0].update(content="none"))
    assert broken(lambda bill: bill["metadata"].update(timestamp="yesterday"))


def test_every_figure_resolves_to_its_entry(written: dict[str, Any], seen: View) -> None:
    metrics = at(written["metadata"]["component"], METRICS)
    assert len(metrics) > 10
    assert not unresolved(written, seen)


@pytest.mark.parametrize("part", ["value", "lowerBound", "upperBound", "slice"])
def test_a_figure_that_was_changed_resolves_to_none(part: str, written: dict[str, Any], seen: View) -> None:
    """Control for the test above."""
    metric = at(written["metadata"]["component"], f"{METRICS}/3")
    place = metric["confidenceInterval"] if part.endswith("Bound") else metric
    place[part] = "axis=gender; group=nobody" if part == "slice" else repr(float(place[part]) + 1e-9)
    assert len(unresolved(written, seen)) == 1


def test_a_changed_line_of_the_ledger_is_refused(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    log = copied / "ledger" / "log.jsonl"
    text = log.read_bytes()
    changed = text.replace(b'"metric":"heldout.perplexity","', b'"metric":"heldout.perplexitz","', 1)
    assert changed != text
    log.write_bytes(changed)
    with pytest.raises(LedgerError):
        view(copied, 0)


def test_the_same_run_gives_the_same_bytes_and_another_figure_others(
    run: Path, seen: View, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(run, tmp_path / "moved"))
    other = view(documented(tmp_path / "other", size=80), 0)
    assert bom(view(moved, 0)) == bom(seen)
    assert bom(other) != bom(seen)
    assert json.loads(bom(other))["serialNumber"] != json.loads(bom(seen))["serialNumber"]


def test_every_pointer_leads_to_a_field(written: dict[str, Any]) -> None:
    component = written["metadata"]["component"]
    pointers = [
        each["name"].removeprefix(KNOWN) for each in component["properties"] if each["name"].startswith(KNOWN)
    ]
    assert len(pointers) > 20
    for pointer in pointers:
        assert at(component, pointer)


def test_every_field_of_the_card_says_how_it_is_known(written: dict[str, Any]) -> None:
    component = written["metadata"]["component"]
    told = {each["name"].removeprefix(KNOWN): each["value"] for each in component["properties"]}
    for field, said in component["modelCard"]["considerations"].items():
        for place, _ in enumerate(said):
            how = told[f"/modelCard/considerations/{field}/{place}"]
            assert how.startswith(
                ("measured; entry", "declared by Maria Okafor, head of customer care; entry")
            )
    for place, _ in enumerate(at(component, METRICS)):
        assert told[f"{METRICS}/{place}"].startswith("measured; entry")


def test_what_is_declared_and_what_is_missing(written: dict[str, Any]) -> None:
    component = written["metadata"]["component"]
    considerations = component["modelCard"]["considerations"]
    assert considerations["users"] == ["clerks of the bank | who answer letters"]
    assert "decisions on loans" in considerations["technicalLimitations"]
    assert considerations["ethicalConsiderations"] == [{"name": "answers may be curt to some groups <b>"}]
    assert component["version"] == "2.1, after 2.0"
    gaps = {each["name"]: each["value"] for each in component["properties"] if ":missing:" in each["name"]}
    assert "performanceTradeoffs" not in considerations
    assert "“choices”" in gaps["duecare:missing:modelCard.considerations.performanceTradeoffs"]
    data = next(each for each in written["components"] if each["type"] == "data")
    told = {each["name"]: each["value"] for each in data["properties"]}
    assert told["duecare:missing:under-which-licence"] == "“licence” of a source in the section “data”"
    assert "licenses" not in data


def test_without_answers_nothing_is_declared_but_what_is_asked_for(tmp_path: Path) -> None:
    found = json.loads(bom(view(documented(tmp_path, about={}), 0)))
    considerations = found["metadata"]["component"]["modelCard"]["considerations"]
    assert not {"users", "ethicalConsiderations"} & considerations.keys()
    assert not problems(found)


def test_figures_that_private_training_keeps_back_are_left_out(written: dict[str, Any]) -> None:
    kinds = {metric["type"] for metric in at(written["metadata"]["component"], METRICS)}
    assert "dpo.private.epsilon" in kinds
    assert "dpo.loss" not in kinds
    assert "withheld" not in json.dumps(written)
    assert "0.25 nats" not in json.dumps(written)


def test_files_have_the_digests_of_their_bytes(written: dict[str, Any], run: Path) -> None:
    component = written["metadata"]["component"]
    assert [each["name"].rpartition("/")[2] for each in component["components"]] == [
        "config.json",
        "model.safetensors",
    ]
    data = [each for each in written["components"] if each["type"] == "data"]
    listed = [file for each in (component, *data) for file in each["components"]]
    assert len(listed) > 4
    for file in listed:
        assert file["hashes"] == [{"alg": "SHA-256", "content": file_digest(run / file["name"])}]


def test_the_model_comes_from_its_base_and_every_reference_leads_somewhere(written: dict[str, Any]) -> None:
    component = written["metadata"]["component"]
    base, sft = component["pedigree"]["ancestors"]
    assert (base["name"], base["licenses"]) == ("smollm2-135m-instruct", [{"license": {"id": "Apache-2.0"}}])
    assert sft["bom-ref"] == "model:sft"
    assert component["modelCard"]["modelParameters"]["modelArchitecture"] == "llama"
    refs = re.findall(r'"bom-ref": "([^"]+)"', json.dumps(written))
    assert len(refs) == len(set(refs))
    for each in written["dependencies"]:
        assert {each["ref"], *each.get("dependsOn", ())} <= set(refs)
    assert "pkg:pypi/google-tunix@0.1.7" in written["dependencies"][0]["dependsOn"]


def test_assessments_by_group_carry_verdict_and_figure(written: dict[str, Any]) -> None:
    found = written["metadata"]["component"]["modelCard"]["considerations"]["fairnessAssessments"]
    risky = next(each for each in found if "counterfactual twins" in each["harms"])
    assert "women" in risky["groupAtRisk"]
    assert "fails, limit between -0.01 and 0.01" in risky["harms"]
    assert "n = 400" in risky["harms"]
    assert risky["mitigationStrategy"].startswith("Add counterfactual copies")


def test_a_run_without_a_model_is_a_bill_of_its_data(made: Callable[[str], Path]) -> None:
    found = json.loads(bom(view(made("curate"), 0)))["metadata"]["component"]
    assert found["type"] == "data"
    assert "modelCard" not in found


def test_a_licence_that_spdx_does_not_know_is_a_name(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["read:post"])
    settings = {"source": "post.jsonl", "kind": "text", "licence": "as agreed with the shop"}
    estimates = counts("post", **{"in": 1, "kept": 1})
    run.job(
        "read:post",
        "duecare.curate.source.Read",
        files={"kept.parquet": rows_table([])},
        estimates=estimates,
        settings=settings,
    )
    found = json.loads(bom(view(run.finish(), 0)))
    assert found["components"][0]["licenses"] == [{"license": {"name": "as agreed with the shop"}}]
    assert not problems(found)


def test_kinds_of_personal_data_that_were_found_are_named_and_no_others(tmp_path: Path) -> None:
    run = Fabricator(tmp_path / "run", tmp_path / "keys")
    run.start(["read:post", "personal:post"])
    rows = {"kept.parquet": rows_table([])}
    run.job("read:post", "duecare.curate.source.Read", files=rows, settings={"source": "p", "kind": "text"})
    places = [
        exact("curate.personal.places", count, 9, {"source": "post", "type": kind}, unit="places")
        for kind, count in (("PHONE", 2), ("EMAIL", 1), ("CARD", 0))
    ]
    run.job("personal:post", "duecare.curate.redact.Redact", files=rows, estimates=places)
    found = json.loads(bom(view(run.finish(), 0)))
    (held,) = found["components"][0]["data"]
    assert held["sensitiveData"] == ["EMAIL, replaced in this run", "PHONE, replaced in this run"]
    assert not problems(found)
