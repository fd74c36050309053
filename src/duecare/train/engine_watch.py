"""What looks at a run, and what is told of its cost. Imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
from flax import nnx

from duecare.core import Note, exact
from duecare.model.quantised import held
from duecare.train.clock import Clock, size_note, time_note
from duecare.train.crossing import Crossing
from duecare.train.gauge import Gauge
from duecare.train.limits import Limits
from duecare.train.lora import in_training, most_memory
from duecare.train.probing import Floats, ProbeLog
from duecare.train.twin_watch import TwinWatch
from duecare.train.watch import StepLog, Watch

if TYPE_CHECKING:
    from duecare.train.engine_loop import Batch, Run
    from duecare.train.engine_probe import Asker


def watch_of(run: Run, log: StepLog, probed: Sequence[ProbeLog], ask: Callable[[Asker], Floats]) -> Watch:
    """Everything that looks at a run, as far as its logs go; `ask` lets one ask the model as it is."""
    step = run.step
    course: dict[str, Any] = {"method": run.method, "about": {"source": step.on}, "steps": step.steps}
    crossing = Crossing(step.on_crossing, step.steps)
    # The promise holds for all gaps together: each kind gets as much as any other of what may go wrong.
    kinds = 1 + len(probed) + (run.beside is not None)
    judged: dict[str, Any] = {
        "limits": step.limits,
        "alpha": step.watch_alpha / kinds,
        "crossing": crossing,
    }
    spare = int(step.on_crossing == "rollback" or (run.held is not None and run.held.keep == "best"))
    twins = [
        _asked_by(who, own, partial(ask, who), run, {**course, **judged, "spare": spare})
        for who, own in zip(run.askers, probed, strict=True)
    ]
    drift = None
    if run.beside is not None:
        drift = run.beside.gauge(run.method, run.groups, judged["alpha"], crossing)
    gauge = Gauge(**course, **judged, groups=run.groups)
    looks: dict[str, Any] = {"gauge": gauge, "twins": twins, "drift": drift}
    return Watch(**course, every=step.every, groups=run.groups, log=log, **looks)


def _asked_by(
    who: Asker, log: ProbeLog, ask: Callable[[], Floats], run: Run, course: Mapping[str, Any]
) -> TwinWatch:
    compared = who.compared(run.method)
    limits: Limits = course["limits"]
    own = {"limits": limits.of(limits.given, twins={figure for figure, _ in compared})}
    return TwinWatch(
        **{**course, **own},
        every=run.step.every,
        probes=who.probes,
        pairings=who.pairings,
        compared=compared,
        rests_on=who.rests_on,
        base=who.base,
        log=log,
        ask=ask,
        what=who.what,
    )


def decided(run: Run, watch: Watch, clock: Clock, at: int) -> list[TwinWatch]:
    """Those who ask the model; how often is fixed now, where it was not, after training step `at`."""
    found = [each for each in watch.twins if isinstance(each, TwinWatch)]
    for who, each in zip(run.askers, found, strict=True):
        if not each.ready:
            each.decide(at=at, seconds=who.seconds, step_seconds=clock.step_seconds, tell=run.tell)
    return found


def outlook(run: Run, step: int, watch: Watch, clock: Clock) -> None:
    """Once two steps or rounds are timed: fix how often twins are asked, and say how long the rest takes."""
    twins = decided(run, watch, clock, step) if clock.measured or step == run.step.steps else []
    if clock.measured:
        memory, of_device = most_memory()
        note = time_note(
            run.method,
            clock,
            left=run.step.steps - step,
            probing=sum(each.left for each in twins),
            memory=memory,
            of_device=of_device,
        )
        tell_cost(run, note)


def tell_cost(run: Run, note: Note) -> None:
    """Tell what a run costs, unless its rows are private: a step's time depends on which were drawn."""
    if getattr(run.step, "privacy", None) is None:
        run.tell(note)


def sized(run: Run, model: nnx.Module, batches: Iterator[Batch]) -> Iterator[Batch]:
    """`batches`, and with the first of them what is trained and read."""
    for number, batch in enumerate(batches):
        if number == 0:
            told = sizes(model, getattr(run.step, "quantize", None))
            tell_cost(run, size_note(run.method, **told, steps=run.step.steps, batch=batch))
            if few := told.get("quantised"):
                share = (few["parameters"], told["parameters"], {"type": few["type"]})
                run.tell(exact(f"{run.method}.parameters.quantised", *share))
        yield batch


def sizes(model: nnx.Module, quantize: str | None = None) -> dict[str, Any]:
    """How many numbers of `model` are trained, and what it has without the updates, some in few bits."""
    _, kind = in_training(model)
    trained, base = sum(each.size for each in jax.tree.leaves(nnx.state(model, kind))), held(model)
    told: dict[str, Any] = {"trained": trained, "parameters": base.parameters}
    if quantize is not None:
        told["quantised"] = {"type": quantize, "parameters": base.quantised, "bytes": base.bytes}
    return told
