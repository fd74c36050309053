"""Who answers for a run, by its own list: what each person signed, what is missing, incidents, release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from duecare.core import DuecareError
from duecare.ledger.duties import Account, Incident, Said, missing, moment
from duecare.report.gather import Story

_OPEN, _ANSWERED = "open", "answered"


@dataclass(frozen=True, slots=True)
class Signature:
    """One statement in words, what was said with it, and its entry."""

    entry: int
    text: str
    quoted: str


@dataclass(frozen=True, slots=True)
class Answerer:
    """One person of the list; `runs` says that they ran the jobs."""

    name: str
    roles: tuple[str, ...]
    key: str
    runs: bool
    signed: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """One incident: how severe, what happened, by whom; `state` is "open" or "answered", with the answer."""

    entry: int
    severity: str
    by: str
    what: str
    state: str
    answer: Signature | None


@dataclass(frozen=True, slots=True)
class Answering:
    """What the ledger says of people. `missing` is told as of the last entry, not of the day of reading.

    `released` is the entry of the release that is of the run as it is; None where there is none.
    """

    listed: int
    signed: int | None
    people: tuple[Answerer, ...]
    faults: tuple[str, ...]
    missing: tuple[str, ...]
    incidents: tuple[Reported, ...]
    released: Signature | None

    @property
    def open(self) -> tuple[Reported, ...]:
        """The incidents that nobody answered."""
        return tuple(each for each in self.incidents if each.state == _OPEN)

    @property
    def state(self) -> str:
        """Where the release stands, in a sentence."""
        if self.faults:
            return "Something that was signed or listed cannot stand; see below."
        if self.open:
            return "An incident is open: the model is not released as it is."
        if self.released is not None:
            return f"{self.released.text} (entry {self.released.entry})."
        if self.missing:
            return "Not released: something is missing."
        return "Nothing is missing for a release; nobody has released it."


def answering(story: Story) -> Answering | None:
    """Who answers for the run; None where its study lists nobody."""
    found = story.duties
    if found is None or found.listed is None:
        return None
    listed = found.listed
    people = tuple(
        Answerer(
            name=name,
            roles=person.roles,
            key=person.key,
            runs=name == found.recorded_by,
            signed=tuple(_signature(each) for each in found.said if each.statement.person == name),
        )
        for name, person in listed.listing.people.items()
    )
    last = moment(story.entries[-1].time) or datetime.now(UTC)
    return Answering(
        listed=listed.entry,
        signed=listed.signed,
        people=people,
        faults=tuple(f"Entry {index}: {text}." for index, text in found.faults),
        missing=tuple(_missing(found, last)),
        incidents=tuple(map(_reported, found.incidents)),
        released=_released(found),
    )


def _signature(said: Said) -> Signature:
    return Signature(said.entry, said.statement.words, said.statement.quoted)


def _missing(found: Account, day: datetime) -> list[str]:
    try:
        return missing(found, day)
    except DuecareError as error:
        return [str(error)]


def _released(found: Account) -> Signature | None:
    last = found.releases[-1] if found.releases else None
    return _signature(last) if last and last.statement.subject == found.subject("release") else None


def _reported(incident: Incident) -> Reported:
    said = incident.reported.statement
    return Reported(
        entry=incident.reported.entry,
        severity=said.about,
        by=f"{said.person} ({said.role})",
        what=said.quoted,
        state=_ANSWERED if incident.answer else _OPEN,
        answer=_signature(incident.answer) if incident.answer else None,
    )
