"""`duecare plan`: what a study will be able to decide, and how long it takes, before anything runs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sound import SOUND, lay_out, read
from typer.testing import CliRunner

from duecare.cli.former import TOKENS_PER_SECOND
from duecare.cli.main import app
from duecare.cli.outlook import DEVIATION, READ
from duecare.core import Note, StudyError
from duecare.evaluate import Evaluate, Gate, GateSpec
from duecare.evaluate.limit import known
from duecare.evaluate.pace import TOPIC
from duecare.evaluate.rehearsal import rehearse
from duecare.evaluate.suites import AXES, SUITES
from duecare.evaluate.suites.table import READ_FROM_FILES, SIZED_BY
from duecare.ledger import Key, key_of_step, scratch_folder, value_digest
from duecare.ledger.record import Recorder
from duecare.measure import needed_n_of_rates
from duecare.measure.size import minimum_detectable_gap, minimum_detectable_mean
from duecare.version import __version__


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


def test_gates_are_planned_for_all_their_comparisons_at_the_rate_stated(study):
    """Two groups against men, for two gates: four comparisons share the accepted error."""
    twins, ratio = study.outlook(rate=0.02, effect=3.0).gates
    assert (twins.n, ratio.n, twins.comparisons, ratio.comparisons) == (60, 64, 2, 2)
    assert twins.gap == pytest.approx(minimum_detectable_mean(DEVIATION, 60, level=0.9875))
    asked = {"design_effect": 3.0, "per_cluster": 4, "level": 0.9875}
    assert ratio.gap == minimum_detectable_gap(0.02, 64, **asked)
    assert ratio.needed == needed_n_of_rates(0.02, 0.02, 0.8, 1.25, "ratio", **asked)
    assert "rate 0.02, design effect 3 assumed" in ratio.assumes
    assert "2 of 4 comparisons (Holm), level 98.75 %" in ratio.assumes
    assert study.outlook(rate=0.2, effect=3.0).gates[1].needed < ratio.needed


def test_more_axes_and_manners_make_more_comparisons_and_need_more(study):
    gates = Gate(gates=(*study.gates.gates, GateSpec(metric="toxicity.worst_group", at_most=0.2)))
    wide = replace(
        study, evaluate=replace(study.evaluate, axes=("gender", "religion")), gates=gates
    ).outlook()
    few = study.outlook()
    assert [each.comparisons for each in wide.gates] == [len(AXES["religion"]) + 1] * 2 + [2]
    assert all(one.gap > other.gap for one, other in zip(wide.gates, few.gates, strict=False))
    absent = replace(study, evaluate=replace(study.evaluate, manners=("dismissive",))).outlook().gates[0]
    assert (absent.comparisons, absent.n, absent.needed) == (0, None, None)
    assert "no such figure" in absent.assumes


def test_a_benchmark_read_from_files_is_planned_by_its_own_groups(study, tmp_path):
    """Three pairs of sentences a group: as many comparisons as its figures have, from their n."""
    rows = [f"{n},A {n} is good.,A {n} is bad.,stereo,{kind}" for kind in ("age", "gender") for n in range(6)]
    (tmp_path / "pairs.csv").write_text(
        "\n".join([",sent_more,sent_less,stereo_antistereo,bias_type", *rows])
    )
    asked = replace(study.evaluate, suites=("crows-pairs",), data={"crows-pairs": "pairs.csv"})
    gate = GateSpec(metric="crows-pairs.stereotyped", between=(0.3, 0.7))
    (found,) = replace(study, evaluate=asked, gates=Gate(gates=(gate,))).outlook().gates
    assert found.comparisons == 3  # over all, and one for each of two kinds
    assert found.n == 6
    assert "rate 0.5," in found.assumes  # of two sentences either may be the likelier one
    assert found.needed > 12


def test_suites_take_time_and_fit_a_budget(study):
    whole = study.outlook()
    assert (whole.speed, whole.speed_from) == (TOKENS_PER_SECOND, "assumed: no evaluation is on record")
    assert all(one.proposed is None for one in whole.suites)
    half = study.outlook(minutes=whole.seconds / 120)
    assert taken(half) <= whole.seconds / 2
    assert taken(half) > 0.9 * whole.seconds / 2
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


def taken(ahead):
    return sum(one.seconds * one.proposed / one.items for one in ahead.suites)


@pytest.mark.parametrize("share", [0.9, 0.3, 0.2, 0.1, 0.07, 0.05])
def test_a_proposal_never_takes_longer_than_the_minutes_or_says_that_none_fits(study, share):
    """Also where the fewest items of one suite are more than its share: the others give way."""
    study = replace(study, evaluate=replace(study.evaluate, prompts=3, pairs=120))
    minutes = share * study.outlook().seconds / 60
    ahead = study.outlook(minutes=minutes)
    fits = taken(ahead) <= 60 * minutes
    assert fits == (ahead.least <= 60 * minutes)
    assert all(one.proposed >= 2 for one in ahead.suites)
    shown = CliRunner().invoke(app, ["plan", "study.yaml", "--minutes", str(minutes)])
    assert shown.exit_code == 0


def test_the_command_says_where_no_number_of_items_fits(study):
    shown = CliRunner().invoke(app, ["plan", "study.yaml", "--minutes", "0.01"])
    assert shown.exit_code == 0
    assert "No number of items fits 0.01 min" in shown.output


def test_what_a_former_evaluation_measured_replaces_what_is_assumed(study, tmp_path):
    """Tables made up with half of all answers toxic: the rate is read from them, and the spread."""
    former = tmp_path / "former"
    former.mkdir()
    step = replace(study.evaluate, samples=2, prompts=40, pairs=40)
    rehearse(step, ("base", "tuned"), []).write(former)
    twins, ratio = study.outlook(former=former).gates
    assert "from former" in twins.assumes
    assert "assumed" not in twins.assumes + ratio.assumes
    rate = float(ratio.assumes.split("rate ")[1].split(",")[0])
    assert rate == pytest.approx(0.5, abs=0.15)
    assert ratio.needed < study.outlook().gates[1].needed / 5
    with pytest.raises(StudyError, match="former=nowhere"):
        study.outlook(former="nowhere")


def recorded(run, *notes):
    """A run with one evaluation on record, which told `notes` midway."""
    tick = iter(range(10**6))
    step = key_of_step("evaluate.Evaluate", value_digest({}), None, {}, __version__)
    key = Key(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with Recorder(run, key, "me", lambda: datetime(2030, 1, 1, 0, 0, next(tick), tzinfo=UTC)) as recorder:
        for note in notes:
            recorder.append("told", job="evaluate", note=note)
        scratch = scratch_folder(run, "evaluate", step)
        scratch.mkdir(parents=True)
        rehearse(Evaluate(suites=("twins",), pairs=4), ("base", "tuned"), []).write(scratch)
        made = recorder.publish(scratch, "evaluate", step)
        recorder.append(
            "step.finished",
            job="evaluate",
            step="evaluate.Evaluate",
            step_key=step,
            settings_digest=value_digest({}),
            software={"duecare": __version__},
            outputs={str(made.path.relative_to(run)): made.digest},
        )
    return run


def pace(seconds, letters, scored):
    told = {"seconds": f"{seconds:.3f}", "letters": str(letters), "scored": str(scored)}
    return Note(topic=TOPIC, text="pace", data=told)


def test_speed_is_that_of_models_which_were_really_asked(study, tmp_path):
    """Not the time of the whole step, in which answers may have been found kept."""
    first = recorded(tmp_path / "first", pace(10.0, 4000, 50), Note(topic="other", text="nothing"))
    assert study.outlook(former=first).speed == (4000 / 4 + 50 * READ) / 10
    assert "measured in first" in study.outlook(former=first).speed_from
    twice = recorded(tmp_path / "twice", pace(10.0, 4000, 50), pace(2.0, 4000, 0))
    assert study.outlook(former=twice).speed == 4000 / 4 / 2
    silent = study.outlook(former=recorded(tmp_path / "silent"))
    assert silent.speed == TOKENS_PER_SECOND
    assert "silent does not say" in silent.speed_from
    assert "from silent" in silent.suites[1].assumes  # its figures are used all the same


def test_each_suite_says_what_it_can_show_without_any_gate(study):
    toxicity, twins = replace(study, gates=None).outlook(rate=0.02, effect=3.0).suites
    assert (toxicity.figure, toxicity.n, twins.figure, twins.n) == (
        "toxicity.difference",
        64,
        "twins.gap",
        60,
    )
    asked = {"design_effect": 3.0, "per_cluster": 4, "level": 0.975}
    assert toxicity.gap == minimum_detectable_gap(0.02, 64, **asked)  # two groups against men
    assert twins.gap == pytest.approx(minimum_detectable_mean(DEVIATION, 60, level=0.975))
    wide = replace(study.evaluate, prompts=None)
    assert replace(study, evaluate=wide).outlook(rate=0.02).suites[0].gap < toxicity.gap
    few = replace(study, evaluate=replace(study.evaluate, prompts=2, samples=1)).outlook().suites[0]
    assert (few.gap, few.blind) == (None, True)
    shown = CliRunner().invoke(app, ["plan", "study.yaml"])
    assert "What each suite can show" in shown.output


def test_every_suite_is_sized_by_a_figure_of_its_own():
    assert set(SIZED_BY) == {*SUITES, *READ_FROM_FILES}
    for name, figure in SIZED_BY.items():
        assert figure in known(figure)
        assert name not in READ_FROM_FILES or figure.startswith(f"{name}.")


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
