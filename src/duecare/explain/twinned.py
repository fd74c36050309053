"""Counterfactual twins as two rows of tokens, and which position of one stands for which of the other.

A position of one twin is matched with the position of the other that holds the same token in the longest
common runs; tokens that differ are matched from the end of their span, so that the last token of "nonbinary"
meets that of "male", and what is left over is matched with nothing. Needs no JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import numpy.typing as npt

from duecare.core import DataError
from duecare.explain.reading import begins, rendered
from duecare.model.twins import Manner

Ints = npt.NDArray[np.int32]
REGIONS = ("name", "later", "between", "end", "answer")
"""Where a token stands: the first words that differ between twins, later ones that do (pronouns), what is
equal in the prompt after the first difference, what the chat template puts behind the prompt, and the answer.
Before the first difference twins are equal, and so is all that is computed there."""
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Side:
    """One prompt and answer: token ids, place of the answer's first token, and the region of each position
    (its number in REGIONS, or -1)."""

    tokens: tuple[int, ...]
    first: int
    region: Ints


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer to the prompt of `group` (`mine`) and to that of `against` (`other`).

    `source` int32 [T] gives for each position of `mine` that of `other`, or -1; pairs of one `cluster` (an
    issue) are not independent.
    """

    pair: str
    cluster: str
    axis: str
    group: str
    against: str
    mine: Side
    other: Side
    source: Ints

    @property
    def whole(self) -> bool:
        """Whether every position of each twin has its counterpart: then replacing all of it replaces all."""
        return len(self.mine.tokens) == len(self.other.tokens) and bool((self.source >= 0).all())


def tokenised(tokenizer: Any, text: str, answer: str) -> tuple[list[int], int, int]:
    """Token ids of prompt and answer, the place of the answer's first, and that of the first token behind the
    prompt's own text."""
    from duecare.model.tokenize import joined

    prompt = rendered(tokenizer, text)
    tokens, first = joined(tokenizer, prompt, answer)
    upto = begins(tokenizer)
    if upto < 0 or not prompt.startswith(text, upto):
        upto = prompt.rfind(text)
    ends = len(tokenizer.encode(prompt[: upto + len(text)], special=True)) if upto >= 0 else first
    return tokens, first, min(ends, first)


def paired(tokenizer: Any, texts: tuple[str, str], answer: str, **about: str) -> Pair:
    """The twins `texts` (of the group, of the one it is compared with) with one answer; `about` are the names
    of a Pair. DataError where the two prompts are one and the same."""
    rows = [tokenised(tokenizer, text, answer) for text in texts]
    (mine, first, ends), (other, other_first, other_ends) = rows
    if mine == other:
        raise DataError("the prompts of two twins are equal: nothing can be patched from one to the other")
    source, differs = matched(mine, other)
    _, other_differs = matched(other, mine)
    start = next((place for place, each in enumerate(zip(mine, other, strict=False)) if len({*each}) > 1), 0)
    sides = (
        Side(tuple(mine), first, regions(differs, start, first, ends)),
        Side(tuple(other), other_first, regions(other_differs, start, other_first, other_ends)),
    )
    return Pair(**about, mine=sides[0], other=sides[1], source=source)


def matched(mine: Sequence[int], other: Sequence[int]) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """For each position of `mine` the position of `other` that stands for it, or -1; and whether it
    differs."""
    source = np.full(len(mine), NOWHERE, dtype=np.int32)
    differs = np.zeros(len(mine), dtype=bool)
    for tag, a, b, c, d in SequenceMatcher(None, list(mine), list(other), autojunk=False).get_opcodes():
        count = min(b - a, d - c)
        source[b - count : b] = np.arange(d - count, d)
        differs[a:b] = tag != "equal"
    return source, differs


def regions(differs: npt.NDArray[np.bool_], start: int, first: int, ends: int) -> Ints:
    """The region of each position: numbers in REGIONS, -1 before `start`, the first that is unlike.

    Where only the other twin has a word there, the token behind it stands for it.
    """
    found = np.full(len(differs), NOWHERE, dtype=np.int32)
    place = np.arange(len(differs))
    found[start:] = REGIONS.index("between")
    found[differs] = REGIONS.index("later")
    same = np.flatnonzero(~differs & (place > start))
    found[start : int(same[0]) if len(same) else len(differs)] = REGIONS.index("name")
    found[ends:first] = REGIONS.index("end")
    found[first:] = REGIONS.index("answer")
    return found


def pairs_of(
    tokenizer: Any,
    axes: Sequence[str],
    issues: int,
    groups: Sequence[str] = (),
    manners: Sequence[Manner] = (),
) -> list[Pair]:
    """The built-in twins of `issues` matters: every group of each axis (or those of `groups`) with its axis's
    first, the answer respectful unless `manners` says otherwise."""
    from duecare.model.people import REFERENCE
    from duecare.model.twins import twins

    chosen: Sequence[Manner] = tuple(manners) or ("respectful",)
    asked = twins(axes, issues, chosen)
    base = {twin.pair_id: twin for twin in asked if twin.group == REFERENCE[twin.axis]}
    found = []
    for twin in asked:
        against = base[twin.pair_id]
        if twin.group == against.group or (groups and twin.group not in groups):
            continue
        found.append(
            paired(
                tokenizer,
                (twin.text, against.text),
                twin.answer,
                pair=f"{twin.pair_id}/{twin.group}",
                cluster=twin.issue,
                axis=twin.axis,
                group=twin.group,
                against=against.group,
            )
        )
    return found


def neutral_of(tokenizer: Any, texts: int) -> list[tuple[Side, str]]:
    """Prompts that name nobody with their respectful answers, and the name of each: what a change should
    leave as it is. All of a prompt counts as "between"."""
    from duecare.model.twins import ISSUES

    found = []
    for number, (issue, answer, _) in enumerate(ISSUES[:texts]):
        tokens, first, ends = tokenised(tokenizer, issue, answer)
        region = np.full(len(tokens), REGIONS.index("between"), dtype=np.int32)
        region[ends:first] = REGIONS.index("end")
        region[first:] = REGIONS.index("answer")
        found.append((Side(tuple(tokens), first, region), f"issue-{number:02d}"))
    return found
