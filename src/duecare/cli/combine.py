"""What cannot go together in a study, found without opening any file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from duecare.cli.form import choice, near, show
from duecare.cli.steps import BY_NAME, KINDS, Kind, judges, kind_of
from duecare.cli.study import Broken, Study, Use
from duecare.core import Problem, Step

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_NAMED = "letters, digits, - and _, at most 60, beginning with a letter or digit"
_ORDER = {kind.name: place for place, kind in enumerate(KINDS)}
SUITE_OF = {"toxicity": "toxicity-by-group", "nontoxic": "toxicity-by-group", "refusal": "toxicity-by-group"}
"""First part of a figure's name to the suite that measures it, where they differ."""


def combinations(study: Study) -> list[Problem]:
    """Every problem of a study as a whole; `where` is the path in a study file."""
    return [
        *_names(study),
        *_without_data(study),
        *_curation(study),
        *_training(study),
        *_evaluation(study),
        *_explanation(study),
        *(found for place in range(len(_specs(study))) for found in _gate(study, place)),
        *_review(study),
    ]


def named(step: Step) -> str:
    """What a study file calls this step."""
    if isinstance(step, Broken):
        return step.name
    kind = kind_of(step)
    return kind.name if kind else type(step).__qualname__


def training_jobs(train: Sequence[Step]) -> list[str]:
    """What the jobs of training steps are called: by the step, and from the second on by its number."""
    counts: Counter[str] = Counter()
    found = []
    for step in train:
        name = named(step)
        counts[name] += 1
        found.append(name if counts[name] == 1 else f"{name}:{counts[name]}")
    return found


def axes_of(study: Study, source: str) -> tuple[str, ...]:
    """The group columns that a source may declare: its own, or those of the study."""
    own = getattr(study.data.get(source), "groups", None)
    return tuple(own) if own else study.groups.columns


def sources_of(study: Study, use: Use) -> tuple[str, ...]:
    """The sources a curation step works on."""
    return use.on or tuple(study.data)


def step_on(step: Step) -> str:
    """The source a training step reads."""
    return str(getattr(step, "on", ""))


def split_sources(study: Study) -> tuple[str, ...]:
    """Sources of which a part is held out: those trained on, else, where held-out rows are asked for, all."""
    trained = tuple(source for source in study.data if any(step_on(step) == source for step in study.train))
    asked = study.evaluate or any(getattr(step, "declared", ()) for step in study.explain)
    return trained or (tuple(study.data) if asked else ())


def _names(study: Study) -> Iterator[Problem]:
    if not _NAME.fullmatch(study.name):
        yield Problem("study.name", show(study.name), _NAMED)
    for name in study.data:
        if not _NAME.fullmatch(name):
            yield Problem(f"data.{name}", show(name), f"a source name of {_NAMED}")


def _without_data(study: Study) -> Iterator[Problem]:
    """A study may lack data where it only asks a model what comes along with duecare, or lies in files."""
    if study.data:
        return
    reading = [name for name in ("curate", "train", "reward", "memorise") if getattr(study, name)]
    if reading or not (study.evaluate or study.explain):
        why = f"section `{reading[0]}` reads rows" if reading else "the study evaluates and explains nothing"
        yield Problem("data", "missing", f"at least one source, because {why}")
    if "heldout" in getattr(study.evaluate, "suites", ()):
        expected = "suites without heldout, or at least one source under `data`, of which rows are held out"
        yield Problem("evaluate.suites", "heldout", expected)


def _curation(study: Study) -> Iterator[Problem]:
    latest, seen = "", set[tuple[str, str]]()
    for place, use in enumerate(study.uses):
        name = named(use.step)
        where = f"curate.{place}.{name}"
        if name not in _ORDER:
            if not isinstance(use.step, Broken):
                yield Problem(where, name, "a curation step of duecare")
            continue
        if latest and _ORDER[name] < _ORDER[latest]:
            order = ", ".join(kind.name for kind in KINDS if kind.section == "curate")
            yield Problem(where, f"after {latest}", f"the order {order}")
        else:
            latest = name
        yield from known_sources(study, f"{where}.on", use.on)
        for source in sources_of(study, use):
            if (name, source) in seen:
                yield Problem(f"{where}.on", source, f"each step once for a source ({name} has it already)")
            seen.add((name, source))
        yield from _axis(study, where, use)
        yield from _detector(where, use.step)
        if name == "decontaminate" and not (
            getattr(use.step, "against", True) or getattr(study.evaluate, "data", None)
        ):
            expected = "an evaluation set, because the study evaluates on none that is read from files"
            yield Problem(f"{where}.against", "nothing", expected)


def _axis(study: Study, where: str, use: Use) -> Iterator[Problem]:
    """Balancing goes by a declared column."""
    by = getattr(use.step, "by", None)
    lacking = [
        source
        for source in sources_of(study, use)
        if isinstance(by, str)
        and not isinstance(study.data.get(source, Broken("")), Broken)
        and by not in axes_of(study, source)
    ]
    if lacking:
        declared = tuple(dict.fromkeys(axis for source in lacking for axis in axes_of(study, source)))
        expected = f"a group column declared for {', '.join(lacking)} ({', '.join(declared) or 'none is'})"
        yield Problem(f"{where}.by", show(by), expected + near(str(by), declared))


