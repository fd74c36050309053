"""Where a run stands with its limits, and what follows where one is crossed. Free of JAX.

Several judges look at a run: the gauge at the rows it is trained on, the probes at counterfactual twins.
What they find at one look is put together here: a state of the model is *good* where no limit was crossed,
and better where every limit was held. To that state a run goes back.
"""

from __future__ import annotations

from dataclasses import dataclass

from duecare.core import FAIL, PASS, Verdict
from duecare.train.limits import OnCrossing


@dataclass(slots=True)
class Crossing:
    """What happens where a limit is crossed, and how far the looks have come; 0 is where training began.

    `held` is the step of the last look at which every limit was held, `before` that of the last look
    before any was crossed, `crossed` whether one was.
    """

    on_crossing: OnCrossing
    steps: int
    held: int = 0
    before: int = 0
    crossed: bool = False

    @property
    def stopped(self) -> bool:
        """Whether training is to end here."""
        return self.crossed and self.on_crossing != "warn"

    @property
    def goes_back(self) -> bool:
        """Whether the model of an earlier step is to be kept."""
        return self.crossed and self.on_crossing == "rollback"

    @property
    def good(self) -> int:
        """The step to go back to."""
        return self.held or self.before

    def mark(self, step: int, verdicts: list[Verdict]) -> None:
        """Note what all judges found at the look after step `step`; after a crossing nothing moves."""
        if self.crossed or FAIL in verdicts:
            self.crossed = True
            return
        self.before = step
        if verdicts and set(verdicts) == {PASS}:
            self.held = step

    def then(self, step: int) -> str:
        """What happens after a crossing at `step`, in a sentence."""
        if self.on_crossing == "rollback":
            why = (
                "the last at which every limit was held"
                if self.held
                else "the last before a limit was crossed"
                if self.before
                else "that from which training began"
            )
            return f"Training ended there and goes back to the model of step {self.good}, {why}."
        if step == self.steps:
            return "That was the last step."
        if self.on_crossing == "warn":
            return "Training went on."
        return f"Training stopped there, of {self.steps} steps planned; the model as it was then is kept."
