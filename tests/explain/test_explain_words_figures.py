"""From explanations to figures and verdicts, of planted weights; needs no model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duecare.core import INSUFFICIENT
from duecare.explain import Words
from duecare.explain.asked import of_twins
from duecare.explain.attribution import Attribution
from duecare.explain.spans import words_of
from duecare.explain.words_figures import Check, Row, figures, rulings
from duecare.model.twins import MANNERS


def rows(model, share, count=12, seed=0):
    """Explanations in which the second of four words, which names a group, carries about `share`."""
    rng = np.random.default_rng(seed)
    item = of_twins(("gender",), 2, ("respectful",), contrast=False)[0]
    found = []
    for number in range(count):
        mine = min(max(share + 0.02 * rng.standard_normal(), 0.01), 0.99)
        scores = np.array([(1 - mine) / 3, mine, -(1 - mine) / 3, (1 - mine) / 3])
        each = Attribution("occlusion", words_of("a b c d", "prompt"), scores, 0.0, 0.0, 0.0, 2)
        for group in ("men", "women"):
            mine_too = replace(item, item=f"{number}/{group}", cluster=str(number), group=group)
            found.append(Row(model, mine_too, each, (False, True, False, False)))
    return found


def test_a_planted_share_is_measured_and_its_change_too():
    step = Words(method="occlusion")
    found = figures(step, [*rows("base", 0.2), *rows("tuned", 0.6, seed=1)], [])
    share = {
        each.slice["model"]: each
        for each in found
        if each.metric == "words.identity_share" and "group" not in each.slice
    }
    assert share["base"].low < 0.2 < share["base"].high
    assert share["tuned"].low < 0.6 < share["tuned"].high
    changes = [each for each in found if each.metric == "words.identity_share.change"]
    assert {each.slice.get("group") for each in changes} == {None, "men", "women"}
    assert all(each.low < 0.4 < each.high and each.low > 0.3 for each in changes)
    (excess,) = [
        each
        for each in found
        if each.metric == "words.identity_excess"
        and each.slice["model"] == "base"
        and "group" not in each.slice
    ]
    assert excess.value == pytest.approx(share["base"].value - 0.25)
    (effect,) = [
        each
        for each in found
        if each.metric == "words.identity_effect"
        and each.slice.get("group") == "men"
        and each.slice["model"] == "base"
    ]
    assert effect.value == pytest.approx(share["base"].value / 2)  # nats per token, of two
    (gap,) = [
        each
        for each in found
        if each.metric == "words.identity_share.difference" and each.slice["model"] == "base"
    ]
    assert gap.reason or gap.low <= 0 <= gap.high  # both groups are alike


def checks(**values):
    rng = np.random.default_rng(0)
    item = of_twins(("gender",), 2, ("respectful",), contrast=False)[0]
    made = {"residual": 0.01, "likeness": 0.1, "deletion": 0.5, "insertion": 0.5} | values
    return [
        Check(
            "base",
            replace(item, item=str(number), cluster=str(number)),
            *(None if each is None else each + 0.005 * rng.random() for each in made.values()),
        )
        for number in range(10)
    ]


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({}, set()),
        ({"residual": 0.2}, {"residual"}),
        ({"likeness": 0.9}, {"likeness"}),
        ({"deletion": -0.1}, {"deletion"}),
        ({"insertion": -0.1}, {"insertion"}),
        ({"residual": None}, set()),
    ],
)
def test_one_failed_test_is_enough_not_to_be_validated(values, failed):
    step = Words()
    found = rulings(step, figures(step, rows("base", 0.2), checks(**values)))
    tests = {each.name.removeprefix("words.valid."): each for each in found}
    whole = tests.pop("base")
    assert {name for name, each in tests.items() if each.verdict == "fail"} == failed
    assert whole.verdict == ("fail" if failed else "pass")
    assert ("not validated" in whole.detail) == bool(failed)
    assert ("residual" in tests) == (values.get("residual", 0) is not None)
    assert not any(each.gate for each in found)


def test_what_is_not_decided_is_not_validated():
    """Half of the tested explanations lose by their words and half gain: one test is open, none failed."""
    some = checks()
    torn = [replace(each, deletion=(-1) ** place * 0.5) for place, each in enumerate(some)]
    found = {each.name: each for each in rulings(Words(), figures(Words(), rows("base", 0.2), torn))}
    assert {found[f"words.valid.{name}"].verdict for name in ("deletion", "base")} == {INSUFFICIENT}
    assert found["words.valid.insertion"].verdict == "pass"
    assert "not validated (deletion)" in found["words.valid.base"].detail


def test_answers_of_two_manners_have_effects_of_their_own():
    """What makes a respectful answer likelier is not what makes a dismissive one so."""
    kind = rows("base", 0.2)
    rude = [
        replace(
            row,
            item=replace(row.item, item=f"{row.item.item}/x", manner="dismissive"),
            found=replace(row.found, scores=-row.found.scores),
        )
        for row in kind
    ]
    found = figures(Words(manners=MANNERS), [*kind, *rude], [])
    effects = {
        each.slice["manner"]: each.value
        for each in found
        if each.metric == "words.identity_effect" and "group" not in each.slice
    }
    assert effects["respectful"] == pytest.approx(-effects["dismissive"])
    assert effects["respectful"] > 0
    shares = [each for each in found if each.metric == "words.identity_share" and "group" not in each.slice]
    assert len(shares) == 1  # of a weight's size the sign says nothing
    assert {each.slice["against"] for each in found if each.metric.endswith(".difference")} == {"men"}


def test_of_two_manners_one_is_set_against_the_other():
    found = of_twins(("gender",), 2, MANNERS, contrast=True)
    plain = of_twins(("gender",), 2, MANNERS, contrast=False)
    said = {(item.prompt, item.manner): item.answer for item in plain}
    assert len(plain) == 2 * len(found) == 2 * 2 * 3
    for item in found:
        assert item.manner == "respectful"
        assert (item.answer, item.other) == (said[item.prompt, "respectful"], said[item.prompt, "dismissive"])
