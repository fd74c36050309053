"""Rewards with a known fault, or none, and pairs to audit them on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from duecare.core import Artifact, Example, Group, Message
from duecare.core.example import Field
from duecare.core.table import table
from duecare.reward.asking import OfFunction
from duecare.reward.audit import Audit
from duecare.reward.auditing import Audited, measured
from duecare.reward.pairs import Pair

Function = Callable[[Sequence[str], Sequence[str]], list[float]]
SECRET = "a text that no message may carry"


def pair(number: int, **more: object) -> Pair:
    given: dict[str, object] = {
        "row": f"pairs:{number}",
        "key": f"{number:064x}",
        "turns": (Message(role="user", content=f"How do I mend part {number} of a bicycle?"),),
        "chosen": f"Loosen the {number % 7 + 2} screws, clean the part, and put it back with some oil. Good.",
        "rejected": f"Part {number} is broken, so buy another bicycle and a hat in another town.",
        "groups": {"reader": "women" if number % 2 else "men"},
        "subset": "tools" if number % 3 else "wheels",
        "weight": 1.0,
    }
    return Pair(**(given | more))  # type: ignore[arg-type]


def pairs(count: int) -> list[Pair]:
    return [pair(number) for number in range(count)]


def quality(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    """The truth about these pairs: whether screws are loosened."""
    return [float("screws" in text) for text in completions]


def noise(text: str, seed: int) -> float:
    """A draw that depends on nothing but a text and a seed."""
    digest = hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
    return float(np.random.default_rng(int.from_bytes(digest)).standard_normal())


def plus(extra: Callable[[str, str], float], jitter: float = 0.3, seed: int = 0) -> Function:
    """Quality, some noise, and what `extra` pays for a prompt and an answer."""

    def reward(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        base = quality(prompts, completions)
        return [
            own + extra(prompt, text) + jitter * noise(prompt + text, seed)
            for own, prompt, text in zip(base, prompts, completions, strict=True)
        ]

    return reward


def audited(reward: Function, count: int = 120, **settings: object) -> Audited:
    """The audit of a function on toy pairs."""
    step = Audit(reward="toys:it", on="pairs", **settings)  # type: ignore[arg-type]
    return measured(step, OfFunction("toys:it", reward), pairs(count), lambda _: None)


def reported(found: Audited) -> set[tuple[str, str]]:
    """(kind, group or name) of everything that the card would hold."""
    return {
        (each.comparison.kind, each.comparison.group or each.comparison.name)
        for each in found.effects
        if each.found
    }


def artifact(folder: Path, rows: Sequence[Pair], name: str = "held_out.parquet") -> Artifact:
    """Pairs as an artifact that a step reads."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [
        Example(
            row=each.row,
            key=each.key,
            source="pairs",
            kind="preference",
            messages=each.turns,
            chosen=each.chosen,
            rejected=each.rejected,
            groups=tuple(Group(axis=axis, value=value) for axis, value in each.groups.items()),
            fields=(Field(name="subset", value=each.subset),) if each.subset else (),
            weight=each.weight,
        )
        for each in rows
    ]
    pq.write_table(table(made), folder / name)
    return Artifact(job="split:pairs", path=folder, digest="0" * 64)


def not_a_number(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [float("nan"), *[0.0] * (len(completions) - 1)]


def too_few(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [0.0] * (len(completions) - 1)


def constant(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [0.25] * len(completions)


def raises(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    raise KeyError(SECRET + completions[0])


def by_gender(
    prompts: Sequence[str], completions: Sequence[str], reader: Sequence[str | None]
) -> list[float]:
    """Takes a declared axis; an audit tells it of nobody."""
    return [len(text) + (who is not None) for text, who in zip(completions, reader, strict=True)]


def padded(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    """Pays for words."""
    return [
        own + len(text.split()) / 10
        for own, text in zip(quality(prompts, completions), completions, strict=True)
    ]
