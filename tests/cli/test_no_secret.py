"""No secret and no personal value in what is written: everything is run with marked ones, and searched."""

from __future__ import annotations

import base64
import gzip
import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spilled import everything, forms, spilled
from stored import call

from duecare.model.tiny import write_tiny

ENVIRONMENT = {
    "DUECARE_PASSPHRASE": "marked-passphrase-Xq7Rt2",
    "AWS_SECRET_ACCESS_KEY": "marked/aws+secret/Jw8Kp4mZ",
    "HF_TOKEN": "hf_markedTokenLm5Vb9Qd3",
    "MARKED_FOLDER": "marked-folder-Yh3Nc6",
}
PEOPLE = {
    "name": "Zoë Quillmarkson",
    "mail": "zoe.quillmarkson@marked-mail.test",
    "phone": "+44 7700 912347",
    "card": "4539 1488 0343 6467",
    "malformed": "Malformed-Rowholder-Tz41",
}
STUDY_SECRET = {"study": "marked-study-secret-Bn2Wd8"}
EVERY = ENVIRONMENT | PEOPLE | STUDY_SECRET
STUDY = """\
study: {name: tiny, purpose: "a test", owner: "the team"}
model: {base: tiny-model}
groups: {columns: [gender]}
data:
  chats: {source: $MARKED_FOLDER/chats.jsonl, kind: chat}
  raw: {source: $MARKED_FOLDER/raw.jsonl, kind: preference}
curate:
  - toxicity: {on: chats, limit: 0.5}
  - duplicates
  - personal: {on: chats, replace: surrogate, keep_map: true}
  - canaries: {on: raw, count: 2, controls: 4, repeats: [1]}
train:
  - sft: {on: chats, steps: 2}
  - dpo: {on: raw, steps: 2, batch_size: 2}
memorise:
  - canaries: {on: raw, rows: 10}
  - records: {on: chats, values: 4, rows: 4, prefixes: [4], tokens: 8, copied: 8, decoys: 4}
evaluate: {suites: [heldout], max_tokens: 4, rows: 3}
gates: [{metric: heldout.perplexity, at_most: 1.0e+9}]
storage: {seal: [rows, weights], key: passphrase}
"""


def lay_out(folder, study):
    place = folder / ENVIRONMENT["MARKED_FOLDER"]
    place.mkdir()
    write_tiny(folder / "tiny-model")
    chats, pairs = [], []
    told = f"I am {PEOPLE['name']}, {PEOPLE['mail']}, {PEOPLE['phone']}, card {PEOPLE['card']}."
    for i in range(30):
        asked = f"My name is {told} Ask {i}" if i % 5 == 0 else f"Ask {i}"
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"Say {i}"}]
        chats.append({"messages": turns, "gender": "women" if i % 3 else "men"})
        pairs.append({"prompt": asked, "chosen": f"Good {i}, {PEOPLE['mail']}", "rejected": f"Bad {i}"})
    chats += [chats[0], {"messages": PEOPLE["malformed"], "gender": "men"}, {"other": PEOPLE["malformed"]}]
    for name, rows in (("chats", chats), ("raw", pairs)):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        lines += ['{"messages": [' + json.dumps(PEOPLE["malformed"])] if name == "chats" else []
        (place / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    (folder / "study.yaml").write_text(study)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def said_by(here, *, forget=True):
    """What every command says on the way through a whole run."""
    said = {}

    def say(name, *words, given=""):
        done = call(*words, given=given)
        said[name] = done.output + repr(done.exception)
        return done

    wrong = STUDY.replace("key: passphrase", "key: {passphrase: " + STUDY_SECRET["study"] + "}")
    (here / "wrong.yaml").write_text(wrong)
    assert say("wrong", "check", "wrong.yaml").exit_code == 2
    say("no store", "push", "runs/tiny", f"s3://key:{STUDY_SECRET['study']}@bucket")
    say("check", "check", "study.yaml")
    ran = say("run", "run", "study.yaml")
    assert ran.exit_code == 0, ran.output
    for command in ("status", "verify", "history", "lineage", "report", "memorised", "attest", "checkpoint"):
        say(command, command, "study.yaml")
    say("why", "why", "study.yaml", "chats:5")
    say("why malformed", "why", "study.yaml", "chats:31")
    say("recompute", "verify", "study.yaml", "--recompute")
    say("bundle", "bundle", "study.yaml", "--out", "out.tar", "--artifact", "all")
    say("push", "push", "study.yaml", "store")
    say("pull", "pull", "store", "--out", "back")
    say("diff", "diff", "study.yaml", "back")
    if forget:
        done = say("forget", "forget", "study.yaml", "--subject", "-", "--yes", given=PEOPLE["mail"] + "\n")
        assert done.exit_code == 0, done.output
        say("again", "run", "study.yaml")
        say("after", "verify", "study.yaml")
    return {f"said by {name}": [text.encode()] for name, text in said.items()}


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_nothing_marked_stands_in_anything_that_was_written(here, own_home, caplog, capfd):
    lay_out(here, STUDY)
    with caplog.at_level(logging.DEBUG):
        places = said_by(here)
    shown = capfd.readouterr()
    places["logs"] = [caplog.text.encode()]
    places["terminal"] = [shown.out.encode(), shown.err.encode()]
    places["bundle"] = everything_in(here, "out.tar")
    places |= everything(here / "runs", here / "back", own_home)
    places |= everything(here / "store")
    assert len(places) > 100
    assert spilled(EVERY, places) == set()


def everything_in(here, name):
    from spilled import contents

    return contents(here / name)


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_control_without_sealing_and_redaction_the_search_finds_them(here, own_home):
    leaking = STUDY.replace("storage: {seal: [rows, weights], key: passphrase}\n", "").replace(
        "  - personal: {on: chats, replace: surrogate, keep_map: true}\n", ""
    )
    leaking = leaking[: leaking.index("  - canaries:")]
    lay_out(here, leaking.replace("model: {base: tiny-model}\n", ""))
    assert call("run", "study.yaml").exit_code == 0
    assert call("push", "study.yaml", "store").exit_code == 0
    found = spilled(EVERY, everything(here / "runs", here / "store"))
    assert {name for name, _, _ in found} == {"name", "mail", "phone", "card"}
    assert any("/store/" in place for _, _, place in found)


@pytest.mark.parametrize("form", sorted(forms("x" * 24)))
def test_control_the_search_finds_a_leak_in_every_form(tmp_path, form):
    value = PEOPLE["mail"]
    (tmp_path / "leak.txt").write_bytes(b"before " + forms(value)[form] + b" after")
    assert form in {found for _, found, _ in spilled({"mail": value}, everything(tmp_path))}


@pytest.mark.parametrize("before", range(6))
def test_control_base64_is_found_wherever_it_begins(tmp_path, before):
    (tmp_path / "a.txt").write_bytes(base64.b64encode(b"b" * before + PEOPLE["name"].encode() + b"and more"))
    assert spilled(PEOPLE, everything(tmp_path))


def test_control_what_is_packed_is_looked_into(tmp_path):
    table = pa.table({"text": [f"I am {PEOPLE['name']}"] * 3})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    (tmp_path / "b.gz").write_bytes(gzip.compress(PEOPLE["card"].encode()))
    found = {(name, place.rpartition("/")[2]) for name, _, place in spilled(PEOPLE, everything(tmp_path))}
    assert {("name", "a.parquet"), ("card", "b.gz")} <= found
    assert spilled(STUDY_SECRET | ENVIRONMENT, everything(tmp_path)) == set()
