"""Numbers of a safetensors file, in NumPy alone: a JSON header and raw bytes behind it, nothing to be run.

The format: eight bytes with the header's length, the header (name -> dtype, shape, offsets), the bytes
(https://huggingface.co/docs/safetensors). Also bfloat16, which NumPy has not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from duecare.core.errors import DataError

_MOST_HEADER = 100 * 1024 * 1024
_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Whole numbers (position ids, masks) are left out: nothing is computed with them."""


def read_tensors(paths: Iterable[Path]) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Name and float32 values of every tensor of real numbers; DataError where a file is not what it says."""
    for path in paths:
        try:
            yield from _of(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}"
            raise DataError(f"{path.name} cannot be read as safetensors ({said}); fetch it anew") from None


def _of(path: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(_MOST_HEADER, path.stat().st_size - 8):
            raise ValueError(f"its header is said to have {length} bytes")
        header = json.loads(file.read(length))
    held = (
        np.memmap(path, dtype=np.uint8, mode="r")[8 + length :] if path.stat().st_size > 8 + length else None
    )
    for name, about in header.items():
        if name == "__metadata__" or about["dtype"] not in _KINDS:
            continue
        start, end = about["data_offsets"]
        kind, shape = np.dtype(_KINDS[about["dtype"]]), tuple(about["shape"])
        if not 0 <= start <= end or end - start != kind.itemsize * int(np.prod(shape)):
            raise ValueError(f"{name} has {end - start} bytes for the shape {list(shape)}")
        if held is None or end > len(held):
            raise ValueError(f"the file ends within {name}")
        values = held[start:end].view(kind).reshape(shape)
        if about["dtype"] == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        yield name, np.ascontiguousarray(values, dtype=np.float32)
