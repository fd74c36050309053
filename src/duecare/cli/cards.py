"""Detector cards on the terminal: what a detector is for, what it was measured on, where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rich.markup import escape
from rich.table import Table

from duecare.cli.form import choice
from duecare.core import Problem, StudyError
from duecare.detect import DETECTORS, Card, Measured


def cards() -> Mapping[str, Card]:
    """Detector name -> card."""
    return DETECTORS


def all_cards() -> Table:
    """A line for each detector."""
    table = Table("name", "version", "finds", "what", "measured on")
    for name, card in cards().items():
        measured = [measured_in_words(each) for each in card.measured_on[:2]]
        if len(card.measured_on) > 2:
            measured.append(f"and {len(card.measured_on) - 2} more")
        finds = "a score" if card.kind == "score" else "places"
        said = escape("\n".join(measured)) or "[yellow]nothing[/]"
        table.add_row(escape(name), escape(card.version), finds, escape(card.what), said)
    return table


def one_card(name: str) -> Table:
    """A whole card; a StudyError for a name that is not in the table."""
    known = cards()
    if name not in known:
        raise StudyError([Problem("detector", name, choice(name, list(known)))])
    table = Table(title=f"{name}@{known[name].version}", title_justify="left", show_header=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for field, value in msgspec.to_builtins(known[name]).items():
        figures = [measured_in_words(each) for each in known[name].measured_on]
        said = _words(figures if field == "measured_on" else value)
        table.add_row(field.replace("_", " "), escape(said))
    return table


def measured_in_words(measured: Measured) -> str:
    """One figure of a card: "AUC 0.93 [0.92, 0.94] on davidson (held-out part), n = 2,478"."""
    bounds = f"[{measured.low:.3g}, {measured.high:.3g}]"
    place = f"{measured.data} ({measured.part})"
    return f"{measured.metric} {measured.value:.3g} {bounds} on {place}, n = {measured.n:,}"


def kernels_in_words() -> str:
    """Whether the compiled kernels are in use, and what it means where they are not."""
    from duecare.detect.kernel import standing

    found = standing()
    if found.used:
        return "Compiled kernels are in use."
    return f"Compiled kernels are not in use ({found.why}): results are the same, but come slower."


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "\n".join(f"- {_words(each)}" for each in value)
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_words(each)}" for key, each in value.items())
    return str(value)
