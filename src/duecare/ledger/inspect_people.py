"""Verification of who answers for a run: signatures, duties by the rules of its study, release, incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from duecare.core.errors import DuecareError
from duecare.core.finding import INSUFFICIENT, Finding
from duecare.ledger.duties import Account, Said, account, missing, moment
from duecare.ledger.entry import Entry
from duecare.ledger.forget_duty import inspect_forgetting
from duecare.ledger.inspect_log import Ledger, fail, hold, shorten
from duecare.ledger.layout import LEDGER, LOG
from duecare.ledger.statement import SIGNED

PEOPLE = "people"
"""Begins the names of these findings, after "verify."."""
_SIGNED = "every statement is signed by whom it names, for this run and state, as the rules allow"
_DUTIES = "by the rules of the study nothing is missing for a release"
_RELEASED = "nothing was missing when the run was released"
_ANSWERED = "every incident is answered"
_ASK = "Whoever it is about signs (`duecare approve`, `duecare waive`); `duecare people list` says who may."
_NEVER_RELY = "It does not count. Find out who entered it, and ask the person it names."
_RELEASE = "duecare release"


def inspect_people(ledger: Ledger, now: datetime) -> list[Finding]:
    """Findings on people and roles; none for a run whose study lists nobody and that nobody signed."""
    head, entries = ledger.head, [entry for _, entry in ledger.entries]
    if head is None or not any(_about_people(entry) for entry in entries):
        return []
    try:
        found = account(entries, ledger.leaves, head.run, head.key)
        return [
            *_signatures(found),
            *_duties(found, now),
            *_releases(found, entries, ledger.leaves, now),
            *_incidents(found),
            *inspect_forgetting(found),
        ]
    except DuecareError as error:
        return [fail(f"{PEOPLE}.signature", _SIGNED, f"{LEDGER}/{LOG}: {error}.")]


def about_people(finding: Finding) -> bool:
    """Whether a finding of `verify` is about duties: the run is as recorded, whatever it says."""
    return finding.name.startswith(f"verify.{PEOPLE}.")


def _about_people(entry: Entry) -> bool:
    starts = entry.happened == "run.started"
    return entry.happened == SIGNED or (starts and bool({"people", "rules"} & entry.settings.keys()))


def _signatures(found: Account) -> list[Finding]:
    if found.faults:
        return shorten(
            [
                fail(f"{PEOPLE}.signature", _SIGNED, f"{LEDGER}/{LOG}, entry {index}: {text}.", _NEVER_RELY)
                for index, text in found.faults
            ]
        )
    count, listed = len(found.said), found.listed
    who = f"{len(listed.listing.people)} people are listed" if listed else "nobody is listed"
    return [hold(f"{PEOPLE}.signature", _SIGNED, f"{count} statements; {who}.")]


def _insufficient(name: str, limit: str, detail: str, then: str) -> Finding:
    made = fail(name, limit, detail, then)
    return Finding(name=made.name, verdict=INSUFFICIENT, limit=made.limit, detail=made.detail, next=made.next)


def _duties(found: Account, now: datetime) -> list[Finding]:
    """What is missing now: of a run that was released as it stands that is a fault, else work to do."""
    said = missing(found, now)
    if not said:
        return [hold(f"{PEOPLE}.duty", _DUTIES, "Approvals, waivers and duties are as the rules ask.")]
    if _stands(found):
        then = "Do not use the model until this is made good."
        return shorten([fail(f"{PEOPLE}.duty", _DUTIES, f"Released, but {text}.", then) for text in said])
    return [_insufficient(f"{PEOPLE}.duty", _DUTIES, f"{_capital(text)}.", _ASK) for text in said]


def _stands(found: Account) -> bool:
    """Whether the last release is of the run as it is."""
    releases = found.releases
    return bool(releases) and releases[-1].statement.subject == found.subject("release")


def _releases(
    found: Account, entries: Sequence[Entry], leaves: Sequence[bytes], now: datetime
) -> list[Finding]:
    problems = []
    for each in found.releases:
        before = account(entries, leaves, found.run, found.recorder, upto=each.entry)
        when = moment(entries_time(entries, each)) or now
        lacked = missing(before, when)
        if before.faults:
            lacked.append("something on record then could not stand")
        if each.statement.subject != before.subject("release"):
            lacked.append("it is signed for another state of the run")
        problems += [
            fail(f"{PEOPLE}.release", _RELEASED, f"Entry {each.entry} releases the run, but {text}.")
            for text in lacked
        ]
    if problems or not found.releases:
        return shorten(problems)
    last = found.releases[-1]
    who, place = last.statement.person, f"entry {last.entry}"
    if not _stands(found):
        detail = f"The run changed since {who} released it ({place}): it is not released as it is."
        return [_insufficient(f"{PEOPLE}.release", _RELEASED, detail, f"Release it again: `{_RELEASE}`.")]
    if not any(entry.happened == "released" and entry.index > last.entry for entry in entries):
        detail = f"{who} released the run ({place}), but no bundle of it is on record: it was interrupted."
        return [_insufficient(f"{PEOPLE}.release", _RELEASED, detail, f"`{_RELEASE}` completes it.")]
    return [hold(f"{PEOPLE}.release", _RELEASED, f"Released by {who}, {place}.")]


def entries_time(entries: Sequence[Entry], said: Said) -> str:
    """When the entry of a statement was written."""
    return next((entry.time for entry in entries if entry.index == said.entry), "")


def _incidents(found: Account) -> list[Finding]:
    if not found.incidents:
        return []
    open_now = [each.reported for each in found.incidents if each.answer is None]
    then = "Whoever may answer it does (`duecare incident answer`), and the run is released anew."
    return [
        fail(
            f"{PEOPLE}.incident",
            _ANSWERED,
            f"Entry {each.entry}: {each.statement.person} reported an incident ({each.statement.about}): "
            f"{each.statement.quoted}",
            then,
        )
        for each in open_now
    ] or [hold(f"{PEOPLE}.incident", _ANSWERED, f"{len(found.incidents)} were reported and answered.")]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
