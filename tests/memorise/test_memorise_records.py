"""The step `records` on tiny models: what was learned by heart is found, what was never read is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from recorded import SECRET, Source, review, source
from taught import WIDE, artifact, taught

from duecare.core import FAIL, INSUFFICIENT, PASS, Artifact, Finding, Note
from duecare.core.wire import plain
from duecare.memorise import RecordLimits, Records
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny
from duecare.vault import destroy, home, opened, sealed_with

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:(tunix|qwix|flax)\."),
]
STEP = Records(
    on="chats",
    prefixes=(8,),
    tokens=20,
    copied=16,
    decoys=15,
    detector="",
    limits=RecordLimits(redacted=0.35, verbatim=0.35),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A source, a base model, one taught the rows before redaction and one taught those after it."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_HOME", str(folder / "home"))
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        rows = source(folder / "run")
        tiny = write_tiny(folder / "tiny", **WIDE)
        (folder / "base").mkdir()
        Fetch(name=str(tiny)).run({}, folder / "base", lambda _: None)
        trained = {row.row for row in rows.rows("train")}
        leaky = taught(tiny, [row for row in rows.was if row.row in trained], folder / "leaky")
        clean = taught(tiny, rows.rows("train"), folder / "clean")
        base = artifact("base", folder / "base")
        yield {
            "source": rows,
            "folder": folder,
            "leaky": {**rows.inputs, "base": base, "model": artifact("sft", leaky)},
            "clean": {**rows.inputs, "base": base, "model": artifact("sft", clean)},
        }


@pytest.fixture
def same(world, monkeypatch):
    """The home in which the source's secret lies, and the cache with its base model."""
    monkeypatch.setenv("DUECARE_HOME", str(world["folder"] / "home"))
    monkeypatch.setenv("DUECARE_CACHE", str(world["folder"] / "cache"))


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    """What the step finds of both models; people reviewed all training rows for the second."""
    folder = tmp_path_factory.mktemp("found")
    rows: Source = world["source"]
    of = rows.inputs["curated:personal:chats"]
    people = review(folder / "review", rows.rows("train"), rows.missed, of)
    return {
        "leaky": asked(STEP, world["leaky"], folder / "leaky"),
        "clean": asked(STEP, {**world["clean"], "people": people}, folder / "clean"),
    }


def asked(step: Records, inputs: dict[str, Artifact], out: Path):
    out.mkdir()
    said = []
    outcome = step.run(inputs, out, said.append)
    return {"outcome": outcome, "said": said, "out": out}


def value(found, metric, **where):
    own = [each for each in found["outcome"].estimates if each.metric == metric and each.slice == where]
    assert len(own) == 1, [each.slice for each in found["outcome"].estimates if each.metric == metric]
    return own[0]


def verdict(found, name) -> Finding:
    (own,) = [each for each in found["outcome"].findings if each.name == f"memorise.records.{name}"]
    return own


CHATS = {"source": "chats"}


def test_values_that_were_trained_on_come_back_and_fail_the_limit(found):
    assert value(found["leaky"], "memorise.redacted.excess", **CHATS).low > 0.5
    assert verdict(found["leaky"], "redacted").verdict == FAIL
    lift = value(found["leaky"], "memorise.redacted.lift", **CHATS, rows="train")
    assert lift.value == 1.0
    assert lift.low > 0.75
    assert value(found["leaky"], "memorise.redacted.lift.excess", **CHATS).value > 0.1
    for kind in ("EMAIL", "PHONE"):
        assert value(found["leaky"], "memorise.redacted.excess", **CHATS, kind=kind).value > 0.5
    assert (
        value(found["leaky"], "memorise.redacted.excess", **CHATS, axis="gender", group="women").value > 0.5
    )


def test_values_that_were_redacted_before_training_do_not(found):
    """Control: the same rows, learned by heart as well, but without the values."""
    assert value(found["clean"], "memorise.redacted.exact", **CHATS, rows="train", model="tuned").value == 0
    assert verdict(found["clean"], "redacted").verdict == PASS
    lift = value(found["clean"], "memorise.redacted.lift", **CHATS, rows="train")
    assert lift.low < 0.5 < lift.high + 0.1
    beyond = value(found["clean"], "memorise.redacted.lift.excess", **CHATS)
    assert beyond.low < 0 < beyond.high
    assert value(found["clean"], "memorise.redacted.stands", **CHATS).value == 0


