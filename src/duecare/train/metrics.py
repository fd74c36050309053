"""Figures of training for TensorBoard, Weights & Biases or MLflow, through Tunix's own logger.

The ledger has every figure in any case; these are for those who watch many runs on one board. What is
logged is what is told: each step's loss, and each window's figures per group with their bounds. Nothing
that is logged enters an artifact, whose bytes would then depend on the clock.
"""

from __future__ import annotations

import importlib
import logging
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from duecare.core import DataError, Estimate, Finding, Note, Progress, Tell
from duecare.train.rules import Rule, named

if TYPE_CHECKING:
    from tunix.sft.metrics_logger import MetricsLogger, MetricsLoggerOptions

BACKENDS = {"tensorboard": "a folder", "wandb": "a project", "mlflow": "a tracking address"}
"""Backend to what a study says of it."""

PREFIX = "duecare"
"""Before every name that is logged; JAX reports scalars of its own to whoever listens."""

WINDOW = "window"
"""In the names of figures over a window of steps; without it stands what one step minimised."""


class Backend(Protocol):
    """Metrax's protocol, by which Tunix hands on scalars."""

    def log_scalar(self, event: str, value: Any, **kwargs: Any) -> None: ...
    def close(self) -> None: ...


def metrics_rules(metrics: object) -> list[Rule]:
    """Rules of the setting `metrics`."""
    known = (
        isinstance(metrics, Mapping) and set(metrics) <= set(BACKENDS) and all(map(named, metrics.values()))
    )
    wanted = ", ".join(f"{name}: {what}" for name, what in BACKENDS.items())
    return [(known, "metrics", metrics, f"some of {wanted}")]


def logger_options(metrics: Mapping[str, str], run: str) -> MetricsLoggerOptions | None:
    """What Tunix's logger is made with, or None where nobody listens; `run` names the run on the boards.

    A DataError names the package that is missing.
    """
    if not metrics:
        return None
    from tunix.sft.metrics_logger import MetricsLoggerOptions

    opened = {name: _factory(name, target, run) for name, target in metrics.items()}
    return MetricsLoggerOptions(
        log_dir="", run_name=run, backend_kwargs={"custom_backend": list(opened.values())}
    )


class Reports(Protocol):
    """What is read of a training step here."""

    @property
    def on(self) -> str: ...
    @property
    def every(self) -> int: ...
    @property
    def metrics(self) -> Mapping[str, str]: ...


def training_config(step: Reports, method: str, accumulate: int = 1, *, mark: str = "") -> Any:
    """Tunix's settings for one run, with the boards that its figures go to.

    `mark` tells it there from other runs of the method on the same source (`Resume.mark`).
    """
    from tunix.sft.peft_trainer import TrainingConfig

    run = "-".join(filter(None, (method, step.on, mark)))
    return TrainingConfig(
        eval_every_n_steps=step.every,
        gradient_accumulation_steps=None if accumulate == 1 else accumulate,
        metrics_logging_options=logger_options(step.metrics, run),
        metrics_prefix=f"{PREFIX}/{method}",
    )


def told_to(logger: MetricsLogger, method: str, tell: Tell) -> Tell:
    """`tell`, which also hands figures of training on to the logger, with their bounds."""

    def both(told: Estimate | Finding | Note | Progress) -> None:
        tell(told)
        if isinstance(told, Estimate) and told.step is not None and told.slice.get("split") == "train":
            name = "/".join([WINDOW, told.metric.removeprefix(f"{method}."), *_whose(told.slice)])
            for bound in ("value", "low", "high"):
                if (value := getattr(told, bound)) is not None:
                    end = "" if bound == "value" else f"/{bound}"
                    logger.log(f"{PREFIX}/{method}", f"{name}{end}", value, "train", told.step)

    return both


def _whose(about: Mapping[str, str]) -> list[str]:
    return [about[name] for name in ("axis", "group", "against") if name in about]


def _factory(name: str, target: str, run: str) -> Callable[[], Backend]:
    package = {"tensorboard": "tensorboardX"}.get(name, name)
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise DataError(f"metrics: {name} needs the package {package}: pip install {package}") from error

    def opened() -> Backend:
        try:
            return _Ours(_OPEN[name](target, run))
        except Exception as error:  # each board has errors of its own; none of them is a defect of ours
            told = str(error).partition("\n")[0]
            raise DataError(f"metrics: {name}: {target!r} cannot be opened: {told}") from error

    return opened


def _tensorboard(target: str, run: str) -> Backend:
    from tunix.sft.metrics_logger import TensorboardBackend

    made: Backend = TensorboardBackend(log_dir=f"{target}/{run}")
    return made


def _wandb(target: str, run: str) -> Backend:
    from tunix.sft.metrics_logger import WandbBackend

    made: Backend = WandbBackend(project=target, name=run)
    return made


class _MLflow:
    """Tunix brings no backend for MLflow."""

    def __init__(self, target: str, run: str) -> None:
        self._mlflow: Any = importlib.import_module("mlflow")
        self._mlflow.set_tracking_uri(target)
        self._mlflow.set_experiment(PREFIX)
        self._mlflow.start_run(run_name=run)

    def log_scalar(self, event: str, value: Any, **kwargs: Any) -> None:
        name = re.sub(r"[^\w\-. /]", "_", event)  # what MLflow allows in a name
        self._mlflow.log_metric(name, float(value), step=int(kwargs.get("step") or 0))

    def close(self) -> None:
        self._mlflow.end_run()


_OPEN: Mapping[str, Callable[[str, str], Backend]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _MLflow,
}


@dataclass(slots=True)
class _Ours:
    """A backend that hears our scalars only, in the order of their steps, and none once it is closed.

    Tunix hands on the loss of a step after the next one has begun, when the window that ends there is told
    already; some boards drop a step that comes late. And it registers a listener with JAX that it never
    takes back: the next training step of the same process would write to this one's board too.
    """

    backend: Backend
    waiting: list[tuple[int, str, Any]] = field(default_factory=list)
    open: bool = True
    closed: bool = False

    def log_scalar(self, event: str, value: Any, **kwargs: Any) -> None:
        if not (self.open and event.startswith(PREFIX)):
            return
        step = int(kwargs.get("step") or 0)
        if f"/{WINDOW}/" in event:
            self.waiting.append((step, event, value))
        else:
            self._release(before=step)
            self._send(event, value, step)

    def _send(self, event: str, value: Any, step: int) -> None:
        """To the board; one that fails is left alone from then on, for no result depends on it."""
        try:
            self.backend.log_scalar(event, value, step=step)
        except Exception as error:  # each board has errors of its own
            self.open = False
            told = "metrics: %s takes no more figures (%s); training goes on"
            logging.getLogger(__name__).warning(told, type(self.backend).__name__, type(error).__name__)

    def _release(self, before: float) -> None:
        due = [each for each in self.waiting if each[0] < before]
        self.waiting = [each for each in self.waiting if each[0] >= before]
        for step, event, value in due:
            if self.open:
                self._send(event, value, step)

    def close(self) -> None:
        if self.open:
            self._release(before=math.inf)
        if not self.closed:
            self.open, self.closed = False, True
            with suppress(Exception):  # the figures are in the ledger
                self.backend.close()
