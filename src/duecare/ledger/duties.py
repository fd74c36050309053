"""Who answers for a run, who signed what, and what is missing or broken by the rules of its study.

A walk over the ledger, entry by entry: a statement counts only if it holds where it stands. The same walk
serves whoever enters a statement, whoever verifies a run, and whoever wants to release it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from duecare.core.errors import LedgerError
from duecare.core.finding import PASS
from duecare.ledger.chain import Frontier
from duecare.ledger.digest import value_digest
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import DONE, SUBJECT, concerns
from duecare.ledger.people import MATTERS, Listing, listing_of
from duecare.ledger.standing import Standing, standing
from duecare.ledger.statement import SEVERITIES, SIGNED, Signed, Statement, results_of, signed_of, subject_of

SKEW = timedelta(days=1)
"""So far apart the clocks of whoever signs and of whoever records may be."""
_EVENTS = ("waive", "incident", "answer")
_NOT_OWN = ("approve", "waive", "answer")


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of people, the entry that brought it, and the entry by which an owner signed it, if one did."""

    listing: Listing
    entry: int
    signed: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A statement that holds, and the entry it stands in."""

    entry: int
    statement: Statement
    key: str


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident that was reported, and the answer, if there is one."""

    reported: Said
    answer: Said | None = None


@dataclass(slots=True)
class Account:
    """What a ledger says of the people behind it, up to one entry.

    `log` are the leaf hashes of the whole ledger. `broken` are sentences about what cannot stand, by entry;
    `pending` is an entry that brought another list,
    or none, which no owner signed. `forgetting` are requests to forget a person, as asked and as begun;
    `forgetters`, by entry, the roles of which one had to sign, by the list that held then.
    """

    run: str
    recorder: str
    log: Sequence[bytes]
    entries: list[Entry] = field(default_factory=list)
    listed: Listed | None = None
    pending: int | None = None
    proposed: Listing | None = None
    said: list[Said] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)
    forgetting: list[Entry] = field(default_factory=list)
    forgetters: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _grown: Frontier = field(default_factory=Frontier)

    @property
    def recorded_by(self) -> str | None:
        """The name of whoever records this run, by the list; None where the key is nobody's on it."""
        return self.listed.listing.recorder(self.recorder) if self.listed else None

    @property
    def incidents(self) -> list[Incident]:
        """Every incident, the oldest first."""
        answers = {each.statement.of: each for each in self.said if each.statement.act == "answer"}
        return [
            Incident(each, answers.get(each.entry)) for each in self.said if each.statement.act == "incident"
        ]

    @property
    def releases(self) -> list[Said]:
        """Every release, the oldest first."""
        return [each for each in self.said if each.statement.act == "release"]

    @property
    def faults(self) -> list[tuple[int, str]]:
        """What cannot stand, by entry: statements, and the list of people itself."""
        found = list(self.broken)
        if self.listed is not None:
            found += [(self.listed.entry, str(each)) for each in self.listed.listing.problems()]
        if self.pending is not None and self.listed is not None:
            what = "lists nobody any more" if self.proposed is None else "lists other people or rules"
            held = f"until then the list of entry {self.listed.entry} holds"
            found.append((self.pending, f"the study {what}, and no owner has signed that; {held}"))
        return found

    def standing(self) -> Standing:
        """Which results count."""
        return standing(self.entries)

    def subject(self, matter: str, state: Standing | None = None) -> str:
        """The digest of what an approval of a matter, or a release, is now about."""
        if self.listed is None:
            raise LedgerError("the study of this run lists no people")
        events = [self.leaf(each.entry) or "" for each in self.said if each.statement.act in _EVENTS]
        return subject_of(state or self.standing(), matter, self.listed.listing, events)

    def leaf(self, index: int | None) -> str | None:
        """The leaf hash (hex) of an entry of the log; None where there is none."""
        return self.log[index].hex() if index is not None and 0 <= index < len(self.log) else None

    def root(self, size: int) -> str | None:
        """The root (hex) over the first `size` entries of the log; None where it has not so many."""
        if size > len(self.log):
            return None
        if size < self._grown.size:
            self._grown = Frontier()
        for leaf in self.log[self._grown.size : size]:
            self._grown.add(leaf)
        return self._grown.root().hex()

    def take(self, entry: Entry) -> None:
        """Go on by one entry."""
        if entry.happened == "run.started":
            self._list(entry)
        elif entry.happened == SIGNED:
            self._statement(entry)
        elif concerns(entry):
            self._forgetting(entry)
        self.entries.append(entry)

    def _forgetting(self, entry: Entry) -> None:
        note = entry.note
        if note is not None and note.topic != DONE and note.data.get("why") == SUBJECT:
            listing = self.listed.listing if self.listed else None
            held = {role for person in listing.people.values() for role in person.roles} if listing else set()
            self.forgetting.append(entry)
            self.forgetters[entry.index] = tuple(
                role for role in (listing.rules.forget if listing else ()) if role in held
            )

    def _list(self, entry: Entry) -> None:
        try:
            found = listing_of(entry.settings)
        except LedgerError as error:
            self.broken.append((entry.index, str(error)))
            return
        if self.listed is None or (self.listed.signed is None and not self.said):
            self.listed = Listed(found, entry.index) if found is not None else None
            return
        same = found is not None and found.digest == self.listed.listing.digest
        self.pending, self.proposed = (None, None) if same else (entry.index, found)

    def _statement(self, entry: Entry) -> None:
        try:
            signed = signed_of(entry)
            wrong = self.objections(signed, entry)
        except LedgerError as error:
            self.broken.append((entry.index, str(error)))
            return
        if wrong:
            self.broken += [(entry.index, text) for text in wrong]
            return
        said = signed.said()
        self.said.append(Said(entry.index, said, signed.key))
        if said.act == "people" and self.listed is not None:
            listing = self.proposed if self.proposed is not None else self.listed.listing
            self.listed = Listed(listing, said.of or 0, entry.index)
            self.pending, self.proposed = None, None

    def objections(self, signed: Signed, entry: Entry | None = None) -> list[str]:
        """Why a statement cannot stand as the next entry; `entry` is the one it stands in, if it does.

        Raises LedgerError where it is malformed.
        """
        said = signed.said()
        if self.listed is None:
            return ["a statement is signed, and the study lists no people who could"]
        person = self.listed.listing.people.get(said.person)
        if person is None:
            return [f"{said.person!r} is not on the list of people"]
        index = entry.index if entry is not None else len(self.log)
        rules = (
            (signed.is_signed, "the signature does not hold for the key that it names"),
            (
                signed.key == person.key,
                f"signed by key {signed.key[:16]}, which is not that of {said.person}",
            ),
            (moment(said.time) is not None, "its time is no time with a zone"),
            (said.run == self.run, f"it was signed for run {said.run}"),
            (
                said.size <= index and self.root(said.size) == said.root,
                f"it was signed for another state: the first {said.size} entries were others",
            ),
            (said.role in person.roles, f"{said.person} is not {said.role} on the list"),
            (
                said.act not in _NOT_OWN or said.person != self.recorded_by,
                f"{said.person} runs the jobs of this run, and nobody approves their own work",
            ),
            (
                all(each.statement != said for each in self.said),
                "the very same statement stands in the ledger before",
            ),
        )
        return [text for holds, text in rules if not holds] + self._not_so(said, entry)

    def _not_so(self, said: Statement, entry: Entry | None) -> list[str]:
        """What does not hold of what the statement is about."""
        rules, of = self.listed.listing.rules if self.listed else None, said.of
        if rules is None:
            return []
        if said.act == "people":
            return self._not_the_list(said)
        if said.act == "entry":
            known = of is not None and of < said.size and self.leaf(of) == said.subject
            return [] if known else ["the entry it is about is another one"]
        may = {
            "approve": rules.approvals.of(said.about),
            "waive": rules.waive,
            "answer": rules.answer,
            "release": rules.deploy,
            "forget": rules.forget,
        }.get(said.act)
        wrong = [] if may is None or said.role in may else [f"{said.role} may not do that by the rules"]
        if said.act == "approve" and said.about not in MATTERS:
            wrong.append(f"there is no matter {said.about!r}")
        if said.act == "waive":
            wrong += _bad_waiver(said, entry, rules.waiver_days)
        if said.act == "forget":
            known = any(each.index == of for each in self.forgetting) and self.leaf(of) == said.subject
            wrong += [] if known else ["it is about no request to forget"]
        if said.act == "release" and of is not None and not self._attested(of, said.size):
            wrong.append(f"entry {of} holds no attestations that it could release")
        if said.act == "incident" and (said.about not in SEVERITIES or not said.text):
            wrong.append(f"an incident says what happened, and is one of {', '.join(SEVERITIES)}")
        if said.act == "answer":
            open_now = [each.reported.entry for each in self.incidents if each.answer is None]
            if of not in open_now or self.leaf(of) != said.subject or not said.text:
                wrong.append("it answers no open incident, or says nothing")
        return wrong

    def _attested(self, of: int, size: int) -> bool:
        """Whether an entry among the first `size` holds attestations."""
        return any(each.index == of < size and each.happened == "attested" for each in self.entries)

    def _not_the_list(self, said: Statement) -> list[str]:
        if self.listed is None:
            return []
        pending = self.pending is not None
        listing = self.proposed if pending else self.listed.listing
        place = self.pending if pending else self.listed.entry
        if said.role != "owner":
            return ["the list of people is signed by an owner"]
        if listing is None:
            return ["a study that lists nobody cannot take the place of one that does"]
        if said.of != place or said.subject != listing.digest:
            return ["it is not about the list of people that waits to be signed"]
        return [] if pending or self.listed.signed is None else ["this list is signed already"]


