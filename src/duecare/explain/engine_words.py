"""Models of a run as instruments of the step `words`. Imports JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from duecare.core import Artifacts
from duecare.explain.asked import Item
from duecare.explain.attribution import Attribution, Done, attributed, opened, rather, readings
from duecare.explain.engine_attribution import Explained, Unit, randomised
from duecare.explain.faithful import Kept
from duecare.explain.reading import Reading
from duecare.explain.spans import Floats

if TYPE_CHECKING:
    from duecare.explain.words import Words


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model; where answers are set against others, each number is a difference."""

    step: Words
    asked: Explained
    loaded: Any
    rests_on: tuple[str, ...] = field(default=())

    def sees(self, items: Sequence[Item]) -> list[bool]:
        """A model reads any text."""
        return [True] * len(items)

    def explain(self, items: Sequence[Item], done: Done) -> list[Attribution]:
        """One explanation of each item."""
        sides = self._sides(items)
        texts = [text for side in sides for text in side]
        total = len(texts)
        found = attributed(
            self.asked,
            texts,
            method=self.step.method,
            steps=self.step.steps,
            progress=lambda count, _: done(count * len(items) // total, len(items)),
        )
        if len(sides) == 1:
            return found
        return [rather(*pair) for pair in zip(found[: len(items)], found[len(items) :], strict=True)]

    def ask(self, items: Sequence[Item], asked: Sequence[tuple[int, Kept]]) -> Floats:
        """Values of items of which only some words are kept."""
        first, *second = (
            self.asked.values(side, [Unit(number, kept=side[number].only(kept)) for number, kept in asked])
            for side in self._sides(items)
        )
        return first - second[0] if second else first

    def randomised(self, seed: int) -> Model:
        """The same with random weights."""
        return replace(self, asked=randomised(self.asked, seed))

    def _sides(self, items: Sequence[Item]) -> list[list[Reading]]:
        """Texts with their answer, and where there is one with the answer it is set against."""
        prompts, ways = [item.prompt for item in items], [item.chat for item in items]
        sides = [[item.answer for item in items]]
        if self.step.against == "answer":
            sides.append([item.other or "" for item in items])
        return [readings(self.loaded, prompts, answers, chat=ways) for answers in sides]


def open_model(step: Words, inputs: Artifacts, model: str) -> Model:
    """`base`, `tuned` or `reward` of a run."""
    from duecare.model.fetch import cache, folder_of
    from duecare.model.load import load
    from duecare.model.mesh import make_mesh
    from duecare.model.reward import load_reward

    artifact = inputs[model]
    folder = folder_of(artifact.path, cache()) if model == "base" else artifact.path / "model"
    mesh = make_mesh(*step.mesh) if step.mesh else None
    found = load_reward(folder, mesh=mesh) if model == "reward" else load(folder, mesh=mesh)
    asked, loaded = opened(found, baseline=step.baseline, batch=step.batch)
    return Model(
        step, asked, loaded, (f"{artifact.job}@{artifact.digest[:12]}",) if model == "reward" else ()
    )
