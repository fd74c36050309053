"""What is signed for outsiders, checked by their own programs: in-toto, securesystemslib, model_signing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from trained import WEIGHTS, Trained

from duecare.ledger import entries, file_digest, head


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        found = Trained(tmp_path_factory.mktemp("team"), patch)
        found.run(gate=9)
        found.good("attest", "toys")
        yield found


def ed25519(public: str) -> SSlibKey:
    return SSlibKey(public, "ed25519", "ed25519", {"public": public})


def envelope(team: Trained, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((team.folder / "toys" / "attestations" / name).read_bytes())
    return found


NAMES = ("provenance.intoto.jsonl", "gates.intoto.jsonl")


@pytest.mark.parametrize("name", NAMES)
def test_securesystemslib_takes_the_envelope_for_the_key_of_the_run_and_for_no_other(team, name):
    key = head(team.folder / "toys").key
    given = Envelope.from_dict(envelope(team, name))
    assert given.payload_type == "application/vnd.in-toto+json"
    assert list(given.verify([ed25519(key)], 1)) == [key]
    with pytest.raises(VerificationError):
        given.verify([ed25519(team.keys["li"])], 1)
    for change in ({"payload": given.payload + b" "}, {"payload_type": "text/plain"}):
        fields = {"payload": given.payload, "payload_type": given.payload_type} | change
        with pytest.raises(VerificationError):
            Envelope(signatures=given.signatures, **fields).verify([ed25519(key)], 1)


@pytest.mark.parametrize("name", NAMES)
def test_in_toto_takes_the_statement(team, name):
    read = json_format.Parse(Envelope.from_dict(envelope(team, name)).payload, statement_pb2.Statement())
    Statement.copy_from_pb(read).validate()
    files = {each.name: each.digest["sha256"] for each in read.subject}
    assert len(files) == 2
    assert all("/model/" in each for each in files)
    assert files == {each: file_digest(team.folder / "toys" / each) for each in files}


def predicate(team: Trained, name: str, kind: Any) -> Any:
    """The predicate, read by the form that in-toto publishes: an unknown field is refused."""
    said = json.loads(Envelope.from_dict(envelope(team, name)).payload)["predicate"]
    return json_format.ParseDict(said, kind)


def test_the_provenance_has_the_form_of_slsa_and_tells_what_the_model_rests_on(team):
    found = predicate(team, NAMES[0], provenance_pb2.Provenance())
    used = {each.name: each.digest["sha256"] for each in found.build_definition.resolved_dependencies}
    assert used.keys() == {"rows.txt", "tiny/config.json"}
    assert used["rows.txt"] == file_digest(team.folder / "rows.txt")
    jobs = [each["job"] for each in found.build_definition.internal_parameters["jobs"]]
    assert jobs == ["a", "base", "sft"]  # not b, c, d: the model does not rest on them
    assert found.build_definition.external_parameters["study"]["study"]["name"] == "toys"
    assert "people" not in found.build_definition.external_parameters["study"]
    assert found.run_details.builder.id.endswith(head(team.folder / "toys").key)
    assert found.run_details.metadata.invocation_id == head(team.folder / "toys").run
    made = {(each.name, each.digest["sha256"]) for each in found.run_details.byproducts}
    told = {
        (f"{path}/manifest.json", digest)
        for entry in entries(team.folder / "toys")
        if entry.job in jobs
        for path, digest in entry.outputs.items()
    }
    assert made == told
    assert found.run_details.metadata.started_on.ToJsonString() <= (
        found.run_details.metadata.finished_on.ToJsonString()
    )


def test_the_gates_have_the_form_of_a_test_result(team):
    found = predicate(team, NAMES[1], test_result_pb2.TestResult())
    assert found.result == "PASSED"
    assert list(found.passed_tests) == ["gate.toy.total (at most 9)"]
    assert not found.failed_tests
    assert not found.warned_tests
    started = next(each for each in entries(team.folder / "toys") if each.happened == "run.started")
    assert found.configuration[0].digest["sha256"] == started.settings_digest


def model_signing(model: Path, signed: Path) -> tuple[int, str]:
    """`model_signing verify key`: the program as others run it."""
    words = ["verify", "key", model, "--signature", signed / "model.sig"]
    words += ["--public_key", signed / "weights-key.pub"]
    program = [sys.executable, "-m", "model_signing", *map(str, words)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert "Usage" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(team: Trained, tmp_path: Path) -> tuple[Path, Path]:
    """The model and what is signed, somewhere else and under other names."""
    (model,) = (team.folder / "toys" / "artifacts").glob("sft-*/model")
    shutil.copytree(model, tmp_path / "elsewhere")
    shutil.copytree(team.folder / "toys" / "attestations", tmp_path / "signed")
    return tmp_path / "elsewhere", tmp_path / "signed"


def test_model_signing_takes_the_signature_of_the_weights(copy):
    code, said = model_signing(*copy)
    assert code == 0, said
    assert "succeeded" in said
    model, signed = copy
    shutil.copy(signed / "model.sig", model / "model.sig")  # where others put it
    assert model_signing(model, signed)[0] == 0


@pytest.mark.parametrize("what", ["changed", "added", "removed", "renamed"])
def test_model_signing_finds_what_was_done_to_the_model(copy, what):
    model, signed = copy
    weights = model / "model.safetensors"
    if what == "changed":
        weights.write_bytes(b"\x01" + WEIGHTS[1:])
    elif what == "added":
        (model / "tokenizer.json").write_text("{}")
    elif what == "removed":
        (model / "config.json").unlink()
    else:
        weights.rename(model / "other.safetensors")
    code, said = model_signing(model, signed)
    assert code != 0
    assert "mismatch" in said.lower() or "failed" in said.lower()


def test_model_signing_takes_no_other_key_and_no_other_list(copy, tmp_path):
    from duecare.ledger.weightkey import load_or_create_weights_key

    model, signed = copy
    mine = (signed / "weights-key.pub").read_bytes()
    other = load_or_create_weights_key(tmp_path / "other-home").public
    (signed / "weights-key.pub").write_bytes(other)
    assert model_signing(model, signed)[0] != 0
    (signed / "weights-key.pub").write_bytes(mine)
    bundle = json.loads((signed / "model.sig").read_bytes())
    import base64

    content = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b'"config.json"', b'"confug.json"')
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(content).decode()
    (signed / "model.sig").write_text(json.dumps(bundle))
    assert model_signing(model, signed)[0] != 0
