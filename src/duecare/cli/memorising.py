"""Memorisation in a study: where canaries are placed, and what the steps that look for them are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from duecare.cli.combine import known_sources, named, sources_of, step_on, training_jobs
from duecare.cli.form import near, show
from duecare.cli.plan import Job
from duecare.cli.sources import files_of, located
from duecare.cli.steps import judges, kind_of, word_of
from duecare.cli.study import Broken, Study
from duecare.core import Problem, Step

PARTED = ("split:", "canaries:")
"""Jobs that part rows for training: not those whose rows are looked at as a whole."""
PLACES = "canaries"
"""The kind of the step that places them."""
LEARNS = ("sft", "distill", "dpo", "reward-model")
"""Training steps that learn what rows say; a policy learns from what it answers, and is asked no canary."""


def placed_in(study: Study) -> set[str]:
    """The sources among whose rows canaries are placed."""
    return {source for use in study.uses if named(use.step) == PLACES for source in sources_of(study, use)}


def trained_on(study: Study, source: str) -> str:
    """The job whose rows a training step reads that learns what they say."""
    return f"{PLACES}:{source}" if source in placed_in(study) else f"split:{source}"


def read_by(study: Study, step: Step) -> str:
    """The job whose rows a training step reads."""
    source = step_on(step)
    return trained_on(study, source) if named(step) in LEARNS else f"split:{source}"


def behind(study: Study, asked: str) -> list[str]:
    """The training jobs whose updates the model of job `asked` holds, itself the last; of none, none."""
    jobs = list(zip(training_jobs(study.train), study.train, strict=True))
    found = []
    for job, step in jobs:
        if job == asked or not judges(step):
            found.append(job)
        if job == asked:
            return found
    return []


def asked_of(study: Study, step: Step) -> str:
    """The training job whose model a step asks: the one it names, else the last one that answers."""
    jobs = zip(training_jobs(study.train), study.train, strict=True)
    tuned = [job for job, each in jobs if not judges(each)]
    return str(getattr(step, "after", "")) or (tuned[-1] if tuned else "")


def problems(study: Study) -> list[Problem]:
    """What cannot be: canaries where nothing is trained, and a step that looks where nothing was placed."""
    found = [each for place in range(len(study.uses)) for each in _placing(study, place)]
    found += [each for place in range(len(study.memorise)) for each in _looking(study, place)]
    if study.memorise and study.model is None:
        found.append(Problem("model", "missing", "a model, because the study asks what it memorised"))
    return found


def _placing(study: Study, place: int) -> Iterator[Problem]:
    use = study.uses[place]
    if named(use.step) != PLACES or isinstance(use.step, Broken):
        return
    where = f"curate.{place}.{PLACES}"
    trained = [step_on(step) for step in study.train if named(step) in LEARNS]
    for source in sources_of(study, use):
        if source in study.data and source not in trained:
            known = ", ".join(dict.fromkeys(trained)) or "none is"
            steps = ", ".join(LEARNS)
            yield Problem(f"{where}.on", show(source), f"a source that {steps} is trained on ({known})")
        kind, places = getattr(study.data.get(source), "kind", None), getattr(use.step, "places", ())
        fitting = getattr(use.step, "PLACES", {}).get(kind, places)
        for one in places:
            if one not in fitting:
                expected = f"places of a row of kind {kind} ({', '.join(fitting)})"
                yield Problem(f"{where}.places", show(one), expected + near(one, fitting))


def _looking(study: Study, place: int) -> Iterator[Problem]:
    step = study.memorise[place]
    where = f"memorise.{place}.{word_of(step) or named(step)}"
    if isinstance(step, Broken):
        return
    if (kind := kind_of(step)) is None or kind.section != "memorise":
        yield Problem(where, named(step), "a step that asks what a model memorised")
        return
    asked, known = asked_of(study, step), training_jobs(study.train)
    if asked not in known:
        expected = f"a training step whose model is asked ({', '.join(known) or 'there is none'})"
        yield Problem(f"{where}.after", show(asked or "nothing"), expected + near(asked, known))
        return
    if getattr(step, "NEEDS_ANSWERS", False) and judges(dict(zip(known, study.train, strict=True))[asked]):
        yield Problem(f"{where}.after", show(asked), "a training step whose model answers, no reward model")
    source = step_on(step)
    if source:
        yield from known_sources(study, f"{where}.on", (source,))
    yield from _was_read(study, step, where, asked)
    if people := str(getattr(step, "round", "")):
        early = [each for each in study.review if getattr(each, "before", "") == "train"]
        rounds = [str(getattr(each, "round", "")) for each in early if step_on(each) == source]
        if people not in rounds:
            expected = (
                f"a round of the section `review` on {source}, before train ({', '.join(rounds) or 'none'})"
            )
            yield Problem(f"{where}.round", show(people), expected + near(people, rounds))


def _was_read(study: Study, step: Step, where: str, asked: str) -> Iterator[Problem]:
    """Some step behind the model asked read the source; where canaries are looked for, some lie there."""
    source = step_on(step)
    steps = dict(zip(training_jobs(study.train), study.train, strict=True))
    read = list(dict.fromkeys(step_on(steps[job]) for job in behind(study, asked)))
    if source and source in study.data and source not in read:
        expected = f"a source that training of {asked} read ({', '.join(read) or 'none'})"
        yield Problem(f"{where}.on", show(source), expected + near(source, read))
    learned = {step_on(steps[job]) for job in behind(study, asked) if named(steps[job]) in LEARNS}
    there = placed_in(study) & learned & ({source} if source else learned)
    if getattr(step, "NEEDS_CANARIES", False) and not there:
        expected = (
            f"a source among whose rows canaries are placed (curate: [canaries: {{on: {source or read[0]}}}])"
        )
        yield Problem(f"{where}.on", show(source or "nothing"), expected)


def remembering(study: Study, curated: Mapping[str, Sequence[Job]]) -> list[Job]:
    """The steps of the section `memorise` as jobs; each is given what its class says that it reads (`READS`).

    "base"; "model", the training job whose model is asked; "trained", each training job behind that model as
    `trained:<job>`; "data", the rows that training read of the source it is `on` (of all sources of these
    jobs where it names none) as `data:<source>`; "curated", every job that curated these as `curated:<job>`;
    "people", the round of review that it names.
    """
    found = []
    for job, step in zip(training_jobs(study.memorise), study.memorise, strict=True):
        reads: tuple[str, ...] = getattr(step, "READS", ())
        asked = asked_of(study, step)
        chain = behind(study, asked)
        steps = dict(zip(training_jobs(study.train), study.train, strict=True))
        own = step_on(step)
        sources = [own] if own else list(dict.fromkeys(step_on(steps[each]) for each in chain))
        given = {
            "base": {"base": "base"},
            "model": {"model": asked},
            "trained": {f"trained:{each}": each for each in chain},
            "data": {f"data:{source}": trained_on(study, source) for source in sources},
            "curated": {f"curated:{each.id}": each.id for source in sources for each in curated[source]},
            "people": {"people": f"review:{people}"} if (people := getattr(step, "round", "")) else {},
        }
        inputs = {name: made for kind in reads for name, made in given[kind].items()}
        found.append(
            Job(
                id=job,
                step=located(study, step),
                declared=step,
                inputs=inputs,
                files=files_of(study, step),
            )
        )
    return found
