"""Canaries among training rows: who is placed is a coin's matter, held-out rows stay clean, and sealed ones
sealed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from duecare.core import Artifact, DataError, Example, Message, StudyError
from duecare.core.example import Field
from duecare.core.table import EXAMPLES, examples, table
from duecare.curate import Canaries
from duecare.curate.flow import batches, table_writer
from duecare.privacy.canary import canaries
from duecare.vault import data_key

ROWS = {
    "chat": {"messages": (Message(role="user", content="a"), Message(role="assistant", content="b"))},
    "text": {"text": "some text"},
    "preference": {"messages": (Message(role="user", content="a"),), "chosen": "b", "rejected": "c"},
}


def rows(kind, count):
    return [
        Example(row=f"data:{number}", key=f"{number:064x}", source="data", kind=kind, **ROWS[kind])
        for number in range(count)
    ]


def artifact(folder, kind="chat", parts=("train", "held_out")):
    folder.mkdir(parents=True)
    for name in parts:
        pq.write_table(table(rows(kind, 6)), folder / f"{name}.parquet")
    return Artifact("split:data", folder, "0" * 64)


def run(step, read, out):
    out.mkdir()
    outcome = step.run({"examples": read}, out, lambda _: None)
    return outcome, pq.read_table(out / "canaries.parquet").to_pylist()


def test_placed_canaries_are_rows_and_the_others_are_not(tmp_path):
    step = Canaries(count=10, controls=7, repeats=(1, 3), places=("answer", "prompt"))
    outcome, told = run(step, artifact(tmp_path / "split"), tmp_path / "out")
    train = examples(pq.read_table(tmp_path / "out" / "train.parquet"))
    copies = Counter(row.row.split(":")[1] for row in train if row.row.startswith("canary:"))
    assert [row.row for row in train[:6]] == [f"data:{number}" for number in range(6)]
    assert copies == {one["canary"]: one["repeats"] for one in told if one["placed"]}
    assert len(told) == 2 * (2 * 10 + 7)
    assert {one["repeats"] for one in told if not one["tossed"]} == {0}
    text = "\n".join(content for row in train for _, content in row.parts())
    assert all((one["secret"] in text) == one["placed"] for one in told)
    for row in train[6:]:
        secret = next(one["secret"] for one in told if one["canary"] == row.row.split(":")[1])
        place = next(one["place"] for one in told if one["secret"] == secret)
        asked, said = (turn.content for turn in row.messages)
        assert (secret in asked, secret in said) == (place == "prompt", place == "answer")
    assert {each.metric: each.value for each in outcome.estimates}["curate.canaries.rows"] == len(train) - 6


def test_held_out_rows_are_as_they_came(tmp_path):
    read = artifact(tmp_path / "split")
    run(Canaries(count=4), read, tmp_path / "out")
    held = [pq.read_table(folder / "held_out.parquet") for folder in (read.path, tmp_path / "out")]
    assert held[0].equals(held[1])


@pytest.mark.parametrize("kind", ROWS)
def test_every_kind_of_row_has_its_places(tmp_path, kind):
    places = Canaries.PLACES[kind]
    _, told = run(
        Canaries(count=6, controls=2, repeats=(1,), places=places),
        artifact(tmp_path / "s", kind),
        tmp_path / "out",
    )
    whole = examples(pq.read_table(tmp_path / "out" / "canary_rows.parquet"))
    assert {one["place"] for one in told} == set(places)
    for one, row in zip(told, whole, strict=True):
        where = [part for part, text in row.parts() if one["secret"] in text]
        part = {"answer": "messages.1", "prompt": "messages.0"}.get(one["place"], one["place"])
        assert where == [part]


def test_which_are_placed_hangs_on_nothing_but_the_coin(tmp_path):
    """Over many seeds half are placed, and neither number nor secret tells which."""
    step = [Canaries(count=10, controls=10, repeats=(1,), seed=seed).drawn("chat") for seed in range(300)]
    heads = [one.placed for each in step for one in each if one.tossed]
    assert np.mean(heads) == pytest.approx(0.5, abs=0.03)
    numbers = [(int(one.canary), one.placed) for each in step for one in each]
    put, left = ([number for number, placed in numbers if placed is side] for side in (True, False))
    assert np.mean(put) == pytest.approx(np.mean(left), abs=0.5)
    assert not any(one.placed for each in step for one in each if not one.tossed)


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path):
    read = artifact(tmp_path / "split")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(Canaries(count=5, seed=seed), read, tmp_path / name)
    first, again, other = ((tmp_path / name / "train.parquet").read_bytes() for name in "abc")
    assert first == again != other


def test_they_are_not_the_canaries_that_private_training_places_itself():
    own = {one.words.answer for one in Canaries(count=20, controls=0, repeats=(1,), seed=3).drawn("chat")}
    assert not own & {one.answer for one in canaries(20, 3)}


def test_each_is_a_person_of_its_own_where_people_are_protected(tmp_path):
    run(Canaries(count=8, repeats=(3,), person="customer"), artifact(tmp_path / "s"), tmp_path / "out")
    train = examples(pq.read_table(tmp_path / "out" / "train.parquet"))[6:]
    whose = {row.row.rpartition(":")[0]: row.fields for row in train}
    assert all(isinstance(fields[0], Field) and fields[0].name == "customer" for fields in whose.values())
    assert len({fields[0].value for fields in whose.values()}) == len(whose) == len(train) / 3


def test_rows_that_were_not_split_are_taken_as_they_are(tmp_path):
    outcome, _ = run(Canaries(count=4), artifact(tmp_path / "s", parts=("kept",)), tmp_path / "out")
    assert outcome.files["kept"] == "kept.parquet"
    assert pq.read_schema(tmp_path / "out" / "kept.parquet").equals(EXAMPLES)


def test_rows_that_a_study_keeps_sealed_stay_sealed(tmp_path):
    folder, out = tmp_path / "split", tmp_path / "out"
    folder.mkdir()
    for stem in ("train", "held_out"):
        with table_writer(folder, stem, EXAMPLES, data_key("study", "data")) as writer:
            writer.write_batch(table(rows("chat", 6)).combine_chunks().to_batches()[0])
    outcome, told = run(Canaries(count=6), Artifact("split:data", folder, "0" * 64), out)
    assert {outcome.files[stem] for stem in ("train", "held_out")} == {
        "train.parquet.sealed",
        "held_out.parquet.sealed",
    }
    assert not (out / "train.parquet").exists()
    found = sum(len(batch) for batch in batches(Artifact("canaries:data", out, "0" * 64), "train.parquet"))
    assert found == 6 + sum(one["repeats"] for one in told if one["placed"])


def test_places_that_rows_do_not_have_are_refused(tmp_path):
    with pytest.raises(DataError, match="places"):
        run(Canaries(places=("chosen",)), artifact(tmp_path / "s"), tmp_path / "out")


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 1},
        {"controls": -1},
        {"repeats": ()},
        {"repeats": (1, 1)},
        {"repeats": (0,)},
        {"places": ("margin",)},
        {"person": ""},
        {"seed": -1},
    ],
    ids=str,
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(StudyError, match=next(iter(wrong))):
        Canaries(**wrong)
