"""The parts of the step `records` that need no model: places, decoys, matches, runs, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.core import StudyError
from duecare.curate.surrogate import StandIn
from duecare.memorise import RecordLimits, Records
from duecare.memorise.extraction_runs import Said
from duecare.memorise.records_decoys import decoys
from duecare.memorise.records_match import nearly_says, says, similarity
from duecare.memorise.records_rows import Place, after, drawn, moved

TEXT = "Ask Ann Blum at ann.blum@inbox.org or 415 200 3000, she is in."
HELD = [(4, 12, "PERSON"), (16, 34, "EMAIL"), (38, 50, "PHONE")]


def places(held=HELD):
    return [Place("r:1", "text", start, end, kind) for start, end, kind in held]


def rewritten(text, held, write):
    pieces, done, begins = [], 0, []
    for place in held:
        pieces.append(text[done : place.start])
        begins.append(sum(map(len, pieces)))
        pieces.append(write(place.kind, text[place.start : place.end]))
        done = place.end
    return "".join([*pieces, text[done:]]), begins


WAYS = {
    "tag": lambda kind, value: f"[{kind}]",
    "mask": lambda kind, value: "x" * len(value),
    "surrogate": StandIn(b"k" * 32),
}


@pytest.mark.parametrize("how", WAYS)
def test_a_replaced_place_is_found_again_in_the_text_of_training(how):
    now, begins = rewritten(TEXT, places(), WAYS[how])
    assert after(TEXT, places(), now) == begins


@given(st.lists(st.sampled_from(["a", " ", "x", "[PERSON]", "the "]), min_size=1, max_size=12), st.data())
def test_tags_are_found_between_anything(words, data):
    text = "".join(words)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    held = [
        Place("r", "text", start, end, "PERSON")
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
        if start < end
    ]
    now, _ = rewritten(text, held, WAYS["tag"])
    found = after(text, held, now)
    assert found is not None
    assert len(found) == len(held)


def test_texts_that_do_not_belong_together_are_not_read_as_such():
    assert after(TEXT, places(), "something else") is None


def test_what_was_left_alone_is_found_where_it_stands_now():
    now, _ = rewritten(TEXT, places(), WAYS["tag"])
    kept = Place("r:1", "text", TEXT.index("she"), TEXT.index("she") + 3, "x")
    at = moved(kept, places(), TEXT, now)
    assert now[at.start : at.end] == "she"
    assert moved(Place("r:1", "text", 4, 7, "x"), places(), TEXT, now) is None, "it was replaced"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("PERSON", "Ann Blum"),
        ("EMAIL", "ann.blum7@inbox.org"),
        ("PHONE", "(415) 200-3000"),
        ("IBAN", "DE02 1203"),
    ],
)
def test_decoys_have_the_form_of_the_value_and_never_are_it(kind, value):
    made = decoys(kind, value, 31, np.random.default_rng(0))
    assert len(set(made)) == 31
    assert value not in made
    shape = [sign for sign in value if not sign.isalnum()]
    assert all([sign for sign in each if not sign.isalnum()] == shape for each in made)
    assert [each.isupper() for each in made] == [value.isupper()] * 31


def test_telephone_numbers_keep_their_area_code():
    made = decoys("PHONE", "(415) 200-3000", 10, np.random.default_rng(0))
    assert all(each.startswith("(415) ") for each in made)
    assert not all(
        each.startswith("2003") for each in decoys("PHONE", "2003000", 10, np.random.default_rng(0))
    )


def test_decoys_are_no_surrogates():
    """Control: a model that was taught surrogates likes those better than any name, true or made up."""
    from duecare.detect.invented import stands_for_nobody

    made = decoys("PERSON", "Ann Blum", 100, np.random.default_rng(0))
    assert not [each for each in made if stands_for_nobody("PERSON", each)]


def test_a_value_is_said_however_it_is_spaced_but_as_a_word_of_its_own():
    assert says("call 415-200-3000 now", "(415) 200 3000")
    assert says("ask ANN BLUM", "Ann Blum")
    assert not says("every annual report", "Ann")
    assert not says("call 415-200-3001", "(415) 200 3000")
    assert not says("anything", "--")
    assert nearly_says("write ann.blun@inbox.org", "ann.blum@inbox.org")
    assert not nearly_says("write tom.reed@other.net", "ann.blum@inbox.org")
    assert not nearly_says("ab", "abc"), "too short to be said nearly"
    assert similarity([1, 2, 3, 4], [1, 2, 3, 5]) == 0.75


def longest(said, rows, shown, width):
    """The longest run, by looking at all of them."""
    best = 0
    gone = {tuple(shown[at : at + width]) for at in range(len(shown) - width + 1)}
    for at in range(len(said)):
        for end in range(at + width, len(said) + 1):
            run = said[at:end]
            if tuple(run[:width]) in gone:
                continue
            if any(run == row[place : place + len(run)] for row in rows for place in range(len(row))):
                best = max(best, len(run))
    return best


TOKENS = st.lists(st.integers(0, 2), max_size=14)


@given(st.lists(TOKENS, max_size=4), TOKENS, TOKENS, st.integers(2, 4))
def test_runs_are_those_that_looking_at_all_of_them_finds(rows, said, shown, width):
    runs = Said(width, [said, []], [shown, []])
    runs.look(rows[:2])
    runs.look(rows[2:])
    assert runs.longest == [longest(said, rows, shown, width), 0]


def test_a_run_does_not_go_over_the_end_of_a_row():
    runs = Said(4, [[1, 2, 3, 4, 5, 6]], [[]])
    runs.look([[1, 2, 3], [4, 5, 6]])
    assert runs.longest == [0]


def test_what_is_drawn_depends_on_names_and_seed_alone():
    names = [f"row {number}" for number in range(50)]
    first = drawn(names, names, 10, 0)
    assert first == drawn(list(names), names, 10, 0)
    assert first != drawn(names, names, 10, 1)
    assert [names.index(each) for each in first] == sorted(names.index(each) for each in first)
    assert set(drawn(names[:40], names[:40], 10, 0)) >= set(first) & set(names[:40])


WRONG = {
    "on": {"on": ""},
    "values": {"values": -1},
    "decoys": {"decoys": 0},
    "prefixes": {"prefixes": (8, 8)},
    "tokens": {"tokens": 2},
    "copied": {"tokens": 16, "copied": 20},
    "max_tokens": {"max_tokens": 3},
    "agree": {"agree": 0},
    "alpha": {"alpha": 0.9},
    "batch": {"batch": 0},
    "seed": {"seed": -1},
}


@pytest.mark.parametrize("field", WRONG)
def test_a_setting_that_cannot_be_is_refused_by_name(field):
    with pytest.raises(StudyError, match=rf"memorise\.records\.{field} = "):
        Records(**{"on": "chats"} | WRONG[field])


@pytest.mark.parametrize("most", [0, 1.5, float("nan"), True, "much"])
def test_a_limit_that_is_no_share_is_refused(most):
    with pytest.raises(StudyError, match=r"memorise\.records\.limits\.verbatim"):
        RecordLimits(verbatim=most)
