"""The files of a study: where they are, and whether they hold what the study says of them."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from duecare.cli.combine import named
from duecare.cli.form import near, show
from duecare.cli.steps import kind_of, word_of
from duecare.cli.study import Broken, Study
from duecare.core import DuecareError, Problem, Step, StudyError

if TYPE_CHECKING:
    from duecare.curate.source import Probe

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_DETECTOR = "detector.folder"
"""The folder of a classifier of one's own: its files are those that it says it reads."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def expanded(path: str, folder: Path) -> Path:
    """A path as the study wrote it, with variables and ~ put in, from the study's folder.

    Raises StudyError naming a variable that is not set.
    """
    unset = [a or b for a, b in _VARIABLE.findall(path) if (a or b) not in os.environ]
    if unset:
        raise StudyError(f"the environment variable {', '.join(unset)} to be set (it is not)")
    put_in = _VARIABLE.sub(lambda found: os.environ[found[1] or found[2]], path)
    return (folder / Path(put_in).expanduser()).absolute()


def located(study: Study, step: Step) -> Step:
    """The step with every path made absolute, ready to run from anywhere."""
    changed: dict[str, Any] = {}
    for name, path in _paths(study, step).items():
        field, _, key = name.partition(".")
        before = changed.get(field) or getattr(step, field)
        if not key:
            changed[field] = str(path)
        elif dataclasses.is_dataclass(before) and not isinstance(before, type):
            changed[field] = dataclasses.replace(before, **{key: str(path)})
        else:
            changed[field] = dict(before) | {key: str(path)}
    kind = kind_of(step)
    if kind is not None and kind.name == "base":
        for field in ("name", "tokenizer"):
            named = getattr(step, field, None)
            if named and not str(named).startswith("endpoint:"):
                local = expanded(str(named), study.folder)
                changed |= {field: str(local)} if local.exists() else {}
    return dataclasses.replace(step, **changed) if changed else step  # type: ignore[type-var]  # a dataclass


def files_of(study: Study, step: Step) -> dict[str, Path]:
    """Files outside the run that a step reads, by the name under which they are recorded."""
    found: dict[str, Path] = {}
    given = _given(step)
    for name, path in _paths(study, step).items():
        written = _recorded(given[name])
        if name == _DETECTOR:
            names = located(study, step).detector.files().names  # type: ignore[attr-defined]  # it has a folder
            found |= {f"{written}/{each}": path / each for each in names}
            continue
        if path.is_file():
            found[written] = path
            found |= {
                f"{written}/{os.path.relpath(each, path.parent)}": each for each in _described(step, path)
            }
            continue
        if _of_suites(step):  # each suite knows what it reads in its folder, of any ending and depth
            inner = sorted(each for each in path.rglob("*") if each.is_file())
            found |= {f"{written}/{each.relative_to(path).as_posix()}": each for each in inner}
            continue
        from duecare.curate.evaluation_items import item_files
        from duecare.curate.formats import files

        # A set to evaluate on may have files of any kind, and folders in its folder; a source has neither.
        inside = item_files(path) if "." in name else files(str(path))
        names = (each.relative_to(path) if "." in name else each.name for each in inside)
        found |= {f"{written}/{shown}": each for shown, each in zip(names, inside, strict=True)}
    return found


def _described(step: Step, path: Path) -> list[Path]:
    """The files of a Croissant description that a source is."""
    from duecare.curate.croissant import described
    from duecare.curate.source import Read

    about = described(str(path), step.record_set) if isinstance(step, Read) else None
    return list(about.files) if about else []


def read_steps(study: Study) -> dict[str, Step]:
    """Every source's step with what the study says of it: its name, and the group columns it has."""
    return {
        name: dataclasses.replace(_with_groups(study, step), name=name, study=study.name)  # type: ignore[type-var]  # a dataclass
        for name, step in study.data.items()
    }


