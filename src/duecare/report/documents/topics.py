"""The topics that documents draw upon: each a heading, and what a run's ledger holds under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from duecare.core.about import SYSTEM
from duecare.report.documents import of_data, of_model, of_people, of_tests
from duecare.report.documents.fact import Fact, answered
from duecare.report.view import View


@dataclass(frozen=True, slots=True)
class Topic:
    """A heading, and how its facts are found."""

    title: str
    find: Callable[[View], list[Fact]]


def _declared(key: str) -> Topic:
    return Topic(SYSTEM[key][0], lambda view: [answered(view, key)])


TOPICS: Mapping[str, Topic] = {
    "purpose": Topic("What it is for", of_people.purpose),
    "owner": Topic("Who answers for it and who ran it", of_people.owner),
    "roles": Topic("People and their roles", of_people.roles),
    "signatures": Topic("What people signed", of_people.signatures),
    "waived": Topic("Gates that were waived", of_people.waived),
    "incidents": Topic("Incidents after release", of_people.incidents),
    "release": Topic("Release", of_people.release),
    "erased": Topic("What was forgotten on request", of_people.erased),
    "kept": Topic("Encryption and the day until which data is kept", of_people.kept),
    "origin": Topic("Origin of the data", of_data.origin),
    "rights": Topic("Consent, review and access of the data", of_data.rights),
    "licence": Topic("Licences of the data", of_data.licence),
    "shape": Topic("Size and parts of the data", of_data.shape),
    "labels": Topic("Labelling", of_data.labels),
    "in_data": Topic("People in the data", of_data.people),
    "data_harm": Topic("Toxic and stereotyping texts in the data", of_data.harm),
    "doubles": Topic("Repetitions in the data", of_data.doubles),
    "tampering": Topic("Tampering and contamination of the data", of_data.tampering),
    "personal": Topic("Personal data found and replaced", of_data.personal),
    "cleaning": Topic("Steps of curation", of_data.cleaning),
    "data_uses": Topic("What the data is fit for", of_data.uses),
    "sealed": Topic("Files encrypted at rest", of_data.sealed),
    "base": Topic("The base model", of_model.base),
    "training": Topic("Training", of_model.training),
    "care": Topic("Methods against gaps between groups", of_model.care),
    "results": Topic("Digests of what was trained", of_model.results),
    "software": Topic("Software", of_model.software),
    "pipeline": Topic("Jobs and what they hand on", of_model.pipeline),
    "time_taken": Topic("Time of computing", of_model.time_taken),
    "private": Topic("Differential privacy", of_model.private),
    "memorised": Topic("What the model memorised", of_model.memorised),
    "attempts": Topic("Runs and failures on record", of_model.attempts),
    "record": Topic("The ledger and its head", of_model.record),
    "suites": Topic("Suites of tests", of_tests.suites),
    "fairness": Topic("How groups are treated", of_tests.fairness),
    "usefulness": Topic("Usefulness on rows held out", of_tests.usefulness),
    "safety": Topic("Toxic answers and refusals", of_tests.safety),
    "gates": Topic("Limits and what came of them", of_tests.gates),
    "noticed": Topic("Findings that do not hold", of_tests.noticed),
    "watched": Topic("Limits watched while training", of_tests.watched),
    "rewards": Topic("Audits of rewards", of_tests.rewards),
    "explanations": Topic("Explanations and their tests", of_tests.explanations),
    "review": Topic("People's judgement", of_tests.review),
    "instruments": Topic("Instruments of measurement", of_tests.instruments),
    **{key: _declared(key) for key in SYSTEM},
}


class Evidence:
    """The facts of one run, each topic looked up once."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._found: dict[str, tuple[Fact, ...]] = {}

    def of(self, *topics: str) -> tuple[Fact, ...]:
        """Every fact of these topics, in their order. Raises KeyError for a topic that is none."""
        for name in topics:
            if name not in self._found:
                self._found[name] = tuple(TOPICS[name].find(self.view))
        return tuple(fact for name in topics for fact in self._found[name])
