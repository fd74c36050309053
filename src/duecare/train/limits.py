"""How far groups may drift apart while a model is trained, and what happens where they do.

Free of JAX. What the limits are held against is in `duecare.train.gauge`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

from duecare.core import refuse_unless
from duecare.train.rules import Rule, real
from duecare.train.sampled import SCORED_BY, figures_by

OnCrossing = Literal["warn", "stop", "rollback"]
"""Where a limit is crossed: "warn" says so and trains on, "stop" also ends training there, "rollback" ends
it with the model of the last good checkpoint before."""

FOLLOWED: Mapping[str, tuple[str, ...]] = {
    "sft": ("loss",),
    "distill": ("loss", "kl"),
    "dpo": ("margin", "accuracy"),
    "orpo": ("margin", "accuracy"),
    "reward-model": ("margin", "accuracy"),
    "grpo": ("reward",),
    "ppo": ("reward",),
}
"""Of which figures the gap between groups is followed, by method."""


def probed(method: str) -> tuple[str, ...]:
    """What is asked about twins, of a method that can be."""
    return ("reward_gap",) if method == "reward-model" else ("gap", "amplification")


_ENDING, _TWINS = "_gap", "twins_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The widest gap, up or down, between a group's rows and all other rows that declare a group.

    - loss_gap: in nats per token, for sft and distill
    - kl_gap: in nats per token, for distill: how much farther from the teacher
    - margin_gap: in nats, for dpo, orpo and reward-model
    - accuracy_gap: a share from 0 to 1, for dpo, orpo and reward-model
    - reward_gap: in units of the reward, for grpo and ppo

    And, for every step that has a `probe` (counterfactual twins, see `duecare.train.probing`), in nats per
    token of the answer:

    - twins_gap: the widest gap, up or down, between twins
    - twins_amplification: the most by which such a gap may be wider than in the base model
    - twins_reward_gap: for reward-model instead, the widest gap in reward between twins, up or down, in
      standard deviations of the rewards
    - twins_toxicity_gap, twins_refusal_gap: with `probe.sampled`, the widest gap, up or down, between the
      scores, from 0 to 1, of what the model answers to twins
    - twins_toxicity_amplification, twins_refusal_amplification: by how much wider than in the base model
    """

    loss_gap: float | None = None
    kl_gap: float | None = None
    margin_gap: float | None = None
    accuracy_gap: float | None = None
    reward_gap: float | None = None
    twins_gap: float | None = None
    twins_amplification: float | None = None
    twins_reward_gap: float | None = None
    twins_toxicity_gap: float | None = field(default=None, metadata={"added": True})
    twins_toxicity_amplification: float | None = field(default=None, metadata={"added": True})
    twins_refusal_gap: float | None = field(default=None, metadata={"added": True})
    twins_refusal_amplification: float | None = field(default=None, metadata={"added": True})

    def __post_init__(self) -> None:
        scores = {f"{_TWINS}{figure}": 1.0 for figure in figures_by(SCORED_BY)}
        widest = {"accuracy_gap": 1.0, **scores}
        rules: list[Rule] = [
            (
                value is None or real(value, 0, widest.get(name, 1e6), open_low=True),
                name,
                value,
                f"a number above 0 and at most {widest.get(name, 1e6):g}",
            )
            for name, value in ((each.name, getattr(self, each.name)) for each in fields(self))
        ]
        refuse_unless("train.limits", *rules)

    @property
    def given(self) -> dict[str, float]:
        """The limits on rows in training by figure ("loss"), without those that were not given."""
        rows = (each.name for each in fields(self) if not each.name.startswith(_TWINS))
        values = {name.removesuffix(_ENDING): getattr(self, name) for name in rows}
        return {figure: value for figure, value in values.items() if value is not None}

    @property
    def twins(self) -> dict[str, float]:
        """The limits on twins, by what is asked (see `probed`), without those that were not given."""
        names = (each.name for each in fields(self) if each.name.startswith(_TWINS))
        values = {name.removeprefix(_TWINS): getattr(self, name) for name in names}
        return {figure: value for figure, value in values.items() if value is not None}

    def of(self, figures: Collection[str], *, twins: Collection[str] | None = None) -> Limits:
        """The same without limits on other figures than `figures`, and on twins than `twins` (None: all)."""
        left = {f"{name}{_ENDING}": None for name in self.given if name not in figures}
        left |= {f"{_TWINS}{name}": None for name in self.twins if twins is not None and name not in twins}
        return replace(self, **left)


NO_LIMITS = Limits()


def watch_rules(method: str, limits: object, alpha: object, on_crossing: object) -> list[Rule]:
    """Rules of the settings `limits`, `watch_alpha` and `on_crossing` of one training step."""
    figures = FOLLOWED[method]
    sound = isinstance(limits, Limits) and limits.of(figures) == limits
    shown = (
        ", ".join(f"{figure}{_ENDING}" for figure in limits.given) if isinstance(limits, Limits) else limits
    )
    expected = f"limits on {' and '.join(f'{name}{_ENDING}' for name in figures)}: {method} follows these"
    return [
        (sound, "limits", shown, expected),
        (real(alpha, 0, 0.5, open_low=True), "watch_alpha", alpha, "a number above 0 and at most 0.5"),
        (
            on_crossing in get_args(OnCrossing),
            "on_crossing",
            on_crossing,
            f"one of {', '.join(get_args(OnCrossing))}",
        ),
    ]
