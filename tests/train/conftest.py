"""What many tests here share: a base to train, and the room that a file leaves behind it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest
from training_toys import base_artifact

from duecare.core import Artifact


@pytest.fixture(scope="module", autouse=True)
def room() -> Iterator[None]:
    """Programs of a file are let go of after it: all files together would hold many gigabytes.

    What is there before it, JAX and Tunix above all, stays: each training searches for garbage when it ends.
    """
    gc.freeze()
    yield
    if "jax" in sys.modules:
        import jax

        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny model as a step's base, with a cache of its own."""
    folder = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        return base_artifact(folder)


@pytest.fixture
def same_cache(base: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache in which `base` lies."""
    monkeypatch.setenv("DUECARE_CACHE", str(base.path.parent / "cache"))
