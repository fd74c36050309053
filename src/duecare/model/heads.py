"""Several heads on one reward model, and the one score that they come to. Free of JAX.

Heads that were fitted on different draws of the same pairs agree where the pairs say something, and differ
where they do not, which is where a policy finds what a single head pays for by mistake (Coste et al. 2024;
Eisenstein et al. 2023). So a score is lowered by how far they differ.

They lie beside the model in `heads.json`. transformers does not know that file: it loads the same folder as
a classifier with one label whose head is the mean of these heads, which is the mean of their scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from duecare.core import DuecareError, ModelError
from duecare.core.wire import Noun, decode, encode

FILE = "heads.json"
Floats = npt.NDArray[np.float64]
Combine = Literal["mean", "lower", "worst"]
"""The heads' mean; their mean less `k` standard deviations (Coste et al. 2024, "UWO"); the lowest of them."""


class _Written(Noun, frozen=True, kw_only=True):
    """The file: one list a head, and what is subtracted from each head's score."""

    combine: Combine
    k: float
    offsets: list[float]
    heads: list[list[float]]


@dataclass(frozen=True, slots=True)
class Heads:
    """`values` float32 [H, D]; `offsets` float64 [H] bring every head's mean score to one zero.

    Heads know of no common zero, and where they are compared with each other each needs one.
    """

    values: npt.NDArray[np.float32]
    offsets: Floats
    combine: Combine
    k: float = 1.0

    @property
    def mean(self) -> npt.NDArray[np.float32]:
        """The head [D] whose score is the mean of all scores, but for a constant: the weights' average."""
        found: npt.NDArray[np.float32] = self.values.astype(np.float64).mean(axis=0).astype(np.float32)
        return found

    def each(self, states: npt.NDArray[np.floating]) -> Floats:
        """The score of every head, float64 [N, H], of states [N, D]; row by row, however many there are."""
        wide = np.asarray(states, np.float64)
        return np.stack(
            [(wide * head).sum(axis=-1) - zero for head, zero in zip(self.values, self.offsets, strict=True)],
            axis=-1,
        )

    def scores(self, states: npt.NDArray[np.floating]) -> Floats:
        """One score for each state: float64 [N]."""
        found = self.each(states)
        if self.combine == "worst":
            return np.asarray(found.min(axis=-1))
        mean: Floats = found.mean(axis=-1)
        return mean if self.combine == "mean" else mean - self.k * found.std(axis=-1)

    def write(self, folder: Path) -> None:
        """Beside the model; the same heads give the same bytes."""
        written = _Written(
            combine=self.combine,
            k=self.k,
            offsets=self.offsets.tolist(),
            heads=[head.tolist() for head in self.values],
        )
        (folder / FILE).write_bytes(encode(written) + b"\n")


def read_heads(folder: Path, width: int) -> Heads | None:
    """The heads that lie beside a model of this width; None where there are none. Raises ModelError."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = decode(path.read_bytes(), _Written)
    except (DuecareError, OSError) as error:
        raise ModelError(f"{folder.name}/{FILE} holds no heads of a reward model: {error}") from None
    shapes = {len(head) for head in found.heads}
    if shapes != {width} or len(found.offsets) != len(found.heads):
        raise ModelError(
            f"{folder.name}/{FILE}: {len(found.heads)} heads of width {sorted(shapes)} and"
            f" {len(found.offsets)} offsets: expected heads of width {width} and as many offsets"
        )
    values = np.array(found.heads, np.float32)
    return Heads(values, np.array(found.offsets, np.float64), found.combine, found.k)
