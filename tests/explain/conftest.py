"""Without the train extra only what needs no JAX is collected; the planted model; warnings of others are
theirs."""

from __future__ import annotations

import gc
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

HERE = importlib.util.find_spec("tunix") is not None
collect_ignore = (
    []
    if HERE
    else [
        "test_explain_attribution.py",
        "test_explain_golden.py",
        "test_explain_planted.py",
        "test_explain_words.py",
    ]
)
if HERE:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import duecare.model.load  # noqa: F401 - Tunix calls what JAX is about to drop, at import


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
    if "jax" in sys.modules:
        import jax

        jax.clear_caches()
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tunix and qwix call parts of flax and JAX that are on their way out."""
    for item in items:
        if item.get_closest_marker("jax"):
            item.add_marker(pytest.mark.filterwarnings(r"ignore::DeprecationWarning:(tunix|qwix|flax)\."))
