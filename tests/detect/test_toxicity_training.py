"""What the toxicity detector is taught: twins that keep their label, denials, names that nobody bears."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from duecare.detect import toxic

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))
from toxicity_grammar import composed, invented
from toxicity_groups import group_words
from toxicity_predicates import HOSTILE_PREDICATES, negated
from toxicity_sources import Labelled
from toxicity_swap import Swapper
from toxicity_templates import all_terms


def test_a_twin_names_another_group_in_the_same_form() -> None:
    swapper = Swapper(all_terms())
    twin = swapper.twin("muslims should go, says my muslim boss", "x")
    assert twin is not None
    assert "muslim" not in twin.lower()
    assert twin.startswith(twin.partition(" should go, says my ")[0])
    assert swapper.twin("the weather is fine", "x") is None
    assert swapper.twin("muslims and jews", "x") is None
    assert swapper.twin("muslims", "x") == swapper.twin("muslims", "x")
    assert len({swapper.twin("muslims", str(turn)) for turn in range(30)}) > 10


def test_every_predicate_is_both_asserted_and_taken_back() -> None:
    assert negated("are rats") == "are not rats"
    assert negated("spread disease") == "do not spread disease"
    assert negated("have no morals") is None
    labels: dict[str, Counter[float]] = {predicate: Counter() for predicate in HOSTILE_PREDICATES}
    for text, _, attack in composed(all_terms()):
        for predicate in HOSTILE_PREDICATES:
            if predicate in text.lower():
                labels[predicate][attack] += 1
    assert all(counted[0.0] >= 5 and counted[1.0] >= 5 for counted in labels.values())


def test_invented_peoples_are_many_and_not_among_the_known() -> None:
    names = [term["adjective"].lower() for term in invented()]
    assert len(set(names)) > 300
    assert not set(names) & {term["adjective"].lower() for term in all_terms()}


def test_a_row_is_always_on_the_same_side() -> None:
    first, same = (Labelled("a", text, 1.0, 1.0, 1.0) for text in ("Some  TEXT, here!", "some text here"))
    assert first.held_out == same.held_out
    share = np.mean([Labelled("a", f"text {number}", 0.0, 0.0, 1.0).held_out for number in range(4000)])
    assert 0.17 < share < 0.23


def test_the_shipped_weights_know_the_groups_and_none_is_judged_by_its_name() -> None:
    """Control: a word that names no group does change the score."""
    weights = toxic.shipped()
    assert list(weights.words) == group_words()
    frames = ["I talked to the {} at the bus stop.", "{} are dirty liars.", "Why are there so many {} here?"]
    groups = [
        "Muslims",
        "Jews",
        "Mexicans",
        "lesbians",
        "Black people",
        "Asians",
        "Christians",
        "women",
        "teenagers",
    ]
    for frame in frames:
        margins, _ = toxic.weigh(pa.array([frame.format(group) for group in groups]), weights)
        assert len({tuple(row) for row in margins.tolist()}) == 1
        other, _ = toxic.weigh(pa.array([frame.format("printers")]), weights)
        assert tuple(other[0]) != tuple(margins[0])
