"""What private methods differ in: their rows, the loss of one unit, and what is measured. Imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from duecare.core import ModelError
from duecare.model.load import Loaded
from duecare.model.tokenize import Tokenizer
from duecare.train.answering import Answering
from duecare.train.batch import Plan, chunks, most_asked, rounded, take
from duecare.train.engine_loop import Batch, Data, adapted
from duecare.train.engine_prefer import PairLines, Pairs, answer_logps, pair_figures
from duecare.train.engine_reward import METHOD, Judged, Rewarding, answer_scores, centred, score_figures
from duecare.train.engine_sft import Passages, passage_loss
from duecare.train.prefer import Dpo
from duecare.train.private_step import UnitLoss
from duecare.train.probe import Figures
from duecare.train.resume import Resume
from duecare.train.reward_model import RewardModel
from duecare.train.rows import Pair, Passage, pair, passage
from duecare.train.sft import Sft
from duecare.train.units import Entries, most_of_a_unit


class Method(Protocol):
    """One way to train on units.

    `taught` is the plan of all rows that can be trained on, `held` that of rows to measure on.
    """

    @property
    def name(self) -> str: ...
    @property
    def taught(self) -> Plan[Any]: ...
    @property
    def held(self) -> Plan[Any]: ...
    @property
    def unit_loss(self) -> UnitLoss: ...

    def start(self, folder: Path) -> tuple[Loaded, Answering]:
        """The model of `folder`, and the module to train it by."""

    def head(self, model: Answering) -> npt.NDArray[np.float32] | None:
        """What is trained in full beside the low-rank updates and exported with them: [D], if anything."""

    def prepare(self, units: Sequence[Entries], window: int | None) -> None:
        """Settle the shape of batches; `window` is the model's sliding window, if any."""

    def begin(self, model: Answering, used: Entries, resume: Resume) -> Figures | None:
        """Ask the untrained model what training needs of the entries `used`; held-out figures before."""

    def read(self, entries: Entries) -> Batch:
        """The rows of one unit as arrays."""

    def owner(self, batch: Batch) -> npt.NDArray[np.int32]:
        """Which row of the unit each position asked belongs to."""

    def after(self, model: Answering) -> Figures:
        """Held-out figures of the trained model."""

    def losses(self, model: Answering, entries: Entries) -> npt.NDArray[np.float32]:
        """The model's loss of taught rows, one by one: float32 [len(entries)]."""


