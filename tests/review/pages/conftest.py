from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the review extra is not installed")
pytest.importorskip("starlette", reason="the review extra is not installed")

from world import World, built


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = built(tmp_path)
    yield found
    found.store.close()
