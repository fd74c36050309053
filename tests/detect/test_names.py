"""Names by the model: the kernel, NumPy and the definition agree; offsets, protection, dial, repetition."""

from __future__ import annotations

# ruff: noqa: E501 - tables of texts are read whole
import random
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from duecare.core import DataError
from duecare.core.errors import DuecareError
from duecare.detect import tagging
from duecare.detect.crf import FORBIDDEN, LABELS, Model, features, pack, shipped, style, unpack
from duecare.detect.kernel import build as building
from duecare.detect.kernel import library
from duecare.detect.names import find_names
from duecare.detect.personal import Personal, find_personal
from duecare.detect.tagging import Tagger
from duecare.detect.tokens import LINE, describe, first_names, kind_of, shipped_lists, tokens

needs_compiler = pytest.mark.skipif(building.compiler() is None, reason="no C compiler is on the PATH")

PIECES = (
    "Ngozi Okafor", "my name is", "Zoë", "I live at 12 Elm Street, Springfield", "\n", " ", "  ", "\t", ",", ".", "'s",
    "😀", "👩‍👩‍👧", "🏳️‍🌈", unicodedata.normalize("NFD", "José Müller"), "שלום דוד", "محمد علي", "김민수", "王伟", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "\u202e", "\ufeff",
    "\x00", "\x1c", "\x85", "12", "1999", "555-0102", "٣٤", "Ⅷ", "ǅ", "ß", "İstanbul", "@anna", "#Anna", "[PERSON]", "e\u0301\u0301", "\U0010ffff",
)  # fmt: skip


