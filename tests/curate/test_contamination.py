"""Decontamination: planted items are all found, their neighbours are not, and each reason says where."""

from __future__ import annotations

import gzip
import json
import random
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from rows import chat, inputs, text

from duecare.core import DataError, Estimate, Example, Message, Note, StudyError
from duecare.core.table import examples
from duecare.curate import flow
from duecare.curate.contamination import Decontaminate
from duecare.curate.evaluation_items import digest_of, item_files, items_of

CHANCE = random.Random(4)
WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("", "n", "rk", "st")]


def words(count, chance=CHANCE):
    return " ".join(chance.choices(WORDS, k=count))


class Run:
    def __init__(self, rows, folder, sets, **settings):
        folder.mkdir(parents=True)
        against = {}
        for name, items in sets.items():
            path = folder / f"{name}.jsonl"
            path.write_text("".join(json.dumps({"id": 3, "question": item}) + "\n" for item in items))
            against[name] = str(path)
        self.told = []
        self.out = folder / "out"
        self.out.mkdir()
        step = Decontaminate(against=against, **settings)
        outcome = step.run(inputs(folder / "in", rows), self.out, self.told.append)
        self.kept, self.dropped = (
            [row.row for row in examples(pq.read_table(self.out / f"{stem}.parquet"))]
            for stem in ("kept", "dropped")
        )
        self.changes = pq.read_table(self.out / "changes.parquet").to_pylist()
        self.estimates: list[Estimate] = list(outcome.estimates)

    def count(self, name, side):
        (found,) = [
            each.value
            for each in self.estimates
            if each.metric == "curate.contaminated" and each.slice["set"] == name and each.slice["in"] == side
        ]
        return found


