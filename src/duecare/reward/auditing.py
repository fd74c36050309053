"""One audit from pairs to figures: ranks, nudges, verdicts, and the tables behind them. Free of JAX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from duecare.core import Artifacts, DataError, Estimate, Finding, Note, Outcome, Progress, Tell, exact
from duecare.reward.asking import Done, Floats, Rewarder, rewarder_of
from duecare.reward.effect import Effect, effects_of, spread_of
from duecare.reward.nudge import Comparison, nudge_count, texts_of
from duecare.reward.pairs import Pair, Text, axes_of, read_pairs
from duecare.reward.plan import planned
from duecare.reward.rank import Ranked, by_length, rank_estimates, told_apart
from duecare.reward.verdict import apart_finding, findings

if TYPE_CHECKING:
    from duecare.reward.audit import Audit

AUDITED = "reward.audited"
"""Topic of the note that says what was audited, by the digest of its files."""

RANKED = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("row", "key", "reward")),
        pa.field("subset", pa.string()),
        pa.field("chosen", pa.float64(), nullable=False),
        pa.field("rejected", pa.float64(), nullable=False),
    ]
)
"""The rewards of both answers of a pair a row."""

NUDGED = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("kind", "nudge", "axis", "group")),
        *(pa.field(name, pa.string(), nullable=False) for name in ("against", "place", "cluster")),
        pa.field("effect", pa.float64(), nullable=False),
    ]
)
"""The effect of one nudge in spreads a row; `cluster` numbers pairs and matters: no text stands here."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit came to."""

    ranked: Ranked
    spread: float
    effects: tuple[Effect, ...]
    nudges: int


