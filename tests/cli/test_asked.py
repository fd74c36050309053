"""Questions to a run: what became of a record, where a model comes from, what changed, what was tried."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from toys import Silent, chain
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.plan import Job, Plan
from duecare.cli.run import StepError, run
from duecare.core import Artifacts, DataError, LedgerError, Outcome, StoppedError, Tell, exact
from duecare.curate import Duplicates, Read, Redact, Screen, Split
from duecare.ledger import entries
from duecare.report.asked import flat
from duecare.report.difference import difference
from duecare.report.history import history
from duecare.report.lineage import lineage
from duecare.report.why import why
from duecare.vault import destroy, keys

SECRET = "walnut"  # stands in every text: no answer may hold it


@dataclass(frozen=True, kw_only=True, slots=True)
class Teach:
    """Stands for training: reads the training side and leaves a model."""

    steps: int = 3
    seed: int = 0

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        (out / "model").mkdir()
        (out / "model" / "weights").write_bytes(inputs["data"].digest.encode())
        return Outcome(files={"model": "model"}, estimates=(exact("teach.steps", self.steps, 1, {}),))


def rows() -> list[str]:
    """Row 0 and 1 are the same, 2 insults, 3 names a person, 4 is no JSON; the rest is plain."""
    said = [f"Is the {SECRET} order {place} on its way?" for place in range(24)]
    said[1] = said[0]
    said[2] = f"You are a stupid idiot and a worthless piece of shit, {SECRET}."
    said[3] = f"My {SECRET} mail is maria.okafor@example.com, please."
    lines = [json.dumps({"text": text}) for text in said]
    lines[4] = "{no JSON"
    return lines


def study(data: Path, limit: float = 0.5, steps: int = 3, sealed: bool = True) -> Plan:
    steps_of = (
        ("read:chats", Read(name="chats", source=str(data), kind="text", study="asked", sealed=sealed), {}),
        ("toxicity:chats", Screen(limit=limit), {"examples": "read:chats"}),
        ("duplicates:chats", Duplicates(), {"examples": "toxicity:chats"}),
        ("personal:chats", Redact(study="asked"), {"examples": "duplicates:chats"}),
        ("split:chats", Split(held_out=0.3), {"examples": "personal:chats"}),
        ("sft", Teach(steps=steps), {"data": "split:chats"}),
    )
    return Plan(
        name="asked",
        settings={"study": {"name": "asked"}, "curate": [{"toxicity": {"limit": limit}}], "steps": steps},
        jobs=tuple(Job(id=name, step=step, declared=step, inputs=given) for name, step, given in steps_of),
    )


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    data = tmp_path / "chats.jsonl"
    data.write_text("\n".join(rows()) + "\n")
    return run(study(data), tmp_path / "first", screen=Silent()).folder


def call(*words: object) -> tuple[int, str]:
    said = CliRunner().invoke(app, [str(word) for word in words])
    return said.exit_code, said.output


def test_every_fate_is_told_with_its_reason(made: Path) -> None:
    kept = why(made, "chats:0")
    assert [each.job for each in kept.passed][-1] == "split:chats"
    assert kept.side in ("training side", "held out")
    duplicate = why(made, "chats:1")
    assert duplicate.passed[-1].became == "dropped"
    assert "chats:0" in duplicate.passed[-1].reasons[0]["reason"]
    insult = why(made, "chats:2")
    assert (insult.passed[-1].job, insult.passed[-1].became) == ("toxicity:chats", "dropped")
    assert insult.passed[-1].reasons[0]["value"] >= 0.5
    assert "toxicity:chats has it as dropped" in insult.verdict
    personal = next(each for each in why(made, "chats:3").passed if each.job == "personal:chats")
    assert personal.became == "kept, changed"
    place = personal.reasons[0]
    assert (place["start"], place["end"]) == (18, 42)  # code points of the original, and nothing else
    broken = why(made, "chats:4")
    assert [each.became for each in broken.passed] == ["set aside"]


def test_sides_and_training_are_those_of_the_tables(made: Path) -> None:
    sides = {}
    for place in range(24):
        fate = why(made, f"chats:{place}")
        sides[place] = fate.side
        if fate.side == "training side":
            assert [each.job for each in fate.trained] == ["sft"]
            assert fate.trained[0].settings == {"steps": "3"}
            assert "not on record" in fate.verdict
        else:
            assert not fate.trained
            assert "No training step was given it" in fate.verdict
    assert {sides[1], sides[2], sides[4]} == {""}
    assert set(sides.values()) == {"training side", "held out", ""}
    (trained,) = {each.rows for place in sides for each in why(made, f"chats:{place}").trained}
    assert trained == list(sides.values()).count("training side")


def test_a_record_is_found_by_its_key(made: Path) -> None:
    fate = why(made, "chats:5")
    assert len(fate.key) == 64
    assert why(made, fate.key) == fate
    with pytest.raises(LedgerError, match="has key abababab"):
        why(made, "ab" * 32)


def test_a_row_that_no_step_knows(made: Path) -> None:
    for named in ("chats:99", "other:1", "", "chats"):
        with pytest.raises(LedgerError, match="knows row"):
            why(made, named)


def test_without_the_secret_the_reasons_still_speak(made: Path) -> None:
    destroy(keys.home(), "asked")
    fate = why(made, "chats:2")
    dropped = next(each for each in fate.passed if each.job == "toxicity:chats")
    assert dropped.became == "dropped"
    assert any("its secret is not here" in each for each in dropped.unknown)
    assert why(made, "chats:0").side  # what lies open after redaction is still read


def test_an_altered_table_is_not_believed(made: Path) -> None:
    (path,) = made.glob("artifacts/toxicity-chats-*/changes.parquet")
    (other,) = made.glob("artifacts/duplicates-chats-*/changes.parquet")
    shutil.copy(other, path)
    fate = why(made, "chats:2")
    assert any("is not as recorded" in unknown for each in fate.passed for unknown in each.unknown)
    assert not any(each.became == "dropped" and each.reasons for each in fate.passed)


def test_no_text_of_a_row_is_ever_told(made: Path) -> None:
    for place in range(24):
        for words in ((), ("--json",)):
            code, said = call("why", made, f"chats:{place}", *words)
            assert code == 0, said
            assert SECRET not in said
            assert "okafor" not in said.lower()


def test_the_commands_answer_in_words_and_in_json(made: Path) -> None:
    code, said = call("why", made, "chats:3")
    assert code == 0
    assert "messages" not in said
    assert "text[18:42]" in said
    code, said = call("why", made, "chats:3", "--json")
    assert json.loads(said)["row"] == "chats:3"
    code, said = call("why", made, "chats:99")
    assert code == 1
    assert "knows row chats:99" in said


def test_lineage_leads_back_to_the_source(made: Path, tmp_path: Path) -> None:
    found = lineage(made)
    assert [each.job for each in found.made] == [
        "sft",
        "split:chats",
        "personal:chats",
        "duplicates:chats",
        "toxicity:chats",
        "read:chats",
    ]
    assert found.made[0].of == {"data": "split:chats"}
    assert found.made[0].settings["steps"] == 3
    assert not found.unknown
    by_digest = lineage(made, found.made[0].digest[:12])
    assert by_digest == found
    assert lineage(made, "toxicity:chats").made[0].job == "toxicity:chats"
    with pytest.raises(LedgerError, match="its models are sft"):
        lineage(made, "ppo")
    run(chain(), tmp_path / "toys", screen=Silent())
    with pytest.raises(LedgerError, match="trained no model"):
        lineage(tmp_path / "toys")
    code, said = call("lineage", made)
    assert code == 0
    assert said.index("sft") < said.index("split:chats") < said.index("read:chats")
    assert "Settings of toxicity:chats" in said
    assert json.loads(call("lineage", made, "sft", "--json")[1])["model"] == "sft"


def test_what_came_from_outside_is_named_with_its_digest(tmp_path: Path) -> None:
    from duecare.ledger import file_digest

    data = tmp_path / "chats.jsonl"
    data.write_text("\n".join(rows()) + "\n")
    plan = study(data)
    first = plan.jobs[0]
    jobs = (Job(id=first.id, step=first.step, declared=first.step, inputs={}, files={"chats": data}),)
    folder = run(Plan(name="asked", settings=plan.settings, jobs=(*jobs, *plan.jobs[1:])), tmp_path / "run",
                 screen=Silent()).folder  # fmt: skip
    (outside,) = lineage(folder).made[-1].outside
    assert outside.digest == file_digest(data)
    assert outside.digest[:16] in call("lineage", folder)[1]


def test_diff_names_settings_inputs_and_figures(made: Path, tmp_path: Path) -> None:
    data = tmp_path / "chats.jsonl"
    other = run(study(data, limit=0.99999, steps=5), tmp_path / "second", screen=Silent()).folder
    found = difference(made, other)
    assert {(each.where, each.before, each.after) for each in found.settings} == {
        ("curate.toxicity.limit", "0.5", "0.99999"),
        ("steps", "3", "5"),
    }
    assert not found.software
    moved = {(each.job, each.metric): each for each in found.moved}
    steps = moved["sft", "teach.steps"]
    assert (steps.before.value, steps.after.value, steps.exact, steps.apart) == (3, 5, True, False)
    assert moved["toxicity:chats", "curate.rows.dropped"].after.value == 0
    assert found.same > 0
    code, said = call("diff", made, other)
    assert code == 0
    assert "curate.toxicity.limit: 0.5 -> 0.99999" in said
    assert json.loads(call("diff", made, other, "--json")[1])["same"] == found.same
    same = difference(made, made)
    assert not any((same.settings, same.moved, same.inputs, same.jobs, same.gates))


def test_figures_apart_are_those_whose_intervals_do_not_meet() -> None:
    from duecare.core import Estimate
    from duecare.report.difference import _moved

    def one(value: float, low: float, high: float) -> Estimate:
        return Estimate(metric="m", value=value, low=low, high=high, n=9, method="t")

    name = ("job", "m", "t", ())
    assert _moved(name, one(0.2, 0.1, 0.3), one(0.5, 0.4, 0.6)).apart
    assert not _moved(name, one(0.2, 0.1, 0.3), one(0.4, 0.3, 0.6)).apart
    unknown = Estimate(metric="m", value=None, low=None, high=None, n=0, method="t", reason="none")
    assert not _moved(name, one(0.2, 0.1, 0.3), unknown).apart


def test_history_keeps_what_failed_stopped_and_was_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "toys"
    with pytest.raises(StepError):
        run(chain(fail="data"), folder, screen=Silent())
    run(chain(), folder, screen=Silent())
    run(chain(b=5, gate=3), folder, screen=Silent())
    first, second, third = history(folder)
    assert first.ended == "failed"
    assert "do not add up" in first.failed[0]
    assert first.done == ("a", "b", "d")
    assert second.ended == "finished"
    assert (second.done, second.kept) == (("c",), 3)
    assert second.superseded == ("c",)
    assert first.superseded == ("b",)
    assert ("numbers.1", "1", "5") in {(each.where, each.before, each.after) for each in third.changed}
    assert third.gates == {"gate.toy.total (at most 3)": "fail"}
    assert not third.superseded
    code, said = call("history", folder)
    assert code == 0
    assert "3 runs on record" in said
    assert "counts no more: b" in said
    assert "fail: gate.toy.total (at most 3)" in said
    assert len(json.loads(call("history", folder, "--json")[1])) == 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt:
    """Stops as a step does for the reason given."""

    why: str

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        if self.why == "review":
            raise DataError("round data-chats is required before train: it is not closed yet")
        if self.why == "signal":
            raise StoppedError("by SIGTERM; what was finished is kept")
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("reason", "ended"), [("review", "waiting"), ("signal", "stopped"), ("user", "stopped")]
)
def test_whoever_waits_or_was_stopped_did_not_fail(tmp_path: Path, reason: str, ended: str) -> None:
    step = Halt(why=reason)
    plan = Plan(name="halt", settings={}, jobs=(Job(id="halt", step=step, declared=step, inputs={}),))
    with pytest.raises((StepError, KeyboardInterrupt)):
        run(plan, tmp_path, screen=Silent())
    (attempt,) = history(tmp_path)
    assert attempt.ended == ended


def test_a_setting_once_taken_back_counts_again(tmp_path: Path) -> None:
    for b in (1, 2, 1):
        run(chain(b=b), tmp_path, screen=Silent())
    first, second, third = history(tmp_path)
    assert not first.superseded
    assert second.superseded == ("b", "c")
    assert third.kept == 4
    assert not third.done
    assert len([entry for entry in entries(tmp_path) if entry.happened == "run.started"]) == 3


def test_steps_are_compared_by_name_not_by_place() -> None:
    one = {"curate": [{"toxicity": {"limit": 0.5}}, {"personal": {}}]}
    two = {"curate": [{"duplicates": {"similarity": 0.8}}, {"toxicity": {"limit": 0.5}}, {"personal": {}}]}
    assert dict(flat(two)).items() - dict(flat(one)).items() == {("curate.duplicates.similarity", "0.8")}
    twice = dict(flat({"train": [{"sft": {"steps": 1}}, {"sft": {"steps": 2}}]}))
    assert twice == {"train.sft.steps": "1", "train.sft:2.steps": "2"}
    assert dict(flat({"a": [1, None], "b": []})) == {"a.0": "1", "a.1": "none", "b": "none"}
