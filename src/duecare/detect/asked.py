"""A detector that points at some labels only."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from duecare.core.score import SpanFinder
from duecare.detect.table import load


class Only:
    """What another finder finds, less the spans with other labels."""

    def __init__(self, finder: SpanFinder, labels: Collection[str]) -> None:
        self._finder, self._labels = finder, sorted(labels)

    @property
    def instrument(self) -> str:
        """That of the finder."""
        return self._finder.instrument

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        spans = self._finder(texts)
        return spans.filter(pc.is_in(spans.column("label"), pa.array(self._labels, pa.string())))


def load_asked(name: str, labels: Collection[str] = ()) -> SpanFinder:
    """The detector `name`, pointing at `labels`; where none is named, at what it points at unless asked.

    A detector with a method `asked(labels)` may so be made to look for more than it does by itself.
    """
    finder = load(name)
    if not labels:
        return finder
    asked = getattr(finder, "asked", None)
    return asked(labels) if asked is not None else Only(finder, labels)


def looking_once(finder: SpanFinder) -> SpanFinder:
    """`finder` without its own second looks, for a caller who replaces what is found and looks again.

    A detector with a method `looking_once()` says what that is; every other stays as it is.
    """
    once = getattr(finder, "looking_once", None)
    found: SpanFinder = finder if once is None else once()
    return found
