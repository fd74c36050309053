"""What tests may need, and the reason shown where a need is not met."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import compiled_programs
import pytest
from hypothesis import settings

# A shared machine pauses at will: a deadline per example would fail for no fault of the code.
settings.register_profile("duecare", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("duecare")

REPOSITORY = Path(__file__).parent.parent
LONG = ("studies/test_support.py", "studies", "train", "memorise", "explain", "model")
"""Files and folders that take long, the longest first."""


def pytest_configure(config: pytest.Config) -> None:
    """A shell's background job ignores Ctrl-C and hands that on; tests of stopping would wait for ever.

    The folder of compiled programs is made by the first process; workers find it named in their environment.
    One that is named there before is kept, for the next run.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config.option, "loadscopereorder"):
        # It would begin with the files of many tests, not with those that take long.
        config.option.loadscopereorder = False
    compiled_programs.quick()
    if compiled_programs.FOLDER not in os.environ:
        os.environ[compiled_programs.FOLDER] = tempfile.mkdtemp(prefix="duecare-programs-")
        config.add_cleanup(
            lambda: shutil.rmtree(os.environ.pop(compiled_programs.FOLDER), ignore_errors=True)
        )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the first test with JAX: what it compiles is kept for all of them."""
    if any(item.get_closest_marker(need) and not _missing(need) for need in ("jax", "smollm")):
        compiled_programs.keep()


def minilm_is_here() -> bool:
    from duecare.detect import minilm

    return minilm.available()


def _missing(marker: str) -> str | None:
    """Why tests with `marker` cannot run here, or None."""
    if marker in ("jax", "smollm") and importlib.util.find_spec("tunix") is None:
        return "the train extra (JAX, Tunix) is not installed"
    if marker == "smollm" and os.environ.get("DUECARE_SMOLLM", "1") == "0":
        return "DUECARE_SMOLLM=0: the SmolLM2 weights are not to be fetched"
    if marker == "minilm" and not minilm_is_here():
        return "the encoder of the minilm extra is not installed"
    if marker == "onnx" and importlib.util.find_spec("onnxruntime") is None:
        return "the onnx extra is not installed"
    if marker == "engines" and not all(map(importlib.util.find_spec, ("daft", "ray"))):
        return "the extras daft and ray are not installed (make engines does it)"
    if marker == "browser" and not shutil.which("chromium"):
        return "chromium is not on the PATH"
    if marker == "data" and not Path(os.environ.get("DUECARE_DATA", "/nowhere")).is_dir():
        return "DUECARE_DATA does not name the folder of public data sets"
    return None


def _long_first(items: list[pytest.Item]) -> None:
    """Workers take whole files in this order: one that takes long and comes last runs on alone at the end."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        name = item.nodeid.partition("::")[0].removeprefix("tests/")
        rank = next(
            (at for at, long in enumerate(LONG) if name == long or name.startswith(f"{long}/")), len(LONG)
        )
        return rank, -tests[item.path], name

    items.sort(key=place)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first; skip, with the reason, what this machine cannot run."""
    _long_first(items)
    for item in items:
        for marker in ("jax", "smollm", "minilm", "onnx", "engines", "browser", "data"):
            if item.get_closest_marker(marker) and (reason := _missing(marker)):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no later search for garbage needs to go through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same for what is made once for several tests: it is made before any of their own homes is there."""
    home = tmp_path_factory.mktemp("session-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys and secrets of a test never touch the user's own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DUECARE_HOME", str(home))
    return home


@pytest.fixture
def data_folder() -> Path:
    """The folder of public data sets (tests that use it carry the marker `data`)."""
    return Path(os.environ["DUECARE_DATA"])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where every need is said to be met (DUECARE_NO_SKIPS=1), a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("DUECARE_NO_SKIPS") == "1" and reporter and reporter.stats.get("skipped"):
        reporter.write_line("DUECARE_NO_SKIPS=1, but tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
