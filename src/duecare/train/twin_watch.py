"""When twins are asked while a model is trained, and what of it lies on the disk. Free of JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from duecare.core import FAIL, INSUFFICIENT, Finding, Note, Tell, Verdict
from duecare.train.clock import span
from duecare.train.crossing import Crossing
from duecare.train.limits import Limits
from duecare.train.probing import Asked, Floats, Pairing, Plan, ProbeLog, Probes, enough, plan
from duecare.train.twin_gauge import TwinGauge
from duecare.train.watch import Reading

_SAID = {"probes": "a probe", "answers": "a probe of sampled answers"}


class TwinWatch:
    """Makes the probes that are due and lets them be judged.

    `ask` asks the model as it is now: float64 [N]. What the log holds already is judged again, not asked.
    """

    def __init__(
        self,
        *,
        method: str,
        about: Mapping[str, str],
        probes: Probes,
        pairings: Sequence[Pairing],
        base: Floats,
        log: ProbeLog,
        steps: int,
        every: int,
        limits: Limits,
        alpha: float,
        crossing: Crossing,
        ask: Callable[[], Floats],
        spare: int = 0,
        compared: Sequence[tuple[str, Pairing]] = (),
        rests_on: Mapping[str, tuple[str, ...]] | None = None,
        what: str = "probes",
    ) -> None:
        self.method, self.about, self.probes, self.pairings = method, dict(about), probes, pairings
        self.base, self.log, self.steps, self.every = base, log, steps, every
        self.limits, self.alpha, self.crossing, self.ask = limits, alpha, crossing, ask
        self.spare, self.compared, self.rests_on, self.what = spare, compared, rests_on or {}, what
        self._gauge: TwinGauge | None = None
        self._fresh = self._begun = False
        self._last: Asked | None = None

    def decide(self, *, at: int, seconds: float, step_seconds: float, tell: Tell) -> None:
        """Fix how often is probed, once training step `at` is timed; said, and kept for after a kill."""
        made = plan(
            self.probes,
            steps=self.steps,
            every=self.every,
            at=at,
            seconds=seconds,
            step_seconds=step_seconds,
            spare=self.spare,
        )
        self.log.decide(made)
        share = made.share(self.steps)
        text = (
            f"{_SAID[self.what]} takes {span(seconds)} and a training step {span(step_seconds)}: one after"
            f" every {made.nth * self.every} steps and after the last, {made.looks} with that of the base,"
            f" about {share:.1%} of the time of training"
        )
        if share > self.probes.share:
            why = (
                f"base and end are always measured; {enough(self.probes, made, self.steps)}"
                if self.probes.every is None
                else "the study says how often"
            )
            text += f"; that is more than the {self.probes.share:.0%} allowed, as {why}"
        data = {"every": str(made.nth * self.every), "looks": str(made.looks), "share": f"{share:.4f}"}
        tell(Note(topic=f"{self.method}.{self.what}", text=text, data=data))

    @property
    def ready(self) -> bool:
        """Whether it is decided how often is probed."""
        return self.log.plan is not None

    @property
    def left(self) -> float:
        """Seconds that the probes still to be made will take."""
        made = self.log.plan
        return 0.0 if made is None else (made.looks - 1 - len(self.log.records)) * made.seconds

    def look(self, step: int, tell: Tell) -> None:
        """Probe after training step `step` if that is due, and tell where each gap stands."""
        made = self.log.plan
        self._fresh = made is not None and made.due(step, steps=self.steps, every=self.every)
        if made is None or not self._fresh:
            return
        found = self.log.at(step)
        if found is None:
            found = Asked(step=step, values=self.ask().tolist())
            self.log.add(found)
        self._look(made, found, tell)

    def now(self, step: int, tell: Tell) -> None:
        """Probe after training step `step`, with which training ends, though none was due."""
        if self.log.plan is not None and (self._last is None or self._last.step != step):
            self._look(self.log.plan, Asked(step=step, values=self.ask().tolist()), tell)

    def conclude(self, step: int, tell: Tell) -> None:
        """Let the verdicts at the end be about the model that is kept, of training step `step`.

        It is asked unless it was. What is found is not logged: a run that goes on from here asks again.
        """
        if self.log.plan is None or (self._last is not None and self._last.step == step):
            return
        known = self.log.at(step)
        if known is None:
            known = Asked(step=step, values=self.ask().tolist())
            self._look(self.log.plan, known, tell, kept=True)
        else:  # told when it was asked
            self._look(self.log.plan, known, lambda _: None, kept=True)

    def _look(self, made: Plan, found: Asked, tell: Tell, *, kept: bool = False) -> None:
        gauge = self._judge(made)
        if not self._begun:
            gauge.look(0, self.base, tell)
            self._begun = True
        gauge.look(found.step, np.array(found.values), tell, kept=kept)
        self._last = found

    @property
    def verdicts(self) -> list[Verdict]:
        """What is known of each limit now: a model that was not asked is not known to hold one."""
        if self._gauge is None:
            return [INSUFFICIENT for _ in self.limits.twins]
        found = self._gauge.verdicts
        return found if self._fresh else [FAIL if each == FAIL else INSUFFICIENT for each in found]

    @property
    def readings(self) -> list[Reading]:
        """Points of the curves."""
        return [] if self._gauge is None else self._gauge.readings

    def findings(self) -> list[Finding]:
        """A verdict on each limit for each pair of groups."""
        return self._judge(self.log.plan).findings()

    def _judge(self, made: Plan | None) -> TwinGauge:
        if self._gauge is None:
            self._gauge = TwinGauge(
                method=self.method,
                about=self.about,
                pairings=self.pairings,
                base=self.base,
                looks=1 if made is None else made.looks,
                limits=self.limits,
                alpha=self.alpha,
                crossing=self.crossing,
                compared=self.compared,
                rests_on=self.rests_on,
            )
        return self._gauge
