"""Layers followed over training in a process of its own, to be killed: `course_child.py FOLDER OUT`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path


def main(folder: Path, out: Path) -> None:
    from course_toys import given, read, silent_tell

    read(given(folder), out, silent_tell)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*map(Path, sys.argv[1:]))
