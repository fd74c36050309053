"""The model card inside the bill of materials: parameters, figures with intervals, considerations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from duecare.core import PASS
from duecare.report.datasheet import MISSING
from duecare.report.documents.bom_parts import Told
from duecare.report.documents.fact import Fact, figured, limits, measured, missing
from duecare.report.documents.of_model import REINFORCED, base_note, trained
from duecare.report.documents.of_tests import may_leave, performance
from duecare.report.documents.topics import Evidence
from duecare.report.gather import Figure
from duecare.report.verdict import Card as Verdict
from duecare.report.view import View


@dataclass(frozen=True, slots=True)
class Card:
    """A model card as the schema has it, and the properties that say how each of its fields is known."""

    written: dict[str, Any]
    properties: list[dict[str, str]]


@dataclass(slots=True)
class _Writing:
    """A card in the making: whoever puts a field in says how it is known."""

    told: Told
    properties: list[dict[str, str]] = field(default_factory=list)

    def known(self, pointer: str, fact: Fact, more: str = "") -> None:
        """Say of the field at a JSON pointer below the component how it is known."""
        how = f"declared by {fact.by}" if fact.by else fact.known
        value = "; ".join(filter(None, (how, self.told.at(fact.entries), more)))
        self.properties.append({"name": f"duecare:known:/modelCard{pointer}", "value": value})

    def texts(self, pointer: str, facts: Iterable[Fact]) -> list[str]:
        """The words of facts as a list of the schema; what is missing goes into the properties."""
        said: list[str] = []
        for fact in facts:
            if fact.known == MISSING:
                self.missing(f"modelCard{pointer.replace('/', '.')}", fact)
                continue
            self.known(f"{pointer}/{len(said)}", fact)
            said.append(fact.said)
        return said

    def missing(self, name: str, fact: Fact) -> None:
        """Say that a field is missing, and what would fill it."""
        self.properties.append({"name": f"duecare:missing:{name}", "value": f"{fact.what}: {fact.fill}"})


def model_card(view: View, evidence: Evidence, told: Told, data: list[str]) -> Card:
    """The card of the tuned model, or of the base model where none was tuned. `data` are references."""
    writing = _Writing(told)
    found = {
        "bom-ref": "model-card",
        "modelParameters": _parameters(view, evidence, writing, data),
        "quantitativeAnalysis": {"performanceMetrics": _metrics(view, evidence, writing)},
        "considerations": _considerations(view, evidence, writing),
    }
    return Card({key: value for key, value in found.items() if value}, writing.properties)


def _parameters(view: View, evidence: Evidence, writing: _Writing, data: list[str]) -> dict[str, Any]:
    stages = trained(view)
    steps = {(stage.entry.step or "").rpartition(".")[2] for stage in stages}
    found: dict[str, Any] = {
        "task": "text-generation",
        "architectureFamily": "transformer",
        "inputs": [{"format": "text"}],
        "outputs": [{"format": "text"}],
    }
    if stages:
        found["approach"] = {"type": "reinforcement-learning" if steps & REINFORCED else "supervised"}
        writing.known("/modelParameters/approach", evidence.of("training")[0])
    if family := base_note(view).get("family"):
        found["modelArchitecture"] = family
        writing.known("/modelParameters/modelArchitecture", evidence.of("base")[0])
    if data:
        found["datasets"] = [{"ref": each} for each in data]
    return found


def _metrics(view: View, evidence: Evidence, writing: _Writing) -> list[dict[str, Any]]:
    figures = [each for each in performance(view) if each.estimate.value is not None]
    if not figures:
        writing.missing(
            "modelCard.quantitativeAnalysis", missing("Figures", "the section `evaluate` of the study")
        )
    written = []
    for place, figure in enumerate(figures):
        written.append(_metric(figure))
        more = _behind(figure)
        writing.properties.append(
            writing.told.property(
                f"duecare:known:/modelCard/quantitativeAnalysis/performanceMetrics/{place}",
                (figure.entry,),
                more,
            )
        )
    return written


def _metric(figure: Figure) -> dict[str, Any]:
    estimate = figure.estimate
    found: dict[str, Any] = {"type": estimate.metric, "value": repr(estimate.value)}
    if estimate.slice:
        found["slice"] = "; ".join(f"{key}={value}" for key, value in sorted(estimate.slice.items()))
    if estimate.low is not None and estimate.high is not None:
        found["confidenceInterval"] = {"lowerBound": repr(estimate.low), "upperBound": repr(estimate.high)}
    return found


def _behind(figure: Figure) -> str:
    estimate = figure.estimate
    return (
        f"figure {figure.id}; job {figure.job}; n {estimate.n}; level {estimate.level:.6g};"
        f" method {estimate.method}"
        + (f"; unit {estimate.unit}" if estimate.unit else "")
        + (f"; rests on {', '.join(estimate.rests_on)}" if estimate.rests_on else "")
    )


def _considerations(view: View, evidence: Evidence, writing: _Writing) -> dict[str, Any]:
    at = "/considerations"
    noticed = [fact for fact in evidence.of("noticed") if fact.said != "none"]
    general = [measured("Limit", text, [view.story.entries[-1].index]) for text in limits(view)]
    found: dict[str, Any] = {
        "users": writing.texts(f"{at}/users", evidence.of("users")),
        "useCases": writing.texts(f"{at}/useCases", evidence.of("purpose", "benefits")),
        "technicalLimitations": [
            *writing.texts(f"{at}/technicalLimitations", [*evidence.of("not_for"), *noticed, *general]),
        ],
        "performanceTradeoffs": writing.texts(f"{at}/performanceTradeoffs", evidence.of("choices")),
        "ethicalConsiderations": _ethics(evidence, writing),
        "fairnessAssessments": _fairness(view, writing),
    }
    return {key: value for key, value in found.items() if value}


def _ethics(evidence: Evidence, writing: _Writing) -> list[dict[str, str]]:
    """Risks as declared; those that steps noticed stand among the limitations."""
    found: list[dict[str, str]] = []
    for fact in evidence.of("risks", "affected"):
        if fact.known == MISSING:
            writing.missing("modelCard.considerations.ethicalConsiderations", fact)
            continue
        writing.known(f"/considerations/ethicalConsiderations/{len(found)}", fact)
        found.append({"name": fact.said})
    return found


def _fairness(view: View, writing: _Writing) -> list[dict[str, str]]:
    """One assessment for each limit on how a group is treated, with its verdict and its figure."""
    found: list[dict[str, str]] = []
    for card in (*view.gates, *view.findings, *view.watched):
        ruling = card.ruling
        if ruling.figure is None or not may_leave(card):
            continue
        if not {"axis", "group"} & ruling.figure.estimate.slice.keys():
            continue
        fact = Fact(card.title, card.verdict, "measured", (ruling.entry,))
        writing.known(f"/considerations/fairnessAssessments/{len(found)}", fact, f"figure {ruling.figure.id}")
        found.append(_assessed(card))
    if not found:
        gap = missing("Assessments by group", "a limit by group in the section `gates`")
        writing.missing("modelCard.considerations.fairnessAssessments", gap)
    return found


def _assessed(card: Verdict) -> dict[str, str]:
    finding, figure = card.ruling.finding, card.ruling.figure
    shown = figured(figure) if figure else ""
    written = {
        "groupAtRisk": card.about or card.title,
        "harms": f"{card.title}: {card.verdict}, limit {finding.limit}; {shown}",
    }
    if finding.verdict != PASS and finding.next:
        written["mitigationStrategy"] = finding.next
    return written
