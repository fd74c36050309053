"""Signed notes and co-signatures: the published examples of the specifications, and what is refused."""

from __future__ import annotations

import base64
import random

import pytest
from small_run import KEY, OTHER_KEY, RUN_ID

from duecare.core import LedgerError
from duecare.ledger import Key
from duecare.ledger.checkpoint import (
    Checkpoint,
    log_key,
    parse_checkpoint,
    sign_checkpoint,
    signer,
    with_lines,
    witness_key,
    witnessed,
)
from duecare.ledger.note import (
    NoteKey,
    SignedNote,
    cosignature,
    cosigned,
    parse_key,
    parse_note,
    parse_signature,
)
from duecare.ledger.proof import HASH
from duecare.ledger.sign import STATEMENT

# The example of golang.org/x/mod/sumdb/note, where the format comes from: key and note.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ"
    "SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
# The example of C2SP tlog-cosignature v1.0.0. Its keys are not published; its form is what is read here.
COSIGNED = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO"
    "oRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dl"
    "rDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
).encode()


def made(size: int = 3, root: bytes = b"r" * HASH, key: Key = KEY) -> SignedNote:
    return sign_checkpoint(
        key.sign_head(run=RUN_ID, size=size, root=root.hex(), time="2030-01-01T00:00:00+00:00"), key
    )


def test_the_published_note_is_signed_by_the_published_key() -> None:
    key, note = parse_key(PUBLISHED_KEY), parse_note(PUBLISHED)
    (line,) = key.of(note)
    assert key.signed(note, line)
    assert key.text() == PUBLISHED_KEY
    assert not key.signed(SignedNote(note.text.replace("think", "thin"), note.signatures), line)


def test_the_published_cosignature_is_read() -> None:
    note = parse_note(COSIGNED)
    assert [each.name for each in note.signatures] == [
        "example.com/behind-the-sofa",
        "witness.example.com/w1",
    ]
    assert int.from_bytes(note.signatures[1].data[:8], "big") == 1679315147  # the time in the specification
    assert cosigned(note.text, 1679315147) == b"cosignature/v1\ntime 1679315147\n" + note.text.encode()
    with pytest.raises(LedgerError, match="of a run"):
        parse_checkpoint(COSIGNED)


def test_a_checkpoint_says_what_the_head_says() -> None:
    note = made()
    checkpoint, read = parse_checkpoint(note.encode())
    assert checkpoint == Checkpoint(RUN_ID, 3, (b"r" * HASH).hex())
    assert read == note
    assert signer(checkpoint, read, KEY.public)
    assert not signer(checkpoint, read, OTHER_KEY.public)
    assert note.text == f"duecare/run/{RUN_ID}\n3\n{base64.b64encode(b'r' * HASH).decode()}\n"


def test_only_who_signed_the_head_signs_the_checkpoint() -> None:
    head = KEY.sign_head(run=RUN_ID, size=0, root="00" * HASH, time="2030-01-01T00:00:00+00:00")
    with pytest.raises(LedgerError, match="was signed by key"):
        sign_checkpoint(head, OTHER_KEY)


def test_one_signature_never_serves_for_another() -> None:
    for text in ("duecare.head.v1\n{}", "cosignature/v1\ntime 1\nx", f"{STATEMENT.decode()}{{}}"):
        with pytest.raises(LedgerError, match="it is no note"):
            KEY.sign_note(text)
    with pytest.raises(LedgerError, match="co-signatures only"):
        KEY.cosign(b"duecare.head.v1\n{}")


def test_a_witness_is_known_by_name_and_key() -> None:
    note, key = made(), witness_key("desk.example/w1", OTHER_KEY.public)
    assert witnessed(note, key) is None
    line = cosignature(key, 1_900_000_000, OTHER_KEY.cosign(cosigned(note.text, 1_900_000_000)))
    more = with_lines(note, [line, line])
    assert len(more.signatures) == 2
    assert witnessed(more, key) == 1_900_000_000
    assert witnessed(more, witness_key("desk.example/w2", OTHER_KEY.public)) is None
    assert witnessed(more, witness_key("desk.example/w1", KEY.public)) is None
    other = with_lines(made(size=4), [line])
    with pytest.raises(LedgerError, match="not its signature"):
        witnessed(other, key)
    later = cosignature(key, 1_900_000_001, line.data[8:])
    with pytest.raises(LedgerError, match="not its signature"):
        witnessed(with_lines(note, [later]), key)
    assert parse_key(key.text()) == key


def test_every_changed_byte_of_a_checkpoint_is_refused() -> None:
    data, draw = made(size=1234).encode(), random.Random(1)
    for place in range(len(data)):
        forged = bytearray(data)
        forged[place] ^= 1 << draw.randrange(8)
        try:
            checkpoint, note = parse_checkpoint(bytes(forged))
        except LedgerError:
            continue
        assert not signer(checkpoint, note, KEY.public)
    for length in range(len(data)):
        with pytest.raises(LedgerError):
            parse_checkpoint(data[:length])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty line"),
        (b"\xff\n\nx\n", "UTF-8"),
        (b"a\n\n- b AAAAAAA=\n", "malformed"),
        ("a\n\n— b AAAAAAB=\n".encode(), "malformed"),
        ("a\n\n— b+c AAAAAAAA\n".encode(), "malformed"),
        ("a\n\n— b AAAA\n".encode(), "malformed"),
        ("a\r\n\n— b AAAAAAAA\n".encode(), "empty line"),
        ("a\n\n— b AAAAAAAA".encode(), "empty line"),
        (b"a" * (1 << 20) + b"\n\n", "bytes"),
    ],
)
def test_malformed_notes_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        parse_note(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n3\n", "\n03\n"), ("\n3\n", "\n-3\n"), ("\n3\n", "\n3_0\n"), ("\n3\n", "\n\n"), ("run/00", "run/XX")],
)
def test_a_checkpoint_has_one_spelling(old: str, new: str) -> None:
    note = made()
    with pytest.raises(LedgerError):
        parse_checkpoint(SignedNote(note.text.replace(old, new, 1), note.signatures).encode())
    with pytest.raises(LedgerError):
        parse_checkpoint(SignedNote(note.text + "more\n", note.signatures).encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        PUBLISHED_KEY.replace("c74f", "c74e"),
        PUBLISHED_KEY[:-4],
        "a b" + PUBLISHED_KEY,
    ],
)
def test_keys_that_were_not_copied_whole_are_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        parse_key(text)


def test_keys_of_other_kinds_are_refused() -> None:
    for kind, public in ((2, KEY.public), (1, KEY.public[:-2]), (1, KEY.public.upper())):
        with pytest.raises(LedgerError, match="expected an Ed25519 key"):
            NoteKey("name", kind, public)
    assert log_key(RUN_ID, KEY.public).id != witness_key(f"duecare/run/{RUN_ID}", KEY.public).id
    with pytest.raises(LedgerError, match="malformed"):
        parse_signature("— name")