def fuzzed(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [
        "".join(chance.choice(PIECES) + chance.choice(("", " ")) for _ in range(chance.randrange(14)))
        for _ in range(count)
    ]


def listed(found) -> list[tuple[int, int, int, str]]:
    return list(
        zip(*(getattr(found, name).tolist() for name in ("text", "start", "end", "label")), strict=True)
    )


@needs_compiler
def test_kernel_and_numpy_give_the_same_places(monkeypatch):
    texts = pa.array([*fuzzed(1500), "", "Anna " * 3000])
    compiled = Tagger().places(texts)
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert listed(Tagger().places(texts)) == listed(compiled)
    assert len(compiled) > 500
    assert len(set(compiled.label)) > 3


@needs_compiler
def test_every_code_point_is_cut_alike(monkeypatch):
    points = [
        point
        for point in range(1, 0x110000)
        if not 0xD800 <= point < 0xE000 and (point < 0x3200 or point % 7 == 0 or 0xFD00 < point < 0x10100)
    ]
    texts = [f"a{chr(point)}b{chr(point)}{chr(point)}1" for point in points]
    tagger = Tagger()
    found = tagger._cut_compiled(library(), pa.array(texts))
    expected = [token for text in texts for token in tokens(text)]
    assert found.start.tolist() == [token.start for token in expected]
    assert found.end.tolist() == [token.end for token in expected]
    assert np.diff(found.first).tolist() == [len(tokens(text)) for text in texts]
    assert found.look.tolist() == [style(text) for text in texts]


@needs_compiler
def test_slices_blocks_and_a_forgotten_cache_change_nothing(monkeypatch):
    texts = fuzzed(400, seed=2)
    whole = listed(Tagger().places(pa.array(texts)))
    monkeypatch.setattr("duecare.detect.tagging._BLOCK", 500)
    monkeypatch.setattr("duecare.detect.tagging._MOST_KINDS", 20)
    assert listed(Tagger().places(pa.array(["Anna", *texts, "Bob"]).slice(1, len(texts)))) == whole
    assert Tagger().places(pa.array([], pa.string())).text.tolist() == []


def test_threads_that_share_a_tagger_do_not_disturb_each_other(monkeypatch):
    monkeypatch.setattr("duecare.detect.tagging._MOST_KINDS", 50)
    parts = [pa.array(fuzzed(150, seed=seed)) for seed in range(6)]
    alone = [listed(Tagger().places(part)) for part in parts]
    shared = Tagger()
    with ThreadPoolExecutor(6) as pool:
        assert [listed(found) for found in pool.map(shared.places, parts)] == alone


def best_by_definition(model: Model, text: str) -> list[str]:
    """The labels with the largest sum of the weights of `features` and of the steps, by plain search."""
    found, lists = tokens(text), shipped_lists()
    row = {name: number for number, name in enumerate(model.names)}
    open_ = np.array([FORBIDDEN if label.startswith("I-") else 0 for label in LABELS])
    reached, came = None, []
    for names in features(text, found, lists):
        score = model.weight[[row[name] for name in names if name in row]].sum(axis=0)
        if reached is None:
            reached = score + open_
            continue
        paths = reached[:, None] + model.step
        came.append(paths.argmax(axis=0))
        reached = paths.max(axis=0) + score
    path = [int(reached.argmax())] if reached is not None else []
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return [LABELS[number] for number in reversed(path)]


def test_the_tagger_finds_what_the_definition_says():
    tagger = Tagger()
    for text in fuzzed(120, seed=3):
        assert tagger.label(text) == best_by_definition(shipped(), text)


def test_without_weights_nothing_is_found():
    """Control: what is found is found by the weights."""
    model = shipped()
    empty = Model(model.names, np.zeros_like(model.weight), np.zeros_like(model.step))
    text = pa.array(["My name is Ngozi Okafor and I live in Lagos."])
    assert len(Tagger(model).places(text)) >= 2
    assert len(Tagger(empty).places(text)) == 0


def test_a_model_comes_back_as_it_was_packed_and_a_broken_one_is_refused(tmp_path):
    weights = {("0w=anna", "B-PERSON"): 1.5, ("0w=anna", "O"): -0.25, ("<Xx x", "O"): 0.5}
    model = Model.of_weights(weights, {("B-PERSON", "I-PERSON"): 1.0, ("O", "I-PERSON"): 9.0})
    pack(tmp_path / "one.npz", model)
    pack(tmp_path / "two.npz", model)
    again = unpack((tmp_path / "one.npz").read_bytes())
    assert (again.names, again.weight.tolist(), again.step.tolist()) == (
        model.names,
        model.weight.tolist(),
        model.step.tolist(),
    )
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert model.step[LABELS.index("O"), LABELS.index("I-PERSON")] == FORBIDDEN
    pack(tmp_path / "bad.npz", Model(model.names, model.weight, model.step[1:]))
    with pytest.raises(DataError, match=r"names model has 2 names, 2 rows and steps \(15, 16\)"):
        unpack((tmp_path / "bad.npz").read_bytes())


@pytest.mark.parametrize(
    "before",
    ["", "😀👩‍👩‍👧 ", unicodedata.normalize("NFD", "café é "), "שלום עליכם ", "𝔘𝔫𝔦 ", "\u202e\ufeff "],
)
def test_offsets_count_code_points_of_the_original(before):
    text = f"{before}My name is Ngozi Okafor."
    assert "Ngozi Okafor" in [text[span.start : span.end] for span in find_names(text)]


def test_half_a_surrogate_pair_is_no_obstacle():
    text = "\ud83d My name is Ngozi Okafor."
    assert [text[span.start : span.end] for span in find_names(text)] == ["Ngozi Okafor"]


@pytest.mark.parametrize("word", ["Muslim", "Gay", "Black", "Trans"])
def test_words_for_groups_are_never_a_person(word):
    for text in (
        f"{word} said hello.",
        f"Dear {word},",
        f"I am {word}.",
        f"My name is {word}.",
        f"Regards,\n{word}",
    ):
        assert not [
            span
            for span in find_names(text, dial=3.0)
            if span.label == "PERSON" and text[span.start : span.end] == word
        ]


def test_the_dial_finds_more():
    texts = fuzzed(300, seed=4)
    found = [
        sum(span.end - span.start for text in texts for span in find_names(text, ("PERSON",), dial))
        for dial in (-4.0, 0.0, 3.0)
    ]
    assert found[0] < found[1] < found[2]


def redacted(text: str) -> str:
    for span in reversed(find_personal(text)):
        text = f"{text[: span.start]}[{span.label}]{text[span.end :]}"
    return text


def test_redaction_twice_changes_nothing():
    texts = [
        *fuzzed(200, seed=5),
        "Dear Ms Okafor, Ngozi Eze and Wei Zhang met at 12 Elm Street, Springfield. Regards, Ana",
    ]
    once = [redacted(text) for text in texts]
    assert once != texts
    assert [redacted(text) for text in once] == once
    assert find_personal("[PERSON_2] met [PERSON] and <NAME> at [ADDRESS].") == []


def test_labels_are_chosen_and_a_strange_one_is_refused():
    text = "Ngozi Okafor works for Siemens in Berlin."
    assert {span.label for span in find_personal(text)} == {"PERSON"}
    asked = Personal(labels=("LOCATION", "ORGANIZATION")).find(text)
    assert [(span.label, text[span.start : span.end]) for span in asked] == [
        ("ORGANIZATION", "Siemens"),
        ("LOCATION", "Berlin"),
    ]
    with pytest.raises(DuecareError, match=r"labels: PERSONS; known are EMAIL, .*PERSON"):
        Personal(labels=("PERSONS",))


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("31", "31"),
        ("2024", "20##"),
        ("1984", "19##"),
        ("1784", "####"),
        ("5551234567", "#########"),
        ("Anna", "Anna"),
    ],
)
def test_digits_count_by_their_number(token, kind):
    assert kind_of(token) == kind


def test_a_listed_name_says_so_until_it_is_taken_off_the_list():
    lists = shipped_lists()
    assert "g=F" in describe("Mary", lists).own
    assert "g=F" not in describe("Mary", lists.without(frozenset({"mary"}))).own
    assert describe(LINE, lists).group == "LINE"


