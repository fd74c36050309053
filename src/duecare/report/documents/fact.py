"""A fact of a document and how it is known: measured, declared, or missing; nothing else may stand in one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from duecare.core.about import SYSTEM
from duecare.report import words
from duecare.report.datasheet import DECLARED, MEASURED, MISSING, Answer
from duecare.report.gather import Figure
from duecare.report.metrics import metric
from duecare.report.named import declarer
from duecare.report.verdict import who
from duecare.report.view import View


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one thing.

    `known` is "measured" (`entries` hold it), "declared" (`by` somebody, in `entries`) or "missing" (`fill`
    says what would fill the gap, and `said` is empty).
    """

    what: str
    said: str
    known: str
    entries: tuple[int, ...] = ()
    by: str = ""
    fill: str = ""

    @property
    def standing(self) -> str:
        """How it is known, in words."""
        if self.known == MISSING:
            return f"missing: {self.fill}"
        where = numbered(self.entries)
        return f"declared by {self.by} ({where})" if self.known == DECLARED else f"measured ({where})"


def numbered(entries: Iterable[int]) -> str:
    """ "entry 3", "entries 3 and 5", "entries 1 to 19 and 30"."""
    found = sorted(set(entries))
    spans: list[list[int]] = []
    for each in found:
        if spans and each == spans[-1][-1] + 1:
            spans[-1].append(each)
        else:
            spans.append([each])
    told: list[str] = []
    for span in spans:
        told += [f"{span[0]} to {span[-1]}"] if len(span) > _FEW else map(str, span)
    return f"{'entry' if len(found) == 1 else 'entries'} {words.listed(told)}"


_FEW = 2
"""More entries than these in a row are told by the first and the last."""


def measured(what: str, said: str, entries: Iterable[int]) -> Fact:
    """A fact that entries hold."""
    return Fact(what, said, MEASURED, tuple(dict.fromkeys(entries)))


def missing(what: str, fill: str) -> Fact:
    """A gap, and what would fill it."""
    return Fact(what, "", MISSING, fill=fill)


def declared(view: View, what: str, said: object, fill: str) -> Fact:
    """What the study says, in the name of whoever answers for it; missing where it says nothing."""
    text = " ".join(str(said or "").split())
    if not text:
        return missing(what, fill)
    by = declarer(view)
    return Fact(what, text, DECLARED, by.entries, by=by.name)


def answered(view: View, key: str) -> Fact:
    """What the study says of the system under one key of `core.about.SYSTEM`."""
    about = view.story.study.get("study")
    said = about.get("about") if isinstance(about, dict) else None
    found = said.get(key) if isinstance(said, dict) else None
    return declared(view, SYSTEM[key][0], found, f"the answer “{key}” under “about” in the section “study”")


def of_card(view: View, source: str, answer: Answer) -> Fact:
    """An answer of the data card about one source."""
    what = f"{source}: {answer.question}"
    if answer.known == MEASURED:
        return measured(what, answer.said, answer.entries)
    if answer.known == DECLARED:
        return declared(view, what, answer.said, "")
    key = _KEY.search(answer.said)
    return missing(what, f"“{key[1]}” of a source in the section “data”" if key else _UNMEASURED)


_KEY = re.compile(r"\((.+)\)$")
_UNMEASURED = "a step of curation that measures it"


def figured(figure: Figure) -> str:
    """A figure with whom it is of, its interval and n: "gender: women: 4.1% [2.2% to 7.4%], n = 240"."""
    estimate, of = figure.estimate, who(figure)
    head = f"{of}: " if of else ""
    if estimate.value is None:
        return f"{head}not known ({estimate.reason})"
    bounds = words.interval(estimate)
    return f"{head}{words.value(estimate)}{f' [{bounds}]' if bounds else ''}, n = {estimate.n:,}"


def ranged(what: str, figures: Iterable[Figure]) -> Fact:
    """Several figures of one kind as their lowest and highest; that they were picked so is said."""
    found = list(figures)
    known = sorted((each for each in found if each.estimate.value is not None), key=_value)
    silent = len(found) - len(known)
    if not known:
        said = figured(found[0]) if len(found) == 1 else f"none of {len(found)} figures could be taken"
    elif len(known) == 1:
        said = figured(known[0])
    else:
        said = f"of {len(known)} figures the lowest is {figured(known[0])}; the highest {figured(known[-1])}"
    if silent and known:
        said += f"; {words.plural(silent, 'figure')} could not be taken"
    return measured(what, said, (each.entry for each in found))


def _value(figure: Figure) -> float:
    return figure.estimate.value or 0.0


def title_of(figure: Figure) -> str:
    """What kind of figure it is, in plain words."""
    return metric(figure.estimate.metric, figure.estimate.unit).title


def withheld(figure: Figure) -> bool:
    """Whether private training keeps this figure back: it must not leave those who have the data."""
    return figure.estimate.slice.get("release") == "withheld"


def limits(view: View) -> tuple[str, ...]:
    """What a reader must not take from the report; sections are those of the page."""
    return tuple(re.sub(r"\bsection (\d+)", r"section \1 of report.html", text) for text in view.limits)
