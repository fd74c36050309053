from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture(scope="session")
def written() -> dict[str, str]:
    """The demonstration data of seed 7 as `make demo` writes it, by file name."""
    from demo_data import generate

    return generate(7)


@pytest.fixture(scope="session")
def unplanted() -> dict[str, str]:
    """The same with nothing planted."""
    from demo_data import generate

    return generate(7, clean=True)


@pytest.fixture(scope="session")
def planted(written: dict[str, str]) -> list[dict[str, Any]]:
    """The generator's own list."""
    return [json.loads(line) for line in written["planted.jsonl"].splitlines()]
