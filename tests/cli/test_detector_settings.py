"""A study may bring a scorer of its own: behind HTTP, or a classifier in a folder; and choose heads."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sound import SOUND, read

from duecare.cli.study import Study
from duecare.core import StudyError
from duecare.detect.endpoint import Endpoint
from duecare.ledger.read import entries

sys.path.insert(0, str(Path(__file__).parent.parent / "detect"))
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


def test_a_study_with_a_classifier_in_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra duecare[onnx] is not installed")
    words = {"rude": (0.0, 3.0, 0.0), "vile": (0.0, 0.0, 2.0)}
    folder = classifier_on_disk(tmp_path / "tiny", words, ["fine", "insult", "threat"])
    assert ran(tmp_path, f'{{folder: "{folder}", labels: [insult], tokens: 64}}')[0] == ["chats:2"]


@pytest.mark.parametrize(
    ("given", "where", "expected"),
    [
        ("detector: {url: 'ftp://x', take: a}", "curate.0.toxicity.detector.url", "an http or https address"),
        ("detector: {url: 'http://x'}", "curate.0.toxicity.detector.take", "text"),
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
