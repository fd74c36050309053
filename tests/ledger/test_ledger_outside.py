"""The parts of the outsiders' verifier against published vectors and against the rest of the ledger."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.outside.archive import Archive, RefusedError, header, plain_name, write_archive
from duecare.ledger.outside.ed25519 import ORDER, ed25519_holds
from duecare.ledger.outside.entries import read_object
from duecare.ledger.outside.program import verifier_main
from duecare.ledger.outside.tree import proof_holds, root_of
from duecare.ledger.proof import included, inclusion

# RFC 8032, section 7.1: public key, message, signature of TEST 1, 2, 3 and of TEST SHA(abc).
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
        "25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c3"
        "87b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594"
        "a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd4"
        "54d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303"
        "dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, said, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519_holds(key, said, signed)
    assert not ed25519_holds(key, said + b"\0", signed)
    for place in (0, 31, 32, 63):
        forged = bytearray(signed)
        forged[place] ^= 1
        assert not ed25519_holds(key, said, bytes(forged))
    larger = int.from_bytes(signed[32:], "little") + ORDER  # the same number modulo the order: malleable
    assert not ed25519_holds(key, said, signed[:32] + larger.to_bytes(32, "little"))
    assert not ed25519_holds(key, said, signed[:63])
    assert not ed25519_holds(b"\xff" * 32, said, signed)


def test_what_the_library_signs_holds() -> None:
    draw = random.Random(8032)
    for _ in range(8):
        private = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        message = draw.randbytes(draw.randrange(200))
        public, signature = private.public_key().public_bytes_raw(), private.sign(message)
        assert ed25519_holds(public, message, signature)
        assert not ed25519_holds(public[::-1], message, signature)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.data())
def test_its_tree_is_ours(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    root = root_of(leaves)
    assert root.hex() == tree_root(leaves)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    proof = inclusion(leaves, index)
    assert proof_holds(leaves[index], index, size, proof, root)
    for forged in (proof[1:], [*proof, root], [root, *proof[1:]]):
        for claimed in (index, other):
            ours = included(leaves[index], claimed, size, forged, root)
            assert proof_holds(leaves[index], claimed, size, forged, root) == ours


def archive_of(files: dict[str, bytes | Path]) -> bytes:
    out = io.BytesIO()
    write_archive(out, files)
    return out.getvalue()


def test_any_tar_opens_the_archive(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1" * 5000)
    long = "run/" + "d" * 90 + "/" + "f" * 90
    data = archive_of({"b/two": b"", "a": tmp_path / "one", long: b"x" * 512, "run/ä": b"y"})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert sorted(tar.getnames()) == sorted(["a", "b/two", long, "run/ä"])
        member = tar.extractfile("a")
        assert member is not None
        assert member.read() == b"1" * 5000
    archive = Archive(io.BytesIO(data))
    assert archive.content(long) == b"x" * 512
    archive.extract(tmp_path / "out")
    assert (tmp_path / "out" / "a").read_bytes() == b"1" * 5000
    with pytest.raises(FileExistsError):
        archive.extract(tmp_path / "out")


def test_a_header_holds_sizes_beyond_eight_gigabytes() -> None:
    for size in (8**11 - 1, 8**11, 3 << 40):
        with tarfile.open(fileobj=io.BytesIO(header("weights", size))) as tar:
            member = tar.next()
            assert member is not None
            assert member.size == size


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/x",
        "../x",
        "a/../x",
        "a//b",
        "a/",
        "./a",
        "c:x",
        "a\\b",
        "a\nb",
        "x.",
        "x ",
        "a" * 201,
        "a/*",
        "NUL",
        "a/aux.json",
        "com1 .tar.gz/x",
        "lpt\u00b2",
    ],
)
def test_names_that_could_lead_elsewhere_are_neither_written_nor_read(name: str) -> None:
    assert not plain_name(name)
    with pytest.raises(RefusedError):
        archive_of({name: b""})
    if len(name) < 100:  # what no header can hold cannot be read either
        with pytest.raises(RefusedError, match=r"leads out of the folder|begins no file"):
            Archive(io.BytesIO(header(name, 0) + b"\0" * 1024))


def forged(*members: tuple[str, bytes], end: bytes = b"\0" * 1024) -> bytes:
    return (
        b"".join(header(name, len(data)) + data + b"\0" * (-len(data) % 512) for name, data in members) + end
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cut"),
        (b"\0" * 512, "cut"),
        (forged(("a", b"1"), ("a", b"2")), "not in its place"),
        (forged(("b", b"1"), ("a", b"2")), "not in its place"),
        (forged(("A", b"1"), ("a", b"2")), "but for capitals"),
        (forged(("a", b"1"), end=b"\0" * 1536), "does not end"),
        (forged(("a", b"1"), end=b"\0" * 1023 + b"x"), "does not end"),
        (forged(("a", b"1"))[:700], "cut"),
        (forged(("a", b"1")).replace(b"1" + b"\0" * 9, b"1x" + b"\0" * 8), "behind the file"),
        (forged(("a", b"1")).replace(b"0000644", b"0000777"), "begins no file"),
    ],
)
def test_an_archive_has_one_form(data: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        Archive(io.BytesIO(data))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_links_devices_and_sparse_files_are_no_files_of_the_archive(kind: bytes, form: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = kind, "/etc"
        tar.addfile(link)
    with pytest.raises(RefusedError, match="begins no file"):
        Archive(io.BytesIO(out.getvalue()))


@pytest.mark.parametrize("size", [1, 8**11, 1 << 60, (1 << 88) - 1])
def test_a_size_beyond_the_archive_reads_nothing(size: int) -> None:
    with pytest.raises(RefusedError, match="cut"):
        Archive(io.BytesIO(header("a", size) + b"\0" * 512))


def test_a_hole_in_the_file_is_not_read_into_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = 1 << 42  # terabytes that take no room on the disk
    with (path := tmp_path / "bundle.tar").open("wb") as out:
        out.write(header("run/ledger/head.json", 0) + header("run/ledger/log.jsonl", size))
        out.truncate(2 * 512 + size + 1024)
    assert verifier_main([str(path)], b"") == 1
    assert "too large to be checked" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a":1', '{"a": 1}', '{"b":1,"a":2}', '{"a":1,"a":2}', '{"a":1}x', '{,"a":1}']
)
def test_an_object_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_object(text.encode())
