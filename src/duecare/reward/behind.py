"""One look at the people behind a reward, from a round's labels to figures and findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from duecare.core import Artifacts, DataError, Estimate, Finding, Note, Outcome, Progress, Tell
from duecare.core.finding import INSUFFICIENT, PASS
from duecare.reward.carried import Carried, Change, Read, Test, carried
from duecare.reward.effect import Floats
from duecare.reward.labels import Labels, read_labels
from duecare.reward.pairs import Pair, Text, read_pairs
from duecare.reward.plan import planned

if TYPE_CHECKING:
    from duecare.reward.people import People

LOOKED = "reward.people"
"""Topic of the note that says whose labels were looked at."""


def look(step: People, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
    """Run the step `People`. Raises DataError for what is no reward model, and for too few pairs."""
    if "reward" not in inputs:
        raise DataError(f"reward.people: {step.reward} is no reward model: only its head is fitted anew")
    from duecare.reward.engine import of_model

    labels = read_labels(inputs["people"].path if "people" in inputs else Path(step.export), step.panels)
    model = of_model(step.reward, inputs["reward"], step.batch)
    pairs = read_pairs(inputs["data"].path, "", step.pairs, step.seed)
    pairs = [pair for pair in pairs if all(model.fits(text, step.max_tokens) for text in pair.texts)]
    if len(pairs) < 2:
        raise DataError("reward.people: fewer than two held-out pairs are short enough (max_tokens)")

    def read(texts: Sequence[Text]) -> Floats:
        return model.states(texts, lambda done, of: tell(Progress(done=done, total=of, unit="texts read")))

    found = looked(step, labels, pairs, read, model.head)
    tell(_note(step, labels, len(pairs), found))
    about = {"reward": step.reward, "round": labels.round}
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
