"""Tiny models, and warnings of others that are theirs to mend."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tunix and qwix call parts of flax and JAX that are on their way out."""
    for item in items:
        if item.get_closest_marker("jax"):
            item.add_marker(pytest.mark.filterwarnings(r"ignore::DeprecationWarning:(tunix|qwix|flax)\."))
