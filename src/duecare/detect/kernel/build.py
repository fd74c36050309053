"""Compiles the kernels: every `.c` file of this folder into one shared library beside them.

python src/duecare/detect/kernel/build.py

Standard library only: the build hook of the package loads this file alone, before anything is installed.
What only compiling needs is imported there, because loading the library goes through this file, too.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent

FLAGS = ("-std=c99", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off")
"""No -march: a wheel runs on every machine of its platform. No contraction: a fused multiply-add would
round otherwise than the fallback does."""

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
NAME = f"_kernel{_SUFFIX}"
"""File name of the library on this platform."""


class NotBuilt(Exception):  # noqa: N818  # a standing to be told, not an error: the fallback serves
    """Why there is no library; the message is one line."""


def digest_of(folder: Path) -> str:
    """SHA-256 (hex) of the sources in `folder` and of the flags they are compiled with."""
    found = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted([*folder.glob("*.c"), *folder.glob("*.h")], key=lambda path: path.name):
        content = path.read_bytes()
        found.update(b"%b %d\n" % (path.name.encode(), len(content)))
        found.update(content)
    return found.hexdigest()


def compiler() -> list[str] | None:
    """The command of a C compiler: $CC, else the first of cc, gcc and clang on the PATH; None without one."""
    import shlex
    import shutil

    for command in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        words = shlex.split(command)
        if words and shutil.which(words[0]):
            return words
    return None


def build(out: Path = FOLDER, *, sources: Path = FOLDER, more: Sequence[str] = ()) -> Path:
    """Compile the `.c` files of `sources` into `out`/NAME with the flags and `more`; returns its path.

    Raises NotBuilt where there is no compiler, or it fails. The library appears whole or not at all.
    """
    import subprocess
    import tempfile

    command = compiler()
    if command is None:
        raise NotBuilt("no C compiler (cc, gcc or clang) is on the PATH")
    files = sorted(str(path) for path in sources.glob("*.c"))
    define = f'-DDUECARE_KERNEL_DIGEST="{digest_of(sources)}"'
    with tempfile.TemporaryDirectory(dir=out, prefix=".building-") as scratch:
        made = Path(scratch) / NAME
        try:
            done = subprocess.run(  # noqa: S603  # the user's own compiler; no word comes from data
                [*command, *FLAGS, *more, define, "-o", str(made), *files],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise NotBuilt(f"{command[0]} cannot be run: {error.strerror}") from None
        if done.returncode or not made.exists():
            first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
            raise NotBuilt(f"{command[0]} failed: {first.strip()}")
        made.replace(out / NAME)
    return out / NAME


if __name__ == "__main__":
    try:
        print(build())
    except NotBuilt as why:
        sys.exit(f"not built: {why}")
