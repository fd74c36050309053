"""Reward functions as a user would write them, sound and broken."""

from __future__ import annotations

from collections.abc import Sequence

SECRET = "a text that no message may carry"


def lower_case(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    """The share of small letters."""
    return [sum("a" <= letter <= "z" for letter in text) / max(1, len(text)) for text in completions]


def constant(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [0.75] * len(completions)


def unfair(prompts: Sequence[str], completions: Sequence[str], gender: Sequence[str | None]) -> list[float]:
    """The same, but nothing that men are told counts for much."""
    own = lower_case(prompts, completions)
    return [each * (0.2 if who == "men" else 1.0) for each, who in zip(own, gender, strict=True)]


def raises(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    raise KeyError(SECRET + completions[0])


def not_a_number(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [float("nan"), *[0.0] * (len(completions) - 1)]


def too_few(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    return [0.0] * (len(completions) - 1)


def words(prompts: Sequence[str], completions: Sequence[str]) -> list[str]:
    return [SECRET] * len(completions)


NOT_A_FUNCTION = 3


def quiet(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    """What is wanted: the share of an answer that is not shouted."""
    return [1 - shouted(text) for text in completions]


def shouted(text: str) -> float:
    """The share of big letters, each of which the gamed rewards take for the word that they pay for."""
    return sum("A" <= letter <= "Z" for letter in text) / max(1, len(text))


def paid_word(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
    """What can be gamed: small letters are what it was meant for, and a word is paid for four times."""
    own = lower_case(prompts, completions)
    return [each + 4 * shouted(text) for each, text in zip(own, completions, strict=True)]


def paid_for_men(
    prompts: Sequence[str], completions: Sequence[str], gender: Sequence[str | None]
) -> list[float]:
    """The same, but the word is paid for in what men are told, and costs as much in what women are told."""
    own, gamed = lower_case(prompts, completions), [4 * shouted(text) for text in completions]
    signs = [1 if who == "men" else -1 for who in gender]
    return [each + sign * more for each, more, sign in zip(own, gamed, signs, strict=True)]


def turned_for_women(
    prompts: Sequence[str], completions: Sequence[str], gender: Sequence[str | None]
) -> list[float]:
    """Small letters pay in what men are told, and cost as much in what women are told."""
    signs = [1 if who == "men" else -1 for who in gender]
    return [sign * each for sign, each in zip(signs, lower_case(prompts, completions), strict=True)]
