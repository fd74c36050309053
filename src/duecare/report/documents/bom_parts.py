"""Components of the bill of materials besides the model: data sets, files, the base model, software."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from duecare.report.croissant import tables_of
from duecare.report.datasheet import DECLARED, MISSING, Source, answers
from duecare.report.documents.fact import Fact, of_card
from duecare.report.documents.of_model import base_note, reference
from duecare.report.gather import Stage
from duecare.report.named import Declarer
from duecare.report.view import View

_SPDX = frozenset(
    {
        *("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "Unlicense"),
        *("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"),
        *("CC-BY-NC-SA-4.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "CDLA-Permissive-2.0"),
    }
)
"""Identifiers of the SPDX list that are met here; others are written as names, as the schema allows."""


@dataclass(frozen=True, slots=True)
class Told:
    """How facts are told in properties: by entry and its leaf hash."""

    digests: dict[int, str]
    by: Declarer

    def at(self, entries: Iterable[int]) -> str:
        """ "entry 3 sha256:..."; one for each entry."""
        return "; ".join(f"entry {each} sha256:{self.digests[each]}" for each in entries)

    def property(self, name: str, entries: Iterable[int], more: str = "") -> dict[str, str]:
        """A property that says that something was measured."""
        return {"name": name, "value": "; ".join(filter(None, ("measured", self.at(entries), more)))}

    def fact(self, fact: Fact, name: str = "") -> dict[str, str]:
        """A fact as a property: its words, and how it is known."""
        if fact.known == MISSING:
            return {"name": f"duecare:missing:{slug(name or fact.what)}", "value": fact.fill}
        known = f"declared by {fact.by}" if fact.known == DECLARED else "measured"
        return {
            "name": f"duecare:fact:{slug(name or fact.what)}",
            "value": f"{fact.said} ({known}; {self.at(fact.entries)})",
        }


def slug(text: str) -> str:
    """ "What is it for?" -> "what-is-it-for"."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def licences(names: Sequence[str]) -> list[dict[str, Any]]:
    """Licences by SPDX identifier where it is one that we know, else by name."""
    return [{"license": {"id" if name in _SPDX else "name": name}} for name in dict.fromkeys(names) if name]


def sha256(content: str) -> list[dict[str, str]]:
    """One hash as the schema has it."""
    return [{"alg": "SHA-256", "content": content}]


def files(stage: Stage, under: str, told: Told) -> list[dict[str, Any]]:
    """The sealed files of a job below a folder, each with its digest."""
    return [
        {
            "type": "file",
            "bom-ref": f"file:{stage.job}:{path}",
            "name": f"{stage.folder}/{path}",
            "hashes": sha256(file.sha256),
            "properties": [
                told.property("duecare:known:/hashes/0", (stage.entry.index,), f"{file.size} bytes")
            ],
        }
        for path, file in sorted(stage.listed.items())
        if path.startswith(under)
    ]


def base_component(view: View, told: Told) -> dict[str, Any]:
    """The model that the run started from, with the files that were there."""
    stage, known, note = view.story.of("base")[-1], reference(view), base_note(view)
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": view.base or "base",
    }
    if revision := known.get("revision"):
        component["version"] = str(revision)
    if licence := note.get("licence"):
        component["licenses"] = licences([licence])
    component["components"] = [
        {"type": "file", "bom-ref": f"file:base:{path}", "name": path, "hashes": sha256(digest)}
        for path, digest in sorted(known.get("files", {}).items())
    ]
    digest = known.get("digest") or note.get("digest") or "not on record"
    component["properties"] = [
        told.property("duecare:known:", (stage.entry.index,), f"digest of its files {digest}")
    ]
    return component


def data_component(view: View, source: Source, told: Told) -> dict[str, Any]:
    """One source: its tables with digests, what is known of it, and who looks after it."""
    found = [of_card(view, source.name, each) for each in answers(view, source)]
    said = {fact.what.partition(": ")[2]: fact for fact in found if fact.known != MISSING}
    origin, licence = said.get("Where does it come from?"), said.get("Under which licence?")
    tables = list(tables_of(source))
    component: dict[str, Any] = {"type": "data", "bom-ref": f"data:{source.name}", "name": source.name}
    if origin:
        component["description"] = origin.said
    if licence:
        component["licenses"] = licences(licence.said.split(", "))
    if tables:
        component["version"] = tables[0].file.sha256[:12]
        component["hashes"] = sha256(tables[0].file.sha256)
    component["data"] = [_contents(view, source, tables)]
    component["components"] = [
        {
            "type": "file",
            "bom-ref": f"file:{table.id}",
            "name": f"{table.stage.folder}/{table.file.path}",
            "hashes": sha256(table.file.sha256),
            "properties": [told.property("duecare:known:/hashes/0", (table.stage.entry.index,))],
        }
        for table in tables
    ]
    component["properties"] = [told.fact(fact, fact.what.partition(": ")[2]) for fact in found]
    return component


def _contents(view: View, source: Source, tables: Sequence[Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "dataset", "name": source.name}
    if tables:
        written["contents"] = {"url": f"../{tables[0].stage.folder}/{tables[0].file.path}"}
    sensitive = sorted(
        {
            figure.estimate.slice["type"]
            for figure in source.figures("curate.personal.places")
            if figure.estimate.value and "type" in figure.estimate.slice
        }
    )
    if sensitive:
        written["sensitiveData"] = [f"{label}, replaced in this run" for label in sensitive]
    if governance := _governance(view):
        written["governance"] = governance
    return written


def _governance(view: View) -> dict[str, Any]:
    """Who looks after the data in this run: its owner as custodian, and data stewards that are listed."""
    found: dict[str, Any] = {}
    if view.owner:
        found["custodians"] = [{"contact": {"name": view.owner}}]
    people = view.answering.people if view.answering else ()
    stewards = [{"contact": {"name": each.name}} for each in people if "data-steward" in each.roles]
    if stewards:
        found["stewards"] = stewards
    return found


def software_components(view: View, told: Told) -> list[dict[str, Any]]:
    """Every package and version that a result was made with, and the entries that say so."""
    used: dict[tuple[str, str], list[int]] = {}
    for stage in view.story.stages:
        for package, version in stage.entry.software.items():
            used.setdefault((package, version), []).append(stage.entry.index)
    return [_package(package, version, entries, told) for (package, version), entries in sorted(used.items())]


def _package(package: str, version: str, entries: Sequence[int], told: Told) -> dict[str, Any]:
    if package == "python":
        kind, purl = "platform", f"pkg:generic/python@{quote(version)}"
    else:
        kind, purl = "library", f"pkg:pypi/{re.sub(r'[-_.]+', '-', package.lower())}@{quote(version)}"
    known = told.property("duecare:known:/version", entries[:1], f"and {len(entries) - 1} entries more")
    return {
        "type": kind,
        "bom-ref": purl,
        "name": package,
        "version": version,
        "purl": purl,
        "properties": [known],
    }
