"""The export of a round of human review as a source: the pairs that its people's choices came to."""

from __future__ import annotations

from pathlib import Path

from duecare.core import DataError

ROUND, PAIRS, WEIGHT = "round.json", "pairs.parquet", "weight"


def is_round(folder: Path) -> bool:
    """Whether a folder is what a round of review left."""
    return (folder / ROUND).is_file() and (folder / "labels.parquet").is_file()


def pairs_of(folder: Path) -> list[Path]:
    """The file of preference pairs in a round's export, none where the folder is no such export.

    Raises DataError where it is one, and nobody compared answers in it.
    """
    if not is_round(folder):
        return []
    if not (folder / PAIRS).is_file():
        raise DataError(
            f"read.source: {folder.name} is a round of review without {PAIRS}: nobody compared answers in "
            "it, or no run took it in (a closed round lies under its run's artifacts)"
        )
    return [folder / PAIRS]
