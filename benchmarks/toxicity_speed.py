"""MB/s of the toxicity detector's fast tier, compiled and in NumPy, against alt-profanity-check.

    python benchmarks/toxicity_speed.py [PEER_PYTHON] [megabytes]

The same sentences for all (those of the functional test, over and over), one core each, by processor time,
in one run. PEER_PYTHON is the interpreter of an environment with alt-profanity-check (without it the peer
is left out; it gets a twentieth of the text, its speed does not depend on how much there is). Says too
whether the compiled tier and NumPy gave the same bytes. The bar: 15 MB/s on one core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pyarrow as pa
from functional import cases

from duecare.detect.kernel import standing
from duecare.detect.toxic import shipped, weigh, weigh_plainly

TRIES = 3
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PEER = """
import json, sys, time
from profanity_check import predict_prob
texts = json.load(sys.stdin)
predict_prob(texts[:100])
best = 1e9
for _ in range(2):
    began = time.process_time()
    predict_prob(texts)
    best = min(best, time.process_time() - began)
print(best)
"""


def main() -> None:
    """Measure and print a line for each way."""
    peer = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].isdigit() else None
    megabytes = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 20
    sentences = [case.text for case in cases()]
    size = sum(map(len, sentences)) / 1e6
    texts = sentences * max(1, round(megabytes / size))
    total = sum(len(text.encode()) for text in texts) / 1e6
    array, weights = pa.array(texts, type=pa.string()), shipped()
    print(f"{len(texts):,} texts, {total:.1f} MB; kernels: {standing()}")
    best, found = _timed(lambda: weigh(array, weights), TRIES)
    print(f"fast tier, compiled      {total / best:8.1f} MB/s  {len(texts) / best:12,.0f} texts/s")
    part = array.slice(0, len(array) // 4)
    slow, plainly = _timed(lambda: weigh_plainly(part, weights), TRIES)
    share = len(part) / len(array)
    print(f"fast tier, NumPy         {total * share / slow:8.1f} MB/s  {len(part) / slow:12,.0f} texts/s")
    same = found[0][: len(part)].tobytes() == plainly[0].tobytes()
    print(f"the same bytes: {same}; compiled is {slow / share / best:.1f} times as fast")
    if peer is not None:
        few = texts[: len(texts) // 20]
        given = json.dumps(few)
        words = [peer, "-c", PEER]
        done = subprocess.run(
            words, input=given, capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD}
        )
        taken = float(done.stdout)
        speed = total / 20 / taken
        print(f"alt-profanity-check      {speed:8.1f} MB/s  {len(few) / taken:12,.0f} texts/s")
        print(f"compiled is {total / best / speed:.1f} times as fast as alt-profanity-check")


def _timed(act: object, tries: int) -> tuple[float, object]:
    """Seconds of processor time of the quickest try, and what came out."""
    best, found = float("inf"), None
    for _ in range(tries):
        began = time.process_time()
        found = act()  # type: ignore[operator]
        best = min(best, time.process_time() - began)
    return best, found


if __name__ == "__main__":
    main()
