"""The library of compiled kernels: found, checked against its sources, loaded once, its prototypes declared.

Calls by ctypes let go of the GIL, so threads compute side by side.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from duecare.detect.kernel.build import FOLDER, NAME, digest_of


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the compiled kernels are in use; `why` is "" where they are, else one line."""

    used: bool
    why: str = ""


def _read(dtype: type[np.generic]) -> Any:
    """A flat array that a kernel reads; ctypes refuses another type, a stride or a list."""
    return np.ctypeslib.ndpointer(dtype=dtype, ndim=1, flags="C_CONTIGUOUS")


def _write(dtype: type[np.generic]) -> Any:
    """A flat array that a kernel writes into."""
    return np.ctypeslib.ndpointer(dtype=dtype, ndim=1, flags=("C_CONTIGUOUS", "WRITEABLE"))


_SIZE, _SMALL = ctypes.c_int64, ctypes.c_int32
_PASSAGES = (_read(np.uint8), _read(np.int64), _read(np.uint64), _read(np.int64), _SIZE, _SMALL, _SMALL)

PROTOTYPES: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
    "duecare_kernel_digest": (ctypes.c_char_p, ()),
    "duecare_band_keys": (
        _SMALL,
        (*_PASSAGES, *(_read(np.uint32),) * 2, _SMALL, _SMALL, _write(np.uint64), _write(np.int64)),
    ),
    "duecare_shingle_sets": (_SMALL, (*_PASSAGES, _write(np.uint32), _write(np.int64))),
    "duecare_known_runs": (
        _SMALL,
        (
            *(_read(np.uint8), _read(np.int64), _SIZE),
            *(_read(np.int64), _SIZE, _SIZE),
            *(_read(np.uint64), _SIZE),
            *(_read(np.uint64), _SMALL, _read(np.uint64), _SMALL, _write(np.int64)),
        ),
    ),
    "duecare_jaccard": (
        None,
        (_read(np.uint32), *(_read(np.int64),) * 3, _SIZE, _write(np.float64)),
    ),
    "duecare_mentions": (
        _SIZE,
        (
            *(_read(np.uint8), _read(np.int64), _SIZE),
            *(_read(np.uint8), _read(np.int64), _read(np.uint8), _SIZE),
            *(_read(np.int32), _read(np.int64), _SIZE, _read(np.uint8), _SIZE),
            *(_write(np.int32),) * 4,
            _write(np.uint8),
        ),
    ),
    "duecare_names_tokens": (
        _SIZE,
        (
            *(_read(np.uint8), _read(np.int64), _SIZE, _write(np.int32), _write(np.int32)),
            *(_write(np.int64), _write(np.int64), _write(np.uint64), _write(np.int64), _write(np.uint8)),
        ),
    ),
    "duecare_names_lookup": (
        _SIZE,
        (
            *(_read(np.uint64), _SIZE, _read(np.uint64), _read(np.int32), _SIZE),
            *(_write(np.int32), _write(np.int64)),
        ),
    ),
    "duecare_names_labels": (
        _SIZE,
        (
            *(_read(np.int32), _read(np.int64), _SIZE, _read(np.int32), _read(np.int32), _read(np.uint8)),
            *(_read(np.int32), _read(np.int32), _read(np.int32), _read(np.int16), _read(np.int32)),
            *(_read(np.int16), _read(np.int16), _read(np.int32), _read(np.int32), _SIZE, ctypes.c_int32),
            _write(np.uint8),
        ),
    ),
    "duecare_names_places": (
        _SIZE,
        (
            *(_read(np.uint8), _read(np.int64), _SIZE, _read(np.int32), _read(np.int32)),
            *(_read(np.uint8), _read(np.uint8), _write(np.int64), _write(np.int32), _write(np.int32)),
            _write(np.uint8),
        ),
    ),
    "duecare_laid_out": (
        None,
        (_read(np.uint8), _read(np.int64), _SIZE, _write(np.uint8), _write(np.int64)),
    ),
    "duecare_signs": (
        None,
        (
            *(_read(np.uint8), _read(np.int64), _SIZE),
            *(_read(np.uint64), _read(np.uint8), _read(np.uint16), _SIZE, _write(np.int64)),
        ),
    ),
    "duecare_words": (None, (_read(np.uint8), _read(np.int64), _SIZE, _write(np.int64))),
    "duecare_toxicity": (
        _SIZE,
        (
            *(_read(np.uint8), _read(np.int64), _SIZE, _read(np.int8)),
            *(_read(np.uint64), _SIZE, _read(np.uint64), _SIZE),
            *(_read(np.float64), _read(np.float64), _read(np.float64), _SIZE, _SIZE),
            *(_write(np.float64), _write(np.int64)),
        ),
    ),
}
"""Function -> (result, arguments). The one place where the types of a kernel are said in Python; lengths
travel beside their arrays, and the wrapper of each kernel checks that they agree."""


def library() -> ctypes.CDLL | None:
    """The kernels, or None where they are not to be had or not wanted (DUECARE_KERNEL=off)."""
    return None if _off() else _found(FOLDER / NAME)[0]


def standing() -> Standing:
    """Whether the kernels are in use, and why not."""
    return Standing(False, "DUECARE_KERNEL=off") if _off() else _found(FOLDER / NAME)[1]


def _off() -> bool:
    return os.environ.get("DUECARE_KERNEL", "").lower() == "off"


@functools.cache
def _found(path: Path) -> tuple[ctypes.CDLL | None, Standing]:
    """The library at `path`, unless it was made from other sources than those beside it."""
    if not path.exists():
        return None, Standing(False, "not compiled: no C compiler was there when duecare was installed")
    try:
        found = ctypes.CDLL(str(path))
        for name, (result, arguments) in PROTOTYPES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, list(arguments)
    except (OSError, AttributeError) as error:
        return None, Standing(False, f"{path.name} cannot be loaded here ({type(error).__name__})")
    beside = path.parent.glob("*.c")
    if any(beside) and found.duecare_kernel_digest().decode() != digest_of(path.parent):
        return None, Standing(False, f"{path.name} was compiled from other sources than those beside it")
    return found, Standing(True)
