"""Without the train extra only what needs no JAX is collected; warnings of others are theirs to mend."""

from __future__ import annotations

import importlib.util
import warnings

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tunix and qwix call parts of flax and JAX that are on their way out."""
    for item in items:
        if item.get_closest_marker("jax"):
            item.add_marker(pytest.mark.filterwarnings(r"ignore::DeprecationWarning:(tunix|qwix|flax)\."))
