"""From a Study to a Plan: every job in order, with what it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from duecare.cli.combine import named, sources_of, split_sources, step_on, training_jobs
from duecare.cli.memorising import PARTED, read_by, remembering
from duecare.cli.plan import Job, Plan
from duecare.cli.rewarding import bringing, looking, makers, ready
from duecare.cli.sources import expanded, files_of, located, read_steps
from duecare.cli.steps import ALWAYS, BY_NAME, KINDS, judges, seeded
from duecare.cli.study import Study
from duecare.core import Step, StudyError
from duecare.vault.storage import ROWS, FileKey, Storage


def compose(study: Study) -> Plan:
    """The plan of a study that has been checked."""
    declared = dataclasses.replace(study, data=read_steps(study))
    jobs = tuple(_jobs(declared))
    return Plan(name=study.name, settings=declared.settings(), jobs=jobs, storage=_storage(study))


def _storage(study: Study) -> Storage | None:
    """How results are stored, with the path of a key file made absolute."""
    if study.storage is None or not isinstance(study.storage.key, FileKey):
        return study.storage
    file = expanded(study.storage.key.file, study.folder)
    return dataclasses.replace(study.storage, key=FileKey(file=str(file)))


def _jobs(study: Study) -> Iterator[Job]:
    curated = {source: list(_curation(study, source, step)) for source, step in study.data.items()}
    for jobs in curated.values():
        yield from jobs
    yield from _reviews(study, curated, "train")
    waiting = looking(study, _last(curated), split_sources(study))
    made = {job.id for jobs in curated.values() for job in jobs}
    made |= {f"review:{step.round}" for step in study.review if step.before == "train"}  # type: ignore[attr-defined]  # steps of this section are a Review
    yield from _modelling(study, curated, waiting, made)
    yield from _reviews(study, curated, "release")
    yield from waiting


def _reviews(study: Study, curated: Mapping[str, list[Job]], before: str) -> Iterator[Job]:
    """Rounds that people must have closed: training comes after the first, release after the last."""
    for step in study.review:
        if step.before != before:  # type: ignore[attr-defined]  # steps of this section are a Review
            continue
        kept = [job for job in curated.get(step_on(step), ()) if not job.id.startswith(PARTED)]
        reviewed = kept[-1].id if kept else "evaluate"
        yield _job(study, f"review:{step.round}", step, {"reviewed": reviewed})  # type: ignore[attr-defined]  # steps of this section are a Review


def _last(curated: Mapping[str, list[Job]]) -> dict[str, str]:
    """The last job that curates each source, before its rows are split."""
    return {
        source: next(job.id for job in reversed(jobs) if not job.id.startswith(PARTED))
        for source, jobs in curated.items()
    }


def _modelling(
    study: Study, curated: Mapping[str, list[Job]], waiting: list[Job], made: set[str]
) -> Iterator[Job]:
    """What trains, looks into rewards (`waiting`) and evaluates; `made` are the jobs before."""
    for job in bringing(study):
        yield job
        made.add(job.id)
    yield from ready(waiting, made)
    answered = any(hasattr(step, "policy") for step in study.reward)
    if not (study.train or study.evaluate or study.explain or study.memorise or answered):
        return
    if study.model is None:
        raise StudyError(
            "a base model (model: {base: ...}), because something is trained, evaluated or explained"
        )
    yield _job(study, "base", study.model, {})
    made.add("base")
    yield from ready(waiting, made)
    yield from _teachers(study)
    trained = list(_training(study))
    for job in trained:
        yield job
        made.add(job.id)
        yield from ready(waiting, made)
    tuned = [job for job in trained if not judges(job.step)]
    inputs = {"base": "base"}
    if tuned:
        inputs["tuned"] = tuned[-1].id
    for source in split_sources(study):
        inputs[f"data:{source}"] = f"split:{source}"
    if study.evaluate is not None:
        yield from _evaluation(study, inputs, [job.id for job in tuned])
    yield from _explanation(study, inputs, [job.id for job in tuned])
    yield from remembering(study, curated)
    if study.gates is not None:
        yield _job(study, "gate", study.gates, {"evaluate": "evaluate"})


def _evaluation(study: Study, inputs: Mapping[str, str], trained: list[str]) -> Iterator[Job]:
    """Base and last model, and where the study says so the models between them."""
    step: Step = study.evaluate  # type: ignore[assignment]  # the caller has looked
    asked = getattr(step, "stages", ())
    if asked:  # what is asked of first and last model does not depend on those between
        step = dataclasses.replace(step, stages=())  # type: ignore[type-var]  # a dataclass
    yield _job(study, "evaluate", step, inputs)
    if asked and len(trained) > 1:
        from duecare.evaluate.stages import of_evaluation

        between = {f"stage:{job}": job for job in trained[:-1]}
        splits = {name: job for name, job in inputs.items() if name.startswith("data:")}
        given = {"evaluate": "evaluate", **between, **splits}
        yield _job(study, "stages", of_evaluation(study.evaluate, trained), given)  # type: ignore[arg-type]  # it has stages


def _explanation(study: Study, inputs: Mapping[str, str], trained: list[str]) -> Iterator[Job]:
    """Each explaining step is given of the study's jobs what its class says that it reads (`READS`).

    "base", "tuned", "evaluate"; "reward", the model it names; "data", every split, where it names columns
    that rows declare; "stages", the models between base and last one as `stage:<job>`, in order.
    """
    for job, step in zip(training_jobs(study.explain), study.explain, strict=True):
        reads: tuple[str, ...] = getattr(step, "READS", ())
        rows = bool(getattr(step, "declared", ()))
        given = {
            name: made
            for name, made in inputs.items()
            if (kind := name.split(":")[0]) in reads and (rows or kind != "data")
        }
        if "evaluate" in reads and study.evaluate is not None and getattr(step, "of", "answers") == "answers":
            given["evaluate"] = "evaluate"
        if "stages" in reads:
            given |= {f"stage:{made}": made for made in trained[:-1]}
        if "reward" in reads and (judge := getattr(step, "reward_model", "")):
            given["reward"] = judge
        yield _job(study, job, step, given)


def _job(study: Study, job: str, step: Step, inputs: Mapping[str, str]) -> Job:
    return Job(id=job, step=located(study, step), declared=step, inputs=inputs, files=files_of(study, step))


def _curation(study: Study, source: str, read: Step) -> Iterator[Job]:
    given = {named(use.step): use.step for use in study.uses if source in sources_of(study, use)}
    kept = study.storage
    if "personal" in given or (kept and ROWS in kept.seal):  # sealed until personal data is taken out
        read = dataclasses.replace(read, sealed=True)  # type: ignore[type-var]  # a dataclass
    yield _job(study, f"read:{source}", read, {})
    if kept and kept.index:
        yield _job(study, f"subjects:{source}", _subjects(study), {"examples": f"read:{source}"})
    before = f"read:{source}"
    for kind in KINDS:
        if kind.section != "curate":
            continue
        step = given.get(kind.name)
        if step is None and kind.name in ALWAYS and (kind.name != "split" or source in split_sources(study)):
            step = default_step(study, kind.name)
        if step is None:
            continue
        job = f"{kind.name}:{source}"
        yield _job(study, job, _filled(study, source, step), {"examples": before})
        before = job


def _subjects(study: Study) -> Step:
    from duecare.curate.subjects import Subjects

    return Subjects(study=study.name)


def _filled(study: Study, source: str, step: Step) -> Step:
    """The step with what the study says elsewhere: whose secret it uses, what it looks at."""
    known = {
        "study": study.name,
        "mentions": study.groups.mentions,
        "outcomes": getattr(study.data[source], "outcomes", ()),
        "population": _population(study, source),
    }
    names = {each.name for each in dataclasses.fields(step)}  # type: ignore[arg-type]  # steps are dataclasses
    fresh: dict[str, object] = {
        name: value
        for name, value in known.items()
        if name in names and (name == "study" or not getattr(step, name))
    }
    if "against" in names:  # what the study evaluates on is always looked for
        fresh["against"] = {**getattr(study.evaluate, "data", {}), **getattr(step, "against", {})}
    return dataclasses.replace(step, **fresh)  # type: ignore[type-var]  # a dataclass


def _population(study: Study, source: str) -> str | None:
    """The population that a source is balanced to: its audit compares with the same one."""
    uses = [use for use in study.uses if source in sources_of(study, use)]
    return next((to for use in uses if (to := getattr(use.step, "to", None))), None)


def default_step(study: Study, name: str) -> Step:
    """A step that comes by itself, with the study's seed where it draws."""
    cls = BY_NAME[name].load()
    step: Step = cls(seed=study.seed) if seeded(cls) else cls()
    return step