def test_form_and_ending_speak_where_no_list_does():
    lists = shipped_lists()
    assert {"t=ngo", "t=goz", "t=ozi"} <= set(describe("Ngozi", lists).own)
    assert "v=ed" in describe("halted", lists).near
    assert not [name for name in describe("halted", lists).own if name.startswith("t=")]
    assert not [name for name in describe("Halted", lists).near if name.startswith("v=")]


@pytest.mark.parametrize("letters", ["Usm", "Ana", "JAV"])
def test_a_word_without_end_does_not_outweigh_what_stands_around_it(letters, monkeypatch):
    """The kernel adds in 32 bits, NumPy in 64: with a weight for each of its letters they would part."""
    word = letters * 700_000 if letters.isupper() else letters + letters.lower() * 700_000
    texts = pa.array([f"{word} said so to Anna Miller", f"I met {word} with Anna Miller in Leeds."])
    own = Tagger()._kinds
    assert np.abs(own.own[own.id_of(word)]).max() < 1 << 16
    found = listed(Tagger().places(texts))
    assert (texts[0].as_py().index("Anna"), "PERSON") in {(start, label) for _, start, _, label in found}
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert listed(Tagger().places(texts)) == found


UNLISTED = ("Zelmira", "Tavonteo", "Ikwuoma", "Jaskirata", "Thuyenna", "Orsolyka", "Marquisha", "Xochilda")
"""Made up in the manner of many languages; on no list."""


def test_a_name_on_no_list_is_found_by_its_form_and_its_place():
    told = (
        "We waited an hour before {} turned up with the tickets.",
        "I borrowed the ladder from {} and forgot to return it.",
        "Last winter {} repaired the roof without any help.",
        "My sister went swimming with {} on the first warm day.",
    )
    known = first_names()
    assert not [name for name in UNLISTED if name.lower() in known]

    def found(words: tuple[str, ...]) -> int:
        texts = [(said.format(word), word) for said in told for word in words]
        return sum(
            word in text[span.start : span.end]
            for text, word in texts
            for span in find_names(text, ("PERSON",))
        )

    things = ("Router", "Parcels", "Invoice", "Battery", "Kitchen", "Cheddar", "Monday", "Insurance")
    assert found(UNLISTED) >= 24  # of 32
    assert found(things) <= 8  # control: a capital letter in the same places is not enough


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["A", "Aa ", "a1", "1 ", "\n", "😀", "Mr "])
def test_time_grows_with_the_length_only(piece):
    find_personal((piece * 100_000)[:100_000])


@needs_compiler
def test_any_labels_become_the_same_places():
    """Also such as no model gives: what is inside without a beginning, at the start of a text, one after another."""
    draw = np.random.default_rng(6)
    count = draw.integers(0, 12, 400)
    first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    labels = draw.integers(0, len(LABELS), first[-1]).astype(np.uint8)
    labels[draw.random(len(labels)) < 0.3] = 0
    start = (np.arange(len(labels)) * 5).astype(np.int32)
    cut = tagging.Tokenised(first, np.zeros(400, np.uint8), start, start + 3, np.zeros(len(labels), np.int32))
    plain, compiled = tagging._gathered(cut, labels, 7), tagging._gathered_compiled(library(), cut, labels, 7)
    assert listed(compiled) == listed(plain)
    assert len(plain) > 500
    other = tagging._gathered_compiled(library(), cut, labels[::-1].copy(), 7)
    assert listed(other) != listed(plain)  # control


@needs_compiler
def test_ten_megabytes_in_one_cell_hold_what_a_little_of_it_holds():
    piece = "Hello 😀, my name is Anna Le\u0301vy and שלום to John Smith in Leeds.\n"
    few, many = 8, 10_000_000 // len(piece.encode())

    def of_inner(times: int) -> set[tuple[int, int, str]]:
        found = listed(Tagger().places(pa.array([piece * times])))
        inner = [each for each in found if 2 <= each[1] // len(piece) < times - 2]
        places = {(start % len(piece), end - start, label) for _, start, end, label in inner}
        assert len(inner) == (times - 4) * len(places)
        return places

    assert of_inner(many) == of_inner(few)
    assert "PERSON" in {label for *_, label in of_inner(few)}


@needs_compiler
@pytest.mark.parametrize("most", [1, 3000])
def test_of_equal_scores_both_ways_take_the_first_label(most, monkeypatch):
    """A model of few different weights, where ties are many, and one of weights as large as they can be."""
    draw, names = np.random.default_rng(most), shipped().names
    weight = draw.integers(-most, most + 1, (len(names), len(LABELS))).astype(np.int32)
    step = draw.integers(-most, most + 1, (len(LABELS), len(LABELS))).astype(np.int32)
    step[draw.random(step.shape) < 0.2] = FORBIDDEN
    step[0] = np.maximum(step[0], -most)  # from the first label all can be reached
    model, texts = Model(names, weight, step), pa.array(fuzzed(300, seed=8))
    compiled = listed(Tagger(model).places(texts))
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert listed(Tagger(model).places(texts)) == compiled
    assert len(compiled) > 500
