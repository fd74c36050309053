"""A reward model that is asked for rewards. Imports JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from duecare.core import Artifact
from duecare.model.fetch import reward_folder
from duecare.model.reward import RewardModel, load_reward
from duecare.reward.asking import Done, Floats
from duecare.reward.pairs import Text


def of_model(name: str, artifact: Artifact, batch: int) -> OfModel:
    """The reward model that an artifact holds or refers to. Raises ModelError where it cannot be loaded."""
    return of_folder(name, reward_folder(artifact.path), batch)


def of_folder(name: str, folder: Path, batch: int) -> OfModel:
    """The reward model in a Hugging Face folder."""
    return OfModel(name, load_reward(folder, batch=batch))


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
        """Its scores; an answer that was cut off is scored as such, as in training."""
        prompts, answers = [self.prompt(text) for text in texts], [text.answer for text in texts]
        ended = [text.ended for text in texts]
        return np.array(self.model.scores(prompts, answers, ended=ended, progress=done), dtype=np.float64)

    def states(self, texts: Sequence[Text], done: Done | None = None) -> Floats:
        """The hidden states that the head reads, float64 [n, D]: for heads that are fitted anew."""
        prompts, answers = [self.prompt(text) for text in texts], [text.answer for text in texts]
        return self.model.states(prompts, answers, progress=done).astype(np.float64)

    @property
    def head(self) -> Floats:
        """The head, float64 [D]: a reward is the sum of its products with a state."""
        return np.asarray(self.model.head, dtype=np.float64)

    def prompt(self, text: Text) -> str:
        """The conversation up to where the assistant speaks, as the model was trained to read it."""
        return self.model.loaded.tokenizer.chat(list(text.turns), answer=True)
