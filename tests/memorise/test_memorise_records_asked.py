"""What both models are asked: which rows, values and reviews count. Needs a tokenizer and no JAX."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from recorded import SECRET, review, source
from taught import artifact, chat

from duecare.core import INSUFFICIENT, DataError, Message
from duecare.core.table import table
from duecare.memorise import Records
from duecare.memorise.records_answered import answered
from duecare.memorise.records_asked import Asking
from duecare.memorise.records_rows import Place, Value, answer_of, read_before
from duecare.memorise.records_values import standing
from duecare.model.tiny import write_tiny
from duecare.model.tokenize import Tokenizer
from duecare.vault import sealed_with
from duecare.vault.memory import in_memory

STEP = Records(on="chats", prefixes=(8,), tokens=16, copied=12, decoys=7)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return Tokenizer(write_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def rows(tmp_path):
    return source(tmp_path / "run")


def asked(rows, tokenizer, step=STEP, **more):
    return Asking(step, {**rows.inputs, **more}, tokenizer).asked()


def test_every_redacted_value_is_asked_for_behind_what_training_reads(rows, tokenizer):
    found = asked(rows, tokenizer).redacted
    assert found.left_out == 0
    assert {value.place.row: value.value for value, _ in found.values} == rows.values
    now = {row.row: row for row in rows.now}
    for value, decoys in found.values:
        text = now[value.place.row].messages[1].content
        assert value.before.endswith(text[: text.index("[")])
        assert value.before.startswith("<|im_start|>user\nq")
        assert len(decoys) == 7
        assert value.taught


def test_what_lies_behind_what_training_read_is_left_out_and_counted(rows, tokenizer):
    found = asked(
        rows, tokenizer, Records(on="chats", max_tokens=60, prefixes=(8,), tokens=16, copied=12)
    ).redacted
    assert found.left_out == 24
    assert not found.values


def test_canaries_and_rows_of_no_weight_are_nobodys_record(rows, tokenizer, tmp_path):
    split = rows.inputs["data:chats"].path
    more = [chat(99, "q", "The thing of the canary is 1234567890 and so on")]
    more[0] = type(more[0])(
        **{name: getattr(more[0], name) for name in more[0].__struct_fields__} | {"row": "canary:1:0"}
    )
    train = [*rows.rows("train"), *more]
    pq.write_table(table(train), split / "train.parquet")
    found = asked(rows, tokenizer)
    assert found.rows.trained == 16
    assert not [each for each in found.beginnings if each.row.startswith("canary")]


def test_rows_that_training_never_drew_count_on_no_side(rows, tokenizer, tmp_path):
    """The training step tells them, where canaries lie among its rows; a private one keeps it secret."""
    names = [row.row for row in rows.rows("train")]
    step = tmp_path / "sft"
    step.mkdir()
    for draws, known in (([2] * 6 + [0] * 10, 6), ([None] * 16, 16)):
        told = {"row": names, "part": ["train"] * 16, "draws": draws, "cut": [False] * 16}
        pq.write_table(pa.table(told), step / "read.parquet")
        pq.write_table(pa.table({"source": ["chats"]}), step / "canaries.parquet")
        found = asked(rows, tokenizer, **{"trained:sft": artifact("sft", step)})
        assert found.rows.trained == known
        assert {each.row for each in found.beginnings if each.split == "train"} == set(names[:known])
        assert len(found.redacted.values) == known + 8


def test_a_step_that_read_another_source_says_nothing_of_these_rows(rows, tokenizer, tmp_path):
    """What a step drew of the rows among which its canaries lie is no list of other rows."""
    step = tmp_path / "sft"
    step.mkdir()
    told = {"row": ["pairs:0"], "part": ["train"], "draws": [3], "cut": [False]}
    pq.write_table(pa.table(told), step / "read.parquet")
    pq.write_table(pa.table({"source": ["pairs"]}), step / "canaries.parquet")
    found = asked(rows, tokenizer, **{"trained:sft": artifact("sft", step)})
    assert found.rows.trained == 16
    assert len(found.redacted.values) == len(rows.was)


def test_a_policy_leaves_no_record_of_its_rows_and_that_is_said(rows, tokenizer, tmp_path):
    """Alone, all training rows count; beside a step that says what it drew, those of that step."""
    for name in ("grpo", "sft"):
        (tmp_path / name).mkdir()
    policy = {"trained:grpo:2": artifact("grpo:2", tmp_path / "grpo")}
    found = asked(rows, tokenizer, **policy)
    assert found.rows.trained == 16
    assert "not on record (grpo:2): all of them count as read" in found.met.said
    assert "grpo:2: a policy learns from answers of its own, not of rows." in found.met.said
    names = [row.row for row in rows.rows("train")]
    told = {"row": names, "part": ["train"] * 16, "draws": [2] * 6 + [0] * 10, "cut": [False] * 16}
    pq.write_table(pa.table(told), tmp_path / "sft" / "read.parquet")
    pq.write_table(pa.table({"source": ["chats"]}), tmp_path / "sft" / "canaries.parquet")
    known = {"trained:sft": artifact("sft", tmp_path / "sft")}
    both = asked(rows, tokenizer, **known, **policy)
    assert both.rows.trained == 6
    assert "rows that it alone drew are left out" in both.met.said
    assert not asked(rows, tokenizer, **known).met.said, "control: nothing is left open"


def test_answers_are_sealed_as_the_rows_are_also_where_a_run_shows_these_in_memory(rows, tmp_path):
    before = rows.inputs["curated:read:chats"]
    assert answered(STEP, rows.inputs, before, tmp_path).seal == SECRET
    with in_memory(before.path) as view:
        assert (view / "kept.parquet").is_file()
        shown = replace(before, path=view)
        kept = answered(STEP, {**rows.inputs, before.job: shown}, shown, tmp_path)
        assert kept.seal == SECRET
        assert kept.through("base-beginnings", ["chats:0/8"], [1], lambda *_: [[1, 2]], list[int]) == [[1, 2]]
    (path,) = [each for each in kept.folder.iterdir() if each.is_file()]
    assert sealed_with(path) == SECRET
    assert kept.through("base-beginnings", ["chats:0/8"], [1], lambda *_: [[3]], list[int]) == [[1, 2]]
    (kept.folder / "base-beginnings.000001.json").write_bytes(b'{"chats:1/8\xff": [4]}')
    assert kept.through("base-beginnings", ["chats:1/8"], [1], lambda *_: [[4]], list[int]) == [[4]], "torn"
    plain = answered(STEP, rows.inputs, artifact("read:chats", rows.inputs["data:chats"].path), tmp_path)
    assert plain.seal is None, "control: where rows lie in plain"


def test_people_who_saw_rows_before_redaction_say_what_it_left(rows, tokenizer, tmp_path):
    """Of what they marked, what was replaced was not missed."""
    before = rows.inputs["curated:read:chats"]
    chosen = rows.was[:16]
    missed = {row.row: rows.missed[row.row] for row in chosen if row.row in rows.missed}
    marks = {**{row.row: rows.values[row.row] for row in chosen}, **missed}
    found = asked(rows, tokenizer, people=review(tmp_path / "r", chosen, marks, before))
    assert {place.row for place in found.marked} == set(missed)
    assert {value.place.row: value.value for value, _ in found.missed.values} == missed
    now = {row.row: row.messages[1].content for row in rows.now}
    assert all(now[place.row][place.start : place.end] == missed[place.row] for place in found.marked)


def test_a_round_about_other_rows_says_nothing(rows, tokenizer, tmp_path):
    people = review(tmp_path / "r", rows.now, rows.missed, artifact("read:others", tmp_path))
    found = asked(rows, tokenizer, people=people)
    (finding,) = found.findings
    assert finding.verdict == INSUFFICIENT
    assert "other rows" in finding.detail


def test_half_of_the_people_must_agree(rows, tokenizer, tmp_path):
    of = rows.inputs["curated:personal:chats"]
    people = review(tmp_path / "r", rows.now, rows.missed, of)
    spans = pq.read_table(people.path / "spans.parquet")
    one = spans.filter(pc.equal(spans.column("person"), "p1"))
    pq.write_table(one, people.path / "spans.parquet")
    assert asked(rows, tokenizer, people=people).marked
    all_of_them = Records(on="chats", agree=1.0, prefixes=(8,), tokens=16, copied=12)
    assert not asked(rows, tokenizer, all_of_them, people=people).marked


def test_rows_count_with_the_weights_they_were_drawn_with(rows, tokenizer, tmp_path):
    people = review(tmp_path / "r", rows.now, rows.missed, rows.inputs["curated:personal:chats"])
    judged = pq.read_table(people.path / "judged.parquet")
    place = judged.schema.get_field_index("weight")
    heavy = pa.array([4.0] * len(judged), judged.schema.field("weight").type)
    pq.write_table(
        judged.set_column(place, judged.schema.field("weight"), heavy), people.path / "judged.parquet"
    )
    assert set(asked(rows, tokenizer, people=people).reviewed.judged.values()) == {4.0}


def test_a_value_stands_in_a_text_only_as_a_word_of_its_own():
    values = [
        Value(Place("s:0", "text", 0, 3, "PERSON"), "train", "b", value) for value in ("Ann", "a.b@c.org")
    ]
    texts = [["ask ann.", "Hannah knows Annie", "Hannah and ANN"], ["xa.b@c.org", "to a.b@c.org!"]]
    assert standing(values, texts) == [2, 1]


def test_a_value_of_two_signs_is_said_by_chance_and_left_out(rows, tokenizer):
    found = Asking(STEP, rows.inputs, tokenizer)
    held = found._rows()
    row = held.example("chats:0")
    places = [Place(row.row, "messages.1", 0, end, "PERSON") for end in (2, 5)]
    value = row.messages[1].content
    chosen = found._choosing(9)._asked(held, [(each, 0, row) for each in places])
    assert [each.value for each, _ in chosen.values] == [value[:5]]
    assert chosen.left_out == 1


def test_a_source_that_was_not_redacted_says_so_and_rows_are_asked_all_the_same(rows, tokenizer):
    inputs = {"data:chats": rows.inputs["data:chats"]}
    found = Asking(STEP, inputs, tokenizer).asked()
    assert not found.redacted.values
    (said,) = [each for each in found.findings if each.name == "memorise.records.redacted"]
    assert "no step `personal`" in said.detail
    assert not said.gate
    assert found.beginnings


def test_without_rows_it_is_refused(tokenizer):
    with pytest.raises(DataError, match="data:chats"):
        Asking(STEP, {}, tokenizer).asked()


def test_an_answer_is_cut_where_training_cut_it_and_ends_with_its_end(tokenizer):
    row = chat(1, "ask", "say this much")
    whole = answer_of(row, "train", tokenizer, 512)
    assert tokenizer.decode(whole.tokens) == "say this much"
    assert whole.tokens[-1] in tokenizer.eos_ids
    assert tokenizer.decode(whole.context, special=True).endswith("<|im_start|>assistant\n")
    short = answer_of(row, "train", tokenizer, len(whole.context) + 5)
    assert short.tokens == whole.tokens[:5]
    assert answer_of(row, "train", tokenizer, 3) is None


def test_what_is_read_before_a_place_is_what_the_template_writes_there(tokenizer):
    row = chat(1, "my card is 1234", "noted 1234")
    assert read_before(row, "messages.0", 11, tokenizer) == "<|im_start|>user\nmy card is "
    whole = tokenizer.chat([*row.messages[:1], Message(role="assistant", content="noted ")])
    assert whole.startswith(read_before(row, "messages.1", 6, tokenizer))
