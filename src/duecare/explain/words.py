"""The step that asks which words of a prompt a model's answer, a reward or a detector's score rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.explain.attribution import METHODS
from duecare.model.people import AXES
from duecare.model.twins import FRAMES, ISSUES, MANNERS

OF = ("twins", "answers", "file")
SCORES = ("answer", "reward", "toxicity")
AGAINST = ("nothing", "answer", "group")
BASELINES = ("pad", "mean", "zero")
FRAMED = len(FRAMES) * len(ISSUES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Say which words an answer rests on, how much falls to words that name a group, and whether that is so.

    Each word gets what it adds to the log-probability of an answer, to a reward or to a toxicity score. An
    explanation is drawn as a finding only where it passes its tests: its parts add up (integrated gradients),
    a model with random weights gives another one, and taking its words away costs more than taking away
    others. Else it is marked "not validated".

    - of: "twins" are built-in prompts that differ in the group only, with fixed answers; "answers" what the
      models answered in `evaluate`; "file" rows of your own
    - file: with of: file, a .jsonl, .csv or .parquet file with columns prompt and answer, and where there are
      any against, axis, group and pair
    - score: what is explained, the log-probability of the "answer", the "reward" of a reward model, or the
      "toxicity" of an answer by the built-in detector
    - reward_model: with score: reward, the training step whose model scores
    - method: occlusion, integrated-gradients (several times as slow) or gradient-x-input
    - steps: points on the line from the baseline that integrated gradients reads
    - baseline: what a word is put to: the "pad" token, the "mean" of the vocabulary or "zero"
    - against: "nothing"; "answer" sets each answer against another one to the same prompt (of twins that of
      the other manner); "group" sets it against the same answer to the prompt of the reference group
    - axes: of gender, religion, age, nationality; which groups are compared
    - reference: axis to the group that others are compared with; left out: men, christian, middle-aged,
      american
    - items: framed issues of the twins (of 120), answers of each group, or rows of the file, at most
    - manners: which fixed answers of the twins, respectful and dismissive ones or one of the two
    - checks: explanations that are tested, of each model
    - points, orders: of a curve of deletion or insertion, and random orders that it is compared with
    - seed: of random orders and random weights, and of which answers are taken
    - batch: texts on the device at a time; changes the speed only
    - mesh: devices over which each model is dealt out, fsdp and tp; left out, one device. Changes the speed
      only
    """

    READS: ClassVar[tuple[str, ...]] = ("base", "tuned", "evaluate", "reward")
    """What of a study's jobs the step is given, where there are any."""

    of: Literal["twins", "answers", "file"] = "twins"
    file: str = ""
    score: Literal["answer", "reward", "toxicity"] = "answer"
    reward_model: str = ""
    method: Literal["gradient-x-input", "integrated-gradients", "occlusion"] = "occlusion"
    steps: int = 64
    baseline: Literal["pad", "mean", "zero"] = "pad"
    against: Literal["nothing", "answer", "group"] = "nothing"
    axes: tuple[str, ...] = ("gender",)
    reference: Mapping[str, str] = field(default_factory=dict)
    items: int = 12
    manners: tuple[str, ...] = MANNERS[:1]
    checks: int = 12
    points: int = 5
    orders: int = 4
    seed: int = 0
    batch: int = field(default=16, metadata={"speed": True})
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})

    def __post_init__(self) -> None:
        counts = {name: (getattr(self, name), 1) for name in ("steps", "points", "orders", "batch")}
        counts |= {"items": (self.items, 2), "checks": (self.checks, 2), "seed": (self.seed, 0)}
        known = {axis: {wording.group for wording in wordings} for axis, wordings in AXES.items()}
        axes = bool(self.axes) and len(set(self.axes)) == len(self.axes) and set(self.axes) <= set(AXES)
        manners = bool(self.manners) and set(self.manners) <= set(MANNERS)
        named = all(group in known.get(axis, ()) for axis, group in self.reference.items())
        choices = {"of": OF, "score": SCORES, "method": METHODS, "against": AGAINST, "baseline": BASELINES}
        refuse_unless(
            "words",
            *(
                (getattr(self, name) in some, name, getattr(self, name), f"one of {', '.join(some)}")
                for name, some in choices.items()
            ),
            *(
                (value >= least, name, value, f"a whole number, {least} or more")
                for name, (value, least) in counts.items()
            ),
            (axes, "axes", self.axes, f"one or more of {', '.join(AXES)}, each once"),
            (named, "reference", dict(self.reference), "a group of each axis that it names"),
            (manners, "manners", self.manners, f"one or both of {', '.join(MANNERS)}"),
            (self.mesh is None or min(self.mesh) >= 1, "mesh", self.mesh, "two whole numbers of at least 1"),
            *self._together(),
        )

    def _together(self) -> list[tuple[bool, str, object, str]]:
        """What must hold of fields that speak of each other."""
        file, reward = self.of == "file", self.score == "reward"
        fits = self.of != "twins" or self.items <= FRAMED
        judge = "a training step with score: reward, and only there"
        return [
            (file == bool(self.file), "file", self.file, "a path with of: file, and only there"),
            (reward == bool(self.reward_model), "reward_model", self.reward_model, judge),
            (fits, "items", self.items, f"at most {FRAMED} with of: twins"),
            *(self._of_a_detector() if self.score == "toxicity" else ()),
            *self._against(),
        ]

    def _of_a_detector(self) -> list[tuple[bool, str, object, str]]:
        why = "with score: toxicity"
        slopes = f"occlusion {why}: a detector has no slopes"
        fixed = f"answers or file {why}: the answers of the twins are fixed"
        return [
            (self.method == "occlusion", "method", self.method, slopes),
            (self.of != "twins", "of", self.of, fixed),
            (self.against == "nothing", "against", self.against, f"nothing {why}"),
        ]

    def _against(self) -> list[tuple[bool, str, object, str]]:
        """There must be another answer, or the same answer to another group."""
        answer = self.against != "answer" or (self.of != "answers" and self.score != "reward")
        group = self.against != "group" or self.of != "answers"
        none = "no other answer with of: answers or a reward: there is none to each"
        own = "no other group with of: answers: each group has answers of its own"
        return [(answer, "against", self.against, none), (group, "against", self.against, own)]

    def against_of(self, axis: str) -> str:
        """The group that others on `axis` are compared with."""
        return self.reference.get(axis, AXES[axis][0].group)

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Inputs: `base`; where given `tuned`, `evaluate` (of: answers) and `reward` (score: reward)."""
        from duecare.explain.words_run import run

        return run(self, inputs, out, tell)
