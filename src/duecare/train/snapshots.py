"""Which states on the way to a model are kept beside it. Free of JAX.

A snapshot is the low-rank update as it was after a training step: what layers knew then can be read
afterwards (`explain: - layers`), without a copy of the model on the disk.
"""

from __future__ import annotations

from duecare.train.rules import Rule, whole

MOST = 1000


def planned(step: object) -> tuple[int, ...]:
    """The training steps after which an update is kept: evenly spread, never the last one.

    With gathered gradients (`accumulate`) each ends with an update, so that no two are the same.
    """
    count: int = getattr(step, "snapshots", 0)
    gathered: int = getattr(step, "accumulate", 1)
    updates: int = step.steps // gathered  # type: ignore[attr-defined]  # a training step has steps
    return tuple(gathered * (updates * number // (count + 1)) for number in range(1, count + 1))


def snapshot_rules(step: object) -> list[Rule]:
    """Rules of the setting `snapshots`: fewer than updates, and of low-rank updates alone."""
    count = getattr(step, "snapshots", 0)
    steps, gathered = getattr(step, "steps", 1), getattr(step, "accumulate", 1)
    found: list[Rule] = [(whole(count, 0, MOST), "snapshots", count, f"a whole number from 0 to {MOST}")]
    if found[0][0] and whole(steps, 1) and whole(gathered, 1):
        most = max(0, steps // gathered - 1)
        enough = count <= most
        found.append((enough, "snapshots", count, f"at most {most}, one less than there are updates"))
    if count and getattr(step, "weights", "lora") == "full":
        found.append(
            (False, "snapshots", count, "0 beside full weights: a snapshot is a low-rank update, not a model")
        )
    return found
