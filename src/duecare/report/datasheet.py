"""data_card.md: what a stranger asks of a data set, each answer measured, declared, or missing.

The questions follow the sections of Gebru et al. 2021, "Datasheets for Datasets", in our words. A measured
answer names the ledger entry that it stands in; a declared one stands in the study, in the name of its
owner; a missing one says where to declare it. Nothing is guessed to fill a gap.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from duecare.core.about import ABOUT
from duecare.report import words
from duecare.report.curation import about_topic
from duecare.report.gather import Figure, Stage
from duecare.report.markdown import literal, table_of
from duecare.report.metrics import metric
from duecare.report.named import HEADING, declarer, entries_table
from duecare.report.view import View

MEASURED, DECLARED, MISSING = "measured", "declared", "missing"
MOST = 12
"""So many figures answer one question here; all of them are in report.json."""
FEW = 4
"""More counts of nothing than these are told in one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one question, and how it is known: "measured", "declared" or "missing"."""

    section: str
    question: str
    said: str
    known: str
    entries: tuple[int, ...] = ()

    @property
    def standing(self) -> str:
        """How it is known, in words."""
        if self.known == MEASURED:
            return f"measured, ledger entry {', '.join(map(str, self.entries))}"
        return "declared in the study" if self.known == DECLARED else MISSING


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a run: its settings as recorded, and the stages that its rows went through."""

    name: str
    settings: Mapping[str, Any]
    stages: tuple[Stage, ...]

    def figures(self, *names: str) -> Iterator[Figure]:
        """Its figures called so, in the order of the stages."""
        for stage in self.stages:
            yield from (each for each in stage.figures if each.estimate.metric in names)

    def of(self, kind: str) -> Stage | None:
        """Its stage of a kind ("read"), if it has one."""
        return next((stage for stage in self.stages if stage.kind == kind), None)


def data_card(view: View) -> str:
    """The card as Markdown, one chapter a source; the same run gives the same bytes."""
    sources = sources_of(view)
    parts = [f"# Data of {literal(view.story.name)}", *_introduced(view, sources)]
    if not sources:
        parts[1:] = ["No data was curated in this run: there is nothing to ask about."]
    for source in sources:
        parts.append(f"## {literal(source.name)}")
        found = answers(view, source)
        for section in dict.fromkeys(each.section for each in found):
            rows = [[each.question, each.said, each.standing] for each in found if each.section == section]
            parts += [f"### {section}", table_of(["Question", "Answer", "How it is known"], rows)]
    named = {index for source in sources for each in answers(view, source) for index in each.entries}
    by = declarer(view)
    parts += [HEADING, entries_table(view, named | set(by.entries))] if sources else []
    return "\n\n".join(parts) + "\n"


def sources_of(view: View) -> list[Source]:
    """The sources of a run, in the order of their reading."""
    names = dict.fromkeys(stage.source for stage in view.story.stages if stage.source)
    found = []
    for name in names:
        stages = tuple(stage for stage in view.story.stages if stage.source == name)
        read = next((stage for stage in stages if stage.kind == "read"), None)
        if read is not None:
            found.append(Source(name, read.entry.settings or {}, stages))
    return found


def answers(view: View, source: Source) -> list[Answer]:
    """Every question, with what the record says to it."""
    found = [
        Answer("Why it was put together", "For what is it used here?", *_stated(view.purpose)),
        Answer("Why it was put together", "Who answers for that?", *_stated(view.owner)),
    ]
    for section, question, how in _MEASURED:
        found.append(_measured(section, question, list(how(source))))
    found += [_setting(source, *each) for each in _SETTINGS]
    about = source.settings.get("about") or {}
    for key, (section, question) in ABOUT.items():
        said, known = _stated(about.get(key))
        found.append(Answer(section, question, said or f"not said (about: {key})", known))
    found += [
        Answer("What was done to it", f"Step {stage.kind}", _done(stage), MEASURED, (stage.entry.index,))
        for stage in source.stages
    ]
    order = {name: place for place, name in enumerate(_SECTIONS)}
    return sorted(found, key=lambda each: order[each.section])


def _introduced(view: View, sources: Iterable[Source]) -> list[str]:
    counts = Counter(each.known for source in sources for each in answers(view, source))
    total = counts.total()
    known = ", ".join(f"{counts[each]} {each}" for each in (MEASURED, DECLARED, MISSING))
    by = declarer(view)
    where = f" (entry {by.entries[-1]})" if by.entries else ""
    return [
        f"{total} answers: {known}. Written from the ledger of run `{view.story.run}` alone; in brackets"
        " stand 95% intervals. The questions follow Gebru et al. 2021. What is declared stands in the study"
        f"{where}, in the name of {literal(by.name)}."
    ]


def _stated(said: object) -> tuple[str, str]:
    text = str(said or "")
    return (text, DECLARED) if text else ("", MISSING)


def _setting(source: Source, section: str, question: str, key: str) -> Answer:
    said, known = _stated(_listed(source.settings.get(key)))
    stage, values = _in_rows(source, key) if key in _IN_ROWS else (None, [])
    if stage is not None and values and values != [said]:
        told = ", ".join(values[:MOST]) + (", …" if len(values) > MOST else "")
        return Answer(section, question, told, MEASURED, (stage.entry.index,))
    return Answer(section, question, said or f"not said ({key})", known)


