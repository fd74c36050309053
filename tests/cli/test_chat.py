"""A conversation with the models of a run: whose answers, who remembers what, and that nothing is written."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console
from typer.testing import CliRunner

from duecare.cli.main import app
from duecare.cli.show_chat import converse, printable, show
from duecare.cli.standing import plan_note
from duecare.cli.talk import Talk, models_of
from duecare.core import LedgerError, ModelError
from duecare.ledger import sign
from duecare.ledger.digest import key_of_step, value_digest
from duecare.ledger.record import Recorder
from duecare.model.fetch import Fetch
from duecare.model.tiny import write_tiny


def echo(name):
    """Answers with its name, how many turns it saw, and the last of them."""
    return lambda turns: f"{name} {len(turns)} {turns[-1].content}"


@pytest.fixture
def talk():
    return Talk({"base": echo("B"), "tuned": echo("T")})


def said(talk, *lines, width=200, terminal=False):
    out = io.StringIO()
    converse(talk, iter(lines), Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue()


def test_each_model_remembers_its_own_side(talk):
    talk.ask("one")
    assert talk.ask("two") == {"base": "B 3 two", "tuned": "T 3 two"}
    assert [turn.content for turn in talk.turns["base"]] == ["one", "B 1 one", "two", "B 3 two"]
    assert [turn.content for turn in talk.turns["tuned"]] == ["one", "T 1 one", "two", "T 3 two"]


def test_reset_forgets_and_quit_ends(talk):
    shown = said(talk, "one", "/reset", "two", "", "/quit", "three")
    assert "base: B 1 one" in shown
    assert "tuned: T 1 two" in shown
    assert "three" not in shown
    assert len(talk.turns["base"]) == 2


def test_an_unknown_command_is_not_asked(talk):
    shown = said(talk, "/rest")
    assert "/rest is no command" in shown
    assert talk.turns["base"] == []


def test_what_cannot_be_answered_leaves_no_trace(talk):
    def refuse(turns):
        raise ModelError("the question is too long")

    talk.answer["tuned"] = refuse
    shown = said(talk, "one")
    assert "too long" in shown
    assert talk.turns == {"base": [], "tuned": []}


def test_answers_stand_side_by_side_only_where_there_is_room(talk):
    wide, narrow, piped = (
        said(talk, "one", width=width, terminal=terminal)
        for width, terminal in ((120, True), (60, True), (120, False))
    )
    assert any("B 1 one" in line and "T" in line for line in wide.splitlines())
    for below in (narrow, piped):
        assert not any("base: B" in line and "T " in line for line in below.splitlines())


def test_a_model_cannot_steer_the_terminal():
    out = io.StringIO()
    show({"base": "\x1b[2Jgone [red]not red[/]\r\n"}, Console(file=out, color_system=None))
    assert "\x1b" not in out.getvalue()
    assert "[red]not red[/]" in out.getvalue()
    assert printable("a\tb\nc\x07é") == "a\tb\nc\ufffdé"


def test_save_writes_both_sides_once(talk, tmp_path):
    path = tmp_path / "kept.jsonl"
    shown = said(talk, "one", f"/save {path}", f"/save {path}")
    assert "Wrote 4 turns" in shown
    assert "is there already" in shown
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["model"] for line in lines] == ["base", "base", "tuned", "tuned"]
    assert lines[1] == {"model": "base", "role": "assistant", "content": "B 1 one"}


class Made:
    """A run on record with a tiny base, and what is said to have been trained from it."""

    def __init__(self, folder):
        self.folder = folder / "run"
        self.model = write_tiny(folder / "tiny")
        key = sign.load_or_create(folder / "keys")
        self.recorder = Recorder(self.folder, key, "tester", lambda: datetime.now(UTC))

    def begin(self, *jobs):
        self.recorder.append("run.started", note=plan_note(jobs, []))

    def job(self, name, step, write):
        out = self.folder / "scratch" / name
        out.mkdir(parents=True)
        write(out)
        settings = {"name": name}
        key = key_of_step(step, value_digest(settings), 0, {}, "1")
        artifact = self.recorder.publish(out, name, key)
        self.recorder.append(
            "step.finished",
            job=name,
            step=step,
            step_key=key,
            settings=settings,
            seed=0,
            outputs={artifact.path.relative_to(self.folder).as_posix(): artifact.digest},
            software={"duecare": "1"},
        )
        return artifact.path

    def base(self):
        return self.job(
            "base",
            "duecare.model.fetch.Fetch",
            lambda out: Fetch(name=str(self.model)).run({}, out, lambda _: None),
        )

    def trained(self, name, seed):
        def write(out):
            write_tiny(out / "model", seed=seed)

        return self.job(name, "duecare.train.sft.Sft", write)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DUECARE_HOME", str(tmp_path / "keys"))
    found = Made(tmp_path)
    yield found
    found.recorder.close()


def test_base_and_the_last_trained_model_that_speaks_are_found(made):
    made.begin("base", "sft", "dpo", "reward")
    made.base()
    assert set(models_of(made.folder)) == {"base"}
    made.trained("sft", 1)
    dpo = made.trained("dpo", 2)
    reward = made.trained("reward", 3)
    config = json.loads((dpo / "model" / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert models_of(made.folder)["tuned"] == reward / "model"
    silent = config | {"architectures": ["LlamaForSequenceClassification"]}
    (reward / "model" / "config.json").write_text(json.dumps(silent))
    assert models_of(made.folder)["tuned"] == dpo / "model"


def test_a_changed_model_is_not_talked_to(made):
    made.begin("base", "sft")
    made.base()
    folder = made.trained("sft", 1)
    weights = folder / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(LedgerError, match="is not as it was recorded"):
        models_of(made.folder)


def test_a_run_without_a_model_says_so(made):
    made.begin("read:chats")
    with pytest.raises(LedgerError, match="no model on record yet"):
        models_of(made.folder)


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_a_piped_conversation_with_real_models_writes_nothing(made, monkeypatch):
    made.begin("base", "sft")
    made.base()
    made.trained("sft", 5)
    before = sorted(path for path in made.folder.rglob("*"))
    words = ["chat", str(made.folder), "--max-tokens", "8"]
    found = CliRunner().invoke(app, words, input="Hello?\nAnd now?\n/reset\nHello?\n")
    assert found.exit_code == 0, found.output
    answers = [line.partition(": ") for line in found.output.splitlines() if ": " in line]
    base = [text for name, _, text in answers if name == "base"]
    tuned = [text for name, _, text in answers if name == "tuned"]
    assert base != tuned
    assert base[0] == base[-1]
    assert sorted(path for path in made.folder.rglob("*")) == before
