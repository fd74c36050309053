"""Which words an answer rests on: the tests of the explanations, figures, and texts with weights.

What was not validated is not drawn: its tests stand there, its figures in the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duecare.core import PASS, written
from duecare.report.behind import WITHHELD
from duecare.report.gather import Figure, Ruling, Stage, Story
from duecare.report.heat import Heat, Weight, heat
from duecare.report.metrics import metric
from duecare.report.strip import Forest, forest
from duecare.report.texts import masks_in, rows

VALID = "words.valid."
_FORESTS = ("words.identity_share", "words.identity_excess", "words.identity_effect")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """One text of an explanation: what it is, and its words with their weights (none where it was given)."""

    label: str
    heat: Heat


@dataclass(frozen=True, slots=True)
class Case:
    """One explanation: of whom, the figures beside it, and its texts."""

    about: str
    detail: str
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """The tests of one model's explanations; `valid` where every one is passed."""

    model: str
    valid: bool
    said: str
    tests: tuple[Ruling, ...]

    @property
    def titled(self) -> tuple[tuple[str, Ruling], ...]:
        """Each test with its name in plain words; whose it is, is said once for all."""
        return tuple(
            (metric(ruling.figure.estimate.metric).title, ruling)
            for ruling in self.tests
            if ruling.figure is not None
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """What one step tells.

    `lead` says in words what was explained; `plots` and `cases` are of validated models only; `withheld`
    says why there are no texts.
    """

    job: str
    entry: int
    lead: str
    tested: tuple[Tested, ...]
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]
    cases: tuple[Case, ...]
    withheld: str = ""

    @property
    def valid(self) -> bool:
        """Whether the explanations of some model are validated."""
        return any(each.valid for each in self.tested)


def explained(story: Story, most: int) -> tuple[Explained, ...]:
    """Every step `words` of a run, with at most `most` texts of each model."""
    asked = [stage for stage in story.stages if stage.kind == "words"]
    return tuple(_of(stage, most) for stage in asked)


def _of(stage: Stage, most: int) -> Explained:
    tested = _tested(stage)
    valid = [each.model for each in tested if each.valid]
    plots = _plots(stage, valid)
    cases, withheld = _cases(stage, valid, most)
    first = [plot for plot in plots if ".difference" not in plot[0] and "excess" not in plot[0]]
    return Explained(
        job=stage.job,
        entry=stage.entry.index,
        lead=_lead(stage),
        tested=tested,
        plots=tuple(plot for _, plot in first),
        further=tuple(plot for name, plot in plots if (name, plot) not in first),
        cases=cases,
        withheld=withheld,
    )


def _lead(stage: Stage) -> str:
    asked = stage.entry.settings or {}
    what = {
        "answer": "the log-probability of an answer",
        "reward": "a reward",
        "toxicity": "the toxicity score of an answer",
    }.get(str(asked.get("score")), "an answer")
    against = {
        "answer": ", rather than another answer",
        "group": ", rather than for the reference group's prompt",
    }
    method = str(asked.get("method", "")).replace("-", " ")
    steps = f" ({asked['steps']} points)" if "integrated" in method and "steps" in asked else ""
    whose = {"twins": "fixed answers to counterfactual twins", "answers": "what the models answered"}
    of = whose.get(str(asked.get("of")), "rows of a file")
    what += against.get(str(asked.get("against")), "")
    return f"What each word adds to {what}: {of}, by {method}{steps}."


def _tested(stage: Stage) -> tuple[Tested, ...]:
    """The tests of each model, and what they came to together."""
    mine = [ruling for ruling in stage.rulings if ruling.finding.name.startswith(VALID)]
    found = []
    for ruling in mine:
        if ruling.figure is not None:
            continue
        model = ruling.finding.name.removeprefix(VALID)
        tests = [
            each
            for each in mine
            if each.figure is not None and each.figure.estimate.slice.get("model") == model
        ]
        valid = ruling.finding.verdict == PASS
        found.append(Tested(model, valid, ruling.finding.detail, tuple(tests)))
    return tuple(found)


