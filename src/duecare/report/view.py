"""Everything the page, the card and the JSON are made of, gathered once, so that all three agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from duecare.core import FAIL
from duecare.ledger.entry import Entry
from duecare.ledger.forgotten import forgotten
from duecare.report import behind, behind_reward, curation, judged, origin, rewarded, treatment, verdict
from duecare.report.answering import Answering, answering
from duecare.report.comparisons import Comparisons, comparisons
from duecare.report.curves import Panel, panels
from duecare.report.explained import Explained, explained
from duecare.report.gather import Figure, Story, gather
from duecare.report.influence import Influence, influences
from duecare.report.layered import Layered, layered
from duecare.report.memorised import Memorised, memorised
from duecare.report.recorded import recorded
from duecare.report.reviewed import Round, rounds
from duecare.report.sections import Section, number, sections
from duecare.report.stages import Moved, stages
from duecare.report.treatment import SuiteView
from duecare.report.words import listed, plural

_FEW = 2
_MOST_STEPS = 150
_PEOPLE = re.compile(r"(person|people|panel)[:@/]")


@dataclass(frozen=True, slots=True)
class Block:
    """Entries that follow one another and belong together."""

    entries: tuple[Entry, ...]

    @property
    def told(self) -> bool:
        """Whether this is what a job told midway, and too much for a line each."""
        return self.entries[0].happened == "told" and len(self.entries) > _FEW

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The entries that stand on the page: of many figures of single training steps only the first."""
        steps = [entry.index for entry in self.entries if _of_steps(entry)]
        left_out = set(steps[_MOST_STEPS:])
        return tuple(entry for entry in self.entries if entry.index not in left_out)


def _of_steps(entry: Entry) -> bool:
    """Whether an entry holds nothing but figures of single training steps."""
    figures = entry.estimates
    return bool(figures) and not entry.findings and all(figure.step is not None for figure in figures)


