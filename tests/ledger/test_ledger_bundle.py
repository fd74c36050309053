"""A bundle, checked as an outsider does: by the one file, isolated, without duecare and without packages."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_run import KEY, OTHER_KEY, log_lines, make_run, open_run, rewrite, sign, write_lines

from duecare.core import LedgerError
from duecare.ledger import head
from duecare.ledger.bundle import entry_proof, verifier, write_bundle
from duecare.ledger.chain import leaf_hash, tree_root
from duecare.ledger.checkpoint import CHECKPOINT, parse_checkpoint, sign_checkpoint, with_lines
from duecare.ledger.outside.archive import Archive, write_archive
from duecare.ledger.outside.program import READ_ME, verifier_main
from duecare.ledger.sign import write_head
from duecare.ledger.witness import Witness, request_for

MUTATIONS = int(os.environ.get("DUECARE_MUTATIONS", "200"))
"""Of a bundle, each judged in this process by the same program; 2,000 were tried (docs/proofs.md)."""


class Kit:
    """A bundle, the program, and what its owner told by another way."""

    def __init__(self, folder: Path) -> None:
        self.run = make_run(folder / "run")
        (self.run / "ledger" / CHECKPOINT).write_bytes(sign_checkpoint(head(self.run), KEY).encode())
        self.head = folder / "head.json"
        self.head.write_bytes((self.run / "ledger" / "head.json").read_bytes())
        witness = Witness(folder / "elsewhere", "desk.example/w1", lambda: datetime(2031, 1, 1, tzinfo=UTC))
        line = witness.cosign(request_for(self.run, 0), KEY.public)
        _, note = parse_checkpoint((self.run / "ledger" / CHECKPOINT).read_bytes())
        (self.run / "ledger" / CHECKPOINT).write_bytes(with_lines(note, [line]).encode())
        self.witness = witness.key
        self.program = folder / "verify.py"
        self.program.write_bytes(verifier())
        self.bundle = folder / "bundle.tar"
        write_bundle(self.run, self.bundle, ["all"])
        self.pinned = ["--key", KEY.public, "--head", str(self.head), "--witness", self.witness.text()]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    return Kit(tmp_path_factory.mktemp("kit"))


def alone(program: Path, *arguments: str, python: str = sys.executable) -> tuple[int, str]:
    """Exit code and output of the program run with nothing but Python's standard library."""
    done = subprocess.run(
        [python, "-I", "-S", str(program), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": ""},
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def here(data: bytes, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The same program called in this process: thousands of bundles are judged in seconds."""
    path = folder / "given"
    path.write_bytes(data)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = verifier_main([str(path), "--json", *arguments], verifier())
    return code, json.loads(out.getvalue())


def test_the_program_needs_the_standard_library_alone() -> None:
    tree = ast.parse(verifier())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= sys.stdlib_module_names
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assigned = [
        name.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    ]
    assert len([*defined, *assigned]) == len({*defined, *assigned})  # the modules share one name space
    assert not {"socket", "urllib", "http", "subprocess"} & names


def test_a_good_bundle_holds_in_plain_words(kit: Kit, tmp_path: Path) -> None:
    code, said = alone(kit.program, str(kit.bundle), *kit.pinned, "--extract", str(tmp_path / "out"))
    assert code == 0, said
    assert "Everything that was checked holds." in said
    assert "It is the key that you gave." in said
    assert "2031-01-01T00:00:00+00:00 the log had 6 entries" in said
    assert "1 times: report" in said
    assert (tmp_path / "out" / "run" / "report" / "report.html").read_bytes() == b"<p>fair</p>"
    code, said = alone(kit.program, str(kit.bundle))
    assert code == 2
    assert "Whose key this is cannot be said" in said
    assert "older state of the run cannot be said" in said


def test_the_oldest_python_that_is_promised_reads_it(kit: Kit) -> None:
    ast.parse(verifier(), feature_version=(3, 9))
    python = shutil.which("python3.9")
    if python and not subprocess.run([python, "-V"], check=False, capture_output=True).returncode:
        assert alone(kit.program, str(kit.bundle), *kit.pinned, python=python)[0] == 0


def test_a_bundle_without_files_says_so(kit: Kit, tmp_path: Path) -> None:
    bundled = write_bundle(kit.run, tmp_path / "small.tar")
    assert bundled.whole == ("report",)
    code, said = alone(kit.program, str(tmp_path / "small.tar"), *kit.pinned)
    assert code == 2
    assert "3 recorded files are left out" in said
    with pytest.raises(LedgerError, match="no result is called evaluate; there are"):
        write_bundle(kit.run, tmp_path / "x.tar", ["evaluate"])
    assert not (tmp_path / "x.tar").exists()
    assert write_bundle(kit.run, tmp_path / "y.tar", ["read:chats"]).whole[0].startswith("artifacts/read")


def test_equal_runs_give_equal_bundles(kit: Kit, tmp_path: Path) -> None:
    write_bundle(kit.run, tmp_path / "again.tar", ["all"])
    assert (tmp_path / "again.tar").read_bytes() == kit.bundle.read_bytes()


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The bundle with a bit flipped, a stretch cut, doubled or swapped, or its end taken."""
    kind, place = draw.randrange(5), draw.randrange(len(data))
    length = draw.choice([1, 7, 64, 512, 1024])
    piece = data[place : place + length]
    if kind == 0:
        return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
    if kind == 1:
        return data[:place] + data[place + length :]
    if kind == 2:
        return data[:place] + piece + data[place:]
    if kind == 3:
        return data[:place]
    other = draw.randrange(len(data))
    swapped = bytearray(data)
    length = min(length, len(data) - max(place, other))
    swapped[place : place + length], swapped[other : other + length] = (
        data[other : other + length],
        data[place : place + length],
    )
    return bytes(swapped)


def test_every_random_mutation_is_found(kit: Kit, tmp_path: Path) -> None:
    data, draw, codes = kit.bundle.read_bytes(), random.Random(4), Counter[int]()
    while codes.total() < MUTATIONS:
        changed = mutated(data, draw)
        if changed != data:
            codes[here(changed, tmp_path, *kit.pinned)[0]] += 1
    assert not codes[0]
    assert codes[1] > 0.98 * MUTATIONS  # else a witness's line became a stranger's: missing, not false
    assert here(data, tmp_path, *kit.pinned)[0] == 0


def test_every_byte_of_the_small_files_counts(kit: Kit, tmp_path: Path) -> None:
    with kit.bundle.open("rb") as file:
        archive = Archive(file)
        files: dict[str, bytes | Path] = {name: archive.content(name) or b"" for name in archive.members}
    names = [name for name in files if name.startswith("run/") and not name.endswith("log.jsonl")]
    for name in names:
        content = files[name]
        assert isinstance(content, bytes)
        for place in range(0, len(content), max(1, len(content) // 12)):
            out = io.BytesIO()
            changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            write_archive(out, files | {name: changed})
            code, said = here(out.getvalue(), tmp_path, *kit.pinned)
            assert code == 1 or (code == 2 and "has no line" in str(said)), name


def resigned(run: Path) -> None:
    sign(run, OTHER_KEY)
    path = run / "ledger" / CHECKPOINT
    path.write_bytes(sign_checkpoint(head(run), OTHER_KEY).encode())


def rolled_back(run: Path) -> None:
    write_lines(run, log_lines(run)[:-1])
    sign(run, KEY)
    (run / "ledger" / CHECKPOINT).unlink()


def rewritten(run: Path) -> None:
    rewrite(run, lambda records: records[1].update(actor="somebody else"))
    (run / "ledger" / CHECKPOINT).unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (resigned, "somebody else signed this"),
        (rolled_back, "rolled back, rewritten or re-signed"),
        (rewritten, "rolled back, rewritten or re-signed"),
    ],
)
def test_a_run_replaced_whole_is_found_by_what_was_remembered(
    kit: Kit, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    run = Path(shutil.copytree(kit.run, tmp_path / "run"))
    change(run)
    write_bundle(run, tmp_path / "bundle.tar", ["all"])
    code, text = alone(kit.program, str(tmp_path / "bundle.tar"), *kit.pinned)
    assert code == 1
    assert said in text
    code, text = alone(kit.program, str(tmp_path / "bundle.tar"))
    assert code == 2, text  # without anything remembered nobody can tell, and it says so


def test_a_run_that_went_on_still_holds(kit: Kit, tmp_path: Path) -> None:
    run = Path(shutil.copytree(kit.run, tmp_path / "run"))
    with open_run(run) as recorder:
        recorder.append("told", job="toxicity:chats")
    write_bundle(run, tmp_path / "bundle.tar", ["all"])
    code, text = alone(kit.program, str(tmp_path / "bundle.tar"), *kit.pinned)
    assert code == 0, text


def claims(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Path], None]:
    return lambda run: rewrite(run, change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (claims(lambda r: r[1]["settings"].update(limit=0.4)), "digest of its settings"),
        (claims(lambda r: r[1].update(seed=7)), "another key than that"),
        (claims(lambda r: r[3]["inputs"].update(examples="ab" * 32)), "which no entry before it made"),
        (claims(lambda r: r[2].update(outputs={"artifacts/x": "ab" * 32})), "claims results"),
        (claims(lambda r: r[2].update(run="ab" * 8)), "is of another run"),
    ],
)
def test_what_an_owner_could_sign_and_cannot_be_so(
    kit: Kit, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    run = Path(shutil.copytree(kit.run, tmp_path / "run"))
    (run / "ledger" / CHECKPOINT).unlink()
    change(run)
    files: dict[str, bytes | Path] = {
        f"run/{path.relative_to(run).as_posix()}": path
        for path in run.rglob("*")
        if path.is_file() and path.name != "lock"
    }
    with (tmp_path / "bundle.tar").open("wb") as out:
        write_archive(out, files)
    code, text = alone(kit.program, str(tmp_path / "bundle.tar"))
    assert code == 1
    assert said in text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.sampled_from(["step.finished", "report", "artifacts/x", "../..", "ab" * 32, "external:x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_an_owner_signs_is_answered_calmly(kit: Kit, tmp_path: Path, data: st.DataObject) -> None:
    """Garbage under a good signature reaches the inner checks; none may need the last net."""
    lines = [line[:-1] for line in log_lines(kit.run)]
    number = data.draw(st.integers(0, len(lines) - 1) | st.just(len(lines) - 1))
    record: dict[str, Any] = json.loads(lines[number])
    names = [*sorted(record), "findings", "actor", "time"]
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)):
        record[name] = data.draw(JSON)
    lines[number] = json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=data.draw(st.booleans())
    ).encode("utf-8", "surrogatepass")
    root = tree_root(map(leaf_hash, lines))
    signed = KEY.sign_head(run="00ff" * 8, size=len(lines), root=root, time="2031")
    out = io.BytesIO()
    files: dict[str, bytes | Path] = {
        f"run/{path.relative_to(kit.run).as_posix()}": path
        for folder in ("artifacts", "report")
        for path in (kit.run / folder).rglob("*")
        if path.is_file()
    }
    files |= {
        "run/ledger/log.jsonl": b"".join(line + b"\n" for line in lines),
        "run/ledger/head.json": write_head(signed),
        "READ-ME.txt": READ_ME.encode(),
    }
    write_archive(out, files)
    code, said = here(out.getvalue(), tmp_path)
    assert code in (1, 2)
    assert not any("what no bundle can" in each["says"] for each in said["found"])
    assert all(each["says"].isascii() for each in said["found"])


def test_a_file_that_no_entry_records_is_found(kit: Kit, tmp_path: Path) -> None:
    with kit.bundle.open("rb") as file:
        archive = Archive(file)
        files: dict[str, bytes | Path] = {name: archive.content(name) or b"" for name in archive.members}
    out = io.BytesIO()
    write_archive(out, files | {"run/extra": b"1"})
    code, said = here(out.getvalue(), tmp_path, *kit.pinned)
    assert code == 1
    assert any("no entry records it" in each["says"] for each in said["found"])


def test_a_proof_of_one_entry(kit: Kit, tmp_path: Path) -> None:
    given = ["--key", KEY.public, "--witness", kit.witness.text()]
    for index in range(6):
        path = tmp_path / "entry.tlog-proof"
        path.write_bytes(entry_proof(kit.run, index))
        code, said = alone(kit.program, str(path), *given)
        assert code == 0, said
        assert f"number {index} of the 6" in said
        assert f'"index":{index}' in said
    data, draw = path.read_bytes(), random.Random(5)
    for _ in range(100):
        place = draw.randrange(len(data))
        changed = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
        assert here(changed, tmp_path, *given)[0] != 0
    path.write_bytes(data)
    assert alone(kit.program, str(path), "--key", OTHER_KEY.public)[0] == 1
    assert alone(kit.program, str(path))[0] == 2
    with pytest.raises(LedgerError, match="covers entries 0 to 5"):
        entry_proof(kit.run, 6)


@pytest.mark.parametrize(
    "arguments", [["--key", "ab"], ["--witness", "x"], ["--head", "/nowhere"], ["--extract", "/"]]
)
def test_arguments_that_make_no_sense_are_told(kit: Kit, arguments: list[str]) -> None:
    code, said = alone(kit.program, str(kit.bundle), *arguments)
    assert code == 1
    assert "Do not rely on it" in said
