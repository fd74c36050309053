from __future__ import annotations

import random

import pyarrow.parquet as pq
import pytest
from msgspec import structs
from scipy.stats import binom
from sources_on_disk import made_artifact, unheard

from duecare.core import DataError, Example, Note, StudyError
from duecare.core.example import Field
from duecare.core.table import EXAMPLES, examples, expect
from duecare.curate.split import Split
from duecare.curate.stereotype import Stereotypes


def rows(texts, key="k"):
    return [
        Example(row=f"data:{place}", key=f"{key}{place}", source="data", kind="text", text=said)
        for place, said in enumerate(texts)
    ]


def sides(texts, folder, key="k", **settings):
    inputs = made_artifact(rows(texts, key), folder / "in")
    (folder / "out").mkdir(exist_ok=True)
    outcome = Split(**settings).run(inputs, folder / "out", unheard)
    found = {}
    for stem in ("train", "held_out"):
        table = pq.read_table(folder / "out" / f"{stem}.parquet")
        expect(table, EXAMPLES, stem)
        found[stem] = table.column("text").to_pylist()
    counts = {each.metric: each.value for each in outcome.estimates}
    assert counts == {f"curate.split.{stem}": len(said) for stem, said in found.items()}
    assert {each.n for each in outcome.estimates} == {len(texts)}
    return found["train"], found["held_out"]


