"""Where the time of training goes, and what a run costs, told before it is spent. Free of JAX."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from duecare.core import Note

MEASURED = 2
"""So many training steps (or rounds) are timed before the rest is estimated; the first one is compiled."""


@dataclass(slots=True)
class Clock:
    """Seconds of this process by what they were spent on; `now` tells seconds.

    A step's own time is from the end of one hand-over of figures to the beginning of the next. Where `turn`
    steps learn from one round of answers the first of them takes the time of answering, so that only whole
    rounds say how long a step takes.
    """

    now: Callable[[], float] = time.perf_counter
    turn: int = 1
    steps: list[float] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    _mark: float | None = None

    def begin(self) -> None:
        """The next step begins here."""
        self._mark = self.now()

    def stepped(self) -> None:
        """A training step ended."""
        if self._mark is not None:
            self.steps.append(self.now() - self._mark)
        self._mark = None

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Count the time in here as spent on `what`; what is counted inside it is not counted twice."""
        began, inside = self.now(), sum(self.spent.values())
        try:
            yield
        finally:
            own = self.now() - began - (sum(self.spent.values()) - inside)
            self.spent[what] = self.spent.get(what, 0.0) + own

    @property
    def measured(self) -> bool:
        """Whether enough was timed to estimate from, just now."""
        return len(self.steps) == (MEASURED + 1) * self.turn

    @property
    def step_seconds(self) -> float:
        """A training step's time: the median of those timed, without the first where there are others.

        Of rounds of several steps it is the mean of a round's.
        """
        whole = range(0, len(self.steps) - self.turn + 1, self.turn)
        rounds = [statistics.fmean(self.steps[at : at + self.turn]) for at in whole] or self.steps
        return statistics.median(rounds[1:] or rounds or [0.0])

    def told(self, method: str) -> Note:
        """Where the time went, in shares of all of it."""
        whole = sum(self.steps) + sum(self.spent.values())
        shares = {what: seconds / whole if whole else 0.0 for what, seconds in sorted(self.spent.items())}
        parts = ", ".join(f"{what} {share:.1%}" for what, share in shares.items())
        count = f"{len(self.steps):,} training step{'' if len(self.steps) == 1 else 's'}"
        text = f"{count} took {span(whole)}" + (f", of it {parts}" if parts else "")
        seconds = {"steps": sum(self.steps), **self.spent}
        data = {what: f"{value:.3f}" for what, value in sorted(seconds.items())}
        return Note(topic=f"{method}.time", text=text, data=data)


def span(seconds: float) -> str:
    """Seconds as a person reads them: "2.1 s", "3 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def size_note(
    method: str,
    *,
    trained: int,
    parameters: int,
    steps: int,
    batch: Mapping[str, Any] | None,
    quantised: Mapping[str, Any] | None = None,
) -> Note:
    """What is trained and read, known before the first step. `batch` is the first one.

    `quantised` says of a base in few bits its "type", the "parameters" held so, and the "bytes" of all.
    """
    text = f"trains {trained:,} of {parameters:,} parameters ({trained / max(1, parameters):.2%})"
    data = {"trained": str(trained), "parameters": str(parameters), "steps": str(steps)}
    text += f" in {steps:,} steps"
    if batch is not None and "tokens" in batch:
        tokens = int(np.size(batch["tokens"]))
        text += f" of {tokens:,} tokens"
        data["tokens_a_step"] = str(tokens)
        if "counts" in batch:
            taught = int(np.sum(batch["counts"]))
            text += f" (the first teaches {taught:,}; the rest is read or padding)"
            data["taught_in_the_first"] = str(taught)
    if quantised:
        share = quantised["parameters"] / max(1, parameters)
        text += f"; {share:.0%} of the parameters are held as {quantised['type']}"
        text += f", the base in {quantised['bytes'] / 2**20:,.0f} MiB"
        data |= {f"quantised_{name}": str(value) for name, value in quantised.items()}
    return Note(topic=f"{method}.cost", text=text, data=data)


def time_note(
    method: str, clock: Clock, *, left: int, probing: float, memory: int | None, of_device: bool
) -> Note:
    """What is still to come, from the steps timed: `left` steps, and `probing` seconds of probes."""
    telemetry = sum(clock.spent.values()) / max(1, len(clock.steps))
    seconds = left * (clock.step_seconds + telemetry) + probing
    text = f"a step takes {span(clock.step_seconds)}: about {span(seconds)} for the {left:,} still to come"
    data = {"step_seconds": f"{clock.step_seconds:.4f}", "seconds_left": f"{seconds:.1f}"}
    if probing:
        text += f", {span(probing)} of it for probes"
    if memory is not None:
        where = "on the device" if of_device else "by this process"
        text += f"; at most {memory / 2**30:.1f} GiB held {where} so far"
        data["memory_bytes"] = str(memory)
    return Note(topic=f"{method}.cost", text=text, data=data)
