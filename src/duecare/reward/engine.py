"""A reward model that is asked for rewards. Imports JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from duecare.core import Artifact
from duecare.model.fetch import reward_folder
from duecare.model.reward import RewardModel, load_reward
from duecare.reward.asking import Done, Floats
from duecare.reward.pairs import Text


def of_model(name: str, artifact: Artifact, batch: int) -> OfModel:
    """The reward model that an artifact holds or refers to. Raises ModelError where it cannot be loaded."""
    return OfModel(name, load_reward(reward_folder(artifact.path), batch=batch))


@dataclass(frozen=True, slots=True)
class OfModel:
    """A reward model trained here, or any sequence classifier with one label."""

    name: str
    model: RewardModel

    @property
    def digest(self) -> str:
        """Of the model's files."""
        return self.model.identity

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The model as an instrument."""
        return (f"model:{self.name}",)

    def fits(self, text: Text, longest: int) -> bool:
        """Whether prompt and answer together have at most `longest` tokens."""
        return len(self.model.tokens(self.prompt(text), text.answer)[0]) <= longest

    def rewards(self, texts: Sequence[Text], done: Done | None = None) -> Floats:
        """Its scores, answers taken to have come to their end."""
        prompts, answers = [self.prompt(text) for text in texts], [text.answer for text in texts]
        return np.array(self.model.scores(prompts, answers, progress=done), dtype=np.float64)

    def prompt(self, text: Text) -> str:
        """The conversation up to where the assistant speaks, as the model was trained to read it."""
        return self.model.loaded.tokenizer.chat(list(text.turns), answer=True)
