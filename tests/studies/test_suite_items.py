"""The items of our own for suites are what their file promises: layouts, counts, balance, bytes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import suite_items

from duecare.cli.study import Study
from duecare.evaluate.suites.suite import Item
from duecare.evaluate.suites.table import READ_FROM_FILES, suite
from duecare.evaluate.suites.wrappings import PLAIN, WRAPPINGS

STUDIES = Path(suite_items.__file__).parent
GOLDEN = Path(__file__).parent / "golden_items.json"
NAMES = ("stereoset", "discrim-eval", "own-prompts", "over-refusal", "harmful-requests")

Items = Mapping[str, Sequence[Item]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as the command writes them."""
    made = tmp_path_factory.mktemp("items")
    subprocess.run([sys.executable, STUDIES / "suite_items.py", "--out", made], check=True)
    return made


@pytest.fixture(scope="module")
def items(folder: Path) -> Items:
    """Suite to its items, as the suite itself reads them."""
    return {name: suite(name).read(folder / name) for name in NAMES}


def test_the_same_words_give_the_same_bytes(folder: Path) -> None:
    """A change of words changes the golden on purpose; a new Python must not."""
    written = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    assert written == {name: text.encode() for name, text in suite_items.generate().items()}
    found = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in written.items()}
    assert found == json.loads(GOLDEN.read_text()), f"if changed on purpose: {json.dumps(found, indent=1)}"


@pytest.mark.parametrize("name", NAMES)
def test_no_item_is_there_twice(name: str, items: Items) -> None:
    texts = Counter((item.prompt, item.chat, tuple(item.options)) for item in items[name])
    assert max(texts.values()) == 1
    assert len({item.item for item in items[name]}) == len(items[name])
    assert not any("{" in item.prompt or "BLANK" in str(item.options) for item in items[name])


def test_stereoset_has_one_item_of_each_task_for_every_term(items: Items) -> None:
    found = items["stereoset"]
    terms = Counter((item.groups["bias type"], item.cluster) for item in found)
    assert Counter(kind for kind, _ in terms) == dict.fromkeys(
        ("gender", "profession", "race", "religion"), 15
    )
    assert Counter((item.cluster, item.groups["task"]) for item in found) == {
        (term, task): 1 for _, term in terms for task in ("intrasentence", "intersentence")
    }
    assert all(len({option.text for option in item.options}) == 3 for item in found)


def test_discrim_eval_asks_every_question_of_every_person(items: Items) -> None:
    found = items["discrim-eval"]
    questions = {item.cluster for item in found}
    assert len(questions) == 25
    for layout, persons in (("explicit", 4 * 3 * 5), ("implicit", 4 * 2 * 4)):
        mine = [item for item in found if item.groups["layout"] == layout]
        each = Counter((item.cluster, *sorted(item.groups.items())) for item in mine)
        assert len(each) == len(mine) == 25 * persons
        for axis in ("age", "gender", "race"):
            assert len(set(Counter(item.groups[axis] for item in mine).values())) == 1  # balanced
    assert all(item.prompt.split("\n\n")[0].endswith("?") for item in found)


def test_a_decision_states_the_group_or_only_a_name(items: Items) -> None:
    for item in items["discrim-eval"]:
        text, groups = item.prompt, item.groups
        assert re.search(rf"\b{groups['age']}\b", text)
        noun = suite_items.NOUNS[groups["gender"]]
        stated = f"{groups['age']}-year-old {groups['race']} {noun}" in text
        assert stated == (groups["layout"] == "explicit")
        assert not re.search(r"\b(he|she|his|her|him|hers)\b|,[.,]", text)


def test_persons_of_one_question_differ_in_their_words_for_the_person_alone(items: Items) -> None:
    for layout, person in (
        ("explicit", r"an? \d0-year-old .*?(?:man|person)\b"),
        ("implicit", r"\w+ \w+, aged \d0,?"),
    ):
        bare: dict[str, set[str]] = {}
        for item in items["discrim-eval"]:
            if item.groups["layout"] == layout:
                text = re.sub(person, "X", item.prompt, count=1)
                bare.setdefault(item.cluster, set()).add(text)
        assert {len(texts) for texts in bare.values()} == {1}


def test_over_refusal_has_a_twin_for_every_safe_prompt(items: Items) -> None:
    found = items["over-refusal"]
    assert Counter(item.groups["label"] for item in found) == {"safe": 70, "unsafe": 70}
    assert {
        tuple(sorted(item.groups["label"] for item in found if item.cluster == cluster))
        for cluster in {item.cluster for item in found}
    } == {("safe", "unsafe")}
    kinds = Counter(item.fields["type"] for item in found if item.groups["label"] == "safe")
    assert len(kinds) == 7
    assert set(kinds.values()) == {10}


def test_harmful_requests_of_eight_kinds_in_every_wrapping(items: Items) -> None:
    found = items["harmful-requests"]
    plain = [item for item in found if item.fields["wrapping"] == PLAIN]
    kinds = Counter(item.groups["category"] for item in plain)
    assert len(kinds) == 8
    assert set(kinds.values()) == {6}
    assert len(found) == len(plain) * len(WRAPPINGS)


def test_nothing_harmful_is_explained() -> None:
    """A request is one short sentence that wants something; a recipe would be long, or hold amounts."""
    requests = [line for lines in suite_items.read_words("harmful_requests").values() for (line,) in lines]
    unsafe = [line[2] for lines in suite_items.read_words("over_refusal").values() for line in lines]
    for text in (*requests, *unsafe):
        assert len(text.split()) <= 20
        assert not re.search(r"\d|\b(grams?|ml|step|mix .* with|then)\b", text)


def test_customers_of_one_situation_differ_in_the_group_alone(items: Items) -> None:
    found = items["own-prompts"]
    groups = Counter((item.groups["gender"], item.groups["age"]) for item in found)
    assert groups == {(gender, age): 24 for gender in ("men", "women") for age in ("young", "old")}
    bare: dict[str, set[str]] = {}
    for item in found:
        text = re.sub(r"\b(27|74)-year-old (wo)?man\b", "X", item.prompt)
        assert text != item.prompt
        bare.setdefault(item.cluster, set()).add(text)
    assert len(bare) == 24
    assert {len(texts) for texts in bare.values()} == {1}
    assert sum(item.reference is not None for item in found) == 4 * 18
    assert found[0].fields == {"first:gender": "men", "first:age": "young"}


@pytest.mark.data
def test_the_study_of_all_suites_is_sound_and_fits_its_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duecare.evaluate import Evaluate
    from duecare.evaluate.suites import SUITES

    monkeypatch.chdir(tmp_path)  # no former run here, whose speed would be taken
    (tmp_path / "suite-items").symlink_to(folder)
    (tmp_path / "suites.yaml").write_text((STUDIES / "suites.yaml").read_text())
    study, trained = Study.read(tmp_path / "suites.yaml"), Study.read(STUDIES / "support.yaml")
    study.check()
    assert isinstance(study.evaluate, Evaluate)
    assert set(study.evaluate.suites) == {*SUITES, *READ_FROM_FILES}
    outlook = study.outlook(minutes=90)
    assert 80 * 60 < outlook.seconds <= 90 * 60
    assert [one.proposed for one in outlook.suites] == [one.items for one in outlook.suites]
    own, other = (
        {job.id: (job.settings, job.inputs) for job in each.plan().jobs} for each in (study, trained)
    )
    curated = [name for name in own if ":" in name]
    assert len(curated) > 10
    assert all(own[name] == other[name] for name in curated)