def _detector(where: str, step: Step) -> Iterator[Problem]:
    """A step's detector is in the table, and gives what the step needs: scores or places."""
    name, heads = getattr(step, "detector", None), getattr(step, "heads", ())
    if not isinstance(name, str):
        if heads:
            yield Problem(f"{where}.heads", show(list(heads)), "none, for a scorer of your own")
        return
    from duecare.detect import DETECTORS, lacking

    if name not in DETECTORS:
        yield Problem(f"{where}.detector", show(name), choice(name, list(DETECTORS), "a detector of"))
        return
    if (extra := lacking(name)) is not None:
        yield Problem(f"{where}.detector", show(name), f"an installed detector (duecare[{extra}])")
    needs = "score" if named(step) == "toxicity" else "span"
    if DETECTORS[name].kind != needs:
        what = "gives scores" if needs == "score" else "points at places"
        fitting = [each for each in DETECTORS if DETECTORS[each].kind == needs]
        yield Problem(f"{where}.detector", show(name), f"a detector that {what} ({', '.join(fitting)})")
    for head in heads:
        if head not in DETECTORS[name].heads:
            expected = choice(head, DETECTORS[name].heads, f"a head of {name}:")
            yield Problem(f"{where}.heads", show(head), expected)


def known_sources(study: Study, where: str, sources: tuple[str, ...]) -> Iterator[Problem]:
    """Each of `sources` stands under `data`."""
    for source in sources:
        if source not in study.data:
            known = ", ".join(study.data) or "none"
            yield Problem(
                where, show(source), f"a source under `data` ({known}){near(source, tuple(study.data))}"
            )


def _training(study: Study) -> Iterator[Problem]:
    for place, step in enumerate(study.train):
        kind = BY_NAME.get(step.name) if isinstance(step, Broken) else kind_of(step)
        if isinstance(step, Broken) and not step.on:
            continue
        where = f"train.{place}.{named(step)}"
        if kind is None or kind.section != "train":
            yield Problem(where, named(step), "a training step of duecare")
            continue
        source = step_on(step)
        yield from known_sources(study, f"{where}.on", (source,))
        yield from rows_fit(study, kind, where, source)
        axes: tuple[str, ...] = getattr(step, "groups", ())
        declared = axes_of(study, source)
        limits = getattr(step, "limits", None)
        if limits is not None and limits.given and source in study.data and not declared:
            shown = ", ".join(f"{figure}_gap" for figure in limits.given)
            expected = f"no limits, or a group column declared for {source}: without groups there is no gap"
            yield Problem(f"{where}.limits", shown, expected)
        debias = getattr(step, "debias", None)
        if debias is not None and source in study.data and debias.axis not in declared:
            expected = f"a group column declared for {source} ({', '.join(declared) or 'none'})"
            yield Problem(f"{where}.debias.axis", show(debias.axis), expected + near(debias.axis, declared))
        traced = getattr(step, "influence", None)
        if traced and traced.of != "twins_gap" and source in study.data and traced.axis not in declared:
            expected = f"a group column declared for {source} ({', '.join(declared) or 'none'})"
            found = expected + near(traced.axis, declared)
            yield Problem(f"{where}.influence.axis", show(traced.axis), found)
        for axis in axes if source in study.data else ():
            if axis not in declared:
                expected = f"a group column declared for {source} ({', '.join(declared) or 'none'})"
                yield Problem(f"{where}.groups", show(axis), expected + near(axis, declared))
    if study.train and study.model is None:
        yield Problem("model", "missing", "a base model, because the study trains")
    if study.train and str(getattr(study.model, "name", "")).startswith("endpoint:"):
        expected = "a model whose weights are here, because the study trains (an endpoint is only evaluated)"
        yield Problem("model.base", "endpoint:...", expected)


def rows_fit(study: Study, kind: Kind, where: str, source: str) -> Iterator[Problem]:
    """A step works on rows of the kinds that it takes."""
    rows = getattr(study.data.get(source), "kind", None)
    if kind.takes and isinstance(rows, str) and rows not in kind.takes:
        expected = f"a source of kind {' or '.join(kind.takes)} ({source} is of kind {rows})"
        yield Problem(f"{where}.on", show(source), expected)


def _evaluation(study: Study) -> Iterator[Problem]:
    if study.evaluate is not None and study.model is None:
        yield Problem("model", "missing", "a model, because the study evaluates one")
    tuning = [step for step in study.train if not judges(step)]
    if getattr(study.evaluate, "stages", ()) and len(tuning) < 2:
        expected = "none, or two steps or more that tune: between base and last model there is no other"
        yield Problem("evaluate.stages", show(list(study.evaluate.stages)), expected)  # type: ignore[union-attr]  # it has stages
    if study.gates is not None and study.evaluate is None:
        yield Problem("gates", "given", "no gates, or an `evaluate` section that measures their figures")


