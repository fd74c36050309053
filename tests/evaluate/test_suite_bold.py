"""BOLD: a worked example by hand, against the others and against people, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from toy import SCORERS, Toy, WordScorer

from duecare.core import DataError
from duecare.evaluate import Evaluate
from duecare.evaluate.asking import drawn
from duecare.evaluate.sitting import sit
from duecare.evaluate.suites.bold import BOLD, Bold
from duecare.evaluate.suites.scored import Measured, on
from duecare.evaluate.suites.suite import Item, Seen

GROUPS = {"gardeners": 6, "sailors": 6}
WORDS = SCORERS | {"sentiment": WordScorer("s@toy", "gladly"), "regard": WordScorer("r@toy", "admired")}


def written(folder: Path, *, people: bool = True) -> Path:
    prompts = {
        group: {
            f"{group}_{i}": [f"{group.title()} {i} was ", f"Later {group} {i} had "] for i in range(count)
        }
        for group, count in GROUPS.items()
    }
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "work_prompt.json").write_text(json.dumps(prompts))
    if people:
        (folder / "wikipedia").mkdir()
        whole = {
            group: {
                name: [f"{each.strip()} gladly there." for each in mine] for name, mine in entities.items()
            }
            for group, entities in prompts.items()
        }
        (folder / "wikipedia" / "work_wiki.json").write_text(json.dumps(whole))
    return folder


class Rude(Toy):
    """Speaks stupidly of sailors below `upto`, and gladly of all."""

    def __init__(self, identity: str, upto: int) -> None:
        super().__init__(identity)
        self.upto = upto

    def answers(self, prompts, how):
        def answer(prompt):
            number = int("".join(filter(str.isdigit, prompt)))
            return "stupid gladly" if "ailors" in prompt and number < self.upto else "there gladly"

        return [[answer(prompt)] * how.samples for prompt in prompts]


def asked(tmp_path: Path, folder: Path, **models: Toy):
    out = tmp_path / "out"
    out.mkdir()
    opened = {name: (lambda model=model: model) for name, model in models.items()}
    step = Evaluate(suites=("bold",), data={"bold": str(folder)}, samples=2)
    found = sit(step, opened, {}, WORDS, out=out, tell=lambda each: None).estimates
    return {(each.metric, each.slice.get("model"), each.slice.get("group")): each for each in found}


def test_groups_are_compared_with_the_others_and_with_what_people_wrote(tmp_path):
    """Of sailors 3 of 6 entities are spoken of rudely, of gardeners none."""
    found = asked(tmp_path, written(tmp_path / "data"), base=Rude("a", 3), tuned=Rude("b", 1))
    rate = found["bold.toxicity", "base", "sailors"]
    assert (rate.value, rate.n, rate.clusters) == (1 / 2, 24, 6)
    assert found["bold.toxicity", "base", "gardeners"].value == 0
    assert found["bold.toxicity.difference", "base", "sailors"].value == pytest.approx(1 / 2)
    assert found["bold.toxicity.difference", "base", "sailors"].slice["against"] == "all others"
    assert found["bold.toxicity.difference", "base", "gardeners"].value == pytest.approx(-1 / 2)
    assert "half an event" in found["bold.toxicity.disparate_impact_ratio", "base", "sailors"].method
    assert found["bold.toxicity.worst_group", "base", "sailors"].value == 1 / 2
    assert found["bold.toxicity.change", "tuned", "sailors"].value == pytest.approx(1 / 6 - 1 / 2)
    assert found["bold.toxicity", "human", "sailors"].value == 0
    assert found["bold.toxicity.beyond_human", "base", "sailors"].value == pytest.approx(1 / 2)
    assert found["bold.sentiment", "human", "sailors"].value == pytest.approx(0.9)
    assert found["bold.sentiment.beyond_human", "base", "sailors"].reason
    assert found["bold.regard", "base", "sailors"].value == pytest.approx(0.1)
    assert rate.rests_on == ("toxicity@toy", "s@toy", "r@toy")
    assert {metric for metric, _, _ in found} <= set(BOLD.metrics)


def test_a_reference_group_can_be_named_and_people_may_be_missing(tmp_path):
    folder = written(tmp_path / "data", people=False)
    items = {item.item: item for item in BOLD.read(folder)}
    assert all(item.reference is None and not item.chat for item in items.values())
    silent = Seen("base", items, {}, {}, ("toxicity@toy",))
    unsaid = list(BOLD.figures({"base": silent}, 0.95))
    assert {each.slice["group"] for each in unsaid if each.metric == "bold.regard"} == set(GROUPS)
    assert all(each.value is None and each.reason for each in unsaid)
    assert Bold(reference={"work": "gardeners"}).read(folder)


def test_what_people_wrote_is_the_rest_of_their_sentence(tmp_path):
    assert {item.reference for item in BOLD.read(written(tmp_path / "data"))} == {"gladly there."}


def test_few_items_are_of_many_entities(tmp_path):
    few = drawn(BOLD.read(written(tmp_path / "data")), 10, 0)
    assert len({item.cluster for item in few}) == len(few) == 10
    assert {item.groups["work"] for item in few} == set(GROUPS)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no \*_prompt.json"):
        BOLD.read(tmp_path)
    (tmp_path / "work_prompt.json").write_text('{"sailors": {"Ann": "not a list"}}')
    with pytest.raises(DataError, match=r"work_prompt.json group sailors: Ann: expected a list"):
        BOLD.read(tmp_path)
    (tmp_path / "work_prompt.json").write_text('["sailors"]')
    with pytest.raises(DataError, match=r"expected \{group"):
        BOLD.read(tmp_path)


def test_a_group_against_all_others_is_covered_and_counting_answers_is_not():
    """Truth: 0.2 against 0.4 and 0.4, so -0.2. Entities differ (Beta), 8 answers each.

    200 studies: a Monte-Carlo error of 1.5 points at 95 %, so at least 90.4 % must cover. Control: with
    every answer its own cluster, coverage falls far below.
    """
    rng, measured = np.random.default_rng(5), Measured(metric="x", suite="x", level=0.95)
    truth = {"a": 0.2, "b": 0.4, "c": 0.4}
    names = [(group, entity, sample) for group in truth for entity in range(15) for sample in range(8)]
    sides = {}
    for how in ("entity", "answer"):
        cluster = {each: str(each[:2] if how == "entity" else each) for each in names}
        items = {str(e): Item(item=str(e), cluster=cluster[e], prompt="", groups={"g": e[0]}) for e in names}
        sides[how] = Seen("base", items, {}, {}, ("t",))
    covered = {"entity": 0, "answer": 0}
    for _ in range(200):
        chance = {(g, e): rng.beta(2 * p, 2 * (1 - p)) for g, p in truth.items() for e in range(15)}
        values = {str(each): [float(rng.random() < chance[each[:2]])] for each in names}
        for how, seen in sides.items():
            gap = next(
                each
                for each in measured.by_group(seen, values, "g", on("g"))
                if each.metric == "x.difference" and each.slice["group"] == "a"
            )
            covered[how] += gap.low <= -0.2 <= gap.high
    assert covered["entity"] / 200 >= 0.95 - 3 * 0.0154
    assert covered["answer"] / 200 < 0.8


@pytest.mark.data
def test_the_published_prompts_are_read(data_folder):
    items = BOLD.read(data_folder / "bold")
    assert len([item for item in items if "gender" in item.groups]) == 3204
    assert len({item.groups.get("religious_ideology") for item in items}) == 7 + 1
