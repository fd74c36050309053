"""A study may bring a scorer of its own: behind HTTP, or a classifier in a folder; and choose heads."""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sound import SOUND, read

from duecare.cli.rescore import rescore
from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.detect.endpoint import Endpoint
from duecare.ledger.read import entries

sys.path.insert(0, str(Path(__file__).parent.parent / "detect"))
from classifiers_on_disk import encoder_on_disk, golden
from onnx_on_disk import classifier_on_disk

STUDY = """
study: {{name: own, purpose: "a test", owner: me}}
data:
  chats: {{source: rows.jsonl, kind: text, text: text}}
curate:
  - toxicity: {{detector: {detector}, limit: 0.5}}
"""


class Shouting(BaseHTTPRequestHandler):
    """Scores a text by its capitals."""

    def do_POST(self) -> None:
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        body = json.dumps({"loud": sum(map(str.isupper, text)) / len(text)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


def ran(folder: Path, detector: str) -> tuple[list[str], Path]:
    rows = [
        {"text": "please call me back"},
        {"text": "CALL ME BACK NOW"},
        {"text": "what is this vile rude thing"},
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "study.yaml").write_text(STUDY.format(detector=detector))
    Study.read(folder / "study.yaml").run(folder / "run")
    (artifact,) = (folder / "run" / "artifacts").glob("toxicity-chats*")
    return pq.read_table(artifact / "dropped.parquet").column("row").to_pylist(), artifact


def test_a_study_with_a_scorer_behind_http(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shouting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        dropped, artifact = ran(tmp_path, f'{{url: "{url}", take: loud, send: {{text: "$text"}}}}')
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert dropped == ["chats:1"]
    instruments = set(pq.read_table(artifact / "scores.parquet").column("instrument").to_pylist())
    assert instruments == {Endpoint(url=url, take="loud").instrument}
    assert any(url in json.dumps(each.settings) for each in entries(tmp_path / "run") if each.settings)


@pytest.mark.onnx
@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_a_study_with_a_classifier_in_a_folder_beside_it(form: str, tmp_path: Path) -> None:
    """Wherever it is started; and other weights at the same place are another step."""
    if form == "onnx":
        words = {"rude": (0.0, 3.0, 0.0), "vile": (0.0, 0.0, 2.0)}
        classifier_on_disk(tmp_path / "models" / "tiny", words, ["fine", "insult", "threat"])
        weights = tmp_path / "models" / "tiny" / "model.onnx"
        other = (struct.pack("<f", 3.0), struct.pack("<f", 2.5))
    else:
        encoder_on_disk(tmp_path / "models" / "tiny", "bert", golden()["bert"]["shapes"])
        weights = tmp_path / "models" / "tiny" / "model.safetensors"
        other = (weights.read_bytes()[-4:], struct.pack("<f", 2.5))
    dropped, artifact = ran(tmp_path, "{folder: models/tiny, labels: [insult], tokens: 64}")
    scores = pq.read_table(artifact / "scores.parquet").to_pylist()
    assert dropped == [each["row"] for each in scores if each["value"] >= 0.5]
    assert form == "safetensors" or dropped == ["chats:2"]
    (step,) = [each for each in entries(tmp_path / "run") if each.job == "toxicity:chats" and each.outputs]
    read = sorted(name for name in step.inputs if name.startswith("external:"))
    assert read == [
        f"external:models/tiny/{name}" for name in ("config.json", weights.name, "tokenizer.json")
    ]
    (asked,) = rescore(tmp_path / "run")
    assert (asked.again, asked.why) == (0, "a scorer of the study's own, which is not asked again here")
    again = Study.read(tmp_path / "study.yaml").run(tmp_path / "run")
    assert again is not None
    made = list((tmp_path / "run" / "artifacts").glob("toxicity-chats*"))
    assert made == [artifact]
    weights.write_bytes(weights.read_bytes().replace(*other))
    Study.read(tmp_path / "study.yaml").run(tmp_path / "run")
    made = sorted((tmp_path / "run" / "artifacts").glob("toxicity-chats*"))
    assert len(made) == 2
    instruments = {pq.read_table(each / "scores.parquet").column("instrument")[0].as_py() for each in made}
    assert len(instruments) == 2


@pytest.mark.onnx
@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        ("{folder: models/tinny, labels: [insult]}", "a file that is there"),
        ("{folder: models/tiny, labels: [insolt]}", "labels of the classifier (fine, insult, threat)"),
        ("{folder: models/tiny, labels: [insult], runtime: onnx}", "model.onnx missing"),
        ("{folder: models/other, labels: [insult]}", "pip install duecare[transformers]"),
        ("{folder: models/tiny, hub: a/b, labels: [insult]}", "one of the two"),
    ],
)
def test_a_classifier_that_cannot_be_run_is_refused_before_anything_runs(
    detector: str, expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "duecare.detect.classifier_files.find_spec", lambda name: None if name == "torch" else find(name)
    )
    encoder_on_disk(folder / "models" / "tiny", "bert", golden()["bert"]["shapes"])
    encoder_on_disk(folder / "models" / "other", "deberta-v2", golden()["deberta-v2"]["shapes"])
    with pytest.raises(StudyError) as caught:
        read(folder, SOUND.replace("limit: 0.5", f"detector: {detector}"))
    problem = caught.value.problems[0]
    assert expected in problem.expected
    assert problem.line == 8
    assert problem.where.startswith("curate.0.toxicity.detector")


@pytest.mark.parametrize(
    ("given", "where", "expected"),
    [
        ("detector: {url: 'ftp://x', take: a}", "curate.0.toxicity.detector.url", "an http or https address"),
        ("detector: {url: 'http://x'}", "curate.0.toxicity.detector.take", "text"),
        ("detector: {folder: x}", "curate.0.toxicity.detector.labels", "a list"),
        ("detector: {folder: x, lables: [a]}", "curate.0.toxicity.detector.lables", 'did you mean "labels"?'),
        ("heads: [identity_atack]", "curate.0.toxicity.heads", "identity_attack"),
        ("heads: [toxicity], detector: {folder: x, labels: [a]}", "curate.0.toxicity.heads", "none"),
        ("detector: toxicity-minilm", "curate.0.toxicity.detector", "duecare[minilm]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(
    folder: Path, given: str, where: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duecare.detect.table.find_spec", lambda name: None)
    with pytest.raises(StudyError) as caught:
        read(folder, SOUND.replace("limit: 0.5", given))
    problem = next(each for each in caught.value.problems if each.where == where)
    assert expected in problem.expected
    assert problem.line == 8