@pytest.mark.parametrize("kernel", ["", "off"])
def test_planted_items_are_all_found_and_no_control_is(kernel, tmp_path, monkeypatch):
    monkeypatch.setenv("DUECARE_KERNEL", kernel)
    chance = random.Random(1)
    items = [words(length, chance) for length in (4, 5, 7, 8, 9, 12, 13, 14, 40, 200) for _ in range(20)]
    rows, planted = [], set()
    for place in range(2000):
        said = words(chance.choice([3, 6, 20, 90]), chance)
        if place % 5 == 0:
            item = items[place // 5 % len(items)]
            count = len(item.split())
            if count >= 13:  # a piece of it
                start = chance.randrange(count - 12)
                item = " ".join(item.split()[start : start + 13])
            said = item if count < 8 else f"{said}, {item.upper()}! {words(5, chance)}"
            planted.add(f"a:{place}")
        rows.append(text(place, said))
    run = Run(rows, tmp_path / "run", {"ours": items})
    assert set(run.dropped) == planted
    assert len(run.kept) + len(run.dropped) == 2000
    assert run.count("ours", "prompt") == len(planted)


def test_what_is_nearly_an_item_stays(tmp_path):
    long, middle, short, tiny = words(13), words(9), words(5), words(3)
    broken = long.split()
    rows = [
        text(0, " ".join(broken[:12])),
        text(1, " ".join([*broken[:6], "other", *broken[6:]])),
        text(2, " ".join(reversed(broken))),
        text(3, " ".join(middle.split()[:8])),
        text(4, f"{short} and more"),
        text(5, tiny),
        chat(6, " ".join(broken[:6]), " ".join(broken[6:])),  # no run goes over from turn to turn
        text(7, f"so {middle} it"),
        text(8, short),
        text(9, long),
    ]
    assert Run(rows, tmp_path / "run", {"ours": [long, middle, short, tiny]}).dropped == ["a:7", "a:8", "a:9"]


def test_the_reason_says_which_side_which_set_and_which_item(tmp_path):
    asked, answered = words(20), words(30)
    preference = Example(
        row="a:3",
        key="k",
        source="a",
        kind="preference",
        messages=(Message(role="user", content=words(5)),),
        chosen=words(9),
        rejected=f"well {answered}",
    )
    rows = [
        chat(0, f"please: {asked}", words(20)),
        chat(1, words(20), words(3), words(9), answered),
        chat(2, asked, answered),
        preference,
    ]
    run = Run(rows, tmp_path / "run", {"one": [asked], "two": [answered, asked]})
    digest = {item: sha256(item.encode()).hexdigest()[:12] for item in (asked, answered)}
    assert [(each["row"], each["part"], each["reason"]) for each in run.changes] == [
        ("a:0", "messages.0", f"its prompt holds item {digest[asked]} of one"),
        ("a:1", "messages.3", f"its answer holds item {digest[answered]} of two"),
        ("a:2", "messages.0", f"its prompt holds item {digest[asked]} of one"),
        ("a:2", "messages.1", f"its answer holds item {digest[answered]} of two"),
        ("a:3", "rejected", f"its answer holds item {digest[answered]} of two"),
    ]
    assert run.dropped == ["a:0", "a:1", "a:2", "a:3"]
    assert [run.count(*each) for each in (("one", "prompt"), ("one", "answer"), ("two", "answer"))] == [
        2,
        0,
        3,
    ]
    flagged = Run(rows, tmp_path / "flag", {"one": [asked]}, mode="flag")
    assert flagged.dropped == []
    assert {each["action"] for each in flagged.changes} == {"flagged"}


def test_the_digest_of_every_set_is_told(tmp_path):
    items = [words(20), words(9), "Yes"]
    run = Run([text(0, "nothing")], tmp_path / "run", {"ours": items})
    (note,) = [each for each in run.told if isinstance(each, Note)]
    assert note.data == {"set": "ours", "sha256": digest_of(items)}
    assert note.text == "ours: 3 different texts, 2 of them of 4 words or more"
    assert digest_of(items[::-1]) == digest_of(items)
    assert digest_of(items[1:]) != digest_of(items)


def test_batches_and_the_compiled_library_make_no_difference(tmp_path, monkeypatch):
    chance = random.Random(8)
    items = [words(length, chance) for length in (5, 9, 13, 30) for _ in range(5)]
    rows = [
        chat(place, *(chance.choice([words(6, chance), *items]) for _ in range(chance.randint(2, 4))))
        for place in range(60)
    ]
    first = Run(rows, tmp_path / "first", {"ours": items}).changes
    assert len(first) > 40
    monkeypatch.setattr(flow, "BATCH", 7)
    monkeypatch.setenv("DUECARE_KERNEL", "off")
    assert Run(rows, tmp_path / "again", {"ours": items}).changes == first


def test_shorter_runs_may_be_asked_for(tmp_path):
    item = words(30)
    rows = [text(0, " ".join(item.split()[3:11])), text(1, " ".join(item.split()[3:10]))]
    assert Run(rows, tmp_path / "thirteen", {"ours": [item]}).dropped == []
    assert Run(rows, tmp_path / "eight", {"ours": [item]}, words=8).dropped == ["a:0"]


def test_items_come_from_files_of_any_kind_and_from_folders(tmp_path):
    folder = tmp_path / "set"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.csv").write_text('question,answer\n"one, two",three\n')
    (folder / "b.json").write_text('{"data": {"x": [{"text": "four", "n": 5}, "six"]}}')
    (folder / "inner" / "c.txt.dev").write_text("seven eight\n\nnine\n")
    (folder / "d.jsonl.gz").write_bytes(
        gzip.compress(b'{"a": ["ten", null], "b": {"c": "one, two"}}\nnot json\n')
    )
    (folder / "LICENSE.txt").write_text("free for all")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    assert items_of(folder) == ["one, two", "three", "four", "six", "ten", "seven eight", "nine"]
    assert [path.name for path in item_files(folder)] == ["a.csv", "b.json", "d.jsonl.gz", "c.txt.dev"]
    (folder / "b.json").write_text("{")
    with pytest.raises(DataError, match=r"b\.json cannot be read"):
        items_of(folder)
    with pytest.raises(DataError, match="is not there"):
        items_of(tmp_path / "nowhere")


def test_no_rows_and_no_items(tmp_path):
    assert Run([], tmp_path / "rows", {"ours": [words(20)]}).kept == []
    assert Run([text(0, "a")], tmp_path / "items", {"ours": ["a"]}).kept == ["a:0"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"words": 7}, "words"), ({"mode": "x"}, "mode"), ({"against": {"a": ""}}, "against")],
)
def test_settings_that_mean_nothing_are_refused(settings, named):
    with pytest.raises(StudyError, match=rf"decontaminate\.{named}"):
        Decontaminate(**settings)


@pytest.mark.data
def test_published_sets_are_found_in_data_that_holds_them(data_folder, tmp_path):
    sets = {name: str(data_folder / name) for name in ("bbq", "crows-pairs", "winobias", "winogender")}
    chance = random.Random(2)
    long = [[each for each in items_of(data_folder / name) if len(each.split()) >= 14] for name in sets]
    held = [each for items in long for each in chance.sample(items, 50)]
    rows = [text(place, f"{words(9)} {each} {words(9)}") for place, each in enumerate(held)]
    rows += [text(len(held) + place, words(60)) for place in range(500)]
    out = tmp_path / "out"
    out.mkdir()
    Decontaminate(against=sets).run(inputs(tmp_path / "in", rows), out, lambda _: None)
    dropped = {row.row for row in examples(pq.read_table(out / "dropped.parquet"))}
    assert dropped == {f"a:{place}" for place in range(len(held))}
