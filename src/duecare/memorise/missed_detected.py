"""Personal values that a detector finds in training rows as they are: a lower anchor for what was missed.

The detector that redacted finds next to nothing again, by design; another one (`duecare detectors`) is the
better anchor. What it takes for a value by mistake counts too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec
import pyarrow as pa

from duecare.core import Estimate, exact
from duecare.core.table import texts
from duecare.detect.asked import load_asked

METRIC = "memorise.missed.detected"


def detected(name: str, batches: Iterable[pa.RecordBatch], about: Mapping[str, str]) -> Iterator[Estimate]:
    """How many places the detector `name` points at in rows (EXAMPLES): of all kinds and of each."""
    finder, found, rows = load_asked(name), Counter[str](), 0
    for batch in batches:
        rows += len(batch)
        found.update(finder(texts(batch)).column("label").to_pylist())
    counts = [({}, found.total()), *(({"kind": kind}, count) for kind, count in sorted(found.items()))]
    for where, count in counts:
        one = exact(METRIC, count, rows, {**about, **where}, "values")
        yield msgspec.structs.replace(one, rests_on=(finder.instrument,))