def _explanation(study: Study) -> Iterator[Problem]:
    """What is explained is there: a model whose weights are here, answers, a reward model."""
    judging = [job for job, step in zip(training_jobs(study.train), study.train, strict=True) if judges(step)]
    for place, step in enumerate(study.explain):
        if isinstance(step, Broken):
            continue
        where = f"explain.{place}.{named(step)}"
        if (kind := kind_of(step)) is None or kind.section != "explain":
            yield Problem(where, named(step), "an explaining step of duecare")
        if getattr(step, "of", "") == "answers" and study.evaluate is None:
            yield Problem(f"{where}.of", "answers", "an `evaluate` section, whose answers are explained")
        name = getattr(step, "reward_model", "")
        if name and name not in judging:
            expected = f"a reward model that is trained ({', '.join(judging) or 'none is'})"
            yield Problem(f"{where}.reward_model", show(name), expected + near(name, judging))
        yield from _held_out_axes(study, f"{where}.declared", getattr(step, "declared", ()))
        yield from _on_the_way(study, f"{where}.snapshots", asked=getattr(step, "snapshots", False))
    if study.explain and study.model is None:
        yield Problem("model", "missing", "a model, because the study explains one")
    if study.explain and str(getattr(study.model, "name", "")).startswith("endpoint:"):
        expected = (
            "a model whose weights are here, because the study explains it (an endpoint is only evaluated)"
        )
        yield Problem("model.base", "endpoint:...", expected)


def _on_the_way(study: Study, where: str, *, asked: bool) -> Iterator[Problem]:
    """States on the way can be read where some step that tunes keeps them."""
    kept = any(getattr(step, "snapshots", 0) for step in study.train if not judges(step))
    broken = any(isinstance(step, Broken) for step in study.train)
    if asked and not kept and not broken:
        yield Problem(where, "true", "false, or a training step that tunes with `snapshots` of its own")


def _held_out_axes(study: Study, where: str, axes: Sequence[str]) -> Iterator[Problem]:
    """Each of `axes` is declared by a source of which rows are held out."""
    sources = split_sources(study)
    if any(isinstance(study.data[source], Broken) for source in sources):
        return
    known = tuple(dict.fromkeys(axis for source in sources for axis in axes_of(study, source)))
    for axis in axes:
        if axis not in known:
            expected = f"a group column of rows that are held out ({', '.join(known) or 'none is'})"
            yield Problem(where, show(axis), expected + near(axis, known))


def _specs(study: Study) -> tuple[Any, ...]:
    return tuple(getattr(study.gates, "gates", ()))


def _gate(study: Study, place: int) -> Iterator[Problem]:
    """A gate stands on a figure that the evaluation measures."""
    spec, where = _specs(study)[place], f"gates.{place}"
    if study.evaluate is None or isinstance(study.evaluate, Broken):
        return
    settings: Mapping[str, Any] = {name: getattr(study.evaluate, name, ()) for name in ("suites", "axes")}
    stem = str(spec.name).split(".")[0]
    suite = SUITE_OF.get(stem, stem)
    if suite not in settings["suites"]:
        expected = f"a figure that the suites measure ({', '.join(settings['suites'])}); it needs {suite}"
        yield Problem(f"{where}.metric", spec.name, expected)
    if spec.axis is not None and spec.axis not in settings["axes"]:
        expected = f"an axis that is evaluated ({', '.join(settings['axes'])})"
        yield Problem(f"{where}.axis", show(spec.axis), expected)
    if not study.tunes and (spec.model == "tuned" or str(spec.name).endswith(".change")):
        key = "model" if spec.model == "tuned" else "metric"
        yield Problem(
            f"{where}.{key}", show(spec.model or spec.name), "a figure of the base model: nothing is tuned"
        )


def _review(study: Study) -> Iterator[Problem]:
    """Rounds have different names, and what they look at is there."""
    seen: set[str] = set()
    for place, step in enumerate(study.review):
        where = "review" if len(study.review) == 1 else f"review.{place}"
        if isinstance(step, Broken):
            continue
        point, source, name = (str(getattr(step, each, "")) for each in ("point", "on", "round"))
        if name in seen:
            yield Problem(f"{where}.name", show(name), "a name for each round of its own")
        seen.add(name)
        if source:
            yield from known_sources(study, f"{where}.on", (source,))
        if point == "model" and study.evaluate is None:
            yield Problem(f"{where}.point", point, "an `evaluate` section, whose answers are reviewed")
        rows = getattr(study.data.get(source), "kind", None)
        if point in ("pairs", "reward") and isinstance(rows, str) and rows != "preference":
            yield Problem(
                f"{where}.on", show(source), "a source of kind preference, for there are no pairs else"
            )
        if point == "reward" and not any(judges(each) for each in study.train):
            yield Problem(f"{where}.point", point, "a reward-model under `train`")
