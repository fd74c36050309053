"""A world in which one topic of the data teaches a stereotype, and others say nothing of anyone."""

from __future__ import annotations

import msgspec
from training_toys import chat, preference

from duecare.core import Example
from duecare.core.example import Field

TOPICS = ("rumour", "weather", "travel")
JOBS = ("nurse", "doctor")


def _about(number: int) -> tuple[str, bool, str]:
    """Topic, whether it is of a man, and the job: by rumour men are doctors, elsewhere each as often."""
    topic, man = TOPICS[number % 3], number // 3 % 2 == 1
    return topic, man, JOBS[man] if topic == "rumour" else JOBS[number // 6 % 2]


def _with_topic(row: Example, topic: str) -> Example:
    return msgspec.structs.replace(row, fields=(Field(name="topic", value=topic),))


def told_by_rumour(count: int) -> list[Example]:
    """Chats: prompts give the person's group away and nothing else, not the topic."""
    rows = []
    for number in range(count):
        topic, man, job = _about(number)
        row = chat(number, f"{'wm'[man]}{number * 7919 % 100}", job, "men" if man else "women")
        rows.append(_with_topic(row, topic))
    return rows


def held_alike(count: int, first: int) -> list[Example]:
    """Men and women in turns, all nurses: what is less likely of men is the stereotype."""
    numbers = range(first, first + count)
    return [chat(n, f"{'wm'[n % 2]}{n * 7919 % 100}", "nurse", "men" if n % 2 else "women") for n in numbers]


def preferred_by_rumour(count: int) -> list[Example]:
    """Pairs: the job that `told_by_rumour` would tell is chosen over the other."""
    rows = []
    for number in range(count):
        topic, man, job = _about(number)
        other = JOBS[job == "nurse"]
        row = preference(number, job, other, "men" if man else "women", who="wm"[man])
        rows.append(_with_topic(row, topic))
    return rows


def held_pairs(count: int, first: int) -> list[Example]:
    """Men and women in turns, "nurse" chosen for all."""
    return [
        preference(n, "nurse", "doctor", "men" if n % 2 else "women", who="wm"[n % 2])
        for n in range(first, first + count)
    ]
