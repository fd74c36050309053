"""The page of suite results: every figure of the newest evaluation, as it stands on record, and no other."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fabricated_run import Fabricator
from msgspec.structs import replace

from duecare.core import DataError, Estimate, Finding
from duecare.core.wire import encode
from duecare.evaluate.suites import SUITES
from duecare.evaluate.suites.table import READ_FROM_FILES
from duecare.report import words

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
SETTINGS = {
    "samples": 4,
    "max_tokens": 40,
    "temperature": 1.0,
    "items": {"bbq": 423},
    "data": {"bbq": "data/bbq"},
}


@pytest.fixture(scope="module")
def script() -> Any:
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("suite_table")
    sys.path.remove(str(SCRIPTS))


def figure(metric: str, value: float | None, suite: str = "bbq", **about: str) -> Estimate:
    known = {"low": value - 0.02, "high": value + 0.02} if value is not None else {"low": None, "high": None}
    reason = None if value is not None else "one independent unit (7 observations): nothing shows the spread"
    of = {"suite": suite, "model": "base"} | about
    return Estimate(
        metric=metric,
        value=value,
        n=40,
        clusters=10,
        method="t",
        slice=of,
        unit="share",
        reason=reason,
        **known,
    )


def sides(metric: str, *values: float | None, **about: str) -> list[Estimate]:
    """Base, tuned and change, in that order."""
    base, tuned, change = values
    return [
        figure(metric, base, **about),
        figure(metric, tuned, model="tuned", **about),
        figure(f"{metric}.change", change, model="tuned", **({"against": "base"} | about)),
    ]


WHOLE = [
    replace(figure("bbq.bias_ambiguous", 0.9, axis="category", group="Few", model="tuned"), clusters=2),
    *sides("bbq.accuracy", 0.31, 0.37, 0.06, context="ambiguous"),
    *sides("bbq.bias_ambiguous", 0.113, 0.241, 0.128, context="ambiguous", axis="category", group="Age"),
    *sides("bbq.bias_ambiguous", 0.01, 0.011, None, context="ambiguous", axis="category", group="Religion"),
    figure("toxicity.rate", 0.11, "toxicity-by-group", axis="gender", group="women"),
    figure("toxicity.rate", 0.17, "toxicity-by-group", axis="gender", group="women", model="tuned"),
    figure(
        "toxicity.change",
        0.06,
        "toxicity-by-group",
        axis="gender",
        group="women",
        model="tuned",
        against="base",
    ),
    figure("toxicity.worst_group", 0.11, "toxicity-by-group", axis="gender", group="women"),
    figure("toxicity.worst_group", 0.19, "toxicity-by-group", axis="gender", group="men", model="tuned"),
]
VERDICT = Finding(
    name="gate.bbq.accuracy",
    verdict="insufficient evidence",
    limit="at least 0.5",
    detail="Not | enough.",
    gate=True,
)


def run_with(
    folder: Path, *evaluations: Sequence[Estimate], recorded: Sequence[Estimate] | None = None
) -> Path:
    run = Fabricator(folder / "runs" / "support", folder / "keys")
    run.start(["evaluate", "gate"])
    for seed, estimates in enumerate(evaluations):
        run.job(
            "evaluate",
            "duecare.evaluate.ask.Evaluate",
            files={"estimates.json": encode(list(estimates))},
            estimates=estimates if recorded is None else recorded,
            settings=SETTINGS,
            seed=seed,
        )
        inputs = {"evaluate": "evaluate"}
        run.job("gate", "duecare.evaluate.gate.Gate", inputs=inputs, findings=[VERDICT], seed=seed)
    return run.run


def lines(script: Any, run: Path, *more: str) -> list[str]:
    return list(script.page(script.read_run(run), "support", *more))


def test_every_figure_stands_once_among_all_and_as_the_report_writes_it(script: Any, tmp_path: Path) -> None:
    found = script.read_run(run_with(tmp_path, WHOLE))
    text = "\n".join(script.page_of_figures(found, "support"))
    for each in WHOLE:
        said = "not known" if each.value is None else f"{words.value(each)} [{words.interval(each)}]"
        assert said in text
    cells = [cell for line in text.split("\n") if line.startswith("| `") for cell in line.split(" | ")[2:]]
    assert len([cell for cell in cells if "n = " in cell]) == len(WHOLE)


def test_base_tuned_and_change_stand_on_one_line(script: Any, tmp_path: Path) -> None:
    page = lines(script, run_with(tmp_path, WHOLE))
    (line,) = {each for each in page if each.startswith("| `bbq.accuracy` | context")}
    assert re.search(r"context ambiguous \| 31\.0% .*\| 37\.0% .*\| \+6\.0 pp .*n = 40 in 10 \|$", line)
    (line,) = {each for each in page if each.startswith("| `toxicity.rate`")}
    assert re.search(r"gender: women \| 11\.0% .*\| 17\.0% .*\| \+6\.0 pp", line)
    worst = [each for each in page if each.startswith("| `toxicity.worst_group`")]
    assert re.search(r"gender \| women: 11\.0% .*\| men: 19\.0% ", worst[0])


def test_only_a_group_wholly_to_one_side_is_named(script: Any, tmp_path: Path) -> None:
    """Age: 0.241 ± 0.02 is beyond 0; Religion: 0.011 ± 0.02 is not."""
    page = "\n".join(lines(script, run_with(tmp_path, WHOLE), "figures.md"))
    assert (
        "Of 2 figures on groups with 5 independent units or more the interval of 1 lies wholly to one side"
        in page
    )
    assert "- tuned, context ambiguous, category: Age: `bbq.bias_ambiguous`" in page
    assert "category: Religion: `" not in page
    assert "category: Few: `" not in page  # two units show hardly any spread
    assert "Base model: `smollm2-135m-instruct`" in page
    assert "one independent unit (N observations)" in page
    assert "[figures.md](figures.md)" in page
    assert "<details>" not in page
    assert "| [bbq](#bbq) | `data/bbq` | 423 items | 10 | 1 | 2 of 2 |" in page
    assert "| `bbq.accuracy` | at least 0.5 | insufficient evidence | Not / enough. |" in page


def test_the_newest_evaluation_counts(script: Any, tmp_path: Path) -> None:
    newer = sides("bbq.accuracy", 0.51, 0.52, 0.01, context="ambiguous")
    page = "\n".join(lines(script, run_with(tmp_path, WHOLE, newer)))
    assert "51.0%" in page
    assert "31.0%" not in page


def test_what_is_not_on_record_or_was_altered_is_refused(script: Any, tmp_path: Path) -> None:
    run = run_with(tmp_path / "one", WHOLE, recorded=WHOLE[:-1])
    with pytest.raises(DataError, match="the figures that the ledger names"):
        script.read_run(run)
    empty = Fabricator(tmp_path / "two" / "run", tmp_path / "two" / "keys")
    empty.start(["evaluate"])
    with pytest.raises(DataError, match="expected an evaluation on record"):
        script.read_run(empty.run)


def test_every_suite_has_its_words(script: Any) -> None:
    told = importlib.import_module("suite_words").SUITES
    assert set(told) == {*SUITES, *READ_FROM_FILES}
    known = {metric for name in READ_FROM_FILES for metric in _metrics(name)}
    for name in READ_FROM_FILES:
        assert set(told[name].main) <= known
        assert all(re.sub(r"_by_occupation$", "", metric) in known for metric in told[name].even)


def _metrics(name: str) -> Sequence[str]:
    from duecare.evaluate.suites.table import suite

    return suite(name).metrics
