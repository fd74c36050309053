"""What becomes of a run when its last step is done: which model is kept, and a last look at it. Imports JAX.

Training may end early, go back, or keep an earlier model than its last. What was probed on the way then
speaks of other models, so twins are asked once more, of the model that is kept. The probes planned for
(`probing.plan`) have room for that: one more is planned where a run may go back or keep its best, and
training that ends early leaves that of the last step over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duecare.core import Note
from duecare.train.clock import Clock
from duecare.train.engine_watch import decided
from duecare.train.lora import restore
from duecare.train.watch import Watch

if TYPE_CHECKING:
    from duecare.train.engine_loop import Run


def settle(run: Run, trainer: Any, watch: Watch, clock: Clock) -> None:
    """Put the model that is kept in place, say so, and let the verdicts at the end be about it."""
    # Too short to have been timed: base and end are measured all the same.
    twins = decided(run, watch, clock, run.step.steps) if watch.taken else []
    best = run.held is not None and run.held.keep == "best"
    if run.step.on_crossing == "rollback" and not (watch.stopped or best):
        for each in twins:
            each.now(watch.taken, run.tell)  # may find a limit crossed, and so decide what is kept
    if watch.crossing.goes_back:
        go_back(run, trainer, watch)
    if run.held is not None:
        watch.kept = run.held.settle(watch.done, trainer.model, run.tell)
    for each in twins:
        each.conclude(watch.done, run.tell)


def go_back(run: Run, trainer: Any, watch: Watch) -> None:
    """Put back the last good state before the crossing; a damaged one gives way to the one before."""
    found = run.resume.last(upto=watch.crossing.good)
    watch.kept = 0 if found is None else found.step
    arrays = run.first if found is None else found.arrays
    restore(trainer.model, trainer.optimizer, arrays)
    if run.carries is not None:
        run.carries.put_back(arrays)
    best = run.held is not None and run.held.keep == "best"
    text = (
        f"a limit was crossed at training step {watch.taken}: the model of step {watch.kept} was put"
        f" back, and training ended{'; which model is kept is told next' if best else ' with it'}"
    )
    data = {"crossed": str(watch.taken), "kept": str(watch.kept), "planned": str(run.step.steps)}
    run.tell(Note(topic=f"{run.method}.rolled_back", text=text, data=data))