def _bad_waiver(said: Statement, entry: Entry | None, days: int) -> list[str]:
    """A waiver needs a reason and an end, within the days that the rules give it."""
    made, ends = moment(said.time), moment(said.expires or "")
    entered = moment(entry.time) if entry is not None else None
    if made is None or ends is None or not said.text or not said.about or not said.subject:
        return ["a waiver names its gate, its finding, its reason and its end"]
    if not timedelta(0) < ends - made <= timedelta(days=days):
        return [f"a waiver ends after at most {days} days"]
    late = entered is not None and made > entered + SKEW
    return ["it is signed for a time after it was entered"] if late else []


def moment(written: str) -> datetime | None:
    """A moment with its zone; None for any other text."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def speaks(entry: Entry) -> bool:
    """Whether an entry matters here: a statement, a list, results, gates, the end of a run."""
    others = concerns(entry) or any(each.gate for each in entry.findings)
    return entry.happened not in ("told", "repair", "report") or others


def account(
    entries: Sequence[Entry], leaves: Sequence[bytes], run: str, recorder: str, upto: int | None = None
) -> Account:
    """What the ledger of `run`, signed by the key `recorder`, says of people; before entry `upto` only.

    `entries` may leave out those that do not speak of any of it; `leaves` are all leaf hashes.
    """
    heard = [entry for entry in entries if speaks(entry) and (upto is None or entry.index < upto)]
    found = Account(run, recorder, leaves)
    for entry in heard:
        found.take(entry)
    return found


def missing(found: Account, now: datetime) -> list[str]:
    """What a release of the run as it is would still need, a sentence each; none where nothing is missing."""
    if found.listed is None:
        return ["the study lists no people (a section `people`), so nobody answers for a release"]
    state, said = found.standing(), []
    if found.listed.signed is None:
        said.append(f"no owner has signed the list of people and rules (entry {found.listed.entry})")
    if found.recorded_by is None:
        said.append(
            f"the key that records this run, {found.recorder}, is nobody's on the list: give it as `records` "
            "of whoever runs the study"
        )
    if not state.finished:
        said.append(f"the run is not at its end: {state.next or 'run.finished'} comes next")
    said += _approvals(found, state)
    for gate in state.gates:
        if gate.verdict != PASS:
            said += _waived(found, gate.name, gate.limit, gate.verdict, value_digest(gate), now)
    said += [
        f"the incident of entry {each.reported.entry} ({each.reported.statement.about}) is not answered"
        for each in found.incidents
        if each.answer is None
    ]
    return said


def _counts(found: Account, said: Said) -> bool:
    """Whether whoever approved or waived is still on the list, with that key and role, and may by the rules:
    a list that was signed since holds for what was said before it, also where it says who runs the jobs."""
    if found.listed is None:
        return False
    statement, listing = said.statement, found.listed.listing
    person = listing.people.get(statement.person)
    listed = person is not None and person.key == said.key and statement.role in person.roles
    may = statement.act != "waive" or statement.role in listing.rules.waive
    return listed and may and statement.person != found.recorded_by


def _approvals(found: Account, state: Standing) -> list[str]:
    said = []
    for matter in MATTERS if found.listed else ():
        if not results_of(state, matter):
            continue
        now = found.subject(matter, state)
        for role in found.listed.listing.rules.approvals.of(matter) if found.listed else ():
            given = [
                each
                for each in found.said
                if (each.statement.act, each.statement.about, each.statement.role)
                == ("approve", matter, role)
                and _counts(found, each)
            ]
            if any(each.statement.subject == now for each in given):
                continue
            before = "".join(
                f" ({each.statement.person} approved an earlier state, entry {each.entry})"
                for each in given[-1:]
            )
            said.append(f"the {matter} is not approved by a person as {role}{before}")
    return said


def waivers_of(found: Account, finding: str) -> list[Said]:
    """The waivers that stand of the finding with this digest, the last of each person, the oldest first."""
    last: dict[str, Said] = {}
    for each in found.said:
        if each.statement.act == "waive" and each.statement.subject == finding and _counts(found, each):
            last[each.statement.person] = each
    return sorted(last.values(), key=lambda each: each.entry)


def _waived(  # noqa: PLR0917  # what a gate said, and the day
    found: Account, name: str, limit: str, verdict: str, digest: str, now: datetime
) -> list[str]:
    """What is missing of a waiver of a gate that did not hold."""
    given, needed = waivers_of(found, digest), found.listed.listing.rules.waivers if found.listed else 2
    out = [each for each in given if (moment(each.statement.expires or "") or now) <= now]
    still = len(given) - len(out)
    if still >= needed:
        return []
    ended = "".join(
        f"; the waiver of {each.statement.person} ran out on {(each.statement.expires or '')[:10]}"
        for each in out
    )
    said = f"{needed} different people have to waive it, {still} did{ended}"
    return [f"the gate {name} ({limit}) says {verdict}: {said}"]
