"""What a run's ledger holds about the data: where it comes from, who is in it, what was done to it."""

from __future__ import annotations

from collections.abc import Iterator

from duecare.core.about import ABOUT
from duecare.report.datasheet import MISSING, answers, sources_of
from duecare.report.documents.fact import Fact, measured, missing, of_card
from duecare.report.view import View


def _asked(view: View, fill: str, *questions: str) -> list[Fact]:
    """What the data card answers to some questions, source by source; `fill` where there is no source."""
    sources = sources_of(view)
    found = [(source.name, {each.question: each for each in answers(view, source)}) for source in sources]
    facts = []
    for question in questions if found else ():
        said = [of_card(view, source, given[question]) for source, given in found]
        facts += [fact for fact in said if fact.known != MISSING]
        silent = [
            (source, fact) for (source, _), fact in zip(found, said, strict=True) if fact.known == MISSING
        ]
        if silent:
            names = ", ".join(source for source, _ in silent)
            facts.append(missing(f"{names}: {question}", silent[0][1].fill))
    return facts or [missing(questions[0], fill)]


_SOURCE = "a source in the section “data” of the study"


def origin(view: View) -> list[Fact]:
    """Where each source comes from, how it was collected, and under which licence."""
    return _asked(
        view,
        _SOURCE,
        "Where does it come from?",
        "Under which licence?",
        ABOUT["collected"][1],
        ABOUT["period"][1],
        ABOUT["made_for"][1],
    )


def rights(view: View) -> list[Fact]:
    """Whether people agreed, who reviewed the collection, who may have the data."""
    return _asked(
        view,
        _SOURCE,
        "Which column says that a person agreed?",
        ABOUT["ethics"][1],
        ABOUT["shared"][1],
        ABOUT["kept"][1],
    )


def licence(view: View) -> list[Fact]:
    """Under which licence each source is."""
    return _asked(view, _SOURCE, "Under which licence?")


def shape(view: View) -> list[Fact]:
    """How many rows, of which kind, how long, and what is held out."""
    return _asked(
        view,
        _SOURCE,
        "What is a row?",
        "How many rows came in, were set aside, and are left?",
        "How long are they, by group?",
        "Which parts of it are held out?",
    )


def labels(view: View) -> list[Fact]:
    """Who labelled it, by which guideline."""
    return _asked(view, _SOURCE, ABOUT["labelled"][1])


def people(view: View) -> list[Fact]:
    """Who is in the data, who is named, how they were treated, who could be harmed."""
    return _asked(
        view,
        _SOURCE,
        "Who declares to be in it?",
        "Whom do its texts name?",
        "How were the people in it treated?",
        ABOUT["people"][1],
        ABOUT["harm"][1],
    )


def harm(view: View) -> list[Fact]:
    """Toxic and stereotyping texts that were found."""
    return _asked(view, _SOURCE, "Does it hold toxic texts?", "Does it state stereotypes?")


def doubles(view: View) -> list[Fact]:
    """What the data says twice."""
    return _asked(view, _SOURCE, "Does it say the same twice?")


def tampering(view: View) -> list[Fact]:
    """Signs of tampering, and items of an evaluation among the rows."""
    return _asked(view, _SOURCE, "Does it look tampered with?", "Does it hold what a model is evaluated on?")


def personal(view: View) -> list[Fact]:
    """Personal data that was found and replaced."""
    return _asked(view, _SOURCE, "Which personal data was found and replaced?")


def cleaning(view: View) -> list[Fact]:
    """What each step did to how many rows."""
    found = [
        of_card(view, source.name, each)
        for source in sources_of(view)
        for each in answers(view, source)
        if each.question.startswith("Step ") and each.known != MISSING
    ]
    return [each for each in found if each.said] or [missing("Steps of curation", _SOURCE)]


def uses(view: View) -> list[Fact]:
    """For what each source is fit and for what not, as declared."""
    return _asked(view, _SOURCE, ABOUT["uses"][1], ABOUT["not_for"][1])


def sealed(view: View) -> list[Fact]:
    """Files that are encrypted at rest."""
    return list(_sealed(view)) or [
        missing(
            "Files encrypted at rest",
            "the section “storage” in the study, or the step “personal” for rows before it",
        )
    ]


def _sealed(view: View) -> Iterator[Fact]:
    counted = [
        (stage, [name for name in stage.listed if name.endswith(".sealed")]) for stage in view.story.stages
    ]
    holding = [(stage, names) for stage, names in counted if names]
    if holding:
        total = sum(len(names) for _, names in holding)
        said = f"{total} sealed files, written by {', '.join(stage.job for stage, _ in holding)}"
        yield measured("Files encrypted at rest", said, (stage.entry.index for stage, _ in holding))