def _in_rows(source: Source, key: str) -> tuple[Stage | None, list[str]]:
    """What its rows themselves say under a kept column, each value once, and the last stage that wrote them.

    What a study says of a licence may be the name of a column, and a description may say it in its stead.
    """
    stage = next((each for each in reversed(source.stages) if "kept.parquet" in each.files), None)
    if stage is None:
        return None, []
    values: dict[str, None] = {}
    with pq.ParquetFile(stage.files["kept.parquet"], pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["fields"]):
            kept = pc.list_flatten(batch.column("fields"))
            wanted = kept.filter(pc.equal(kept.field("name"), key)).field("value")
            values |= dict.fromkeys(str(each) for each in wanted.unique().to_pylist())
    return stage, list(values)


def _measured(section: str, question: str, figures: list[Figure]) -> Answer:
    if not figures:
        return Answer(section, question, "not measured in this run", MISSING)
    told = [each for each in figures if each.estimate.value != 0 or not words.is_exact(each.estimate)]
    none = len(figures) - len(told)
    if none > FEW:  # a list of counts of nothing hides the one that is not
        also = [f"none in the other {none}" if told else f"none: {none} counts of 0"]
    else:
        told, also = figures, []
    also += ["…"] if len(told) > MOST else []
    said = "; ".join([*(_told(each) for each in told[:MOST]), *also])
    return Answer(section, question, said, MEASURED, tuple(dict.fromkeys(each.entry for each in figures)))


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")


def _told(figure: Figure) -> str:
    """ "women (gender): 12.9% [11.3% to 14.7%]"."""
    estimate = figure.estimate
    about = {key: said for key, said in estimate.slice.items() if key != "source"}
    who = " ".join(
        filter(None, (about.pop("group", ""), f"({about.pop('axis')})" if "axis" in about else ""))
    )
    rest = ", ".join(f"{key} {said}" for key, said in about.items())
    name = " ".join(filter(None, (who, rest))) or metric(estimate.metric, estimate.unit).title.lower()
    if estimate.value is None:
        return f"{name}: not known ({estimate.reason})"
    bounds = "" if words.is_exact(estimate) else f" [{words.interval(estimate)}]"
    return f"{name}: {words.value(estimate)}{bounds}"


def _done(stage: Stage) -> str:
    """What a step did to how many rows, and by which settings."""
    counts = [
        f"{words.value(each.estimate)} {each.estimate.metric.rpartition('.')[2].replace('_', ' ')}"
        for each in stage.figures
        if each.estimate.metric.startswith(("curate.rows.", "curate.split.")) and each.estimate.value
    ]
    settings = {
        key: said
        for key, said in (stage.entry.settings or {}).items()
        if key in _TELLING and said not in (None, [], {}, "")
    }
    return "; ".join(
        [*filter(None, [", ".join(counts)]), *(f"{key} = {_listed(said)}" for key, said in settings.items())]
    )


_TELLING = frozenset(
    {
        "detector",
        "limit",
        "budget",
        "action",
        "mode",
        "similarity",
        "replace",
        "labels",
        "by",
        "checks",
        "words",
    }
)
"""Settings of steps that say what was done, without paths."""

_SECTIONS = (
    "Why it was put together",
    "What is in it",
    "Whom it is about",
    "How it was collected",
    "What was done to it",
    "What it may be used for",
    "Who has it and looks after it",
)

Measure = Callable[[Source], Iterable[Figure]]


def _rows(source: Source) -> Iterator[Figure]:
    read = source.of("read")
    if read is not None:
        wanted = ("curate.rows.in", "curate.rows.set_aside")
        yield from (each for each in read.figures if each.estimate.metric in wanted)
    yield from list(source.figures("curate.rows.kept"))[-1:]


def _called(*names: str) -> Measure:
    return lambda source: source.figures(*names)


def _hit_by(kind: str) -> Measure:
    """Rows that a step dropped or flagged."""

    def found(source: Source) -> Iterator[Figure]:
        stage = source.of(kind)
        wanted = ("curate.rows.dropped", "curate.rows.flagged")
        yield from (each for each in (stage.figures if stage else ()) if each.estimate.metric in wanted)

    return found


def _common_outcomes(source: Source) -> list[Figure]:
    """How each group was answered against the rest, what is known best first: of an outcome that hardly
    anybody had, the ratio says nothing."""
    found = [each for each in source.figures("audit.outcome.ratio") if not about_topic(each.estimate)]
    return sorted(found, key=_spread)


def _spread(figure: Figure) -> float:
    low, high = figure.estimate.low, figure.estimate.high
    return math.log(high / low) if low and high else math.inf


_IN, _WHO = "What is in it", "Whom it is about"
_MEASURED: tuple[tuple[str, str, Measure], ...] = (
    (_IN, "How many rows came in, were set aside, and are left?", _rows),
    (_IN, "How long are they, by group?", _called("audit.text_words", "audit.answer_words")),
    (_IN, "Which parts of it are held out?", _called("curate.split.train", "curate.split.held_out")),
    (_IN, "Does it say the same twice?", _hit_by("duplicates")),
    (_IN, "Does it hold what a model is evaluated on?", _called("curate.contaminated")),
    (_IN, "Does it look tampered with?", _called("curate.poisoning")),
    (_WHO, "Who declares to be in it?", _called("audit.share")),
    (_WHO, "Whom do its texts name?", _called("audit.mentions.share")),
    (_WHO, "How were the people in it treated?", _common_outcomes),
    (_WHO, "Does it hold toxic texts?", _hit_by("toxicity")),
    (_WHO, "Does it state stereotypes?", _hit_by("stereotypes")),
    (_WHO, "Which personal data was found and replaced?", _called("curate.personal.places")),
)

_IN_ROWS = frozenset({"licence", "origin"})
_SETTINGS = (
    (_IN, "What is a row?", "kind"),
    ("How it was collected", "Where does it come from?", "origin"),
    ("Who has it and looks after it", "Under which licence?", "licence"),
    ("How it was collected", "Which column says that a person agreed?", "consent"),
)
