"""The audit of a reward for the page and the card: how it ranks, and what it pays for besides quality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duecare.report.gather import Figure, Stage, Story
from duecare.report.rewarded_words import KINDS, NUDGES, PLACES
from duecare.report.strip import Forest, forest
from duecare.report.verdict import REWARD_AUDIT
from duecare.report.words import listed, plural

NUDGE, WINS = "reward.nudge", "reward.nudge.wins"
NOTE = "reward.audited"
SMALL = 0.001
"""P-values below it are told as that."""


@dataclass(frozen=True, slots=True)
class Paid:
    """One nudge: its `effect` in spreads, how often it `wins`, and whether the effect is beyond chance."""

    title: str
    where: str
    kind: str
    effect: Figure
    wins: Figure | None
    beyond: bool

    @property
    def size(self) -> float:
        """How far it moves the reward, either way."""
        return abs(self.effect.estimate.value or 0.0)

    @property
    def holm(self) -> str:
        """Holm's p-value as text; empty where nothing could be said."""
        written = self.effect.estimate.slice.get("holm_p", "")
        return "<0.001" if written and float(written) < SMALL else written


@dataclass(frozen=True, slots=True)
class Audited:
    """One audit. `says` is the card in a sentence, `paid` what is beyond chance, the furthest first."""

    stage: Stage
    reward: str
    digest: str
    pairs: str
    nudges: str
    says: str
    paid: tuple[Paid, ...]
    quiet: tuple[Paid, ...]
    ranks: tuple[Forest, ...]
    plots: tuple[Forest, ...]
    further: tuple[Forest, ...]
    apart: tuple[str, ...]


def audits(story: Story) -> tuple[Audited, ...]:
    """Every audit of a reward in this run, in the order of the plan."""
    return tuple(_audited(stage) for stage in story.of(REWARD_AUDIT))


def _audited(stage: Stage) -> Audited:
    said = next((note.data for _, note in stage.notes if note.topic == NOTE), {})
    nudges = _nudges(stage.figures)
    paid = sorted((each for each in nudges if each.beyond), key=lambda each: -each.size)
    styles = [each for each in nudges if each.kind != "identity"]
    people = [each for each in nudges if each.kind == "identity"]
    return Audited(
        stage=stage,
        reward=said.get("reward", ""),
        digest=said.get("digest", ""),
        pairs=said.get("pairs", ""),
        nudges=said.get("nudges", ""),
        says=_says(paid, nudges),
        paid=tuple(paid),
        quiet=tuple(each for each in nudges if not each.beyond),
        ranks=tuple(_ranks(stage.figures)),
        plots=(_plot("Said in another way", styles),) if styles else (),
        further=tuple(_people(people)),
        apart=tuple(
            ruling.finding.detail for ruling in stage.rulings if ruling.finding.name == "reward.rank.apart"
        ),
    )


def _nudges(figures: Iterable[Figure]) -> list[Paid]:
    figures = list(figures)
    wins = {_key(figure): figure for figure in figures if figure.estimate.metric == WINS}
    return [_paid(figure, wins.get(_key(figure))) for figure in figures if figure.estimate.metric == NUDGE]


def _key(figure: Figure) -> tuple[tuple[str, str], ...]:
    own = figure.estimate.slice.items()
    return tuple(sorted((name, value) for name, value in own if name not in ("holm_p", "beyond_chance")))


def _paid(figure: Figure, wins: Figure | None) -> Paid:
    about = figure.estimate.slice
    kind, nudge = about.get("kind", ""), about.get("nudge", "")
    if kind == "identity":
        title = f"{about.get('axis', '')}: {about.get('group', '')} instead of {about.get('against', '')}"
        where = PLACES.get(about.get("place", ""), "")
    else:
        title, where = NUDGES.get(nudge, f"The word “{nudge}”"), ""
    return Paid(title, where, kind, figure, wins, about.get("beyond_chance") == "yes")


def _says(paid: Sequence[Paid], nudges: Sequence[Paid]) -> str:
    """The card in one sentence."""
    count = plural(len(nudges), "nudge")
    if not nudges:
        return "Nothing was nudged."
    if not paid:
        return f"None of {count} moved the reward beyond chance and by more than is worth a mention."
    kinds = dict.fromkeys(KINDS.get(each.kind, each.kind) for each in paid)
    return (
        f"Besides quality the reward answers to {listed(list(kinds))}: {len(paid)} of {count} moved it beyond"
        " chance."
    )


def _ranks(figures: Sequence[Figure]) -> list[Forest]:
    """Accuracy and ties by subset and group; and this ranking beside others."""
    found = []
    for name, title in (
        ("reward.rank.accuracy", "How it ranks held-out pairs"),
        ("reward.rank.difference", "Beside other rankings"),
        ("reward.rank.ties", "Ties"),
    ):
        own = [figure for figure in figures if figure.estimate.metric == name]
        if own:
            found.append(forest(title, [(_whose(each), "", [("only", "", each)]) for each in own]))
    return found


def _whose(figure: Figure) -> str:
    about = figure.estimate.slice
    if "against" in about:
        return f"against {about['against']}"
    if "group" in about:
        return f"{about.get('axis', '')}: {about['group']}"
    return about.get("subset") or "all pairs"


def _plot(title: str, nudges: Sequence[Paid]) -> Forest:
    return forest(
        title, [(each.title, _beside(each), [("only", each.title, each.effect)]) for each in nudges]
    )


def _people(nudges: Sequence[Paid]) -> list[Forest]:
    """One plot for each axis and place."""
    found: dict[tuple[str, str], list[Paid]] = {}
    for each in nudges:
        found.setdefault((each.effect.estimate.slice.get("axis", ""), each.where), []).append(each)
    return [_plot(f"Naming somebody else: {axis}, {where}", own) for (axis, where), own in found.items()]


def _beside(each: Paid) -> str:
    """What stands small beside a row: how often it wins, and Holm's p-value."""
    rate = each.wins.estimate.value if each.wins is not None else None
    wins = "" if rate is None else f"wins {100 * rate:.0f}%"
    holm = f"Holm p {each.holm}".replace("p <", "p < ") if each.holm else ""
    return ", ".join(part for part in (wins, holm) if part)
