"""What the model of names is taught: real sentences with names where a pronoun stood, and our own grammar."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))

from names_groups import OWN_CARRIERS, carriers, drawn_recall
from names_made import PLACES, Maker, lists
from names_swapped import renamed, swapped, things_swapped
from names_text import Marked, sentences, texts, written

TALK = [
    "I told him that she would call my sister about the refund.",
    "Does it work for her or is his laptop too old?",
    "Nothing else is known about the weather.",
]


@pytest.fixture
def make() -> Maker:
    own = lists() | {"everyday": ["road", "green", "paid"], "both": ["hope", "mark"]}
    return Maker(3, ["Ngozi", "Wei", "Ana"], ["Okafor", "Zhang"], own)


def marked(rows: list[Marked], label: str) -> list[str]:
    return [row.text[start:end] for row in rows for start, end, found in row.places if found == label]


def test_names_stand_where_people_stood_and_are_marked(make):
    rows = swapped(TALK, make, 300)
    named = marked(rows, "PERSON")
    assert len(named) >= 290  # a few are titles with a name in another script, or text taken out
    assert all(row.places == sorted(row.places) for row in rows)
    assert not any("Nothing else" in row.text for row in rows)  # nobody can stand there
    bare = [re.sub(re.escape(name), "_", row.text) for row in rows for name in marked([row], "PERSON")]
    assert any("_'s laptop" in text for text in bare)
    assert any("I told _ that" in text for text in bare)
    assert all("_'s or" not in text for text in bare)  # "for her or" is no possession


def test_things_stand_where_things_stood_and_are_nobody(make):
    rows = things_swapped(TALK, make, 100)
    assert marked(rows, "PERSON") == []
    assert {row.text for row in rows}.isdisjoint(TALK)


def test_other_names_take_the_place_of_those_that_were_there(make):
    row = Marked("met John Smith in Leeds", [(4, 14, "PERSON"), (18, 23, "LOCATION")])
    (made,) = renamed([row, Marked("nobody", [])], make)
    assert marked([made], "LOCATION") == ["Leeds"]
    (name,) = marked([made], "PERSON")
    assert name != "John Smith"
    assert made.text == f"met {name} in Leeds"


def test_every_template_can_be_written_and_makes_none_of_the_sentences_of_the_measure(make):
    # "{DATE}" in a text is what others took out, not a place that was left.
    assert PLACES.keys().isdisjoint(label for label, _ in PLACES.values())
    for template in dict.fromkeys(sentences()):
        row = written(template, make)
        assert PLACES.keys().isdisjoint(re.findall(r"\{(\w+)\}", row.text)), template
        assert not re.search("[{}]", re.sub(r"\{[A-Z0-9]+\}", "", template)), template
        assert all(0 <= start < end <= len(row.text) for start, end, _ in row.places)
    ends = {sentence.split("{}")[-1].strip(" .?!") for sentence in (*carriers(), *OWN_CARRIERS)}
    long_ends = {end.lower() for end in ends if len(end.split()) > 3}
    said = "\n".join(sentences()).lower()
    assert len(long_ends) >= 10
    assert not [end for end in long_ends if end in said]


def test_the_same_seed_makes_the_same_text():
    own = lists() | {"everyday": ["road"], "both": ["hope"]}
    one, again, other = (
        texts(40, Maker(seed, ["Ngozi"], ["Okafor"], own))
        + swapped(TALK, Maker(seed, ["Wei"], ["Zhang"], own), 20)
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other  # control


def test_sixty_sentences_have_one_place_each_and_recall_is_drawn_over_names_and_sentences():
    import numpy as np

    assert len(carriers()) == 60
    assert {sentence.count("{}") for sentence in carriers()} == {1}
    hit = np.zeros((50, 60), bool)
    hit[:, :30] = True
    drawn = drawn_recall({"half": hit, "all": np.ones((40, 60), bool)})
    assert drawn["all"].tolist() == pytest.approx([1.0] * len(drawn["all"]))
    assert abs(drawn["half"].mean() - 0.5) < 0.02
    assert drawn["half"].std() > 0.03  # sentences are drawn too: names alone would leave no spread
