"""Puts the questions of the suites to one model after the other and writes down what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Message, ModelError, Progress, Scorer, Tell
from duecare.core.table import SCORES, TEXTS
from duecare.evaluate.answerer import Answerer, Sampling, lacks_logprobs
from duecare.evaluate.asking import Asking, item_rows, plausible, put, written
from duecare.evaluate.heldout import Held
from duecare.evaluate.kept import Kept, ask, score
from duecare.evaluate.pace import Pace
from duecare.evaluate.rouge import rouge_l
from duecare.evaluate.suites import Prompt, Twin
from duecare.evaluate.tables import SCHEMAS
from duecare.ledger.digest import bytes_digest

Open = Callable[[], Answerer]


@dataclass(frozen=True, slots=True)
class Questions:
    """What every model is asked: prompts for sampling, fixed answers of twins, rows held out, suites."""

    prompts: Sequence[Prompt]
    twins: Sequence[Twin]
    held: Sequence[Held]
    suites: Sequence[Asking]
    sampling: Sampling

    @property
    def units(self) -> int:
        """How many answers are sampled or scored for one model, at most."""
        greedy = sum(bool(each.turns) for each in self.held)
        own = len(self.prompts) * self.sampling.samples + len(self.twins) + len(self.held) + greedy
        return own + sum(each.units(self.sampling.samples) for each in self.suites)

    @property
    def comparing(self) -> list[str]:
        """Suites that need the log-probabilities of given answers."""
        own = [name for name, asked in (("twins", self.twins), ("heldout", self.held)) if asked]
        return own + [each.suite for each in self.suites if any(item.options for item in each.items)]


@dataclass(slots=True)
class Transcript:
    """Rows of ANSWERS, TWINS, HELD, ITEMS and CHOICES as they come."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    twins: list[dict[str, Any]] = field(default_factory=list)
    heldout: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)

    def tables(self) -> dict[str, pa.Table]:
        """The rows as tables of their schemas, by name."""
        names = ("answers", "twins", "heldout", "items", "choices")
        return {name: pa.Table.from_pylist(getattr(self, name), schema=SCHEMAS[name]) for name in names}


