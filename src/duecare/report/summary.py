"""report.json: every figure and finding for other programs, with the same ids as on the page."""

from __future__ import annotations

from typing import Any

from duecare.core.wire import plain
from duecare.report.comparisons import Reached
from duecare.report.curation import SourceView
from duecare.report.view import View

FORMAT = "duecare.report.v1"


def summary(view: View) -> dict[str, Any]:
    """The report as plain values; figures and findings name the ledger entry that holds them."""
    story = view.story
    return {
        "format": FORMAT,
        "run": story.run,
        "study": {"name": story.name, "purpose": view.purpose, "owner": view.owner, "base": view.base},
        "started": story.started,
        "ended": story.ended,
        "finished": story.finished,
        "failed": story.failed.job if story.failed else None,
        "missing": list(story.missing),
        "altered": list(story.altered),
        "verdict": {"kind": view.banner.kind, "text": view.banner.text, "more": view.banner.more},
        "figures": [
            {"id": figure.id, "entry": figure.entry, "job": figure.job, "estimate": plain(figure.estimate)}
            for figure in view.figures
        ],
        "findings": [
            {
                "id": item.id,
                "entry": item.entry,
                "job": item.job,
                "figure": item.figure.id if item.figure else None,
                "finding": plain(item.finding),
            }
            for item in story.rulings
        ],
        "comparisons": _comparisons(view),
        "instruments": _instruments(view),
        "sources": [_source(source) for source in view.sources],
        "artifacts": [
            {"job": stage.job, "entry": stage.entry.index, "digest": stage.digest} for stage in story.stages
        ],
        **({"people": plain(view.answering)} if view.answering else {}),
        "ledger": {"entries": view.account.entries, "root": view.account.root, "key": view.account.key},
        "limits": list(view.limits),
    }


def _comparisons(view: View) -> list[dict[str, Any]]:
    return [
        {
            "title": line.title,
            "about": line.about,
            "limit": line.limit,
            "alone": _reached(line.alone),
            "corrected": _reached(line.corrected),
        }
        for line in (view.comparisons.lines if view.comparisons else ())
    ]


def _instruments(view: View) -> list[dict[str, Any]]:
    return [
        {
            "name": item.name,
            "used_for": list(item.used_for),
            "worst": plain(item.card.worst_first[0]) if item.card and item.card.measured_on else None,
        }
        for item in view.instruments
    ]


def _reached(look: Reached | None) -> dict[str, str] | None:
    return {"figure": look.figure.id, "verdict": look.verdict, "level": look.level} if look else None


def _source(source: SourceView) -> dict[str, Any]:
    return {
        "name": source.name,
        "steps": [
            {
                "job": step.stage.job,
                "counts": {what: figure.id for what, figure in step.counts},
                "reasons": [plain(reason) for reason in step.reasons],
            }
            for step in source.steps
        ],
    }
