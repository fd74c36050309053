"""The pattern tier of personal data (spans with their checks): megabytes of text a second on one core.

    python benchmarks/patterns.py [thousand texts]

The texts are made here from templates like customers' talk, of which a stated share holds anything that the
tier has to look at, and a stated share real finds. With $DUECARE_DATA set, the complaints of the CFPB sample
and the intents of the support sample are measured too. datafog-core and Presidio's pattern recognisers run
over the same texts where they can be imported: give a Python that has them, e.g. a virtual environment with
`pip install datafog-core presidio-analyzer`, as $PEERS. By processor time of one process, ours and theirs in
one run, each the median of three.
"""

from __future__ import annotations

# ruff: noqa: E501 - the texts are read whole, on their line
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa

from duecare.core.table import TEXTS
from duecare.detect.patterns import Forms
from duecare.detect.signs import may_hold

CALM = (
    "Hello, I would like to know when my parcel will arrive, the page says it has left the warehouse already.",
    "Thank you for your patience, I have passed the matter on and somebody will come back to you very soon.",
    "The screen stays dark after the update and the light at the front keeps blinking, what can I do about it?",
    "I understand how annoying this is and I am sorry; please try to switch it off and on again first, then tell me "
    "whether the light has turned green.",
    "Could you please cancel my subscription, I do not need it any more and the price went up without any notice.",
)
NUMBERED = (
    "My order {n} has not arrived, it should have been here {d} days ago.",
    "The invoice of {d} March says $ {n}.00 but I paid for {d} items only, please check the total.",
    "Please restart the router, wait {d} minutes and enter the ticket number {n} on the page.",
)
PERSONAL = (
    "You can reach me at jo.{w}{d}@mail.acme.test or under 555-{p}-{q} in the evening, thank you.",
    "My account number is {n}{q} and I live at {d} Elm Street, Springfield, what else do you need from me?",
    "I was born on {d} May 19{e} and my card is 4111 1111 1111 1111, it was charged twice for one order.",
)
SHARES = (0.70, 0.20, 0.10)
"""Of texts without any digit, with numbers that are nobody's, with personal data."""
PEER = """
import json, sys, time
texts = json.load(open(sys.argv[1]))
size = sum(len(text.encode()) for text in texts)
def rate(name, find):
    find(texts[0])
    began = time.process_time()
    hits = sum(1 for text in texts if find(text))
    print(json.dumps({"name": name, "rate": size / 1e6 / (time.process_time() - began), "texts": hits}))
try:
    import datafog_core
    find = getattr(datafog_core, "scan", None) or getattr(datafog_core, "detect", None)
    rate("datafog-core", find)
except ImportError as error:
    print(json.dumps({"name": "datafog-core", "missing": str(error)}))
try:
    from presidio_analyzer import RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpArtifacts
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    kinds = [r for r in registry.recognizers if hasattr(r, "patterns")]
    def find(text):
        return [hit for each in kinds for hit in each.analyze(text, each.supported_entities, None)]
    texts = texts[: len(texts) // 40]
    size = sum(len(text.encode()) for text in texts)
    rate(f"Presidio, {len(kinds)} pattern recognisers, one text in 40", find)
except ImportError as error:
    print(json.dumps({"name": "Presidio", "missing": str(error)}))
"""


def main() -> None:
    """Measure and print."""
    count = 1000 * int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    measure("made here", made(count))
    if "DUECARE_DATA" in os.environ:
        folder = Path(os.environ["DUECARE_DATA"])
        complaints = pl.read_csv(folder / "cfpb-complaints" / "cfpb_narratives.csv", infer_schema=False)
        measure("complaints (CFPB)", complaints["Consumer complaint narrative"].drop_nulls().to_list())


def made(count: int) -> list[str]:
    """Texts of customers' talk, the same for the same count."""
    chance, texts = random.Random(7), []
    for _ in range(count):
        kind = chance.choices((CALM, NUMBERED, PERSONAL), SHARES)[0]
        filled = chance.choice(kind).format(
            n=chance.randrange(10**4, 10**6),
            d=chance.randrange(1, 29),
            w=chance.choice(("smith", "lee", "cole")),
            p=chance.randrange(200, 999),
            q=f"{chance.randrange(10**4):04d}",
            e=chance.randrange(40, 99),
        )
        texts.append(f"{filled} {chance.choice(CALM)}" if chance.random() < 0.3 else filled)
    return texts


def measure(name: str, texts: list[str]) -> None:
    """Print what the tier does on `texts`, and what the peers do."""
    column = pa.array(texts, pa.string())
    names = pa.array([str(place) for place in range(len(texts))], pa.string())
    batch = pa.RecordBatch.from_arrays(
        [names, names, pa.array(["text"] * len(texts), pa.string()), column], schema=TEXTS
    )
    size, forms = sum(len(text.encode()) for text in texts) / 1e6, Forms()
    spans = forms(batch)
    candidates = may_hold(pl.Series(column)).mean()
    hit = len(set(spans.column("row").to_pylist())) / len(texts)
    print(
        f"{name}: {len(texts):,} texts, {size:.1f} MB; {candidates:.0%} are candidates, {hit:.0%} have a find"
    )
    ours = size / timed(lambda: forms(batch))
    print(f"  duecare forms   {ours:7.1f} MB/s, {len(spans):,} spans")
    print(f"  candidate test  {size / timed(lambda: may_hold(pl.Series(column))):7.1f} MB/s")
    for peer in peers(texts):
        if "rate" in peer:
            print(
                f"  {peer['name']:15} {peer['rate']:7.2f} MB/s, ours {ours / peer['rate']:.1f} times as fast"
            )
        else:
            print(f"  {peer['name']:15} not measured: {peer['missing']}")


def timed(work: Callable[[], object]) -> float:
    """Seconds of processor time, the median of three."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def peers(texts: list[str]) -> list[dict[str, object]]:
    """What the peers' Python says, where one is given."""
    python = os.environ.get("PEERS")
    if not python:
        return []
    path = Path(os.environ.get("TMPDIR", "/tmp")) / "duecare-patterns.json"
    path.write_text(json.dumps(texts[:40_000]), "utf-8")
    done = subprocess.run([python, "-c", PEER, str(path)], capture_output=True, text=True, check=True)
    path.unlink()
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


if __name__ == "__main__":
    main()
