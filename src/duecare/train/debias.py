"""The setting `debias` of a training step: which method, on which axis of groups, and what must be shown.

Free of JAX. What each method does is in `engine_robust` and `engine_adversary`, the evidence in `evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from duecare.core import refuse_unless
from duecare.train.adversary import Adversary
from duecare.train.robust import GroupDro, Pairing
from duecare.train.rules import LONGEST, Rule, named, real, whole

Shown = Literal["none", "figures", "chance"]
"""Whether fresh probes are trained afterwards: none, for their figures, or for a verdict as well."""

METHODS = ("group_dro", "pairing", "adversary")


@dataclass(frozen=True, kw_only=True, slots=True)
class Debias:
    """One method against a bias between groups, with its evidence; or, without a method, the evidence alone.

    - axis: the declared axis of groups it is about
    - group_dro: the group that does worst counts most
    - pairing: answers to counterfactual twins are drawn together (sft only)
    - adversary: hidden states are made to say nothing of the group (sft only)
    - probe: "figures" reads the group from hidden states of held-out rows by fresh probes, before and after
      training, beside a control task and LEACE; "chance" also gives a verdict on whether it fell to chance
    - tolerance: for "chance", how far above chance an interval may reach (0.1: to 0.6 for two groups)
    - rows: held-out rows, at most, on which the evidence rests; of preference pairs the chosen answers
    - answers: whether their prompts are answered (greedily) before and after, for length and refusals
    - answer_tokens: longest of these answers
    """

    axis: str
    group_dro: GroupDro | None = None
    pairing: Pairing | None = None
    adversary: Adversary | None = None
    probe: Shown = "none"
    tolerance: float = 0.1
    rows: int = 256
    answers: bool = False
    answer_tokens: int = 48

    def __post_init__(self) -> None:
        given = [name for name in METHODS if getattr(self, name) is not None]
        known = get_args(Shown)
        refuse_unless(
            "train.debias",
            (named(self.axis), "axis", self.axis, "the name of a group axis"),
            (len(given) < 2, "method", ", ".join(given), f"one of {', '.join(METHODS)} at a time"),
            (
                bool(given) or self.probe != "none",
                "method",
                "none",
                f"one of {', '.join(METHODS)}, or a probe (to measure a run without any)",
            ),
            (self.probe in known, "probe", self.probe, f"one of {', '.join(known)}"),
            (
                real(self.tolerance, 0, 0.5, open_low=True),
                "tolerance",
                self.tolerance,
                "a number in (0, 0.5]",
            ),
            (whole(self.rows, 1), "rows", self.rows, "a whole number of rows, at least 1"),
            (isinstance(self.answers, bool), "answers", self.answers, "true or false"),
            (whole(self.answer_tokens, 1, LONGEST), "answer_tokens", self.answer_tokens, f"1 to {LONGEST}"),
        )

    @property
    def method(self) -> str:
        """The name of the method, or "none"."""
        return next((name for name in METHODS if getattr(self, name) is not None), "none")


def beside_rules(debias: object, weights: object, accumulate: object) -> list[Rule]:
    """Rules of what fine-tuning's other settings may be beside a method of debiasing."""
    method = debias.method if isinstance(debias, Debias) else "none"
    alone = method not in ("group_dro", "adversary")
    return [
        (
            alone or accumulate == 1,
            "accumulate",
            accumulate,
            f"1 beside {method}, which goes on at every step",
        ),
        (
            debias is None or weights == "lora",
            "weights",
            weights,
            "lora beside debias, whose evidence reads the start and the end by one and the same head",
        ),
    ]


def debias_rules(debias: object, groups: object, only: tuple[str, ...]) -> list[Rule]:
    """Rules of the setting `debias` of a step that can do the methods `only` and watches `groups`."""
    if debias is None:
        return []
    if not isinstance(debias, Debias):
        return [(False, "debias", debias, "a Debias, or nothing")]
    known = not groups or (isinstance(groups, tuple) and debias.axis in groups)
    none = "this step has no other"
    return [
        (debias.method in (*only, "none"), "debias", debias.method, f"{' or '.join(only)}: {none}"),
        (known, "debias.axis", debias.axis, "one of the axes in `groups`"),
    ]
