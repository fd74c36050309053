"""Who may sign what of a study: people with their roles and keys, and the rules between them.

A study lists them, so they stand in the ledger with its settings; the owner signs the list. Nothing here
trusts a name: a person is a public key, and two names with one key are refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from duecare.core.errors import DuecareError, LedgerError, Problem, refuse_unless
from duecare.core.wire import settings
from duecare.ledger.digest import value_digest
from duecare.ledger.layout import is_digest

Role = Literal["owner", "data-steward", "trainer", "reviewer", "ethics", "approver", "deployer"]
Matter = Literal["data", "training", "evaluation", "release"]
MATTERS: tuple[Matter, ...] = ("data", "training", "evaluation", "release")
"""What is approved: each but the last is the work of some jobs, the last is the run as a whole."""

LONGEST_NAME = 60
MOST_WAIVERS, MOST_DAYS = 9, 365
_SIGNS = set("./:\\")

_FIELD, _SIGN = 2**255 - 19, 2**255
# Points of small order, by y (RFC 7748, section 7 warns of them): a signature that "holds" can be made by
# anyone. Not every library asks for the one spelling that RFC 8032 gives a point: y may have either sign, and
# be written with the field's size added.
_SMALL = (
    *(0, 1, _FIELD - 1, _FIELD, _FIELD + 1),
    int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    ),
    int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
)
WEAK_KEYS = frozenset((y + sign).to_bytes(32, "little").hex() for y in _SMALL for sign in (0, _SIGN))
"""Points of order 1, 2, 4 and 8 in each of their spellings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One person of the `people` section, under the name or pseudonym that the report shows.

    - roles: what this person may sign as
    - key: public key of this person (64 hex digits), as `duecare people keygen` shows it
    - records: public key with which a machine of this person signs runs, as `duecare people list` shows it:
      whoever runs a job may not approve it, and this says who ran it
    """

    roles: tuple[Role, ...]
    key: str
    records: str = ""

    def __post_init__(self) -> None:
        refuse_unless(
            "people",
            (0 < len(self.roles) == len(set(self.roles)), "roles", self.roles, "one role or more, each once"),
            (_may_sign(self.key), "key", self.key, "an Ed25519 public key, 64 lower-case hex digits"),
            (
                not self.records or (_may_sign(self.records) and self.records != self.key),
                "records",
                self.records,
                "the public key of a machine that records runs, another than `key`",
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Approvals:
    """Who has to approve what: one person for each role that is named, and none where none is.

    - data: what curation made, before it counts as fit for training
    - training: the models
    - evaluation: what was measured, reviewed and decided by gates
    - release: the run as a whole, waivers and incidents included
    """

    data: tuple[Role, ...] = ("data-steward",)
    training: tuple[Role, ...] = ("approver",)
    evaluation: tuple[Role, ...] = ("reviewer",)
    release: tuple[Role, ...] = ("approver",)

    def of(self, matter: str) -> tuple[Role, ...]:
        """The roles that approve a matter."""
        found: tuple[Role, ...] = getattr(self, matter) if matter in MATTERS else ()
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The `rules` section: what `verify` holds people to. It needs a `people` section.

    - separate: pairs of roles that nobody may have both
    - approvals: who has to approve what
    - waivers: so many different people have to let a gate pass that did not hold; at least 2
    - waive: roles that may sign a waiver
    - waiver_days: a waiver runs out after so many days at the latest
    - answer: roles that may answer an incident
    - deploy: roles that may release
    - forget: roles that have to sign that a person is forgotten, where somebody has one of them
    """

    separate: tuple[tuple[Role, Role], ...] = (
        ("trainer", "owner"),
        ("trainer", "approver"),
        ("trainer", "reviewer"),
        ("trainer", "ethics"),
    )
    approvals: Approvals = field(default_factory=Approvals)
    waivers: int = 2
    waive: tuple[Role, ...] = ("owner", "ethics", "approver")
    waiver_days: int = 90
    answer: tuple[Role, ...] = ("owner", "ethics")
    deploy: tuple[Role, ...] = ("deployer",)
    forget: tuple[Role, ...] = field(default=("data-steward",), metadata={"added": True})

    def __post_init__(self) -> None:
        different = all(one != two for one, two in self.separate)
        refuse_unless(
            "rules",
            (different, "separate", self.separate, "pairs of two different roles"),
            (
                2 <= self.waivers <= MOST_WAIVERS,
                "waivers",
                self.waivers,
                f"2 to {MOST_WAIVERS} people: one alone never waives a gate",
            ),
            (bool(self.waive), "waive", self.waive, "one role or more"),
            (
                1 <= self.waiver_days <= MOST_DAYS,
                "waiver_days",
                self.waiver_days,
                f"1 to {MOST_DAYS} days: a waiver runs out",
            ),
            (bool(self.answer), "answer", self.answer, "one role or more"),
            (bool(self.deploy), "deploy", self.deploy, "one role or more"),
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """People by name, and the rules between them."""

    people: Mapping[str, Person]
    rules: Rules = field(default_factory=Rules)

    def plain(self) -> dict[str, Any]:
        """As the ledger records it in the settings of a study: sections `people` and `rules`."""
        people = {name: settings(person) for name, person in self.people.items()}
        return {"people": people, "rules": settings(self.rules)}

    @property
    def digest(self) -> str:
        """What the owner signs: SHA-256 of the two sections."""
        return value_digest(self.plain())

    def recorder(self, key: str) -> str | None:
        """The name of whoever records runs with this key; None where that is nobody's."""
        return next((n for n, person in self.people.items() if key in (person.key, person.records)), None)

    def problems(self) -> list[Problem]:
        """All that is wrong: keys and names twice, roles that exclude each other, duties of nobody."""
        return [*self._names(), *self._keys(), *self._separate(), *self._nobody()]

    def _names(self) -> Iterator[Problem]:
        folded = Counter(" ".join(name.casefold().split()) for name in self.people)
        for name in self.people:
            if expected := unfit_name(name):
                yield Problem("people", repr(name), expected)
            elif folded[" ".join(name.casefold().split())] > 1:
                yield Problem(f"people.{name}", repr(name), "another name: two that read alike are refused")

    def _keys(self) -> Iterator[Problem]:
        owner: dict[str, str] = {}
        for name, person in self.people.items():
            for place, key in (("key", person.key), ("records", person.records)):
                if key and owner.setdefault(key, name) != name:
                    expected = f"a key of one's own: {owner[key]} has this one"
                    yield Problem(f"people.{name}.{place}", key, expected)

    def _separate(self) -> Iterator[Problem]:
        for name, person in self.people.items():
            for one, two in self.rules.separate:
                if one in person.roles and two in person.roles:
                    expected = f"not both {one} and {two} (rules.separate)"
                    yield Problem(f"people.{name}.roles", ", ".join(person.roles), expected)

    def _nobody(self) -> Iterator[Problem]:
        held = {role for person in self.people.values() for role in person.roles}
        if "owner" not in held:
            yield Problem("people", ", ".join(self.people), "an owner, who signs this list")
        for matter in MATTERS:
            for role in self.rules.approvals.of(matter):
                if role not in held:
                    yield Problem(
                        f"rules.approvals.{matter}", role, f"a role that somebody in people has: no {role}"
                    )
        if not held & set(self.rules.deploy):
            yield Problem("rules.deploy", ", ".join(self.rules.deploy), "a role that somebody in people has")


def unfit_name(name: str) -> str | None:
    """What would have been right, where a person cannot be called that; None where they can."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        return f"a name of 1 to {LONGEST_NAME} printable characters"
    return "a name without . / : and \\" if _SIGNS & set(name) else None


def listing_of(study: Mapping[str, Any]) -> Listing | None:
    """The list in the settings of a study as recorded; None where it has none.

    Raises LedgerError where there is one that is malformed.
    """
    if not (study.get("people") or study.get("rules")):
        return None
    try:
        people = msgspec.convert(study.get("people"), dict[str, Person])
        found = Listing(people, msgspec.convert(study.get("rules"), Rules))
        same = found.digest == value_digest({"people": study.get("people"), "rules": study.get("rules")})
    except (msgspec.ValidationError, DuecareError) as error:
        raise LedgerError(f"the list of people is malformed: {type(error).__name__}") from error
    if not same:
        raise LedgerError("the list of people is not in the form in which it was written")
    return found


def _may_sign(key: str) -> bool:
    """Whether this is a public key in its one spelling, and not one with which anybody could sign."""
    if not is_digest(key) or key in WEAK_KEYS:
        return False
    return int.from_bytes(bytes.fromhex(key), "little") % _SIGN < _FIELD
