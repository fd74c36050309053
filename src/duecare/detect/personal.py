"""Personal data in texts: where it stands and of which kind.

Labels: those of `patterns`, and PERSON; on request also those of `names`, such as LOCATION and
ORGANIZATION. Of spans that overlap the longest stays. A tag that stands for data already taken out, such as
"[EMAIL]" or "[PERSON_2]", is never found again; nor is anything else once every place is a tag, because
what is found is looked for again in the text so redacted, until nothing is.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter

import pyarrow as pa

from duecare.core.errors import DuecareError
from duecare.core.table import TEXTS, expect
from duecare.detect import names, patterns
from duecare.detect.card import Card, read_card
from duecare.detect.invented import stands_for_nobody
from duecare.detect.spans import Span, apart_from, longest, picked, spans_of

INSTRUMENT = "personal@4"

LABELS = (*patterns.LABELS, "PERSON")
"""What is looked for unless labels are named."""

KNOWN = (*LABELS, *(label for label in names.LABELS if label not in (*LABELS, "LINK", "NUMBER")))
"""What can be named."""

_BY_NAME = frozenset(names.LABELS) - (frozenset(patterns.LABELS) - {"ADDRESS"})
_TAG = re.compile(r"[\[<{]+[A-Z][A-Z_]*(?:[_ ]?\d+)?[\]>}]+")
_LAW = re.compile(
    r"\b\d{1,2}\s*(?:U\.\s?S\.\s?C\b|U\.\s?S\.?(?:\s?Code\b|$)|USC\s*(?:§|\d)|C\.?F\.?R\b"
    r"|(?i:United States Code|Code of Federal Regulations)\b)"
)
"""A place in the code of federal law, "15 U.S.C. 1681": a number, a name and a number, as an address is."""
_HASH = re.compile(r"(?:\d{1,3} )?(?=\w*\d)(?=\w*[a-f])[0-9a-f]{16,128}")
"""A long number to the base of sixteen, perhaps with the name of its scheme before it ("256" of "sha256")."""
_IN_ADDRESS = frozenset({"ADDRESS", "PHONE"})
"""Forms that a house number with a postcode can be taken for."""
_ADDRESSED = re.compile(r"\d{1,5}[A-Za-z]? [^\W\d_]{3}|[^\W\d_]{3}\W{1,2}\d{1,5}\b")
"""A number and a word side by side: what is left of an address where that stands in it."""
_ROUNDS = 6


class Personal:
    """Points at personal data; see the module for the labels.

    `labels` limits what is pointed at, or adds to it; `dial`, in log-odds, makes names easier to find
    (above 0) or harder. `once` True leaves it to the caller to look again at what it made of the text.
    DuecareError where a label is not known.
    """

    instrument = INSTRUMENT

    def __init__(self, labels: Collection[str] = (), dial: float = 0.0, *, once: bool = False) -> None:
        strange = sorted(set(labels) - set(KNOWN))
        if strange:
            raise DuecareError(f"labels: {', '.join(strange)}; known are {', '.join(KNOWN)}")
        self.labels = frozenset(labels or LABELS)
        self._named = self.labels & _BY_NAME
        self._dial, self._once = dial, once

    @property
    def card(self) -> Card:
        """What it was measured on."""
        return read_card("personal")

    def asked(self, labels: Collection[str]) -> Personal:
        """The same for these labels."""
        return Personal(labels, self._dial, once=self._once)

    def looking_once(self) -> Personal:
        """The same, but for a caller who replaces what is found and then looks again himself."""
        return Personal(self.labels, self._dial, once=True)

    def __call__(self, texts: pa.RecordBatch) -> pa.RecordBatch:
        expect(texts, TEXTS, "texts")
        said = texts.column("text")
        found = self._found(said) if self._once else _settled(said, self._found)
        return spans_of(texts, self.instrument, found)

    def find(self, text: str) -> list[Span]:
        """Personal data in `text`, in order of start, without overlaps."""
        whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair counts as a question mark
        return _settled(pa.array([whole], pa.string()), self._found).get(0, [])

    def _found(self, texts: pa.Array) -> dict[int, list[Span]]:
        found = names.named(texts, self._named, self._dial) if self._named else {}
        kept: dict[int, list[Span]] = {}
        forms = dict(patterns.forms_in(texts))
        for number, text in picked(texts, sorted(found.keys() | forms.keys())).items():
            formed = [span for span in forms.get(number, ()) if span.label in self.labels]
            taken = _taken(formed)
            spans = [
                part
                for span in found.get(number, ())
                for part in (_beside(text, span, taken) if taken else (span,))
                if not _harmless(part.label, text[part.start : part.end])
            ]
            if (spans := spans + formed) and (apart := _apart(text, spans)):
                kept[number] = apart
        return kept


@lru_cache(maxsize=1 << 14)
def _harmless(label: str, said: str) -> bool:
    """Whether a name or an address is that of nobody: an invented one, a law, or the hash of something."""
    if label == "ADDRESS" and (_LAW.search(said) or _HASH.fullmatch(said)):
        return True
    return stands_for_nobody(label, said)


def _taken(formed: list[Span]) -> list[tuple[int, int, bool]]:
    """Where forms stand, in order, those that overlap as one, and whether an address may hold them."""
    places: list[tuple[int, int, bool]] = []
    for span in sorted(formed):
        start, end, within = span.start, span.end, span.label in _IN_ADDRESS
        if places and start < places[-1][1]:
            before = places.pop()
            start, end, within = before[0], max(before[1], end), before[2] and within
        places.append((start, end, within))
    return places


def _beside(text: str, span: Span, taken: list[tuple[int, int, bool]]) -> list[Span]:
    """What is left of a place that the model found beside those with a form, which a check vouches for.

    An address keeps its numbers, of which some look like a form; one that holds a checked number is none.
    """
    first = bisect_right(taken, span.start, key=itemgetter(1))
    inside = taken[first : bisect_left(taken, span.end, first, key=itemgetter(0))]
    if not inside or (span.label == "ADDRESS" and all(within for _, _, within in inside)):
        return [span]
    edges = [span.start, *(edge for place in inside for edge in place[:2]), span.end]
    pieces = [
        span._replace(start=start + told[0], end=start + told[1])
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if start < end and (told := names.trimmed(text[start:end], span.label))
    ]
    if span.label == "ADDRESS":
        return [piece for piece in pieces if _ADDRESSED.search(text, piece.start, piece.end)]
    return pieces


def _apart(text: str, spans: list[Span]) -> list[Span]:
    """The longest of the spans that touch no tag."""
    if "]" in text or "}" in text or ">" in text:
        tags = [match.span() for match in _TAG.finditer(text)]
        spans = list(apart_from(spans, tags)) if tags else spans
    return longest(spans) if len(spans) > 1 else spans


def _settled(texts: pa.Array, find: Callable[[pa.Array], dict[int, list[Span]]]) -> dict[int, list[Span]]:
    """What `find` finds, and finds again where that has become tags, by number of the text."""
    found = find(texts)
    open_texts = sorted(found)
    said = picked(texts, open_texts)
    for _ in range(_ROUNDS):
        tagged = [_tagged(said[number], found[number]) for number in open_texts]
        more = find(pa.array(tagged, pa.string())) if tagged else {}
        for place, spans in more.items():
            number = open_texts[place]
            found[number] = sorted([*found[number], *_moved_back(spans, found[number])])
        open_texts = [open_texts[place] for place in sorted(more)]
        if not open_texts:
            break
    return found


def _tagged(text: str, spans: list[Span]) -> str:
    pieces, done = [], 0
    for span in spans:
        pieces += [text[done : span.start], f"[{span.label}]"]
        done = span.end
    return "".join([*pieces, text[done:]])


def _moved_back(fresh: list[Span], known: list[Span]) -> list[Span]:
    """Spans of the tagged text, which touch no tag, as spans of the text itself."""
    grown = [0, *accumulate(span.end - span.start - len(span.label) - 2 for span in known)]
    begins = [span.start - grown[number] for number, span in enumerate(known)]
    moved = []
    for span in fresh:
        shift = grown[sum(begin < span.start for begin in begins)]
        moved.append(span._replace(start=span.start + shift, end=span.end + shift))
    return moved


def find_personal(text: str) -> list[Span]:
    """Personal data in `text`, in order of start, without overlaps."""
    return Personal().find(text)
