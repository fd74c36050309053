"""Rounds of answers compared with those of the start, by the reward and beside it. Imports JAX.

What is compared and why: `duecare.train.drift`; what follows from it: `duecare.train.drift_gauge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.train.crossing import Crossing
from duecare.train.drift import Drift, DriftLog, Look, win_shares
from duecare.train.drift_gauge import DriftGauge
from duecare.train.reinforce import Reinforces
from duecare.train.rollout import Prompts, Round
from duecare.train.watch import Groups


@dataclass(slots=True)
class Beside:
    """The instrument that looks on while a policy is trained: asked of each round that is due."""

    step: Reinforces
    drift: Drift
    prompts: Prompts
    _log: DriftLog | None = field(default=None, init=False)

    @staticmethod
    def of(step: Reinforces, prompts: Prompts) -> Beside | None:
        """The instrument of a step that has one."""
        return None if step.drift is None else Beside(step, step.drift, prompts)

    def open(self, folder: Path, upto: int) -> bool:
        """Read the looks of before a kill; False where one that was due by step `upto` is missing."""
        self._log = DriftLog(folder, upto)
        return self._log.complete(upto, every=self.drift.every, iterations=self.step.iterations)

    @property
    def log(self) -> DriftLog:
        """The looks so far."""
        if self._log is None:
            raise DataError("drift: looks are read before the first round is answered")
        return self._log

    def due(self, turn: int) -> bool:
        """Whether round `turn`, from 0, is looked at, and was not yet.

        Of every so many the last: answers of round 0 are drawn before the first update, and tell nothing.
        """
        seen = {look.round for look in self.log.records}
        return (turn + 1) % self.drift.every == 0 and turn not in seen

    def look(self, turn: int, entries: npt.NDArray[np.int64], one: Round) -> None:
        """Answer the prompts of a round as before the first update too, and keep how the answers compare."""
        players = self.prompts.players
        if one.independent is None or players.independent is None:
            raise DataError("drift: the round was not judged by the independent instrument")
        # Drawn apart from the answers of now: with the same random numbers a win share of equals is not 1/2.
        begun = self.prompts.answers(entries, f"start {turn}", at_start=True)
        flat = [own[which] for which in range(self.step.samples) for own in begun]
        reward, independent = (
            self.prompts.judged(by, entries, flat).rewards.reshape(one.rewards.shape)
            for by in (players.rewards, players.independent)
        )
        self.log.add(
            Look(
                round=turn,
                step=turn * self.step.iterations,
                rows=self.prompts.plan.rows[entries].tolist(),
                reward=win_shares(one.rewards, reward).tolist(),
                independent=win_shares(one.independent, independent).tolist(),
                shift=(one.independent.mean(axis=0) - independent.mean(axis=0)).tolist(),
                reward_shift=(one.rewards.mean(axis=0) - reward.mean(axis=0)).tolist(),
            )
        )

    def gauge(self, method: str, groups: Groups, alpha: float, crossing: Crossing) -> DriftGauge:
        """What judges the looks."""
        return DriftGauge(
            method=method,
            about={"source": self.step.on},
            drift=self.drift,
            groups=groups,
            log=self.log,
            rounds=self.step.steps // self.step.iterations,
            alpha=alpha,
            crossing=crossing,
        )
