"""What the commands that read show: problems, a new study, where a run stands, models, detectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from duecare.cli.main import FAILED, INTERRUPTED, OK, PEOPLE_WANTED, REFUSED
from duecare.cli.study import RUNS
from duecare.cli.terminal import MARKS, duration, figure
from duecare.core import DuecareError, LedgerError, Problem, StudyError
from duecare.core.wire import encode
from duecare.review.waiting import PendingError

if TYPE_CHECKING:
    from duecare.cli.standing import Standing
    from duecare.report.gather import Stage


_STEERS = dict.fromkeys(
    (*(sign for sign in range(0x20) if chr(sign) not in "\t\n"), *range(0x7F, 0xA0)), "\ufffd"
)
"""Control signs: in a run or a request of somebody else they could rewrite what was shown before."""


class _Steady(Console):
    """Shows text from a run, a store or a file without the signs that steer a terminal.

    JSON (markup off) is left as it is: it writes these signs as escapes, and programs read it.
    """

    def render_str(self, text: str, *, markup: bool | None = None, **how: Any) -> Text:
        return super().render_str(text if markup is False else text.translate(_STEERS), markup=markup, **how)


def console(*, to_error: bool = False) -> Console:
    """Where commands write; made on each call, so that a redirected stream is seen."""
    return _Steady(stderr=to_error, highlight=False)


def print_json(out: Console, stages: Sequence[Stage]) -> None:
    """All figures and findings of finished steps as one line of JSON."""
    told = [figure.estimate for stage in stages for figure in stage.figures]
    ruled = [ruling.finding for stage in stages for ruling in stage.rulings]
    out.print(encode({"estimates": told, "findings": ruled}).decode(), markup=False, soft_wrap=True)


def show_error(error: BaseException) -> int:
    """Words for an error, and the exit code that fits it."""
    out = console(to_error=True)
    if isinstance(error, KeyboardInterrupt):
        said = str(error) or "what was finished is kept; the same command goes on from there"
        out.print(f"Stopped: {escape(said)}.", soft_wrap=True)
        return INTERRUPTED
    if isinstance(error, StudyError):
        show_problems(out, error.problems, error.about)
        return REFUSED
    if isinstance(error.__cause__, PendingError):
        out.print(f"[yellow]{escape(str(error.__cause__))}[/]", soft_wrap=True)
        return PEOPLE_WANTED
    if isinstance(error, DuecareError):
        out.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        return FAILED
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        out.print(f"[red]{escape(f'{error.strerror or type(error).__name__}{place}')}[/]", soft_wrap=True)
        return FAILED
    name = type(error).__name__
    out.print(f"[red]{name}: a defect of duecare.[/] `duecare --debug ...` shows where; please report it.")
    return FAILED


def show_problems(out: Console, problems: Sequence[Problem], name: str = "the study") -> None:
    """Every problem on a line of its own, in the order of the file."""
    count = "one mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    out.print(f"[red]{escape(name)} has {count}; nothing was run[/]")
    for problem in problems:
        place = f"line {problem.line:>3}  " if problem.line is not None else ""
        value = f" = {escape(problem.value)}" if problem.value else ""
        out.print(f"  [bold]{place}[/]{escape(problem.where)}{value}", soft_wrap=True)
        out.print(f"  {' ' * len(place)}[dim]expected[/] {escape(problem.expected)}", soft_wrap=True)


def show_init(path: Path, data: Path | None, *, force: bool) -> int:
    """Write a commented study and say what comes next."""
    from duecare.cli.starter import starter

    out = console()
    if path.exists() and not force:
        console(to_error=True).print(f"{escape(str(path))} is there already; --force replaces it.")
        return REFUSED
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(starter(path, data), "utf-8")
    out.print(f"Wrote [bold]{escape(str(path))}[/].")
    out.print(f"Next: read it, put in your own, then `duecare check {escape(str(path))}`.", soft_wrap=True)
    return OK


def show_check(path: Path) -> int:
    """Say what is wrong, or what a run would do."""
    from duecare.cli.compose import compose
    from duecare.cli.study import Study

    out = console()
    try:
        study = Study.read(path)
    except StudyError as error:
        show_problems(console(to_error=True), error.problems, str(path))
        return REFUSED
    jobs = compose(study).jobs
    out.print(f"[green]{escape(str(path))} is sound.[/] {len(jobs)} jobs:", soft_wrap=True)
    out.print("  " + escape(", ".join(job.id for job in jobs)))
    out.print(f"Next: `duecare run {escape(str(path))}`", soft_wrap=True)
    return OK


def run_folder(given: Path | None) -> Path:
    """The run folder that is meant: itself, that of a study file, or the latest under runs/."""
    from duecare.ledger.layout import HEAD, LEDGER

    if given is None:
        found = sorted(Path(RUNS).glob(f"*/{LEDGER}/{HEAD}"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise LedgerError(f"no run lies under {RUNS}/; name a run folder, or begin with `duecare init`")
        return found[-1].parent.parent
    if given.is_file():
        from duecare.cli.document import parse

        root, _ = parse(given.read_text("utf-8"))
        node = root.at("study.name") if root else None
        if node is None or not isinstance(node.value, str):
            raise LedgerError(f"{given} is a file, but not a study with a name; expected a run folder")
        return Path(RUNS) / node.value
    return given


def show_status(given: Path | None) -> int:
    """What is done, what is next, what was decided."""
    from duecare.cli.standing import standing
    from duecare.ledger.read import entries

    folder = run_folder(given)
    out = console()
    state = standing(entries(folder))
    working = state.next if _being_written(folder) else None
    out.print(f"[bold]{escape(state.name or folder.name)}[/] in {escape(str(folder))}", soft_wrap=True)
    out.print(_jobs(state, working))
    if state.failed and state.failed.note:
        out.print(
            f"[red]{escape(state.failed.job or '')}: {escape(state.failed.note.text)}[/]", soft_wrap=True
        )
    for finding in state.gates:
        shown = figure(finding.estimate)
        out.print(
            f"  {MARKS[finding.verdict]}  {escape(finding.name)}: {escape(finding.limit)}  [dim]{shown}[/]"
        )
    _say_people(out, folder)
    if state.finished:
        out.print(f"Finished. Next: open {escape(str(folder / 'report' / 'report.html'))}", soft_wrap=True)
    elif working:
        out.print(f"Working on [bold]{escape(working)}[/] now.")
    else:
        out.print(f"Next: [bold]{escape(state.next or 'the report')}[/] (`duecare run` goes on there)")
    return OK


def _say_people(out: Console, folder: Path) -> None:
    """Where the release stands, in a study that lists people."""
    from duecare.cli.run import now
    from duecare.ledger.duties import missing
    from duecare.ledger.read import answering
    from duecare.report.words import plural

    account = answering(folder)[1]
    if account.listed is None:
        return
    faults, lacking = len(account.faults), len(missing(account, now()))
    if faults:
        out.print(f"[red]What people signed or listed: {plural(faults, 'fault')}[/] (`duecare verify`).")
    elif lacking:
        out.print(f"[yellow]Missing for a release: {plural(lacking, 'thing')}[/] (`duecare people list`).")
    else:
        out.print("[green]Nothing is missing for a release[/] (`duecare release`).")


def _being_written(folder: Path) -> bool:
    """Whether a process that lives holds the run's lock."""
    from duecare.ledger.layout import LEDGER, LOCK

    try:
        holder = int((folder / LEDGER / LOCK).read_text("ascii") or "0")
        os.kill(holder, 0)
    except PermissionError:
        return True  # somebody else's process
    except (OSError, ValueError):
        return False
    return holder > 0


