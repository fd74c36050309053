"""Rounds of review and the ledger of their run: opened, told, closed, sealed."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from duecare.cli.run import actor, now
from duecare.cli.software import versions
from duecare.cli.standing import Standing, standing
from duecare.core import FAIL, DataError, DuecareError, Finding, LedgerError, Note, StudyError
from duecare.core.wire import decode, plain
from duecare.ledger import anchor, digest, sign
from duecare.ledger.layout import HEAD, LEDGER, scratch_folder
from duecare.ledger.read import entries, head
from duecare.ledger.record import Recorder
from duecare.review.plan import Care, Check, Draw, Plan, Quality
from duecare.review.question import Question
from duecare.review.usual import guideline_of, questions_of
from duecare.review.waiting import CLOSED, PLACE, STORE, Review, folder_of
from duecare.vault import keys

FURTHER: Mapping[str, Any] = {
    "guideline": str,
    "questions": tuple[Question, ...],
    "checks": tuple[Check, ...],
    "twins": int,
    "blind": bool,
    "lease_minutes": float,
    "undo_minutes": float,
    "care": Care,
    "quality": Quality,
}
"""What a file beside the command line may say of a round, and of which type."""
_STEP = "duecare.review.waiting.Review"
_OURS = {"before", "point", "on", "name", "items", "overlap", "guideline", "questions", "cover", "panels"}


@contextmanager
def recording(run: Path) -> Iterator[Recorder]:
    """The run's ledger for writing, where it is ours and nobody else writes. Raises LedgerError elsewhere."""
    home = keys.home()
    key, current = sign.load_or_create(home), head(run)
    if key.public != current.key:
        raise LedgerError(f"{run} was signed by another key, so nothing can be entered here")
    known = anchor.recall(home, current.run)
    with Recorder(run, key, actor(), now, last_head=known[1] if known else None) as recorder:
        try:
            yield recorder
        finally:
            anchor.remember(home, recorder.head)


def where(run: Path, store: str | None) -> str:
    """Where the store of a run lies: a database by URL, or the file in the run folder.

    Raises LedgerError where there is no run: a store is made where it is not there, but no run around it.
    """
    if not (run / LEDGER / HEAD).is_file():
        raise LedgerError(f"{run} is no run: begin with `duecare run`")
    return store or str(run / PLACE / STORE)


def required(run: Path) -> dict[str, Review]:
    """The rounds that the run's study asks for, by name."""
    started = [entry for entry in entries(run) if entry.happened == "run.started"]
    given = started[-1].settings.get("review", []) if started else []
    steps = [
        msgspec.convert({name: value for name, value in each.items() if name in _OURS}, Review)
        for each in given
    ]
    return {step.round: step for step in steps}


def planned(step: Review, draw: Draw, further: Mapping[str, Any], *, compare: bool = False) -> Plan:
    """The round that a step of a study asks for; `further` are settings that a study does not have."""
    given: dict[str, Any] = {
        "questions": step.questions or questions_of(step.point, compare=compare),
        "guideline": step.guideline or guideline_of(step.point),
        **further,
    }
    return Plan(name=step.round, point=step.point, overlap=step.overlap, draw=draw, **given)


def open_round(run: Path, place: str, plan: Plan, **reading: Any) -> Any:
    """Draw a round from a run's artifacts, open it in the store, and enter it in the ledger; the Round.

    `reading` as in `review.source.of_run`: source, compare, unredacted, blur.
    """
    from duecare.review import notes, rounds
    from duecare.review.source import of_run
    from duecare.review.store import Store

    state = standing(entries(run))
    material = of_run(run, plan.point, jobs=state.planned or None, **reading)
    known = {"run": material.run, "source": material.job, "source_digest": material.digest}
    plan = dataclasses.replace(plan, **known)  # type: ignore[arg-type]  # three texts
    with Store.open(place) as store:
        opened = rounds.open_round(store, material.candidates, plan)
        note = Note(
            topic="review.opened",
            text=f"Round {opened.name}: {opened.settings['items']} items of {len(material.candidates)} for "
            f"{opened.overlap} people each.",
            data={
                "round": opened.id,
                "point": opened.point,
                "source": material.job,
                "source_digest": material.digest,
                "items": opened.digest,
                "guideline": digest.value_digest(plan.guideline),
                "questions": digest.value_digest([plain(each) for each in plan.questions]),
            },
        )
        notes.keep(store, note)
        flush(run, store)
        return opened


def flush(run: Path, store: Any) -> int:
    """Tell the ledger what the store has for it; how many notes. What was told once is not told again."""
    from duecare.review import notes

    waiting = notes.untold(store)
    waiting = _of_run(run, store, waiting) if waiting else []
    if not waiting:
        return 0
    with recording(run) as recorder:
        known = {e.note.data.get("note") for e in recorder.entries if e.happened == "told" and e.note}
        for name, note in waiting:
            if name not in known:  # told, but the store did not hear of it: a kill came in between
                said = msgspec.structs.replace(note, data={**note.data, "note": name})
                recorder.append("told", job=PLACE, note=said)
            notes.was_told(store, name)
    return len(waiting)


