"""The `storage` section: what it seals, what it leaves alone, and what it refuses."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from sound import SOUND
from sound import lay_out as lay_out_sound
from sound import read as read_study
from stored import ADA, CUSTOMER, MAIL, STUDY, call, lay_out

from duecare.cli.keeping import Store
from duecare.core import StudyError
from duecare.core.wire import encode
from duecare.ledger import entries
from duecare.ledger.digest import value_digest
from duecare.ledger.layout import scratch_folder
from duecare.model.tiny import write_tiny
from duecare.vault import envelope, home, keeping, memory, opened, stored
from duecare.vault.storage import Storage


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DUECARE_CACHE", str(tmp_path / "cache"))
    lay_out(tmp_path)
    return tmp_path


def bytes_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rows_lie_sealed_from_first_to_last_and_say_nothing(here):
    said = call("run", "study.yaml")
    assert said.exit_code == 0, said.output
    run = here / "runs" / "tiny"
    made = sorted(path.name.rpartition("-")[0] for path in (run / "artifacts").iterdir())
    assert {"read-chats", "subjects-chats", "duplicates-chats", "personal-pairs"} <= set(made)
    everything = bytes_of(run)
    for needle in (ADA, MAIL, CUSTOMER, "person3@mail.test"):
        assert not [path for path, data in everything.items() if needle.encode() in data]
    tables = [path for path in everything if path.name.startswith("kept.parquet")]
    plain = [path for path in tables if path.name == "kept.parquet"]
    assert {path.parent.name.rpartition("-")[0] for path in plain} == {"personal-pairs"}  # redacted: open
    with opened(next(path for path in tables if "duplicates-chats" in str(path))) as file:
        assert any(ADA in str(row) for row in pq.read_table(file).to_pylist())  # control: it is in there
    assert call("verify", "study.yaml").exit_code == 0
    assert sorted(path.name for path in (home() / "secrets").iterdir()) == [
        "data.tiny.chats.key",
        "data.tiny.pairs.key",
        "index.tiny.key",
        "tiny.key",
    ]
    again = call("run", "study.yaml")
    assert "Nothing to do" in again.output


def test_a_study_without_storage_is_what_it_was(here):
    (here / "study.yaml").write_text(STUDY.replace("storage: {seal: [rows]}\n", ""))
    assert call("run", "study.yaml").exit_code == 0
    run = here / "runs" / "tiny"
    (started,) = [entry for entry in entries(run) if entry.happened == "run.started"]
    assert "storage" not in started.settings
    assert not list((run / "artifacts").glob("subjects-*"))
    assert (next((run / "artifacts").glob("read-chats-*")) / "kept.parquet").exists()
    sealed = stored(next((run / "artifacts").glob("read-pairs-*")), "kept.parquet")
    assert sealed.read_bytes().startswith(b"duecare-sealed-1\n")
    assert [path.name for path in (home() / "secrets").iterdir()] == ["tiny.secret"]


def test_the_digest_of_a_study_without_storage_does_not_know_of_it(tmp_path):
    lay_out_sound(tmp_path)
    study = read_study(tmp_path, SOUND)
    assert study.storage is None
    assert "storage" not in study.settings()
    with_it = read_study(tmp_path, SOUND + "storage: {seal: [weights]}\n")
    assert value_digest(with_it.settings()) != value_digest(study.settings())
    rest = {name: value for name, value in with_it.settings().items() if name != "storage"}
    assert encode(rest) == encode(study.settings())


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("{seal: [rows], key: {passphrase: hunter2-hunter2}}", "storage.key"),
        ("{key: hunter2-hunter2}", "storage.key"),
        ("{key: {file: [hunter2-hunter2]}}", "storage.key"),
        ("{key: {wrap: [], unwrap: [hunter2-hunter2]}}", "storage.key"),
    ],
)
def test_a_secret_written_where_none_belongs_is_refused_and_not_repeated(here, given, field):
    (here / "study.yaml").write_text(STUDY.replace("{seal: [rows]}", given))
    said = call("check", "study.yaml")
    assert said.exit_code == 2
    assert field in said.output
    assert "hunter2" not in said.output
    with pytest.raises(StudyError) as told:
        read_study(here, STUDY.replace("{seal: [rows]}", given))
    assert "hunter2" not in str(told.value)


def test_a_key_file_is_found_from_the_study_and_its_path_is_not_on_record(here, monkeypatch):
    (here / "keys").mkdir()
    file = here / "keys" / "marked-name.key"
    file.write_bytes(bytes(range(64)))
    file.chmod(0o600)
    given = "{seal: [rows], key: {file: keys/marked-name.key}}"
    (here / "study.yaml").write_text(STUDY.replace("{seal: [rows]}", given))
    elsewhere = here / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    said = call("run", here / "study.yaml", "--run", here / "run")
    assert said.exit_code == 0, said.output
    assert "marked-name" not in (here / "run" / "ledger" / "log.jsonl").read_text()


def test_after_its_day_a_study_reads_no_more(here, monkeypatch):
    (here / "study.yaml").write_text(STUDY.replace("seal: [rows]", "seal: [rows], keep_until: 2030-06-30"))
    monkeypatch.setattr(envelope, "today", lambda: date(2030, 6, 30))
    assert call("run", "study.yaml").exit_code == 0
    monkeypatch.setattr(envelope, "today", lambda: date(2030, 7, 1))
    said = call("run", "study.yaml")
    assert said.exit_code == 2
    assert "2030-06-30" in said.output
    assert "forget" in said.output
    assert call("why", "study.yaml", "chats:7").exit_code in (0, 1)
    artifact = next((here / "runs" / "tiny" / "artifacts").glob("read-chats-*"))
    with pytest.raises(Exception, match="until 2030-06-30"):
        opened(stored(artifact, "kept.parquet"))
    early = call("forget", "study.yaml", "--expired")
    assert "Nothing was destroyed" in early.output
    done = call("forget", "study.yaml", "--expired", "--yes")
    assert done.exit_code == 0, done.output
    assert list((home() / "secrets").iterdir()) == []
    verified = call("verify", "study.yaml")
    assert verified.exit_code == 0
    assert "the day until which they may be kept is past" in " ".join(verified.output.split())


def test_before_its_day_nothing_expires(here):
    assert call("run", "study.yaml").exit_code == 0
    said = call("forget", "study.yaml", "--expired", "--yes")
    assert said.exit_code == 1
    assert "no day" in said.output
    (here / "study.yaml").write_text(STUDY.replace("seal: [rows]", "seal: [rows], keep_until: 2999-06-30"))
    assert call("run", "study.yaml").exit_code == 0
    said = call("forget", "study.yaml", "--expired", "--yes")
    assert said.exit_code == 1
    assert "not past" in said.output
    assert len(list((home() / "secrets").iterdir())) == 4


def test_what_a_killed_training_left_on_the_disk_is_not_published_beside_what_is_sealed(
    tmp_path, monkeypatch
):
    """Weights in plain, from before the study sealed them; or a model that was sealed in part."""
    job = SimpleNamespace(id="sft", kind="duecare.train.sft.Sft")
    plan, key = SimpleNamespace(storage=Storage(seal=("weights",)), name="tiny"), "0f" * 32
    left = scratch_folder(tmp_path, job.id, key)
    (left / ".resume").mkdir(parents=True)
    (left / ".resume" / "state.npz").write_bytes(b"weights")
    (left / "early.safetensors").write_bytes(b"weights")
    with keeping(plan.storage.keeping):
        store = Store(plan, tmp_path, "0d" * 8, ())
        try:
            out = store.workplace(job, key, {})
            assert not left.exists()
            (out / "model.safetensors").write_bytes(b"weights")
            made = store.finished(job, key, out)
        finally:
            memory.clear("0d" * 8)
    assert [path.name for path in made.iterdir()] == ["model.safetensors.sealed"]


TRAINED = """\
study: {name: tiny}
model: {base: tiny-model}
data:
  chats: {source: chats.jsonl, kind: chat}
  pairs: {source: pairs.jsonl, kind: preference}
