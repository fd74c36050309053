"""Programs that JAX compiled are kept on disk for a whole run of the tests, for every worker and child.

`python compiled_programs.py SCRIPT ...` runs a child's script so: see `child`.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = "DUECARE_TEST_PROGRAMS"
OPTIMISED = "DUECARE_TEST_OPTIMISED"
"""Set to 1, everything is compiled as a user's is."""

QUICK = (
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_enable_concurrency_optimized_scheduler=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)


def quick() -> None:
    """Ask JAX, before it starts, to compile quickly rather than well; children find it in their environment.

    A toy model's training step takes seconds to compile and a millisecond to run: with these settings it is
    compiled four to ten times as fast.
    """
    if os.environ.get(OPTIMISED) == "1":
        return
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    asked = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join(asked + [flag for flag in QUICK if flag not in asked])


def folder() -> Path:
    """Where they are kept: one folder for the whole run, gone after it."""
    return Path(os.environ[FOLDER])


@cache
def keep() -> None:
    """Keep what JAX compiles in `folder()`, and take from there what another test compiled already.

    JAX writes a program straight into its place: another process may read half of one, and one killed while
    it writes leaves half for good. Here it is written beside its place and moved there.
    """
    import jax
    from jax._src.lru_cache import LRUCache

    def put(self: LRUCache, key: str, value: bytes) -> None:
        place = self.path / f"{key}-cache"
        if not place.exists():
            beside = self.path / f"{key}.{os.getpid()}.{threading.get_ident()}"
            beside.write_bytes(value)
            beside.replace(place)

    put_any: Any = put
    LRUCache.put = put_any
    jax.config.update("jax_compilation_cache_dir", str(folder()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def child(script: Path, *places: object) -> list[str]:
    """The command that runs `script` in a process of its own, which shares the programs."""
    return [sys.executable, "-W", "ignore", __file__, str(script), *map(str, places)]


if __name__ == "__main__":
    keep()
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