TEXTS = [f"text {number}" for number in range(4000)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_sizes_are_what_chance_gives(share, tmp_path):
    train, held = sides(TEXTS, tmp_path, held_out=share)
    low, high = binom.interval(0.99999, len(TEXTS), share)
    assert low <= len(held) <= high
    assert [each for each in TEXTS if each in set(train)] == train  # in order
    assert sorted(train + held) == sorted(TEXTS)


def test_same_seed_same_split_another_seed_another_one(tmp_path):
    first = sides(TEXTS, tmp_path)
    assert sides(TEXTS, tmp_path, key="under another secret") == first
    assert sides(TEXTS, tmp_path, seed=1) != first
    both = set(first[1]) & set(sides(TEXTS, tmp_path, seed=1)[1])
    low, high = binom.interval(0.99999, len(TEXTS), 0.01)
    assert low <= len(both) <= high  # seeds draw apart from each other


def test_a_row_stays_on_its_side_when_others_come_and_go(tmp_path):
    held = set(sides(TEXTS, tmp_path)[1])
    fewer = set(sides(TEXTS[::2], tmp_path)[1])
    assert fewer == held & set(TEXTS[::2])


def test_equal_content_goes_to_one_side(tmp_path):
    doubled = [form for said in TEXTS[:400] for form in (said, f" {said.upper()}")]
    train, held = sides(doubled, tmp_path, held_out=0.5)
    plain = [{said.strip().lower() for said in side} for side in (train, held)]
    assert not plain[0] & plain[1]
    assert all(len(side) > 100 for side in plain)


def test_the_control_a_split_by_position_parts_equal_content():
    doubled = [said for said in TEXTS[:400] for _ in range(2)]
    assert set(doubled[::2]) & set(doubled[1::2])


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_no_side_is_empty_with_two_rows_or_more(share, count, tmp_path):
    for seed in range(6):
        train, held = sides(TEXTS[:count], tmp_path, held_out=share, seed=seed)
        assert train
        assert held


def words(chance, count):
    return [f"w{chance.randrange(3000)}" for _ in range(count)]


def kin(seed=0, families=300):
    """Rows of families, apart from each other: near duplicates, one conversation, copies of one row."""
    chance = random.Random(seed)
    made = []
    for family in range(families):
        kind = ("near", "conversation", "copies", "alone")[family % 4]
        said = words(chance, chance.choice([15, 40, 100]))
        for member in range(1 if kind == "alone" else 3):
            if kind == "near" and member:
                said = [*said[:-1], f"w{chance.randrange(3000)}"]
            elif kind != "near":
                said = words(chance, 20)
            fields = {
                "conversation": (Field(name="conversation_id", value=f"c{family}"),),
                "copies": (Field(name="parent", value=f"data:{family}.0"),) if member else (),
            }.get(kind, ())
            made.append((family, " ".join(said), f"data:{family}.{member}", fields))
    chance.shuffle(made)
    rows = [
        Example(row=row, key="k", source="data", kind="text", text=said, fields=fields)
        for _, said, row, fields in made
    ]
    return rows, {row.row: family for row, (family, *_) in zip(rows, made, strict=True)}


def parted(rows, family, folder, **settings):
    """Families that stand on both sides, and how many rows were held out."""
    folder.mkdir()
    told = []
    Split(**settings).run(made_artifact(rows, folder / "in"), folder, told.append)
    train, held = (
        {family[row] for row in pq.read_table(folder / f"{stem}.parquet").column("row").to_pylist()}
        for stem in ("train", "held_out")
    )
    return train & held, held, told


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_no_family_is_parted(share, tmp_path):
    rows, family = kin()
    both, held, told = parted(rows, family, tmp_path / "out", held_out=share)
    assert both == set()
    low, high = binom.interval(0.99999, 300, share)
    assert low <= len(held) <= high
    (note,) = [each for each in told if isinstance(each, Note)]
    assert note.text.startswith("675 of 750 rows belong with others")
    assert "225 groups of up to 3" in note.text


@pytest.mark.parametrize(
    ("settings", "kind"), [({"similarity": 1.0}, 0), ({"together": ()}, 1), ({"together": ("session",)}, 1)]
)
def test_the_control_without_the_rule_families_of_that_kind_are_parted(settings, kind, tmp_path):
    rows, family = kin()
    both, _, _ = parted(rows, family, tmp_path / "out", held_out=0.3, **settings)
    assert {each % 4 for each in both} == {kind}
    assert len(both) > 20


def test_the_control_copies_that_do_not_name_their_row_are_parted(tmp_path):
    rows, family = kin()
    plain = [
        structs.replace(row, fields=tuple(each for each in row.fields if each.name != "parent"))
        for row in rows
    ]
    both, _, _ = parted(plain, family, tmp_path / "out", held_out=0.3)
    assert {each % 4 for each in both} == {2}


def test_copies_of_a_row_that_is_gone_stay_together(tmp_path):
    rows, family = kin()
    left = [row for row in rows if not (row.row.endswith(".0") and family[row.row] % 4 == 2)]
    assert parted(left, family, tmp_path / "out", held_out=0.5)[0] == set()


def test_counterfactual_copies_stay_with_the_rows_they_were_made_from(tmp_path):
    """From the step that makes them to the split; control: rows that forget their parent are parted."""
    chance = random.Random(2)
    rows = [
        Example(
            row=f"data:{place}",
            key="k",
            source="data",
            kind="text",
            text=f"He said: {' '.join(words(chance, 9))}",
        )
        for place in range(200)
    ]
    (tmp_path / "swapped").mkdir()
    step = Stereotypes(mode="augment", swap=("gender",), copy="named")
    step.run(made_artifact(rows, tmp_path / "in"), tmp_path / "swapped", lambda _: None)
    made = examples(pq.read_table(tmp_path / "swapped" / "kept.parquet"))
    copies = {row.row: each.value for row in made for each in row.fields if each.name == "parent"}
    assert len(copies) == 200
    family = {row.row: copies.get(row.row, row.row) for row in made}
    assert parted(made, family, tmp_path / "out", held_out=0.3)[0] == set()
    orphans = [structs.replace(row, fields=()) for row in made]
    assert len(parted(orphans, family, tmp_path / "control", held_out=0.3, similarity=1.0)[0]) > 40


def test_a_family_larger_than_what_is_to_be_held_out_is_trained_on(tmp_path):
    chance = random.Random(0)
    rows = [
        Example(
            row=f"data:{place}",
            key="k",
            source="data",
            kind="text",
            text=" ".join(words(chance, 20)),
            fields=(Field(name="conversation_id", value="c"),) if place < 60 else (),
        )
        for place in range(200)
    ]
    family = {row.row: place if place >= 60 else -1 for place, row in enumerate(rows)}
    for seed in range(5):
        _, held, _ = parted(rows, family, tmp_path / str(seed), seed=seed)
        assert held
        assert -1 not in held


def test_one_row_or_none_is_trained_on(tmp_path):
    assert sides(["only"], tmp_path, held_out=0.999) == (["only"], [])
    assert sides([], tmp_path) == ([], [])


def test_rows_that_all_say_the_same_cannot_be_split(tmp_path):
    with pytest.raises(DataError, match="all 3 rows have the same content"):
        sides(["a", "A", "a "], tmp_path)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    seen = []
    for _ in range(2):
        sides(TEXTS[:100], tmp_path)
        seen.append([(tmp_path / "out" / f"{stem}.parquet").read_bytes() for stem in ("train", "held_out")])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_that_leave_nothing_are_refused(share):
    with pytest.raises(StudyError, match=r"split\.held_out"):
        Split(held_out=share)


def test_settings_out_of_range_are_refused():
    for wrong in ({"similarity": 0}, {"similarity": 1.1}, {"together": ("",)}):
        with pytest.raises(StudyError, match=r"split\.(similarity|together)"):
            Split(**wrong)
