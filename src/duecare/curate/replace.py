"""What stands in place of personal data, for all texts of a batch, until nothing is found any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import SpanFinder
from duecare.curate.cast import Cast, Mention, title_before
from duecare.curate.rewriting import Place, Rewritten, rewritten
from duecare.curate.surrogate import StandIn
from duecare.detect.identity import protected_words
from duecare.detect.invented import invented_places, may_hold_invented
from duecare.detect.spans import picked

Write = Callable[[Place, str], str]
"""What is written for a place that holds a value."""
_ROUNDS = 4
"""Times at most that a replaced text is looked at again; two are all that was ever seen to be needed."""


@dataclass(slots=True)
class Replacing:
    """Replaces what `finder` finds in `texts` (TEXTS, the rows of a conversation one after another).

    What a detector says of a place can hang on the words around it, so replaced texts are looked at again:
    what is found then is replaced too, and redacting a second time changes nothing.
    """

    texts: pa.RecordBatch
    finder: SpanFinder
    replace: str
    stand_in: StandIn | None
    scope: str
    _values: dict[int, str] = field(init=False)
    _rows: dict[int, str] = field(init=False)

    def settled(self) -> dict[int, Rewritten]:
        """Every text that holds personal data, by its number, with that replaced."""
        places = self._found(self.texts, range(len(self.texts)))
        self._values, self._rows = (
            picked(self.texts.column(name), sorted(places)) for name in ("text", "row")
        )
        made, open_texts = self._rewritten(places, places), sorted(places)
        for _ in range(_ROUNDS):
            if not open_texts:
                break
            column = pa.array([made[number].text for number in open_texts], pa.string())
            chosen = self.texts.take(pa.array(open_texts))
            again = self._found(chosen.set_column(3, chosen.schema.field(3), column), open_texts)
            fresh = {
                number: moved for number, found in again.items() if (moved := made[number].moved_back(found))
            }
            for number, more in fresh.items():
                places[number] = [*places[number], *more]
            rows = {self._rows[number] for number in fresh}
            changed = {number for number in places if self._rows[number] in rows}
            made |= self._rewritten(places, changed)  # a name found late can change who is who in its row
            open_texts = sorted(changed)
        return made

    def _found(self, texts: pa.RecordBatch, numbers: Sequence[int]) -> dict[int, list[Place]]:
        """Places by number of the text, but no words that name a group of people, and no surrogates."""
        spans = self.finder(texts)
        owners = pc.index_in(_addresses(spans), _addresses(texts)).to_pylist()
        columns = [spans.column(name).to_pylist() for name in Place._fields]
        said = picked(texts.column("text"), np.unique(owners))
        open_texts = self._may_hold_surrogates(texts.column("text"), [*said])
        places_in = lru_cache(maxsize=1)(lambda at: invented_places(said[at]))  # spans come text by text
        found: dict[int, list[Place]] = defaultdict(list)
        for at, start, end, label, instrument, value in zip(owners, *columns, strict=True):
            if label == "PERSON" and _names_a_group(said[at][start:end]):
                continue
            if at in open_texts and any(begin < end and start < stop for begin, stop in places_in(at)):
                continue
            found[numbers[at]].append(Place(start, end, label, instrument, value))
        return dict(found)

    def _may_hold_surrogates(self, texts: pa.Array, owners: Sequence[int]) -> frozenset[int]:
        """Those of the positions `owners` in whose texts surrogates may stand; to look for where is slow."""
        if self.stand_in is None or not owners:
            return frozenset()
        some = np.array(owners)
        return frozenset(some[may_hold_invented(texts.take(pa.array(some)))].tolist())

    def _rewritten(self, places: Mapping[int, list[Place]], numbers: Iterable[int]) -> dict[int, Rewritten]:
        by_row: dict[str, list[int]] = defaultdict(list)
        for number in sorted(numbers):
            by_row[self._rows[number]].append(number)
        made = {}
        for row, its in by_row.items():
            writer = self._writer(row, {number: places[number] for number in its})
            for number in its:
                made[number] = rewritten(self._values[number], places[number], writer(number))
        return made

    def _writer(self, row: str, places: Mapping[int, list[Place]]) -> Callable[[int], Write]:
        """Number of a text -> (place, value) -> what is written."""
        if self.stand_in is None:
            if self.replace == "mask":
                return lambda number: lambda place, value: "x" * len(value)
            return lambda number: lambda place, value: f"[{place.label}]"
        stand_in = self.stand_in.within(row) if self.scope == "conversation" else self.stand_in
        names = {
            number: {place: self._mention(number, place) for place in sorted(its) if place.label == "PERSON"}
            for number, its in sorted(places.items())
        }
        said = (mention for its in names.values() for mention in its.values())
        cast = Cast(stand_in, said, by_title=self.scope == "conversation")

        def of_text(number: int) -> Write:
            its = names[number]

            def write(place: Place, value: str) -> str:
                if place.label == "PERSON":
                    return cast.name(its[place])
                if place.label in ("EMAIL", "USER_NAME"):
                    return cast.login(place.label, value)
                return stand_in(place.label, value)

            return write

        return of_text

    def _mention(self, number: int, place: Place) -> Mention:
        text = self._values[number]
        return Mention(text[place.start : place.end], title_before(text, place.start))


def _addresses(rows: pa.RecordBatch) -> pa.Array:
    """Of TEXTS or SPANS, which text of which row each is of."""
    return pc.binary_join_element_wise(rows.column("row"), rows.column("part"), "\0")


@lru_cache(maxsize=1 << 14)
def _names_a_group(value: str) -> bool:
    """Whether every word of a supposed name names a group of people: an audit rests on such words."""
    words = value.casefold().split()
    return bool(words) and all(word.strip(".,'’") in protected_words() for word in words)
