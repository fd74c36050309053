"""Layers explained from Python: any prompts, groups and answers of one's own, as plain arrays and
intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from duecare.core import DataError
from duecare.explain.lens import Lens, by_answer
from duecare.explain.patching import Effects, Mapped, grid, mapped
from duecare.explain.probes import PLACES, Known, Place, by_depth
from duecare.explain.reading import rendered
from duecare.explain.twinned import REGIONS, Side, paired, tokenised


def lens_by_layer(model: Any, prompts: Sequence[str], answers: Sequence[str]) -> list[Lens]:
    """What `model` would answer if it stopped at each layer: of each answer, by depth from 0, the embedded
    tokens. `model` is a folder or what `duecare.model.load.load` gave. DataError for lists of other
    lengths."""
    from duecare.explain.engine_layers import chunked, of_sides
    from duecare.model.activation import lens

    loaded, sides = _loaded(model), []
    _same(prompts=prompts, answers=answers)
    for prompt, answer in zip(prompts, answers, strict=True):
        tokens, first, _ = tokenised(loaded.tokenizer, prompt, answer)
        sides.append(Side(tuple(tokens), first, np.zeros(len(tokens), dtype=np.int32)))
    found: list[Lens] = []
    for batch, count in chunked(of_sides(loaded, sides)):
        logps, ranks = lens(loaded, batch)
        found += by_answer(logps, ranks, batch.counted)[:count]
    return found


def known_by_layer(
    model: Any,
    prompts: Sequence[str],
    groups: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    depths: Sequence[int] | None = None,
    at: Place = "last",
    seed: int = 0,
) -> list[Known]:
    """What each layer knows of a declared attribute: linear readers with control tasks, held-out by cluster.

    `groups` [N] is what each of `prompts` [N] declares; `clusters` [N] says which belong together (each is
    its own, if not given). `depths` from 0, all if not given. Two models are compared by `probes.changes`.
    """
    from duecare.explain.engine_layers import depth_of, vectors_at

    units = [str(place) for place in range(len(prompts))] if clusters is None else list(clusters)
    _same(prompts=prompts, groups=groups, clusters=units)
    loaded = _loaded(model)
    chosen = list(range(depth_of(loaded) + 1)) if depths is None else list(depths)
    if at not in PLACES or any(not 0 <= depth <= depth_of(loaded) for depth in chosen):
        raise DataError(
            f"at = {at!r}, depths = {chosen}: expected {' or '.join(PLACES)}, and 0 to {depth_of(loaded)}"
        )
    sides = [_prompt(loaded.tokenizer, prompt) for prompt in prompts]
    names = sorted(set(groups))
    told = np.array([names.index(group) for group in groups], dtype=np.int64)
    return by_depth(vectors_at(loaded, sides, chosen, at), told, units, seed)


def gap_map(
    model: Any,
    prompts: Sequence[str],
    others: Sequence[str],
    answers: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    every: int = 1,
) -> tuple[list[Mapped], Effects]:
    """Where the gap between twins arises: shares of every part with Holm's correction, and the plain arrays.

    `prompts` [P] and `others` [P] are twins of each other, `answers` [P] what is scored after both; `every`
    n-th layer is patched, and the last.
    """
    from duecare.explain.engine_layers import depth_of, effects

    units = [str(place) for place in range(len(prompts))] if clusters is None else list(clusters)
    _same(prompts=prompts, others=others, answers=answers, clusters=units)
    loaded = _loaded(model)
    pairs = [
        paired(
            loaded.tokenizer,
            (mine, other),
            answer,
            pair=str(place),
            cluster=unit,
            axis="given",
            group="given",
            against="other",
        )
        for place, (mine, other, answer, unit) in enumerate(zip(prompts, others, answers, units, strict=True))
    ]
    found = effects(loaded, pairs, grid(depth_of(loaded), every))
    return mapped(found), found


def _prompt(tokenizer: Any, text: str) -> Side:
    """A prompt alone, with a token behind it that nothing is read from."""
    tokens = tokenizer.encode(rendered(tokenizer, text), special=True)
    region = np.full(len(tokens) + 1, REGIONS.index("between"), dtype=np.int32)
    region[-1] = REGIONS.index("answer")
    return Side((*tokens, tokenizer.pad_id), len(tokens), region)


def _loaded(model: Any) -> Any:
    """A folder, or what was loaded of one; LoRA on top is added to the weights once, not for every batch."""
    from duecare.model.activation import plain
    from duecare.model.load import load

    return load(Path(model)) if isinstance(model, str | Path) else plain(model)


def _same(**given: Sequence[str]) -> None:
    sizes = {name: len(each) for name, each in given.items()}
    if len(set(sizes.values())) != 1 or not next(iter(sizes.values())):
        told = ", ".join(f"{size} {name}" for name, size in sizes.items())
        raise DataError(f"expected lists of one length, with something in them: {told}")
