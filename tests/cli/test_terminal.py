"""What a person sees while a study runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from duecare.cli import terminal
from duecare.cli.terminal import Lines, Watched, duration, figure, findings_table, screen, size
from duecare.core import Finding, Note, Outcome, Progress, exact, unknown


def drawn(thing, width=100):
    out = io.StringIO()
    Console(file=out, width=width).print(thing)
    return out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.44, "0.4 s"), (12.2, "12 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (4320, "1 h 12 min")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(512, "512 bytes"), (3_300_000, "3.1 MiB"), (2**31, "2.0 GiB"), (2**52, "4096.0 TiB")],
)
def test_sizes(count, words):
    assert size(count) == words


def test_a_terminal_gets_bars_and_a_log_gets_lines():
    assert isinstance(screen(Console(file=io.StringIO(), force_terminal=True)), Watched)
    assert isinstance(screen(Console(file=io.StringIO())), Lines)


def play(shown):
    with shown:
        shown.begin("read:[chats]", 1, 2)
        for done in range(3):
            shown.progress(Progress(done, 2, "rows", "[/red] reading"))
        shown.progress(Progress(1, 7, "steps"))
        shown.end("read:[chats]", 3.2, Outcome())
        shown.begin("sft", 2, 2)
        shown.end("sft", None, Outcome())


def test_lines_are_plain_and_seldom(monkeypatch):
    out = io.StringIO()
    play(Lines(Console(file=out)))
    assert out.getvalue().splitlines() == ["1/2 read:[chats]: done in 3.2 s", "2/2 sft: on record already"]
    monkeypatch.setattr(terminal, "EVERY_SECONDS", 0.0)
    out = io.StringIO()
    play(Lines(Console(file=out)))
    assert "1/2 read:[chats]: 2 of 2 rows ([/red] reading), about 0.0 s left" in out.getvalue()


@pytest.mark.parametrize("done_before", [0, 40])
def test_the_time_left_counts_neither_compiling_nor_what_was_done_before(monkeypatch, done_before):
    clock = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(terminal, "EVERY_SECONDS", 0.0)
    out = io.StringIO()
    with Lines(Console(file=out, width=200)) as shown:
        shown.begin("sft", 1, 1)
        shown.progress(Progress(0, 100, "step", "compiling the first step"))
        clock[0] += 90.0
        for done in range(done_before + 1, done_before + 11):
            shown.progress(Progress(done, 100, "step"))
            clock[0] += 2.0
        shown.note(Note(topic="sft.cost", text="trains 8 of 100 parameters"))
    lines = out.getvalue().splitlines()
    assert (
        lines[-2] == f"1/1 sft: {done_before + 10} of 100 step, about {duration(2 * (90 - done_before))} left"
    )
    assert lines[-1] == "1/1 sft: trains 8 of 100 parameters"


def test_bars_take_any_words_without_reading_them_as_markup():
    out = io.StringIO()
    play(Watched(Console(file=out, force_terminal=True, width=100)))
    shown = out.getvalue()
    assert "read:[chats]" in shown
    assert "done" in shown
    assert "Traceback" not in shown


def test_figures_never_come_without_interval_and_n():
    known = exact("rows", 3, 40, {})
    assert figure(known) == "3, n = 40"
    assert figure(unknown("rate", "no answers", 0, {}, "wilson")) == "could not say: no answers"
    assert figure(None) == ""


def test_findings_are_shown_worst_first_and_escaped():
    findings = [
        Finding(name="gate.a", verdict="pass", limit="at most 3", detail="[red]It is 2."),
        Finding(name="gate.b", verdict="fail", limit="at most 3", detail="It is 4.", next="Look at it."),
    ]
    shown = drawn(findings_table(findings, "Gates"))
    assert shown.index("✗ fail") < shown.index("✓ pass")
    assert "[red]It is 2." in shown
    assert "Next: Look at it." in shown
    assert shown.count("Next:") == 1
    assert max(map(len, drawn(findings_table(findings, "Gates"), width=80).splitlines())) <= 80


def test_what_cannot_be_counted_is_said_at_once():
    """Nothing else may be told for minutes: a line that waits for the next one would be too late."""
    out = io.StringIO()
    with Lines(Console(file=out)) as shown:
        shown.begin("sft", 1, 1)
        shown.progress(Progress(0, None, "", "measuring [held-out] rows"))
        shown.progress(Progress(1, 9, "step", "not yet"))
        shown.progress(Progress(0, None, "", "fitting heads"))
    assert out.getvalue().splitlines() == ["1/1 sft: measuring [held-out] rows", "1/1 sft: fitting heads"]
