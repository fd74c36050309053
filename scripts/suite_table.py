"""Write what the newest evaluation of a run found, suite by suite, as one page of Markdown.

    python scripts/suite_table.py RUN --out docs/suite-results.md --figures docs/suite-figures.md

RUN is a run folder ("runs/support-assistant"). The newest evaluation on record in its ledger is read:
`estimates.json` of its artifact, checked against what the ledger says of it, and the verdicts of the newest
gate. No figure is typed by hand and none is left out: all of them stand on the page of figures, or without
one in a folded table below those of a suite. What figures mean is said here in one sentence a suite (`SUITES`).
"""

from __future__ import annotations

# ruff: noqa: E501 - prose of the page is read whole, on its line
import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite_words import SUITES, Suite

from duecare.core import DataError, Estimate, Finding
from duecare.core.wire import decode
from duecare.ledger.entry import Entry
from duecare.ledger.manifest import manifest_digest
from duecare.ledger.read import entries
from duecare.report import words
from duecare.report.metrics import metric, suite_title

CHANGE, WORST = ".change", ".worst_group"
FURTHEST, UNITS = 5, 5
"""How many figures on groups are named for each suite, and the independent units that one of them rests on at least."""
OF_RATES = {"toxicity": "toxicity.rate", "refusal": "refusal.rate"}
"""Changes that are named after the first part of the figure that changed."""
MOST = 30
"""Rows of one figure in a suite's first table at most; more groups are left to the table of all figures."""
REASON = 90
"""Letters of a reason that are shown."""

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A figure's name without `.change`, and what it speaks of besides the model."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation put on record, and the verdicts of the gates on it."""

    base: str
    settings: Mapping[str, Any]
    estimates: Sequence[Estimate]
    findings: Sequence[Finding]
    finished: str


@dataclass(slots=True)
class Row:
    """One figure: model ("base", "tuned", "human") to its Estimate, and what tuning changed."""

    by_model: dict[str, Estimate] = field(default_factory=dict)
    change: Estimate | None = None

    def first(self) -> Estimate:
        """Any Estimate of the row; for a change without its parts the change."""
        found = next(iter(self.by_model.values()), self.change)
        if found is None:
            raise DataError("a row without a figure")
        return found


def read_run(run: Path) -> Evaluation:
    """The newest evaluation of a run; a DataError where none is on record or it has been altered."""
    whole = entries(run)
    done = [entry for entry in whole if entry.happened == "step.finished"]
    found = [entry for entry in done if entry.job == "evaluate"]
    if not found:
        raise DataError(f"{run.name}: expected an evaluation on record, found none")
    entry = found[-1]
    ((place, digest),) = entry.outputs.items()
    if manifest_digest(run / place) != digest:
        raise DataError(f"{place}: expected the artifact that the ledger names, found another")
    estimates = decode((run / place / "estimates.json").read_bytes(), tuple[Estimate, ...])
    if estimates != entry.estimates:
        raise DataError(f"{place}: expected the figures that the ledger names, found others")
    begun = [each.settings for each in whole[: entry.index] if each.happened == "run.started"][-1]
    base = str(begun["model"].get("name") or begun["model"]["base"])
    return Evaluation(base, entry.settings, estimates, _verdicts(done, digest), entry.time)


def _verdicts(done: Sequence[Entry], digest: str) -> tuple[Finding, ...]:
    """Of the newest gate on this very evaluation."""
    gates = [entry for entry in done if entry.job == "gate" and digest in entry.inputs.values()]
    return gates[-1].findings if gates else ()


def rows_of(estimates: Iterable[Estimate]) -> dict[str, dict[Key, Row]]:
    """Suite to its figures, in the order in which they were measured."""
    found: dict[str, dict[Key, Row]] = {}
    for each in estimates:
        row = found.setdefault(each.slice["suite"], {}).setdefault(_key(each), Row())
        if each.metric.endswith(CHANGE):
            row.change = each
        else:
            row.by_model[each.slice["model"]] = each
    return found


def _key(each: Estimate) -> Key:
    apart = {"suite", "model"}
    if each.metric.endswith(CHANGE) and each.slice.get("against") == "base":
        apart.add("against")
    if each.metric.endswith(WORST):
        apart.add("group")  # which group it is may differ between the models
    about = tuple(sorted((name, value) for name, value in each.slice.items() if name not in apart))
    stem = each.metric.removesuffix(CHANGE)
    return OF_RATES.get(stem, stem), about


