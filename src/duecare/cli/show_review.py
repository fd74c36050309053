"""What the commands of review show: rounds are opened, served, watched, closed and handed on."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from duecare.cli import reviewing
from duecare.cli.main import OK
from duecare.cli.show import console, run_folder
from duecare.core import DuecareError, LedgerError, StudyError
from duecare.report.words import plural
from duecare.review.errors import GoneError, ReviewError
from duecare.review.plan import Draw
from duecare.review.waiting import PLACE, Review

if TYPE_CHECKING:
    from duecare.review.rounds import Round
    from duecare.review.store import Store

_FLUSH_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The options of `duecare review open`; None where the study, or a default, decides."""

    draw: Mapping[str, Any]
    name: str | None = None
    point: str | None = None
    source: str | None = None
    overlap: int | None = None
    further: Path | None = None


def show_open(given: Path | None, asked: Asked, reading: Mapping[str, Any], url: str | None) -> int:
    """Open a round, and say who is to be invited. `reading` as in `review.source.of_run`."""
    run = run_folder(given)
    place = reviewing.where(run, url)
    step = _step(run, place, asked)
    draw = Draw(every=asked.draw["every"], seed=asked.draw["seed"], items=step.items, cover=step.cover)
    further = reviewing.further_in(asked.further) if asked.further else {}
    plan = reviewing.planned(step, draw, further, compare=bool(reading["compare"]))
    round_made = reviewing.open_round(run, place, plan, source=step.on, **reading)
    out = console()
    known = round_made.settings
    out.print(
        f"Round [bold]{escape(round_made.name)}[/]: {known['items']} of {known['candidates']:,} candidates, "
        f"{plural(round_made.overlap, 'person', 'people')} each."
    )
    with opened(place) as store:
        from duecare.review import people

        if not people.everybody(store):
            token = people.invite(store, "owner", None)
            out.print("Nobody takes part yet. Whoever opens this page first becomes its owner:")
            out.print(f"  http://127.0.0.1:8000/join/{token}", soft_wrap=True)
    out.print(f"Next: `duecare review serve {escape(str(run))}`", soft_wrap=True)
    return OK


def _step(run: Path, place: str, asked: Asked) -> Review:
    """What the study asks for, with what the call says: the named round, or the first that is not open
    yet.
    """
    wanted = reviewing.required(run)
    if asked.name is None and asked.point is None and wanted:
        with opened(place) as store:
            from duecare.review.rounds import rounds

            there = {each.name for each in rounds(store)}
        name = next((each for each in wanted if each not in there), None)
        if name is None:
            raise GoneError(f"every round that the study asks for is opened: {', '.join(wanted)}")
        step = wanted[name]
    elif asked.name in wanted:
        step = wanted[asked.name]
    else:
        if asked.point is None:
            raise StudyError("--point data, pairs, reward or model, as the run's study asks for no round")
        early = asked.point in ("data", "pairs")
        step = Review(
            before="train" if early else "release",
            point=asked.point,  # type: ignore[arg-type]  # checked by the step
            on=asked.source or ("" if asked.point == "model" else _only_source(run)),
            name=asked.name or "",
        )
    changed = {"items": asked.draw["items"], "overlap": asked.overlap, "cover": asked.draw["cover"] or None}
    return dataclasses.replace(step, **{name: value for name, value in changed.items() if value is not None})


def _only_source(run: Path) -> str:
    from duecare.ledger.read import entries

    jobs = {entry.job for entry in entries(run) if entry.job and entry.job.startswith("read:")}
    if len(jobs) != 1:
        known = ", ".join(sorted(job.partition(":")[2] for job in jobs))
        raise StudyError(f"--source, one of {known or 'none'}")
    return jobs.pop().partition(":")[2]


def show_serve(given: Path | None, binding: Mapping[str, Any], url: str | None) -> int:
    """Serve until a signal ends it; what the ledger must hear is told as soon as the ledger is free."""
    from duecare.review.pages.settings import Settings
    from duecare.review.rounds import rounds
    from duecare.review.serve import Binding, serve

    run = run_folder(given)
    bound = Binding(**binding)
    out = console()
    with opened(reviewing.where(run, url)) as store:
        if not rounds(store):
            out.print("No round is open yet: `duecare review open` draws one, and invites its owner.")
        settings = Settings(exports=run / PLACE, failed=reviewing.failed(run))
        done = threading.Event()
        telling = threading.Thread(target=_tell_on, args=(run, store, done), daemon=True)
        telling.start()
        scheme = "https" if bound.secure else "http"
        out.print(f"Review of {escape(str(run))}: {scheme}://{bound.host}:{bound.port} (Ctrl-C ends it)")
        try:
            serve(store, settings, bound)
        finally:
            done.set()
            telling.join()
    return OK


