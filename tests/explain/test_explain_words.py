"""The step `words`: from twins, answers and files to tables, figures and findings."""

from __future__ import annotations

import json
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecare.core import Artifact, DataError, ModelError, StudyError
from duecare.core.table import ANSWERS
from duecare.evaluate.suites.table import PEOPLE
from duecare.explain import Words
from duecare.explain.asked import identity_of, of_answers, of_file, of_twins
from duecare.explain.spans import words_of
from duecare.ledger.digest import file_digest
from duecare.model.fetch import Fetch
from duecare.model.load import load
from duecare.model.tiny import write_tiny

pytestmark = pytest.mark.jax
QUICK = {"method": "integrated-gradients", "steps": 6, "points": 2, "orders": 2, "checks": 2}


class Told(list):
    def __call__(self, what):
        self.append(what)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUECARE_CACHE", str(folder / "cache"))
        model = write_tiny(folder / "tiny", seed=2)
        out = folder / "out"
        out.mkdir()
        Fetch(name=str(model)).run({}, out, Told())
        yield Artifact("base", out, file_digest(out / "reference.json"))


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    from duecare.model.export import export_reward

    folder = tmp_path_factory.mktemp("judge")
    loaded = load(write_tiny(folder / "tiny", seed=4))
    head = np.random.default_rng(1).standard_normal(loaded.shape.width).astype(np.float32)
    export_reward(loaded, jnp.asarray(head), folder / "model")
    return Artifact("reward-model", folder, "f" * 64)


@pytest.fixture
def evaluated(tmp_path):
    """The artifact of an evaluation, with an answer that is empty, one of a row that people wrote, and a text
    of people in an answer's place."""
    rows = []
    for number in range(6):
        for group, noun in (("men", "man"), ("women", "woman")):
            rows.append(
                {
                    "row": f"r:{number}:{group}",
                    "key": "k",
                    "suite": "heldout" if number == 5 else "toxicity-by-group",
                    "model": "base",
                    "prompt_id": f"p{number}-{group}",
                    "pair_id": f"p{number}",
                    "groups": [{"axis": "gender", "value": group}],
                    "sample": 0,
                    "prompt": f"A {noun} asks, number {number}.",
                    "answer": ""
                    if number == 4
                    else f"You stupid {noun}, wait."
                    if number % 2
                    else f"Fine, {noun}.",
                    "reference": None,
                }
            )
    rows.append(rows[0] | {"row": "bold:people:p0:0", "suite": "bold", "model": PEOPLE, "answer": "Theirs."})
    folder = tmp_path / "evaluate"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=ANSWERS), folder / "answers.parquet")
    return Artifact("evaluate", folder, "e" * 64)


def ran(step, inputs, out):
    out.mkdir(parents=True, exist_ok=True)
    told = Told()
    outcome = step.run(inputs, out, told)
    tables = {
        name: pq.read_table(out / f"{name}.parquet").to_pylist() for name in ("explained", "attributions")
    }
    return outcome, SimpleNamespace(told=told, **tables)


def test_words_and_values_add_up_in_the_tables(base, tmp_path):
    outcome, found = ran(Words(items=3, **(QUICK | {"steps": 32})), {"base": base}, tmp_path / "out")
    assert len(found.explained) == 3 * 3  # three issues, three groups, one manner
    for row in found.explained:
        words = [word for word in found.attributions if word["item"] == row["item"]]
        total = sum(word["score"] for word in words) + row["between"]
        assert total == pytest.approx(row["value"] - row["baseline"], abs=0.2)
        said = [row["prompt"][word["start"] : word["end"]] for word in words if word["identity"]]
        assert said
        assert not {"parcel", "writes", "problem"} & set(said)
    shares = [each for each in outcome.estimates if each.metric == "words.identity_share"]
    assert {each.slice.get("group") for each in shares} == {None, "men", "women", "nonbinary"}
    assert all(each.clusters == 3 for each in shares if each.value is not None)