train:
  - sft: {on: chats, steps: 2, batch_size: 2, max_tokens: 64}
evaluate: {suites: [heldout], max_tokens: 4, rows: 2}
storage: {seal: [rows, weights], key: passphrase}
"""


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of JAX and Flax among themselves
def test_models_are_trained_evaluated_and_forgotten_without_a_plain_byte_on_the_disk(here, monkeypatch):
    monkeypatch.setenv("DUECARE_PASSPHRASE", "a passphrase for tests")
    write_tiny(here / "tiny-model")
    (here / "study.yaml").write_text(TRAINED)
    said = call("run", "study.yaml")
    assert said.exit_code == 0, said.output
    run = here / "runs" / "tiny"
    weights = [path for path in run.rglob("*safetensors*") if path.is_file()]
    assert weights
    assert {path.suffix for path in weights} == {".sealed"}
    assert {path.name for path in run.rglob("train.parquet*")} == {"train.parquet.sealed"}
    assert ADA.encode() not in b"".join(bytes_of(run / "artifacts").values())
    assert (next((run / "artifacts").glob("sft-*")) / "model" / "config.json").is_file()
    assert [path.name for path in run.rglob("answers.parquet*")] == ["answers.parquet.sealed"]
    assert call("verify", "study.yaml").exit_code == 0
    from duecare.cli.talk import models_of, shown

    with shown(models_of(run)) as folders:
        assert (folders["tuned"] / "model.safetensors").is_file()

    said = call("forget", "study.yaml", "--subject", MAIL, "--models", "--yes")
    assert said.exit_code == 0, said.output
    assert "sft" in said.output
    assert "evaluate" in said.output
    left = {path.name for path in (home() / "secrets").iterdir()}
    assert left == {"data.tiny.pairs.key", "index.tiny.key"}
    page = (run / "report" / "report.html").read_text("utf-8")
    card = (run / "report" / "model_card.md").read_text("utf-8")
    for text in (page, card, call("lineage", "study.yaml").output, call("verify", "study.yaml").output):
        assert "trained again" in " ".join(text.split())
    with pytest.raises(Exception, match="not here"), shown(models_of(run)):
        pass
