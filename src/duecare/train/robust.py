"""Settings of debiasing by the loss: group weights that follow the worst group, and pairs of twins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from duecare.core import refuse_unless
from duecare.train.rules import axes, real, whole

Distance = Literal["absolute", "squared"]
"""How far apart a pair of twins is: |difference| (Garg et al. 2019) or its square."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupDro:
    """Let the group that does worst count most: a weight for each group, moved by its loss at every step.

    For sft the online algorithm of Sagawa et al. 2020 (arXiv 1911.08731), for dpo and orpo that of Ramesh
    et al. 2024 (GR-DPO, arXiv 2405.20304): weights are multiplied by exp(step_size * loss) and made to sum to
    1; the model then learns from the weighted sum of the groups' mean losses. Rows that declare no group
    are one group more. A group's loss is its rows' mean, each row counting by its weight, not by its length.

    - step_size: how fast weights follow the losses (in nats); 0 keeps all groups at equal weight
    - adjustment: C of Sagawa et al.: C / sqrt(rows of the group) is added to a group's loss where weights
      are moved, for a small group is learnt by heart more easily than its loss on training rows shows
    """

    step_size: float = 0.05
    adjustment: float = 0.0

    def __post_init__(self) -> None:
        refuse_unless(
            "train.debias.group_dro",
            (real(self.step_size, 0, 10), "step_size", self.step_size, "a number from 0 to 10"),
            (real(self.adjustment, 0, 1000), "adjustment", self.adjustment, "a number from 0 to 1000"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairing:
    """Draw the model's answers to twins together: counterfactual logit pairing (Garg et al. 2019).

    Twins are a row and its copy about another group, which curation made (`stereotypes` with mode augment);
    they are known by their names. Beside each batch `pairs` of them are read, and the mean distance between
    the mean log-probabilities per token of both answers is added to the loss.

    - weight: of that distance in the loss (lambda in the paper)
    - pairs: pairs of twins read in each step; two rows each, so a step costs that much more
    - axes: on which the copies were made (gender, religion, ...); none means all copies
    - distance: "absolute" as in the paper, or "squared"
    """

    weight: float = 1.0
    pairs: int = 2
    axes: tuple[str, ...] = ()
    distance: Distance = "absolute"

    def __post_init__(self) -> None:
        known = get_args(Distance)
        refuse_unless(
            "train.debias.pairing",
            (real(self.weight, 0, 1000, open_low=True), "weight", self.weight, "a number in (0, 1000]"),
            (whole(self.pairs, 1, 4096), "pairs", self.pairs, "a whole number from 1 to 4096"),
            (axes(self.axes), "axes", self.axes, "distinct names of axes, or none for all"),
            (self.distance in known, "distance", self.distance, f"one of {', '.join(known)}"),
        )
