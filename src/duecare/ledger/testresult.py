"""What the gates said, as a test-result statement of in-toto (v0.1).

The predicate is https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md. A gate
that held passed. One that did not, or could not say, failed, unless as many people as the rules ask for
waived it: then it is a warning, with the day on which the waiver ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from duecare.core.finding import INSUFFICIENT, PASS, Finding
from duecare.ledger.attestation import Subject, descriptor, started, statement
from duecare.ledger.digest import value_digest
from duecare.ledger.duties import Account
from duecare.ledger.entry import Entry
from duecare.ledger.standing import standing
from duecare.ledger.waiver import waivers

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
PASSED, WARNED, FAILED = "PASSED", "WARNED", "FAILED"


def gate_results(entries: Sequence[Entry], people: Account, now: datetime, subject: Subject) -> bytes | None:
    """The statement about the gates of the run as it is; None where its study declares none."""
    gates = standing(entries).gates
    if not gates:
        return None
    names = _names(gates)
    told: dict[str, list[str]] = {PASSED: [], WARNED: [], FAILED: []}
    for gate, name in zip(gates, names, strict=True):
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


def _names(gates: Sequence[Finding]) -> list[str]:
    """A name for each: what it is about, its limit, and the digest of what it said where two are alike."""
    plain = [f"{gate.name} ({gate.limit})" for gate in gates]
    often = Counter(plain)
    found = []
    for gate, name in zip(gates, plain, strict=True):
        one = name if often[name] == 1 else f"{name} [{value_digest(gate)[:8]}]"
        found.append(f"{one}: {INSUFFICIENT}" if gate.verdict == INSUFFICIENT else one)
    return found
