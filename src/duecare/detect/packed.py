"""Weights as files: named arrays in an `.npz` without pickle, the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time that a ZIP file gives its members: NumPy's own writer takes the clock's."""


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `arrays` by name, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", _EARLIEST), content.getvalue(), zipfile.ZIP_DEFLATED
            )