def _tell_on(run: Path, store: Store, done: threading.Event) -> None:
    """Tell the ledger of waivers and revisions; while `duecare run` holds it, they wait in the store."""
    ended = False
    while not ended:
        ended = done.wait(_FLUSH_SECONDS)
        try:
            reviewing.flush(run, store)
        except (DuecareError, OSError):
            continue


def show_invite(given: Path | None, role: str, days: float, address: str, url: str | None) -> int:
    """Print one invitation link."""
    from duecare.review import people

    run = run_folder(given)
    with opened(reviewing.where(run, url)) as store:
        token = people.invite(store, role, None, days)
    out = console()
    out.print(f"For one {role}, within {days:g} days:")
    out.print(f"  {address.rstrip('/')}/join/{token}", soft_wrap=True)
    return OK


def show_progress(given: Path | None, url: str | None) -> int:
    """One line a round."""
    from duecare.review.rounds import progress, rounds

    table = Table(
        "round", "state", "items", "judged by all", "labels", "disputed", "settled", "flags", "people"
    )
    with opened(reviewing.where(run_folder(given), url)) as store:
        for each in rounds(store):
            far = progress(store, each.id)
            counts = (far.items, far.complete, f"{far.labels} of {far.planned}", far.disputed, far.settled)
            table.add_row(escape(each.name), each.state, *map(str, (*counts, far.flags, far.people)))
    console().print(table)
    return OK


def show_close(given: Path | None, name: str | None, url: str | None, *, early: bool) -> int:
    """Close a round and say what becomes of it."""
    from duecare.review.rounds import progress

    run = run_folder(given)
    place = reviewing.where(run, url)
    with opened(place) as store:
        found = chosen_round(store, name, run)
        chosen, wanted = found.name, reviewing.required(run).get(found.name)
        if wanted is not None and found.state == "open" and not early:
            done = progress(store, found.id).complete
            if done < min(wanted.items, found.settings["candidates"]):
                raise ReviewError(
                    f"round {chosen}: {done} items are judged by all, the study asks for {wanted.items}; "
                    "--early closes it all the same, and the run will not go on by it"
                )
    closed, out_folder = reviewing.close_round(run, place, chosen)
    out = console()
    out.print(f"Round [bold]{escape(closed.name)}[/] is closed: {escape(str(out_folder))}", soft_wrap=True)
    if out_folder.parent.name == PLACE:
        out.print("The run waits for it: go on with `duecare run`.")
    return OK


def show_export(given: Path | None, name: str | None, to: Path, form: str, url: str | None) -> int:
    """Write a round for other programs."""
    from duecare.review.interchange import FORMS, write_as

    if form not in FORMS:
        raise StudyError(f"--format, one of {', '.join(FORMS)}")
    run = run_folder(given)
    with opened(reviewing.where(run, url)) as store:
        files = write_as(store, chosen_round(store, name, run).id, to, form)
    out = console()
    for path in files:
        out.print(escape(str(path)), soft_wrap=True)
    return OK


def show_import(given: Path | None, labels: Path, name: str | None, url: str | None) -> int:
    """Take labels from elsewhere in, and say how many were not taken."""
    from duecare.review.bringing import bring_in, read_labels

    run = run_folder(given)
    with opened(reviewing.where(run, url)) as store:
        chosen = chosen_round(store, name, run)
        taken = bring_in(store, chosen.id, read_labels(labels, chosen.questions))
    out = console()
    out.print(f"{taken.labels} labels of {taken.people} people were taken in.")
    for reason, count in sorted(taken.refused.items()):
        out.print(f"[yellow]{count} were not:[/] {escape(reason)}")
    return OK


def chosen_round(store: Store, name: str | None, run: Path) -> Round:
    """The round of a name, or the latest of the run. Raises GoneError where there is none."""
    from duecare.ledger.read import head
    from duecare.review.rounds import rounds

    mine = head(run).run
    found = [each for each in rounds(store) if name in (None, each.name, each.id) and each.run == mine]
    if not found:
        raise GoneError(f"the run has no round {name or 'yet'}: begin with `duecare review open`")
    return found[0]


def opened(place: str) -> Store:
    """The store at a place. Raises LedgerError where the extra is not installed."""
    try:
        from duecare.review.store import Store
    except ModuleNotFoundError as error:
        raise LedgerError(f"review needs its extra: pip install 'duecare[review]' ({error.name})") from error
    return Store.open(place)