def _teachers(study: Study) -> Iterator[Job]:
    """One job for each model that teaches another; of several steps with one teacher, one."""
    from duecare.model.fetch import Teacher

    for (name, revision), job in _teacher_jobs(study).items():
        yield _job(study, job, Teacher(name=name, revision=revision), {})


def _teacher_jobs(study: Study) -> dict[tuple[str, str | None], str]:
    """What the jobs are called that bring a teacher, by its name and revision."""
    named_in = [_taught_by(step) for step in study.train]
    known = list(dict.fromkeys(each for each in named_in if each is not None))
    return {each: "teacher" if number == 1 else f"teacher:{number}" for number, each in enumerate(known, 1)}


def _taught_by(step: Step) -> tuple[str, str | None] | None:
    name = getattr(step, "teacher", None)
    return None if name is None else (str(name), getattr(step, "teacher_revision", None))


def _training(study: Study) -> Iterator[Job]:
    before: str | None = None
    for job, step in zip(training_jobs(study.train), study.train, strict=True):
        inputs = {"data": read_by(study, step), "base": "base"}
        if before is not None:
            inputs["model"] = before
        inputs |= makers(study, step)
        if (teacher := _taught_by(step)) is not None:
            inputs["teacher"] = _teacher_jobs(study)[teacher]
        yield _job(study, job, step, inputs)
        if not judges(step):  # what scores answers cannot be taught to give them
            before = job
