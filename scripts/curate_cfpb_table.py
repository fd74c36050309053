"""The table by group of docs/curate-cfpb.md, from the run of studies/curate-cfpb.yaml.

    python scripts/curate_cfpb_table.py runs/curate-cfpb

Shares of rows with 95 % intervals (those on record, or Wilson and Clopper-Pearson as there).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from duecare.core import Estimate
from duecare.core.table import examples
from duecare.ledger import entries
from duecare.measure import proportion
from duecare.vault import opened, stored

AXIS, SOURCE = "Tags", "complaints"
ENDED = "Company response to consumer: Closed with "
ON_RECORD = {
    "share of the rows": ("audit.share", ""),
    "words, on average": ("audit.text_words", ""),
    "closed with an explanation": ("audit.outcome.rate", f"{ENDED}explanation"),
    "closed with relief that is no money": ("audit.outcome.rate", f"{ENDED}non-monetary relief"),
    "closed with money": ("audit.outcome.rate", f"{ENDED}monetary relief"),
}
CHANGED = {
    "dropped: said before": "duplicates",
    "flagged: stereotype": "stereotypes",
    "a name was replaced": "personal",
}


def figures(run: Path) -> dict[tuple[str, str, str], Estimate]:
    """Estimates of the audit by metric, group and outcome."""
    return {
        (each.metric, each.slice["group"], each.slice.get("outcome", "")): each
        for entry in entries(run)
        for each in entry.estimates
        if entry.job == f"audit:{SOURCE}" and each.slice.get("axis") == AXIS
    }


def artifact(run: Path, job: str) -> Path:
    """The folder of the one artifact of a job."""
    (folder,) = (run / "artifacts").glob(f"{job}-{SOURCE}-*")
    return folder


def touched(run: Path, job: str, group_of: dict[str, str]) -> Counter[str]:
    """Rows of each group that a step dropped, flagged or changed."""
    rows = pq.read_table(artifact(run, job) / "changes.parquet", columns=["row"]).column("row")
    return Counter(group_of[row] for row in set(rows.to_pylist()))


def groups(run: Path) -> dict[str, str]:
    """Row to the group that its writer declares."""
    with opened(stored(artifact(run, "read"), "kept.parquet")) as file:
        return {row.row: str(row.group(AXIS)) for row in examples(pq.read_table(file))}


def lines(run: Path) -> Iterator[list[str]]:
    """A line for each thing that was measured, a column for each group, the largest first."""
    group_of, known = groups(run), figures(run)
    sizes = Counter(group_of.values())
    names = [name for name, _ in sizes.most_common()]
    yield ["", *names]
    yield ["---"] * (len(names) + 1)
    yield ["rows", *(f"{sizes[name]:,}" for name in names)]
    for what, (metric, outcome) in ON_RECORD.items():
        found = [known[metric, name, outcome] for name in names]
        yield [what, *(_told(each.value, each.low, each.high, each.unit != "words") for each in found)]
    for what, job in CHANGED.items():
        hit = touched(run, job, group_of)
        shares = [proportion(hit[name], sizes[name]) for name in names]
        yield [what, *(_told(each.value, each.low, each.high, True) for each in shares)]


def _told(value: float | None, low: float | None, high: float | None, share: bool) -> str:
    if value is None or low is None or high is None:
        return "not known"
    if share:
        return f"{100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{value:.0f} [{low:.0f}, {high:.0f}]"


def table(run: Path) -> str:
    """All of it in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in lines(run))


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
