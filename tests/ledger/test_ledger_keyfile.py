"""A person's key opens with its passphrase and in no other way."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from duecare.core import LedgerError
from duecare.ledger import keyfile
from duecare.ledger.keyfile import make_key, open_key, read_key

WORD = "a staple in the haystack"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little memory as the format allows: the cost itself is looked at below."""
    monkeypatch.setattr(keyfile, "MEMORY_KIB", 64)
    monkeypatch.setattr(keyfile, "PASSES", 1)


def test_a_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "dana.key"
    public = make_key(path, "dana", WORD)
    assert open_key(path, WORD).public == public
    assert read_key(path).name == "dana"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for wrong in (WORD + " ", WORD[:-1], "", WORD.upper()):
        with pytest.raises(LedgerError, match="does not open") as caught:
            open_key(path, wrong)
        assert not wrong or wrong not in str(caught.value)


def test_a_key_is_never_replaced_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "dana.key"
    public = make_key(path, "dana", WORD)
    with pytest.raises(LedgerError, match="never replaced"):
        make_key(path, "dana", WORD + "2")
    assert open_key(path, WORD).public == public
    assert os.listdir(tmp_path) == ["dana.key"]


@pytest.mark.parametrize("word", ["", "short", "aaaaaaaaaaaaaaaa"])
def test_a_passphrase_that_protects_nothing_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(LedgerError, match="at least 12 characters"):
        make_key(tmp_path / "dana.key", "dana", word)
    assert not (tmp_path / "dana.key").exists()


def test_every_changed_field_is_found(tmp_path: Path) -> None:
    path = tmp_path / "dana.key"
    make_key(path, "dana", WORD)
    make_key(tmp_path / "other.key", "other", WORD)
    plain, other = json.loads(path.read_text()), json.loads((tmp_path / "other.key").read_text())
    for field in plain:
        changed = plain | {field: other[field]}
        if field in ("memory_kib", "passes", "lanes"):
            changed[field] += 1
        if field in ("duecare", "kdf"):
            changed[field] = "none"
        path.write_text(json.dumps(changed))
        if changed == plain:
            continue
        with pytest.raises(LedgerError):
            open_key(path, WORD)
    path.write_text(json.dumps(plain))
    open_key(path, WORD)  # the control


@pytest.mark.parametrize(
    "cost", [{"memory_kib": 1 << 22}, {"passes": 1000}, {"lanes": 99}, {"memory_kib": 1}, {"passes": -1}]
)
def test_a_file_cannot_ask_for_any_memory_and_time(tmp_path: Path, cost: dict[str, int]) -> None:
    path = tmp_path / "dana.key"
    make_key(path, "dana", WORD)
    path.write_text(json.dumps(json.loads(path.read_text()) | cost))
    with pytest.raises(LedgerError, match="out of bounds"):
        open_key(path, WORD)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dana.key"
    make_key(path, "dana", WORD)
    path.chmod(0o644)
    with pytest.raises(LedgerError, match="open to others"):
        open_key(path, WORD)


def test_the_cost_is_that_of_the_rfc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    path = tmp_path / "dana.key"
    make_key(path, "dana", WORD)
    assert read_key(path).cost == (65_536, 3, 4)
    assert open_key(path, WORD).public == read_key(path).public
