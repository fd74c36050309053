"""The models of a run in the order of training: base, states on the way, the model of each step. Imports JAX.

A state on the way is a low-rank update beside the model that it led to (`duecare.model.adapter`). It is
called by its step: "sft@20" is the model that `sft` had after 20 training steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jax.sharding import Mesh

from duecare.core import Artifact, Artifacts
from duecare.model.adapter import exchange, read_adapter, snapshots_of
from duecare.model.fetch import folder_of
from duecare.model.load import Loaded, load

STAGE = "stage:"


@dataclass(frozen=True, slots=True)
class Standing:
    """One model: what it is called, the folder of its weights, and whether all is asked of it or only what
    its layers know. Of a state on the way `step` is its training step, `own` the update that its weights
    hold, and `update` that which they are to hold instead."""

    name: str
    folder: Path
    whole: bool
    step: int | None = None
    own: Path | None = None
    update: Path | None = None

    def open(self, mesh: Mesh | None) -> Loaded:
        """The model in memory; nothing is written."""
        loaded = load(self.folder, mesh=mesh)
        if self.own is not None and self.update is not None:
            exchange(loaded, read_adapter(self.own), read_adapter(self.update))
        return loaded


def course(inputs: Artifacts, *, snapshots: bool) -> list[Standing]:
    """The models of `base`, of every `stage:<job>` and of `tuned`; with `snapshots` those on the way, too."""
    found = [Standing("base", folder_of(inputs["base"].path), whole=True)]
    for name in inputs:
        if name.startswith(STAGE):
            found += _on_the_way(inputs[name]) if snapshots else ()
            found.append(Standing(name.removeprefix(STAGE), inputs[name].path / "model", whole=False))
    if "tuned" in inputs:
        found += _on_the_way(inputs["tuned"]) if snapshots else ()
        found.append(Standing("tuned", inputs["tuned"].path / "model", whole=True))
    return found


def _on_the_way(artifact: Artifact) -> Iterator[Standing]:
    for step, update in snapshots_of(artifact.path).items():
        yield Standing(
            f"{artifact.job}@{step}",
            artifact.path / "model",
            whole=False,
            step=step,
            own=artifact.path / "adapter",
            update=update,
        )
