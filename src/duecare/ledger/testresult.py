"""What the gates said, as a test-result statement of in-toto (v0.1).

The predicate is https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md. A gate
that held passed. One that did not, or could not say, failed, unless as many people as the rules ask for
waived it: then it is a warning, with the day on which the waiver ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from duecare.core.finding import INSUFFICIENT, PASS, Finding
from duecare.ledger.attestation import Subject, descriptor, models, started, statement, way_back
from duecare.ledger.digest import value_digest
from duecare.ledger.duties import Account
from duecare.ledger.entry import Entry
from duecare.ledger.standing import gates, standing
from duecare.ledger.waiver import waivers

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
PASSED, WARNED, FAILED = "PASSED", "WARNED", "FAILED"


def gate_results(
    run: Path, entries: Sequence[Entry], people: Account, now: datetime, subject: Subject
) -> bytes | None:
    """The statement about the gates of the run as it is that speak of `subject`; None where none does."""
    about = gates_about(run, entries, subject)
    if not about:
        return None
    names = _names(about)
    told: dict[str, list[str]] = {PASSED: [], WARNED: [], FAILED: []}
    for gate, name in zip(about, names, strict=True):
        until = [each.expires for each in waivers(entries, gate, people) if each.expires > now]
        if gate.verdict == PASS:
            told[PASSED].append(name)
        elif until:
            told[WARNED].append(f"{name}, waived until {max(until).date()}")
        else:
            told[FAILED].append(name)
    begun = started(entries)
    predicate = {
        "result": FAILED if told[FAILED] else WARNED if told[WARNED] else PASSED,
        "configuration": [
            descriptor("study", begun.settings_digest or value_digest(begun.settings), entry=begun.index)
        ],
        "passedTests": told[PASSED],
        "warnedTests": told[WARNED],
        "failedTests": told[FAILED],
    }
    return statement(subject, TEST_RESULT, predicate)


def gates_about(run: Path, entries: Sequence[Entry], subject: Subject) -> tuple[Finding, ...]:
    """The gates that count, but those of jobs that looked at a model on which the attested one does not rest:
    what was measured on another model was not tested on this one."""
    state = standing(entries)
    made, own = models(run, state).keys(), {entry.job for entry in way_back(state, subject.job)}
    counting = [state.done[job] for job in state.planned if job in state.done]
    seen = {entry.index: {each.job for each in way_back(state, entry.job or "")} & made for entry in counting}
    of_it = gates(entries, [entry for entry in counting if seen[entry.index] <= own])
    others = gates(entries, [entry for entry in counting if not seen[entry.index] <= own])
    return tuple(gate for gate in state.gates if gate in of_it or gate not in others)


def _names(about: Sequence[Finding]) -> list[str]:
    """A name for each: what it is about, its limit, and the digest of what it said where two are alike."""
    plain = [f"{gate.name} ({gate.limit})" for gate in about]
    often = Counter(plain)
    found = []
    for gate, name in zip(about, plain, strict=True):
        one = name if often[name] == 1 else f"{name} [{value_digest(gate)[:8]}]"
        found.append(f"{one}: {INSUFFICIENT}" if gate.verdict == INSUFFICIENT else one)
    return found