def unreadable(study: Study) -> list[Problem]:
    """Every file that is not there, and every column or group that is not in it."""
    problems = [*_model(study), *_teachers(study)]
    seen: dict[str, Probe] = {}
    for name, step in study.data.items():
        if not isinstance(step, Broken):
            problems += _source(study, name, step, seen)
    problems += [*_groups(study, seen), *_axes(study, seen)]
    if study.evaluate is not None and not isinstance(study.evaluate, Broken):
        problems += _missing(study, study.evaluate, "evaluate")
    for place, step in enumerate(study.explain):
        if not isinstance(step, Broken):
            problems += _missing(study, step, f"explain.{place}.{named(step)}")
    for place, step in enumerate(study.memorise):
        if not isinstance(step, Broken):
            problems += _missing(study, step, f"memorise.{place}.{word_of(step)}")
    lacking = [
        found
        for place, use in enumerate(study.uses)
        if (kind := kind_of(use.step))
        for found in _missing(study, use.step, f"curate.{place}.{kind.name}")
    ]
    classifiers = [] if lacking else list(_classifiers(study))
    return [*problems, *(lacking or [*_populations(study, seen), *_rewrites(study), *classifiers])]


def _paths(study: Study, step: Step) -> dict[str, Path]:
    """Field name -> absolute path, for the fields of a step that hold one (a hub id is none)."""
    return {
        name: expanded(path, study.folder)
        for name, path in _given(step).items()
        if _here(step, name) or not _of_the_hub(path, study.folder)
    }


def _given(step: Step) -> dict[str, str]:
    """Field name -> path as written; a field that maps names to paths gives "field.name" for each."""
    kind = kind_of(step)
    found: dict[str, str] = {}
    for name in kind.paths if kind else ():
        field, _, key = name.partition(".")
        value = getattr(getattr(step, field), key, "") if key else getattr(step, name)
        many = {f"{name}.{key}": path for key, path in value.items()} if isinstance(value, Mapping) else None
        found |= {key: str(path) for key, path in (many or {name: value}).items() if path}
    return found


def _of_the_hub(written: str, folder: Path) -> bool:
    """Whether `owner/name` means the hub: no file of that name is here, and it has no ending of data."""
    if not _HUB_ID.fullmatch(written) or (folder / written).exists():
        return False
    return not Path(written).suffix


def _of_suites(step: Step) -> bool:
    """Whether a step's paths are those of suites: folders or files here, never patterns or ids on the hub."""
    kind = kind_of(step)
    return kind is not None and kind.name == "evaluate"


def _here(step: Step, name: str) -> bool:
    """Whether a path is one on this machine and nothing else, however it looks."""
    return _of_suites(step) or name == _DETECTOR


def _recorded(path: str) -> str:
    """How a path stands in the ledger: as the study wrote it, but never where on this machine it lies."""
    return Path(path).name if Path(path).is_absolute() or path.startswith("~") else path


def _missing(study: Study, step: Step, where: str) -> Iterator[Problem]:
    for name, written in _given(step).items():
        try:
            path = expanded(written, study.folder)
        except StudyError as error:
            yield Problem(f"{where}.{name}", show(written), error.problems[0].expected)
            continue
        later = any(sign in path.name for sign in "*?[") or _of_the_hub(written, study.folder)
        if later and not _here(step, name):
            continue  # looked at when it is read
        if not path.exists():
            expected = f"a file that is there ({_shown(path)} is not){_sibling(path)}"
            yield Problem(f"{where}.{name}", show(written), expected)
        elif not os.access(path, os.R_OK):
            yield Problem(f"{where}.{name}", show(written), "a file that you may read")