def _jobs(state: Standing, working: str | None) -> Table:
    table = Table("job", "state", "took", "finished", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for job in state.planned:
        entry = state.done.get(job)
        if entry is not None:
            took = _seconds(entry.started, entry.time) if entry.started else ""
            table.add_row(escape(job), "[green]done[/]", took, entry.time[:16].replace("T", " "))
        elif state.failed is not None and state.failed.job == job:
            table.add_row(escape(job), "[red]stopped[/]", "", state.failed.time[:16].replace("T", " "))
        else:
            table.add_row(escape(job), "[cyan]working[/]" if job == working else "[dim]to do[/]", "", "")
    return table


def _seconds(started: str, ended: str) -> str:
    from datetime import datetime

    return duration((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds())


def show_models() -> int:
    """The table of named models, and what else can be loaded."""
    from duecare.model.fetch import describe

    out = console()
    table = Table("name", "parameters", "licence", "here", "where it comes from", title_justify="left")
    for row in describe():
        here = "[green]yes[/]" if row.cached else "fetched on first use"
        source = f"{escape(row.source)}\n[dim]{escape(row.note)}[/]"
        table.add_row(escape(row.name), f"{row.parameters / 1e6:.0f} M", escape(row.licence), here, source)
    out.print(table)
    out.print(
        "Also: a folder in Hugging Face layout (config.json, *.safetensors, tokenizer), a .gguf file, or a"
    )
    out.print("hub id such as Qwen/Qwen3-0.6B. Families: Llama, Qwen2, Qwen3, Gemma 3.")
    out.print("In a study: `model: {base: smollm2-135m-instruct}`")
    return OK


def show_detectors(name: str | None) -> int:
    """All detectors in a line each, or one card whole."""
    from duecare.cli.cards import all_cards, kernels_in_words, one_card

    out = console()
    if name is None:
        out.print(all_cards())
        out.print("`duecare detectors NAME` shows a whole card.")
        out.print(kernels_in_words())
        return OK
    out.print(one_card(name))
    return OK
