"""What a person sees while a study runs: bars with the time left, or plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from duecare.core import FAIL, INSUFFICIENT, PASS, Estimate, Finding, Note, Outcome, Progress

EVERY_SECONDS = 10.0
"""Between two plain lines about one job."""

MARKS = {PASS: "[green]✓ pass[/]", FAIL: "[red]✗ fail[/]", INSUFFICIENT: "[yellow]? insufficient evidence[/]"}


def duration(seconds: float) -> str:
    """Seconds in the form a person reads: "0.4 s", "12 s", "3 min 05 s", "1 h 12 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: int) -> str:
    """Bytes in the form a person reads: "512 bytes", "3.1 MiB", "2.0 GiB"."""
    if count < 1024:
        return f"{count} bytes"
    value, units = count / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.1f} {units[0]}"


class Watched:
    """A Screen on a terminal: one line a job, a bar with the time left while it works."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            TextColumn("{task.description}", style="dim", markup=False),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[said]}", style="dim", markup=False),
            console=console,
            transient=True,
        )
        self._label = ""
        self._task: TaskID | None = None
        self._last = Progress(0, None, "")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, job: str, number: int, of: int) -> None:
        """Show the job with an endless bar until it tells how much there is to do."""
        self._label = f"{number:>2}/{of} {job}"
        self._task = self._bars.add_task(self._label, total=None, unit="", said="")
        self._last = Progress(0, None, "")

    def progress(self, progress: Progress) -> None:
        """Move the bar; another unit or total, or going back, begins a bar anew (and its time left)."""
        if self._task is None:
            return
        last, self._last = self._last, progress
        if (progress.unit, progress.total) != (last.unit, last.total) or progress.done < last.done:
            self._bars.reset(self._task, total=progress.total)
        self._bars.update(self._task, completed=progress.done, unit=progress.unit, said=progress.message)

    def note(self, note: Note) -> None:
        """A line above the bar, that stays."""
        self._console.print(f"      {note.text}", style="dim", markup=False, highlight=False)

    def end(self, job: str, seconds: float | None, outcome: Outcome | None) -> None:
        """Replace the bar by one line that stays."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        self._console.print(f"{escape(self._label)}  {ending(seconds, outcome)}", highlight=False)


class Lines:
    """A Screen for logs: plain lines, and about a running job one every ten seconds at most."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._label = ""
        self._said = 0.0
        self._last = Progress(0, None, "")
        self._from = (0.0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def begin(self, job: str, number: int, of: int) -> None:
        """Remember the job; a line comes when there is something to say."""
        self._label = f"{number}/{of} {job}"
        self._said = time.monotonic()
        self._last = Progress(0, None, "")
        self._from = (self._said, 0)

    def progress(self, progress: Progress) -> None:
        """A line with the share done and the time left.

        What came before the first of these (loading, compiling) and what a killed call had done say nothing
        of the pace: another unit or total, or going back, begins the time anew. What is done that cannot be
        counted has no unit, and is said at once.
        """
        now = time.monotonic()
        last, self._last = self._last, progress
        other = (progress.unit, progress.total) != (last.unit, last.total) or progress.done < last.done
        if other or (progress.done and not last.done):
            self._from = (now, progress.done)
        if not progress.unit and progress.message:  # it may be long before anything else is told
            self._said = now
            self._print(f"{self._label}: {progress.message}")
            return
        if now - self._said < EVERY_SECONDS:
            return
        self._said = now
        of = f" of {progress.total}" if progress.total else ""
        left = ""
        began, before = self._from
        if progress.total and progress.done > before:
            rest = (now - began) / (progress.done - before) * (progress.total - progress.done)
            left = f", about {duration(max(0.0, rest))} left"
        said = f" ({progress.message})" if progress.message else ""
        self._print(f"{self._label}: {progress.done}{of} {progress.unit}{said}{left}")

    def note(self, note: Note) -> None:
        """A line of its own."""
        self._print(f"{self._label}: {note.text}")

    def end(self, job: str, seconds: float | None, outcome: Outcome | None) -> None:
        """One line for the job."""
        self._print(f"{escape(self._label)}: {ending(seconds, outcome)}", markup=True)

    def _print(self, text: str, markup: bool = False) -> None:
        self._console.print(text, markup=markup, highlight=False, soft_wrap=True)


def screen(console: Console) -> Watched | Lines:
    """Bars where a person watches, plain lines elsewhere."""
    return Watched(console) if console.is_terminal else Lines(console)


def ending(seconds: float | None, outcome: Outcome | None) -> str:
    """How a job ended, in rich's markup."""
    if seconds is None:
        return "[dim]on record already[/]"
    if outcome is None:
        return f"[red]stopped[/] after {duration(seconds)}"
    failed = sum(finding.verdict == FAIL for finding in outcome.findings)
    open_ = sum(finding.verdict == INSUFFICIENT for finding in outcome.findings)
    said = [f"[red]{failed} failed[/]"] if failed else []
    said += [f"[yellow]{open_} undecided[/]"] if open_ else []
    return f"[green]done[/] in {duration(seconds)}" + (f" ({', '.join(said)})" if said else "")


def figure(estimate: Estimate | None) -> str:
    """An Estimate in one cell: "0.82 [0.61, 1.10], n = 240"."""
    if estimate is None:
        return ""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"could not say: {estimate.reason}"
    clusters = f" in {estimate.clusters} clusters" if estimate.clusters else ""
    unit = f" {estimate.unit}" if estimate.unit else ""
    bounds = f" [{estimate.low:.3g}, {estimate.high:.3g}]" if estimate.low != estimate.high else ""
    return f"{estimate.value:.3g}{bounds}{unit}, n = {estimate.n}{clusters}"


def findings_table(findings: Sequence[Finding], title: str) -> Table:
    """Findings with their figures and what to do next, the failed ones first; readable in 80 columns."""
    order = {FAIL: 0, INSUFFICIENT: 1, PASS: 2}
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("verdict", max_width=14)
    table.add_column("what was found", overflow="fold")  # a digest or a path is of use only whole
    for finding in sorted(findings, key=lambda each: order[each.verdict]):
        name = finding.name.removeprefix("gate.").removeprefix("verify.")
        lines = [f"[bold]{escape(name)}[/]: {escape(finding.limit)}", escape(finding.detail)]
        if behind := figure(finding.estimate):
            lines.append(f"[dim]{escape(behind)}[/]")
        if finding.next:
            lines.append(f"Next: {escape(finding.next)}")
        table.add_row(MARKS[finding.verdict], "\n".join(lines))
    return table
