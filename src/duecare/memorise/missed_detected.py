"""Personal values that a detector finds in training rows as they are: a lower anchor for what was missed.

The detector that redacted finds next to nothing again, by design; another one (`duecare detectors`) is the
better anchor. What it takes for a value by mistake counts too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from duecare.core import Estimate, Example, exact
from duecare.core.table import table, texts
from duecare.detect.asked import load_asked

METRIC = "memorise.missed.detected"
_TOGETHER = 2048


def detected(name: str, rows: Sequence[Example], about: Mapping[str, str]) -> Iterator[Estimate]:
    """How many places the detector `name` points at in `rows`: of all kinds and of each."""
    finder, found = load_asked(name), Counter[str]()
    for start in range(0, len(rows), _TOGETHER):
        for batch in table(rows[start : start + _TOGETHER]).combine_chunks().to_batches():
            found.update(finder(texts(batch)).column("label").to_pylist())
    counts = [({}, found.total()), *(({"kind": kind}, count) for kind, count in sorted(found.items()))]
    for where, count in counts:
        one = exact(METRIC, count, len(rows), {**about, **where}, "values")
        yield msgspec.structs.replace(one, rests_on=(finder.instrument,))
