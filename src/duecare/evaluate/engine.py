"""Base and tuned models in process, as Answerers. JAX is imported only where one is in process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from duecare.core import Artifact, Message
from duecare.evaluate.answerer import Answerer, Sampling, transcript

Mesh = tuple[int, int] | None
"""Devices for (fsdp, tp): see `model.mesh`."""


class InProcess:
    """A loaded model behind the Answerer protocol. `batch`: answers on the device at a time."""

    def __init__(self, loaded: Any, identity: str, batch: int) -> None:
        self._loaded, self._identity, self._batch = loaded, identity, batch

    @property
    def identity(self) -> str:
        return self._identity

    def render(self, turns: Sequence[Message]) -> str:
        return transcript(self._loaded.tokenizer, turns)

    def answers(self, prompts: Sequence[str], how: Sampling) -> list[list[str]]:
        from duecare.model.generate import generate

        found: list[list[str]] = generate(
            self._loaded,
            prompts,
            samples=how.samples,
            max_tokens=how.max_tokens,
            temperature=how.temperature,
            top_p=how.top_p,
            seed=how.seed,
            batch=self._batch,
        )
        return found

    def logprobs(self, prompts: Sequence[str], answers: Sequence[str]) -> list[tuple[float, int]]:
        from duecare.model.logprob import answer_logprobs

        found = answer_logprobs(self._loaded, prompts, answers, batch=self._batch)
        return [(float(each.total), int(each.tokens)) for each in found]


def open_folder(folder: Path, identity: str, batch: int, mesh: Mesh = None) -> Answerer:
    """A model in a Hugging Face folder, over a mesh of (fsdp, tp) devices where one is given."""
    from duecare.model.load import load
    from duecare.model.mesh import make_mesh

    return InProcess(load(folder, mesh=make_mesh(*mesh) if mesh else None), identity, batch)


def open_base(artifact: Artifact, batch: int, mesh: Mesh = None) -> Answerer:
    """The base model of a study, by the reference that its artifact holds: in process or at an endpoint."""
    from duecare.model.fetch import cache, folder_of, tokenizer_of
    from duecare.model.served import FILE, read_served

    if (artifact.path / FILE).is_file():
        from duecare.evaluate.endpoint import Endpoint
        from duecare.model.tokenize import Tokenizer

        folder = tokenizer_of(artifact.path)
        return Endpoint(read_served(artifact.path), Tokenizer(folder) if folder else None, batch)
    return open_folder(folder_of(artifact.path, cache()), artifact.digest, batch, mesh)


def open_tuned(artifact: Artifact, batch: int, mesh: Mesh = None) -> Answerer:
    """The model that training left in its artifact."""
    return open_folder(artifact.path / "model", artifact.digest, batch, mesh)
