"""What somebody with the key of a run can attest that the ledger does not say; and what outsiders hear."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duecare.cli.reviewing import recording
from duecare.core import Note
from duecare.core.wire import encode
from duecare.ledger import entries, head, sign
from duecare.ledger.envelope import read_line, sealed_by, write_line
from duecare.ledger.sign import Key
from duecare.vault import keys


def resealed(change: Callable[[Path], None], version: str | None = None, **told: str) -> None:
    """What somebody with the run's key can do: sign other attestations and enter them."""
    from duecare.ledger.layout import ATTESTATIONS

    last = next(each for each in reversed(entries(Path("toys"))) if each.happened == "attested")
    with recording(Path("toys")) as recorder:
        scratch = Path("toys/scratch/forged")
        shutil.copytree(Path("toys") / ATTESTATIONS, scratch)
        (scratch / "manifest.json").unlink()
        change(scratch)
        made = recorder.publish_attestations(scratch)
        assert last.note
        note = Note(topic=last.note.topic, text=last.note.text, data={**last.note.data, **told})
        software = last.software if version is None else {**last.software, "duecare": version}
        recorder.append("attested", outputs={ATTESTATIONS: made.digest}, software=software, note=note)


def own() -> Key:
    return sign.load_or_create(keys.home())


def another_dependency(folder: Path) -> None:
    path = folder / "provenance.intoto.jsonl"
    said = json.loads(read_line(path.read_bytes()).content())
    said["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]["sha256"] = "ab" * 32
    path.write_bytes(write_line(sealed_by(encode(said), [own()])))


def another_setting(folder: Path) -> None:
    path = folder / "provenance.intoto.jsonl"
    said = json.loads(read_line(path.read_bytes()).content())
    said["predicate"]["buildDefinition"]["internalParameters"]["jobs"][-1]["settings"] = {"weights": "better"}
    path.write_bytes(write_line(sealed_by(encode(said), [own()])))


def another_subject(folder: Path) -> None:
    path = folder / "gates.intoto.jsonl"
    said = json.loads(read_line(path.read_bytes()).content())
    said["subject"][0]["digest"]["sha256"] = "ab" * 32
    path.write_bytes(write_line(sealed_by(encode(said), [own()])))


def a_better_result(folder: Path) -> None:
    path = folder / "gates.intoto.jsonl"
    said = json.loads(read_line(path.read_bytes()).content())
    said["predicate"] |= {"result": "PASSED", "failedTests": []}
    said["predicate"]["passedTests"] = ["gate.toy.total (at most 1)"]
    path.write_bytes(write_line(sealed_by(encode(said), [own()])))


def a_foreign_key(folder: Path) -> None:
    path = folder / "gates.intoto.jsonl"
    other = Key(sign.Ed25519PrivateKey.generate())
    path.write_bytes(write_line(sealed_by(read_line(path.read_bytes()).content(), [other])))


def a_foreign_weights_key(folder: Path) -> None:
    from duecare.ledger.weightkey import load_or_create_weights_key

    (folder / "weights-key.pub").write_bytes(load_or_create_weights_key(Path("elsewhere")).public)


def a_foreign_signature(folder: Path) -> None:
    from duecare.ledger.attested import model_files, subject_told
    from duecare.ledger.modelsig import sign_model
    from duecare.ledger.weightkey import load_or_create_weights_key

    subject = subject_told(Path("toys"), entries(Path("toys")), "sft")
    signed = sign_model("toys", model_files(subject), load_or_create_weights_key(Path("elsewhere")))
    (folder / "model.sig").write_bytes(signed)


def fewer_files(folder: Path) -> None:
    from duecare.ledger.attested import model_files, subject_told
    from duecare.ledger.modelsig import sign_model
    from duecare.ledger.weightkey import load_or_create_weights_key

    subject = subject_told(Path("toys"), entries(Path("toys")), "sft")
    signed = sign_model("toys", model_files(subject)[:1], load_or_create_weights_key(keys.home()))
    (folder / "model.sig").write_bytes(signed)


def provenance_with(change: Callable[[Any], object]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / "provenance.intoto.jsonl"
        said = json.loads(read_line(path.read_bytes()).content())
        change(said)
        path.write_bytes(write_line(sealed_by(encode(said), [own()])))

    return changed


def a_waiver_of_nobody(folder: Path) -> None:
    path = folder / "gates.intoto.jsonl"
    said = json.loads(read_line(path.read_bytes()).content())
    (failed,) = said["predicate"]["failedTests"]
    said["predicate"] |= {"result": "WARNED", "failedTests": []}
    said["predicate"]["warnedTests"] = [f"{failed}, waived until 2999-01-01"]
    path.write_bytes(write_line(sealed_by(encode(said), [own()])))


def an_empty_pass(folder: Path) -> None:
    """Nothing was tested, and it says that all passed."""
    of = json.loads(read_line((folder / "provenance.intoto.jsonl").read_bytes()).content())
    begun = next(each for each in reversed(entries(Path("toys"))) if each.happened == "run.started")
    predicate = {
        "result": "PASSED",
        "configuration": [{"name": "study", "digest": {"sha256": begun.settings_digest}}],
        **{"passedTests": [], "warnedTests": [], "failedTests": []},
    }
    said = {**of, "predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": predicate}
    (folder / "gates.intoto.jsonl").write_bytes(write_line(sealed_by(encode(said), [own()])))


def of_another_model(folder: Path) -> None:
    """What the gates said of the last model, said of this one."""
    path = folder / "gates.intoto.jsonl"
    said = json.loads(read_line(path.read_bytes()).content())
    said["predicate"]["passedTests"].append("gate.toy.asked (at least 1)")
    path.write_bytes(write_line(sealed_by(encode(said), [own()])))


def without_gates(folder: Path) -> None:
    (folder / "gates.intoto.jsonl").unlink()


def without_provenance(folder: Path) -> None:
    (folder / "provenance.intoto.jsonl").unlink()


def one_file_less(folder: Path) -> None:
    """The subject of both statements, and what signs the weights, leave out the same file."""
    fewer_files(folder)
    signed = json.loads((folder / "model.sig").read_bytes())["dsseEnvelope"]["payload"]
    kept = json.loads(base64.b64decode(signed))["predicate"]["resources"][0]["digest"]
    for path in folder.glob("*.jsonl"):
        said = json.loads(read_line(path.read_bytes()).content())
        said["subject"] = [each for each in said["subject"] if each["digest"]["sha256"] == kept]
        path.write_bytes(write_line(sealed_by(encode(said), [own()])))


a_file_twice = provenance_with(
    lambda said: said["subject"].insert(0, {**said["subject"][0], "digest": {"sha256": "ab" * 32}})
)
another_study = provenance_with(
    lambda said: said["predicate"]["buildDefinition"]["externalParameters"]["study"].update(model={})
)
a_job_less = provenance_with(
    lambda said: said["predicate"]["buildDefinition"]["internalParameters"]["jobs"].pop(0)
)
another_seed = provenance_with(
    lambda said: said["predicate"]["buildDefinition"]["internalParameters"]["jobs"][-1].update(seed=99)
)
a_dependency_less = provenance_with(
    lambda said: said["predicate"]["buildDefinition"]["resolvedDependencies"].pop(0)
)
another_time = provenance_with(
    lambda said: said["predicate"]["runDetails"]["metadata"].update(finishedOn="2020-01-01T00:00:00+00:00")
)


def outsider(bundle: Path) -> tuple[int, str]:
    """What the program for outsiders says, run as they run it."""
    from duecare.ledger.bundle import verifier

    Path("verify.py").write_bytes(verifier())
    program = [sys.executable, "-I", "-S", "verify.py", str(bundle), "--key", head(Path("toys")).key]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout
