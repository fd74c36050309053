"""From a study file to a Study: every section, every mistake at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from duecare.cli.combine import named
from duecare.cli.document import Node, parse
from duecare.cli.form import build, choice, convert, mapping, show
from duecare.cli.probed import followed
from duecare.cli.steps import BY_NAME, Kind, of_section, seeded
from duecare.cli.study import Broken, Groups, Study, Use
from duecare.core import Problem, Step, StudyError, refuse_unless
from duecare.detect.rewarding import is_dotted
from duecare.train.limits import FOLLOWED, Limits, OnCrossing
from duecare.train.probing import Probes
from duecare.train.rewards import GROUP, dotted
from duecare.train.rules import real, whole

if TYPE_CHECKING:  # a study without people does without keys
    from duecare.ledger.people import Person, Rules
    from duecare.vault.storage import Storage

SECTIONS = (
    "study",
    "people",
    "rules",
    "model",
    "groups",
    "data",
    "curate",
    "train",
    "watch",
    "reward",
    "evaluate",
    "explain",
    "memorise",
    "gates",
    "review",
    "report",
    "storage",
    "seed",
)
S = TypeVar("S", bound=Study)


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """The `study` section.

    - name: of the study and its run folder: letters, digits, - and _
    - purpose: what the model is for
    - owner: who answers for it
    - about: what only people can say of the system, for its documents; the keys stand below
    """

    name: str
    purpose: str = ""
    owner: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """The `watch` section: holds for every training step that does not say it itself.

    - every: training steps between two readings per group
    - limits: the widest gap between groups over the course of training; each step takes those it follows
    - alpha: accepted chance that any interval of a gap misses, over all looks at all gaps of a step
    - on_crossing: where a limit is crossed, "warn" trains on, "stop" ends that step and keeps its model,
      "rollback" ends it with the model of the last good checkpoint before
    - probe: counterfactual twins that every training step asks which does not say it itself
    """

    every: int | None = None
    limits: Limits | None = None
    alpha: float | None = None
    on_crossing: OnCrossing | None = None
    probe: Probes | None = None

    def __post_init__(self) -> None:
        refuse_unless(
            "watch",
            (self.every is None or whole(self.every, 1), "every", self.every, "a whole number, at least 1"),
            (
                self.alpha is None or real(self.alpha, 0, 0.5, open_low=True),
                "alpha",
                self.alpha,
                "a number above 0 and at most 0.5",
            ),
        )

    def given(self, kind: str, cls: type[Any], *, asks: Collection[str] | None) -> dict[str, Any]:
        """What it says, as settings of a training step of this kind.

        `asks` is what the step's own probe follows, nothing where it wants none; None where it does not say.
        """
        able = any(each.name == "probe" for each in dataclasses.fields(cls))
        probe = None if self.probe is None or not able or asks is not None else self.probe.of(kind)
        about = (() if probe is None else probe.figures(kind)) if asks is None else asks
        limits = None if self.limits is None else self.limits.of(FOLLOWED.get(kind, ()), twins=about)
        said = {
            "every": self.every,
            "limits": limits,
            "watch_alpha": self.alpha,
            "on_crossing": self.on_crossing,
            "probe": probe,
        }
        return {name: value for name, value in said.items() if value is not None}


def read(path: Path, cls: type[S]) -> S:
    """The study at `path`; a StudyError tells all that is wrong with it."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise StudyError(
            [Problem("study file", str(path), f"a file that can be read ({error.strerror})")]
        ) from error
    except UnicodeDecodeError as error:
        raise StudyError([Problem("study file", str(path), "text in UTF-8")]) from error
    root, problems = parse(text)
    if root is None:
        raise StudyError(problems)
    reader = _Reading(root, problems)
    study = reader.study(cls, path.parent)
    whole = [reader.placed(problem) for problem in study.problems()]
    told = {(each.where, each.line) for each in problems}
    problems += [each for each in whole if (each.where, each.line) not in told]
    if problems:
        raise StudyError(sorted(problems, key=lambda each: each.line or 0))
    return study


