"""How long models took over what they were really asked: what was kept before is neither work nor time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duecare.core import Message, Note
from duecare.evaluate.answerer import Answerer, Sampling

TOPIC = "evaluate.pace"


@dataclass(slots=True)
class Pace:
    """Seconds spent inside models, letters of the answers they wrote, and given answers they scored."""

    clock: Callable[[], float] = time.perf_counter
    seconds: float = 0.0
    letters: int = 0
    scored: int = 0

    def follow(self, model: Answerer) -> Answerer:
        """The same model, whose work is counted from now on."""
        return _Followed(self, model)

    def note(self) -> Note | None:
        """For the ledger; None where models had nothing to do."""
        if not (self.letters or self.scored):
            return None
        text = f"models were asked for {self.seconds:.1f} s; what was kept from before is not counted"
        counts = {"letters": str(self.letters), "scored": str(self.scored)}
        return Note(topic=TOPIC, text=text, data={"seconds": f"{self.seconds:.3f}", **counts})


@dataclass(frozen=True, slots=True)
class _Followed:
    pace: Pace
    model: Answerer

    @property
    def identity(self) -> str:
        return self.model.identity

    def render(self, turns: Sequence[Message]) -> str:
        return self.model.render(turns)

    def answers(self, prompts: Sequence[str], how: Sampling) -> list[list[str]]:
        began = self.pace.clock()
        said = self.model.answers(prompts, how)
        self.pace.seconds += self.pace.clock() - began
        self.pace.letters += sum(len(text) for each in said for text in each)
        return said

    def logprobs(self, prompts: Sequence[str], answers: Sequence[str]) -> list[tuple[float, int]]:
        began = self.pace.clock()
        values = self.model.logprobs(prompts, answers)
        self.pace.seconds += self.pace.clock() - began
        self.pace.scored += len(values)
        return values