@dataclass(frozen=True, slots=True)
class View:
    """One run, ready to be shown."""

    story: Story
    purpose: str
    owner: str
    base: str
    banner: verdict.Banner
    gates: tuple[verdict.Card, ...]
    findings: tuple[verdict.Card, ...]
    watched: tuple[verdict.Card, ...]
    tiles: tuple[verdict.Tile, ...]
    sources: tuple[curation.SourceView, ...]
    comparisons: Comparisons | None
    people: tuple[SuiteView, ...]
    usefulness: tuple[SuiteView, ...]
    panels: tuple[Panel, ...]
    moved: Moved | None
    instruments: tuple[origin.Instrument, ...]
    lanes: tuple[origin.Lane, ...]
    after: tuple[origin.Node, ...]
    account: origin.Account
    limits: tuple[str, ...]
    explained: tuple[Explained, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections that the page has, with their numbers."""
        return sections(self.story)

    def number(self, anchor: str) -> int:
        """The number of a section."""
        return number(self.story, anchor)

    @property
    def layered(self) -> tuple[Layered, ...]:
        """What the layers know and where gaps arise, by each step that was asked."""
        return layered(self.story)

    @property
    def memorised(self) -> tuple[Memorised, ...]:
        """What each step found that looked for canaries, then each that asked for real records."""
        return (*memorised(self.story), *recorded(self.story))

    @property
    def answering(self) -> Answering | None:
        """Who answers for the run and what they signed; None where its study lists nobody."""
        return answering(self.story)

    @property
    def attested(self) -> origin.Attested | None:
        """What was attested of the run when the report was made; None where nothing was."""
        return origin.attested(self.story)

    @property
    def influences(self) -> tuple[Influence, ...]:
        """Which rows moved a gap, by each training step that was asked."""
        return influences(self.story)

    @property
    def judges(self) -> tuple[judged.Judge, ...]:
        """What each reward model came to on held-out pairs."""
        return judged.judges(self.story)

    @property
    def behind_rewards(self) -> tuple[behind_reward.Behind, ...]:
        """The people behind each reward that was looked at so."""
        return behind_reward.people_behind(self.story)

    @property
    def audits(self) -> tuple[rewarded.Audited, ...]:
        """What each audit of a reward found."""
        return rewarded.audits(self.story)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """What each round of human review found."""
        return rounds(self.story)

    @property
    def training(self) -> tuple[tuple[str, tuple[Panel, ...]], ...]:
        """The charts of each training job, in the order of the plan."""
        jobs = dict.fromkeys(panel.job for panel in self.panels)
        return tuple((job, tuple(panel for panel in self.panels if panel.job == job)) for job in jobs)

    @property
    def record(self) -> tuple[Block, ...]:
        """The ledger's entries; what one job told midway in one go stands together."""
        blocks: list[list[Entry]] = []
        for entry in self.story.entries:
            before = blocks[-1][-1] if blocks else None
            if before and entry.happened == before.happened == "told" and entry.job == before.job:
                blocks[-1].append(entry)
            else:
                blocks.append([entry])
        return tuple(Block(tuple(entries)) for entries in blocks)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every current figure, those that only a finding carries included, by entry."""
        found = {figure.id: figure for figure in self.story.figures}
        found |= {item.figure.id: item.figure for item in self.story.rulings if item.figure is not None}
        for line in self.comparisons.lines if self.comparisons else ():
            looks = (line.alone, line.corrected)
            found |= {look.figure.id: look.figure for look in looks if look is not None}
        return tuple(found.values())

    def measuring(self, rests_on: tuple[str, ...]) -> tuple[origin.Instrument, ...]:
        """The detectors among the instruments named: those that have a card with figures."""
        return tuple(each for each in self.instruments if each.name in rests_on and each.worst is not None)


def view(run: Path, cases: int) -> View:
    """The run folder `run` with at most `cases` texts behind each number."""
    story = gather(run)
    gates = verdict.gates(story)
    shown = behind.cases(story, cases)
    lanes, after = origin.lanes(story)
    instruments = origin.instruments(story)
    about = story.study.get("study")
    told = about if isinstance(about, dict) else {}
    return View(
        story=story,
        purpose=str(told.get("purpose", "")),
        owner=str(told.get("owner", "")),
        base=origin.base_model(story),
        banner=verdict.banner(story, gates),
        gates=gates,
        findings=verdict.findings(story),
        watched=verdict.watched(story),
        tiles=verdict.tiles(story),
        sources=curation.sources(story, cases),
        comparisons=comparisons(story),
        people=treatment.treatment(story, shown),
        usefulness=treatment.usefulness(story, shown),
        panels=panels(story),
        moved=stages(story),
        instruments=instruments,
        lanes=lanes,
        after=after,
        account=origin.account(run, story),
        limits=_limits(story, gates),
        explained=explained(story, cases),
    )


def _limits(story: Story, gates: tuple[verdict.Card, ...]) -> tuple[str, ...]:
    """What a reader must not take from this report."""
    said = [one.text for one in forgotten(story.ledger)]
    rated = sorted({name for figure in treatment.measured(story) for name in figure.estimate.rests_on})
    detectors = [name for name in rated if not _PEOPLE.match(name) and not name.startswith("model")]
    if detectors and not any(map(_PEOPLE.match, rated)):
        said.append(
            f"No person rated the answers. The figures rest on {listed(detectors)} alone, whose errors may"
            f" differ between groups; section {number(story, 'instruments')} says how well each did where it"
            " was measured."
        )
    if any(card.kind == "unsure" for card in gates):
        said.append(
            "A gate without enough evidence is not a gate passed; each says how many observations would do."
        )
    if story.of("evaluate"):
        said.append(
            "Intervals cover the chance of sampling. They do not cover prompts, languages and uses that the"
            " suites do not contain."
        )
    if story.of("personal"):
        said.append("Redaction finds what its detector knows. Personal data of other shapes may remain.")
    if story.of(*curation.STEPS):
        said.append(
            "Groups are those declared in the data or named in prompts; people in no such group are not seen."
        )
    if not any(card.ruling.finding.verdict == FAIL for card in gates) and gates:
        said.append("Gates that hold say nothing about harms that no gate was set for.")
    if story.missing:
        said.append(
            f"{plural(len(story.missing), 'planned step')} did not finish: {listed(list(story.missing))}."
        )
    said.append(
        "The ledger shows that nothing was changed since it was signed. Whose key signed it, and that it is"
        " the newest state, only someone who kept the key and the last head elsewhere can tell."
    )
    return tuple(said)