def test_the_same_seed_gives_the_same_bytes(base, tmp_path):
    step = Words(items=2, **QUICK)
    for name in ("one", "two"):
        ran(step, {"base": base}, tmp_path / name)
    for name in ("attributions.parquet", "explained.parquet", "estimates.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_killed_call_goes_on_with_the_next_model(base, tmp_path, monkeypatch):
    from duecare.explain import words_run

    tuned = Artifact("sft", tmp_path / "tuned", "a" * 64)
    write_tiny(tuned.path / "model", seed=8)
    step, inputs = Words(items=2, **QUICK), {"base": base, "tuned": tuned}
    ran(step, inputs, tmp_path / "whole")
    opened, whole = [], words_run._instrument

    def dies(step, inputs, model):
        opened.append(model)
        if opened == ["base", "tuned"]:
            raise KeyboardInterrupt
        return whole(step, inputs, model)

    monkeypatch.setattr(words_run, "_instrument", dies)
    with pytest.raises(KeyboardInterrupt):
        ran(step, inputs, tmp_path / "killed")
    ran(step, inputs, tmp_path / "killed")
    assert opened == ["base", "tuned", "tuned"]
    for name in ("attributions.parquet", "checks.parquet", "estimates.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_answer_against_another_and_a_group_against_the_reference(base, tmp_path):
    step = Words(items=2, against="answer", **(QUICK | {"method": "occlusion"}))
    _, found = ran(step, {"base": base}, tmp_path / "answer")
    assert all(row["other"] and row["other"] != row["answer"] for row in found.explained)
    step = Words(items=2, against="group", **(QUICK | {"method": "gradient-x-input"}))
    outcome, found = ran(step, {"base": base}, tmp_path / "group")
    assert {row["group"] for row in found.explained} == {"women", "nonbinary"}
    assert all(" male " in row["other"] for row in found.explained)
    assert not [each for each in outcome.estimates if each.metric.endswith(".difference")]


def test_a_reward_is_explained_in_prompt_and_answer(base, judge, tmp_path):
    step = Words(items=2, score="reward", reward_model="reward-model", **QUICK)
    outcome, found = ran(step, {"base": base, "reward": judge}, tmp_path / "out")
    assert {word["part"] for word in found.attributions} == {"prompt", "answer"}
    assert {row["model"] for row in found.explained} == {"reward"}
    assert all(each.rests_on == ("reward-model@ffffffffffff",) for each in outcome.estimates)
    with pytest.raises(DataError, match="an input named reward"):
        ran(step, {"base": base}, tmp_path / "without")


def test_a_toxicity_gap_is_explained_by_the_answers_words(evaluated, tmp_path):
    step = Words(of="answers", score="toxicity", items=4, **(QUICK | {"method": "occlusion"}))
    _, found = ran(step, {"evaluate": evaluated}, tmp_path / "out")
    assert any(
        getattr(each, "topic", "") == "words.empty" and "4" not in each.text[:1] for each in found.told
    )
    assert not any("number 5" in row["prompt"] for row in found.explained)  # what people wrote
    text = {row["item"]: row["answer"] for row in found.explained}
    toxic = [
        (word["score"], text[word["item"]][word["start"] : word["end"]])
        for word in found.attributions
        if "stupid" in text[word["item"]]
    ]
    assert max(toxic)[1] == "stupid"
    assert {word["part"] for word in found.attributions} == {"answer"}


def test_a_beginning_is_read_as_it_stood_when_it_was_continued(base, evaluated, tmp_path):
    from duecare.explain.reading import rendered
    from duecare.model.fetch import folder_of
    from duecare.model.logprob import answer_logprobs

    path = evaluated.path / "answers.parquet"
    rows = pq.read_table(path).to_pylist()
    row = rows[0] | {"suite": "bold", "prompt_id": "b", "pair_id": None, "answer": " asks again."}
    pq.write_table(pa.Table.from_pylist([*rows, row], schema=ANSWERS), path)
    _, found = ran(
        Words(of="answers", items=9, **QUICK), {"base": base, "evaluate": evaluated}, tmp_path / "out"
    )
    values = {(each["prompt"], each["answer"]): each["value"] for each in found.explained}
    model, prompt = load(folder_of(base.path)), row["prompt"]
    for answer, asked in ((row["answer"], prompt), ("Fine, man.", rendered(model.tokenizer, prompt))):
        (wanted,) = answer_logprobs(model, [asked], [answer])
        assert values[prompt, answer] == pytest.approx(wanted.total, abs=1e-3)


def test_rows_of_a_file_are_explained(base, tmp_path):
    rows = [
        {
            "prompt": f"A {noun} asks {n}.",
            "answer": "Yes.",
            "against": "No.",
            "axis": "gender",
            "group": group,
            "pair": n,
        }
        for n in range(2)
        for group, noun in (("men", "man"), ("women", "woman"))
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for against in ("nothing", "answer", "group"):
        step = Words(of="file", file=str(path), against=against, **QUICK)
        _, found = ran(step, {"base": base}, tmp_path / against)
        assert {word["identity"] for word in found.attributions} == {True, False}
    twins = of_file(path, 9)  # also of the pair that is called 0
    assert [each.cluster for each in twins] == ["0", "0", "1", "1"]
    assert [dict(each.beside).keys() for each in twins] == [{"women"}, {"men"}] * 2
    path.write_text(json.dumps({"prompt": "Hi", "answer": "Yes"}) + "\n")
    with pytest.raises(DataError, match="1 rows have no answer"):
        ran(Words(of="file", file=str(path), against="answer", **QUICK), {"base": base}, tmp_path / "lone")
    path.write_text(json.dumps({"prompt": "Hi", "answer": " "}) + "\n")
    with pytest.raises(ModelError, match="answer 0 is empty"):
        ran(Words(of="file", file=str(path), **QUICK), {"base": base}, tmp_path / "empty")
    path.write_text(json.dumps({"asked": "SECRET"}) + "\n")
    with pytest.raises(DataError, match="expected rows with text in prompt and answer") as refused:
        ran(Words(of="file", file=str(path), **QUICK), {"base": base}, tmp_path / "wrong")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "guess"}, "words.method"),
        ({"score": "toxicity", "method": "gradient-x-input"}, "occlusion"),
        ({"against": "group", "of": "answers"}, "no other group"),
        ({"against": "answer", "score": "reward", "reward_model": "r"}, "no other answer"),
        ({"items": 1000}, "at most 120"),
        ({"items": 1}, "2 or more"),
        ({"axes": ("height",)}, "words.axes"),
        ({"manners": ()}, "words.manners"),
        ({"reference": {"gender": "giants"}}, "words.reference"),
        ({"mesh": (0, 1)}, "words.mesh"),
    ],
)
def test_nonsense_is_refused(given, words):
    with pytest.raises(StudyError, match=words):
        Words(**given)


def test_every_mistake_is_told_at_once():
    with pytest.raises(StudyError) as refused:
        Words(steps=0, orders=0, axes=())
    assert {each.where for each in refused.value.problems} == {"words.steps", "words.orders", "words.axes"}


def test_identity_words_come_from_twins_and_else_from_the_lexicon(evaluated):
    (item, *_) = of_twins(("gender",), 2, ("respectful",), contrast=False)
    words = words_of(item.prompt, "prompt")
    named = [
        word.of(item.prompt)
        for word, yes in zip(words, identity_of(item, words, ("gender",)), strict=True)
        if yes
    ]
    assert {"male", "he", "him"} <= set(named)
    answers, empty = of_answers(evaluated.path, ("gender",), 4, 0)
    assert empty == 2
    assert set(answers) == {"base"}
    item = next(each for each in answers["base"] if "woman" in each.answer)
    words = words_of(item.answer, "answer")
    found = identity_of(item, words, ("gender",))
    assert [word.of(item.answer) for word, yes in zip(words, found, strict=True) if yes] == ["woman"]
