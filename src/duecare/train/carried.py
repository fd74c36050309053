"""State of a method that goes from training step to training step beside the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from duecare.train.watch import Point


class Carries(Protocol):
    """State of a method that goes from step to step beside the model: see `engine_debias.Treatment`."""

    def take(self, aux: Mapping[str, Any]) -> Sequence[Point]: ...
    def arrays(self) -> dict[str, npt.NDArray[Any]]: ...
    def put_back(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None: ...
