"""The table of detectors: ours, then those that installed packages add.

A stranger's package names a factory without arguments under the entry point group
"duecare.detectors"; the factory (or what it makes) carries its `card`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import cast

from duecare.core.errors import DuecareError
from duecare.core.score import Scorer, SpanFinder
from duecare.detect.card import Card, read_card

Factory = Callable[[], Scorer | SpanFinder]

OURS: dict[str, str] = {
    "toxicity": "duecare.detect.toxic:Toxicity",
    "personal": "duecare.detect.personal:Personal",
    "identity": "duecare.detect.identity:Identity",
    "stereotype": "duecare.detect.stereotype:Stereotype",
    "refusal": "duecare.detect.refusal:Refusal",
    "sentiment": "duecare.detect.sentiment:Sentiment",
    "regard": "duecare.detect.regard:Regard",
}
"""Name -> factory, as "module:attribute"; nothing is imported before it is asked for."""

GROUP = "duecare.detectors"
"""Entry point group through which other packages add detectors."""


class Detectors(Mapping[str, Card]):
    """Every known detector's card by name, ours first. Other packages are looked up on first use."""

    def __getitem__(self, name: str) -> Card:
        if name in OURS:
            return read_card(name)
        stranger = _strangers().get(name)
        if stranger is None:
            raise KeyError(name)
        factory = stranger.load()
        card = getattr(factory, "card", None)
        card = card if isinstance(card, Card) else getattr(factory(), "card", None)
        if not isinstance(card, Card) or card.name != name:
            raise DuecareError(f"detector {name} ({stranger.value}) carries no Card of that name as `card`")
        return card

    def __iter__(self) -> Iterator[str]:
        yield from OURS
        yield from _strangers()

    def __len__(self) -> int:
        return len(OURS) + len(_strangers())

    def __contains__(self, name: object) -> bool:
        return name in OURS or name in _strangers()


DETECTORS = Detectors()
"""Name -> Card of every detector that `load` can make."""


def load(name: str) -> Scorer | SpanFinder:
    """The detector called `name`, ready to be called with batches of TEXTS."""
    _expect_known(name)
    if name in OURS:
        module, _, attribute = OURS[name].partition(":")
        return cast(Factory, getattr(import_module(module), attribute))()
    return cast(Factory, _strangers()[name].load())()


def load_card(name: str) -> Card:
    """The card of the detector called `name`."""
    _expect_known(name)
    return DETECTORS[name]


def combine(ours: Mapping[str, str], others: Iterable[EntryPoint]) -> dict[str, EntryPoint]:
    """The entry points by name; a DuecareError where a name is taken twice."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(others, key=lambda entry: (entry.name, entry.value)):
        taken = ours.get(entry.name) or (found[entry.name].value if entry.name in found else None)
        if taken is not None:
            raise DuecareError(f"two detectors are called {entry.name}: {taken} and {entry.value}")
        found[entry.name] = entry
    return found


@lru_cache(maxsize=1)
def _strangers() -> dict[str, EntryPoint]:
    return combine(OURS, [*entry_points(group=GROUP), *_installed()])


def _installed() -> Iterator[EntryPoint]:
    """Detectors of ours that stand on an optional package, where it is here."""
    if find_spec("presidio_analyzer") is not None:
        yield EntryPoint("presidio", "duecare.detect.presidio:predefined", GROUP)


def _expect_known(name: str) -> None:
    if name not in DETECTORS:
        near = difflib.get_close_matches(name, list(DETECTORS), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(DETECTORS)}"
        raise DuecareError(f"no detector is called {name}{hint}")
