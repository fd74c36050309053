"""What ends training early, by answers and by pairs alike: told clearly, and the last good state kept."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from training_toys import Told, base_artifact, data_artifact, digests, learnable, preference, run

from duecare.core import FAIL, Artifacts, DataError, Finding, ModelError, Note, Progress, StoppedError
from duecare.train import Dpo, Sft, resume
from duecare.train.halt import Signals

pytestmark = [
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Tunix 0.1.7 on the JAX and Flax of today
]

STEPS, EVERY = 6, 2
SETTINGS = {"steps": STEPS, "batch_size": 4, "every": EVERY, "learning_rate": 1e-2, "held_out": 2}
METHODS = {"sft": Sft(on="chats", max_tokens=32, **SETTINGS), "dpo": Dpo(on="pairs", **SETTINGS)}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifacts]:
    folder = tmp_path_factory.mktemp("worlds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        base = base_artifact(folder)
    pairs = [preference(n, "yes sir", "no", ("women", "men")[n % 2]) for n in range(26)]
    chats = learnable(26)
    return {
        "sft": {"base": base, "data": data_artifact(folder / "chats", chats[:24], chats[24:])},
        "dpo": {"base": base, "data": data_artifact(folder / "pairs", pairs[:24], pairs[24:])},
    }


@pytest.fixture(autouse=True)
def same_cache(worlds: dict[str, Artifacts], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECARE_CACHE", str(worlds["sft"]["base"].path.parent / "cache"))


@pytest.fixture(scope="module")
def whole(
    worlds: dict[str, Artifacts], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """What each method leaves when nothing happens."""
    folder, found = tmp_path_factory.mktemp("whole"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(worlds["sft"]["base"].path.parent / "cache"))
        for method, step in METHODS.items():
            run(step, worlds[method], folder / method)
            found[method] = digests(folder / method)
    return found


def stopped(
    method: str, worlds: dict[str, Artifacts], out: Path, error: type[BaseException], match: str
) -> Told:
    """Run into an error that is expected; what was told."""
    told = Told()
    out.mkdir(exist_ok=True)
    with pytest.raises(error, match=match):
        METHODS[method].run(worlds[method], out, told)
    assert not (out / "model").exists()
    return told


def finding(told: Told) -> Finding:
    (only,) = [each for each in told.all if isinstance(each, Finding)]
    assert only.verdict == FAIL
    assert only.next
    return only


def goes_on(
    method: str, worlds: dict[str, Artifacts], out: Path, after: int, whole: dict[str, dict[str, str]]
) -> Told:
    """The next call goes on after step `after`, and its result is that of a run to which nothing happened."""
    _, told = run(METHODS[method], worlds[method], out)
    notes = [each.text for each in told.all if isinstance(each, Note) and each.topic == f"{method}.resumed"]
    assert notes == ([f"training goes on after step {after} of {STEPS}"] if after else [])
    assert digests(out) == whole[method]
    return told


def full(step: int, what: str) -> Callable[..., object]:
    """`resume.<what>` on a disk that takes no more once `step` steps were written."""
    seen, count = getattr(resume, what), iter(range(1, 100))

    def write(path: Path, data: bytes) -> object:
        mine = path.suffix == {"append_line": ".jsonl", "write_whole": ".safetensors"}[what]
        if mine and next(count) >= step:
            with path.with_name(path.name + ".part" if what == "write_whole" else path.name).open(
                "ab"
            ) as file:
                file.write(data[: len(data) // 2])  # a part of it still fits
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return seen(path, data)

    return write


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("what", "at", "kept"), [("append_line", 4, 2), ("write_whole", 2, 2), ("append_line", 1, 0)]
)
def test_a_full_disk_is_told_and_the_last_checkpoint_kept(
    method: str,
    what: str,
    at: int,
    kept: int,
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = f"the checkpoint of step {kept} is kept" if kept else "no checkpoint came before"
    with monkeypatch.context() as patch:
        module = "duecare.train.watch" if what == "append_line" else "duecare.train.resume"
        patch.setattr(f"{module}.{what}", full(at, what))
        told = stopped(method, worlds, tmp_path / "out", ModelError, f"No space left on device.*{said}")
    found = finding(told)
    assert found.name == f"{method}.disk"
    assert said in found.detail
    goes_on(method, worlds, tmp_path / "out", kept, whole)


def test_a_disk_with_no_room_for_the_model_is_told_and_nothing_trained_again(
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("duecare.train.engine_loop.export", full_disk)
        said = f"step {STEPS} left could not be written .No space left .*; the checkpoint of step {STEPS}"
        told = stopped("sft", worlds, tmp_path / "out", ModelError, said)
    assert finding(told).name == "sft.disk"
    again = goes_on("sft", worlds, tmp_path / "out", STEPS, whole)
    assert not [each for each in again.all if isinstance(each, Progress) and each.message.startswith("loss")]


def test_a_disk_that_takes_no_part_of_a_file_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept"
    resume.write_whole(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="full"):
            resume.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_ledger_on_the_same_full_disk_does_not_hide_the_reason(
    worlds: dict[str, Artifacts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duecare.train.watch.append_line", full(3, "append_line"))
    (tmp_path / "out").mkdir()

    def tell(what: object) -> None:
        if isinstance(what, Finding):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ModelError, match="No space left on device"):
        METHODS["sft"].run(worlds["sft"], tmp_path / "out", tell)


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_last_checkpoint_is_told_and_the_one_before_gone_on_from(
    method: str,
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("duecare.train.watch.append_line", full(5, "append_line"))
        stopped(method, worlds, out, ModelError, "step 4 is kept")
    newest = max((out / ".resume").glob("*.safetensors"))
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(bytes(data))
    told = goes_on(method, worlds, out, 2, whole)
    found = finding(told)
    assert found.name == f"{method}.checkpoint"
    assert "checkpoint of training step 4 was damaged" in found.detail
    assert "the checkpoint of step 2 is kept" in found.detail


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_record_of_steps_begins_anew_and_says_so(
    method: str,
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("duecare.train.watch.append_line", full(5, "append_line"))
        stopped(method, worlds, out, ModelError, "step 4 is kept")
    log = out / ".resume" / "steps.jsonl"
    log.write_bytes(b"{}\n" + log.read_bytes())
    _, told = run(METHODS[method], worlds[method], out)
    assert [each.text for each in told.all if isinstance(each, Note) and "anew" in each.text]
    assert digests(out) == whole[method]


@pytest.mark.parametrize("method", METHODS)
def test_a_loss_that_is_no_number_is_told_and_the_last_checkpoint_kept(
    method: str,
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from duecare.train.engine_loop import Run

    seen = Run._record

    def record(self: Run, step: int, aux: dict[str, object]) -> object:
        return seen(self, step, aux | ({"loss": float("nan")} if step == 5 else {}))  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_record", record)
        told = stopped(
            method, worlds, tmp_path / "out", ModelError, "step 5 the loss was not a finite number"
        )
    assert finding(told).name == f"{method}.finite"
    goes_on(method, worlds, tmp_path / "out", 4, whole)


@pytest.mark.parametrize("method", METHODS)
def test_data_that_end_early_are_told_and_nothing_done_is_lost(
    method: str,
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from duecare.train.engine_loop import Run

    seen = Run.fit

    def fit(self: Run, trainer: object, batch: Callable[[int], object]) -> object:
        def short(number: int) -> object:
            if number == 3:
                raise StopIteration
            return batch(number)

        return seen(self, trainer, short)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Run, "fit", fit)
        said = f"ended after training step 3 of {STEPS}; the checkpoint of step 3 is kept"
        told = stopped(method, worlds, tmp_path / "out", DataError, said)
    assert finding(told).name == f"{method}.data"
    goes_on(method, worlds, tmp_path / "out", 3, whole)


def test_a_table_that_ends_early_is_named(worlds: dict[str, Artifacts], tmp_path: Path) -> None:
    data = data_artifact(tmp_path / "data", learnable(8))
    table = tmp_path / "data" / "train.parquet"
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train\.parquet: expected a whole Parquet file"):
        run(METHODS["sft"], worlds["sft"] | {"data": data}, tmp_path / "out")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_step_and_keeps_it(
    method: str,
    by: signal.Signals,
    worlds: dict[str, Artifacts],
    whole: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    told, out = Told(), tmp_path / "out"
    out.mkdir()
    before = signal.getsignal(by)

    def tell(what: object) -> None:
        told(what)  # type: ignore[arg-type]
        if isinstance(what, Progress) and what.done == 3 and what.message.startswith("loss"):
            os.kill(os.getpid(), by)

    said = (
        rf"stopped by {by.name} after step 3 of {STEPS}; the checkpoint of step 3 is kept; the same command"
    )
    with pytest.raises(StoppedError, match=said):
        METHODS[method].run(worlds[method], out, tell)
    assert signal.getsignal(by) is before
    assert [each.topic for each in told.all if isinstance(each, Note)][-1] == f"{method}.stopped"
    again = goes_on(method, worlds, out, 3, whole)
    steps = [each.step for part in (told, again) for each in part.estimates(f"{method}.loss", group="men")]
    assert steps == [2, 4, 6]  # the window that was cut short is read when it is whole, and once


def test_a_second_signal_does_not_wait(worlds: dict[str, Artifacts], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    def tell(what: object) -> None:
        if isinstance(what, Progress) and what.done == 3 and what.message.startswith("loss"):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as raised:
        METHODS["sft"].run(worlds["sft"], tmp_path / "out", tell)
    assert not isinstance(raised.value, StoppedError)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Signals() as signals:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
            assert signals.asked is signal.SIGTERM  # control: the other is heeded
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
