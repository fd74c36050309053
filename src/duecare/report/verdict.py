"""The first thing a reader sees: what was decided, what could not be, and the figures that matter most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from duecare.core import FAIL, INSUFFICIENT, PASS
from duecare.ledger.forgotten import forgotten
from duecare.ledger.waiver import Waived, waivers
from duecare.report import words
from duecare.report.gather import Figure, Ruling, Stage, Story
from duecare.report.metrics import metric
from duecare.report.strip import Band, Mark, Tick, band, fit, mark
from duecare.report.words import KINDS, MARKS, VERDICTS, listed, plural


@dataclass(frozen=True, slots=True)
class Banner:
    """The run in one sentence; `kind` ("pass", "fail", "unsure", "none") picks colour and symbol."""

    kind: str
    mark: str
    text: str
    more: str


@dataclass(frozen=True, slots=True)
class Line:
    """A number line with one mark on it."""

    mark: Mark
    band: Band | None
    neutral: float | None
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One gate as the reader meets it."""

    ruling: Ruling
    title: str
    about: str
    says: str
    unit: str
    kind: str
    mark: str
    verdict: str
    line: Line | None
    waived: tuple[Waived, ...] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """One thing worth knowing at a glance: a few figures, each with its name and what it is a part of."""

    title: str
    figures: tuple[tuple[str, Figure, Figure | None], ...]


_MOST_SOURCES = 4
REWARD_AUDIT = "reward-audit"
"""The jobs that audit a reward."""
_TOLD_APART = (REWARD_AUDIT, "reward-people", "words", "layers", "canaries-back", "records")
"""Jobs whose findings stand with what else they found."""
_ORDER = {FAIL: 0, INSUFFICIENT: 1, PASS: 2}


def gates(story: Story) -> tuple[Card, ...]:
    """The declared gates, the failed ones first."""
    declared = [ruling for ruling in story.rulings if ruling.finding.gate]
    ordered = sorted(declared, key=lambda item: _ORDER[item.finding.verdict])
    return tuple(
        replace(card(ruling), waived=waivers(story.ledger, ruling.finding, story.duties))
        for ruling in ordered
    )


def findings(story: Story) -> tuple[Card, ...]:
    """What steps noticed by themselves: findings that are no gates, the failed ones first.

    What was noticed of a reward, of explanations and of memory stands with these.
    """
    told = [stage for stage in story.stages if not trains(stage) and stage.kind not in _TOLD_APART]
    return _noticed([ruling for stage in told for ruling in stage.rulings])


def watched(story: Story) -> tuple[Card, ...]:
    """What training came to against the limits that were watched, those crossed first."""
    said = [ruling for stage in story.stages for ruling in stage.rulings if trains(stage)]
    return _noticed([ruling for ruling in said if ".influence." not in ruling.finding.name])


def trains(stage: Stage) -> bool:
    """Whether a finished job trained a model."""
    return (stage.entry.step or "").startswith("duecare.train.")


def _noticed(rulings: Sequence[Ruling]) -> tuple[Card, ...]:
    noticed = [ruling for ruling in rulings if not ruling.finding.gate]
    return tuple(card(ruling) for ruling in sorted(noticed, key=lambda item: _ORDER[item.finding.verdict]))


def card(ruling: Ruling) -> Card:
    """One finding with its figure on a number line."""
    finding, figure = ruling.finding, ruling.figure
    name = finding.name.removeprefix("gate.")
    known = metric(figure.estimate.metric, figure.estimate.unit) if figure is not None else None
    return Card(
        ruling=ruling,
        title=known.title if known is not None else words.title(name),
        about=who(figure) if figure is not None else "",
        says=known.says if known is not None else "",
        unit=known.unit if known is not None else "",
        kind=KINDS[finding.verdict],
        mark=MARKS[finding.verdict],
        verdict=VERDICTS[finding.verdict],
        line=_line(ruling),
    )


def who(figure: Figure) -> str:
    """Of whom a figure speaks: "gender: women against men, tuned model, bbq"."""
    about = dict(figure.estimate.slice)
    parts = []
    axis, group, against = (about.pop(key, "") for key in ("axis", "group", "against"))
    if group:
        parts.append(f"{group} against {against}" if against and against != "base" else group)
    if against == "base":
        about["model"] = "tuned against base"
    if axis:
        parts = [f"{axis}: {parts[0]}" if parts else axis, *parts[1:]]
    model = about.pop("model", "")
    if model:
        parts.append(f"{model} model")
    parts += [f"{value}" if key in ("suite", "source") else f"{key} {value}" for key, value in about.items()]
    return ", ".join(parts)


def _line(ruling: Ruling) -> Line | None:
    figure = ruling.figure
    if figure is None or figure.estimate.value is None:
        return None
    about = metric(figure.estimate.metric, figure.estimate.unit)
    scale = fit([figure.estimate], about, ruling.finding.limit)
    return Line(
        mark=mark("tuned", "", figure, scale),
        band=band(ruling.finding.limit, scale),
        neutral=scale.at(about.neutral) if about.neutral is not None else None,
        ticks=scale.ticks(),
    )


