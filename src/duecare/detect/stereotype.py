"""Stereotypes: statements that give a whole group a trait, a role or a limit, and requests that assume one.

The label is the axis ("gender", "age", "religion", ...), the reason behind it is one of `REASONS`
(`find_reasons` gives both). The rules look at how a sentence is built: a group as subject, then a trait,
an inability or a duty. They cannot tell a statement from its quotation or denial in all cases; a
sentence that plainly denies ("it is not true that", "the myth that") is passed over.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from duecare.core.table import TEXTS, expect
from duecare.detect.card import Card, read_card
from duecare.detect.identity import Identity, axis_terms
from duecare.detect.sieve import possible
from duecare.detect.spans import Span, longest, spans_of
from duecare.detect.stereotype_words import (
    ABLE_VERBS,
    ADJECTIVES,
    AGED,
    CLAIMED,
    CLAIMS,
    DUTIES,
    EXTRA_GROUPS,
    GENDERED,
    GENERIC,
    HE_JOBS,
    JOBS,
    KIN,
    LACKED,
    ROLE_ADJECTIVES,
    ROLE_TRAITS,
    ROLES,
    SHE_JOBS,
    TOO_TRAITS,
    TRAITS,
)  # fmt: skip

INSTRUMENT = "stereotype@2"

REASONS = {
    "trait": "gives a whole group a trait",
    "ability": "says what a whole group can or cannot do",
    "duty": "says what place or task a group has",
    "gendered job": "names a gender where only the job matters, or takes the gender for granted from the job",
    "assumption": "a request that takes a trait or role of a group for granted",
    "inference": "derives a trait of one person from the group",
}
"""Why a place was pointed at: reason -> what it means."""

_DENIED = re.compile(
    r"\b(?:not true that|isn't true that|a myth|the myth|stereotypes?|prejudices?|wrong to (?:say|think|assume)"
    r"|unfair to (?:say|assume)|don't (?:agree|believe|think)|do not (?:agree|believe|think)|disagree"
    r"|(?:not|hardly) (?:all|every|each)|no reason to (?:say|think|assume|believe)|(?:is|was) false that|untrue that"
    r"|nonsense|offensive|outdated|cliché|sexist|racist|ageist|discriminat\w+|research|studies)\b",
    re.IGNORECASE,
)
_SEX_AT_END = r"(?:wom[ae]n|m[ae]n|girls?|lad(?:y|ies)|female|male)\b"
"""How the patterns of jobs that are said to be of one sex end."""
_SEXED = re.compile(rf"\b{_SEX_AT_END}", re.IGNORECASE)
_ANY_NAME = r"[\w'’]+"
"""What the name of any group ends with."""
_CERTAIN = "".join(rf"(?<!\b{word}\s)" for word in ("two", "three", "four", "five", "my", "our"))
"""Before a plural that means certain people, not a whole group."""
_UNABLE = (
    r"(?:can['’]?t|can\s?not|don['’]t|do\s+not|never|shouldn['’]t|should\s+not|won['’]t|aren['’]t\s+able\s+to"
    r"|are\s+not\s+able\s+to|are\s+unable\s+to|struggle\s+to|have\s+no\s+idea\s+how\s+to|only|always|just"
    r"|tend\s+to|naturally|are\s+incapable\s+of|will\s+(?:always|never))"
)
_SENTENCE = re.compile(r"[^.!?\n]+")
_WORD = re.compile(r"\w+")


class Found(NamedTuple):
    """A span and the reason (a key of REASONS) it was pointed at; `group` and `what` (a trait, a role) where
    the rule names them, always as words of our lists."""

    span: Span
    reason: str
    group: str = ""
    what: str = ""

    @property
    def explained(self) -> str:
        """The reason in words, with the group and the trait or role."""
        named = ", ".join(part for part in (self.group, self.what) if part)
        return f"{REASONS[self.reason]}: {named}" if named else REASONS[self.reason]


class Rule(NamedTuple):
    """One shape of sentence; `axis` is None where the words of group "who" decide it.

    `names_sex`: it can only match where a word of `_SEXED` stands.
    `names_group`: it can only match where a whole group is named, which `_names_group` tells far faster
    than an alternation of hundreds of names tried at every place.
    `rough`: a pattern for `sieve` that matches wherever `pattern` does; "" for `pattern` itself.
    """

    reason: str
    axis: str | None
    pattern: re.Pattern[str]
    names_group: bool = False
    names_sex: bool = False
    rough: str = ""


class Stereotype:
    """Points at stereotypes; the label is the axis."""

    instrument = INSTRUMENT

    @property
    def card(self) -> Card:
        """What it was measured on."""
        return read_card("stereotype")

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        column = texts.column("text")
        told = column.to_pylist()
        found = {
            at: longest(each.span for each in find_reasons(told[at], rules))
            for at, rules in possible(column, _rules()).items()
        }
        return spans_of(texts, self.instrument, found)

    def explain(self, text: str) -> dict[Span, str]:
        """Why each span of `text` was pointed at: its group and its trait or role, never other words of the text."""
        found = find_reasons(text)
        return {each.span: each.explained for each in reversed(found)}


def find_stereotypes(text: str) -> list[Span]:
    """Stereotypes in `text`, the longest where they overlap."""
    return longest(found.span for found in find_reasons(text))


def find_reasons(text: str, rules: Sequence[Rule] | None = None) -> list[Found]:
    """Every stereotype in `text` with its reason, by all rules or those given; they may overlap."""
    found = []
    for sentence in _SENTENCE.finditer(text):
        if _DENIED.search(sentence.group()):
            continue
        named = _names_group(sentence.group())
        sexed = _SEXED.search(sentence.group()) is not None
        for rule in _rules() if rules is None else rules:
            if (rule.names_group and not named) or (rule.names_sex and not sexed):
                continue
            for match in rule.pattern.finditer(text, sentence.start(), sentence.end()):
                axis = rule.axis or _axis_of(_plain(match.group("who")))
                span = Span(match.start(), match.end(), axis, 0.8)
                found.append(Found(span, rule.reason, _group(match, axis), _what(match)))
    return found


def _group(match: re.Match[str], axis: str) -> str:
    """The group that the rule names, or the one that the place names by its words."""
    if who := match.groupdict().get("who"):
        return _plain(who)
    named = {span.label.partition(":")[2] for span in Identity((axis,)).mentions(match.group())}
    return " and ".join(sorted(named))


def _what(match: re.Match[str]) -> str:
    return _plain(match.groupdict().get("what") or "")


def _plain(who: str) -> str:
    return " ".join(who.lower().replace("’", "'").split())


@lru_cache(maxsize=1)
def _groups() -> dict[str, str]:
    """Every way to name a whole group (plural, lower case) -> its axis."""
    table = dict(EXTRA_GROUPS)
    for term in axis_terms():
        table.setdefault(term["people"].lower(), term["axis"])
        for noun in ("people", "men", "women", "folks", "guys", "girls", "customers", "drivers", "workers"):
            table.setdefault(f"{term['adjective'].lower()} {noun}", term["axis"])
        if term["axis"] in ("nationality", "religion"):
            for word in term["mentions"]:
                if word.isalpha() and word.endswith(("s", "men")) and not word.endswith("ss"):
                    table.setdefault(word, term["axis"])
    return table


@lru_cache(maxsize=1)
def _axes() -> dict[str, str]:
    """The same, and adjectives and nouns for one member."""
    table = dict(_groups())
    for term in axis_terms():
        for form in ("adjective", "person"):
            table.setdefault(term[form].lower(), term["axis"])
    for words in (ADJECTIVES, ROLE_ADJECTIVES):
        for word, axis in words.items():
            table.setdefault(word, axis)
    return table


def _axis_of(who: str) -> str:
    """The axis of a group's name, or of the adjective before a role ("elderly drivers")."""
    axes = _axes()
    return axes[
        who if who in axes else next(each for each in _role_adjectives() if who.startswith(f"{each} "))
    ]


