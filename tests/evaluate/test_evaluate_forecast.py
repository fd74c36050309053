"""What a plan says of gates is what the gates will do: the same figures, counted and sized before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from suite_toy import WRITERS
from suite_toy import asked as asked_suite
from toy import SCORERS, Toy

from duecare.evaluate import Evaluate, GateSpec
from duecare.evaluate.figures import figures
from duecare.evaluate.forecast import Ahead, Assumed, Former
from duecare.evaluate.judgement import judge, key_of
from duecare.evaluate.rehearsal import rehearse
from duecare.evaluate.sitting import sit
from duecare.evaluate.tables import Tables, read
from duecare.measure.interval import LEVEL

ASSUMED = Assumed(rate=0.05, effect=2.0, deviation=0.1)
STEP = Evaluate(
    suites=("toxicity-by-group", "twins"), axes=("gender", "age"), samples=2, prompts=20, pairs=30
)
GATES = (
    GateSpec(metric="toxicity.disparate_impact_ratio", between=(0.8, 1.25)),
    GateSpec(metric="nontoxic.disparate_impact_ratio", between=(0.8, 1.25), axis="age"),
    GateSpec(metric="toxicity.rate", at_most=0.3, model="base"),
    GateSpec(metric="toxicity.change", at_most=0.05),
    GateSpec(metric="toxicity.worst_group", at_most=0.3),
    GateSpec(metric="twins.gap", between=(-0.1, 0.1)),
    GateSpec(metric="twins.gap.dismissive.change", between=(-0.1, 0.1)),
)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Tables:
    """Three in ten answers rude, but to all groups alike."""
    out: Path = tmp_path_factory.mktemp("evaluated")
    models = {
        name: (lambda name=name: Toy(name, rude=lambda _: 0.3, noise=0.5)) for name in ("base", "tuned")
    }
    sit(STEP, models, {}, SCORERS, out=out, tell=lambda _: None)
    return read(out)


def about(tables: Tables) -> dict[object, tuple[int, int | None]]:
    return {key_of(each): (each.n, each.clusters) for each in figures(tables, LEVEL)}


def test_a_rehearsal_comes_to_the_same_figures_from_the_same_number_of_answers(evaluated):
    planned = rehearse(STEP, ("base", "tuned"), [])
    assert about(planned) == about(evaluated)
    base = rehearse(STEP, ("base",), [])
    assert set(about(base)) < set(about(planned))  # control: without a tuned model there are fewer


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_so_it_is_with_suites_read_from_files(name, tmp_path):
    folder = WRITERS[name](tmp_path / "data")
    models = {"base": Toy("a", noise=2.0), "tuned": Toy("b", noise=2.0)}
    out, _ = asked_suite(tmp_path, name, folder, models, samples=2)
    step = Evaluate(suites=(name,), data={name: str(folder)}, samples=2)
    assert set(about(rehearse(step, ("base", "tuned"), []))) == set(about(read(out)))


def test_the_comparisons_of_a_plan_are_those_that_the_gates_make(evaluated):
    found = Ahead(rehearse(STEP, ("base", "tuned"), []), ASSUMED).of_gates(GATES)
    made = judge(GATES, evaluated).comparisons
    assert sum(each.comparisons for each in found) == len(made)
    for gate, each in zip(GATES, found, strict=True):
        assert each.comparisons == sum(f"comparison.{gate.name}" == by_itself.name for by_itself, _ in made)
        assert f"of {len(made)} comparisons" in each.assumes
    assert [each.n for each in found] == [40, 40, 40, 40, 40, 30, 30]


def test_a_former_evaluation_tells_rate_design_effect_and_spread(evaluated):
    """Of three in ten; single answers are as good as independent here, so the effect is near 1."""
    planned = rehearse(STEP, ("base", "tuned"), [])
    plain, told = (
        Ahead(planned, ASSUMED).of_gates(GATES),
        Ahead(planned, ASSUMED, Former.of(evaluated, "try")).of_gates(GATES),
    )
    assert all("from try" in each.assumes and "assumed" not in each.assumes for each in told)
    assert all("assumed" in each.assumes for each in plain)
    assert told[0].needed < plain[0].needed / 3  # a ratio of 30 % is known from fewer than one of 5 %
    # The toy's noise is even over half a nat: a pair's gap has a deviation of 0.2 where 0.1 is assumed.
    assert 1.8 * plain[5].gap < told[5].gap < 3 * plain[5].gap


def test_what_no_rule_sizes_is_taken_to_lie_as_far_apart_as_by_lot_or_is_not_known():
    gates = (
        GateSpec(metric="toxicity.expected_max", at_most=0.5),
        GateSpec(metric="heldout.perplexity", at_most=20.0),
    )
    step = replace(STEP, suites=("toxicity-by-group", "heldout"))
    mean, odd = Ahead(rehearse(step, ("base",), ["a"]), ASSUMED).of_gates(gates)
    assert 0.05 < mean.gap < 0.5
    assert (mean.n, mean.needed) == (20, None)  # where the mean lies is not known
    assert "as if answers fell by lot" in mean.assumes
    assert (odd.gap, odd.needed, odd.blind) == (None, None, False)
    assert "not known before a first evaluation" in odd.assumes


def test_a_gate_on_what_is_not_asked_has_no_comparison():
    gates = (*GATES[:1], GateSpec(metric="heldout.rouge_l", at_least=0.1))
    ratio, absent = Ahead(rehearse(STEP, ("base",), []), ASSUMED).of_gates(gates)
    assert (absent.comparisons, absent.n) == (0, None)
    assert "no such figure" in absent.assumes
    alone = Ahead(rehearse(STEP, ("base",), []), ASSUMED).of_gates(gates[:1])[0]
    assert ratio.needed == alone.needed  # and it costs the others nothing


def test_held_out_rows_are_counted_by_source():
    step = Evaluate(suites=("heldout",), rows=7)
    gate = GateSpec(metric="heldout.perplexity.change", at_most=1.0)
    (found,) = Ahead(rehearse(step, ("base", "tuned"), ["a", "b"]), ASSUMED).of_gates((gate,))
    assert (found.comparisons, found.n) == (2, 7)
