"""croissant.json: the curated tables of a run as other programs load them, and what is known of them.

MLCommons Croissant 1.1 with its extension for responsible AI (RAI 1.0). What it says of a data set are the
answers of the data card (`datasheet.answers`), each with how it is known; a property to which nothing was
measured or declared is left out. Files are named from the folder of the report, RUN/report, because that is
from where a reader looks for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from duecare.core.about import ABOUT
from duecare.ledger.manifest import File
from duecare.report import words
from duecare.report.datasheet import DECLARED, MISSING, Answer, Source, answers, sources_of
from duecare.report.gather import Stage
from duecare.report.named import cited, happened
from duecare.report.view import View

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

LICENCE, ORIGIN = "Under which licence?", "Where does it come from?"
AGREED = "Which column says that a person agreed?"
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "rai:dataCollection": (ABOUT["collected"][1], ABOUT["period"][1], ABOUT["ethics"][1], AGREED),
    "rai:dataCollectionRawData": (ORIGIN,),
    "rai:dataAnnotationProtocol": (ABOUT["labelled"][1],),
    "rai:dataUseCases": (
        "For what is it used here?",
        "Which parts of it are held out?",
        ABOUT["made_for"][1],
        ABOUT["uses"][1],
    ),
    "rai:dataBiases": (
        "Who declares to be in it?",
        "Whom do its texts name?",
        "How were the people in it treated?",
        "How long are they, by group?",
        "Does it hold toxic texts?",
        "Does it state stereotypes?",
    ),
    "rai:dataLimitations": (
        ABOUT["not_for"][1],
        "Does it say the same twice?",
        "Does it hold what a model is evaluated on?",
        "Does it look tampered with?",
    ),
    "rai:dataSocialImpact": (ABOUT["harm"][1],),
    "rai:personalSensitiveInformation": (
        ABOUT["people"][1],
        "Which personal data was found and replaced?",
    ),
    "rai:dataReleaseMaintenancePlan": (ABOUT["shared"][1], ABOUT["kept"][1], "Who answers for that?"),
}
"""Property -> the questions of the data card whose answers it holds."""

CHANGED = frozenset({"curate.rows.changed", "curate.rows.added"})
"""A step that tells any such row manipulates (rai:dataManipulationProtocol), as does `balance`, which weighs;
the others look, sort out and part (rai:dataPreprocessingProtocol)."""

_ONE = frozenset(
    {
        "rai:dataCollection",
        "rai:dataCollectionRawData",
        "rai:dataAnnotationProtocol",
        "rai:dataManipulationProtocol",
        "rai:dataReleaseMaintenancePlan",
        "rai:dataSocialImpact",
    }
)
"""Properties of which a description has one, by the specification or by mlcroissant; the others are lists."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TABLES = ("kept.parquet", "kept.parquet.sealed")
_PARTS = ("train.parquet", "held_out.parquet")
_PLAIN = {
    "row": "source and 0-based position of the record that it was",
    "kind": "text, chat or preference",
    "text": "what it says",
    "chosen": "the preferred answer",
    "rejected": "the other answer",
}
_LISTS = {
    "messages": ("the turns of the chat, or what was asked", ("role", "content")),
    "groups": ("what the person declares to be", ("axis", "value")),
    "fields": ("columns of the source that stayed with the row", ("name", "value")),
}
_HELD = {"text": ("text",), "chat": ("messages",), "preference": ("messages", "chosen", "rejected")}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
} | {
    name: f"cr:{name}"
    for name in (
        *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field"),
        *("fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset"),
        *("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
        *("replace", "samplingRate", "separator", "source", "subField", "transform"),
    )
}


Found = Sequence[tuple[Source, Sequence[Answer]]]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a source: the stage that wrote it, and the file as it was sealed. `id` names it."""

    id: str
    source: Source
    stage: Stage
    file: File

    @property
    def is_open(self) -> bool:
        """Whether everybody can read it."""
        return self.file.path.endswith(".parquet")


def croissant(view: View) -> bytes:
    """The description as JSON-LD; the same run gives the same bytes."""
    sources = sources_of(view)
    tables = [table for source in sources for table in tables_of(source)]
    found = [(source, answers(view, source)) for source in sources]
    licences = [each.said for _, given in found for each in given if _is(each, LICENCE)]
    written: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": view.story.name,
        "description": _described(view, found),
        "conformsTo": list(CONFORMS_TO),
        "identifier": view.story.run,
        "dateCreated": view.story.ended[:10],
        "license": list(dict.fromkeys(licences)),
        "distribution": [_file(table) for table in tables],
        "recordSet": [_record_set(table) for table in tables if table.is_open],
        **_responsible(found),
        "isBasedOn": _entries(view, found),
    }
    said = {key: value for key, value in written.items() if value not in (None, "", [])}
    return json.dumps(said, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"


def tables_of(source: Source) -> Iterator[Table]:
    """The table of a source after its last step, and the parts into which it was split."""
    last = None
    for stage in source.stages:
        for name in _TABLES:
            if name in stage.listed and name not in stage.altered:
                last = Table(source.name, source, stage, stage.listed[name])
    if last is not None:
        yield last
    for stage in source.stages:
        for name in _PARTS:
            if name in stage.listed:
                part = name.partition(".")[0]
                yield Table(f"{source.name}/{part}", source, stage, stage.listed[name])


def _entries(view: View, found: Found) -> list[dict[str, str]]:
    """The ledger entries that the answers name, each with the hash that it has in the ledger's tree."""
    named = {index for _, given in found for each in given for index in each.entries}
    return [
        {
            "@type": "sc:CreativeWork",
            "name": f"ledger entry {entry.index}",
            "description": happened(entry),
            "identifier": f"sha256:{digest}",
        }
        for entry, digest in cited(view, named)
    ]


def _is(answer: Answer, *questions: str) -> bool:
    return answer.known != MISSING and answer.question in questions


def _described(view: View, found: Found) -> str:
    names = words.listed([source.name for source, _ in found])
    parts = [
        f"The curated data of run {view.story.run}" + (f": {names}." if found else ", which has no sources.")
    ]
    parts += [f"Used for: {view.purpose}" if view.purpose else ""]
    for source, given in found:
        parts += [f"{source.name} comes from: {each.said}" for each in given if _is(each, ORIGIN)]
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def _file(table: Table) -> dict[str, Any]:
    entry = f"written by {table.stage.job}, ledger entry {table.stage.entry.index}"
    sealed = "Sealed with the study's secret and not open, as personal data was not yet taken out."
    return {
        "@type": "cr:FileObject",
        "@id": f"{table.id}.parquet",
        "name": f"{table.stage.folder}/{table.file.path}",
        "description": f"Rows of {table.id}, {entry}." + ("" if table.is_open else f" {sealed}"),
        "contentUrl": f"../{table.stage.folder}/{table.file.path}",
        "contentSize": f"{table.file.size} B",
        "encodingFormat": "application/x-parquet" if table.is_open else "application/octet-stream",
        "sha256": table.file.sha256,
    }


def _record_set(table: Table) -> dict[str, Any]:
    kind = str(table.source.settings.get("kind") or "text")
    held = _HELD.get(kind, ())
    fields = [_field(table, name) for name in ("row", "kind", *held, "groups", "fields")]
    weight = _leaf(table, "weight", "weight", "how much the row counts in training", "sc:Float")
    return {
        "@type": "cr:RecordSet",
        "@id": table.id,
        "name": table.id,
        "description": f"One {kind} a record.",
        "key": {"@id": f"{table.id}/row"},
        "field": [*fields, weight],
    }


def _field(table: Table, name: str) -> dict[str, Any]:
    if name in _PLAIN:
        return _leaf(table, name, name, _PLAIN[name])
    said, parts = _LISTS[name]
    inner = []
    for part in parts:
        leaf = _leaf(table, f"{name}/{part}", name, f"{part} of {name}")
        leaf["name"] = part
        leaf["source"]["transform"] = {"jsonPath": part}
        inner.append(leaf)
    return {
        "@type": "cr:Field",
        "@id": f"{table.id}/{name}",
        "name": name,
        "description": said,
        "isArray": True,
        "subField": inner,
    }


def _leaf(table: Table, name: str, column: str, said: str, kind: str = "sc:Text") -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{table.id}/{name}",
        "name": name,
        "description": said,
        "dataType": kind,
        "source": {"fileObject": {"@id": f"{table.id}.parquet"}, "extract": {"column": column}},
    }