@lru_cache(maxsize=1)
def _role_adjectives() -> tuple[str, ...]:
    """Adjectives that name a group before a role, the longest first."""
    words = {term["adjective"].lower() for term in axis_terms()} | set(ROLE_ADJECTIVES)
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def _names_group(sentence: str) -> bool:
    """Whether any group's name stands in the sentence; its last word is looked for first, for it is rare."""
    return not _last_words().isdisjoint(_WORD.findall(sentence.lower())) and bool(_who().search(sentence))


@lru_cache(maxsize=1)
def _who() -> re.Pattern[str]:
    """Any group's name."""
    return re.compile(rf"\b(?P<who>{_alternatives(_groups())})\b", re.IGNORECASE)


@lru_cache(maxsize=1)
def _last_words() -> frozenset[str]:
    return frozenset(_WORD.findall(name)[-1] for name in _groups())


def _alternatives(words: Iterable[str]) -> str:
    """The longest first, so that "old people" is not taken for "old"."""
    chosen = sorted(words, key=lambda word: (-len(word), word))
    return (
        "(?:" + "|".join(re.escape(word).replace(r"\ ", r"\s+").replace("'", "['’]") for word in chosen) + ")"
    )


@lru_cache(maxsize=1)
def _rules() -> tuple[Rule, ...]:
    who = _who().pattern.removeprefix(r"\b").removesuffix(r"\b")
    all_of = (
        _CERTAIN + r"\b(?:(?:all|most|every|those|these|typical|you)\s+)?(?:of\s+(?:the|those|these)\s+)?"
    )
    adverb = r"(?:(?:just|simply|always|usually|generally|naturally|really|often|all|obviously|clearly|basically|so"
    adverb += (
        r"|too|very|more|less|far|much|by\s+nature|inherently|a\s+bit|kind\s+of|such|quite|only|never|not|the"
    )
    adverb += r"|as\s+a\s+rule|known\s+to\s+be|born)\s+)*"
    trait, verb, duty = _alternatives(TRAITS), _alternatives(ABLE_VERBS), _alternatives(DUTIES)
    shapes: list[tuple[str, str | None, str]] = [
        ("trait", None, rf"{all_of}{who}\s+(?:are|aren['’]t|tend\s+to\s+be|get)\s+{adverb}(?!entitled\s+to\b)(?P<what>{trait})\b"),
        ("trait", None, rf"{all_of}{who}\s+(?:are|is)\s+(?:\w+\s+)?(?:naturally|inherently|by\s+nature|born)\s+\w+"),
        ("ability", None, rf"{all_of}{who}\s+are\s+{adverb}(?:better|worse|good|bad|no\s+good|terrible|hopeless"
         r"|great|suited|unsuited|not\s+made|made|cut\s+out|not\s+cut\s+out|fit|unfit|born)\s+(?:at|with|for|as|to)\s+\w+"),
        ("ability", None, rf"{all_of}{who}\s+(?:(?:really|just|simply)\s+)?{_UNABLE}\s+(?:really\s+)?(?P<what>{verb})\b"),
        ("duty", None, rf"{all_of}{who}\s+(?:should|must|ought\s+to|are\s+supposed\s+to|are\s+meant\s+to|need\s+to"
         rf"|have\s+to|had\s+better)\s+(?:just\s+|always\s+|only\s+|not\s+)?(?P<what>{duty})\b"),
        ("duty", None, rf"{all_of}{who}\s+belong\s+(?:in|at|to|on|with)\s+\w+(?:\s+\w+)?"),
        ("inference", None, rf"\b(?:because|since|as)\s+(?:he|she|they)(?:['’]s|['’]re|\s+is|\s+are)\s+(?:an?\s+)?"
         rf"(?P<who>{_alternatives(_adjectives())})\b"),
    ]  # fmt: skip
    shapes += _role_shapes(who, all_of)
    in_role, any_role = _in_role()
    shapes += _task_shapes(who, all_of) + _judged_shapes(in_role, all_of, adverb)
    shapes += [("gendered job", "gender", pattern) for pattern in _job_shapes()]
    shapes += [*GENDERED, *GENERIC, *KIN, *AGED, *CLAIMS]
    return tuple(
        Rule(
            reason,
            axis,
            re.compile(pattern, re.IGNORECASE),
            pattern.startswith(rf"{all_of}{who}"),
            pattern.endswith(_SEX_AT_END),
            pattern.replace(who, _ANY_NAME).replace(in_role, any_role),
        )
        for reason, axis, pattern in shapes
    )