def audit(step: Audit, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `Audit`."""
    pairs = read_pairs(inputs["data"].path, step.subset, step.pairs, step.seed)
    rewarder = rewarder_of(step.reward, inputs.get("reward"), step.batch, axes_of(pairs))
    fitting = [pair for pair in pairs if all(rewarder.fits(text, step.max_tokens) for text in pair.texts)]
    if len(fitting) < 2:
        raise DataError(
            f"reward.audit: {len(fitting)} of {len(pairs)} held-out pairs have at most {step.max_tokens}"
            " tokens: expected two at least (max_tokens)"
        )
    found = measured(step, rewarder, fitting, tell)
    about = {"reward": step.reward}
    tell(_note(step, rewarder, found, len(pairs) - len(fitting)))
    estimates = [exact("reward.pairs.left_out", len(pairs) - len(fitting), len(pairs), about, "pairs")]
    estimates += rank_estimates(found.ranked, step.groups, rewarder.rests_on)
    estimates += [each for effect in found.effects for each in effect.estimates(about, rewarder.rests_on)]
    decided = findings(
        found.ranked,
        found.effects,
        step.limits,
        alpha=step.alpha,
        about=about | {"digest": rewarder.digest[:12]},
        rests_on=rewarder.rests_on,
    )
    for own, other in _others(step, inputs, found.ranked, tell):
        apart = told_apart(own, other)
        figures = apart.estimates(step.reward, other.name, rewarder.rests_on)
        estimates += figures
        decided.append(apart_finding(apart, step.reward, other.name, figures[0]))
    return _written(out, found, estimates, decided)


def measured(step: Audit, rewarder: Rewarder, pairs: Sequence[Pair], tell: Tell) -> Audited:
    """Rank `pairs` and nudge them: the same for a step and for a reward that is at hand in Python.

    Raises DataError for a reward that is constant, not finite, or of another length than was asked for.
    """
    return nudged(step, rewarder, rank(rewarder, pairs, tell), tell)


def nudged(step: Audit, rewarder: Rewarder, ranked: Ranked, tell: Tell) -> Audited:
    """Nudge pairs that are ranked; the reward's spread is that of their two answers."""
    spread = spread_of(ranked.chosen, ranked.rejected)
    comparisons = planned(
        ranked.pairs,
        kinds=step.kinds,
        axes=step.axes,
        words=step.words,
        nudges=step.nudges,
        seed=step.seed,
    )
    rewards = _rewards(rewarder, comparisons, tell)
    effects = effects_of(comparisons, rewards, spread, worth=step.worth, alpha=step.alpha)
    return Audited(ranked, spread, tuple(effects), nudge_count(comparisons))


def rank(rewarder: Rewarder, pairs: Sequence[Pair], tell: Tell) -> Ranked:
    """The rewards of both answers of `pairs`; a pair of which one could not be scored is left out."""
    texts = [text for pair in pairs for text in pair.texts]
    rewards = rewarder.rewards(texts, _telling(tell, "answers ranked"))
    both = rewards.reshape(-1, 2)
    kept: npt.NDArray[np.bool_] = np.asarray(np.isfinite(both).all(axis=1))
    if kept.sum() < 2:
        raise DataError(
            f"reward.audit: {rewarder.name} could score both answers of {int(kept.sum())} pairs:"
            " expected two at least"
        )
    own = tuple(pair for pair, here in zip(pairs, kept, strict=True) if here)
    return Ranked(rewarder.name, own, both[kept, 0], both[kept, 1])


def _rewards(rewarder: Rewarder, comparisons: Sequence[Comparison], tell: Tell) -> dict[Text, float]:
    texts = list(texts_of(comparisons))
    rewards: Floats = rewarder.rewards(texts, _telling(tell, "texts of nudges scored"))
    return dict(zip(texts, rewards.tolist(), strict=True))


def _telling(tell: Tell, unit: str) -> Done:
    return lambda done, total: tell(Progress(done=done, total=total, unit=unit))


def _others(step: Audit, inputs: Artifacts, ranked: Ranked, tell: Tell) -> Iterator[tuple[Ranked, Ranked]]:
    """This ranking beside that by length, and beside that of the other reward, on pairs that both ranked."""
    yield ranked, by_length(ranked.pairs)
    if not step.against:
        return
    axes = axes_of(ranked.pairs)
    other = rank(rewarder_of(step.against, inputs.get("against"), step.batch, axes), ranked.pairs, tell)
    both = {pair.row for pair in other.pairs}
    yield ranked.where([pair.row in both for pair in ranked.pairs]), other


def _note(step: Audit, rewarder: Rewarder, found: Audited, left_out: int) -> Note:
    """What was audited, to be known again by its digest."""
    reported = [effect for effect in found.effects if effect.found]
    text = (
        f"{step.reward} was audited on {len(found.ranked.pairs)} pairs and {found.nudges} nudges;"
        f" {len(reported)} of {len(found.effects)} nudges move it beyond chance."
    )
    return Note(
        topic=AUDITED,
        text=text,
        data={
            "reward": step.reward,
            "digest": rewarder.digest,
            "pairs": str(len(found.ranked.pairs)),
            "left_out": str(left_out),
            "nudges": str(found.nudges),
            "spread": f"{found.spread:.6g}",
            "worth": f"{step.worth:g}",
            "alpha": f"{step.alpha:g}",
        },
    )


def _written(out: Path, found: Audited, estimates: Sequence[Estimate], decided: Sequence[Finding]) -> Outcome:
    """The tables of an audit and its figures; no text stands in them."""
    ranked = found.ranked
    rows = [
        {
            "row": pair.row,
            "key": pair.key,
            "reward": ranked.name,
            "subset": pair.subset,
            "chosen": chosen,
            "rejected": rejected,
        }
        for pair, chosen, rejected in zip(
            ranked.pairs, ranked.chosen.tolist(), ranked.rejected.tolist(), strict=True
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=RANKED), out / "ranked.parquet")
    pq.write_table(pa.Table.from_pylist(list(_nudged(found)), schema=NUDGED), out / "nudged.parquet")
    files = {"ranked": "ranked.parquet", "nudged": "nudged.parquet"}
    return Outcome(files=files, estimates=tuple(estimates), findings=tuple(decided))


def _nudged(found: Audited) -> Iterator[dict[str, object]]:
    numbers: dict[str, int] = {}
    for effect in found.effects:
        about = effect.comparison
        for value, cluster in zip(effect.effects.tolist(), effect.clusters, strict=True):
            yield {
                "kind": about.kind,
                "nudge": about.name,
                "axis": about.axis,
                "group": about.group,
                "against": about.against,
                "place": about.place,
                "cluster": str(numbers.setdefault(cluster, len(numbers))),
                "effect": value,
            }
