"""bom.cdx.json: a machine learning bill of materials (CycloneDX 1.6) of the model, its data and its software.

The schema has no place for how a figure is known, so properties tell it: `duecare:known:POINTER` names, by
JSON pointer from the component, what it is about. What is missing is listed as `duecare:missing:FIELD`, with
what would fill it. Serial number and time come from the ledger: the same run gives the same bytes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from duecare.report.datasheet import sources_of
from duecare.report.documents.bom_card import Card, model_card
from duecare.report.documents.bom_parts import (
    Told,
    base_component,
    data_component,
    files,
    licences,
    software_components,
)
from duecare.report.documents.fact import Fact
from duecare.report.documents.of_model import base, base_note, results, trained
from duecare.report.documents.of_people import owner, purpose
from duecare.report.documents.topics import Evidence
from duecare.report.named import declarer, digests
from duecare.report.view import View

SPEC = "1.6"
_NAMESPACE = uuid.UUID("6f0f2f1c-3f2b-5e0e-9b1f-8f5a4a2f6d11")
"""Of serial numbers: a constant of ours, from which they follow by the ledger's root (RFC 9562, UUID 5)."""
_OUTSIDE = {
    "model-card": "model_card.md",
    "documentation": "annex_iv.md",
    "quality-metrics": "report.json",
    "log": "../ledger/log.jsonl",
}


def bom(view: View) -> bytes:
    """The bill of materials as JSON."""
    told = Told(digests(view), declarer(view))
    data = [data_component(view, source, told) for source in sources_of(view)]
    software = software_components(view, told)
    main = _main(view, told, [each["bom-ref"] for each in data])
    base_ref = [each["bom-ref"] for each in main.get("pedigree", {}).get("ancestors", ())]
    needs = [*base_ref, *(each["bom-ref"] for each in (*data, *software))]
    written = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": serial(view),
        "version": 1,
        "metadata": _metadata(view, main),
        "components": [*data, *software],
        "dependencies": [{"ref": main["bom-ref"], "dependsOn": needs}, *({"ref": each} for each in needs)],
    }
    return json.dumps(written, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"


def serial(view: View) -> str:
    """The serial number of a run in this state: it follows from the ledger's root."""
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, view.account.root)}"


def _metadata(view: View, main: dict[str, Any]) -> dict[str, Any]:
    versions = dict(view.account.software)
    tool: dict[str, Any] = {"type": "application", "name": "duecare"}
    if "duecare" in versions:
        tool["version"] = versions["duecare"]
    account = view.account
    told = {
        "duecare:run": view.story.run,
        "duecare:ledger:entries": str(account.entries),
        "duecare:ledger:root": account.root,
        "duecare:ledger:key": account.key,
        "duecare:verdict": view.banner.text,
    }
    return {
        "timestamp": view.story.entries[-1].time,
        "tools": {"components": [tool]},
        "component": main,
        "properties": [{"name": name, "value": value} for name, value in told.items()],
    }


def _main(view: View, told: Told, data: list[str]) -> dict[str, Any]:
    """What the bill is of: the model, or the data alone where a run has no model."""
    stages = trained(view)
    has_model = bool(stages or view.story.of("base"))
    evidence = Evidence(view)
    (version,) = evidence.of("version")
    component: dict[str, Any] = {
        "type": "machine-learning-model" if has_model else "data",
        "bom-ref": "subject",
        "name": view.story.name,
    }
    if version.said or stages:
        component["version"] = version.said or stages[-1].digest[:12]
    if view.purpose:
        component["description"] = view.purpose
    if licence := base_note(view).get("licence") if not stages else None:
        component["licenses"] = licences([licence])
    if stages:
        component["components"] = files(stages[-1], "model/", told)
    if has_model and (ancestors := _ancestors(view, told)):
        component["pedigree"] = {
            "ancestors": ancestors,
            "notes": " -> ".join(["base", *(stage.job for stage in stages)]),
        }
    component["externalReferences"] = [{"type": kind, "url": url} for kind, url in _OUTSIDE.items()]
    card = model_card(view, evidence, told, data) if has_model else Card({}, [])
    if card.written:
        component["modelCard"] = card.written
    facts = [*purpose(view), *owner(view), version, *(base(view) if has_model else ()), *results(view)]
    component["properties"] = [*_facts(facts, told), *card.properties]
    return component


def _ancestors(view: View, told: Told) -> list[dict[str, Any]]:
    """The base model, and the models between it and the last one."""
    found = [base_component(view, told)] if view.story.of("base") and trained(view) else []
    for stage in trained(view)[:-1]:
        found.append(
            {
                "type": "machine-learning-model",
                "bom-ref": f"model:{stage.job}",
                "name": f"{view.story.name}, after {stage.job}",
                "version": stage.digest[:12],
                "components": files(stage, "model/", told),
                "properties": [told.property(f"duecare:known:{stage.job}", (stage.entry.index,))],
            }
        )
    return found


def _facts(facts: Iterable[Fact], told: Told) -> list[dict[str, str]]:
    return [told.fact(fact) for fact in facts]
