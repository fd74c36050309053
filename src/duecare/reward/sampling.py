"""Answers of the policy that a reward would be let loose on. Imports JAX."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

from duecare.core import Artifacts, DataError, Progress, Tell
from duecare.model.fetch import folder_of
from duecare.model.generate import Ids, answer_text, sampled
from duecare.model.load import Loaded, load
from duecare.reward.pairs import Text
from duecare.reward.pool import Asked

if TYPE_CHECKING:
    from duecare.reward.best import BestOfN


def policy_answers(
    step: BestOfN, inputs: Artifacts, asked: Sequence[Asked], tell: Tell
) -> tuple[list[Asked], list[list[Text]]]:
    """The prompts that are short enough, and `step.samples` answers to each, with whether they ended.

    The policy is the model of the artifact `policy`, or else that of `base`. Raises DataError where fewer
    than 4 prompts are left.
    """
    folder = inputs["policy"].path / "model" if "policy" in inputs else folder_of(inputs["base"].path)
    loaded = load(folder)
    tokenizer = loaded.tokenizer
    if tokenizer.has_chat:
        prompts = [tokenizer.chat(list(one.turns), answer=True) for one in asked]
    else:
        prompts = [f"User: {one.turns[-1].content}\nAssistant:" for one in asked]
    ids = [tokenizer.encode(prompt, special=True) for prompt in prompts]
    fitting = [place for place, own in enumerate(ids) if len(own) <= step.max_prompt_tokens]
    if len(fitting) < 4:
        raise DataError(
            f"reward.best-of-n: {len(fitting)} of {len(asked)} prompts have at most {step.max_prompt_tokens}"
            " tokens: expected 4 at least (max_prompt_tokens)"
        )
    kept = [asked[place] for place in fitting]
    found = sampled(
        loaded,
        [ids[place] for place in fitting],
        [one.row for one in kept],
        samples=step.samples,
        max_tokens=step.max_answer_tokens,
        temperature=step.temperature,
        seed=step.seed,
        batch=step.batch,
        progress=lambda done, total: tell(Progress(done=done, total=total, unit="prompts answered")),
    )
    answers = [_texts(loaded, one, own) for one, own in zip(kept, found, strict=True)]
    del loaded
    gc.collect()
    return kept, answers


def _texts(loaded: Loaded, asked: Asked, answers: Sequence[Ids]) -> list[Text]:
    """Answers to one prompt, with whether they came to their end."""
    ends = loaded.tokenizer.eos_ids
    return [Text(asked.turns, answer_text(loaded, each), int(each[-1]) in ends) for each in answers]
