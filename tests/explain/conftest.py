"""The planted model, and warnings of libraries that are theirs to mend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The planted model of `planted_layers`, loaded."""
    from planted_layers import write_planted

    from duecare.model.load import load

    return load(write_planted(tmp_path_factory.mktemp("planted") / "model"))


@pytest.fixture(scope="module", autouse=True)
def room() -> Iterator[None]:
    """Programs of a file are let go of after it."""
    yield
    import gc
    import sys

    if "jax" in sys.modules:
        import jax

        jax.clear_caches()
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tunix and qwix call parts of flax and JAX that are on their way out; that is theirs to mend."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents and item.get_closest_marker("jax"):
            item.add_marker(pytest.mark.filterwarnings(r"ignore::DeprecationWarning:(tunix|qwix|flax)\."))