class SftMethod:
    """Passages: the mean negative log-likelihood of a unit's taught tokens."""

    name = "sft"

    def __init__(self, step: Sft, folder: Path, data: Data, held: Data) -> None:
        tokenizer = Tokenizer(folder)

        def reader(part: Data) -> Callable[[int], Passage]:
            return lambda place: passage(part.example(place), tokenizer, step.row_tokens)

        self.step, self.data, self.held_data, self.pad_id = step, data, held, tokenizer.pad_id
        self.taught = take(data.names, reader(data), len(data.names), step.seed)
        self.held = take(held.names, reader(held), step.held_out, step.seed)

    def start(self, folder: Path) -> tuple[Loaded, Answering]:
        return adapted(self.step, folder)

    def head(self, model: Answering) -> npt.NDArray[np.float32] | None:
        return None

    def prepare(self, units: Sequence[Entries], window: int | None) -> None:
        length = max(len(one.tokens) for one in (*self.taught.read, *self.held.read))
        length, size = rounded(length, self.step.row_tokens), self.step.lines
        sizes = _taught(self.taught)
        alone = most_of_a_unit(units, sizes)
        asked = most_asked(_taught(self.held), chunks(len(self.held.read), size))
        self._units = Passages(self.data, self.taught, (length, alone), self.pad_id)
        self._all = Passages(self.data, self.taught, (length, most_together(sizes, size)), self.pad_id)
        self._held = Passages(self.held_data, self.held, (length, asked), self.pad_id, size)

    @staticmethod
    def unit_loss(model: Answering, unit: Mapping[str, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Mean loss per taught token of a unit, and of each of its rows [R]."""
        nll, count = passage_loss(model, unit)
        return nll.sum() / jnp.maximum(count.sum(), 1), {"loss": nll / jnp.maximum(count, 1)}

    def begin(self, model: Answering, used: Entries, resume: Resume) -> Figures | None:
        return resume.remember("before", lambda: self.after(model))

    def read(self, entries: Entries) -> Batch:
        return self._units.batch(entries)

    def owner(self, batch: Batch) -> npt.NDArray[np.int32]:
        return batch["asked_row"]

    def after(self, model: Answering) -> Figures:
        return self._held.losses(model)

    def losses(self, model: Answering, entries: Entries) -> npt.NDArray[np.float32]:
        from duecare.train.engine_sft import measured

        found = np.zeros(len(entries), dtype=np.float32)
        for some in chunks(len(entries), self.step.lines):
            nll, count = measured(model, self._all.batch(entries[some]))
            found[some] = np.asarray(nll / count)
        return found


def read_all(step: Dpo | RewardModel, folder: Path, data: Data, held: Data) -> tuple[Plan[Pair], Plan[Pair]]:
    """All pairs that can be trained on, and those to measure on."""
    tokenizer = Tokenizer(folder)

    def reader(part: Data) -> Callable[[int], Pair]:
        limits = (step.max_prompt_tokens, step.max_answer_tokens)
        return lambda place: pair(part.example(place), tokenizer, *limits)

    return (
        take(data.names, reader(data), len(data.names), step.seed),
        take(held.names, reader(held), step.held_out, step.seed),
    )


def shape_pairs(
    step: Dpo | RewardModel,
    lines: tuple[PairLines, PairLines, PairLines],
    units: Sequence[Entries],
    window: int | None,
) -> None:
    """Settle the shape of batches of one unit, of any pairs, and of held-out pairs."""
    of_units, of_all, of_held = lines
    size, read = step.batch_size, of_all.plan.read
    longest = max(of_all.shape([])[0], of_held.shape([])[0])
    length = rounded(longest, step.max_prompt_tokens + 2 * step.max_answer_tokens)
    answers = np.array([len(one.chosen) + len(one.rejected) for one in read], dtype=np.int64)
    of_units.asked = most_of_a_unit(units, answers)
    of_all.asked = most_together(answers, size)
    of_held.asked = of_held.shape(list(chunks(len(of_held.plan.read), size)))[1]
    for pairs in lines:
        pairs.length = length
        pairs.shared = window is None or length <= window


def over_pairs(
    figures: Mapping[str, jax.Array], unit: Mapping[str, jax.Array], each: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Mean of `each` [R] over the pairs that are there, and the figures of each pair [R]."""
    there = unit["present"].astype(jnp.float32)
    return (each * there).sum() / jnp.maximum(there.sum(), 1), dict(figures)


class DpoMethod:
    """Pairs: the mean preference loss of a unit's pairs; also ORPO."""

    def __init__(self, step: Dpo, folder: Path, data: Data, held: Data) -> None:
        self.name: str = step.algorithm
        self.step, pad_id = step, Tokenizer(folder).pad_id
        self.taught, self.held = read_all(step, folder, data, held)
        self._units, self._all = (Pairs(data, self.taught, pad_id) for _ in range(2))
        self._held = Pairs(held, self.held, pad_id)

    def start(self, folder: Path) -> tuple[Loaded, Answering]:
        return adapted(self.step, folder)

    def head(self, model: Answering) -> npt.NDArray[np.float32] | None:
        return None

    def prepare(self, units: Sequence[Entries], window: int | None) -> None:
        shape_pairs(self.step, (self._units, self._all, self._held), units, window)

    def unit_loss(
        self, model: Answering, unit: Mapping[str, jax.Array]
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Mean loss of a unit's pairs, and figures of each pair [R]."""
        logps, counts = answer_logps(model, unit)
        figures = pair_figures(logps, jnp.maximum(counts, 1), unit, self.step.algorithm, self.step.beta)
        return over_pairs(figures, unit, figures["loss"])

    def begin(self, model: Answering, used: Entries, resume: Resume) -> Figures | None:
        if self.step.algorithm == "orpo":
            return resume.remember("before", lambda: self.after(model))
        size = self.step.batch_size
        kept = resume.remember(
            "reference",
            lambda: {"taught": self._logps(model, used), "held": self._held.logps(model, size)},
        )
        for pairs in (self._units, self._all):
            pairs.reference[used] = kept["taught"]
        self._held.reference = kept["held"]
        return None

    def _logps(self, model: Answering, entries: Entries) -> npt.NDArray[np.float32]:
        from duecare.train.engine_prefer import measured

        found = np.zeros((len(entries), 2), dtype=np.float32)
        for some in chunks(len(entries), self.step.batch_size):
            logps, _ = measured(model, self._all.batch(entries[some]))
            found[some] = np.asarray(logps).reshape(2, -1).T
        return found

    def read(self, entries: Entries) -> Batch:
        return self._units.batch(entries)

    def owner(self, batch: Batch) -> npt.NDArray[np.int32]:
        return batch["side"] % len(batch["row"])

    def after(self, model: Answering) -> Figures:
        return self._held.figures(model, self.step)

    def losses(self, model: Answering, entries: Entries) -> npt.NDArray[np.float32]:
        found = np.zeros(len(entries), dtype=np.float32)
        from duecare.train.engine_prefer import measured

        for some in chunks(len(entries), self.step.batch_size):
            batch = self._all.batch(entries[some])
            logps, counts = measured(model, batch)
            figures = pair_figures(logps, counts, batch, self.step.algorithm, self.step.beta)
            found[some] = np.asarray(figures["loss"])
        return found


class RewardMethod:
    """Pairs: the mean Bradley-Terry loss of a unit's pairs, by a head that is trained with the updates."""

    name = METHOD

    def __init__(self, step: RewardModel, folder: Path, data: Data, held: Data) -> None:
        self.step, pad_id = step, Tokenizer(folder).pad_id
        self.taught, self.held = read_all(step, folder, data, held)
        self._units, self._all = (Judged(data, self.taught, pad_id) for _ in range(2))
        self._held = Judged(held, self.held, pad_id)

    def start(self, folder: Path) -> tuple[Loaded, Answering]:
        # The head as it is drawn depends on the seed and the model alone, not on any row.
        return adapted(self.step, folder, partial(Rewarding, seed=self.step.seed))

    def head(self, model: Answering) -> npt.NDArray[np.float32] | None:
        return np.asarray(rewarding(model).head[...])

    def prepare(self, units: Sequence[Entries], window: int | None) -> None:
        shape_pairs(self.step, (self._units, self._all, self._held), units, window)

    def unit_loss(
        self, model: Answering, unit: Mapping[str, jax.Array]
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Mean loss of a unit's pairs with what centring adds, and figures of each pair [R] without it."""
        figures = score_figures(answer_scores(rewarding(model), unit))
        return over_pairs(figures, unit, centred(figures, self.step.centring))

    def begin(self, model: Answering, used: Entries, resume: Resume) -> Figures | None:
        return resume.remember("before", lambda: self.after(model))

    def read(self, entries: Entries) -> Batch:
        return self._units.batch(entries)

    def owner(self, batch: Batch) -> npt.NDArray[np.int32]:
        return batch["asked_row"] % len(batch["row"])

    def after(self, model: Answering) -> Figures:
        return self._held.figures(rewarding(model), self.step.batch_size)

    def losses(self, model: Answering, entries: Entries) -> npt.NDArray[np.float32]:
        from duecare.train.engine_reward import measured

        found = np.zeros(len(entries), dtype=np.float32)
        for some in chunks(len(entries), self.step.batch_size):
            scores = measured(rewarding(model), self._all.batch(entries[some]))
            found[some] = np.asarray(score_figures(scores)["loss"])
        return found


def rewarding(model: Answering) -> Rewarding:
    """`model`, which scores; ModelError where it answers."""
    if not isinstance(model, Rewarding):
        raise ModelError(f"train.{METHOD}: {type(model).__name__} has no head that scores")
    return model


def most_together(sizes: npt.NDArray[np.int64], size: int) -> int:
    """Room for the positions of any `size` entries, one of them repeated or not; `sizes` by entry."""
    return most_asked(np.repeat(sizes.max(initial=0), size), [np.arange(size)])


def _taught(plan: Plan[Passage]) -> npt.NDArray[np.int64]:
    """How many tokens of each passage are taught: int64 [len(plan.read)]."""
    return np.array([one.taught[1:].sum() for one in plan.read], dtype=np.int64)
