"""The jobs of a made-up run: two sources, all curate steps, two trainings, an evaluation, three verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import fabricated_run as made
import pyarrow as pa
from fabricated_run import PERSONAL, TOXICITY, Fabricator, about, change, changes, counts, rows_table, wilson

from duecare.core import Estimate, Example, Finding

AGES = ("under 30", "30 to 59", "60 and over")
GENDERS = ("men", "women", "non-binary people")
CURATE = ("read", "audit", "toxicity", "duplicates", "stereotypes", "balance", "personal", "split")
PLAN = (
    *(f"{step}:{source}" for source in ("chats", "pairs") for step in CURATE),
    "base",
    "sft",
    "dpo",
    "evaluate",
    "gate",
)


def removed(source: str, axis: str, shares: Sequence[tuple[str, int, int]]) -> list[Estimate]:
    return [
        wilson("curate.removed.share", k, n, {"source": source, "axis": axis, "group": group})
        for group, k, n in shares
    ]


def curate(run: Fabricator, source: str = "chats", size: int = 400) -> None:
    """All curate steps of one source; 6 hostile rows are toxic, every 20th is a duplicate."""
    rows = made.chats(size, source)
    read(run, source, rows)
    before = audit(run, source, rows)
    before = toxicity(run, source, rows, before)
    rows = rows[6:]
    before = duplicates(run, source, rows, before)
    rows = [row for place, row in enumerate(rows) if place % 20 != 19]
    before = stereotypes(run, source, rows, before)
    before = balance(run, source, rows, before)
    before = personal(run, source, rows, before)
    n = len(rows)
    held = n // 10
    run.job(
        f"split:{source}",
        "duecare.curate.split.Split",
        inputs={"examples": before},
        files={"train.parquet": rows_table(rows[held:]), "held_out.parquet": rows_table(rows[:held])},
        estimates=counts(source, **{"in": n, "kept": n - held}),
        settings={"held_out": 0.1},
    )


def read(run: Fabricator, source: str, rows: Sequence[Example]) -> None:
    aside = [
        {"source": source, "position": 17, "line": 18, "reason": "messages: expected a list of turns"},
        {"source": source, "position": 90, "line": 91, "reason": "not valid JSON"},
        {"source": source, "position": 91, "line": None, "reason": "not valid JSON"},
    ]
    files = {
        "kept.parquet": rows_table(rows),
        "set_aside.parquet": pa.Table.from_pylist(aside, schema=made.SET_ASIDE),
    }
    n = len(rows)
    run.job(
        f"read:{source}",
        "duecare.curate.source.Read",
        inputs={f"external:{source}.jsonl": "ab" * 32},
        files=files,
        estimates=counts(source, **{"in": n + 3, "kept": n, "set_aside": 3}),
        settings={"source": f"{source}.jsonl", "kind": "chat"},
    )


def audit(run: Fabricator, source: str, rows: Sequence[Example]) -> str:
    n = len(rows)
    estimates = []
    for group, share in zip(AGES, (0.3, 0.6, 0.1), strict=True):
        where = {"source": source, "axis": "age", "group": group}
        estimates.append(wilson("audit.share", int(n * share), n, where))
        estimates.append(
            about("audit.answer_words", 30 - 14 * (group == AGES[2]), 4, int(n * share), where, 40)
        )
    finding = Finding(
        name="audit.representation",
        verdict="fail",
        limit="every group at least half its share of the population",
        detail="60 and over are 10% of the rows and 24% of the population.",
        next="Collect more, or balance by age.",
        estimate=estimates[-2],
    )
    run.job(
        f"audit:{source}",
        "duecare.curate.represent.Audit",
        inputs={"examples": f"read:{source}"},
        estimates=estimates,
        findings=[finding],
    )
    return f"read:{source}"


def toxicity(run: Fabricator, source: str, rows: Sequence[Example], before: str) -> str:
    bad, good = rows[:6], rows[6:]
    why = [
        change(
            row,
            "toxicity",
            "dropped",
            "at or above the limit of 0.5",
            instrument=TOXICITY,
            value=0.98 - 0.05 * place,
            part="messages.0",
        )
        for place, row in enumerate(bad)
    ]
    shares = [(AGES[0], 0, 120), (AGES[1], 5, 240), (AGES[2], 1, 40)]
    run.job(
        f"toxicity:{source}",
        "duecare.curate.screen.Screen",
        inputs={"examples": before},
        files={
            "kept.parquet": rows_table(good),
            "dropped.parquet": rows_table(bad),
            "changes.parquet": changes(why),
        },
        estimates=[
            *counts(source, **{"in": len(rows), "kept": len(good), "dropped": len(bad)}),
            *removed(source, "age", shares),
        ],
        settings={"limit": 0.5},
    )
    return f"toxicity:{source}"


def duplicates(run: Fabricator, source: str, rows: Sequence[Example], before: str) -> str:
    gone = [row for place, row in enumerate(rows) if place % 20 == 19]
    kept = [row for place, row in enumerate(rows) if place % 20 != 19]
    why = [change(row, "duplicates", "dropped", "same text as an earlier row") for row in gone]
    shares = [(AGES[0], 0, 120), (AGES[1], len(gone), 234), (AGES[2], 0, 39)]
    run.job(
        f"duplicates:{source}",
        "duecare.curate.overlap.Duplicates",
        inputs={"examples": before},
        files={
            "kept.parquet": rows_table(kept),
            "dropped.parquet": rows_table(gone),
            "changes.parquet": changes(why),
        },
        estimates=[
            *counts(source, **{"in": len(rows), "kept": len(kept), "dropped": len(gone)}),
            *removed(source, "age", shares),
        ],
    )
    return f"duplicates:{source}"


def stereotypes(run: Fabricator, source: str, rows: Sequence[Example], before: str) -> str:
    why = [
        change(
            row, "stereotypes", "flagged", "role and gender tied together", part="messages.0", start=3, end=7
        )
        | {"instrument": "stereotype@2", "label": "gender", "value": 0.7}
        for row in rows[:4]
    ]
    run.job(
        f"stereotypes:{source}",
        "duecare.curate.stereotype.Stereotypes",
        inputs={"examples": before},
        files={
            "kept.parquet": rows_table(rows),
            "dropped.parquet": made.empty(),
            "changes.parquet": changes(why),
        },
        estimates=counts(source, **{"in": len(rows), "kept": len(rows), "flagged": 4}),
    )
    return f"stereotypes:{source}"


def balance(run: Fabricator, source: str, rows: Sequence[Example], before: str) -> str:
    n = len(rows)
    run.job(
        f"balance:{source}",
        "duecare.curate.represent.Balance",
        inputs={"examples": before},
        files={
            "kept.parquet": rows_table(rows),
            "dropped.parquet": made.empty(),
            "changes.parquet": changes([]),
        },
        estimates=counts(source, **{"in": n, "kept": n, "changed": n}),
    )
    return f"balance:{source}"


def personal(run: Fabricator, source: str, rows: Sequence[Example], before: str) -> str:
    why = [
        change(row, "personal", "changed", "personal data replaced", part="messages.0", start=3, end=9)
        | {"instrument": PERSONAL, "label": label, "value": 0.9}
        for label, some in (("EMAIL", rows[:40]), ("PHONE", rows[30:55]), ("CARD", rows[50:59]))
        for row in some
    ]
    run.job(
        f"personal:{source}",
        "duecare.curate.redact.Redact",
        inputs={"examples": before},
        files={
            "kept.parquet": rows_table(rows),
            "dropped.parquet": made.empty(),
            "changes.parquet": changes(why),
        },
        estimates=counts(source, **{"in": len(rows), "kept": len(rows), "changed": 59}),
    )
    return f"personal:{source}"


def base(run: Fabricator) -> None:
    reference = {"name": "smollm2-135m-instruct", "family": "llama", "files": {}, "digest": "cd" * 32}
    run.job(
        "base", "duecare.model.fetch.Fetch", files={"reference.json": made.json_bytes(reference)}, seed=None
    )


def train(run: Fabricator) -> None:
    told = [
        [
            Estimate(
                metric="loss", value=3 - step / 40, low=2.8 - step / 40, high=3.2 - step / 40, n=64,
                method="t", step=step, slice={"axis": "age", "group": group},
            )
            for group in AGES
        ]
        for step in range(0, 60, 10)
    ]  # fmt: skip
    run.job(
        "sft",
        "duecare.train.sft.Sft",
        inputs={"data": "split:chats", "base": "base"},
        files={"curves.parquet": made.curves({"loss": (3.1, 1.6)}, "age", AGES, 60)},
        told=told,
        settings={"steps": 60, "lora_rank": 8},
    )
    run.job(
        "dpo",
        "duecare.train.prefer.Dpo",
        inputs={"data": "split:pairs", "base": "base", "model": "sft"},
        files={
            "curves.parquet": made.curves({"loss": (0.69, 0.42), "margin": (0.0, 0.8)}, "gender", GENDERS, 20)
        },
        settings={"steps": 20, "beta": 0.1},
    )