def _plots(stage: Stage, models: Sequence[str]) -> list[tuple[str, Forest]]:
    """A plot for each figure and axis, a row a group, a mark a model."""
    wanted = [
        figure
        for figure in stage.figures
        if figure.estimate.metric.startswith(_FORESTS)
        and not figure.estimate.metric.endswith(".change")
        and figure.estimate.slice.get("model") in models
        and "group" in figure.estimate.slice
    ]
    found: dict[tuple[str, str, str], dict[str, list[Figure]]] = defaultdict(lambda: defaultdict(list))
    for figure in wanted:
        about = figure.estimate.slice
        where = figure.estimate.metric, about.get("axis", ""), about.get("manner", "")
        found[where][_group(figure)].append(figure)
    made = [(where[0], _forest(where, groups)) for where, groups in found.items()]
    return made + _change(stage, models)


def _change(stage: Stage, models: Sequence[str]) -> list[tuple[str, Forest]]:
    """What tuning changed, only where both models' explanations are validated."""
    if not {"base", "tuned"} <= set(models):
        return []
    found: dict[tuple[str, str, str], dict[str, list[Figure]]] = defaultdict(dict)
    for figure in stage.figures:
        name = figure.estimate.metric
        if name.startswith(_FORESTS) and name.endswith(".change"):
            found[name, "", figure.estimate.slice.get("manner", "")][_group(figure)] = [figure]
    return [(where[0], _forest(where, groups)) for where, groups in found.items()]


def _group(figure: Figure) -> str:
    about = figure.estimate.slice
    against = f" against {about['against']}" if figure.estimate.metric.endswith(".difference") else ""
    return f"{about.get('group', 'all together')}{against}"


def _forest(where: tuple[str, str, str], groups: Mapping[str, Sequence[Figure]]) -> Forest:
    name, axis, manner = where
    first = next(iter(groups.values()))[0].estimate
    about = metric(name, first.unit)
    title = (
        about.title
        + (f", in {first.unit}" if about.form == "signed" and first.unit else "")
        + (f", by {axis}" if axis else "")
        + (f", {manner} answers" if manner else "")
    )
    several = any(len(figures) > 1 for figures in groups.values())
    return forest(
        title,
        [
            (
                group,
                "",
                [
                    (_kind(figure, several=several), figure.estimate.slice["model"], figure)
                    for figure in figures
                ],
            )
            for group, figures in groups.items()
        ],
    )


def _kind(figure: Figure, *, several: bool) -> str:
    model = figure.estimate.slice["model"]
    return model if several and model in ("base", "tuned") else "only"


def _cases(stage: Stage, models: Sequence[str], most: int) -> tuple[tuple[Case, ...], str]:
    """Of each model the explanations in which identity words carry the largest share."""
    whole, words = rows(stage, "explained.parquet"), rows(stage, "attributions.parquet")
    if whole is None or words is None or most < 1:
        return (), ""
    by_item: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for word in words.to_pylist():
        by_item[word["model"], word["item"]].append(word)
    picked: list[tuple[Row, list[Row]]] = []
    for model in models:
        mine = [(row, by_item[model, row["item"]]) for row in whole.to_pylist() if row["model"] == model]
        mine.sort(key=lambda each: (-_share(each[1]), each[0]["item"]))
        picked += mine[:most]
    texts = [text for row, _ in picked for text in (row["prompt"], row["answer"], row["other"] or "")]
    masks = masks_in(texts)
    if masks is None:
        return (), WITHHELD
    return tuple(
        _case(row, mine, masks[3 * place : 3 * place + 3], stage) for place, (row, mine) in enumerate(picked)
    ), ""


def _share(words: Sequence[Row]) -> float:
    total = sum(abs(word["score"]) for word in words)
    return sum(abs(word["score"]) for word in words if word["identity"]) / total if total else 0.0


def _case(row: Row, words: Sequence[Row], masks: Sequence[list[tuple[int, int, str]]], stage: Stage) -> Case:
    strongest = max((abs(word["score"]) for word in words), default=0.0)
    against = str((stage.entry.settings or {}).get("against", "nothing"))
    labels = {
        "prompt": "Asked",
        "answer": "The answer explained",
        "other": "Rather than to" if against == "group" else "Rather than",
    }
    shown = []
    for place, part in enumerate(labels):
        if not row[part]:
            continue
        weights = [
            Weight(word["start"], word["end"], word["score"], word["identity"])
            for word in words
            if word["part"] == part
        ]
        shown.append(Text(labels[part], heat(row[part], weights, masks[place], strongest)))
    about = ", ".join(
        [
            f"{row['model']} model",
            *([f"{row['axis']}: {row['group']}"] if row["axis"] and row["group"] else []),
        ]
    )
    share = f"words that name the group carry {written.number(100 * _share(words))}% of the weight"
    return Case(about, f"{share}; value {written.number(row['value'])}", tuple(shown))
