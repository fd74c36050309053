"""The tests here compile the same programs again and again: keep them for the session."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which compiled programs are kept, also for the processes that a test starts."""
    import jax

    folder = tmp_path_factory.mktemp("compiled")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return folder


@pytest.fixture(scope="module", autouse=True)
def room() -> Iterator[None]:
    """Programs of a file are let go of after it: all files together would hold many gigabytes."""
    yield
    if "jax" in sys.modules:
        import jax

        jax.clear_caches()
        gc.collect()
