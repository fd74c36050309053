"""Canaries among the rows of a private training step: placed by coin, seen to survive, asked afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from duecare.core import DataError, Example, Message
from duecare.core.example import Field
from duecare.core.table import table
from duecare.privacy.account import Plan
from duecare.privacy.canary import Audit, Canary, canaries, coins, lower_bound, most_provable
from duecare.privacy.noise import Secret
from duecare.train.answering import Answering
from duecare.train.batch import Plan as RowPlan
from duecare.train.engine_loop import Data
from duecare.train.private import Privacy
from duecare.train.private_methods import Method
from duecare.train.rows import Pair
from duecare.train.units import Entries
from duecare.train.watch import Groups


@dataclass(frozen=True, slots=True)
class Drawn:
    """Entries of each unit: `real` ones, and `all` with the canaries that were put in, which come last."""

    real: list[Entries]
    all: list[Entries]


@dataclass(frozen=True, slots=True)
class Canaries:
    """`data` holds the rows and, behind them, one row for each canary; `put_in` bool [m] says which count."""

    data: Data
    first: int
    made: tuple[Canary, ...]
    put_in: npt.NDArray[np.bool_]
    privacy: Privacy
    entries: Entries

    def __len__(self) -> int:
        return len(self.made)

    @staticmethod
    def placed(privacy: Privacy, data: Data, secret: Secret, seed: int) -> Canaries:
        """The rows of `data` with canaries in the shape of its first row."""
        made = tuple(canaries(privacy.canaries, seed)) if privacy.canaries else ()
        put_in = coins(secret, len(made))
        nothing = np.zeros(0, dtype=np.int64)
        if not made:
            return Canaries(data, data.rows.num_rows, made, put_in, privacy, nothing)
        like = data.example(0)
        rows = [_row(number, one, like, privacy) for number, one in enumerate(made)]
        return Canaries(_with(data, rows), data.rows.num_rows, made, put_in, privacy, nothing)

    def found(self, method: Method, decode: Any) -> Canaries:
        """The same, with the entry of each canary in the method's plan.

        Raises DataError where a canary's answer is not wholly among the tokens that are taught, nor in a pair
        the one that it stands against.
        """
        place = {int(row): entry for entry, row in enumerate(method.taught.rows)}
        entries = [place.get(self.first + number, -1) for number in range(len(self))]
        lost = sum(
            entry < 0 or not _survives(one, method.taught.read[entry], decode)
            for entry, one in zip(entries, self.made, strict=True)
        )
        if lost:
            told = f"{lost} of {len(self)} do not survive as they are read (cut or masked)"
            raise DataError(f"privacy.canaries: {told}; expected room for them in the longest row allowed")
        return Canaries(
            self.data, self.first, self.made, self.put_in, self.privacy, np.array(entries, dtype=np.int64)
        )

    def units(self, every: Sequence[Entries]) -> Drawn:
        """Real units, and all that may be drawn: canaries that were left out are in neither."""
        number = {int(entry): place for place, entry in enumerate(self.entries)}
        real = [unit for unit in every if int(unit[0]) not in number]
        if not real:
            raise DataError("privacy: no row can be trained on")
        return Drawn(real, real + [self.entries[[place]] for place in np.flatnonzero(self.put_in)])

    def without(self, plan: RowPlan[Any]) -> RowPlan[Any]:
        """What is read in a run, without the canaries."""
        rest = np.setdiff1d(np.arange(len(plan.read)), self.entries)
        return replace(
            plan,
            read=tuple(plan.read[entry] for entry in rest),
            rows=plan.rows[rest],
            met=plan.met - len(self),
        )

    def losses(self, method: Method, model: Answering) -> dict[str, npt.NDArray[np.float32]]:
        """The model's loss of each canary, now: "loss" float32 [m]."""
        if not self.made:
            return {"loss": np.zeros(0, dtype=np.float32)}
        return {"loss": method.losses(model, self.entries)}

    def audit(
        self, before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], plan: Plan, draws: Entries
    ) -> Audit | None:
        """What the losses of canaries say of epsilon; `draws` int64 [units] is how often each was drawn."""
        if not self.made:
            return None
        fell = before.astype(np.float64) - after
        inside, outside = fell[self.put_in], fell[~self.put_in]
        told: dict[str, float] = {"delta": plan.promise.delta, "alpha": self.privacy.audit_alpha}
        mine = draws[len(draws) - len(inside) :]
        return Audit(
            claimed=plan.promise.epsilon,
            lower=lower_bound(inside, outside, **told),
            most=most_provable(len(inside), len(outside), **told),
            count=len(self),
            placed=len(inside),
            drawn=int((mine > 0).sum()),
            **told,
        )


def _row(number: int, one: Canary, like: Example, privacy: Privacy) -> Example:
    """A canary as a row of the kind of `like`; of a person of its own."""
    asked = (Message(role="user", content=one.question),)
    contents: dict[str, dict[str, Any]] = {
        "text": {"text": f"{one.question} {one.answer}"},
        "chat": {"messages": (*asked, Message(role="assistant", content=one.answer))},
        "preference": {"messages": asked, "chosen": one.answer, "rejected": one.other},
    }
    whose = () if privacy.person is None else (Field(name=privacy.person, value=f"canary {number}"),)
    return Example(
        row=f"canary:{number}",
        key=f"{number:064x}",
        source=like.source,
        kind=like.kind,
        fields=whose,
        **contents[like.kind],
    )


def _with(data: Data, rows: Sequence[Example]) -> Data:
    """`data` with further rows, which declare no group."""
    none = np.full(len(rows), None, dtype=object)
    return Data(
        rows=pa.concat_tables([data.rows, table(rows)]),
        names=[*data.names, *(row.row for row in rows)],
        groups=Groups({axis: np.concatenate([labels, none]) for axis, labels in data.groups.of.items()}),
        weights=np.concatenate([data.weights, np.ones(len(rows), dtype=np.float32)]),
    )


def _survives(one: Canary, read: Any, decode: Any) -> bool:
    """Whether what makes a canary known is among the tokens that are taught."""
    if isinstance(read, Pair):
        chosen, rejected = (decode([int(token) for token in side]) for side in read.answers)
        return one.answer in chosen and one.other in rejected
    return one.answer in decode([int(token) for token in read.tokens[read.taught]])