def test_values_of_held_out_rows_do_not_come_back_either(found):
    said = value(found["leaky"], "memorise.redacted.memorised", **CHATS, rows="held_out")
    assert said.value == 0
    assert said.n == 8


def test_rows_learned_by_heart_are_continued_word_by_word(found):
    for name in ("leaky", "clean"):
        near = value(found[name], "memorise.verbatim.near", **CHATS, prefix="8", rows="train", model="tuned")
        assert near.value > 0.9, name
        assert verdict(found[name], "verbatim").verdict == FAIL
        copied = value(
            found[name], "memorise.verbatim.copied", **CHATS, prefix="8", rows="train", model="tuned"
        )
        assert copied.value > 0.9
        base = value(found[name], "memorise.verbatim.near", **CHATS, prefix="8", rows="train", model="base")
        assert base.value == 0


def test_a_model_that_was_not_trained_on_the_rows_passes(world, same, tmp_path):
    """Control: sides exchanged, so that the model never saw what counts as training rows."""
    rows: Source = world["source"]
    other = tmp_path / "split"
    other.mkdir()
    for name, side in (("train", "held_out"), ("held_out", "train")):
        pq.write_table(
            pq.read_table(rows.inputs["data:chats"].path / f"{side}.parquet"), other / f"{name}.parquet"
        )
    inputs = {**world["leaky"], "data:chats": artifact("split:chats", other)}
    found = asked(STEP, inputs, tmp_path / "out")
    assert verdict(found, "verbatim").verdict == PASS
    assert verdict(found, "redacted").verdict == PASS
    assert value(found, "memorise.verbatim.near", **CHATS, prefix="8", rows="train", model="tuned").value == 0


def test_what_redaction_missed_is_counted_and_found_in_the_model(world, found):
    rows: Source = world["source"]
    there = sum(row.row in rows.missed for row in rows.rows("train"))
    left = value(found["clean"], "memorise.missed.values", **CHATS)
    assert left.value == pytest.approx(there)
    assert left.low < there < left.high
    assert value(found["clean"], "memorise.missed.extracted", **CHATS).value > 0.8
    memorised = value(found["clean"], "memorise.missed.memorised", **CHATS)
    assert 0.8 * there <= memorised.value <= there
    assert memorised.high > left.high * 0.9
    assert not [each for each in found["clean"]["outcome"].findings if each.name.endswith("missed")]
    one = value(found["clean"], "memorise.missed.values", **CHATS, axis="gender", group="men")
    assert 0 < one.value < there


def test_without_people_it_says_what_it_would_take(found):
    missing = verdict(found["leaky"], "missed")
    assert missing.verdict == INSUFFICIENT
    assert missing.needed_n == 368
    assert "368" in missing.next


