"""Names of groups are read as one wording, known or not; words spelt to hide are brought back."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from duecare.detect import group_reading, minilm, toxic, toxic_minilm
from duecare.detect.groups import GroupNames
from duecare.detect.respelling import Respelling

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))
from toxicity_functions import HARMLESS, HOSTILE, functional_sentences
from toxicity_grammar import invented
from toxicity_spelling import misspelt
from toxicity_templates import all_terms

pytestmark = pytest.mark.minilm
VOCABULARY = {"[UNK]": 0, "the": 1, "all": 2, "out": 3, "they": 4, "should": 5, "thrown": 6, "be": 7, "a": 8}


@pytest.fixture(scope="module")
def reading() -> group_reading.GroupReading:
    return group_reading.GroupReading(minilm.shipped_encoder(), toxic.shipped().words)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Muslims and Jews met.", "minority and minority met."),
        ("An Egyptian man and a gay couple", "A minority and a minority couple"),
        ("Black women, Asian people", "minority, minority"),
        ("People with autism live here.", "minority live here."),
        ("A Jehovah's Witness rang, not anti-Muslim.", "A minority rang, not anti-minority."),
        ("AN UZBEK and some Nigreian peolpe", "A minority and some minority"),
    ],
)
def test_known_names_are_one_wording(reading: group_reading.GroupReading, text: str, read: str) -> None:
    assert reading.read(text)[0] == read


def test_a_name_before_a_full_stop_is_read_as_one_whatever_follows(
    reading: group_reading.GroupReading,
) -> None:
    """ "American Indians" and "Mexican Americans" are names too, but not over the end of a sentence."""
    assert reading.read("I like every American. Indians came.")[0] == "I like every minority. minority came."
    assert reading.read("Every American Indian came.")[0] == "Every minority came."


def test_most_unknown_names_are_found_and_few_other_words(reading: group_reading.GroupReading) -> None:
    """Names of invented peoples that training had no sight of; the controls are words that must stay."""
    made = [
        *("Zamborian", "Quistolese", "Fennelish", "Mabarite", "Dolvarian", "Trunnese", "Vostari", "Ilmerite")
    ]
    found = [reading.read(f"All {name} people are liars.")[0] == "All minority are liars." for name in made]
    assert np.mean(found) > 0.7
    assert not {name.lower() for name in made} & {term["adjective"].lower() for term in invented()}
    kept = "Those dirty idiots, rats and thieves stole my bicycle on Monday, said the plumber."
    assert reading.read(kept) == (kept, 0)


def test_a_name_that_is_found_cannot_decide() -> None:
    """The same sentence about eight groups has one score; about things it has another."""
    detector = toxic_minilm.TwoTierToxicity()
    names = (
        "Muslims",
        "Jews",
        "gay people",
        "Mexicans",
        "Black women",
        "Norwegians",
        "immigrants",
        "the blind",
    )
    frames = ("I would not hire {}.", "{} sang at our wedding.")
    for frame in frames:
        scores, _ = detector.heads(
            pa.array([frame.format(name).replace("the blind", "blind people") for name in names])
        )
        assert len({tuple(row) for row in scores.tolist()}) == 1
        other, _ = detector.heads(pa.array([frame.format("lawnmowers")]))
        assert tuple(other[0]) != tuple(scores[0])


def test_a_text_that_names_a_group_is_always_asked_about() -> None:
    reader = toxic_minilm.Reader(minilm.shipped_encoder(), toxic.shipped())
    read = reader(["The Hindus next door waved.", "The parcel came on Monday.", ""])
    margins = read.fast.max(axis=1)
    assert read.asked.tolist() == [True, toxic_minilm.BAND[0] < margins[1], False]


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("theyshouldallbethrownout", "they should all be thrown out"),
        ("t h e y are out", "they are out"),
        ("th3y sh0uld", "they should"),
        ("On 10 May 2024, b2b", "On 10 May 2024, b2b"),
        ("be out", "be out"),
        ("İthrownoutallthey", "İ thrown out all they"),
        ("ALLLL are ouuuut", "ALL are out"),
    ],
)
def test_spelling_is_brought_back(text: str, spelt: str) -> None:
    assert Respelling(VOCABULARY)(text) == spelt


def test_names_are_words_that_spelling_is_brought_back_to() -> None:
    """Controls: without the names nothing is changed, and a long word that cannot be cut stays whole."""
    knowing = Respelling(VOCABULARY, ["jew", "uzbeks", "immunocompromised"])
    assert knowing("the j e w and all uzb3k5 out") == "the jew and all uzbeks out"
    assert knowing("alltheuzbeksout") == "all the uzbeks out"
    assert knowing("immunocompromised") == "immunocompromised"
    bare = Respelling(VOCABULARY)
    assert bare("the j e w and all uzb3k5 out") == "the j e w and all uzbek5 out"
    assert bare("0rder 1mm") == "0rder 1mm"


def test_the_list_decides_what_a_held_name_is_read_as() -> None:
    """With the list wheelchair users are one of many groups, without it words like others."""
    encoder, known = minilm.shipped_encoder(), toxic.shipped().words
    bare = group_reading.GroupReading(encoder, known, names=GroupNames(*[frozenset()] * 3))
    whole = group_reading.GroupReading(encoder, known)
    assert whole.read("two wheelchair users met") == ("two minority met", 1)
    assert bare.read("two wheelchair users met")[1] == 0
    assert bare.read("Muslims met") == whole.read("Muslims met") == ("minority met", 1)


def test_every_function_is_there_with_both_labels_and_misspelt() -> None:
    rows = list(functional_sentences(all_terms()))
    assert len({text for _, text, *_ in rows}) > 4000
    labels = {label for _, _, label, _ in rows}
    assert labels == {0.0, 1.0}
    assert len(HOSTILE) >= 15
    assert len(HARMLESS) >= 12
    assert len({misspelt("Plain words are here", str(turn)) for turn in range(40)}) >= 8


def test_what_is_trained_is_what_runs() -> None:
    """The upper layers in JAX and in NumPy agree with changes; without them they differ (control)."""
    adapt = pytest.importorskip("toxicity_adapt")
    encoder, chance = minilm.shipped_encoder(), np.random.default_rng(0)
    texts = ["one short sentence", "another text with some more words in it"]
    values = adapt.start(10, encoder)
    for name, up in values["up"].items():
        values["up"][name] = chance.normal(0, 0.05, up.shape).astype(np.float32)
    hidden, means = adapt.lower(encoder, texts)
    zeros = np.zeros((2, 2), np.float32)
    batch = adapt._filled(np.array([0, 1]), adapt.Rows(hidden, means, zeros, zeros, zeros))
    weights = {name: encoder.turned[name] for name in adapt.changed()} | encoder.weights
    upper = np.asarray(adapt.upper(values, weights, batch["hidden"], batch["there"]))[:2]
    changes = {name: (values["down"][name], values["up"][name]) for name in adapt.changed()}
    whole = encoder.adapted(changes).means(texts)
    assert np.abs(np.concatenate((means, upper), axis=1) - whole).max() < 5e-3
    assert np.abs(encoder.means(texts) - whole).max() > 0.1