class Interview:
    """All questions to all models; one model is open at a time.

    What is asked about held-out rows is kept in `private`, which goes with the run: people's words stand
    in these rows, and an erasure must reach them.
    """

    def __init__(self, questions: Questions, kept: Kept, tell: Tell, private: Kept | None = None) -> None:
        self._questions, self._kept, self._tell = questions, kept, tell
        self._private = private or kept
        self._done = self._total = 0
        self._doing = ""
        self._pace = Pace()

    def hold(self, models: Mapping[str, Open]) -> Transcript:
        """Ask every model and give the whole transcript."""
        found = Transcript()
        found.items += [row for each in self._questions.suites for row in item_rows(each)]
        self._done, self._total = 0, self._questions.units * len(models)
        for name, opened in models.items():
            self._ask(name, opened(), found)  # held by nobody else: the next model needs its memory
        found.answers += [row for each in self._questions.suites for row in written(each)]
        if note := self._pace.note():
            self._tell(note)
        return found

    def _ask(self, name: str, model: Answerer, found: Transcript) -> None:
        comparing = self._questions.comparing
        if comparing and (why := lacks_logprobs(model)):
            suites = ", ".join(comparing)
            raise ModelError(f"model {name}: suites {suites} need log-probabilities of given answers; {why}")
        model = self._pace.follow(model)
        self._doing = f"{name}: answers by group"
        self._sample(name, model, found)
        self._doing = f"{name}: counterfactual twins"
        self._twins(name, model, found)
        self._doing = f"{name}: held-out rows"
        self._held(name, model, found)
        for asking in self._questions.suites:
            self._doing = f"{name}: {asking.suite}"
            how = self._questions.sampling
            answers, choices = put(asking, name, model, how=how, kept=self._kept, done=self._advance)
            found.answers += answers
            found.choices += choices

    def _advance(self, count: int) -> None:
        self._done = min(self._done + count, self._total)
        self._tell(Progress(self._done, self._total, "answers", self._doing))

    def _sample(self, name: str, model: Answerer, found: Transcript) -> None:
        prompts = self._questions.prompts
        rendered = [model.render(_asked(prompt.text)) for prompt in prompts]
        said = ask(model, rendered, self._questions.sampling, self._kept, self._advance)
        for prompt, answers in zip(prompts, said, strict=True):
            for sample, answer in enumerate(answers):
                row = {
                    "row": f"toxicity-by-group:{name}:{prompt.prompt_id}:{sample}",
                    "key": bytes_digest(prompt.text.encode()),
                    "suite": "toxicity-by-group",
                    "model": name,
                    "prompt_id": prompt.prompt_id,
                    "pair_id": prompt.pair_id,
                    "groups": [{"axis": prompt.axis, "value": prompt.group}],
                    "sample": sample,
                    "prompt": prompt.text,
                    "answer": answer,
                    "reference": None,
                }
                found.answers.append(row)

    def _twins(self, name: str, model: Answerer, found: Transcript) -> None:
        twins = self._questions.twins
        rendered = [model.render(_asked(twin.text)) for twin in twins]
        values = score(model, rendered, [twin.answer for twin in twins], self._kept, self._advance)
        for twin, (total, tokens) in zip(twins, values, strict=True):
            row = {
                "suite": "twins",
                "model": name,
                "axis": twin.axis,
                "group": twin.group,
                "pair_id": twin.pair_id,
                "issue": twin.issue,
                "manner": twin.manner,
                "prompt": twin.text,
                "answer": twin.answer,
                "total": plausible(total, name),
                "tokens": tokens,
            }
            found.twins.append(row)

    def _held(self, name: str, model: Answerer, found: Transcript) -> None:
        held = self._questions.held
        rendered = [model.render(each.turns) if each.turns else "" for each in held]
        values = score(model, rendered, [each.reference for each in held], self._private, self._advance)
        asked = [place for place, each in enumerate(held) if each.turns]
        greedy = Sampling(max_tokens=self._questions.sampling.max_tokens, temperature=0.0)
        said = ask(model, [rendered[place] for place in asked], greedy, self._private, self._advance)
        spoken = {place: answers[0] for place, answers in zip(asked, said, strict=True)}
        for place, (each, (total, tokens)) in enumerate(zip(held, values, strict=True)):
            overlap = rouge_l(spoken[place], each.reference) if place in spoken else None
            reason = "a text has no reference answer" if place not in spoken else "the reference has no word"
            row = {
                "row": each.example.row,
                "key": each.example.key,
                "source": each.example.source,
                "model": name,
                "total": plausible(total, name),
                "tokens": tokens,
                "rouge_l": overlap,
                "reason": reason if overlap is None else None,
            }
            found.heldout.append(row)
            if place in spoken:
                found.answers.append(_heldout_answer(each, name, spoken[place]))


def judge(answers: pa.Table, scorers: Mapping[str, Scorer], wanted: Mapping[str, Sequence[str]]) -> pa.Table:
    """SCORES of sampled answers, part "answer"; `wanted` is suite to the names of its scorers."""
    batches = []
    for name, scorer in scorers.items():
        suites = [suite for suite, names in wanted.items() if name in names]
        mine = answers.filter(pc.is_in(answers.column("suite"), pa.array(suites, pa.string())))
        if len(mine):
            batches.append(scorer(_texts(mine)))
    return pa.Table.from_batches(batches, schema=SCORES)


def _texts(answers: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            answers.column("row").combine_chunks(),
            answers.column("key").combine_chunks(),
            pa.repeat(pa.scalar("answer"), len(answers)),
            answers.column("answer").combine_chunks(),
        ],
        schema=TEXTS,
    )


def _asked(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def _heldout_answer(each: Held, name: str, answer: str) -> dict[str, Any]:
    row = each.example
    return {
        "row": f"heldout:{name}:{row.row}",
        "key": row.key,
        "suite": "heldout",
        "model": name,
        "prompt_id": row.row,
        "pair_id": None,
        "groups": [{"axis": group.axis, "value": group.value} for group in row.groups],
        "sample": 0,
        "prompt": each.turns[-1].content,
        "answer": answer,
        "reference": each.reference,
    }