class _Reading:
    """One file being read; `problems` grows."""

    def __init__(self, root: Node, problems: list[Problem]) -> None:
        self._problems = problems
        self._root = root
        self._gate_places: list[int] = []
        entries = mapping(root, "the file", problems)
        self._sections: dict[str, Node] = entries or {}
        for name, node in self._sections.items():
            if name not in SECTIONS:
                problems.append(Problem(name, show(node.plain()), choice(name, SECTIONS), node.line))
        self._seed: int = self._whole("seed", 0)
        self._watch: Watch = self._section(Watch, "watch") or Watch()

    def study(self, cls: type[S], folder: Path) -> S:
        """The study, with Broken where a step could not be made."""
        about = self._section(About, "study", needed=True)
        people, rules = self._people(), self._rules()
        train = tuple(step for step, _ in self._steps("train"))
        self._not_followed(train)
        return cls(
            name=about.name if about else "study",
            purpose=about.purpose if about else "",
            owner=about.owner if about else "",
            about=about.about if about else {},
            people=people,
            rules=rules if people else None,
            model=self._one("base", "model"),
            groups=self._section(Groups, "groups") or Groups(),
            data=self._data(),
            curate=tuple(Use(step, on) for step, on in self._steps("curate")),
            train=train,
            reward=tuple(step for step, _ in self._steps("reward")),
            evaluate=self._one("evaluate", "evaluate"),
            explain=tuple(step for step, _ in self._steps("explain")),
            memorise=tuple(step for step, _ in self._steps("memorise")),
            gates=self._gates(),
            review=self._review(),
            report=self._one("report", "report"),
            storage=self._storage(),
            seed=self._seed,
            folder=folder,
        )

    def _storage(self) -> Storage | None:
        """What is kept, and how; a value under `key` may be a secret by mistake, and is not repeated."""
        node, before = self._sections.get("storage"), len(self._problems)
        if node is None:
            return None
        from duecare.vault.storage import Storage

        made: Storage | None = build(Storage, node, "storage", self._problems)
        self._problems[before:] = [
            dataclasses.replace(each, value="(not shown)") if each.where.startswith("storage.key") else each
            for each in self._problems[before:]
        ]
        return made

    def _not_followed(self, train: Sequence[Step]) -> None:
        """A limit that no training step would look at is a mistake, not a limit that is held."""
        given = self._watch.limits.given if self._watch.limits else {}
        followed = {figure for step in train for figure in FOLLOWED.get(named(step), ())}
        for figure in given.keys() - followed if "?" not in map(named, train) else ():
            where = f"watch.limits.{figure}_gap"
            known = "; ".join(f"{kind} follows {', '.join(names)}" for kind, names in FOLLOWED.items())
            expected = f"a gap that a training step of this study follows ({known})"
            self._problems.append(Problem(where, show(given[figure]), expected, self._root.at(where).line))
        asking = [(getattr(step, "probe", None), named(step)) for step in train]
        asked = {figure for probe, kind in asking if probe is not None for figure in probe.figures(kind)}
        broken = any(isinstance(step, Broken) for step in train)
        twins = self._watch.limits.twins if self._watch.limits and not broken else {}
        for figure, limit in twins.items():
            if figure in asked:
                continue
            where = f"watch.limits.twins_{figure}"
            expected = "no such limit, or a training step with `probe` that answers to it: nobody asks them"
            self._problems.append(Problem(where, show(limit), expected, self._root.at(where).line))

    def placed(self, problem: Problem) -> Problem:
        """A problem of the whole study at its place in the file."""
        section, _, rest = problem.where.partition(".")
        place, _, key = rest.partition(".")
        where = problem.where
        if section == "gates" and place.isdigit():  # gates that could not be made are not counted there
            where = f"gates.{self._gate_places[int(place)]}.{key}"
        return dataclasses.replace(problem, where=where, line=self._root.at(where).line)

    def _whole(self, name: str, default: int) -> int:
        node = self._sections.get(name)
        found = convert(node, int, name, self._problems) if node else default
        return default if found is None else int(found)

    def _section(self, cls: type[Any], name: str, *, needed: bool = False) -> Any:
        node = self._sections.get(name)
        if node is None:
            if needed:
                self._problems.append(Problem(name, "missing", "a section with at least a name", 1))
            return None
        return build(cls, node, name, self._problems)

    def _people(self) -> dict[str, Person]:
        node = self._sections.get("people")
        if node is None:
            return {}
        from duecare.ledger.people import Person

        entries = mapping(node, "people", self._problems) or {}
        if not entries:
            self._problems.append(Problem("people", "empty", "at least an owner", node.line))
        made = {
            name: build(Person, inner, f"people.{name}", self._problems) for name, inner in entries.items()
        }
        return {} if None in made.values() else made

    def _rules(self) -> Rules | None:
        if "rules" not in self._sections:
            return None
        from duecare.ledger.people import Rules

        found: Rules | None = self._section(Rules, "rules")
        if found is not None and "people" not in self._sections:
            line = self._root.at("rules").line
            self._problems.append(Problem("rules", "given", "a section `people`: rules are about them", line))
        return found

    def _one(self, name: str, section: str) -> Step | None:
        node = self._sections.get(section)
        return None if node is None else self._made(BY_NAME[name], node, section)

    def _made(self, kind: Kind, node: Node, where: str) -> Step:
        cls = kind.load()
        given: dict[str, Any] = {"seed": self._seed} if seeded(cls) else {}
        if kind.section == "train":
            own = node.value.get("probe") if isinstance(node.value, dict) else None
            given |= self._watch.given(kind.name, cls, asks=followed(own, kind.name))
        step: Step | None = build(
            cls,
            node,
            where,
            self._problems,
            renamed=kind.renamed,
            hidden=kind.hidden,
            given=given,
            also=("on",) if kind.on_is_ours else (),
        )
        return Broken(kind.name, _word(node, "on")) if step is None else step

    def _data(self) -> dict[str, Step]:
        node = self._sections.get("data")
        if node is None:  # whether any is needed is a question of the whole study
            return {}
        entries = mapping(node, "data", self._problems) or {}
        if not entries:
            self._problems.append(Problem("data", "empty", "at least one source", node.line))
        return {name: self._made(BY_NAME["read"], inner, f"data.{name}") for name, inner in entries.items()}

    def _steps(self, section: str) -> list[tuple[Step, tuple[str, ...]]]:
        """The steps of a list section, each with the sources it names."""
        node = self._sections.get(section)
        kinds = of_section(section)  # type: ignore[arg-type]  # "curate", "train" and "explain" are sections
        found: list[tuple[Step, tuple[str, ...]]] = []
        for place, item in enumerate(self._items(node, section)):
            where = f"{section}.{place}"
            named = _single(item)
            if named is None:
                expected = f"one step with its settings, such as `- {next(iter(kinds))}: {{}}`"
                self._problems.append(Problem(where, show(item.plain()), expected, item.line))
                found.append((Broken("?"), ()))
                continue
            name, inner = named
            if name not in kinds:
                expected = choice(name, list(kinds))
                self._problems.append(Problem(f"{where}.{name}", show(inner.plain()), expected, item.line))
                found.append((Broken("?"), ()))
                continue
            where = f"{where}.{name}"
            step = self._made(kinds[name], inner, where)
            self._no_code(step, inner, where)
            found.append((step, self._on(inner, where)))
        return found

    def _no_code(self, step: Step, node: Node, where: str) -> None:
        """A study may come from somebody else: it names what is installed, never code to be loaded."""
        drift = getattr(step, "drift", None)
        for key in ("reward", "against", "held_out", "drift.independent"):
            given = getattr(drift if key.startswith("drift") else step, key.rpartition(".")[2], {})
            names = [given] if isinstance(given, str) and is_dotted(given) else ()
            for name in names or (dotted(given) if isinstance(given, dict) else ()):
                expected = (
                    f"a detector or an installed reward function ({GROUP}); module:function in Python only"
                )
                place = node.at(f"{key}.{name}" if isinstance(given, dict) else key).line
                self._problems.append(Problem(f"{where}.{key}", show(name), expected, place))

    def _items(self, node: Node | None, section: str) -> Sequence[Node]:
        if node is None or node.value is None:
            return ()
        if isinstance(node.value, tuple):
            return node.value
        self._problems.append(
            Problem(section, show(node.plain()), "a list (each line begins with -)", node.line)
        )
        return ()

    def _on(self, node: Node, where: str) -> tuple[str, ...]:
        inner = node.value.get("on") if isinstance(node.value, dict) else None
        if inner is None:
            return ()
        return convert(inner, tuple[str, ...], f"{where}.on", self._problems) or ()

    def _gates(self) -> Step | None:
        node = self._sections.get("gates")
        if node is None:
            return None
        from duecare.evaluate.limit import GateSpec

        specs = [
            build(GateSpec, item, f"gates.{place}", self._problems)
            for place, item in enumerate(self._items(node, "gates"))
        ]
        self._gate_places = [place for place, spec in enumerate(specs) if spec is not None]
        sound = tuple(spec for spec in specs if spec is not None)
        if not sound:
            if not specs and (node.value is None or isinstance(node.value, tuple)):
                self._problems.append(Problem("gates", show(node.plain()), "one gate or more", node.line))
            return Broken("gate")
        step: Step = BY_NAME["gate"].load()(gates=sound)
        return step

    def _review(self) -> tuple[Step, ...]:
        """One round, or a list of them."""
        node = self._sections.get("review")
        if node is None:
            return ()
        if isinstance(node.value, dict):
            return (self._made(BY_NAME["review"], node, "review"),)
        items = enumerate(self._items(node, "review"))
        return tuple(self._made(BY_NAME["review"], item, f"review.{place}") for place, item in items)


def _word(node: Node, key: str) -> str:
    """The value of one key where it is text, else nothing."""
    inner = node.value.get(key) if isinstance(node.value, dict) else None
    return inner.value if inner is not None and isinstance(inner.value, str) else ""


def _single(item: Node) -> tuple[str, Node] | None:
    """The one step of a list item: `- personal` or `- personal: {...}`."""
    if isinstance(item.value, str):
        return item.value, Node(item.line, None)
    if isinstance(item.value, dict) and len(item.value) == 1:
        return next(iter(item.value.items()))
    return None
