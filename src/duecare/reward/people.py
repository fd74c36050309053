"""The step that looks at the people behind a reward: whose leanings it has taken over. Free of JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from duecare.core import Artifacts, DataError, Estimate, Finding, Note, Outcome, Progress, Tell, refuse_unless
from duecare.core.finding import INSUFFICIENT, PASS
from duecare.reward.audit import is_text, is_whole, is_within
from duecare.reward.carried import Carried, Change, Read, Test, carried
from duecare.reward.effect import Floats
from duecare.reward.labels import Labels, read_labels
from duecare.reward.limits import STYLES, Kind
from duecare.reward.nudge_people import AXES
from duecare.reward.pairs import Pair, Text, read_pairs
from duecare.reward.plan import planned

LOOKED = "reward.people"
"""Topic of the note that says whose labels were looked at."""


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
            (set(self.kinds) <= set(STYLES), "kinds", list(self.kinds), f"some of {', '.join(STYLES)}"),
            (set(self.axes) <= set(AXES), "axes", list(self.axes), f"some of {', '.join(AXES)}"),
            (is_within(self.pull, 0, 1e6), "pull", self.pull, "a number from 0"),
            (is_within(self.worth, 0, 10), "worth", self.worth, "a number from 0 to 10"),
            (is_within(self.alpha, 1e-6, 0.5), "alpha", self.alpha, "a number above 0 and at most 0.5"),
            (is_whole(self.shuffles, 19), "shuffles", self.shuffles, "a whole number, at least 19"),
            (is_whole(self.max_tokens, 16), "max_tokens", self.max_tokens, "a whole number, at least 16"),
            (is_whole(self.batch, 1), "batch", self.batch, "a whole number, at least 1"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Fit the head of `reward` to the choices of `people`, compared on the pairs of `data`."""
        if "reward" not in inputs:
            raise DataError(f"reward.people: {self.reward} is no reward model: only its head is fitted anew")
        from duecare.reward.engine import of_model

        labels = read_labels(inputs["people"].path if "people" in inputs else Path(self.export), self.panels)
        model = of_model(self.reward, inputs["reward"], self.batch)
        pairs = read_pairs(inputs["data"].path, "", self.pairs, self.seed)
        pairs = [pair for pair in pairs if all(model.fits(text, self.max_tokens) for text in pair.texts)]
        if len(pairs) < 2:
            raise DataError("reward.people: fewer than two held-out pairs are short enough (max_tokens)")

        def read(texts: Sequence[Text]) -> Floats:
            return model.states(
                texts, lambda done, of: tell(Progress(done=done, total=of, unit="texts read"))
            )

        found = looked(self, labels, pairs, read, model.head)
        tell(_note(self, labels, len(pairs), found))
        about = {"reward": self.reward, "round": labels.round}
        return Outcome(
            files=_written(out, found),
            estimates=tuple(estimates(found, about, model.rests_on)),
            findings=tuple(_findings(found, about, model.rests_on)),
        )


def looked(step: People, labels: Labels, pairs: Sequence[Pair], read: Read, head: Floats) -> Carried:
    """What a step finds, of a reward whose states are `read` and whose head [D] is `head`."""
    comparisons = planned(
        pairs, kinds=step.kinds, axes=step.axes, words=(), nudges=step.nudges, seed=step.seed
    )
    test = Test(step.pull, step.worth, step.alpha, step.shuffles, step.seed)
    return carried(labels, pairs, comparisons, read, head, test=test)


def estimates(found: Carried, about: dict[str, str], rests_on: tuple[str, ...]) -> list[Estimate]:
    """How people and panels lean, and what each is for the reward."""
    said = []
    for each in found.leanings:
        told = about | {"rater": str(each.rater), "toward": each.about}
        if each.adjusted is not None:
            told |= {"holm_p": f"{each.adjusted:.2g}", "beyond_chance": "yes" if each.leans else "no"}
        said.append(each.interval.estimate("reward.people.leaning", told, "share", ("people",)))
    for panel, interval in found.panels.items():
        told = about | {"panel": panel, "toward": "the longer answer"}
        said.append(interval.estimate("reward.people.panel_leaning", told, "share", ("people",)))
    return said + [change.estimate(about, (*rests_on, "people")) for change in found.changes]


def _findings(found: Carried, about: dict[str, str], rests_on: tuple[str, ...]) -> list[Finding]:
    """What of the changes is beyond chance: a notice, no gate."""
    beyond = [change for change in found.changes if change.beyond]
    limit = "no single person or panel moves the reward beyond chance"
    if not beyond:
        detail = f"None of {len(found.changes)} changes of the reward is beyond chance."
        verdict = PASS if found.changes else INSUFFICIENT
        return [Finding(name="reward.people.carried", verdict=verdict, limit=limit, detail=detail)]
    return [
        Finding(
            name="reward.people.carried",
            verdict="fail",
            limit=limit,
            detail=_detail(change),
            next="Look at what they were asked; let each panel count alike (`panels` of the round).",
            estimate=change.estimate(about, (*rests_on, "people")),
        )
        for change in beyond
    ]


def _detail(change: Change) -> str:
    value = change.interval.value or 0.0
    if change.what == "accuracy":
        more = "more" if value > 0 else "fewer"
        return f"Fitted {change.how} the reward ranks {100 * abs(value):.1f}% {more} of the pairs right."
    named, more = change.about.get("group") or change.what, "more" if value > 0 else "less"
    return f"Fitted {change.how} the reward pays {abs(value):.2f} spreads {more} for {named}."


def _note(step: People, labels: Labels, pairs: int, found: Carried) -> Note:
    beyond = sum(bool(change.beyond) for change in found.changes)
    text = (
        f"{len(labels.people)} people and {len(labels.items)} items of the round {labels.round} stand behind"
        f" {step.reward}; {beyond} of {len(found.changes)} changes without one of them are beyond chance."
    )
    data = {"people": str(len(labels.people)), "items": str(len(labels.items)), "pairs": str(pairs)}
    return Note(topic=LOOKED, text=text, data=data)


def _written(out: Path, found: Carried) -> dict[str, str]:
    """carried.parquet: every change with its interval; no text and no name stands there but pseudonyms."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "how": change.how,
            "what": change.what,
            "group": change.about.get("group", ""),
            "value": change.interval.value,
            "low": change.interval.low,
            "high": change.interval.high,
            "shuffled_p": change.adjusted,
        }
        for change in found.changes
    ]
    numbers = ("value", "low", "high", "shuffled_p")
    schema = pa.schema(
        [
            *(pa.field(name, pa.string(), nullable=False) for name in ("how", "what", "group")),
            *(pa.field(name, pa.float64()) for name in numbers),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), out / "carried.parquet")
    return {"carried": "carried.parquet"}
