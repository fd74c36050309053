"""The archive: a tar (POSIX ustar) that has exactly one spelling, so that no byte of it is beyond notice.

Regular files only, sorted by name, no times and no owners; two empty blocks end it and nothing follows.
Any program for tar opens it; this one refuses whatever differs from what it would have written itself.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 512
PIECE = 1 << 20
LARGEST_OCTAL = 8**11 - 1
LARGEST_WHOLE = 1 << 32
"""Bytes of a log or a list of files; all others are read in pieces."""
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    port + number for port in ("COM", "LPT") for number in "0123456789\u00b9\u00b2\u00b3"
}
"""What Windows takes for a device in any folder, whatever comes after a dot."""


class RefusedError(Exception):
    """Why a bundle cannot be read, or not be written, in words for whoever holds it."""


@dataclass(frozen=True)
class Member:
    """A file of the archive: its name, and where its bytes begin."""

    name: str
    size: int
    begin: int


def plain_name(name: str) -> bool:
    """Whether a name leads nowhere but below the folder it is extracted to, on any system."""
    parts = name.split("/")
    forbidden = set('\\:*?"<>|')
    return all(
        part not in ("", ".", "..")
        and part.split(".")[0].rstrip(" ").upper() not in DEVICES
        and part.isprintable()
        and not forbidden & set(part)
        and part[-1] not in ". "
        and len(part.encode("utf-8", "surrogatepass")) <= 200
        for part in parts
    )


def header(name: str, size: int) -> bytes:
    """The block before a file's bytes; a RefusedError for a name that has no place in it."""
    raw = name.encode("utf-8", "surrogatepass")
    prefix, last = b"", raw
    if len(raw) > 100:
        cuts = [at for at, byte in enumerate(raw) if byte == 47 and at <= 155 and len(raw) - at - 1 <= 100]
        if not cuts:
            raise RefusedError(f"the name {name[:60]!a}... is too long for the archive")
        prefix, last = raw[: cuts[0]], raw[cuts[0] + 1 :]
    length = b"%011o\0" % size if size <= LARGEST_OCTAL else b"\x80" + size.to_bytes(11, "big")
    fields = (
        last.ljust(100, b"\0"),
        b"0000644\x000000000\x000000000\0",
        length,
        b"00000000000\0",
        b" " * 8,
        b"0".ljust(101, b"\0"),
        b"ustar\x0000".ljust(72, b"\0"),
        b"0000000\x000000000\0",
        prefix.ljust(167, b"\0"),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> bytes:
    """What fills a file's last block."""
    return b"\0" * (-size % BLOCK)


def write_archive(out: BinaryIO, files: dict[str, bytes | Path]) -> None:
    """Write files by name, sorted; contents as bytes, or as the path of a file that is copied in pieces."""
    for name in sorted(files):
        content = files[name]
        if not plain_name(name):
            raise RefusedError(f"the name {name!a} could not be extracted safely everywhere")
        if isinstance(content, bytes):
            out.write(header(name, len(content)) + content + padding(len(content)))
            continue
        with content.open("rb") as source:
            size, copied = os.fstat(source.fileno()).st_size, 0
            out.write(header(name, size))
            while piece := source.read(PIECE):
                out.write(piece)
                copied += len(piece)
        if copied != size:
            raise RefusedError(f"{name} changed while it was copied")
        out.write(padding(size))
    out.write(b"\0" * 2 * BLOCK)


class Archive:
    """An archive that is read; a RefusedError where it is not in its one form."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.members: dict[str, Member] = {}
        self.length = file.seek(0, os.SEEK_END)
        place, before, folded = 0, "", set()
        while (block := self.read_at(place, BLOCK)) != b"\0" * BLOCK:
            member = self.parse_header(block, place)
            if member.name <= before:
                raise RefusedError(f"the file {member.name!a} is not in its place in the archive")
            if member.name.casefold() in folded:
                raise RefusedError(f"two files are called {member.name!a}, but for capitals")
            folded.add(member.name.casefold())
            before = member.name
            self.members[member.name] = member
            end = member.begin + member.size
            place = end + len(padding(member.size))
            if self.read_at(end, place - end) != padding(member.size):
                raise RefusedError(f"there are bytes behind the file {member.name!a}")
        if self.read_at(place, 2 * BLOCK) != b"\0" * 2 * BLOCK or self.length != place + 2 * BLOCK:
            raise RefusedError("the archive does not end where it should: it was cut, or something was added")

    def parse_header(self, block: bytes, place: int) -> Member:
        """The file that a header announces."""
        last, prefix = block[:100].rstrip(b"\0"), block[345:500].rstrip(b"\0")
        try:
            name = (prefix + b"/" * bool(prefix) + last).decode("utf-8")
            length = block[124:136]
            size = int.from_bytes(length[1:], "big") if length[0] == 128 else int(length.rstrip(b"\0"), 8)
            same = size >= 0 and header(name, size) == block
        except (UnicodeDecodeError, ValueError, IndexError):
            same = False
        if not same:
            raise RefusedError(f"byte {place} begins no file: it was changed or cut, or is no bundle")
        if not plain_name(name):
            raise RefusedError(
                f"the file name {name!a} leads out of the folder, or is not allowed everywhere"
            )
        return Member(name, size, place + BLOCK)

    def read_at(self, place: int, size: int) -> bytes:
        """Bytes of the archive; a RefusedError where it ends before."""
        if place + size > self.length:
            raise RefusedError("the archive was cut: it ends within a file")
        self.file.seek(place)
        return self.file.read(size)

    def content(self, name: str) -> bytes | None:
        """A file whole; None where there is none of that name, RefusedError where it is too large."""
        member = self.members.get(name)
        if member is not None and member.size > LARGEST_WHOLE:  # a hole in a file costs its sender nothing
            raise RefusedError(f"the file {name!a} is too large to be checked: {member.size} bytes")
        return None if member is None else self.read_at(member.begin, member.size)

    def digest(self, name: str) -> str:
        """SHA-256 of a file, read in pieces."""
        member, found = self.members[name], hashlib.sha256()
        for place in range(0, member.size, PIECE):
            found.update(self.read_at(member.begin + place, min(PIECE, member.size - place)))
        return found.hexdigest()

    def extract(self, folder: Path) -> None:
        """Write every file below `folder`, which must not be there yet (so no link can lead elsewhere)."""
        folder.mkdir(parents=True)
        for name, member in self.members.items():
            path = folder.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as out:
                for place in range(0, member.size, PIECE):
                    out.write(self.read_at(member.begin + place, min(PIECE, member.size - place)))
