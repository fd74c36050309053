"""Poor input to every suite: a figure or a reason, or one clear error; never NaN, never a crash."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lying_server as lying
import pytest
from suite_folders import FOLDERS, write_bold, write_split
from suite_toy import json_lines
from toy import WordScorer, chance

from duecare.core import INSUFFICIENT, PASS, Estimate, Message, ModelError
from duecare.evaluate import Evaluate, GateSpec, sitting
from duecare.evaluate.answerer import Sampling
from duecare.evaluate.endpoint import Endpoint
from duecare.evaluate.judgement import verdicts
from duecare.evaluate.limit import KNOWN
from duecare.evaluate.sitting import sit
from duecare.evaluate.suites import SUITES
from duecare.evaluate.suites.table import READ_FROM_FILES, suite
from duecare.evaluate.tables import read
from duecare.model.served import Served
from duecare.model.transport import Patience

EVERY = (*SUITES, *READ_FROM_FILES)
SCORERS = {
    "toxicity": WordScorer("toxicity@toy", "stupid"),
    "refusal": WordScorer("refusal@toy", "cannot"),
    "sentiment": WordScorer("sentiment@toy", "gladly"),
    "regard": WordScorer("regard@toy", "admired"),
}
QUICK = Patience(request=2.0, overall=8.0, tries=2, first=0.01, longest=0.02)


class Says:
    """A model that answers `answer(prompt, sample)` and finds any text as likely as `weigh(prompt, text)`."""

    def __init__(
        self,
        identity: str,
        answer: Callable[[str, int], str],
        weigh: Callable[[str, str], tuple[float, int]],
    ) -> None:
        self.identity, self._answer, self._weigh = identity, answer, weigh

    def render(self, turns: Sequence[Message]) -> str:
        return "".join(f"<{turn.role}>{turn.content}" for turn in turns) + "<assistant>"

    def answers(self, prompts: Sequence[str], how: Sampling) -> list[list[str]]:
        return [[self._answer(prompt, sample) for sample in range(how.samples)] for prompt in prompts]

    def logprobs(self, prompts: Sequence[str], answers: Sequence[str]) -> list[tuple[float, int]]:
        return [self._weigh(*pair) for pair in zip(prompts, answers, strict=True)]


def mixed(prompt: str, sample: int) -> str:
    """Answers of all sorts, among them none at all."""
    every = ("", "You are stupid.", "I cannot help.", "Gladly: it is admired gladly.", "Yes " * 40)
    return every[int(chance(prompt, sample) * len(every))]


def usual(prompt: str, text: str) -> tuple[float, int]:
    return -(1 + chance(prompt, text)) * len(text.split()), max(1, len(text.split()))


ODD: dict[str, tuple[Callable[[str, int], str], Callable[[str, str], tuple[float, int]]]] = {
    "says nothing": (lambda *_: "", lambda prompt, text: (0.0, 0)),
    "all zero": (lambda *_: "It rains.", lambda prompt, text: (0.0, 3)),
    "all equal": (lambda *_: "You are stupid. I cannot.", lambda prompt, text: (-2.0, 1)),
    "white space": (lambda *_: " \n\t ", usual),
    "odd letters": (lambda *_: "\x00\ufffd\u202e\U0001f9e8" * 50, usual),
    "far apart": (mixed, lambda prompt, text: (-1e6 * chance(prompt, text), 1)),
    "further apart": (mixed, lambda prompt, text: (-1e9 * (chance(prompt, text) < 0.5), 1)),
    "of all sorts": (mixed, usual),
}


def pool(name: str) -> tuple[str, ...]:
    """The figures of a suite that a gate can be put on."""
    own = {"toxicity-by-group": ("toxicity", "nontoxic", "refusal")}.get(name, (name,))
    if name in READ_FROM_FILES:
        return tuple(suite(name).metrics)
    return tuple(metric for metric in KNOWN if metric.split(".")[0] in own)


def gates(name: str) -> tuple[GateSpec, ...]:
    """A gate on every figure of the suite."""
    return tuple(
        GateSpec(metric=metric, between=(0.5, 2.0))
        if metric.endswith("ratio")
        else GateSpec(metric=metric, at_most=0.3)
        for metric in pool(name)
    )


def held(
    name: str,
    tmp_path: Path,
    models: dict[str, Any],
    folder: Path | None = None,
    split: Path | None = None,
    prompts: int | None = 2,
):
    """The whole step on one suite: its folder and its figures."""
    out = tmp_path / "out"
    out.mkdir(parents=True)
    data = {}
    if name in READ_FROM_FILES:
        data = {name: str(folder or FOLDERS[name](tmp_path / "data"))}
    splits = {"data": split or write_split(tmp_path / "split")} if name == "heldout" else {}
    step = Evaluate(suites=(name,), data=data, samples=2, max_tokens=8, prompts=prompts, pairs=2)
    opened = {model: (lambda model=model: models[model]) for model in models}
    return out, sit(step, opened, splits, SCORERS, out=out, tell=lambda each: None).estimates


def sound(found: Sequence[Estimate]) -> None:
    """Every figure is a number within its bounds, or has a reason in words."""
    assert found
    for each in found:
        if each.value is None:
            assert each.reason
            assert each.low is None is each.high
            assert "nan" not in each.reason.lower().split()
        else:
            assert each.low <= each.value <= each.high
            assert all(map(math.isfinite, (each.low, each.value, each.high)))
            assert each.n > 0


def both(odd: str) -> dict[str, Says]:
    return {model: Says(f"{odd} {model}", *ODD[odd]) for model in ("base", "tuned")}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", EVERY)
def test_odd_answers_give_figures_or_reasons(name: str, odd: str, tmp_path: Path) -> None:
    out, found = held(name, tmp_path, both(odd))
    sound(found)
    assert len(verdicts(gates(name), read(out))) == len(gates(name))


@pytest.mark.parametrize("name", EVERY)
def test_one_model_odd_and_one_not(name: str, tmp_path: Path) -> None:
    models = {"base": Says("base", *ODD["says nothing"]), "tuned": Says("tuned", *ODD["of all sorts"])}
    sound(held(name, tmp_path, models)[1])


SILENT = {
    "toxicity-by-group": (
        "female|wom",
        ("toxicity.worst_group", "nontoxic.disparate_impact_ratio", "toxicity.change"),
    ),
    "own-prompts": ("female", ("own-prompts.toxicity.worst_group", "own-prompts.toxicity.difference")),
    "bold": ("sailors", ("bold.toxicity.worst_group", "bold.toxicity.difference", "bold.toxicity.change")),
    "real-toxicity-prompts": ("Row", ("real-toxicity-prompts.fraction.worst_group",)),
    "holistic-bias-answers": ("playing", ("holistic-bias-answers.toxicity.worst_group",)),
    "over-refusal": ("kites", ("over-refusal.safe.worst_group", "over-refusal.safe.change")),
    "harmful-requests": (
        "Base64",
        ("harmful-requests.complied.worst_group", "harmful-requests.complied.change"),
    ),
}
"""Suite to a word of the prompts of one group, and figures of which nothing can then be said as a whole."""


@pytest.mark.parametrize("name", SILENT)
def test_a_group_to_which_a_model_says_nothing_passes_no_gate(name: str, tmp_path: Path) -> None:
    """Everybody else is answered harmlessly: a group without figures would be left out of the gate."""
    word, metrics = SILENT[name]
    specs = tuple(
        GateSpec(metric=metric, between=(1e-6, 1e6))
        if metric.endswith("ratio")
        else GateSpec(metric=metric, at_most=2.0)
        for metric in metrics
    )
    for silent, verdict in ((word, INSUFFICIENT), ("no such word", PASS)):
        models = {
            model: Says(
                f"{model} {silent}",
                lambda prompt, sample, silent=silent: (
                    "" if re.search(silent, prompt) else f"It rains. {sample}"
                ),
                usual,
            )
            for model in ("base", "tuned")
        }
        out, found = held(name, tmp_path / verdict, models, prompts=None)
        sound(found)
        for finding in verdicts(specs, read(out)):
            assert finding.verdict == verdict, finding.detail


def only(monkeypatch: pytest.MonkeyPatch, keep: Callable[[Sequence[Any]], list[Any]]) -> None:
    """What is asked of every suite goes through `keep`."""
    prompts, twins, draw, rows = sitting.prompts, sitting.twins, sitting.drawn, sitting.heldout.read
    monkeypatch.setattr(sitting, "prompts", lambda *how: keep(prompts(*how)))
    monkeypatch.setattr(sitting, "twins", lambda *how: keep(twins(*how)))
    monkeypatch.setattr(sitting, "drawn", lambda *how: keep(draw(*how)))
    monkeypatch.setattr(sitting.heldout, "read", lambda *how: (keep(rows(*how)[0]), 0))


@pytest.mark.parametrize("name", EVERY)
def test_one_prompt_is_insufficient_evidence_for_every_gate(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, lambda asked: list(asked[:1]))
    out, found = held(name, tmp_path, both("of all sorts"))
    assert all(each.value is None and each.reason for each in found)
    for finding in verdicts(gates(name), read(out)):
        assert finding.verdict == INSUFFICIENT
        assert len(finding.detail) > 20


def group_of(asked: Any) -> tuple[str, ...] | None:
    """The group that a question is about, in whichever way its suite says so."""
    if hasattr(asked, "group"):
        return (asked.axis, asked.group)
    groups = getattr(asked, "groups", None)
    return tuple(f"{axis} {group}" for axis, group in sorted(groups.items())) or None if groups else None


@pytest.mark.parametrize("name", [name for name in EVERY if name != "heldout"])
def test_a_group_of_one_stands_beside_full_groups(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone: list[object] = []

    def keep(asked: Sequence[Any]) -> list[Any]:
        groups = [group for each in asked if (group := group_of(each)) is not None]
        if not groups:
            return list(asked)
        mine = [each for each in asked if group_of(each) == groups[0]]
        lone.append(mine[0])
        return [each for each in asked if each is mine[0] or group_of(each) != groups[0]]

    only(monkeypatch, keep)
    out, found = held(name, tmp_path, both("of all sorts"))
    sound(found)
    verdicts(gates(name), read(out))
    assert len(lone) == 1 or name in ("winobias", "winogender")  # their groups stand in fields


@pytest.mark.parametrize("name", EVERY)
def test_nothing_asked_crashes_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, lambda asked: [])
    out, found = held(name, tmp_path, both("of all sorts"))
    assert all(each.value is None and each.reason for each in found)
    assert all(finding.verdict == INSUFFICIENT for finding in verdicts(gates(name), read(out)))


def test_missing_references_leave_their_figures_out_or_unknown(tmp_path: Path) -> None:
    """BOLD without Wikipedia, own prompts without answers, rows that nobody answered."""
    _, found = held("bold", tmp_path / "a", both("of all sorts"), write_bold(tmp_path / "bold", people=False))
    sound(found)
    assert not any("beyond_human" in each.metric for each in found)
    rows = [
        {"prompt": f"Parcel {i}?", "group:gender": ("men", "women")[i % 2], "pair": str(i // 2)}
        for i in range(8)
    ]
    json_lines(tmp_path / "own" / "prompts.jsonl", rows)
    out, found = held("own-prompts", tmp_path / "b", both("of all sorts"), tmp_path / "own")
    sound(found)
    (rouge, *_) = [each for each in found if each.metric == "own-prompts.rouge_l"]
    assert rouge.reason == "no prompt has a reference answer with a word in it"
    (verdict,) = verdicts((GateSpec(metric="own-prompts.rouge_l", at_least=0.1),), read(out))
    assert verdict.verdict == INSUFFICIENT
    out, found = held(
        "heldout", tmp_path / "c", both("of all sorts"), split=write_split(tmp_path / "s", answered=False)
    )
    assert all(each.value is None for each in found)
    (verdict,) = verdicts((GateSpec(metric="heldout.perplexity", at_most=20.0),), read(out))
    assert verdict.verdict == INSUFFICIENT


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e300])
@pytest.mark.parametrize("name", EVERY)
def test_log_probabilities_that_are_no_numbers_are_an_error_and_no_figure(
    name: str, value: float, tmp_path: Path
) -> None:
    models = {"base": Says("broken", mixed, lambda prompt, text: (value, 2))}
    if not compares(name):
        sound(held(name, tmp_path, models)[1])
        return
    with pytest.raises(ModelError, match="model base: a log-probability of"):
        held(name, tmp_path, models)


def compares(name: str) -> bool:
    """Whether a suite needs log-probabilities."""
    return name in ("twins", "heldout") or (
        name in READ_FROM_FILES
        and name
        not in ("own-prompts", "bold", "real-toxicity-prompts", "holistic-bias-answers", "over-refusal")
        and name != "harmful-requests"
    )


class Letters:
    """A tokenizer whose tokens are letters."""

    has_chat = True
    bos_id: int | None = None
    pad_id = 0

    def encode(self, text: str, special: bool = False) -> list[int]:
        return [ord(letter) for letter in text]

    def chat(self, messages: Any, answer: bool = False) -> str:
        return "".join(f"<{turn.role}>{turn.content}" for turn in messages) + "<assistant>"


def served(server: lying.Endpoint) -> Endpoint:
    return Endpoint(Served(url=server.url, model="toy", served="toy"), Letters(), 8, QUICK)


def texts(text: str | None) -> lying.Act:
    """Every answer is `text`."""
    return lying.changed(lambda found: [each.update(text=text) for each in found["choices"]])


@pytest.mark.parametrize("name", EVERY)
def test_an_endpoint_whose_answers_are_nonsense_is_an_error(name: str, tmp_path: Path) -> None:
    for place, nonsense in enumerate(
        (b"", b"<html>", b"[]", b'{"choices": 5}', b'{"model": "toy", "choices": []}')
    ):
        with lying.running() as server:
            server.habit = lying.body(nonsense)
            with pytest.raises(ModelError, match="answer"):
                held(name, tmp_path / str(place), {"base": served(server)})


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("text", ["", "\x00", "{}", "nan " * 9])
def test_an_endpoint_that_says_meaningless_words_gives_figures_or_reasons(
    name: str, text: str, tmp_path: Path
) -> None:
    with lying.running() as server:
        server.habit = texts(text)
        sound(held(name, tmp_path, {"base": served(server)})[1])


@pytest.mark.parametrize("name", [name for name in EVERY if compares(name)])
@pytest.mark.parametrize("value", ["NaN", "1.5", "null", '"x"'])
def test_an_endpoint_whose_log_probabilities_cannot_be_is_an_error(
    name: str, value: str, tmp_path: Path
) -> None:
    """The first question, whether it gives them at all, is answered rightly."""

    def lie(handler: lying.Handler, asked: dict[str, Any]) -> None:
        known = ", -1.0" * (len(asked["prompt"]) - 2)
        told = f'{{"text": "", "logprobs": {{"token_logprobs": [null{known}, {value}]}}}}'
        handler.say(f'{{"model": "toy", "choices": [{told}]}}'.encode())

    with lying.running() as server:
        model = served(server)
        assert model.no_logprobs() is None
        server.habit = lambda handler, asked: (lie if asked.get("echo") else lying.honest)(handler, asked)
        with pytest.raises(ModelError, match=r"log-probabilities|not the JSON"):
            held(name, tmp_path, {"base": model})
