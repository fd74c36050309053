"""Sentences that say nothing, to see whether an answer is paid for its length. All text is our own.

An audit pads by other sentences (`duecare.reward.nudge_style`), on purpose: those that heads were fitted on
would show what they were fitted to. Free of JAX.
"""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import Any

from msgspec.structs import replace

from duecare.core import DuecareError, Example
from duecare.train.rows import Passage, Speaks, UnusableRowError, chosen_passage

FITTED: tuple[str, ...] = (
    " That is how I would put it, and there is nothing more that I would want to add at this point.",
    " This is my answer, as well as I can give it here, and I will leave it at that for the moment.",
    " I have now said what there was to be said about it, and with that I come to the end of my answer.",
    " As to the question that was put to me, the above is what I had to say about it, no more and no less.",
)
"""Which heads are fitted on."""

TOLD: tuple[str, ...] = (
    " So much for that question, which I have now answered in the way in which it seemed best to me.",
    " With these words, which are all that I have on the matter, my reply to you is complete as it stands.",
)
"""By which they are measured."""

ROOM = 64
"""Tokens by which a padded answer may be longer than another."""


def padded(example: Example, sentence: str, tokenizer: Speaks, step: Any) -> tuple[Passage, Passage] | None:
    """The chosen answer of a pair as it is, and with a sentence more; None where it is cut or unusable."""
    sizes = (step.max_prompt_tokens, step.max_answer_tokens)
    try:
        plain = chosen_passage(example, tokenizer, *sizes)
        if int(plain.taught.sum()) >= step.max_answer_tokens:
            return None
        longer = replace(example, chosen=(example.chosen or "").rstrip() + sentence)
        more = chosen_passage(longer, tokenizer, sizes[0], sizes[1] + ROOM)
    except (DuecareError, UnusableRowError):
        return None
    return replaced(plain, cut=False), replaced(more, cut=False)
