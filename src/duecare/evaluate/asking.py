"""Items of suites, put to one model: what is asked, and the rows that its answers become."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duecare.core import Message, ModelError
from duecare.evaluate.answerer import Answerer, Sampling
from duecare.evaluate.kept import Kept, ask, score
from duecare.evaluate.suites.suite import Answer, Choice, Item, Option, Seen
from duecare.evaluate.suites.table import PEOPLE, WRITTEN_BY_PEOPLE
from duecare.ledger.digest import bytes_digest

Rows = list[dict[str, Any]]

LARGEST = 1e9
"""No text is as improbable as this many nats: tens of thousands for each of tens of thousands of tokens."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What of one suite is asked."""

    suite: str
    items: Sequence[Item]

    def units(self, samples: int) -> int:
        """How many answers are sampled or scored."""
        return sum(len(item.options) or samples for item in self.items)


def drawn(items: Sequence[Item], most: int | None, seed: int) -> list[Item]:
    """At most `most` items, the same whatever the order of the files.

    Units (items that belong `together`, else a cluster) are taken in turn from every combination of groups,
    and a second one from a cluster only after every cluster could give its first: so few items still
    speak of all groups, from as many independent clusters as there can be.
    """
    if most is None or len(items) <= most:
        return list(items)
    units: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        units[item.cluster, item.together].append(item)
    found: list[Item] = []
    for queues in _rounds(units, seed):
        for turn in range(max(map(len, queues))):
            for queue in queues:
                if turn < len(queue) and len(found) + len(queue[turn]) <= most:
                    found += queue[turn]
    return found


def _rounds(units: Mapping[tuple[str, str], list[Item]], seed: int) -> list[list[list[list[Item]]]]:
    """Units by lot: the first of every cluster, then the second; each round has a queue for each groups."""
    order = sorted(units, key=lambda unit: (unit[1] != "", _lot(seed, "\0".join(filter(None, unit)))))
    given: dict[str, int] = defaultdict(int)
    rounds: list[dict[tuple[tuple[str, str], ...], list[list[Item]]]] = []
    for unit in order:
        if given[unit[0]] == len(rounds):
            rounds.append(defaultdict(list))
        rounds[given[unit[0]]][tuple(sorted(units[unit][0].groups.items()))].append(units[unit])
        given[unit[0]] += 1
    return [[queue for _, queue in sorted(each.items())] for each in rounds]


def _lot(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def shown(model: Answerer, item: Item) -> str:
    """What the model is shown of an item."""
    return model.render((Message(role="user", content=item.prompt),)) if item.chat else item.prompt


def put(
    asking: Asking, name: str, model: Answerer, *, how: Sampling, kept: Kept, done: Callable[[int], None]
) -> tuple[Rows, Rows]:
    """Ask one model; rows of ANSWERS and of CHOICES."""
    open_ = [item for item in asking.items if not item.options]
    said = ask(model, [shown(model, item) for item in open_], how, kept, done)
    answers = [
        _answer(asking.suite, name, item, sample, text)
        for item, texts in zip(open_, said, strict=True)
        for sample, text in enumerate(texts)
    ]
    offered = [(item, place, option) for item in asking.items for place, option in enumerate(item.options)]
    prompts = {item.item: shown(model, item) for item in asking.items if item.options}
    values = score(
        model,
        [prompts[item.item] for item, _, _ in offered],
        [each.text for _, _, each in offered],
        kept,
        done,
    )
    choices = [
        _choice(asking.suite, name, item, place, value)
        for (item, place, _), value in zip(offered, values, strict=True)
    ]
    return answers, choices


def written(asking: Asking) -> Rows:
    """Rows of ANSWERS for what people wrote in an answer's place, where a suite is compared with that."""
    if asking.suite not in WRITTEN_BY_PEOPLE:
        return []
    return [_answer(asking.suite, PEOPLE, item, 0, item.reference) for item in asking.items if item.reference]


def _answer(suite: str, model: str, item: Item, sample: int, text: str) -> dict[str, Any]:
    return {
        "row": f"{suite}:{model}:{item.item}:{sample}",
        "key": bytes_digest(item.prompt.encode()),
        "suite": suite,
        "model": model,
        "prompt_id": item.item,
        "pair_id": item.cluster,
        "groups": [{"axis": axis, "value": value} for axis, value in item.groups.items()],
        "sample": sample,
        "prompt": item.prompt,
        "answer": text,
        "reference": item.reference,
    }


def _choice(suite: str, model: str, item: Item, place: int, value: tuple[float, int]) -> dict[str, Any]:
    total, tokens = value
    return {
        "suite": suite,
        "model": model,
        "item": item.item,
        "option": place,
        "total": plausible(total, model),
        "tokens": tokens,
    }


def plausible(total: float, model: str) -> float:
    """A log-probability that can be one; a ModelError where the model gives none."""
    if not abs(total) <= LARGEST:
        raise ModelError(f"model {model}: a log-probability of {total}; its weights or arithmetic are broken")
    return total


def item_rows(asking: Asking) -> Rows:
    """Rows of ITEMS: what was asked, once for all models."""
    return [
        {
            "suite": asking.suite,
            "item": item.item,
            "cluster": item.cluster,
            "prompt": item.prompt,
            "chat": item.chat,
            "groups": [{"axis": axis, "value": value} for axis, value in item.groups.items()],
            "fields": [{"name": key, "value": value} for key, value in item.fields.items()],
            "options": [{"label": option.label, "text": option.text} for option in item.options],
            "reference": item.reference,
        }
        for item in asking.items
    ]


def items_of(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Item]]:
    """(suite, item) of rows of ITEMS."""
    for row in rows:
        yield (
            row["suite"],
            Item(
                item=row["item"],
                cluster=row["cluster"],
                prompt=row["prompt"],
                chat=row["chat"],
                options=tuple(Option(each["label"], each["text"]) for each in row["options"]),
                groups={each["axis"]: each["value"] for each in row["groups"]},
                fields={each["name"]: each["value"] for each in row["fields"]},
                reference=row["reference"],
            ),
        )


def seen(
    model: str,
    items: Mapping[str, Item],
    *,
    choices: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
    scores: Mapping[str, Mapping[str, float]],
    rests_on: tuple[str, ...],
) -> Seen:
    """What one model said to one suite, from its rows; `scores` is answer row to detector to score."""
    chosen: dict[str, list[Choice]] = defaultdict(list)
    for row in sorted(choices, key=lambda each: (each["item"], each["option"])):
        option = items[row["item"]].options[row["option"]]
        chosen[row["item"]].append(Choice(option.label, option.text, row["total"], row["tokens"]))
    told: dict[str, list[Answer]] = defaultdict(list)
    for row in answers:
        told[row["prompt_id"]].append(
            Answer(row["prompt_id"], row["sample"], row["answer"], scores.get(row["row"], {}))
        )
    return Seen(
        model=model,
        items=items,
        choices={item: tuple(each) for item, each in chosen.items()},
        answers={item: tuple(each) for item, each in told.items()},
        rests_on=rests_on,
    )
