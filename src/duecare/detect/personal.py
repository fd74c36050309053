"""Personal data in texts: where it stands and of which kind.

Labels: those of `patterns` and PERSON. Of spans that overlap the longest stays. A tag that stands for
data already taken out, such as "[EMAIL]" or "[PERSON_2]", is never found again.
"""

from __future__ import annotations

import re

import pyarrow as pa

from duecare.detect import names, patterns
from duecare.detect.card import Card, read_card
from duecare.detect.invented import stands_for_nobody
from duecare.detect.spans import Span, apart_from, longest, span_batch

INSTRUMENT = "personal@1"

LABELS = (*patterns.LABELS, "PERSON")

_TAG = re.compile(r"[\[<{]+[A-Z][A-Z_]*(?:[_ ]?\d+)?[\]>}]+")


class Personal:
    """Points at personal data; see the module for the labels."""

    instrument = INSTRUMENT

    @property
    def card(self) -> Card:
        """What it was measured on."""
        return read_card("personal")

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        return span_batch(
            texts, self.instrument, find_personal, candidate=f"{patterns.CANDIDATE}|{names.CANDIDATE}"
        )


def find_personal(text: str) -> list[Span]:
    """Personal data in `text`, in order of start, without overlaps."""
    spans = [
        span
        for span in names.find_names(text)
        if not stands_for_nobody(span.label, text[span.start : span.end])
    ]
    spans += patterns.find_forms(text)
    return longest(apart_from(spans, [match.span() for match in _TAG.finditer(text)]))
