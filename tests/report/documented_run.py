"""A made-up run whose study says something of its system, and whose trained model has files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import fabricated_run as made
from fabricated_jobs import CURATE, base, curate
from fabricated_run import STUDY, Fabricator
from fabricated_verdicts import evaluate

from duecare.core import Estimate, Finding, Note

ABOUT = {
    "users": "clerks of the bank | who answer letters",
    "not_for": "decisions on loans",
    "risks": "answers may be curt to some groups <b>",
    "version": "2.1, after 2.0",
}
WITHHELD = Estimate(
    metric="dpo.loss", value=0.25, low=0.2, high=0.3, n=64, method="t",
    slice={"release": "withheld", "group": "women", "axis": "gender"},
)  # fmt: skip
EPSILON = Estimate(
    metric="dpo.private.epsilon", value=7.5, low=7.5, high=7.5, n=400, method="exact count",
    slice={"unit": "example"},
)  # fmt: skip
KEPT_BACK = Finding(
    name="dpo.loss.gap",
    verdict="fail",
    limit="at most 0.1",
    detail="The gap is 0.25 nats.",
    estimate=WITHHELD,
)
TOLD = {"digest": "cd" * 32, "family": "llama", "licence": "Apache-2.0"}


def study(about: dict[str, str]) -> dict[str, Any]:
    found = copy.deepcopy(STUDY)
    found["study"]["about"] = dict(about)
    return found


def documented(folder: Path, about: dict[str, str] = ABOUT, size: int = 60) -> Path:
    """The folder of the run; the same arguments give the same ledger."""
    run = Fabricator(folder / "run", folder / "keys")
    run.start([*(f"{step}:chats" for step in CURATE), "base", "sft", "dpo", "evaluate", "gate"], study(about))
    curate(run, "chats", size)
    run.recorder.append("told", job="base", note=Note(topic="base", text="starts from it", data=TOLD))
    base(run)
    weights = {"model/config.json": b"{}", "model/model.safetensors": b"weights"}
    for job, step, more in (
        ("sft", "duecare.train.sft.Sft", {}),
        ("dpo", "duecare.train.prefer.Dpo", {"model": "sft"}),
    ):
        run.job(
            job,
            step,
            inputs={"data": "split:chats", "base": "base", **more},
            files={"curves.parquet": made.curves({"loss": (2.0, 1.0)}, "age", ("men", "women"), 10)},
            nested=weights,
            estimates=(WITHHELD, EPSILON) if job == "dpo" else (),
            findings=(KEPT_BACK,) if job == "dpo" else (),
            settings={"on": "chats", "steps": 10, "learning_rate": 0.001},
        )
    evaluate(run)
    return run.finish()
