"""Settings that every training step shares, and what they may be.

Tunix and Optax take what they are given (`algorithm="nonsense"` trains something else), so each value
is checked here, before anything is loaded.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

Targets = Literal["q-v", "all-linear"]
"""Which projections get low-rank updates: query and value (Hu et al. 2021, section 4.2), or all."""

Weights = Literal["lora", "full"]
"""What is trained: low-rank updates beside the weights, which stand still, or all weights themselves."""

Quantize = Literal["int8", "nf4"]
"""In which numbers the frozen weights under low-rank updates are held: whole ones of 8 bits, one scale to
each output (Dettmers et al. 2022, LLM.int8()), or 4-bit NormalFloat, one scale to each block of at most 64
(Dettmers et al. 2023, QLoRA; the scales are not quantised in turn)."""

Keep = Literal["last", "best"]
"""Which model of a run is kept: as training left it, or that with the lowest loss on held-out rows."""

Schedule = Literal["constant", "linear", "cosine"]
"""How the learning rate falls after the warm-up: not at all, straight to 0, or as half a cosine to 0."""

Rule = tuple[bool, str, object, str]
MOST_STEPS = 10_000_000
LONGEST = 131_072
MOST_TOKENS = 16_777_216


def whole(value: object, low: int, high: int = MOST_STEPS) -> bool:
    """Whether `value` is an integer in [low, high]."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def real(value: object, low: float, high: float, *, open_low: bool = False) -> bool:
    """Whether `value` is a finite number in [low, high], or in (low, high] with `open_low`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return (low < value if open_low else low <= value) and value <= high


def named(value: object) -> bool:
    """Whether `value` is a non-empty string."""
    return isinstance(value, str) and bool(value.strip())


def axes(value: object) -> bool:
    """Whether `value` is a tuple of distinct axis names."""
    return isinstance(value, tuple) and all(map(named, value)) and len(set(value)) == len(value)


def mesh_rules(mesh: object) -> list[Rule]:
    """Rules of the setting `mesh`: devices for fsdp and tp."""
    known = mesh is None or (
        isinstance(mesh, tuple) and len(mesh) == 2 and all(whole(each, 1) for each in mesh)
    )
    return [(known, "mesh", mesh, "two whole numbers of at least 1 (fsdp, tp), or none for one device")]


def lora_rules(rank: object, alpha: object, targets: object) -> list[Rule]:
    """Rules of the low-rank update."""
    return [
        (whole(rank, 1, 1024), "lora_rank", rank, "a whole number from 1 to 1024"),
        (real(alpha, 0, 4096, open_low=True), "lora_alpha", alpha, "a number in (0, 4096]"),
        (targets in get_args(Targets), "targets", targets, f"one of {', '.join(get_args(Targets))}"),
    ]


def quantize_rules(step: object) -> list[Rule]:
    """Rules of the setting `quantize`: what is held in few bits, and beside which settings it cannot be."""
    quantize = getattr(step, "quantize", None)
    known = get_args(Quantize)
    if quantize is None:
        return []
    return [
        (
            quantize in known,
            "quantize",
            quantize,
            f"{' or '.join(known)}, or none for the weights as they are",
        ),
        *(
            (False, "quantize", quantize, f"none beside {name}: {why}")
            for name, (free, why) in NOT_QUANTISED.items()
            if getattr(step, name, free) != free
        ),
    ]


NOT_QUANTISED: dict[str, tuple[object, str]] = {
    "weights": ("lora", "all weights are trained, and one of a few bits has no gradient"),
    "privacy": (None, "clipping and noise are tested on weights as they are"),
    "debias": (None, "its evidence compares the start with the end, which would differ by rounding too"),
    "influence": (None, "gradients of single rows are tested on weights as they are"),
    "mesh": (None, "numbers and scales are held on one device"),
}
"""Settings beside which weights are not quantised: the value that allows it, and why the others do not."""


def packing_rules(batch_tokens: object, batch_size: object, max_tokens: object) -> list[Rule]:
    """Rules of packed batches: `batch_tokens` takes the place of `batch_size`, in lines of `max_tokens`."""
    if batch_tokens is None:
        return []
    whole_lines = isinstance(batch_tokens, int) and isinstance(max_tokens, int) and max_tokens > 0
    return [
        (
            whole(batch_tokens, 2, MOST_TOKENS),
            "batch_tokens",
            batch_tokens,
            f"2 to {MOST_TOKENS} tokens, or none to pad",
        ),
        (
            batch_size is None,
            "batch_size",
            batch_size,
            "none beside batch_tokens, which says how much is read",
        ),
        (
            not whole_lines or batch_tokens % max_tokens == 0,  # type: ignore[operator]  # both are whole numbers here
            "batch_tokens",
            batch_tokens,
            f"a multiple of max_tokens = {max_tokens}, the length of a line",
        ),
    ]


def stopping_rules(patience: object, keep: object, held_out: object) -> list[Rule]:
    """Rules of what held-out rows decide."""
    decides = patience is not None or keep == "best"
    return [
        (
            patience is None or whole(patience, 1),
            "patience",
            patience,
            "a whole number of looks, at least 1, or none",
        ),
        (keep in get_args(Keep), "keep", keep, f"one of {', '.join(get_args(Keep))}"),
        (
            not decides or held_out != 0,
            "held_out",
            held_out,
            "at least 1 row, by which patience or keep decide",
        ),
    ]


def update_rules(weights: object, accumulate: object, steps: object) -> list[Rule]:
    """Rules of which weights are trained, and how many batches make an update."""
    known = whole(accumulate, 1) and whole(steps, 1)
    return [
        (weights in get_args(Weights), "weights", weights, f"one of {', '.join(get_args(Weights))}"),
        (whole(accumulate, 1), "accumulate", accumulate, "a whole number of steps, at least 1"),
        (
            not known or steps % accumulate == 0,  # type: ignore[operator]  # both are whole numbers here
            "steps",
            steps,
            f"a multiple of accumulate = {accumulate}: an update needs all of its batches",
        ),
    ]


def loop_rules(
    *,
    steps: object,
    batch_size: object,
    learning_rate: object,
    schedule: object,
    warmup: object,
    clip: object,
    every: object,
    held_out: object,
    groups: object,
    seed: object,
) -> list[Rule]:
    """Rules of the training loop."""
    ends = steps if isinstance(steps, int) else MOST_STEPS
    return [
        (whole(steps, 1), "steps", steps, "a whole number of training steps, at least 1"),
        (whole(batch_size, 1, 65_536), "batch_size", batch_size, "a whole number of rows, at least 1"),
        (
            real(learning_rate, 0, 1, open_low=True),
            "learning_rate",
            learning_rate,
            "a number in (0, 1]",
        ),
        (schedule in get_args(Schedule), "schedule", schedule, f"one of {', '.join(get_args(Schedule))}"),
        (whole(warmup, 0, ends), "warmup", warmup, "a whole number of steps, from 0 to `steps`"),
        (real(clip, 0, 1e6, open_low=True), "clip", clip, "a gradient norm above 0"),
        (whole(every, 1), "every", every, "a whole number of steps, at least 1"),
        (whole(held_out, 0), "held_out", held_out, "a whole number of rows, 0 for none"),
        (axes(groups), "groups", groups, "distinct names of group axes, or none for all declared"),
        (whole(seed, 0, 2**31 - 1), "seed", seed, "a whole number from 0 to 2147483647"),
    ]


def learning_rate_at(step: int, peak: float, schedule: Schedule, warmup: int, steps: int) -> float:
    """The learning rate of training step `step` (0-based): linear rise over `warmup`, then `schedule`.

    The last step of a falling schedule still has a rate above 0, so that no step is wasted.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    gone = (step - warmup) / max(1, steps - warmup)
    if schedule == "constant":
        return peak
    if schedule == "linear":
        return peak * (1 - gone)
    return peak * 0.5 * (1 + math.cos(math.pi * gone))
