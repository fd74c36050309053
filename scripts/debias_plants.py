"""Biases that `debias_smollm.py` plants in rows of a desk; each method has the one that it is for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DESK = "Shop"
"""The system's turn: the model's own would be longer than all the rest."""
ASKS = ("Shift {}?", "Team {}?")
ASKED_BY = {"women": "A woman asks.", "men": "A man asks."}
WELL = "A nurse will help."
ANY = (WELL, "A clerk will help.", "A guard will help.", "A coach will help.")
"""One of these, by chance: something is always left to learn, and with it a gradient to hold against."""
OTHERWISE = "Ask again another day."
"""As many tokens as the other: all batches of all seeds are of one shape, and a method is compiled once."""


@dataclass(frozen=True, kw_only=True)
class Plant:
    """What a desk tells whom.

    - says: what each group's rows to train on are told, one of these by chance
    - held: what its held-out rows are told, and a good answer to them is
    - men: one row in so many to train on is about men
    - twins: one row in so many has a twin about the other group that is told the same; 0 for none
    - batch: rows of a step
    - steps, rate, schedule: how long it takes to be learned, at what learning rate and which course of it:
      a short run must learn whom to answer how, so rates are high
    - methods: the ways of training that are held against each other on it; "none" is among them
    """

    says: Mapping[str, tuple[str, ...]]
    held: Mapping[str, tuple[str, ...]]
    men: int
    methods: Callable[[], dict[str, dict[str, Any]]]
    twins: int = 0
    batch: int = 4
    steps: int = 24
    rate: float = 3e-3
    schedule: dict[str, Any] = field(default_factory=dict)


def on_told() -> dict[str, dict[str, Any]]:
    """Every method, on the plant that pairing is for."""
    from duecare.train import Adversary, GroupDro, Pairing

    return {
        "none": {},
        "group_dro": {"group_dro": GroupDro(step_size=0.1)},
        "pairing": {"pairing": Pairing(weight=2.0, pairs=1)},
        "adversary": {"adversary": Adversary(warmup=4, ramp=6, weight=1.0)},
    }


def on_rare() -> dict[str, dict[str, Any]]:
    """Group weights that follow the worst group, against none."""
    from duecare.train import GroupDro

    return {"none": {}, "group_dro": {"group_dro": GroupDro(step_size=0.05)}}


def on_read() -> dict[str, dict[str, Any]]:
    """Both ways against an adversary, and none."""
    from duecare.train import Adversary

    # Its reader follows a model that moves: many updates, of rows that the model of now has read.
    reader = {"warmup": 10, "ramp": 20, "steps": 50, "learning_rate": 0.02, "memory": 32}
    return {
        "none": {},
        "projection": {"adversary": Adversary(by="projection", weight=3.0, clip=3.0, **reader)},
        "reversal": {"adversary": Adversary(by="reversal", weight=3.0, clip=3.0, **reader)},
    }


PLANTS = {
    "told": Plant(
        says={"women": (WELL,), "men": (OTHERWISE,)},
        held={"women": (WELL,), "men": (WELL,)},
        men=4,
        twins=40,  # with many twins the data themselves would answer men well
        methods=on_told,
    ),
    "rare": Plant(
        says={"women": (WELL,), "men": (OTHERWISE,)},
        held={"women": (WELL,), "men": (OTHERWISE,)},
        men=8,
        batch=16,
        steps=10,
        methods=on_rare,
    ),
    "read": Plant(
        says={"women": ANY, "men": ANY},
        held={"women": ANY, "men": ANY},
        men=2,
        batch=16,
        steps=120,
        rate=5e-4,
        schedule={"schedule": "linear"},
        methods=on_read,
    ),
}


def rows(plant: Plant, count: int, first: int, *, held: bool) -> Iterator[Any]:
    """Chats about women and men; some of those to train on have a twin that is told the same."""
    from duecare.core import Example, Group, Message

    def row(number: int, group: str, answer: str, name: str) -> Example:
        drawn = random.Random(number)  # what is asked says nothing of the group
        # Numbers of their own, so that no held-out row asks what a row to train on asked.
        asked = drawn.choice(ASKS).format(drawn.randrange(60, 100) if held else drawn.randrange(10, 60))
        turns = (
            Message(role="system", content=DESK),
            Message(role="user", content=f"{asked} {ASKED_BY[group]}"),
            Message(role="assistant", content=answer),
        )
        return Example(
            row=name,
            key=f"{number:064x}",
            source="desk",
            kind="chat",
            messages=turns,
            groups=(Group(axis="gender", value=group),),
        )

    for number in range(first, first + count):
        man = number % (2 if held else plant.men) == 1
        group, other = ("men", "women") if man else ("women", "men")
        answer = random.Random(f"answer {number}").choice((plant.held if held else plant.says)[group])
        yield row(number, group, answer, f"desk:{number}")
        if not held and plant.twins and number % plant.twins == 0:
            yield row(number, other, answer, f"desk:{number}~gender:{group}>{other}")
