"""What ends training before its last step, other than a crossed limit; and what is said of it.

A number that is no number, a disk that takes no more, data that end, a signal. Each is told as a finding
(a signal as a note) that names the checkpoint which is kept; then the step ends, and a later call with
the same settings goes on from there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn, Self, TypeVar

from duecare.core import FAIL, DataError, Finding, ModelError, Note, StoppedError, Tell
from duecare.train.resume import Resume

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Halt:
    """Ends a run of `method` with `steps` training steps: says why, and raises."""

    method: str
    steps: int
    resume: Resume
    tell: Tell

    def broken(self, step: int, what: str) -> NoReturn:
        """A number that is not finite; ModelError."""
        detail = f"At training step {step} {what} was not a finite number; {self._kept()}."
        self._say(
            "finite",
            "loss and weights stay finite numbers",
            detail,
            "Lower learning_rate or clip, lengthen warmup, or look for damaged rows; then run again.",
        )
        raise ModelError(f"train.{self.method}: {detail}")

    def ended(self, step: int) -> NoReturn:
        """Data that end before the last step; DataError."""
        detail = f"The data ended after training step {step} of {self.steps}; {self._kept()}."
        self._say(
            "data",
            "the data last for every training step",
            detail,
            "See why the source gave fewer rows than it has, or ask for fewer steps; then run again.",
        )
        raise DataError(f"train.{self.method}: {detail}")

    def on_disk(self, step: int, write: Callable[[], T]) -> T:
        """What `write` gives; where the disk refuses, ModelError."""
        try:
            return write()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            detail = f"What training step {step} left could not be written ({reason}); {self._kept()}."
            self._say(
                "disk",
                "every step and every checkpoint is on the disk",
                detail,
                "Make room on the disk; the same command then goes on from that checkpoint.",
            )
            raise ModelError(f"train.{self.method}: {detail}") from error

    def stopped(self, step: int, by: signal.Signals) -> NoReturn:
        """A signal asked to stop; StoppedError, after a checkpoint was written."""
        text = f"training stopped by {by.name} after step {step} of {self.steps}; {self._kept()}"
        self.tell(Note(topic=f"{self.method}.stopped", text=text, data={"step": str(step)}))
        raise StoppedError(f"train.{self.method}: {text}; the same command goes on from there")

    def passed_over(self, damaged: list[int]) -> None:
        """Say that checkpoints whose bytes are not those their names say were not gone on from."""
        for step in damaged:
            self._say(
                "checkpoint",
                "a checkpoint is read back as it was written",
                f"The checkpoint of training step {step} was damaged and is passed over; {self._kept()}.",
                "Look after the disk: something changed a file that had been written and read back whole.",
            )

    def _kept(self) -> str:
        last = self.resume.last()
        return "no checkpoint came before" if last is None else f"the checkpoint of step {last.step} is kept"

    def _say(self, what: str, limit: str, detail: str, next: str) -> None:
        """Tell a finding, unless the disk that is full is the ledger's own: the error says the same."""
        with suppress(OSError):
            self.tell(
                Finding(name=f"{self.method}.{what}", verdict=FAIL, limit=limit, detail=detail, next=next)
            )


class Signals:
    """While entered, the first SIGINT or SIGTERM is only noted, so that a training step can be finished.

    A second one acts as it would have without this. Outside the main thread signals are left alone, and so
    are those that are ignored (as Ctrl-C is of a command in the background).
    """

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
            self._before = {each: signal.signal(each, self._note) for each in heeded}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        self._before = {}

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.asked is None:
            self.asked = signal.Signals(number)
            return
        self.__exit__()
        signal.raise_signal(number)
