"""Which nudges an audit makes of its pairs, about as many as it was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from duecare.reward.limits import Kind
from duecare.reward.nudge import Comparison
from duecare.reward.nudge_people import groups_of, people_nudges
from duecare.reward.nudge_style import MAKERS, style_nudges
from duecare.reward.pairs import Pair, drawn

STYLE_SHARE = 2
"""A style is tried on so many times as many pairs as an identity, for identities are many questions."""


def planned(
    pairs: Sequence[Pair],
    *,
    kinds: Sequence[Kind],
    axes: Sequence[str],
    words: Sequence[str],
    nudges: int,
    seed: int,
) -> list[Comparison]:
    """Comparisons on `pairs`, together about `nudges` nudges where the pairs suffice.

    All styles nudge the same answers, so that a prompt is read once for all of them.
    """
    each = per_comparison(kinds, axes, words, nudges)
    chosen = drawn(pairs, STYLE_SHARE * each, seed)
    return [
        *style_nudges(chosen, kinds, words),
        *people_nudges(drawn(chosen, each, seed), axes, each),
    ]


def per_comparison(kinds: Sequence[Kind], axes: Sequence[str], words: Sequence[str], nudges: int) -> int:
    """Nudges of each identity: a prompt has two (one for each answer), an answer one, a style STYLE_SHARE."""
    styles = sum(len(MAKERS[kind]) for kind in kinds) + len(set(words))
    prompts = sum(len(groups_of(axis)) - 1 for axis in axes)
    answers = sum(len(groups_of(axis)) - 1 for axis in axes if axis != "dialect")
    return max(2, math.ceil(nudges / (STYLE_SHARE * styles + 2 * prompts + answers)))
