"""The step that asks what the layers know of a group, where a gap between twins arises, and whether it is
so."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.measure.reader import LEAST
from duecare.model.people import AXES, REFERENCE
from duecare.model.twins import ISSUES, MANNERS

PLACES = ("last", "mean")
FEWEST = 2 * LEAST
"""Issues from which on one half can be explained and the other half be tested."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """Say what each layer knows of a group, where the gap between twins arises, and whether that is so.

    Asked are built-in prompts that differ in the group only, with one fixed answer each. The logit lens says
    when the answer, and the gap, becomes readable; linear probes with control tasks say at which layers the
    group can be read, and what tuning changed; activation patching says which layers, positions, heads and
    MLPs carry the gap. Then the group is erased, and the strongest parts are replaced on issues that did not
    choose them: what moves the gap no more than a change of the same size by lot is marked "not validated".

    - axes: of gender, religion, age, nationality
    - groups: which groups are compared with each axis's first; none named, all
    - declared: group columns of the data; of its held-out rows is told what layers know of these too
    - rows: held-out rows that are read for that, at most
    - manner: which fixed answer, the respectful or the dismissive one
    - issues: matters that are asked about, 20 to 40
    - patched: how many of them are patched, in all cells; 0 leaves the map out
    - every: each n-th layer is read and patched, and the last
    - heads: attention heads that are patched, those that look strongest to first order on the other half
    - sites: parts of the map, and layers, that are put to the causal check at most
    - at: what a probe reads, the "last" token before the answer or the "mean" of the prompt
    - neutral: prompts that name nobody, on which the price of erasing is measured
    - snapshots: also follow what layers know over the course of training: every low-rank update that a
      training step left on its way (its `snapshots`) is read in memory, between base and tuned
    - seed: of folds, halves and controls
    - mesh: devices over which each model is dealt out, fsdp and tp; left out, one device. Changes the speed
      only
    """

    READS: ClassVar[tuple[str, ...]] = ("base", "tuned", "stages", "data")
    """What of a study's jobs the step is given, where there are any."""

    axes: tuple[str, ...] = ("gender",)
    groups: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    rows: int = 200
    manner: Literal["respectful", "dismissive"] = "respectful"
    issues: int = 30
    patched: int = 12
    every: int = 3
    heads: int = 3
    sites: int = 3
    at: Literal["last", "mean"] = "last"
    neutral: int = 12
    snapshots: bool = field(default=False, metadata={"added": True})
    seed: int = 0
    mesh: tuple[int, int] | None = field(default=None, metadata={"speed": True})

    def __post_init__(self) -> None:
        most, whole = len(ISSUES), "a whole number"
        patched = self.patched == 0 or _within(self.patched, 4, self.issues)
        declared = len(set(self.declared)) == len(self.declared) and all(self.declared)
        refuse_unless(
            "layers",
            *self._groups(),
            (declared, "declared", self.declared, "group columns, each once"),
            (_within(self.rows, FEWEST, 100_000), "rows", self.rows, f"{FEWEST} or more"),
            (self.manner in MANNERS, "manner", self.manner, f"one of {', '.join(MANNERS)}"),
            (_within(self.issues, FEWEST, most), "issues", self.issues, f"{FEWEST} to {most}"),
            (patched, "patched", self.patched, "4 or more, at most as many as issues; or 0"),
            (_within(self.every, 1, 1000), "every", self.every, f"{whole}, 1 or more"),
            (_within(self.heads, 0, 50), "heads", self.heads, "0 to 50"),
            (_within(self.sites, 1, 50), "sites", self.sites, "1 to 50"),
            (self.at in PLACES, "at", self.at, f"one of {', '.join(PLACES)}"),
            (_within(self.neutral, 2, most), "neutral", self.neutral, f"2 to {most}"),
            (isinstance(self.snapshots, bool), "snapshots", self.snapshots, "true or false"),
            (_within(self.seed, 0, 2**32), "seed", self.seed, f"{whole}, 0 or more"),
            (self.mesh is None or min(self.mesh) >= 1, "mesh", self.mesh, "two whole numbers of at least 1"),
        )

    def _groups(self) -> list[tuple[bool, str, object, str]]:
        """Axes there are, and of each a group to compare with its first."""
        axes = bool(self.axes) and len(set(self.axes)) == len(self.axes) and set(self.axes) <= set(AXES)
        named = {axis: {each.group for each in AXES.get(axis, ())} for axis in self.axes}
        others = set().union(*named.values()) - {REFERENCE.get(axis) for axis in self.axes}
        groups = set(self.groups) <= others and len(set(self.groups)) == len(self.groups)
        covered = not self.groups or all(set(self.groups) & mine for mine in named.values())
        first = f"groups of these axes that are not the first: {', '.join(sorted(others)) or 'none'}"
        return [
            (axes, "axes", self.axes, f"one or more of {', '.join(AXES)}, each once"),
            (groups, "groups", self.groups, first),
            (covered, "groups", self.groups, "a group of every axis, or none"),
        ]

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Inputs: `base`; where given `tuned`, the models between as `stage:<job>`, and splits
        as `data:<source>`. Models that are done lie in `out/.resume`: a killed call goes on behind them."""
        from duecare.explain.engine_layers_run import run

        return run(self, inputs, out, tell)


def _within(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