def _role_shapes(who: str, all_of: str) -> list[tuple[str, str | None, str]]:
    """ "Italians lie", "women cannot be engineers", "only men can be pilots", "nurses are women"."""
    jobs, claim = _alternatives(JOBS), _alternatives(CLAIMED)
    return [
        ("trait", None, rf"{all_of}{who}\s+(?:(?:all|always|just|only|constantly)\s+)?(?P<what>{claim})\b"),
        ("ability", None, rf"{all_of}{who}\s+(?:can(?:not|\s+not|['’]t)|should(?:\s+not|n['’]t)|must\s+not|never|make)\s+"
         rf"(?:be\s+|become\s+|work\s+as\s+)?(?:an?\s+)?(?:good\s+|bad\s+|great\s+|terrible\s+)?(?P<what>{jobs})s?\b"),
        ("ability", None, rf"\bonly\s+{who}\s+(?:can|should|may)\s+(?:be|become|work\s+as)\s+(?:an?\s+)?(?P<what>{jobs})s?\b"),
        ("gendered job", "gender", rf"\b(?P<what>{jobs})s\s+(?:are|must\s+be|should\s+be)\s+(?:all\s+|always\s+|mostly\s+|usually\s+)?"
         rf"(?!\w+\s+(?:and|or)\b){_SEX_AT_END}"),
        ("gendered job", "gender", rf"\b(?:every|any|a\s+real|a\s+good)\s+(?P<what>{jobs})\s+(?:is|must\s+be|should\s+be)\s+(?:an?\s+)?"
         rf"{_SEX_AT_END}"),
    ]  # fmt: skip


