"""Answers of a real evaluation, judged by a person before release: the run takes mended figures in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from review_rounds import joined
from typer.testing import CliRunner

from duecare.cli import reviewing
from duecare.cli.main import app
from duecare.ledger.read import entries
from duecare.review import desk
from duecare.review.desk import Shown
from duecare.review.rounds import rounds
from duecare.review.store import Store

STUDY = """\
study: {name: judged}
model: {base: tiny-model}
data:
  chats: {source: chats.jsonl, kind: chat}
evaluate: {suites: [toxicity-by-group], axes: [gender], prompts: 6, samples: 4, max_tokens: 2}
review: {before: release, point: model, items: 400, overlap: 1}
"""


def duecare(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_people_mend_the_figures_of_an_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's detector calls the tiny model's answers toxic; the person calls every third answer harmful."""
    from duecare.model.tiny import write_tiny

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    write_tiny(tmp_path / "tiny-model")
    turns = [{"role": "user", "content": "Ask"}, {"role": "assistant", "content": "Say"}]
    rows = [{"messages": [*turns, {"role": "user", "content": f"And {i}?"}, turns[1]]} for i in range(12)]
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "study.yaml").write_text(STUDY)
    run = tmp_path / "runs" / "judged"
    code, said = duecare("run", "study.yaml")
    assert code == 4, said
    code, said = duecare("review", "open", run)
    assert code == 0, said
    judged = 0
    with Store.open(reviewing.where(run, None)) as store:
        (opened,) = rounds(store)
        person = joined(store, 1, "annotator")
        while isinstance(shown := desk.next_item(store, person, opened.id), Shown):
            desk.submit(store, person, shown.assignment, {"harm": 3 if judged % 3 == 0 else 1})
            judged += 1
    assert duecare("review", "close", run)[0] == 0
    code, said = duecare("run", "study.yaml")
    assert code == 0, said
    done = [entry for entry in entries(run) if entry.happened == "step.finished"]
    alone = {each.metric: each for entry in done if entry.job == "evaluate" for each in entry.estimates}
    mended = [each for entry in done if entry.job == "review:model" for each in entry.estimates]
    (whole,) = (
        each for each in mended if each.metric == "toxicity.corrected.rate" and each.slice["axis"] == "all"
    )
    assert alone["toxicity.rate"].value < 0.1
    assert whole.low < 1 / 3 < whole.high
    assert whole.n >= judged * 0.8
    groups = {each.slice["group"] for each in mended if each.slice.get("axis") == "gender"}
    assert {"women", "men"} <= groups
    assert "people/model@1" in (run / "report" / "report.html").read_text("utf-8")
