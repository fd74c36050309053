"""The start gate: no policy learns from a reward model that nobody audited, or whose audit did not pass.

What counts is the very artifact that would reward, by its digest. Two people may let it start all the same:
they waive the failed gates of the audit, or the refusal itself, which is a finding for that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from duecare.cli.plan import Job
from duecare.cli.rewarding import AUDIT
from duecare.cli.standing import gates
from duecare.cli.steps import BY_NAME, kind_of
from duecare.core import FAIL, PASS, DuecareError, Finding, Note
from duecare.ledger.duties import Account
from duecare.ledger.entry import Entry
from duecare.ledger.waiver import Waived, waivers

REWARD = "reward"
"""The input by which a step is handed what rewards."""
TOPIC = "reward.start"
LIMIT = "a passing audit of the very reward model, or a waiver by two people"


class StartError(DuecareError):
    """A step may not start; `finding` says why, and may be waived."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.detail} {finding.next}")
        self.finding = finding


def may_start(
    job: Job,
    digests: Mapping[str, str],
    counting: Mapping[str, Entry],
    entries: Sequence[Entry],
    now: datetime,
    *,
    people: Account | None = None,
) -> Note | None:
    """What lets `job` learn from its reward model, for the ledger; None where it has none.

    `digests` are those of its inputs, `counting` the entries of this run's jobs so far; an audit that is no
    job of this run counts where none of these is of that artifact. Where the study lists `people`, only
    waivers that they signed with their keys count. Raises StartError where nothing does.
    """
    kind = kind_of(job.step)
    looks = kind is not None and kind.section != "train"  # explaining a reward is no learning from it
    if looks or not getattr(job.step, "reward_model", "") or REWARD not in digests:
        return None
    digest = digests[REWARD]
    audits = _audits(counting.values(), digest) or _audits(_latest(entries), digest)
    unsettled, waived = _unsettled(audits, entries, now, people)
    if audits and not unsettled:
        return _note(job, digest, audits, waived)
    refused = _refusal(job, digest, audits, unsettled)
    if holding := _holding(entries, refused, now, people):
        return _note(job, digest, audits, holding)
    raise StartError(refused)


def _audits(entries: Iterable[Entry], digest: str) -> list[Entry]:
    """Finished audits of the artifact with this digest that decided something."""
    step = BY_NAME[AUDIT].step.replace(":", ".")
    return [
        entry
        for entry in entries
        if entry.step == step and entry.inputs.get(REWARD) == digest and any(f.gate for f in entry.findings)
    ]


def _latest(entries: Sequence[Entry]) -> list[Entry]:
    """The latest entry of each job that was finished."""
    found = {entry.job: entry for entry in entries if entry.happened == "step.finished"}
    return list(found.values())


def _unsettled(
    audits: Sequence[Entry], entries: Sequence[Entry], now: datetime, people: Account | None
) -> tuple[list[Finding], list[Waived]]:
    """The gates of audits that neither passed nor are waived; and the waivers that hold."""
    unsettled, waived = [], []
    for finding in gates(entries, audits):
        holding = _holding(entries, finding, now, people)
        waived += holding[:1]
        if finding.verdict != PASS and not holding:
            unsettled.append(finding)
    return unsettled, waived


def _holding(
    entries: Sequence[Entry], finding: Finding, now: datetime, people: Account | None
) -> list[Waived]:
    return [one for one in waivers(entries, finding, people) if one.expires > now]


def _refusal(job: Job, digest: str, audits: Sequence[Entry], unsettled: Sequence[Finding]) -> Finding:
    name = str(getattr(job.step, "reward_model", ""))
    who = f"{job.id} may not learn from {name} (artifact {digest[:12]})"
    waive = (
        "or let two people waive this: `duecare review serve RUN`, page Waivers (where the study lists"
        " people: `duecare waive`, each with a key), then run again."
    )
    if not audits:
        why = "no audit of it is on record."
        mend = f"Add `- audit: {{reward: {name}, on: <pairs>}}` to the section `reward` of the study, {waive}"
    else:
        told = ", ".join(f"{finding.name} ({finding.verdict})" for finding in unsettled)
        why = f"its audit did not pass: {told}."
        mend = f"Mend the reward, give the audit more pairs and nudges, {waive}"
    return Finding(name=TOPIC, verdict=FAIL, limit=LIMIT, detail=f"{who}: {why}", next=mend, gate=True)


def _note(job: Job, digest: str, audits: Sequence[Entry], waived: Sequence[Waived]) -> Note:
    name = getattr(job.step, "reward_model", "")
    if waived:
        text = f"{job.id} learns from {name} by a waiver: {'; '.join(one.text for one in waived)}."
    else:
        text = f"{job.id} learns from {name}, whose audit passed."
    data = {
        "reward": digest,
        "audits": ", ".join(str(entry.index) for entry in audits),
        "waivers": ", ".join(str(one.entry) for one in waived),
    }
    return Note(topic=TOPIC, text=text, data={key: value for key, value in data.items() if value})