def _shown(path: Path) -> str:
    """A path from the working directory, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _sibling(path: Path) -> str:
    parent = path.parent
    return near(path.name, [each.name for each in parent.iterdir()]) if parent.is_dir() else ""


def _source(study: Study, name: str, step: Step, seen: dict[str, Probe]) -> Iterator[Problem]:
    """Problems of one source; what it shows goes into `seen`."""
    where = f"data.{name}"
    missing = list(_missing(study, step, where))
    yield from missing
    if missing:
        return
    try:
        seen[name] = _look(located(study, _with_groups(study, step)))
    except StudyError as error:
        yield from (
            dataclasses.replace(each, where=f"{where}.{each.where.rpartition('.')[2]}")
            for each in error.problems
        )
    except (DuecareError, OSError) as error:
        expected = f"a source that can be read ({error})"
        yield Problem(f"{where}.source", show(getattr(step, "source", "")), expected)


def _look(step: Step) -> Probe:
    """What the first records of a source show; remembered until its files change."""
    from duecare.curate.records import paths
    from duecare.curate.source import Read

    files = paths(step) if isinstance(step, Read) else []
    description = Path(str(getattr(step, "source", "")))  # its change is one of the source too
    found = [path.stat() for path in ([*files, description] if description.is_file() else files)]
    return _looked(
        cast("Hashable", step), tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)
    )


@functools.lru_cache(maxsize=256)
def _looked(step: Any, _: tuple[tuple[int, int, int], ...]) -> Probe:
    from duecare.curate.source import probe

    return probe(step)


def _groups(study: Study, seen: Mapping[str, Probe]) -> Iterator[Problem]:
    """Each declared column stands in at least one source, and somebody declares something there."""
    if len(seen) < len(study.data):
        return  # a source that could not be read may hold it
    for place, column in enumerate(study.groups.columns):
        where = f"groups.columns.{place}"
        having = [name for name, probe in seen.items() if column in probe.columns]
        if not having:
            known = sorted({each for probe in seen.values() for each in probe.columns})
            expected = f"a column of at least one source ({', '.join(known)}){near(column, known)}"
            yield Problem(where, show(column), expected)
        elif all(_whole(seen[name]) and not seen[name].groups.get(column) for name in having):
            yield Problem(
                where, show(column), f"rows that declare a group there ({', '.join(having)} has none)"
            )


def _whole(probe: Probe) -> bool:
    """Whether all records of a source were looked at, so that what was not seen is not there."""
    from duecare.curate.records import SAMPLED

    return probe.rows_sampled < SAMPLED


def _axes(study: Study, seen: Mapping[str, Probe]) -> Iterator[Problem]:
    """A step that goes by a group column works on sources that have it."""
    for place, use in enumerate(study.uses):
        for by in (getattr(use.step, name, None) for name in ("by", "cross")):
            lacking = [
                each for each in use.on or study.data if each in seen and by and by not in seen[each].groups
            ]
            if lacking:
                expected = f"sources that have the column {by} ({', '.join(lacking)} has not)"
                yield Problem(f"curate.{place}.balance.on", show(list(use.on) or "all sources"), expected)
    for place, step in enumerate(study.train):
        source, kind = str(getattr(step, "on", "")), kind_of(step)
        for axis in getattr(step, "groups", ()) if source in seen else ():
            if axis not in seen[source].groups:
                where = f"train.{place}.{kind.name if kind else ''}.groups"
                yield Problem(where, show(axis), f"a group column that {source} has")


def _rewrites(study: Study) -> Iterator[Problem]:
    """Approved rewrites are read before anything runs: a line that nobody approved stops the study."""
    for place, use in enumerate(study.uses):
        written = getattr(use.step, "rewrites", None)
        if not written:
            continue
        from duecare.curate.rewrite import read_rewrites

        try:
            read_rewrites(expanded(written, study.folder))
        except (DuecareError, OSError) as error:
            yield Problem(
                f"curate.{place}.stereotypes.rewrites", show(written), f"approved rewrites: {error}"
            )


def _classifiers(study: Study) -> Iterator[Problem]:
    """A classifier of one's own is whole, has the labels that count, and what runs it is installed."""
    for place, use in enumerate(study.uses):
        detector: Any = getattr(use.step, "detector", None)
        if isinstance(use.step, Broken) or not getattr(detector, "folder", ""):
            continue
        where = f"curate.{place}.toxicity.detector"
        try:
            files = located(study, use.step).detector.files()  # type: ignore[attr-defined]  # it has a folder
        except (DuecareError, OSError) as error:
            yield Problem(where, show(detector.folder), f"a classifier that can be read ({error})")
            continue
        if extra := files.lacking:
            yield Problem(where, show(detector.folder), f"what runs it here: pip install duecare[{extra}]")


