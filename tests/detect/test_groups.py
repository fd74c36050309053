"""The list of names of groups: what it holds, what is held back from training, what is found and left."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from duecare.detect import toxic
from duecare.detect.groups import GroupNames, Listed, group_names, misspelt, parts
from duecare.detect.ngrams import PEOPLE_WORDS

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts")]

from functional.apart import unseen_words  # noqa: E402 - the path is set above
from toxicity_groups import group_words  # noqa: E402 - likewise


@pytest.fixture(scope="module")
def listed() -> Listed:
    return Listed(group_names(), PEOPLE_WORDS)


def named(listed: Listed, text: str) -> list[str]:
    words = listed.meant([word.lower() for word in parts(text)])
    return [
        " ".join(words[place : place + size])
        for place, size in enumerate(listed.lengths(words))
        if size and words[place] not in PEOPLE_WORDS
    ]


def test_what_is_held_are_the_names_the_functional_test_keeps_unseen_and_others() -> None:
    """Control: the whole list does hold them."""
    whole, taught, unseen = group_names(), group_names(held=False), unseen_words()
    assert not unseen & (taught.words | set(group_words()))
    assert len(unseen & whole.words) > 0.9 * len(unseen)
    assert len(whole.words - taught.words - unseen) > 50
    assert len(whole.words) > 1400


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A Bolivian and two Estonians", ["bolivian", "estonians"]),
        ("Seventh-day Adventists sing", ["seventh day adventists", "adventists"]),
        ("Jehovah's Witnesses came", ["jehovah s witnesses"]),
        ("three wheelchair users", ["wheelchair users"]),
        ("some Nigreians and Nigrians", ["nigerians", "nigerians"]),
        ("The parcel came on Monday", []),
        ("You moron, the morons at the desk", []),
    ],
)
def test_names_are_found_whole_and_misspelt(listed: Listed, text: str, names: list[str]) -> None:
    assert named(listed, text) == names


def test_people_with_a_condition_are_named_by_it(listed: Listed) -> None:
    """Control: people with other things are not."""
    words = listed.meant(list(parts("people who live with epilepsy")))
    assert listed.lengths(words)[0] == 5
    assert listed.lengths(["people", "with", "tickets"])[0] == 0
    assert listed.lengths(["people", "epilepsy"])[0] == 0


def test_a_slip_is_a_missing_letter_or_two_that_changed_places() -> None:
    assert set(misspelt("abcd")) == {"acd", "abd", "acbd"}
    short = Listed(GroupNames(frozenset({"irish", "bolivian"}), frozenset(), frozenset()))
    assert short.meant(["irsh", "bolvian"]) == ["irsh", "bolivian"]


def test_to_the_fast_tier_all_names_of_the_list_are_one_word() -> None:
    """Misspelt ones too. Controls: a detector without the list tells them apart, and a thing is no name."""
    weights = toxic.shipped()
    bare = toxic.knowing(weights, GroupNames(frozenset(), frozenset(), frozenset()))
    texts = pa.array(
        [f"Those {name} are dirty liars." for name in ("Muslims", "Uzbeks", "Estonians", "Estnoians")]
    )
    known, unknown = toxic.weigh(texts, weights)[0], toxic.weigh(texts, bare)[0]
    assert len({tuple(row) for row in known.tolist()}) == 1
    assert len({tuple(row) for row in unknown.tolist()}) == 4
    other, _ = toxic.weigh(pa.array(["Those printers are dirty liars."]), weights)
    assert tuple(other[0]) != tuple(known[0])
