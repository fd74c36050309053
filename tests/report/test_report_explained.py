"""Explanations: what was not validated is not drawn; what is reads in grey and aloud; nothing private."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pyarrow as pa
import pytest
from fabricated_report import Built, build
from fabricated_run import Fabricator
from msgspec.structs import replace
from rich.console import Console

from duecare.cli.show_explain import heated
from duecare.core import FAIL, PASS, Estimate, Finding
from duecare.report.explained import _change, _forest, explained
from duecare.report.gather import Figure, gather
from duecare.report.heat import Weight, heat
from duecare.report.metrics import metric

PROMPT = "A female caller <b>asks</b>. Write to ann.smith@example.org now."
PLACES = [(0, 1, 0.05), (2, 8, 0.9), (9, 15, -0.6), (19, 23, 0.2), (39, 60, 0.5)]


def about(model: str) -> dict[str, str]:
    return {"model": model, "of": "twins", "score": "answer", "method": "integrated-gradients"}


def figure(name: str, model: str, value: float, **more: str) -> Estimate:
    return Estimate(
        metric=f"words.{name}",
        value=value,
        low=value - 0.02,
        high=value + 0.02,
        n=24,
        clusters=12,
        method="mean",
        slice=about(model) | more,
        unit="share" if name != "deletion" else "nats per token",
    )


def tried(model: str, gap: float) -> tuple[list[Estimate], list[Finding]]:
    deletion = figure("deletion", model, gap)
    verdict = PASS if gap > 0 else FAIL
    said = "validated" if gap > 0 else "not validated (deletion)"
    detail = f"Explanations of the {model} model by integrated-gradients: {said}."
    return [deletion], [
        Finding(
            name="words.valid.deletion",
            verdict=verdict,
            limit="above 0",
            detail="Costs more.",
            estimate=deletion,
        ),
        Finding(name=f"words.valid.{model}", verdict=verdict, limit="all passed", detail=detail),
    ]


def tables() -> dict[str, pa.Table]:
    whole, words = [], []
    for model in ("base", "tuned"):
        row = {"item": "one", "model": model, "cluster": "c", "axis": "gender", "group": "women"}
        row |= {"prompt": PROMPT, "answer": f"Only the {model} model says so.", "other": None}
        whole.append(row | {"value": -3.0, "baseline": -4.0, "between": 0.0, "tokens": 5})
        for start, end, score in PLACES:
            place = {"part": "prompt", "start": start, "end": end, "score": score, "identity": start == 2}
            words.append({"item": "one", "model": model} | place)
    return {
        "explained.parquet": pa.Table.from_pylist(whole),
        "attributions.parquet": pa.Table.from_pylist(words),
    }


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("explained")
    run = Fabricator(folder / "run", folder / "keys")
    run.start(["base", "words"])
    run.job("base", "duecare.model.fetch.Fetch")
    estimates, findings = [], []
    for model, gap in (("base", 0.4), ("tuned", -0.3)):
        more, ruled = tried(model, gap)
        estimates += [figure("identity_share", model, 0.31, axis="gender", group="women"), *more]
        findings += ruled
    estimates.append(figure("identity_share.change", "tuned", 0.1))
    run.job(
        "words",
        "duecare.explain.words.Words",
        inputs={"base": "base"},
        files=tables(),
        settings={"of": "twins", "score": "answer", "method": "integrated-gradients", "steps": 32},
        estimates=estimates,
        findings=findings,
    )
    return build(run.finish(), folder / "report")


def test_only_what_was_validated_is_drawn(shown: Built) -> None:
    (found,) = explained(gather(shown.run), 5)
    assert [(each.model, each.valid) for each in found.tested] == [("base", True), ("tuned", False)]
    drawn = {
        mark.figure.estimate.slice["model"] for plot in found.plots for row in plot.rows for mark in row.marks
    }
    assert drawn == {"base"}
    assert not any("change" in plot.metric.title.lower() for plot in (*found.plots, *found.further))
    assert "Only the base model says so." in shown.html
    assert "Only the tuned model says so." not in shown.html
    assert "not validated (deletion)" in shown.html


def test_changes_of_both_manners_of_answers_are_drawn() -> None:
    changes = [
        Figure("7.1", 7, "words", figure("identity_effect.change", "tuned", value, manner=manner, **group))
        for manner, value in (("respectful", 0.1), ("dismissive", -0.2))
        for group in ({}, {"axis": "gender", "group": "women"})
    ]
    drawn = _change(SimpleNamespace(figures=changes), ["base", "tuned"])
    assert [len(plot.rows) for _, plot in drawn] == [2, 2]
    assert ["respectful" in plot.title for _, plot in drawn] == [True, False]


def test_the_title_of_a_signed_figure_names_its_unit() -> None:
    titles = []
    for name, unit in (("identity_effect", "nats per token"), ("identity_share", "share")):
        found = Figure("7.1", 7, "words", replace(figure(name, "base", 0.3), unit=unit))
        titles.append(_forest((f"words.{name}", "", ""), {"women": [found]}).title)
    assert [title.partition(", in ")[2] for title in titles] == ["nats per token", ""]


def test_the_section_has_its_number_and_the_later_ones_theirs(shown: Built) -> None:
    numbers = dict(re.findall(r'<h2 id="(\w+)-title"><span class="no">(\d)</span>', shown.html))
    assert [numbers[name] for name in ("training", "why", "instruments", "record")] == ["4", "5", "6", "9"]
    assert "fixed answers to counterfactual twins, by integrated gradients (32 points)" in shown.html


def test_texts_are_blurred_masked_and_escaped(shown: Built) -> None:
    section = shown.html[shown.html.index('id="why"') :]
    section = section[: section.index("</section>")]
    assert "ann.smith" not in shown.html
    assert "<b>asks" not in section
    assert "&lt;" in section
    texts = section.index('class="texts')
    assert section.index('class="reveal"') < texts < section.index("female")
    assert section.count('class="veil"') == section.count("<blockquote")


def test_weights_are_told_without_colour_and_aloud() -> None:
    found = heat(
        "a bb ccc", [Weight(0, 1, 1.0, True), Weight(2, 4, -0.6, False), Weight(5, 8, 0.01, False)], [], 1.0
    )
    strong, _, middle, _, weak = found.pieces
    assert (strong.grade, strong.sign, strong.said, strong.identity) == (4, "+", "plus 1.00", True)
    assert (middle.grade, middle.sign) == (3, "-")
    assert middle.said.startswith("minus")
    assert (weak.grade, weak.sign, weak.said) == (0, "", "")
    console = Console(width=80, no_color=True, file=None, record=True)
    with console.capture() as caught:
        console.print(heated(found))
    assert caught.get().strip().replace("\x1b", "").startswith("a+++") or "a+++" in caught.get()
    assert "bb--" in caught.get()


def test_a_masked_place_wins_and_a_long_text_is_cut() -> None:
    text = "x" * 10 + " y" * 400
    found = heat(text, [Weight(0, 10, 1.0, False)], [(0, 10, "email")], 1.0)
    assert found.pieces[0].kind == "masked"
    assert found.pieces[0].text == "email"
    assert found.cut == len(text) - 600


def test_the_terminal_shows_texts_only_when_asked(shown: Built) -> None:
    from typer.testing import CliRunner

    from duecare.cli.main import app

    plain = CliRunner().invoke(app, ["explain", str(shown.run)]).output
    assert "validated" in plain
    assert "31.0%" in plain
    assert "female" not in plain
    told = CliRunner().invoke(app, ["explain", str(shown.run), "--texts"]).output
    assert "female+++" in told
    assert "caller--" in told
    assert "[EMAIL]" in told
    assert "ann.smith" not in told
    assert "Only the tuned model" not in told  # not validated


def test_figures_have_titles_in_plain_words() -> None:
    assert metric("words.identity_share").title == "Weight of the words that name the group"
    assert metric("words.identity_share.difference").form == "points"
    assert metric("words.identity_effect.change", "nats per token").title.startswith("Change in")
