"""Data keys in envelopes: only their guard gives them back, and no changed or exchanged one passes."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from duecare.core import LedgerError, StudyError
from duecare.vault import destroy, envelope, held, home, keeping, secret
from duecare.vault.envelope import Keeping
from duecare.vault.guards import COMMANDS, PASSPHRASE, KeyCommand, KeyFile, Keyring, Passphrase, Plain
from duecare.vault.storage import CommandKey, FileKey, Storage

XOR = """\
import sys
key = sys.stdin.buffer.read()
sys.stdout.buffer.write(bytes(each ^ 0x5A for each in key))
"""


@pytest.fixture
def phrase(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(PASSPHRASE, "correct horse battery staple")
    return "correct horse battery staple"


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMANDS, os.pathsep.join((sys.executable, "/nowhere/kms")))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "vault.key"
    path.write_bytes(os.urandom(64))
    path.chmod(0o600)
    return path


def fresh() -> None:
    """As another process would be: nothing is known any more."""
    envelope._known.clear()


def record(name: str = "data.s.chats") -> Path:
    return home() / "secrets" / f"{name}.key"


def guards(key_file: Path) -> list:
    argv = (sys.executable, "-c", XOR)
    return [Plain(), Passphrase(), KeyFile(str(key_file)), KeyCommand(argv, argv)]


@pytest.mark.parametrize("which", range(4))
def test_a_key_comes_back_from_its_guard_and_lies_wrapped(which: int, phrase: str, key_file: Path) -> None:
    guard = guards(key_file)[which]
    with keeping(Keeping(guard)):
        made = secret(home(), "data.s.chats")
    fresh()
    assert held(home(), "data.s.chats") == made  # also where no way of keeping is in force
    lying = record().read_bytes()
    assert record().stat().st_mode & 0o077 == 0
    assert phrase.encode() not in lying
    if which:
        assert base64.b64encode(made) not in lying
    assert destroy(home(), "data.s.chats")
    assert held(home(), "data.s.chats") is None


@pytest.mark.parametrize("which", range(4))
def test_a_changed_record_and_one_of_another_key_are_refused(which: int, phrase: str, key_file: Path) -> None:
    with keeping(Keeping(guards(key_file)[which])):
        secret(home(), "data.s.chats")
        secret(home(), "data.s.pairs")
    fresh()
    other = json.loads(record("data.s.pairs").read_text())
    record().write_text(json.dumps(other | {"name": "data.s.chats"}))
    with pytest.raises(LedgerError, match=r"key data\.s\.chats cannot be opened"):
        held(home(), "data.s.chats")
    field = {0: "key"}.get(which, "wrapped")
    flipped = ("B" if other[field][3] == "A" else "A").join((other[field][:3], other[field][4:]))
    wrong = [{"n": "131073"}, {"n": "1048576", "r": "17"}, {"p": "0"}] if which == 1 else []
    for changed in (*wrong, {field: flipped}, {"until": "2999-01-01"}, {"kind": "home"}, {"check": "0" * 64}):
        fresh()
        record("data.s.pairs").write_text(json.dumps(other | changed))
        if changed == {"kind": "home"} and which == 0:
            continue
        with pytest.raises(LedgerError, match=r"key data\.s\.pairs cannot be opened"):
            held(home(), "data.s.pairs")


def test_another_passphrase_opens_nothing(phrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping(Keeping(Passphrase())):
        secret(home(), "data.s.chats")
    fresh()
    monkeypatch.setenv(PASSPHRASE, "Correct horse battery staple")
    with pytest.raises(LedgerError, match="the passphrase is another one") as told:
        held(home(), "data.s.chats")
    assert "staple" not in str(told.value)
    monkeypatch.delenv(PASSPHRASE)
    with pytest.raises(LedgerError, match=f"set {PASSPHRASE}"):
        held(home(), "data.s.chats")


def test_a_passphrase_of_any_bytes_opens_what_it_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, os.fsdecode(b"correct \xff\xfe staple"))
    with keeping(Keeping(Passphrase())):
        made = secret(home(), "data.s.chats")
    fresh()
    assert held(home(), "data.s.chats") == made


def test_a_short_passphrase_wraps_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "hunter2")
    with keeping(Keeping(Passphrase())), pytest.raises(LedgerError, match="at least 12") as told:
        secret(home(), "data.s.chats")
    assert "hunter2" not in str(told.value)
    assert list((home() / "secrets").iterdir()) == []


def test_a_key_file_must_be_there_be_long_and_be_its_owners_alone(key_file: Path) -> None:
    with keeping(Keeping(KeyFile(str(key_file)))):
        secret(home(), "data.s.chats")
    fresh()
    key_file.chmod(0o640)
    with pytest.raises(LedgerError, match="open to others"):
        held(home(), "data.s.chats")
    key_file.chmod(0o600)
    key_file.write_bytes(os.urandom(64))
    with pytest.raises(LedgerError, match="the key file is another one"):
        held(home(), "data.s.chats")
    key_file.write_bytes(b"short")
    with pytest.raises(LedgerError, match="has 5 bytes"):
        held(home(), "data.s.chats")
    key_file.unlink()
    with pytest.raises(LedgerError, match="cannot be read"):
        held(home(), "data.s.chats")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", "wraps nothing"),
        ("import sys; print('the key is', sys.stdin.buffer.read(), file=sys.stderr); sys.exit(3)", "refused"),
        ("pass", "answered 0 bytes"),
        ("print('x' * 100_000)", "answered 100001 bytes"),
    ],
)
def test_a_command_that_does_not_do_its_work_is_told(program: str, said: str) -> None:
    argv = (sys.executable, "-c", program)
    with keeping(Keeping(KeyCommand(argv, argv))), pytest.raises(LedgerError, match=said):
        secret(home(), "data.s.chats")
    missing = ("/nowhere/kms",)
    with (
        keeping(Keeping(KeyCommand(missing, missing))),
        pytest.raises(LedgerError, match="cannot be started"),
    ):
        secret(home(), "data.s.chats")


def test_a_study_of_somebody_else_runs_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = (sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')")
    for allowed in ("", "/nowhere/kms", sys.executable + "x"):
        monkeypatch.setenv(COMMANDS, allowed)
        with keeping(Keeping(KeyCommand(argv, argv))), pytest.raises(LedgerError, match=COMMANDS):
            secret(home(), "data.s.chats")
    assert not (tmp_path / "ran").exists()


def test_a_command_is_a_list_and_sees_no_passphrase(phrase: str, tmp_path: Path) -> None:
    program = "import os,sys; sys.stdin.read(0); sys.exit(7 if 'DUECARE_PASSPHRASE' in os.environ else 5)"
    argv = (sys.executable, "-c", program, f"; touch {tmp_path}/shell", "$(id)")
    with keeping(Keeping(KeyCommand(argv, argv))), pytest.raises(LedgerError, match="exit code 5"):
        secret(home(), "data.s.chats")
    assert not (tmp_path / "shell").exists()


def test_the_keyring_of_the_system_keeps_the_key_that_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend
    from keyring.errors import NoKeyringError

    class Memory(KeyringBackend):
        priority = 1  # type: ignore[assignment]
        kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    before, ours = keyring.get_keyring(), Memory()
    try:
        keyring.set_keyring(ours)
        with keeping(Keeping(Keyring())):
            made = secret(home(), "data.s.chats")
        fresh()
        assert held(home(), "data.s.chats") == made
        assert list(ours.kept) == [("duecare", "vault")]
        ours.kept.clear()
        fresh()
        with pytest.raises(LedgerError, match="does not hold the key"):
            held(home(), "data.s.chats")

        def refuse(*_: str) -> None:
            raise NoKeyringError("SECRET WORDS")

        monkeypatch.setattr(keyring, "get_password", refuse)
        with pytest.raises(LedgerError, match="NoKeyringError") as told:
            held(home(), "data.s.chats")
        assert "SECRET" not in str(told.value)
    finally:
        keyring.set_keyring(before)


def test_a_secret_that_lay_open_moves_into_an_envelope_and_stays_the_same(phrase: str) -> None:
    open_one = secret(home(), "study")
    with keeping(Keeping(Passphrase())):
        assert secret(home(), "study") == open_one
    assert [path.name for path in (home() / "secrets").iterdir()] == ["study.key"]
    fresh()
    assert held(home(), "study") == secret(home(), "study") == open_one


def test_after_its_day_a_key_opens_nothing_and_before_it_the_day_may_move(
    monkeypatch: pytest.MonkeyPatch, key_file: Path
) -> None:
    monkeypatch.setattr(envelope, "today", lambda: date(2026, 1, 31))
    with keeping(Keeping(Plain(), date(2026, 1, 31))):
        made = secret(home(), "data.s.chats")
        assert held(home(), "data.s.chats") == made
    with keeping(Keeping(KeyFile(str(key_file)), date(2026, 2, 28))):
        envelope.renew(home(), "other")
        envelope.renew(home(), "chats")
        assert json.loads(record().read_text())["until"] == "2026-01-31"  # control: not of that study
        envelope.renew(home(), "s")
    assert json.loads(record().read_text())["kind"] == "file"
    monkeypatch.setattr(envelope, "today", lambda: date(2026, 2, 28))
    assert held(home(), "data.s.chats") == made
    monkeypatch.setattr(envelope, "today", lambda: date(2026, 3, 1))
    with pytest.raises(LedgerError, match="to be used until 2026-02-28"):
        held(home(), "data.s.chats")
    with keeping(Keeping(Plain(), date(2026, 12, 31))), pytest.raises(LedgerError, match="until 2026-02-28"):
        envelope.renew(home(), "s")  # a day that is past does not move any more


KILLED = """
import os, signal, sys
from pathlib import Path
from duecare.vault import envelope, home, keys, secret
from duecare.vault.envelope import Keeping, keeping
from duecare.vault.guards import KeyFile, Plain
call = sys.argv[1]
def dying(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if call == "made":
    keys.Path.unlink = dying
with keeping(Keeping(Plain())):
    secret(home(), "data.s.chats")
if call == "renewed":
    keys._overwrite = dying
setattr(os, call, dying)
with keeping(Keeping(KeyFile(sys.argv[2]))):
    envelope.renew(home(), "s")
"""


@pytest.mark.parametrize("call", ["made", "replace", "renewed"])
def test_a_write_that_was_killed_leaves_no_copy_that_outlives_the_key(call: str, key_file: Path) -> None:
    words = [sys.executable, "-c", KILLED, call, str(key_file)]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = home() / "secrets"
    left = [path for path in folder.iterdir() if path != record()]
    assert left  # the control: a copy was there
    assert held(home(), "data.s.chats") is not None
    assert destroy(home(), "data.s.chats")
    assert list(folder.iterdir()) == []


def test_what_an_envelope_replaced_is_overwritten(key_file: Path) -> None:
    with keeping(Keeping(Plain())):
        made = secret(home(), "data.s.chats")
    other = record().with_name("seen")
    os.link(record(), other)  # as whoever reads the disk itself
    with keeping(Keeping(KeyFile(str(key_file)))):
        envelope.renew(home(), "s")
    fresh()
    assert held(home(), "data.s.chats") == made
    assert base64.b64encode(made) not in other.read_bytes()


def test_only_keys_of_the_study_are_renewed(key_file: Path) -> None:
    names = ["s", "index.s", "data.s.chats", "weights.s.train-sft", "data.other.s.chats", "data.ss.chats"]
    with keeping(Keeping(Plain())):
        for name in names:
            secret(home(), name)
    with keeping(Keeping(KeyFile(str(key_file)))):
        envelope.renew(home(), "s")
    kinds = {name: json.loads(record(name).read_text())["kind"] for name in names}
    assert [kinds[name] for name in names] == ["file"] * 4 + ["home"] * 2


def test_names_are_short_and_apart() -> None:
    assert envelope.named("data", "s", "chats") == "data.s.chats"
    long, other = (envelope.named("data", "s" * 60, name * 60) for name in "ab")
    assert len(long) <= 100
    assert long != other


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"seal": ()}, "seal"),
        ({"seal": ("rows", "rows")}, "seal"),
        ({"seal": ("ledger",)}, "seal"),
        ({"key": "hunter2"}, "key"),
        ({"keep_until": "31.1.2027"}, "keep_until"),
        ({"keep_until": "2027-02-30"}, "keep_until"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(given: dict, field: str) -> None:
    with pytest.raises(StudyError, match=rf"storage\.{field}") as told:
        Storage(**given)
    assert "hunter2" not in str(told.value)


def test_what_is_recorded_names_neither_path_nor_command() -> None:
    for key, kind in (
        (FileKey(file="/home/me/k"), "file"),
        (CommandKey(wrap=("a",), unwrap=("b",)), "command"),
    ):
        said = Storage(key=key, keep_until="2027-01-31").recorded()
        assert said == {"seal": ["rows"], "key": kind, "keep_until": "2027-01-31", "index": True}
    with pytest.raises(StudyError, match="a program"):
        CommandKey(wrap=(), unwrap=("b",))
    with pytest.raises(StudyError, match="the path of a file"):
        FileKey(file=" ")
