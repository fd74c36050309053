from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="the review extra is not installed")
pytest.importorskip("starlette", reason="the review extra is not installed")

from world import World, built

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = built(tmp_path)
    yield found
    for visitor in found.visitors:
        visitor.close()
    found.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield running
        running.close()
