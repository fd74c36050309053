"""Rewards in a study: who makes each, which steps look into it, and what audits it before a policy learns.

A reward is named by a training step that makes a reward model, by the folder or hub id of one, or it is a
detector or a function, which have no artifact.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from duecare.cli.combine import known_sources, named, rows_fit, training_jobs
from duecare.cli.form import near, show
from duecare.cli.plan import Job
from duecare.cli.sources import expanded, files_of, located
from duecare.cli.steps import judges, kind_of
from duecare.cli.study import Broken, Study
from duecare.core import DuecareError, Problem, Step

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
AUDIT = "reward-audit"
"""The kind of the step that audits a reward."""


def trained_judges(study: Study) -> list[str]:
    """The jobs that make a reward model."""
    jobs = zip(training_jobs(study.train), study.train, strict=True)
    return [job for job, step in jobs if judges(step)]


def brought(study: Study) -> dict[str, str]:
    """Reward models from outside that the study names: by name, the job that brings each."""
    named_in = [name for step in (*study.train, *study.reward) for name in rewards_of(step).values()]
    own = trained_judges(study)
    strange = [name for name in dict.fromkeys(named_in) if name not in own and not _of_code(name)]
    return {name: "judge" if number == 1 else f"judge:{number}" for number, name in enumerate(strange, 1)}


def rewards_of(step: Step) -> dict[str, str]:
    """The rewards that a step names, by the input under which it is handed what makes them."""
    if isinstance(step, Broken):
        return {}
    kind = kind_of(step)
    given = {field: getattr(step, field, "") for field in kind.rewards} if kind else {}
    if model := getattr(step, "reward_model", ""):
        given["reward"] = model
    if model := getattr(getattr(step, "drift", None), "reward_model", ""):
        given["independent"] = model
    return {field: name for field, name in given.items() if isinstance(name, str) and name}


def makers(study: Study, step: Step) -> dict[str, str]:
    """The job that makes each reward that a step is handed, by input."""
    known = {**{job: job for job in trained_judges(study)}, **brought(study)}
    return {field: known[name] for field, name in rewards_of(step).items() if name in known}


def audited(study: Study) -> set[str]:
    """The rewards that the study audits, by name."""
    return {
        rewards_of(step)["reward"]
        for step in study.reward
        if named(step) == AUDIT and "reward" in rewards_of(step)
    }


def problems(study: Study) -> list[Problem]:
    """What cannot be: a reward that nobody makes, and a policy that learns from one that nobody audits."""
    found = [each for place in range(len(study.reward)) for each in _looking_problems(study, place)]
    return found + [each for place in range(len(study.train)) for each in _learning_problems(study, place)]


def _looking_problems(study: Study, place: int) -> Iterator[Problem]:
    """Of a step of the section `reward`."""
    step, kind = study.reward[place], kind_of(study.reward[place])
    where = f"reward.{place}.{kind.word or kind.name if kind else named(step)}"
    if isinstance(step, Broken):
        return
    if kind is None or kind.section != "reward":
        yield Problem(where, named(step), "a step that looks into rewards")
        return
    if source := str(getattr(step, "on", "")):
        yield from known_sources(study, f"{where}.on", (source,))
        yield from rows_fit(study, kind, where, source)
    people, rounds = (
        str(getattr(step, "round", "")),
        [str(getattr(each, "round", "")) for each in study.review],
    )
    if people and people not in rounds:
        expected = f"a round of the section `review` ({', '.join(rounds) or 'there is none'})"
        yield Problem(f"{where}.round", show(people), expected + near(people, rounds))
    yield from _policy_problems(study, step, where)
    for field, name in rewards_of(step).items():
        if not _is_reward(study, name):
            own = trained_judges(study)
            expected = (
                f"a reward-model of the study ({', '.join(own) or 'none is'}), the folder of one that is"
                " there, a hub id, a detector that gives scores, or an installed reward function"
            )
            yield Problem(f"{where}.{field}", show(name), expected + near(name, own))


def _policy_problems(study: Study, step: Step, where: str) -> Iterator[Problem]:
    """Of a step that lets a model of the study answer."""
    policy = getattr(step, "policy", None)
    if policy is None:
        return
    jobs = zip(training_jobs(study.train), study.train, strict=True)
    known = [job for job, trained in jobs if not judges(trained)]
    if policy and policy not in known:
        expected = f"a training step whose model answers ({', '.join(known) or 'none does'}), or nothing"
        yield Problem(f"{where}.policy", show(policy), expected + near(policy, known))
    if study.model is None:
        yield Problem("model", "missing", "a base model, because its answers are looked into")
    if str(getattr(study.model, "name", "")).startswith("endpoint:"):
        expected = "a model whose weights are here, because its answers are looked into"
        yield Problem("model.base", "endpoint:...", expected)


def _learning_problems(study: Study, place: int) -> Iterator[Problem]:
    """Of a training step that is rewarded by a reward model, or looked at by one beside its reward."""
    step = study.train[place]
    name = getattr(step, "reward_model", "")
    where = f"train.{place}.{named(step)}"
    beside = getattr(getattr(step, "drift", None), "reward_model", "")
    if beside and (problem := _unmade(study, place, f"{where}.drift.reward_model", beside)):
        yield problem
    where = f"{where}.reward_model"
    if not name:
        return
    if problem := _unmade(study, place, where, name):
        yield problem
    elif name not in audited(study) and not any(isinstance(each, Broken) for each in study.reward):
        expected = (
            f"a reward model that the study audits (reward: [audit: {{reward: {name}, on: <pairs>}}]): no"
            " policy is trained against a reward that nobody looked into"
        )
        yield Problem(where, show(name), expected)


def _unmade(study: Study, place: int, where: str, name: str) -> Problem | None:
    """What is wrong with a reward model of which training step `place` makes use; None where it is there."""
    jobs = zip(training_jobs(study.train)[:place], study.train, strict=False)
    known = [job for job, earlier in jobs if judges(earlier)]
    if name in known or (name not in trained_judges(study) and _is_model(study, name)):
        return None
    earlier_ones = ", ".join(known) or "none is"
    expected = f"a reward model trained before this step ({earlier_ones}), or the folder or hub id of one"
    return Problem(where, show(name), expected + near(name, known))


def bringing(study: Study) -> Iterator[Job]:
    """One job for each reward model from outside."""
    from duecare.model.fetch import Judge

    for name, job in brought(study).items():
        step = Judge(name=name)
        yield Job(id=job, step=located(study, step), declared=step, files=files_of(study, step))


def looking(study: Study, curated: Mapping[str, str], split: Collection[str]) -> list[Job]:
    """The steps of the section `reward` as jobs; rows are held-out ones where a source is split, else all.

    `curated` is the last job of each source's curation but its split.
    """
    found = []
    for job, step in zip(training_jobs(study.reward), study.reward, strict=True):
        inputs = makers(study, step)
        source = str(getattr(step, "on", ""))
        if source:
            inputs["data"] = f"split:{source}" if source in split else curated[source]
        if people := str(getattr(step, "round", "")):
            inputs["people"] = f"review:{people}"
        if hasattr(step, "policy"):
            inputs["base"] = "base"
        if policy := getattr(step, "policy", ""):
            inputs["policy"] = policy
        declared = step
        found.append(
            Job(
                id=job,
                step=located(study, step),
                declared=declared,
                inputs=inputs,
                files=files_of(study, step),
            )
        )
    return found


def ready(waiting: list[Job], made: set[str]) -> Iterator[Job]:
    """Those of `waiting` whose inputs are all among the jobs `made`: they wait no more, and are made then."""
    for job in list(waiting):
        if set(job.inputs.values()) <= made:
            waiting.remove(job)
            made.add(job.id)
            yield job


def _is_reward(study: Study, name: str) -> bool:
    """Whether a name is a reward of any sort."""
    return name in trained_judges(study) or _of_code(name) or _is_model(study, name)


def _is_model(study: Study, name: str) -> bool:
    """Whether a name is a folder that is there, or could be a hub id, which can only be tried."""
    try:
        here = expanded(name, study.folder)
    except DuecareError:
        return False
    return here.is_dir() or (bool(_HUB_ID.fullmatch(name)) and not here.exists())


def _of_code(name: str) -> bool:
    """Whether it is a detector or a function."""
    from duecare.detect.rewarding import installed, is_dotted, scoring_detectors

    return is_dotted(name) or name in scoring_detectors() or name in installed()
