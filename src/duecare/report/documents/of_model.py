"""What a run's ledger holds about the model: its ancestry, its training, its software, its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from duecare.core import DuecareError
from duecare.core.wire import decode
from duecare.report import words
from duecare.report.documents.fact import Fact, figured, measured, missing, ranged, title_of, withheld
from duecare.report.gather import Figure, Stage
from duecare.report.verdict import trains
from duecare.report.view import View

METHODS: Mapping[str, str] = {
    "Sft": "supervised fine-tuning",
    "Distill": "distillation from a teacher",
    "Dpo": "direct preference optimisation",
    "RewardModel": "training of a reward model",
    "Grpo": "reinforcement learning (group relative policy optimisation)",
    "Ppo": "reinforcement learning (proximal policy optimisation)",
}
REINFORCED = frozenset({"Grpo", "Ppo"})
_TELLING = (
    *("steps", "learning_rate", "schedule", "warmup", "batch_size", "batch_tokens", "accumulate", "clip"),
    *("weights", "lora_rank", "targets", "beta", "algorithm", "reward", "keep", "max_tokens"),
)
"""Settings that say how a training step learns; all of them stand in its entry."""
PRIVATE = ".private.epsilon"
MEMORISED = "memorise."
"""How the names of figures begin that tell what comes back from a model."""
_TRAIN = "a step in the section “train” of the study"


def method(stage: Stage) -> str:
    """How a job trained, in plain words."""
    name = (stage.entry.step or "").rpartition(".")[2]
    return METHODS.get(name, name)


def trained(view: View) -> list[Stage]:
    """The jobs that trained a model that answers, in order."""
    return [
        stage
        for stage in view.story.stages
        if trains(stage) and not (stage.entry.step or "").endswith("RewardModel")
    ]


def reference(view: View) -> dict[str, Any]:
    """What is on record of the base model: name, digest, family, files with their SHA-256; {} where none."""
    for stage in view.story.of("base"):
        path = stage.files.get("reference.json")
        if path is not None:
            try:
                return dict(decode(path.read_bytes(), dict))
            except (DuecareError, OSError):
                continue
    return {}


def base_note(view: View) -> Mapping[str, str]:
    """What the job that fetched the base model said of it: digest, family, licence."""
    notes = [note for stage in view.story.of("base") for _, note in stage.notes if note.topic == "base"]
    return notes[-1].data if notes else {}


def base(view: View) -> list[Fact]:
    """The model that the run started from."""
    stages = view.story.of("base")
    if not stages:
        return [missing("The model that it starts from", "the section “model” of the study")]
    said = [view.base, *(f"{key} {base_note(view)[key]}" for key in ("family",) if base_note(view).get(key))]
    digest = reference(view).get("digest") or base_note(view).get("digest")
    said += [f"SHA-256 of its files {digest}"] if digest else []
    entries = [stages[-1].entry.index]
    facts = [measured("The model that it starts from", "; ".join(said), entries)]
    licence = base_note(view).get("licence")
    if licence:
        facts.append(measured("Licence of that model", licence, entries))
    else:
        facts.append(missing("Licence of that model", "a model whose table or folder names its licence"))
    return facts


def training(view: View) -> list[Fact]:
    """Each training job: how, on which rows, with which settings and seed."""
    stages = [stage for stage in view.story.stages if trains(stage)]
    return [_training(stage) for stage in stages] or [missing("Training", _TRAIN)]


def _training(stage: Stage) -> Fact:
    settings = stage.entry.settings or {}
    told = [f"{key} = {settings[key]}" for key in _TELLING if settings.get(key) not in (None, "", [], {})]
    on = f" on {settings['on']}" if settings.get("on") else ""
    said = f"{method(stage)}{on}: {', '.join(told)}; seed {stage.entry.seed or 0}"
    return measured(stage.job, said, [stage.entry.index])


def care(view: View) -> list[Fact]:
    """What was done against unequal treatment: methods of training, copies and weights in the data."""
    found = []
    for stage in view.story.stages:
        settings = stage.entry.settings or {}
        used = _against_gaps(settings) if trains(stage) else []
        if used:
            found.append(measured(f"{stage.job}: methods against gaps", ", ".join(used), [stage.entry.index]))
        told = [f"{key} {_flat(settings[key])}" for key in ("mode", "swap", "by") if settings.get(key)]
        if stage.kind in ("balance", "stereotypes") and settings.get("mode") != "flag":
            said = ", ".join(told) or "with its defaults"
            found.append(measured(f"{stage.job}: rows of groups", said, [stage.entry.index]))
    changing = "“balance” or “stereotypes” in curation, with a mode that does more than flag"
    return found or [missing("Methods against gaps", f"{changing}, or “debias” in training")]


def _against_gaps(settings: Mapping[str, Any]) -> list[str]:
    debias = settings.get("debias")
    told = []
    if isinstance(debias, dict):
        names = {"group_dro": "group DRO", "pairing": "pairing of twins", "adversary": "an adversary"}
        told = [f"{said} on {debias.get('axis')}" for key, said in names.items() if debias.get(key)]
    return told + (["robust heads"] if settings.get("robust") else [])


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def results(view: View) -> list[Fact]:
    """What training left: the digest of each model."""
    found = [
        measured(f"Result of {stage.job}", f"manifest SHA-256 {stage.digest}", [stage.entry.index])
        for stage in view.story.stages
        if trains(stage) and stage.digest
    ]
    return found or [missing("Digest of a trained model", _TRAIN)]


def software(view: View) -> list[Fact]:
    """The software that each result was made with."""
    entries = [stage.entry.index for stage in view.story.stages if stage.entry.software]
    said = ", ".join(f"{package} {version}" for package, version in view.account.software)
    if not said:
        return [missing("Software and its versions", "a run: every step records what it was made with")]
    return [measured("Software and its versions", said, entries)]


def pipeline(view: View) -> list[Fact]:
    """How the jobs feed into each other."""
    stages = view.story.stages
    if not stages:
        return [missing("Jobs and what they hand on", "a run")]
    jobs = ", ".join(stage.job for stage in stages)
    said = f"{words.plural(len(stages), 'job')}: {jobs}; each names the digests of its inputs"
    return [measured("Jobs and what they hand on", said, (stage.entry.index for stage in stages))]


def time_taken(view: View) -> list[Fact]:
    """How long training and evaluation took, by the clock of the machine."""
    found = list(_times(view))
    return found or [missing("Time of computing", "steps that record when they began")]


def _times(view: View) -> Iterator[Fact]:
    for stage in view.story.stages:
        entry = stage.entry
        if entry.started and (trains(stage) or stage.kind == "evaluate"):
            began, ended = (datetime.fromisoformat(each) for each in (entry.started, entry.time))
            said = f"{(ended - began).total_seconds():,.0f} s by the clock"
            yield measured(f"Time of computing, {stage.job}", said, [entry.index])


def private(view: View) -> list[Fact]:
    """What differential privacy promises of each model that was trained with it."""
    found = [
        measured(f"{title_of(figure)}, {figure.job}", figured(figure), [figure.entry])
        for figure in view.story.figures
        if figure.estimate.metric.endswith(PRIVATE) and not withheld(figure)
    ]
    return found or [missing("Differential privacy of training", "“privacy” in a training step")]


def memorised(view: View) -> list[Fact]:
    """What the model was found to have memorised."""
    found: dict[str, list[Figure]] = {}
    for figure in view.story.figures:
        if figure.estimate.metric.startswith(MEMORISED) and not withheld(figure):
            found.setdefault(title_of(figure), []).append(figure)
    facts = [ranged(title, figures) for title, figures in found.items()]
    return facts or [missing("What the model memorised", "a test of what comes back from the model")]


def attempts(view: View) -> list[Fact]:
    """Every run and every failure on record before what is shown."""
    starts = [entry.index for entry in view.story.entries if entry.happened == "run.started"]
    failed = [entry.index for entry in view.story.entries if entry.happened == "step.failed"]
    if not starts:
        return [missing("Runs and failures on record", "a run")]
    said = f"{len(starts)} runs were begun and {len(failed)} steps failed or were stopped; all of them stay"
    return [measured("Runs and failures on record", said, [*starts, *failed])]


def record(view: View) -> list[Fact]:
    """The ledger itself: how much it holds and what it is checked by."""
    account = view.account
    said = (
        f"{account.entries} entries, tree head {account.root}, signing key {account.key};"
        " “duecare verify” hashes every entry and file again"
    )
    return [measured("The record and its head", said, [view.story.entries[-1].index])]