def _populations(study: Study, seen: Mapping[str, Probe]) -> Iterator[Problem]:
    """A population to balance to must be one, and its groups those of the data."""
    for place, use in enumerate(study.uses):
        by, to = getattr(use.step, "by", None), getattr(use.step, "to", None)
        if not (by and to):
            continue
        from duecare.curate.population import read_population

        where = f"curate.{place}.balance.to"
        try:
            stated = read_population(expanded(to, study.folder)).get(by, {})
        except (DuecareError, OSError) as error:
            yield Problem(where, show(to), str(error).rpartition("expected ")[2])
            continue
        if not stated:
            yield Problem(where, show(to), f"rows for the axis {by}")
            continue
        for source in use.on or study.data:
            if source in seen and by in seen[source].groups:
                yield from _groups_fit(seen[source], source, by, stated, Problem(where, show(to), ""))


def _groups_fit(
    probe: Probe, source: str, by: str, stated: Mapping[str, float], problem: Problem
) -> Iterator[Problem]:
    there = probe.groups[by]
    if unnamed := sorted(set(there) - set(stated)):
        expected = f"a share for every group of {by} in {source} ({', '.join(unnamed)} has none)"
        yield dataclasses.replace(problem, expected=expected)
    if _whole(probe) and (empty := sorted(set(stated) - set(there))):
        expected = f"groups that have rows ({', '.join(empty)} of {by} has none in {source})"
        yield dataclasses.replace(problem, expected=expected)


def _with_groups(study: Study, step: Step) -> Step:
    """The step with the study's group columns that its source has, where it names none itself."""
    if isinstance(step, Broken) or getattr(step, "groups", None) or not study.groups.columns:
        return step
    there = _look(located(study, step)).columns
    groups = tuple(column for column in study.groups.columns if column in there)
    return dataclasses.replace(step, groups=groups)  # type: ignore[type-var]  # a dataclass


def _model(study: Study) -> Iterator[Problem]:
    """A base model that is in the table or lies here; a hub id or an endpoint can only be tried."""
    if isinstance(study.model, Broken):
        return
    name, tokenizer = (getattr(study.model, field, None) for field in ("name", "tokenizer"))
    if isinstance(name, str) and not name.startswith("endpoint:"):
        yield from _there(study, "model.base", name)
    if isinstance(tokenizer, str):
        yield from _there(study, "model.tokenizer", tokenizer)


def _teachers(study: Study) -> Iterator[Problem]:
    """The models that teach others, by the rules of a base model."""
    for place, step in enumerate(study.train):
        if isinstance(teacher := getattr(step, "teacher", None), str):
            yield from _there(study, f"train.{place}.{named(step)}.teacher", teacher)


def _there(study: Study, where: str, name: str) -> Iterator[Problem]:
    from duecare.model.pinned import MODELS

    try:
        here = expanded(name, study.folder).exists()
    except StudyError as error:
        yield Problem(where, show(name), error.problems[0].expected)
        return
    hub = _HUB_ID.fullmatch(name) and not name.endswith(".gguf")
    if not (here or hub or name in MODELS):
        table = ", ".join(MODELS)
        expected = f"a name of `duecare models` ({table}), a folder or .gguf file that is there, or a hub id"
        yield Problem(where, show(name), expected + near(name, list(MODELS)))
