"""The step that looks at the people behind a reward: whose leanings it has taken over. Free of JAX."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, Outcome, Tell, refuse_unless
from duecare.reward.audit import is_text, is_whole, is_within, material_rules
from duecare.reward.limits import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """Look at the people behind a reward: does somebody lean, and does the reward lean for it?

    Reviewers chose between answers in a round of review. The head of the reward model is fitted to all
    their choices, and again without each person, without each panel (people who state the same of
    themselves), and with each panel counting alike. What that changes in accuracy and in nudges is held
    against what it would change if anybody had said it: labels are dealt out anew within items (Westfall and
    Young 1993, over all changes at once). Only the head is fitted anew, on hidden states computed once.

    - reward: a `reward-model` of the study, or the folder or hub id of one
    - round: a round of the study's section `review` in which people compared answers
    - export: or the folder of such a round of another run
    - on: the source of held-out preference pairs on which rewards are compared
    - panels: an axis of which reviewers stated something; none looks at single people alone
    - pairs, nudges: held-out pairs and nudges, at most
    - kinds, axes: what is nudged, as in an audit
    - pull: how strongly a head is held to the model's own; 0 fits it to the labels alone
    - worth: changes up to so many spreads (of accuracy a tenth as a share) are not worth a mention
    - alpha: accepted chance that any change is reported by mistake
    - shuffles: how often labels are dealt out anew
    - seed: draws the pairs, and deals
    - max_tokens: pairs with longer texts are left out
    - batch: short texts that are on the device at a time
    """

    reward: str
    on: str
    round: str = ""
    export: str = ""
    panels: str = ""
    pairs: int = 200
    nudges: int = 300
    kinds: tuple[Kind, ...] = ("length", "refusal")
    axes: tuple[str, ...] = ("gender",)
    pull: float = 0.1
    worth: float = 0.1
    alpha: float = 0.05
    shuffles: int = 99
    max_tokens: int = 512
    seed: int = 0
    batch: int = field(default=16, metadata={"speed": True})

    def __post_init__(self) -> None:
        refuse_unless(
            "reward.people",
            (is_text(self.reward), "reward", self.reward, "a reward model"),
            (is_text(self.on), "on", self.on, "the name of a source"),
            (
                bool(self.round) != bool(self.export),
                "round",
                self.round,
                "a round of the study, or the folder of an `export`: one of the two",
            ),
            (is_whole(self.pairs, 10), "pairs", self.pairs, "a whole number, at least 10"),
            (is_whole(self.nudges, 10), "nudges", self.nudges, "a whole number, at least 10"),
            *material_rules(self.kinds, self.axes),
            (bool(self.kinds or self.axes), "kinds", list(self.kinds), "a kind or an axis at least"),
            (is_within(self.pull, 0, 1e6), "pull", self.pull, "a number from 0"),
            (is_within(self.worth, 0, 10), "worth", self.worth, "a number from 0 to 10"),
            (is_within(self.alpha, 1e-6, 0.5), "alpha", self.alpha, "a number above 0 and at most 0.5"),
            (is_whole(self.shuffles, 19), "shuffles", self.shuffles, "a whole number, at least 19"),
            (is_whole(self.max_tokens, 16), "max_tokens", self.max_tokens, "a whole number, at least 16"),
            (is_whole(self.batch, 1), "batch", self.batch, "a whole number, at least 1"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Fit the head of `reward` to the choices of `people`, compared on the pairs of `data`."""
        from duecare.reward.behind import look

        return look(self, inputs, out, tell)
