"""What the commands that work on a run show: run, verify, report."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from duecare.cli import terminal
from duecare.cli.main import FAILED, GATE_FAILED, OK, REFUSED
from duecare.cli.run import Result, actor, now, run, write_report
from duecare.cli.show import console, run_folder
from duecare.cli.software import peak_memory
from duecare.cli.standing import NO_GATES
from duecare.core import FAIL, INSUFFICIENT, PASS, Finding, LedgerError, StoppedError
from duecare.ledger import anchor, sign
from duecare.ledger.forgotten import concerns
from duecare.ledger.read import answering, entries, head
from duecare.ledger.sign import Head
from duecare.ledger.waiver import waivers
from duecare.vault import keys

SAID = {
    PASS: "[green]Every gate passed.[/]",
    FAIL: "[red]A gate failed.[/]",
    INSUFFICIENT: "[yellow]No gate failed, but the evidence is not enough for all of them.[/]",
    NO_GATES: "The study declares no gates.",
}


def show_run(
    path: Path, folder: Path | None, *, no_fail: bool, engine: str = "local", workers: int = 1
) -> int:
    """Run a study and say how it ended."""
    from duecare.cli.compose import compose
    from duecare.cli.study import Study
    from duecare.curate.engine import engine_of, working_on

    out = console()
    began, on = time.monotonic(), engine_of(engine, workers)
    study = Study.read(path)
    plan = compose(study)
    out.print(f"[bold]{escape(study.name)}[/]: {len(plan.jobs)} jobs", soft_wrap=True)
    with _terminable(), terminal.screen(out) as screen, working_on(on):
        result = run(plan, study.place(folder), screen=screen, reporter=study.reporter)
    _ending(out, result, time.monotonic() - began)
    return GATE_FAILED if _stands(out, result) and not no_fail else OK


def _stands(out: Console, result: Result) -> bool:
    """Whether a gate failed that no waiver lets pass; says which ones are waived, until when."""
    failed = [finding for finding in result.gates if finding.verdict == FAIL]
    if not failed:
        return False
    log, (_, people) = entries(result.folder), answering(result.folder)
    holding = [[one for one in waivers(log, finding, people) if one.expires > now()] for finding in failed]
    for finding, waived in zip(failed, holding, strict=True):
        for one in waived[:1]:
            said = f"(entry {one.entry}): {finding.name}, {finding.limit}. They say: {one.quoted}"
            out.print(f"[yellow]{escape(one.text)}[/] {escape(said)}", soft_wrap=True)
    return not all(holding)


@contextmanager
def _terminable() -> Iterator[None]:
    """While entered SIGTERM stops as Ctrl-C does: what is done is recorded, and the lock is given back."""

    def stop(number: int, _: object) -> None:
        name = signal.Signals(number).name
        raise StoppedError(f"by {name}; what was finished is kept and the same command goes on from there")

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set how signals are met
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ending(out: Console, result: Result, seconds: float) -> None:
    if not result.done:
        out.print("Nothing to do: every job is on record with these settings and inputs.")
    if result.gates:
        out.print(terminal.findings_table(result.gates, "Gates"))
    out.print(SAID[result.verdict])
    if result.report is not None:
        page = result.report / "report.html"
        out.print(f"Report: {escape(str(page))}", soft_wrap=True)
    peak = peak_memory()
    memory = f", at most {terminal.size(peak)} of memory" if peak is not None else ""
    out.print(f"[dim]{len(result.done)} jobs done in {terminal.duration(seconds)}{memory}.[/]")
    out.print(f"[dim]Check it any time: duecare verify {escape(str(result.folder))}[/]", soft_wrap=True)


def show_verify(
    given: Path | None,
    key: str | None,
    head_file: Path | None,
    *,
    keep: bool,
    witnesses: Sequence[str] = (),
    recompute: bool = False,
    authorities: Sequence[Path] = (),
) -> int:
    """Verify a run with what is known of it here or was given; say what was found."""
    from duecare.cli.show_proofs import certificates
    from duecare.ledger.note import parse_key
    from duecare.ledger.verify import verify

    folder = run_folder(given)
    pinned, last = known_of(folder)
    if key is not None:
        pinned = key
    if head_file is not None:
        last = sign.parse_head(head_file.read_bytes())
    found = verify(
        folder,
        pinned_key=pinned,
        last_head=last,
        witnesses=[*map(parse_key, witnesses)],
        authorities=certificates(authorities),
    )
    found += _back_again(folder)
    out = console()
    if recompute and all(finding.verdict != FAIL for finding in found):
        found += _recomputed(out, folder)
    elif recompute:
        out.print("[red]Nothing was derived again: first the run has to be what was recorded.[/]")
    out.print(terminal.findings_table(found, f"verify {folder}"))
    return _verified(out, folder, found, keep=keep)


def _verified(out: Console, folder: Path, found: list[Finding], *, keep: bool) -> int:
    """What the findings come to, in words, and the exit code."""
    from duecare.ledger.inspect_people import about_people

    verdicts = {finding.verdict for finding in found}
    if any(finding.verdict == FAIL and not about_people(finding) for finding in found):
        out.print("[red]Do not rely on this run: something in it is not what was recorded.[/]")
        return FAILED
    if FAIL in verdicts:
        out.print(
            "[red]Every byte is as recorded, but those who answer for it did not do so as they must.[/]"
        )
        return FAILED
    if keep:
        anchor.remember(keys.home(), head(folder))
        out.print("Remembered: from now on a roll-back or a foreign signature is found.")
    if INSUFFICIENT in verdicts:
        _say_not_anchored(out, found)
        return REFUSED
    out.print("[green]Every file and every entry is as recorded, and it is the run last seen here.[/]")
    return OK


def _back_again(folder: Path) -> list[Finding]:
    """Keys that were destroyed so that something is forgotten, and are here again."""
    try:
        log = entries(folder)
    except LedgerError:
        return []  # verify said what is wrong
    if not any(map(concerns, log)):
        return []
    from duecare.cli.forget import back

    limit, then = "what was forgotten stays so", "Destroy it again: `duecare.vault.destroy`, and its backup."
    return [
        Finding(
            name="verify.forgotten", verdict=FAIL, limit=limit, detail=f"The key {name} is back.", next=then
        )
        for name in back(log)
    ]


def _recomputed(out: Console, folder: Path) -> list[Finding]:
    """Findings on figures derived again; what cannot be derived is only said: it is no fault of the run."""
    from duecare.cli import recompute, rescore

    made, scored = recompute.recompute(folder), rescore.rescore(folder)
    for each in made:
        if each.beyond or each.why:
            why = f" ({each.why})" if each.why else ""
            said = f"{each.job}{why}: {', '.join(each.beyond)}"
            out.print(f"[dim]Does not follow from files:[/] {escape(said)}", soft_wrap=True)
    for one in scored:
        if one.why:
            said = f"{one.job}, {one.instrument}: {one.why}"
            out.print(f"[dim]Not scored again:[/] {escape(said)}", soft_wrap=True)
    return [*recompute.findings(made), *rescore.findings(scored)]


def known_of(folder: Path) -> tuple[str | None, Head | None]:
    """Key and head remembered of this run; else our own key, where it is the one that signed."""
    home = keys.home()
    try:
        current = head(folder)
    except LedgerError:
        return None, None  # verify says what is wrong with it
    seen = anchor.recall(home, current.run)
    if seen is not None:
        return seen
    own = home / sign.KEY_FILE
    if own.exists() and sign.load(own).public == current.key:
        return current.key, None
    return None, None


def _say_not_anchored(out: Console, found: list[Finding]) -> None:
    if any(finding.name == "verify.anchor" and finding.verdict == INSUFFICIENT for finding in found):
        out.print(
            "[yellow]Consistent, not anchored:[/] nothing in the folder contradicts its ledger, but this "
            "machine has not seen the run before, so it could have been replaced whole by an older or a "
            "re-signed copy. Its owner's --key and a --head you trust rule that out; --remember keeps what "
            "is here now."
        )
    elif all(finding.name.startswith("verify.people.") for finding in found if finding.verdict != PASS):
        out.print("[yellow]Nothing is wrong; for a release something is missing.[/] `duecare people list`")
    else:
        out.print("[yellow]Nothing is wrong, but not everything could be checked.[/]")


def show_report(given: Path | None, out_folder: Path | None) -> int:
    """Build the report again, in the run (recorded) or elsewhere (not recorded)."""
    folder = run_folder(given)
    reporter = reporter_of(folder)
    out = console()
    if out_folder is not None:
        out_folder.mkdir(parents=True, exist_ok=True)
        reporter.build(folder, out_folder)
        out.print(f"Report: {escape(str(out_folder / 'report.html'))}", soft_wrap=True)
        return OK
    from duecare.ledger.record import Recorder

    home = keys.home()
    key, current = sign.load_or_create(home), head(folder)
    if key.public != current.key:
        raise LedgerError(
            f"{folder} was signed by another key, so nothing can be entered here; "
            "`duecare report RUN --out FOLDER` writes the report elsewhere"
        )
    known = anchor.recall(home, current.run)
    with Recorder(folder, key, actor(), now, last_head=known[1] if known else None) as recorder:
        try:
            report = write_report(folder, recorder, reporter, again=True)
        finally:
            anchor.remember(home, recorder.head)
    out.print(f"Report: {escape(str(report / 'report.html'))}", soft_wrap=True)
    return OK


def reporter_of(folder: Path) -> Any:
    """The report step as the study set it."""
    from duecare.cli.steps import BY_NAME

    started = [entry for entry in entries(folder) if entry.happened == "run.started"]
    given = started[-1].settings.get("report", {}) if started else {}
    cls = BY_NAME["report"].load()
    known = {field.name for field in BY_NAME["report"].settings()}
    return cls(**{name: value for name, value in given.items() if name in known})