def page(found: Evaluation, name: str, figures: str | None = None) -> Iterator[str]:
    """The page line by line; `figures` is the address of the page of all figures, else they are folded in."""
    suites, settings = rows_of(found.estimates), found.settings
    silent = sum(each.value is None for each in found.estimates)
    yield f"# What every suite found in {name}"
    yield ""
    yield (
        f"{len(found.estimates):,} figures of {len(suites)} suites, {silent:,} of them not known for a reason that is given."
        f" Written by `scripts/suite_table.py` from the evaluation that finished on {found.finished[:10]}."
        f" Base model: `{found.base}`."
    )
    yield ""
    yield (
        f"Answers: {settings['samples']} a prompt of at most {settings['max_tokens']} tokens, temperature"
        f" {settings['temperature']:g}. In brackets stands the interval (95% unless said otherwise), then n, and the independent"
        " units where they are fewer. A change is the tuned model less the base, on the same items. Intervals are about items,"
        " not about what another training run would give, and nothing but the gates is corrected for how many figures there are."
    )
    yield ""
    yield "Items from `suite-items` are our own (`studies/suite_items.py`): what they show cannot be compared with published figures."
    if figures:
        yield from ("", f"Every figure, by every group, stands in [{figures}]({figures}).")
    yield from _gates(found.findings)
    yield from _overview(suites, settings)
    for suite, rows in suites.items():
        yield from _suite(suite, rows, folded=figures is None)


def page_of_figures(found: Evaluation, name: str) -> Iterator[str]:
    """Every figure, suite by suite."""
    yield f"# Every figure that the suites found in {name}"
    yield ""
    yield "Written by `scripts/suite_table.py`, which says how the cells are read on the page of results."
    for suite, rows in rows_of(found.estimates).items():
        yield from ("", f"## {suite}", "")
        yield from _table(rows)


