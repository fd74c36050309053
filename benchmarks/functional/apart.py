"""Whether training sentences come near the functional test: the same sentence, or one with other names.

Words for groups are struck out on both sides; what is left is compared as sets of word triples
(Jaccard). A quarter of shared triples and more is near: one template with a word changed is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from functional.cases import cases
from functional.groups import GROUPS

NEAR = 0.25
_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")


def near_copies(
    sentences: Iterable[str], names: Iterable[str], near: float = NEAR
) -> Iterator[tuple[str, str]]:
    """(training sentence, template) of every sentence that is `near` a template of the test.

    `names` are further words for groups (those of the training sources) that count as no word.
    """
    struck = _struck(names)
    by_triple: dict[tuple[str, ...], set[int]] = defaultdict(set)
    tests = list(dict.fromkeys((case.template, triples(case.text, struck)) for case in cases()))
    wording = {case.template: case.text for case in cases()}
    for place, (_, found) in enumerate(tests):
        for triple in found:
            by_triple[triple].add(place)
    for sentence in dict.fromkeys(sentences):
        own = triples(sentence, struck)
        shared: dict[int, int] = defaultdict(int)
        for triple in own:
            for place in by_triple.get(triple, ()):
                shared[place] += 1
        for place, count in shared.items():
            template, other = tests[place]
            if count >= near * (len(own) + len(other) - count):
                yield sentence, wording[template]
                break


def triples(text: str, struck: frozenset[str]) -> frozenset[tuple[str, ...]]:
    """The word triples of `text`, its edges counted as words, without those words that are `struck`."""
    words = ["<", *(word for word in _WORD.findall(text.lower()) if word not in struck), ">"]
    if len(words) < 5:
        return frozenset({tuple(words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def unseen_words() -> frozenset[str]:
    """Every word, lower case, that names an unseen group and no seen one."""
    seen = {
        word for group in GROUPS if group.seen for word in _names(group.one, group.people, group.adjective)
    }
    rest = {word for g in GROUPS if not g.seen for word in _names(g.one, g.people, g.adjective)}
    return frozenset(rest - seen)


def _struck(names: Iterable[str]) -> frozenset[str]:
    own = {word for g in GROUPS for word in _names(g.one, g.people, g.adjective)}
    return frozenset(own | _names(*names) | {"a", "an", "people", "person", "man", "woman", "men", "women"})


def _names(*phrases: str) -> set[str]:
    return {word for phrase in phrases for word in _WORD.findall(phrase.lower())}
