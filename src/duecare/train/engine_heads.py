"""The heads of a trained reward model, fitted anew on its states. Imports JAX; the fit is `train.heads`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx

from duecare.core import Estimate, Tell
from duecare.measure.compare import difference
from duecare.measure.correlate import correlation
from duecare.measure.interval import Interval, cluster_mean
from duecare.model.forward import causal, places
from duecare.model.heads import Heads
from duecare.model.tokenize import Tokenizer
from duecare.model.twins import FRAMES, ISSUES, Twin, twins
from duecare.train.engine_loop import doing
from duecare.train.engine_probe import batches_of
from duecare.train.engine_reward_probe import RewardAsker
from duecare.train.heads import States, differences, fit_heads
from duecare.train.padding import FITTED, TOLD, padded
from duecare.train.probing import Probes, pairings, reward_pairings

if TYPE_CHECKING:
    from duecare.train.engine_reward import Judged, Rewarding
    from duecare.train.reward_model import RewardModel

Floats = npt.NDArray[np.float64]
NAME = "reward-model.robust"
MOST = 200
"""Pairs whose chosen answers are padded, at most."""
FITTED_ON = len(ISSUES) // 2
"""Matters that heads are fitted on, in all wordings but the first; the others are asked in the first one."""


def _states(model: Any, batch: Any) -> jax.Array:
    """What the head reads at the end of each answer of a batch, float32 [B, D]."""
    real = batch["real"]
    last = (jnp.arange(len(real)), real.sum(axis=1) - 1)
    found: jax.Array = model(batch["tokens"], places(real), causal(real), last, read=True)
    return found


class TwinStates(RewardAsker):
    """Twins whose states are read: `values` are float64 [N, D]."""

    measure = staticmethod(nnx.jit(_states))

    def asked(self, probes: Probes) -> list[Twin]:
        """Both answers to every matter: to be fitted on in all wordings but the first, to be asked in it."""
        every = twins(probes.axes, len(FRAMES) * len(ISSUES))
        return [twin for twin in every if fitted_on(twin) or (is_asked(twin))]


def fitted_on(twin: Twin) -> bool:
    """Whether heads are fitted on a twin."""
    return _matter(twin) < FITTED_ON and _wording(twin) > 0


def is_asked(twin: Twin) -> bool:
    """Whether heads are measured by a twin: another matter, in another wording."""
    return _matter(twin) >= FITTED_ON and _wording(twin) == 0


def _matter(twin: Twin) -> int:
    return int(twin.issue.rpartition("-")[2])


def _wording(twin: Twin) -> int:
    return int(twin.pair_id.split("/")[2])


def refitted(
    step: RewardModel, model: Rewarding, tokenizer: Tokenizer, *, taught: Judged, probed: Judged, tell: Tell
) -> tuple[Heads | None, list[Estimate]]:
    """The heads that `step.robust` asks for, and what the fit did; their mean takes the trained one's place.

    None where that mean is all: of averaged weights, and where the step does not ask and nothing is done.
    """
    robust = step.robust
    if robust is None:
        return None, []
    doing("fitting heads on the states of the trained model", tell)
    asker = TwinStates(Probes(axes=robust.axes), tokenizer)
    states = asker.values(model)
    both = taught.states(model, step.batch_size)
    more = _added(padded_states(step, model, tokenizer, taught, FITTED)) if robust.padding else None
    trained = np.asarray(model.head[...])
    heads = fit_heads(
        States(
            chosen=both[0],
            rejected=both[1],
            weights=taught.part.weights[taught.plan.rows].astype(np.float64),
            longer=taught.longer,
            apart=_apart(asker, states),
            padded=more,
        ),
        robust,
        centring=step.centring,
        start=trained,
        seed=step.seed,
    )
    before = Heads(trained[None], np.zeros(1), "mean")
    about = {"source": step.on, "split": "held_out", "combine": robust.combine, "heads": str(robust.heads)}
    told = _twins_told((before, heads), asker, states, about)
    if len(probed.plan.read):
        held = probed.states(model, step.batch_size)
        told += _pairs_told((before, heads), held, probed.longer, about)
        more = padded_states(step, model, tokenizer, probed, TOLD)
        told += _padding_told((before, heads), more, held, about)
    model.head.value = jnp.asarray(heads.mean)
    return None if heads.combine == "mean" else heads, told


def padded_states(
    step: RewardModel, model: Rewarding, tokenizer: Tokenizer, pairs: Judged, sentences: Sequence[str]
) -> Floats:
    """States of chosen answers as they are and with a sentence more that says nothing: [2, K, D].

    Of pairs that are read, in the order in which they were drawn: rows in the table may be sorted.
    """
    found = []
    for number, place in enumerate(pairs.plan.rows.tolist()):
        both = padded(pairs.part.example(place), sentences[number % len(sentences)], tokenizer, step)
        found += [] if both is None else [both]
        if len(found) == MOST:
            break
    if not found:
        return np.zeros((2, 0, model.head[...].shape[0]))
    rows = [passage for both in found for passage in both]
    read = [np.asarray(TwinStates.measure(model, batch)) for batch in batches_of(rows, tokenizer.pad_id)]
    states = np.concatenate(read)[: len(rows)].astype(np.float64)
    return np.stack([states[0::2], states[1::2]])


def _added(both: Floats) -> Floats:
    """[2, K, D] to what the second of each has more, [K, D]."""
    return np.asarray(both[1] - both[0])


def _apart(asker: TwinStates, states: Floats) -> Floats:
    """Differences between the states of twins that heads are fitted on, [M, D]."""
    where = np.array([place for place, twin in enumerate(asker.twins) if fitted_on(twin)], dtype=np.int64)
    chosen = pairings([asker.twins[place] for place in where])
    sides = [
        (int(where[mine]), int(where[other]))
        for pair in chosen
        for mine, other in zip(pair.mine, pair.other, strict=True)
    ]
    return differences(states, sides)


WHEN = ("trained", "refitted")
"""Which heads are spoken of: the one that was trained, and those that were fitted after it."""


def _pairs_told(
    heads: tuple[Heads, Heads], held: Floats, longer: Floats, about: Mapping[str, str]
) -> list[Estimate]:
    """How both answer to length on held-out pairs, and what the fit did to their ranks."""
    margins = [each.scores(held[0]) - each.scores(held[1]) for each in heads]
    found = [
        _of_length(margin, longer).estimate(f"{NAME}.length", {**about, "when": when})
        for when, margin in zip(WHEN, margins, strict=True)
    ]
    before, after = ((margin > 0).astype(np.float64) for margin in margins)
    labels = list(range(len(longer)))
    cost = difference(after, before, labels, labels)
    return [*found, cost.estimate(f"{NAME}.accuracy.change", about)]


def _padding_told(
    heads: tuple[Heads, Heads], both: Floats, held: Floats, about: Mapping[str, str]
) -> list[Estimate]:
    """What a sentence on which no head was fitted adds to held-out answers, in deviations of the rewards."""
    found = []
    for when, each in zip(WHEN, heads, strict=True):
        deviation = float(np.std(np.concatenate([each.scores(held[0]), each.scores(held[1])])))
        adds = (each.scores(both[1]) - each.scores(both[0])) / deviation if deviation > 0 else np.zeros(0)
        unit = "standard deviations of the rewards"
        found.append(cluster_mean(adds).estimate(f"{NAME}.padding", {**about, "when": when}, unit=unit))
    return found


def _twins_told(
    heads: tuple[Heads, Heads], asker: TwinStates, states: Floats, about: Mapping[str, str]
) -> list[Estimate]:
    """How differently both pay twins whose matters and wording no head was fitted on."""
    where = [place for place, twin in enumerate(asker.twins) if is_asked(twin)]
    found = []
    for when, each in zip(WHEN, heads, strict=True):
        paid = each.scores(states[where])
        for pair in reward_pairings([asker.twins[place] for place in where]):
            named = {"axis": pair.axis, "group": pair.group, "against": pair.against}
            gap = pair.gap(paid)
            interval = cluster_mean(gap[np.isfinite(gap)])  # none where every answer is paid alike
            unit = "standard deviations of the rewards"
            place = {**about, **named, "when": when}
            found.append(interval.estimate(f"{NAME}.reward_gap", place, unit=unit))
    return found


def _of_length(margin: Floats, longer: Floats) -> Interval:
    """How reward and length go together between two answers to one prompt, whichever was chosen."""
    turned = np.where(np.arange(len(margin)) % 2, -1.0, 1.0)
    return correlation(margin * turned, longer * turned)
