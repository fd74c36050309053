"""Near duplicates: planted pairs are found, whatever goes is similar to what stays, and nothing else goes."""

from __future__ import annotations

import csv
import random
import tracemalloc
from contextlib import ExitStack

import numpy as np
import pyarrow as pa
import pytest

from duecare.core import StudyError
from duecare.detect import lsh
from duecare.detect.lsh import CHARS, SHORT, WORDS, NearRows
from duecare.detect.overlap import Banding, jaccard, passages_of, shingle_sets

WORD = [
    f"{first}{middle}{last}" for first in "bdfgkl" for middle in "aeiou" for last in ("n", "rs", "t", "mp")
]


def text(chance, low, high):
    return " ".join(chance.choices(WORD, k=chance.randint(low, high)))


def edited(chance, said, edits):
    """So many words replaced, left out or put in."""
    words = said.split()
    for _ in range(edits):
        place = chance.randrange(len(words))
        gone, come = chance.choice([(1, 1), (1, 0), (0, 1)])
        words[place : place + gone] = chance.choices(WORD, k=come)
    return " ".join(words)


@pytest.fixture
def found(tmp_path):
    """Makes NearRows of texts, with all candidates added; their files are gone after the test."""
    with ExitStack() as opened:

        def make(texts, similarity=0.8, batch=1000):
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            near = opened.enter_context(NearRows(len(texts), similarity, folder))
            for first in range(0, len(texts), batch):
                here = texts[first : first + batch]
                near.add(passages_of(pa.array(here)))
            places = np.flatnonzero(near.candidates())
            for some in np.array_split(places, max(1, len(places) // 50)):
                near.add_candidates(some, passages_of(pa.array([texts[at] for at in some], pa.string())))
            assert not list(folder.iterdir())  # a killed run leaves nothing that could be read
            return near

        yield make


def true_similarity(texts, one, other):
    """By the definition: of characters where both are short, else of words."""
    made = passages_of(pa.array(texts))
    of_words, of_chars = (jaccard(*shingle_sets(made, shape), one, other) for shape in (WORDS, CHARS))
    words = np.array([len(each.split()) for each in texts])
    short = np.maximum(words[one], words[other]) - 4 < SHORT
    return np.where(short, of_chars, of_words)


def planted(low, high, edits, seed=0, pairs=1500):
    chance = random.Random(seed)
    originals = [text(chance, low, high) for _ in range(pairs)]
    return originals + [edited(chance, said, edits) for said in originals]


@pytest.mark.parametrize(
    ("low", "high", "edits"), [(10, 30, 1), (10, 30, 2), (50, 75, 1), (85, 200, 1), (85, 200, 3)]
)
@pytest.mark.parametrize("similarity", [0.6, 0.8, 0.9])
def test_planted_pairs_at_the_similarity_are_found_and_no_others(low, high, edits, similarity, found):
    texts = planted(low, high, edits)
    half = len(texts) // 2
    one, other = np.arange(half), np.arange(half) + half
    true = true_similarity(texts, one, other) >= similarity
    label = found(texts, similarity).clusters()
    together = label[one] == label[other]
    if true.sum() > 50:
        assert together[true].mean() >= 0.99  # what the banding promises for pairs just there
    assert not together[~true].any()


# What a user sees: share of rows with so many changed words that are found at similarity 0.8.
SEEN = [(10, 30, 1, 0.92), (10, 30, 2, 0.6), (85, 200, 1, 0.99), (85, 200, 2, 0.95), (85, 200, 3, 0.6)]


@pytest.mark.parametrize(("low", "high", "edits", "floor"), SEEN)
def test_edited_rows_are_found_at_the_usual_similarity(low, high, edits, floor, found):
    texts = planted(low, high, edits, seed=1)
    half = len(texts) // 2
    label = found(texts).clusters()
    assert (label[:half] == label[half:]).mean() >= floor


def test_the_control_a_banding_that_is_too_strict_misses_pairs(found, monkeypatch):
    monkeypatch.setattr(lsh.Banding, "at", lambda similarity: Banding(2, 64))
    texts = planted(85, 200, 3)
    half = len(texts) // 2
    true = true_similarity(texts, np.arange(half), np.arange(half) + half) >= 0.6
    label = found(texts, 0.6).clusters()
    assert (label[:half] == label[half:])[true].mean() < 0.2


def families(seed, count=60):
    """Rows that drift away from their beginning, among strangers; short, at the border, and long."""
    chance = random.Random(seed)
    texts = []
    for _ in range(count):
        said = text(chance, *chance.choice([(8, 20), (55, 72), (90, 120)]))
        for _ in range(chance.choice([1, 1, 2, 5, 30])):
            texts.append(said)
            said = edited(chance, said, chance.choice([0, 1, 1, 2]))
    chance.shuffle(texts)
    return texts


@pytest.mark.parametrize("seed", range(4))
def test_every_row_that_goes_is_similar_to_one_that_stays_and_comes_first(seed, found):
    texts = families(seed)
    near = found(texts)
    kept, label = near.kept(), near.clusters()
    rows = np.arange(len(texts))
    gone = np.flatnonzero(kept.keeper != rows)
    assert len(gone) > 50
    assert (kept.keeper[kept.keeper] == kept.keeper).all()
    assert (kept.keeper <= rows).all()
    assert (label[kept.keeper] == label).all()
    true = true_similarity(texts, kept.keeper[gone], gone)
    assert (true >= 0.8).all()
    assert kept.similarity[gone].tolist() == true.tolist()
    assert (kept.similarity[kept.keeper == rows] == 1).all()


@pytest.mark.parametrize(("low", "high"), [(12, 20), (90, 120)])
def test_a_crowd_around_one_row_is_one_cluster(low, high, found):
    chance = random.Random(3)
    said, other = text(chance, low, high), text(chance, low, high)
    crowd = [said, other, *(edited(chance, said, 1) for _ in range(300))]
    texts = [*crowd, *(text(chance, low, high) for _ in range(300))]
    near = found(texts)
    true = true_similarity(texts, np.zeros(300, np.int64), np.arange(2, 302)) >= 0.8
    assert true.sum() > 200
    assert (near.clusters()[2:302][true] == 0).all()
    assert (near.kept().keeper[2:302][true] == 0).all()
    assert (near.clusters()[[1, *range(302, 602)]] == [1, *range(302, 602)]).all()


@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_those_of_comparing_every_pair(seed, found):
    texts = families(seed)
    one, other = (each.astype(np.int64) for each in np.triu_indices(len(texts), 1))
    near = true_similarity(texts, one, other) >= 0.8
    label = list(range(len(texts)))
    for a, b in zip(one[near].tolist(), other[near].tolist(), strict=True):
        low, high = sorted((label[a], label[b]))
        label = [low if each == high else each for each in label]
    seen = found(texts).clusters()
    pairs = np.equal.outer(label, label)[one, other], np.equal.outer(seen, seen)[one, other]
    assert not (pairs[1] & ~pairs[0]).any()
    assert pairs[1].sum() >= 0.97 * pairs[0].sum()


@pytest.mark.parametrize("kernel", ["", "off"])
def test_neither_batches_nor_the_library_change_what_is_found(kernel, found, monkeypatch):
    texts = families(9, 25)
    first = found(texts).kept()
    monkeypatch.setenv("DUECARE_KERNEL", kernel)
    again = found(texts, batch=7).kept()
    assert again.keeper.tobytes() == first.keeper.tobytes()
    assert again.similarity.tobytes() == first.similarity.tobytes()


def test_no_rows_and_rows_without_words(found):
    assert found([]).clusters().tolist() == []
    assert found(["", "?", "!"]).clusters().tolist() == [0, 1, 2]


def test_keys_sorted_in_parts_and_pairs_in_turns_give_the_same_rows(found, monkeypatch):
    chance = random.Random(4)
    texts = [text(chance, 20, 120) for _ in range(300)]
    texts += [" ".join(each.split()[: chance.randint(18, 200)]) for each in texts * 2]
    whole = found(texts)
    monkeypatch.setattr(lsh, "SORTED", 64)
    monkeypatch.setattr(lsh, "COMPARED", 7)
    again = found(texts)
    assert len(set(whole.clusters().tolist())) < len(texts) - 100
    assert again.clusters().tolist() == whole.clusters().tolist()
    assert again.kept().keeper.tolist() == whole.kept().keeper.tolist()
    assert again.kept().similarity.tobytes() == whole.kept().similarity.tobytes()


@pytest.mark.parametrize(("keys", "least"), [(1 << 20, 80), (4_000, 30)])
def test_memory_is_a_few_numbers_a_row(tmp_path, monkeypatch, keys, least):
    """The band keys of both spaces alone would be 336 bytes a row; the texts more."""
    monkeypatch.setattr(lsh, "SORTED", keys)

    def peak(rows):
        chance = random.Random(0)
        tracemalloc.start()
        with NearRows(rows, 0.8, tmp_path) as near:
            for _ in range(rows // 500):
                made = passages_of(pa.array([text(chance, 55, 70) for _ in range(500)]))
                near.add(made)
            near.candidates()
            most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert (peak(40_000) - peak(10_000)) / 30_000 < least


def test_rows_that_are_not_wanted_are_near_to_none(tmp_path):
    said = [text(random.Random(5), 100, 100)] * 3 + ["a short row of few words"] * 3

    def labels(*wanted):
        with NearRows(len(said), 0.8, tmp_path) as near:
            near.add(passages_of(pa.array(said)))
            near.only(np.array(wanted))
            places = np.flatnonzero(near.candidates())
            near.add_candidates(places, passages_of(pa.array([said[at] for at in places], pa.string())))
            return near.clusters().tolist()

    assert labels(True, True, True, True, True, True) == [0, 0, 0, 3, 3, 3]  # control
    assert labels(True, False, True, False, True, True) == [0, 1, 0, 3, 4, 4]


def test_a_similarity_out_of_range_is_refused(tmp_path):
    for wrong in (0, 1, 1.5):
        with pytest.raises(StudyError, match="similarity"):
            NearRows(1, wrong, tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "column", "low", "high"),
    [("banking77/train.csv", "text", 10, 30), ("cfpb-complaints/cfpb_narratives.csv", None, 85, 400)],
)
def test_planted_pairs_are_found_among_texts_that_people_wrote(file, column, low, high, data_folder, found):
    with (data_folder / file).open(encoding="utf-8", newline="") as stream:
        texts = [row[column] if column else max(row.values(), key=len) for row in csv.DictReader(stream)]
    texts = [each for each in dict.fromkeys(texts) if low <= len(each.split()) <= high][:1500]
    assert len(texts) > 300
    chance = random.Random(6)
    both = texts + [edited(chance, each, 1) for each in texts]
    one, other = np.arange(len(texts)), np.arange(len(texts)) + len(texts)
    shape = WORDS if low > 64 else CHARS
    true = jaccard(*shingle_sets(passages_of(pa.array(both)), shape), one, other)
    label = found(both).clusters()
    assert (label[one] == label[other])[true >= 0.8].mean() >= 0.99
    assert (true >= 0.8).mean() > 0.7