def _responsible(found: Found) -> dict[str, Any]:
    """The RAI properties to which anything was measured or declared, in the words of the data card."""
    said: dict[str, list[str]] = {name: [] for name in PROPERTIES}
    said |= {"rai:dataPreprocessingProtocol": [], "rai:dataManipulationProtocol": []}
    for source, given in found:
        changing = {f"Step {stage.kind}" for stage in source.stages if _changes(stage)}
        for answer in given:
            if answer.question.startswith("Step "):
                what = "Manipulation" if answer.question in changing else "Preprocessing"
                said[f"rai:data{what}Protocol"].append(_told(source, answer))
            for name, questions in PROPERTIES.items():
                if _is(answer, *questions):
                    said[name].append(_told(source, answer))
    written: dict[str, Any] = {
        name: "\n".join(told) if name in _ONE else told for name, told in said.items() if told
    }
    if tools := [tool for source, _ in found for tool in _tools(source)]:
        written["rai:machineAnnotationTools"] = tools
    if dates := _dates(found):
        written["rai:dataCollectionTimeframe"] = dates
    return dict(sorted(written.items()))


def _changes(stage: Stage) -> bool:
    told = (each.estimate for each in stage.figures)
    return stage.kind == "balance" or any(each.metric in CHANGED and each.value for each in told)


def _tools(source: Source) -> Iterator[str]:
    """The detectors that looked at its rows, by the settings on record."""
    for stage in source.stages:
        if isinstance(name := (stage.entry.settings or {}).get("detector"), str):
            yield f"{source.name}: {name} (step {stage.kind}, ledger entry {stage.entry.index})"


def _told(source: Source, answer: Answer) -> str:
    """ "chats: Who declares to be in it? women (gender): 12.9% ... (measured, ledger entry 3)"."""
    return " ".join(filter(None, (f"{source.name}: {answer.question}", answer.said, f"({answer.standing})")))


def _dates(found: Found) -> list[str]:
    """First and last day among the periods that the study declares as dates; other words are no dates."""
    days: set[str] = set()
    for answer in (each for _, given in found for each in given):
        if answer.known == DECLARED and answer.question == ABOUT["period"][1]:
            days |= {day for day in _DATE.findall(answer.said) if _is_day(day)}
    return list(dict.fromkeys([min(days), max(days)])) if days else []


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
