"""Study: everything a run needs to know, as steps, whether read from a file or built in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duecare.core import Problem, Step, StudyError
from duecare.core.about import SYSTEM
from duecare.core.wire import settings

if TYPE_CHECKING:
    from duecare.cli.outlook import Outlook
    from duecare.cli.plan import Plan
    from duecare.cli.run import Result, Screen
    from duecare.ledger.people import Listing, Person, Rules
    from duecare.vault.storage import Storage

RUNS = "runs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Whose treatment is looked at.

    - columns: columns of the data that declare a group; each stands in at least one source
    - mentions: axes whose groups are looked for in the texts themselves
    """

    columns: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """A curation step and the sources it works on; none named means all."""

    step: Step
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands for a step that could not be made, so that everything else is checked all the same."""

    name: str
    on: str = ""

    def run(self, *_: object) -> Any:
        """A broken step never runs: a study with problems is refused."""
        raise StudyError(f"{self.name} could not be made")


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A whole study.

    - name: of the run folder; letters, digits, - and _
    - purpose, owner: what the model is for, and who answers for it; both stand in the report
    - about: what only people can say of the system, by the keys of `core.about.SYSTEM`; for its documents
    - people, rules: who may sign what, by name, and the rules between them (`ledger.people`); they need
      each other only one way: rules without people are refused
    - model: a `Fetch` step, needed to train or to evaluate
    - groups: whose treatment is looked at
    - data: name -> `Read` step; none where the study only asks a model and reads no rows
    - curate: steps (or `Use(step, on=...)`) in the order in which rows go through them
    - train: `Sft`, `Distill`, `Dpo`, `RewardModel`, `Grpo` and `Ppo` steps; each goes on from the model of
      the one before, but none from a reward model
    - reward: steps that look into rewards (`reward.Audit`); each runs as soon as what it reads is there
    - explain: `Words` steps: why the models answer as they do
    - memorise: steps that ask what the models kept of their rows (`memorise.CanariesBack`)
    - evaluate, gates, report: an `Evaluate`, a `Gate` and a `Report` step
    - review: `Review` steps: rounds of human review that training or release waits for
    - storage: what is encrypted at rest, and until when it may be kept (a `Storage`)
    - seed: of every step that draws; in Python it is given to each step itself
    - folder: from where relative paths start (that of the study file)
    """

    name: str
    purpose: str = ""
    owner: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    rules: Rules | None = None
    model: Step | None = None
    groups: Groups = field(default_factory=Groups)
    data: Mapping[str, Step] = field(default_factory=dict)
    curate: tuple[Use | Step, ...] = ()
    train: tuple[Step, ...] = ()
    reward: tuple[Step, ...] = ()
    evaluate: Step | None = None
    explain: tuple[Step, ...] = ()
    memorise: tuple[Step, ...] = ()
    gates: Step | None = None
    review: tuple[Step, ...] = ()
    report: Any = None
    storage: Storage | None = None
    seed: int = 0
    folder: Path = Path()

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The study in a YAML file. Raises StudyError with everything wrong in it, each with its line."""
        from duecare.cli.reading import read

        return read(Path(path), cls)

    @property
    def tunes(self) -> bool:
        """Whether some training step makes a model that answers; a reward model does not."""
        from duecare.cli.steps import judges

        return any(not judges(step) for step in self.train)

    @property
    def uses(self) -> tuple[Use, ...]:
        """`curate` with every step in a Use."""
        return tuple(each if isinstance(each, Use) else Use(each) for each in self.curate)

    def problems(self) -> list[Problem]:
        """Everything wrong with the study as a whole: combinations, files, columns, groups."""
        from duecare.cli.combine import combinations
        from duecare.cli.memorising import problems as memorising
        from duecare.cli.rewarding import problems
        from duecare.cli.sources import unreadable

        return [
            *self._unknown_answers(),
            *self._between_people(),
            *combinations(self),
            *problems(self),
            *memorising(self),
            *unreadable(self),
        ]

    def _unknown_answers(self) -> list[Problem]:
        expected = f"answers to {', '.join(SYSTEM)}"
        return [
            Problem(f"study.about.{key}", repr(said), expected)
            for key, said in self.about.items()
            if key not in SYSTEM
        ]

    def _between_people(self) -> list[Problem]:
        if self.listing is not None:
            return self.listing.problems()
        return [Problem("rules", "given", "a section `people`: rules are about them")] if self.rules else []

    @property
    def listing(self) -> Listing | None:
        """The people and the rules between them; None where the study lists nobody."""
        if not self.people:
            return None
        from duecare.ledger.people import Listing, Rules

        return Listing(self.people, self.rules or Rules())

    def check(self) -> None:
        """Raise a StudyError with everything that is wrong; nothing is run and no model is loaded."""
        if problems := self.problems():
            raise StudyError(problems)

    def plan(self) -> Plan:
        """The jobs of a run. Raises StudyError where `check` would."""
        from duecare.cli.compose import compose

        self.check()
        return compose(self)

    def outlook(
        self,
        *,
        minutes: float | None = None,
        rate: float = 0.05,
        effect: float = 2.0,
        former: str | Path | None = None,
    ) -> Outlook:
        """What the gates will be able to decide and how long the suites will take; see `cli.outlook`.

        `rate` and `effect` (design effect) are assumed where no evaluation in `former` (a run's folder, left
        out: this study's own run) tells them; with `minutes` items are proposed that fit.
        """
        from duecare.cli.outlook import outlook

        self.check()
        place = None if former is None else Path(former)
        return outlook(self, minutes=minutes, rate=rate, effect=effect, former=place)

    def run(
        self, folder: str | Path | None = None, *, screen: Screen | None = None, workers: int = 1
    ) -> Result:
        """Run what of the study is not done yet, in `folder` or runs/<name>, and report.

        `workers` processes share the work of curation; nothing that is written depends on it. (With more than
        one, a script that calls this needs `if __name__ == "__main__":`, as processes read it anew.)

        Raises StudyError before anything runs, and `duecare.cli.run.StepError` where a step fails.
        """
        from rich.console import Console

        from duecare.cli import terminal
        from duecare.cli.run import run
        from duecare.curate.engine import Local, working_on

        plan, place = self.plan(), self.place(folder)
        with working_on(Local(workers=workers)):
            if screen is not None:
                return run(plan, place, screen=screen, reporter=self.reporter)
            with terminal.screen(Console(stderr=True)) as shown:
                return run(plan, place, screen=shown, reporter=self.reporter)

    def place(self, folder: str | Path | None = None) -> Path:
        """The run folder: `folder`, or runs/<name> under the working directory."""
        return Path(folder) if folder is not None else Path(RUNS) / self.name

    @property
    def reporter(self) -> Any:
        """The report step, with its defaults where the study says nothing."""
        from duecare.cli.steps import BY_NAME

        return self.report or BY_NAME["report"].load()()

    def settings(self) -> dict[str, Any]:
        """The whole study as plain values, as the ledger records it: every default spelled out."""
        from duecare.cli.steps import kind_of

        def named(step: object) -> str:
            kind = kind_of(step)
            return kind.name if kind else type(step).__qualname__

        return {
            "study": {
                "name": self.name,
                "purpose": self.purpose,
                "owner": self.owner,
                **({"about": dict(sorted(self.about.items()))} if self.about else {}),
            },
            **(self.listing.plain() if self.listing else {}),
            "model": settings(self.model) if self.model else {},
            "groups": {"columns": list(self.groups.columns), "mentions": list(self.groups.mentions)},
            "data": {name: settings(step) for name, step in self.data.items()},
            "curate": [{named(use.step): {"on": list(use.on), **settings(use.step)}} for use in self.uses],
            "train": [{named(step): settings(step)} for step in self.train],
            **({"reward": [{named(step): settings(step)} for step in self.reward]} if self.reward else {}),
            "evaluate": settings(self.evaluate) if self.evaluate else {},
            "gates": settings(self.gates) if self.gates else {},
            **({"explain": [{named(step): settings(step)} for step in self.explain]} if self.explain else {}),
            **(
                {"memorise": [{named(step): settings(step)} for step in self.memorise]}
                if self.memorise
                else {}
            ),
            **({"review": [settings(step) for step in self.review]} if self.review else {}),
            "report": settings(self.report) if self.report else {},
            **({"storage": self.storage.recorded()} if self.storage else {}),
            "seed": self.seed,
        }
