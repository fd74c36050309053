"""Without the train extra only what needs no JAX is collected; a tiny base; warnings of others are theirs."""

from __future__ import annotations

import gc
import importlib.util
import sys
import warnings
from collections.abc import Iterator

import pytest

HERE = importlib.util.find_spec("tunix") is not None
collect_ignore = (
    [] if HERE else ["test_memorise_step.py", "test_memorise_said.py", "test_memorise_private.py"]
)
if HERE:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import duecare.model.load  # noqa: F401 - Tunix calls what JAX is about to drop, at import


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Secrets, and the cache of models, of this file alone: what comes after it has homes of its own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_HOME", str(folder / "home"))
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        yield


@pytest.fixture(scope="module", autouse=True)
def room() -> Iterator[None]:
    """Programs of a file are let go of after it."""
    yield
    if "jax" in sys.modules:
        import jax

        jax.clear_caches()
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tunix and qwix call parts of flax and JAX that are on their way out."""
    for item in items:
        if item.get_closest_marker("jax"):
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))
