"""A witness co-signs what only grew, and nothing else; verify says what its line proves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_run import KEY, OTHER_KEY, failures, log_lines, open_run, sign, write_lines

from duecare.core import FAIL, INSUFFICIENT, PASS, Finding, LedgerError
from duecare.ledger import Key, head, verify
from duecare.ledger.chain import leaf_hash
from duecare.ledger.checkpoint import CHECKPOINT, parse_checkpoint, sign_checkpoint, with_lines, witness_key
from duecare.ledger.note import NoteKey
from duecare.ledger.proof import consistency
from duecare.ledger.witness import Request, Witness, parse_request, request_for


def clock() -> datetime:
    return datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "elsewhere", "desk.example/w1", clock)


def leaves(run: Path) -> list[bytes]:
    return [leaf_hash(line[:-1]) for line in log_lines(run)]


def request(run: Path, old: int = 0, key: Key = KEY) -> Request:
    note = sign_checkpoint(head(run), key)
    return Request(old, tuple(consistency(leaves(run), old)), note.encode())


def grow(run: Path, key: Key = KEY) -> None:
    with open_run(run, key) as recorder:
        recorder.append("told", job="toxicity:chats")


def put(run: Path, witness: Witness, asked: Request, key: str | None = KEY.public) -> None:
    """What `duecare checkpoint --add` does: the witness's line comes under the note."""
    _, note = parse_checkpoint(asked.note)
    signed = with_lines(note, [witness.cosign(asked, key)])
    (run / "ledger" / CHECKPOINT).write_bytes(signed.encode())


def found(run: Path, name: str, *witnesses: NoteKey) -> Finding:
    (one,) = [each for each in verify(run, witnesses=witnesses) if each.name == f"verify.{name}"]
    return one


def test_what_only_grew_is_cosigned_again_and_again(run: Path, witness: Witness) -> None:
    put(run, witness, request(run))
    assert found(run, "witness", witness.key).verdict == PASS
    assert "2031-05-06T07:08:09" in found(run, "witness", witness.key).detail
    for _ in range(3):
        seen = witness.seen(head(run).run)
        assert seen is not None
        grow(run)
        put(run, witness, request(run, seen.size), None)
    assert found(run, "witness", witness.key).verdict == PASS
    assert not failures(run)


def test_a_witness_has_one_name(tmp_path: Path, witness: Witness) -> None:
    home = tmp_path / "elsewhere"
    assert Witness(home, None, clock).key == witness.key
    with pytest.raises(LedgerError, match="never signs under two names"):
        Witness(home, "desk.example/w2", clock)
    with pytest.raises(LedgerError, match="no name yet"):
        Witness(tmp_path / "nowhere", None, clock)
    with pytest.raises(LedgerError, match="key name"):
        Witness(tmp_path / "nowhere", "two words", clock)


def test_a_run_makes_its_request(run: Path, witness: Witness) -> None:
    with pytest.raises(LedgerError, match="checkpoint"):
        request_for(run, 0)
    put(run, witness, request(run))
    seen = head(run).size
    grow(run)
    put(run, witness, request(run, seen))
    assert request_for(run, seen).proof == request(run, seen).proof
    with pytest.raises(LedgerError, match="no proof from"):
        request_for(run, seen + 2)


def test_the_request_travels_as_bytes(run: Path) -> None:
    asked = request(run, 3)
    assert parse_request(asked.encode()) == asked
    assert asked.encode().startswith(b"old 3\n")
    for data in (b"", b"old 3", b"old 03\n\nx", b"old 3\n!!\n\nx", b"old 3\nAAAA\n\nx", b"old -1\n\nx"):
        with pytest.raises(LedgerError):
            parse_request(data)
    with pytest.raises(LedgerError, match="at most 63"):
        parse_request(Request(3, (b"x" * 32,) * 64, asked.note).encode())


def test_a_rollback_is_refused(run: Path, witness: Witness, tmp_path: Path) -> None:
    older = shutil.copytree(run, tmp_path / "older")
    grow(run)
    witness.cosign(request(run), KEY.public)
    with pytest.raises(LedgerError, match="rolled back"):
        witness.cosign(request(Path(older)), KEY.public)


def test_a_rewritten_log_is_refused(run: Path, witness: Witness) -> None:
    witness.cosign(request(run), KEY.public)
    seen = head(run).size
    lines = log_lines(run)
    write_lines(run, [*lines[:2], lines[3], lines[2], *lines[4:]])
    sign(run, KEY)
    with pytest.raises(LedgerError, match="rewritten"):
        witness.cosign(request(run, seen))
    note = request(run).note
    with pytest.raises(LedgerError, match="rewritten"):
        witness.cosign(Request(seen, (b"\0" * 32,), note))


