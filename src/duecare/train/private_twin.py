"""What privacy costs each group: the private model against a twin trained on the same batches without it.

Clipping holds back whoever has the longest gradients, and noise drowns whoever has the fewest rows: the
cost of privacy falls unevenly (Bagdasaryan et al. 2019). The twin is thrown away; what is said of it was
read off private rows and is marked so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tunix.sft.peft_trainer import TrainingConfig

from duecare.core import Estimate, Progress, Tell
from duecare.measure.compare import mean_difference, paired_difference
from duecare.train.engine_loop import Batch, Run, doing
from duecare.train.lora import optimiser
from duecare.train.prefer import Dpo
from duecare.train.private_methods import Method
from duecare.train.private_step import PrivateTrainer, Recipe
from duecare.train.probe import Figures
from duecare.train.resume import Resume
from duecare.train.reward_model import RewardModel
from duecare.train.sft import Sft
from duecare.train.watch import UNITS, Groups

UNPROTECTED = 1e30
"""A clipping norm that no gradient reaches."""


def twin(  # noqa: PLR0917  # all of them, in the order in which they come about
    step: Sft | Dpo | RewardModel,
    folder: Path,
    method: Method,
    recipe: Recipe,
    batch: Callable[[int], Batch],
    resume: Resume,
    tell: Tell,
) -> Figures:
    """Held-out figures of the twin of `step`: same start, rows, batches and optimiser, no clipping, no noise.

    It has checkpoints of its own under `resume`, and tells nothing but its progress.
    """
    doing("training the unprotected twin", tell)
    _, model = method.start(folder)
    trainer = PrivateTrainer(
        model, optimiser(step, clipped=False), TrainingConfig(eval_every_n_steps=step.every)
    )
    trainer.unit_loss = method.unit_loss
    trainer.recipe = replace(recipe, clip=UNPROTECTED, noise=0.0)
    apart = Resume(resume.folder / "twin", {"twin": True})
    nobody: dict[str, npt.NDArray[np.object_]] = {}

    def quiet(what: Any) -> None:
        if isinstance(what, Progress):
            tell(what)

    Run(replace(step, snapshots=0), method.name, Groups(nobody), apart, quiet).fit(trainer, batch)
    return method.after(model)


def compared(  # noqa: PLR0917  # all of them, in the order in which they come about
    method: str, source: str, groups: Groups, rows: npt.NDArray[np.int64], mine: Figures, twin: Figures
) -> list[Estimate]:
    """`<method>.private.cost.<figure>`: private minus twin on the same held-out rows, for all and each group.

    `.gap` is by how much more than for all other rows with a declared group. `rows` are places in the table.
    """
    found = []
    for figure in sorted(mine):
        name, unit = f"{method}.private.cost.{figure}", UNITS.get((method, figure), "")
        lost = mine[figure].astype(np.float64) - twin[figure]
        place = {"source": source, "split": "held_out"}
        if len(rows):
            level = paired_difference(mine[figure], twin[figure])
            found.append(level.estimate(name, place, unit=unit))
        for axis, group, inside in groups.slices(rows):
            there = {**place, "axis": axis, "group": group}
            level = paired_difference(mine[figure][inside], twin[figure][inside])
            found.append(level.estimate(name, there, unit=unit))
            rest = np.array([label is not None for label in groups.of[axis][rows]]) & ~inside
            if rest.any():
                gap = mean_difference(lost[inside], lost[rest])
                found.append(gap.estimate(f"{name}.gap", {**there, "against": "rest"}, unit=unit))
    return found