def _gates(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield from ("", "## Gates", "", "| gate | limit | verdict | why |", "|---|---|---|---|")
    for each in findings:
        yield _line(f"`{each.name.removeprefix('gate.')}`", each.limit, each.verdict, each.detail)


def _overview(suites: Mapping[str, Mapping[Key, Row]], settings: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## All suites", "")
    yield from (
        "| suite | items from | asked at most | figures | not known | changes beyond 0 |",
        "|---|---|---|---|---|---|",
    )
    for suite, rows in suites.items():
        every = list(_estimates(rows.values()))
        changed = [row.change for row in rows.values() if row.change and row.change.value is not None]
        beyond = sum(not (each.low or 0) <= 0 <= (each.high or 0) for each in changed)
        most = settings["items"].get(suite)
        yield _line(
            f"[{suite}](#{suite})",
            f"`{settings['data'][suite]}`" if suite in settings["data"] else "duecare",
            f"{most:,} items" if most else "all",
            f"{len(every):,}",
            f"{sum(each.value is None for each in every):,}",
            f"{beyond:,} of {len(changed):,}",
        )


def _suite(name: str, rows: Mapping[Key, Row], *, folded: bool) -> Iterator[str]:
    known = SUITES.get(name, Suite(says="", main=()))
    yield from ("", f"## {name}", "", f"**{suite_title(name)}.** {known.says}".rstrip(), "")
    yield from _table(_main(rows, known.main))
    yield from _furthest(rows, known.even)
    yield from _worst(rows)
    yield from _unknown(rows)
    if folded:
        yield from ("", "<details>", f"<summary>All figures of {name}</summary>", "")
        yield from _table(rows)
        yield from ("", "</details>")


def _main(rows: Mapping[Key, Row], main: Sequence[str]) -> dict[Key, Row]:
    """Figures over all groups; where a figure exists by group only, every group, unless they are many."""
    found: dict[Key, Row] = {}
    for stem in main:
        mine = {key: row for key, row in rows.items() if key[0] == stem}
        whole = {key: row for key, row in mine.items() if "group" not in dict(key[1])} or mine
        found |= whole if len(whole) <= MOST else {}
    return found


def _table(rows: Mapping[Key, Row]) -> Iterator[str]:
    if not rows:
        yield "Its figures are by group only, and too many for a table here."
        return
    models = [
        name for name in ("base", "tuned", "human") if any(name in row.by_model for row in rows.values())
    ]
    changed = ["change"] if any(row.change for row in rows.values()) else []
    yield _line("figure", "of", *models, *changed)
    yield "|---" * (len(models) + len(changed) + 2) + "|"
    for (name, about), row in rows.items():
        cells = [_cell(row.by_model.get(model), name) for model in models]
        unit = metric(name, row.first().unit).unit
        yield _line(
            f"`{name}`" + (f" ({unit})" if unit else ""),
            _about(about),
            *cells,
            *([_cell(row.change)] if changed else []),
        )


def _furthest(rows: Mapping[Key, Row], even: Mapping[str, float]) -> Iterator[str]:
    """Groups whose whole interval lies furthest from what is even-handed, in the model that was trained."""
    found: list[tuple[float, str]] = []
    looked = 0
    for (name, about), row in rows.items():
        model = "tuned" if "tuned" in row.by_model else "base"
        each = row.by_model.get(model)
        if name not in even or "group" not in dict(about) or each is None:
            continue
        if (
            each.low is None
            or each.high is None
            or (each.n if each.clusters is None else each.clusters) < UNITS
        ):
            continue
        looked += 1
        beyond = max(each.low - even[name], even[name] - each.high)
        if beyond > 0:
            found.append((beyond, f"- {model}, {_about(about)}: `{name}` {_cell(each)}"))
    if not looked:
        return
    yield ""
    if not found:
        yield f"Of {looked:,} figures on groups with {UNITS} independent units or more the interval of none lies wholly to one side of even treatment."
        return
    yield (
        f"Of {looked:,} figures on groups with {UNITS} independent units or more the interval of {len(found):,} lies wholly to one side of even treatment"
        " (some would by chance). Those that lie furthest:"
    )
    yield ""
    yield from (line for _, line in sorted(found, key=lambda pair: -pair[0])[:FURTHEST])


def _worst(rows: Mapping[Key, Row]) -> Iterator[str]:
    """The group that each model treats worst, where a suite measures that."""
    mine = {key: row for key, row in rows.items() if key[0].endswith(WORST)}
    if not mine:
        return
    yield from ("", "| worst group | of | base | tuned |", "|---|---|---|---|")
    for (name, about), row in mine.items():
        yield _line(
            f"`{name}`", _about(about), *(_cell(row.by_model.get(m), name) for m in ("base", "tuned"))
        )


def _unknown(rows: Mapping[Key, Row]) -> Iterator[str]:
    """Why figures are not known, the commonest reason first."""
    silent = [each for each in _estimates(rows.values()) if each.value is None]
    why = Counter((each.metric, re.sub(r"\d[\d,.]*", "N", str(each.reason))) for each in silent)
    if not why:
        return
    yield from ("", "| not known | figures | why |", "|---|---|---|")
    for (name, reason), count in why.most_common():
        yield _line(f"`{name}`", f"{count:,}", reason if len(reason) <= REASON else f"{reason[:REASON]} ...")


def _estimates(rows: Iterable[Row]) -> Iterator[Estimate]:
    for row in rows:
        yield from row.by_model.values()
        if row.change is not None:
            yield row.change


def _cell(each: Estimate | None, name: str = "") -> str:
    """A figure with interval and n; "not known" where nothing can be said, "" where there is no figure."""
    if each is None:
        return ""
    group = f"{each.slice['group']}: " if name.endswith(WORST) and "group" in each.slice else ""
    n = f"n = {each.n:,}"
    if each.clusters is not None and each.clusters != each.n:
        n += f" in {each.clusters:,}"
    if each.value is None:
        return f"{group}not known ({n})"
    level = "" if each.level == 0.95 else f", {each.level:.0%}"
    return f"{group}{words.value(each)} [{words.interval(each)}{level}], {n}"


def _about(about: Sequence[tuple[str, str]]) -> str:
    told = dict(about)
    axis, group, against = (told.pop(name, "") for name in ("axis", "group", "against"))
    parts = [f"{name} {value}" for name, value in told.items()]
    if axis or group:
        parts.append(f"{axis}: {group}" if axis and group else axis or group)
    text = ", ".join(parts) or "all"
    return f"{text}, against {against}" if against else text


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def main() -> None:
    """Write the page, and where asked the page of all figures."""
    parser = argparse.ArgumentParser(description="What the newest evaluation of a run found, as Markdown.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, help="a file; left out, the page is printed")
    parser.add_argument("--figures", type=Path, help="a file for all figures; left out, they are folded in")
    arguments = parser.parse_args()
    found, name, figures = read_run(arguments.run), arguments.run.resolve().name, arguments.figures
    pages = {arguments.out: page(found, name, figures.name if figures else None)}
    if figures:
        pages[figures] = page_of_figures(found, name)
    for path, lines in pages.items():
        text = "\n".join(lines) + "\n"
        if path is None:
            print(text, end="")
            continue
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {len(text.splitlines()):,} lines to {path}")


if __name__ == "__main__":
    main()