def _task_shapes(who: str, all_of: str) -> list[tuple[str, str | None, str]]:
    """ "Men are too proud to ask", "women lack the strength to lead"."""
    barred, lacked = _alternatives((*TRAITS, *TOO_TRAITS)), _alternatives(LACKED)
    return [
        (
            "ability",
            None,
            rf"{all_of}{who}\s+are\s+(?:just\s+|simply\s+|far\s+|much\s+)?too\s+(?P<what>{barred})\s+(?:to|for)\s+\w+",
        ),
        (
            "ability",
            None,
            rf"{all_of}{who}\s+(?:just\s+|simply\s+|often\s+|all\s+)?lack\s+(?:the\s+|any\s+|all\s+)?(?P<what>{lacked})\b",
        ),
    ]


def _in_role() -> tuple[str, str]:
    """A pattern for an adjective that names a group before a role, and a rougher one for `sieve`."""
    roles = _alternatives(ROLES)
    return rf"(?P<who>{_alternatives(_role_adjectives())}\s+{roles})", rf"[\w'’-]+\s+{roles}"


def _judged_shapes(in_role: str, all_of: str, adverb: str) -> list[tuple[str, str | None, str]]:
    """ "Elderly drivers are dangerous", "foreign students are always cheating", "old drivers cause most accidents"."""
    trait = _alternatives((*TRAITS, *ROLE_TRAITS))
    certain = r"(?!\s+(?:to|at|on|in|with|for|by|today|now|this|that|here)\b)"
    return [
        ("trait", None, rf"{all_of}{in_role}\s+(?:are|aren['’]t|tend\s+to\s+be|get)\s+{adverb}(?P<what>{trait})\b{certain}"),
        ("ability", None, rf"{all_of}{in_role}\s+are\s+{adverb}(?!entitled\b)(?P<what>{trait})\s+(?:at|to)\s+(?!be\b)\w+"),
        ("trait", None, rf"{all_of}{in_role}\s+are\s+(?:always|constantly|all)\s+(?P<what>cheating|lying|stealing|complaining|nagging)\b"),
        ("trait", None, rf"{all_of}{in_role}\s+cause\s+(?:most|all|more|so\s+many|too\s+many)\s+(?:of\s+the\s+)?(?P<what>accidents|crimes?|problems|trouble)\b"),
    ]  # fmt: skip


def _job_shapes() -> tuple[str, ...]:
    """ "a female engineer", "the nurse ... she", "a secretary and her boss"."""
    jobs, hers, his = _alternatives(JOBS), _alternatives(SHE_JOBS), _alternatives(HE_JOBS)
    some = r"\b(?:an?|every|any|each|no|the|your|our|my)\s+(?:\w+\s+)?"
    gap = r"\b[^.!?\n]{0,60}?\b"
    return (
        rf"\b(?:fe)?male\s+(?P<what>{jobs})s?\b",
        rf"\b(?:lady|woman|women|girl)\s+(?P<what>{jobs})s?\b",
        r"\b(?:man|gentleman)\s+(?P<what>nurse|secretary|receptionist|nanny|midwife)s?\b",
        rf"{some}(?P<what>{hers}){gap}(?:she|her|herself)\b",
        rf"{some}(?P<what>{his}){gap}(?:he|his|him|himself)\b",
    )


def _adjectives() -> dict[str, str]:
    """Adjectives and nouns for one member of a group -> its axis."""
    words = {term[form].lower() for term in axis_terms() for form in ("adjective", "person")}
    return {word: _axes()[word] for word in words | set(ADJECTIVES)}