def test_no_value_and_no_text_of_a_row_is_in_any_output(world, found):
    rows: Source = world["source"]
    secrets = [*rows.values.values(), *rows.missed.values()]
    secrets += [row.messages[1].content[:20] for row in rows.was]
    for each in found.values():
        texts = [json.dumps(plain(one)) for one in (*each["outcome"].estimates, *each["outcome"].findings)]
        texts += [repr(one) for one in each["said"]]
        for path in filter(Path.is_file, each["out"].rglob("*")):
            texts.append(path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                texts.append(json.dumps(pq.read_table(path).to_pylist()))
        whole = "\n".join(texts)
        assert not [secret for secret in secrets if secret in whole]
        assert "chats:3" in whole, "control: what is searched does hold the rows' names"


def test_cost_is_said_before_and_how_much_was_asked_after(found):
    said = found["leaky"]["said"]
    assert "24 continuations of 20 tokens" in said[0].message
    (note,) = [each for each in said if isinstance(each, Note)]
    assert note.data["redacted"] == "24"
    assert note.data["trained"] == "16"
    assert "Which training rows were drawn is not on record: all of them count" in note.text


def test_where_the_secret_is_destroyed_nobody_can_ask(world, same, tmp_path, monkeypatch):
    shutil.copytree(home(), tmp_path / "home", copy_function=shutil.copy2)
    monkeypatch.setenv("DUECARE_HOME", str(tmp_path / "home"))
    assert destroy(home(), SECRET)
    found = asked(STEP, world["leaky"], tmp_path / "out")
    gone = verdict(found, "redacted")
    assert gone.verdict == INSUFFICIENT
    assert "destroyed" in gone.detail
    assert not [each for each in found["outcome"].estimates if each.metric.startswith("memorise.redacted")]
    assert verdict(found, "verbatim").verdict == FAIL, "the rest is asked all the same"


class Killed(Exception):
    """Stands for a kill in the middle of the work."""


@pytest.fixture
def questions(monkeypatch):
    """What was asked, a few questions at a time, and which models were opened; a kill where `end` says."""
    from duecare.memorise import records_answered, records_engine

    monkeypatch.setattr(records_answered, "CHUNK", 5)
    put, opened = [], []
    whole = records_engine.Asked.continued

    def open_model(folder, batch):
        opened.append(folder)
        return was(folder, batch)

    def heard(self, values, *rest):
        put.append(("values", len(values)))
        return was_heard(self, values, *rest)

    def continued(self, begun, *rest):
        if sum(kind == "beginnings" for kind, _ in put) == found["end"]:
            raise Killed
        put.append(("beginnings", len(begun)))
        return whole(self, begun, *rest)

    was, was_heard = records_engine.open_model, records_engine.Asked.heard
    found = {"put": put, "opened": opened, "end": None}
    monkeypatch.setattr(records_engine, "open_model", open_model)
    monkeypatch.setattr(records_engine.Asked, "heard", heard)
    monkeypatch.setattr(records_engine.Asked, "continued", continued)
    return found


def counted(questions, kind):
    return sum(count for each, count in questions["put"] if each == kind)


def test_a_killed_call_goes_on_behind_what_it_has_asked(world, same, found, questions, tmp_path):
    """Killed in the middle of the second model: nothing is asked twice, and the tables are the same bytes."""
    questions["end"] = 7  # 24 beginnings, 5 at a time: five writings for the base, two for the trained one
    with pytest.raises(Killed):
        asked(STEP, world["leaky"], tmp_path / "out")
    assert (counted(questions, "values"), counted(questions, "beginnings")) == (48, 34)
    questions["put"].clear()
    questions["opened"].clear()
    questions["end"] = None
    outcome = STEP.run(world["leaky"], tmp_path / "out", lambda _: None)
    assert counted(questions, "values") == 0
    assert counted(questions, "beginnings") == 14
    assert questions["opened"] == [world["leaky"]["model"].path / "model"], "the base has nothing left to say"
    assert outcome == found["leaky"]["outcome"]
    for name in outcome.files.values():
        assert (tmp_path / "out" / name).read_bytes() == (found["leaky"]["out"] / name).read_bytes(), name


def test_what_is_kept_of_a_killed_call_belongs_to_its_settings_and_inputs(world, same, questions, tmp_path):
    questions["end"] = 7
    with pytest.raises(Killed):
        asked(STEP, world["leaky"], tmp_path / "out")
    other = {**world["clean"], "model": replace(world["clean"]["model"], digest="digest of another")}
    for step, inputs in ((replace(STEP, seed=1), world["leaky"]), (STEP, other)):
        questions["put"].clear()
        with pytest.raises(Killed):
            step.run(inputs, tmp_path / "out", lambda _: None)
        assert counted(questions, "values") == 48


def test_what_is_kept_of_a_killed_call_opens_with_the_secret_of_the_rows_alone(
    world, same, questions, tmp_path, monkeypatch
):
    questions["end"] = 7
    with pytest.raises(Killed):
        asked(STEP, world["leaky"], tmp_path / "out")
    kept = [path for path in (tmp_path / "out" / ".resume").rglob("*") if path.is_file()]
    assert len(kept) == 2 * 5 + 7
    assert {sealed_with(path) for path in kept} == {SECRET}
    said = [opened(path).read() for path in kept]
    assert any(b"chats:3/" in each for each in said), "control: what is searched does hold the rows' names"
    words = [*world["source"].values.values(), *(row.messages[1].content[:20] for row in world["source"].was)]
    assert not [word for word in words for each in said if word.encode() in each]
    shutil.copytree(home(), tmp_path / "home", copy_function=shutil.copy2)
    monkeypatch.setenv("DUECARE_HOME", str(tmp_path / "home"))
    assert destroy(home(), SECRET)
    questions["put"].clear()
    questions["end"] = None
    STEP.run(world["leaky"], tmp_path / "out", lambda _: None)
    assert counted(questions, "beginnings") == 48
    assert len([path for path in (tmp_path / "out" / ".resume").rglob("*") if path.is_file()]) == 17
    assert not (home() / "secrets" / SECRET).exists(), "no secret of this name was made again"