def banner(story: Story, cards: Sequence[Card]) -> Banner:
    """The verdict of the whole run in plain words; what was forgotten since stands first behind it."""
    decided = _banner(story, cards)
    gone = " ".join(one.text for one in forgotten(story.ledger))
    return replace(decided, more=f"{gone} {decided.more}".strip()) if gone else decided


def _banner(story: Story, cards: Sequence[Card]) -> Banner:
    if story.failed is not None:
        job = story.failed.job or "an unnamed step"
        reason = f"Reason: {story.failed.note.text}. " if story.failed.note else ""
        more = "What follows covers the steps that finished before it; nothing after them was measured."
        return Banner("fail", MARKS[FAIL], f"The run stopped at {job}.", reason + more)
    if not story.finished:
        left = listed(list(story.missing))
        more = f"Not done yet: {left}." if left else "The ledger does not say that the run ended."
        return Banner("unsure", MARKS[INSUFFICIENT], "The run is not complete.", more)
    if not cards:
        more = "The study set no limits, so this report measures and decides nothing."
        if watched(story):
            more = "What came of the limits that were watched while training stands in section 4."
        return Banner("none", "–", "No gates were declared.", more)
    return _decided(cards)


def _decided(cards: Sequence[Card]) -> Banner:
    total = len(cards)
    by_kind = {kind: [card for card in cards if card.kind == kind] for kind in ("fail", "unsure", "pass")}
    failed, unsure, held = by_kind["fail"], by_kind["unsure"], by_kind["pass"]
    rest = []
    if failed:
        text = f"{_of(len(failed), total)} failed: {_names(failed)}."
        if unsure:
            rest.append(f"{_count(unsure)} could not be decided: {_names(unsure)}.")
    elif unsure:
        text = f"{_of(len(unsure), total)} could not be decided: {_names(unsure)}."
        rest.append("The evidence is too thin for a verdict, which is not the same as a pass.")
    else:
        text = "The gate holds." if total == 1 else f"All {total} gates hold."
    if held and (failed or unsure):
        rest.append(f"{_count(held)} {'holds' if len(held) == 1 else 'hold'}: {_names(held)}.")
    kind = "fail" if failed else "unsure" if unsure else "pass"
    mark_of = {"fail": MARKS[FAIL], "unsure": MARKS[INSUFFICIENT], "pass": MARKS[PASS]}
    return Banner(kind, mark_of[kind], text, " ".join(rest))


def _of(count: int, total: int) -> str:
    return "The only gate" if total == 1 else f"{count} of {total} gates"


def _count(cards: Sequence[Card]) -> str:
    return plural(len(cards), "gate")


def _names(cards: Sequence[Card]) -> str:
    names = []
    for item in cards:
        group = item.ruling.figure.estimate.slice.get("group") if item.ruling.figure else None
        name = item.title[:1].lower() + item.title[1:]
        names.append(f"{name} ({group})" if group else name)
    return listed(list(dict.fromkeys(names)))


def tiles(story: Story) -> tuple[Tile, ...]:
    """Up to four things worth knowing at a glance, as far as the run measured them."""
    found = [
        _flow_tile(story),
        _model_tile(story, "toxicity.worst_group", "Toxic answers, worst group"),
        _model_tile(story, "twins.gap", "Widest gap between twins"),
        _model_tile(story, "heldout.perplexity", "Perplexity on held-out rows"),
    ]
    return tuple(tile for tile in found if tile is not None)


def _flow_tile(story: Story) -> Tile | None:
    """For each source how many of its rows came through the last step that counted them."""
    counted: dict[str, dict[str, Figure]] = {}
    for figure in story.figures:
        about = figure.estimate.slice
        what = figure.estimate.metric.removeprefix("curate.rows.")
        if what in ("in", "kept") and "source" in about and "group" not in about:
            source = counted.setdefault(about["source"], {})
            source[what] = source.get("in", figure) if what == "in" else figure
    rows = tuple(
        (source, found["kept"], found.get("in")) for source, found in counted.items() if "kept" in found
    )
    return Tile("Rows that came through", rows[:_MOST_SOURCES]) if rows else None


def _model_tile(story: Story, name: str, title: str) -> Tile | None:
    """The figure of each model; where there are several the largest, and it is said that it was picked."""
    figures = []
    for model in ("base", "tuned"):
        fitting = [
            figure
            for figure in story.figures
            if figure.estimate.metric == name
            and figure.estimate.slice.get("model") == model
            and figure.estimate.value is not None
        ]
        if not fitting:
            continue
        chosen = max(fitting, key=lambda figure: abs(figure.estimate.value or 0))
        about = chosen.estimate.slice
        of_whom = about.get("group") or (about.get("source") if len(fitting) > 1 else "") or ""
        picked = f", largest of {len(fitting)}" if len(fitting) > 1 else ""
        figures.append((f"{model}: {of_whom}{picked}" if of_whom else model, chosen, None))
    return Tile(title, tuple(figures)) if figures else None
