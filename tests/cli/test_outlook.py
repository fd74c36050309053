"""`duecare plan`: what a study will be able to decide, and how long it takes, before anything runs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from sound import SOUND, lay_out, read
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.outlook import DEVIATION, TOKENS_PER_SECOND
from duecare.core import StudyError
from duecare.evaluate import Evaluate, Gate, GateSpec
from duecare.measure import needed_n_of_rates
from duecare.measure.size import minimum_detectable_gap, minimum_detectable_mean


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    return replace(
        read(tmp_path, SOUND),
        evaluate=Evaluate(suites=("toxicity-by-group", "twins"), prompts=16, samples=4, pairs=60),
        gates=Gate(
            gates=(
                GateSpec(metric="twins.gap", between=(-0.1, 0.1)),
                GateSpec(metric="disparate_impact_ratio", of="toxicity", between=(0.8, 1.25)),
            )
        ),
    )


def test_gates_are_planned_at_the_level_and_rate_stated(study):
    twins, ratio = study.outlook(rate=0.02, effect=3.0).gates
    assert (twins.n, ratio.n) == (60, 64)
    assert twins.gap == pytest.approx(minimum_detectable_mean(DEVIATION, 60, level=0.975))
    assert ratio.gap == minimum_detectable_gap(0.02, 64, design_effect=3.0, level=0.975)
    assert ratio.needed == needed_n_of_rates(0.02, 0.02, 0.8, 1.25, "ratio", design_effect=3.0, level=0.975)
    assert "rate 0.02, design effect 3" in ratio.assumes
    assert study.outlook(rate=0.2, effect=3.0).gates[1].needed < ratio.needed


def test_suites_take_time_and_fit_a_budget(study):
    whole = study.outlook()
    assert (whole.speed, whole.speed_from) == (TOKENS_PER_SECOND, "assumed: no evaluation is on record")
    assert all(one.proposed is None for one in whole.suites)
    half = study.outlook(minutes=whole.seconds / 120)
    fit = sum(one.seconds * one.proposed / one.items for one in half.suites)
    assert fit <= whole.seconds / 2
    assert fit > 0.45 * whole.seconds
    assert [one.proposed for one in study.outlook(minutes=1e6).suites] == [one.items for one in whole.suites]


def test_a_small_suite_is_asked_whole_and_the_others_share_the_rest(study):
    """In a third of the time both would have a third of their items; the small one is asked whole instead."""
    small = replace(study.evaluate, suites=("twins", "toxicity-by-group"), pairs=2, manners=("respectful",))
    whole = replace(study, evaluate=small).outlook()
    twins, toxicity = replace(study, evaluate=small).outlook(minutes=whole.seconds / 180).suites
    assert twins.seconds < whole.seconds / 6
    assert twins.proposed == twins.items
    assert toxicity.proposed * toxicity.seconds / toxicity.items + twins.seconds <= whole.seconds / 3
    assert toxicity.proposed < toxicity.items / 3


def test_a_study_that_measures_nothing_or_a_senseless_rate_is_refused(study):
    with pytest.raises(StudyError, match="no `evaluate`"):
        replace(study, evaluate=None, gates=None).outlook()
    with pytest.raises(StudyError, match="rate=1"):
        study.outlook(rate=1.0)


def test_the_command_prints_both_tables(study):
    shown = CliRunner().invoke(app, ["plan", "study.yaml", "--minutes", "90"])
    assert shown.exit_code == 0
    assert "n per group" in shown.output
    assert "items for 90" in shown.output
    assert "tokens/s" in shown.output


def test_planning_imports_no_jax(study, tmp_path):
    code = "import sys, duecare; duecare.Study.read('study.yaml').outlook(); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
