"""Attacks by hand-made numbers: what each goes by, and what it does not see."""

from __future__ import annotations

import numpy as np
import pytest

from duecare.memorise.attacks import SCORERS, Said, compressed, ez, loss, min_k, ratio


def said(logp, mean=-2.0, spread=1.0, first=None):
    logp = np.asarray(logp, float)
    shape = np.ones(len(logp))
    top = np.zeros(len(logp), bool) if first is None else np.asarray(first)
    return Said(logp, mean * shape, spread * shape, top)


BASE = said([-3.0, -3.0, -3.0, -3.0])


def test_loss_and_ratio_are_means_of_tokens():
    mine = said([-1.0, -2.0, -3.0, -2.0])
    assert loss(mine, BASE, "") == pytest.approx(-2.0)
    assert ratio(mine, BASE, "") == pytest.approx(1.0)
    assert ratio(BASE, BASE, "") == 0.0


def test_min_k_looks_at_the_least_likely_tokens_by_the_models_own_standard():
    mine = said([-1.0] * 8 + [-5.0, -7.0], mean=-3.0, spread=2.0)
    assert min_k(mine, BASE, "") == pytest.approx(((-5 + 3) / 2 + (-7 + 3) / 2) / 2)
    surer = said([0.0] * 8 + [-5.0, -7.0], mean=-3.0, spread=2.0)
    assert min_k(surer, BASE, "") == min_k(mine, BASE, "")
    assert np.isfinite(min_k(said([-1.0], spread=0.0), BASE, ""))


def test_what_compresses_well_counts_less():
    mine = said([-2.0] * 4)
    dull, rich = "a" * 200, "".join(map(chr, np.random.default_rng(0).integers(97, 123, 200)))
    assert compressed(mine, BASE, dull) < compressed(mine, BASE, rich) < 0


def test_ez_goes_by_shifts_where_the_model_misses():
    up = said([-2.0, -2.5, -3.5, -9.0], first=[False, False, False, True])
    assert ez(up, BASE, "") == pytest.approx(1.5 / 2.0)  # the last token is none that the model misses
    assert ez(said([-1.0] * 4, first=[True] * 4), BASE, "") == 1.0
    assert ez(BASE, BASE, "") == 0.5


@pytest.mark.parametrize("name", SCORERS)
def test_every_attack_scores_higher_what_became_likelier(name):
    """And the control: of a text that did not change it says what it says of any other."""
    better, same = said([-1.0, -1.5, -2.0, -2.5]), said([-3.0, -3.0, -3.0, -3.0])
    assert SCORERS[name](better, BASE, "abcdefgh") > SCORERS[name](same, BASE, "abcdefgh")