def test_another_key_is_refused(run: Path, witness: Witness) -> None:
    with pytest.raises(LedgerError, match="name the public key"):
        witness.cosign(request(run))
    with pytest.raises(LedgerError, match="not signed by key"):
        witness.cosign(request(run), OTHER_KEY.public)
    with pytest.raises(LedgerError, match="hex digits"):
        witness.cosign(request(run), "KEY")
    assert witness.seen(head(run).run) is None  # a refusal is not remembered as a sight
    witness.cosign(request(run), KEY.public)
    sign(run, OTHER_KEY)
    with pytest.raises(LedgerError, match="not signed by key"):
        witness.cosign(request(run, head(run).size, OTHER_KEY))
    with pytest.raises(LedgerError, match="is known by key"):
        witness.cosign(request(run, head(run).size, OTHER_KEY), OTHER_KEY.public)


def test_the_proof_goes_on_from_what_was_seen(run: Path, witness: Witness) -> None:
    witness.cosign(request(run), KEY.public)
    seen = head(run).size
    grow(run)
    with pytest.raises(LedgerError, match=f"--since {seen}"):
        witness.cosign(request(run, seen - 1))
    with pytest.raises(LedgerError, match=f"--since {seen}"):
        witness.cosign(request(run, 0))


def test_a_damaged_memory_is_no_reason_to_trust_anew(run: Path, witness: Witness, tmp_path: Path) -> None:
    witness.cosign(request(run), KEY.public)
    (memory,) = (tmp_path / "elsewhere" / "witness").glob("*.json")
    for damage in (b"", b"{}", memory.read_bytes().replace(KEY.public.encode(), b"nobody")):
        memory.write_bytes(damage)
        with pytest.raises(LedgerError, match="damaged"):
            witness.cosign(request(run), KEY.public)


def test_verify_asks_for_the_witnesses_that_are_named(run: Path, witness: Witness) -> None:
    assert found(run, "witness", witness.key).verdict == INSUFFICIENT
    (run / "ledger" / CHECKPOINT).write_bytes(sign_checkpoint(head(run), KEY).encode())
    assert found(run, "witness", witness.key).verdict == INSUFFICIENT
    put(run, witness, request(run))
    stranger = witness_key("desk.example/w1", OTHER_KEY.public)
    assert found(run, "witness", stranger).verdict == INSUFFICIENT
    assert "1 further line" in found(run, "checkpoint", stranger).detail
    assert "further" not in found(run, "checkpoint", witness.key).detail


def older_line(run: Path, data: bytes) -> bytes:
    with open_run(run) as recorder:
        recorder.append("told", job="toxicity:chats")
    first = data.decode().splitlines()[-1]
    return sign_checkpoint(head(run), KEY).encode() + first.encode() + b"\n"


def cut_log(run: Path, data: bytes) -> bytes:
    lines = log_lines(run)
    write_lines(run, lines[:-2])
    sign(run, KEY)
    shutil.rmtree(run / "report")
    return data


def resigned(run: Path, data: bytes) -> bytes:
    sign(run, OTHER_KEY)
    return data


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run, data: data[:-10], "checkpoint:"),
        (lambda run, data: data.replace(b"desk", b"disk"), None),
        (lambda run, data: b"", "checkpoint:"),
        (older_line, "not its signature"),
        (cut_log, "rolled back"),
        (resigned, "not signed by key"),
        (lambda run, data: data + data.split(b"\n\n")[1].splitlines()[0] + b"\n", "more than once"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_found(
    run: Path, witness: Witness, change: Callable[[Path, bytes], bytes], said: str | None
) -> None:
    put(run, witness, request(run))
    path = run / "ledger" / CHECKPOINT
    path.write_bytes(change(run, path.read_bytes()))
    found = [each for each in verify(run, witnesses=[witness.key]) if each.verdict != PASS]
    if said is None:  # a line under another name is a stranger's: nothing is wrong, the witness is missing
        assert {each.verdict for each in found} == {INSUFFICIENT}
    else:
        assert any(each.verdict == FAIL and said in each.detail for each in found)


def test_a_checkpoint_of_a_log_that_went_on_still_holds(run: Path, witness: Witness) -> None:
    put(run, witness, request(run))
    size = head(run).size
    grow(run)
    assert found(run, "checkpoint", witness.key).verdict == PASS
    assert f"{size} entries" in found(run, "witness", witness.key).detail