def _of_run(run: Path, store: Any, waiting: list[tuple[str, Note]]) -> list[tuple[str, Note]]:
    """Notes that are this run's to hear: a team's database may hold rounds of several runs."""
    from duecare.review.rounds import rounds

    mine, found = head(run).run, rounds(store)
    if all(each.run == mine for each in found):
        return waiting
    here = {each.id for each in found if each.run == mine}
    here |= {digest.value_digest(finding) for entry in entries(run) for finding in entry.findings}
    return [each for each in waiting if {each[1].data.get("round"), each[1].data.get("finding")} & here]


def close_round(run: Path, place: str, name: str) -> tuple[Any, Path]:
    """Close a round, export it, and enter it in the ledger; the Round and where its export lies.

    Where the study of the run waits for it, the export lies in the run's review folder until `duecare run`
    takes it in as the result of that job; else it is sealed and entered at once.
    """
    from duecare.review import notes, rounds
    from duecare.review.store import Store

    with Store.open(place) as store:
        closed = rounds.close_round(store, name)
        out = export(store, closed, run / PLACE / folder_of(closed.name))
        about = decode((out / "round.json").read_bytes(), dict[str, Any])
        data = {
            "round": closed.id,
            "items": closed.digest,
            **{path.name: digest.file_digest(path) for path in sorted(out.iterdir())},
            **{name: str(count) for name, count in about["counts"].items() if name != "items"},
        }
        text = f"Round {closed.name}: closed with {about['counts']['complete']} items judged by all."
        notes.keep(store, Note(topic=CLOSED, text=text, data=data))
        flush(run, store)
    if f"review:{closed.name}" in standing(entries(run)).planned:
        return closed, out
    return closed, seal(run, out, about)


def export(store: Any, round: Any, out: Path) -> Path:
    """Write a round's export to `out`, whole or not at all."""
    from duecare.review import export as exporting

    fresh = out.with_name(f"{out.name}.writing")
    shutil.rmtree(fresh, ignore_errors=True)
    exporting.write(store, round.id, fresh)
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)
    return out


def seal(run: Path, out: Path, about: Mapping[str, Any]) -> Path:
    """Enter an export as the finished job review:<name>, its inputs the rows it was drawn from."""
    from duecare.review.results import given_back

    settings = {"round": about["round"], "name": about["name"], "point": about["point"]}
    job, software = f"review:{about['name']}", versions()
    inputs = {"reviewed": about["source_digest"]}
    key = digest.key_of_step(_STEP, digest.value_digest(settings), None, inputs, software["duecare"])
    with recording(run) as recorder:
        if (done := recorder.finished(key)) is not None:
            return run / next(iter(done.outputs))
        scratch = scratch_folder(run, job, key)
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(out, scratch)
        found = given_back(scratch, _reviewed(run, about["source_digest"]), scratch)
        artifact = recorder.publish(scratch, job, key)
        recorder.append(
            "step.finished",
            job=job,
            step=_STEP,
            step_key=key,
            settings=settings,
            inputs=inputs,
            outputs={artifact.path.relative_to(run).as_posix(): artifact.digest},
            software=software,
            started=about["made"],
            estimates=found.estimates,
        )
        return artifact.path


def _reviewed(run: Path, digest: str) -> Path:
    """The folder of the artifact that a round was drawn from. Raises LedgerError where there is none."""
    for entry in entries(run):
        for path, known in entry.outputs.items():
            if known == digest:
                return run / path
    raise LedgerError(f"{run}: holds no artifact {digest[:12]}…, which the round was drawn from")


def failed(run: Path) -> Callable[[], tuple[Finding, ...]]:
    """The gates of the run that failed as it stands now; a call looks anew."""

    def look() -> tuple[Finding, ...]:
        try:
            state: Standing = standing(entries(run))
        except DuecareError:
            return ()
        return tuple(finding for finding in state.gates if finding.verdict == FAIL)

    return look


def further_in(path: Path) -> dict[str, Any]:
    """Settings of a round in a YAML or JSON file, as FURTHER names them. Raises StudyError for any other."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path.name} cannot be read as YAML or JSON ({type(error).__name__})") from error
    if not isinstance(found, dict):
        raise StudyError(f"{path.name}: settings of a round by name")
    if stray := sorted(set(found) - set(FURTHER)):
        raise StudyError(f"{path.name}: {', '.join(FURTHER)}, not {', '.join(map(str, stray))}")
    try:
        return {name: msgspec.convert(value, FURTHER[name]) for name, value in found.items()}
    except msgspec.ValidationError as error:
        raise StudyError(f"{path.name}: settings that fit ({error})") from error
