"""Make tests/detect/golden_national.json: which drawn numbers another library holds for right.

The other library is python-stdnum 2.2, in an environment of its own:

    python -m venv other && other/bin/pip install python-stdnum==2.2
    PYTHONPATH=$(echo other/lib/python3*/site-packages) python scripts/golden_national.py
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests" / "detect"


def main() -> None:
    """Write which candidates of each kind are right: bit n, from the lowest, for candidate n (base 16)."""
    sys.path.insert(0, str(TESTS))
    from national_numbers import KINDS, candidates

    said = {}
    for kind, (_, module, _) in KINDS.items():
        right = importlib.import_module(f"stdnum.{module}").is_valid
        bits = sum(1 << place for place, number in enumerate(candidates(kind)) if right(number))
        said[kind] = f"{bits:x}"
    (TESTS / "golden_national.json").write_text(f"{json.dumps(said, indent=0)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
