"""What the questions to a run show: why, lineage, diff, history; for people, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from duecare.cli.main import OK
from duecare.cli.show import console, run_folder
from duecare.cli.terminal import figure
from duecare.core.wire import encode
from duecare.report.asked import Change, Record, flat
from duecare.report.difference import Moved, difference
from duecare.report.history import Attempt, history
from duecare.report.lineage import Lineage, Made, lineage
from duecare.report.why import Fate, Passed, why
from duecare.report.words import plural

MOST = 30
"""Figures and changes shown on a screen; `--all` and `--json` show the rest."""


def _print_json(value: object) -> int:
    console().print(encode(value).decode(), markup=False, soft_wrap=True)
    return OK


def show_why(given: Path, row: str, *, as_json: bool) -> int:
    """The fate of one record."""
    fate = why(run_folder(given), row)
    if as_json:
        return _print_json(fate)
    out = console()
    key = f"  [dim]key {fate.key[:16]}...[/]" if fate.key else ""
    out.print(f"[bold]{escape(fate.row)}[/] of source {escape(fate.source)}{key}", soft_wrap=True)
    if fate.parent:
        out.print(f"A copy made from {escape(fate.parent)}.")
    for passed in fate.passed:
        _print_passed(out, passed)
    if fate.weight is not None and fate.weight != 1.0:
        out.print(f"Weight in training: {fate.weight:.3g}")
    if fate.copies:
        out.print(f"Copies made from it: {escape(', '.join(fate.copies))}")
    for trained in fate.trained:
        drawn = ", ".join(f"{name} {value}" for name, value in trained.settings.items())
        rows = f"one of {trained.rows} rows" if trained.rows is not None else "one of its rows"
        out.print(f"{escape(trained.job)} (entry {trained.entry}): {rows} it could draw ({escape(drawn)})")
    _print_asked(out, fate)
    out.print(f"[bold]{escape(fate.verdict)}[/]", soft_wrap=True)
    return OK


def _print_passed(out: Console, passed: Passed) -> None:
    colour = {"dropped": "red", "set aside": "red"}.get(passed.became, "green")
    out.print(
        f"  [dim]{passed.entry:>4}[/]  {escape(passed.job)}: [{colour}]{escape(passed.became)}[/]",
        soft_wrap=True,
    )
    for reason in passed.reasons:
        out.print(f"          {escape(_reason(reason))}", soft_wrap=True)
    told = {(each.get("part"), each.get("instrument")) for each in passed.reasons}
    for score in passed.scores:
        if (score.get("part"), score.get("instrument")) not in told:
            value = f"{score['value']:.3g}" if "value" in score else f"no score: {score.get('reason', '')}"
            said = f"{score['instrument']} on {score['part']}: {value}"
            out.print(f"          [dim]{escape(said)}[/]", soft_wrap=True)
    for why_not in passed.unknown:
        out.print(f"          [yellow]{escape(why_not)}[/]", soft_wrap=True)


def _reason(reason: Record) -> str:
    """A reason in words: what, by which instrument, how sure, and where (code points of the original)."""
    said = f"{reason['action']}: {reason['reason']}"
    by = [str(reason["instrument"])] if "instrument" in reason else []
    by += [f"{reason['value']:.3g}"] if "value" in reason else []
    place = str(reason.get("part", ""))
    if "start" in reason and "end" in reason:
        place += f"[{reason['start']}:{reason['end']}]"
    details = ", ".join([*by, *([place] if place else [])])
    return f"{said} ({details})" if details else said


def _print_asked(out: Console, fate: Fate) -> None:
    for asked in fate.asked:
        tokens = asked.get("tokens") or 0
        each = f"{asked['total'] / tokens:.3g} nats per token" if tokens else "no token was scored"
        overlap = f", ROUGE-L {asked['rouge_l']:.2g}" if asked.get("rouge_l") is not None else ""
        out.print(f"{escape(asked['job'])}, {escape(asked['model'])} model on it: {each}{overlap}")


def show_lineage(given: Path | None, model: str | None, *, as_json: bool) -> int:
    """The way back from a model, as a tree."""
    found = lineage(run_folder(given), model)
    if as_json:
        return _print_json(found)
    out = console()
    made = {each.job: each for each in found.made}
    tree = Tree(_node(made[found.model]), guide_style="dim")
    shown: set[str] = set()
    _grow(tree, made, found.model, shown)
    out.print(f"[bold]{escape(found.study)}[/], run {found.run}", soft_wrap=True)
    out.print(tree, soft_wrap=True)
    for each in found.made:
        settings = ", ".join(f"{name} {value}" for name, value in flat(each.settings) if value != "none")
        if settings:
            out.print(f"[dim]Settings of[/] {escape(each.job)}[dim]: {escape(settings)}[/]", soft_wrap=True)
    if found.base:
        out.print(f"Base model: {escape(found.base)}")
    out.print(f"Made by: {escape(', '.join(found.people))}")
    out.print(f"With: {escape(_software(found))}", soft_wrap=True)
    for unknown in found.unknown:
        out.print(f"[yellow]{escape(unknown)}[/]", soft_wrap=True)
    return OK


def _software(found: Lineage) -> str:
    versions: dict[str, dict[str, None]] = {}
    for each in found.made:
        for package, version in sorted(each.software.items()):
            versions.setdefault(package, {})[version] = None
    return ", ".join(f"{package} {' and '.join(each)}" for package, each in sorted(versions.items()))


def _node(made: Made) -> str:
    seed = f", seed {made.seed}" if made.seed is not None else ""
    again = f", work of entry {made.again}" if made.again is not None else ""
    return (
        f"[bold]{escape(made.job)}[/] [dim]entry {made.entry}{again}, {made.time[:16].replace('T', ' ')}, "
        f"{escape(made.actor)}{seed}, {made.digest[:16]}[/]"
    )


def _grow(tree: Tree, made: dict[str, Made], job: str, shown: set[str]) -> None:
    """Hang what a job used under it; what was shown before is only named."""
    shown.add(job)
    for outside in made[job].outside:
        tree.add(f"[cyan]{escape(outside.name)}[/] [dim]from outside, SHA-256 {outside.digest[:16]}[/]")
    for name, maker in made[job].of.items():
        label = f"[dim]{escape(name)}:[/] "
        if maker in shown:
            tree.add(f"{label}{escape(maker)} [dim](above)[/]")
        elif maker in made:
            _grow(tree.add(label + _node(made[maker])), made, maker, shown)


def show_diff(before: Path, after: Path, *, every: bool, as_json: bool) -> int:
    """What differs between two runs."""
    found = difference(run_folder(before), run_folder(after))
    if as_json:
        return _print_json(found)
    out = console()
    out.print(f"From [bold]{escape(found.before)}[/] to [bold]{escape(found.after)}[/]", soft_wrap=True)
    for title, changed in (
        ("Settings", found.settings),
        ("Inputs", found.inputs),
        ("Software", found.software),
        ("Jobs", found.jobs),
        ("Gates", found.gates),
    ):
        _print_changes(out, title, changed, every=every)
    shown = found.moved if every else found.moved[:MOST]
    if shown:
        out.print(_moved_table(shown))
    if len(shown) < len(found.moved):
        out.print(f"... and {len(found.moved) - len(shown)} more figures moved (`--all`).")
    apart = sum(moved.apart for moved in found.moved)
    out.print(
        f"{len(found.moved)} figures moved ({apart} with intervals apart), {found.same} are the same, "
        f"{found.only_before} stand only in the first and {found.only_after} only in the second run."
    )
    if apart:
        out.print(
            "[dim]Of many intervals some come apart by chance; gates correct for that, this does not.[/]"
        )
    return OK


def _print_changes(out: Console, title: str, changed: Sequence[Change], *, every: bool) -> None:
    if not changed:
        out.print(f"[bold]{title}[/]: the same.")
        return
    out.print(f"[bold]{title}[/]")
    for each in changed if every else changed[:MOST]:
        out.print(f"  {escape(each.where)}: {escape(each.before)} -> {escape(each.after)}", soft_wrap=True)
    if not every and len(changed) > MOST:
        out.print(f"  ... and {len(changed) - MOST} more (`--all`).")


def _moved_table(moved: Iterable[Moved]) -> Table:
    table = Table(title="Figures that moved", title_justify="left")
    for column in ("figure", "before", "after", ""):
        table.add_column(column, overflow="fold")
    for each in moved:
        of = ", ".join(f"{name} {value}" for name, value in sorted(each.slice.items()))
        mark = "[bold]apart[/]" if each.apart else "[dim]a count[/]" if each.exact else ""
        before, after = figure(each.before), figure(each.after)
        table.add_row(f"{escape(each.metric)}\n[dim]{escape(of)}[/]", escape(before), escape(after), mark)
    return table


def show_history(given: Path | None, *, as_json: bool) -> int:
    """Every attempt on record."""
    folder = run_folder(given)
    attempts = history(folder)
    if as_json:
        return _print_json(attempts)
    out = console()
    out.print(f"[bold]{escape(folder.name)}[/]: {plural(len(attempts), 'run')} on record", soft_wrap=True)
    for attempt in attempts:
        _print_attempt(out, attempt)
    return OK


def _print_attempt(out: Console, attempt: Attempt) -> None:
    colour = {"finished": "green", "failed": "red"}.get(attempt.ended, "yellow")
    verdict = f", gates: {attempt.verdict}" if attempt.verdict else ""
    out.print(
        f"[bold]{attempt.number}[/]  {attempt.began[:16].replace('T', ' ')} by {escape(attempt.actor)} "
        f"[dim](entry {attempt.entry})[/]: [{colour}]{attempt.ended}[/]{escape(verdict)}",
        soft_wrap=True,
    )
    lines = [f"{len(attempt.done)} of {attempt.planned} jobs done, {attempt.kept} taken from before"]
    lines += [f"changed {each.where}: {each.before} -> {each.after}" for each in attempt.changed[:MOST]]
    more = len(attempt.changed) - MOST
    lines += [f"... and {more} more settings changed (`--json`)"] if more > 0 else []
    lines += [f"failed {reason}" for reason in attempt.failed]
    if attempt.unfinished:
        lines.append(f"left in the middle: {', '.join(attempt.unfinished)}")
    if attempt.superseded:
        lines.append(f"counts no more: {', '.join(attempt.superseded)}")
    if attempt.beside:
        lines.append(f"taken in besides: {', '.join(attempt.beside)}")
    lines += [f"{verdict}: {gate}" for gate, verdict in attempt.gates.items()]
    lines += [*attempt.repairs, *attempt.signed]
    for line in lines:
        out.print(f"     {escape(line)}", soft_wrap=True)
