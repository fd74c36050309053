"""How figures are written, and limits read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecare.core import Estimate, exact, unknown
from duecare.report import words


def figure(metric: str, value: float, low: float, high: float, **more: object) -> Estimate:
    return Estimate(metric=metric, value=value, low=low, high=high, n=100, method="Wilson", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "ends"),
    [
        ("between 0.8 and 1.25", (0.8, 1.25)),
        ("from 0.8 to 1.25", (0.8, 1.25)),
        ("within 0.8 to 1.25", (0.8, 1.25)),
        ("[0.8, 1.25]", (0.8, 1.25)),
        ("at most 2%", (None, 0.02)),
        ("at most 2 percentage points", (None, 0.02)),
        ("<= 0.05 nats per token", (None, 0.05)),
        ("at least -0.01", (-0.01, None)),
        ("at least −0.01", (-0.01, None)),
        ("within ±0.01", (-0.01, 0.01)),
        ("every group at least half its share", (None, None)),
        ("", (None, None)),
    ],
)
def test_a_limit_in_words_gives_its_ends(limit: str, ends: tuple[float | None, float | None]) -> None:
    assert words.bounds(limit) == ends


def test_a_figure_and_its_interval_have_about_the_same_decimals() -> None:
    share = figure("toxicity.rate", 0.0208, 0.0089, 0.0478)
    assert (words.value(share), words.interval(share)) == ("2.1%", "0.89% to 4.8%")
    ratio = figure("toxicity.disparate_impact_ratio", 1.03, 0.54, 2.164)
    assert (words.value(ratio), words.interval(ratio)) == ("1.03", "0.54 to 2.16")
    gap = figure("twins.gap", -0.0294, -0.0404, -0.0184)
    assert (words.value(gap), words.interval(gap)) == ("−0.029", "−0.040 to −0.018")


def test_a_loss_keeps_three_digits() -> None:
    loss = figure("loss", 2.254, 2.1, 2.4)
    assert (words.value(loss), words.interval(loss)) == ("2.25", "2.10 to 2.40")


def test_a_small_share_is_not_written_as_nothing() -> None:
    rare = figure("toxicity.rate", 0.0004, 0.0001, 0.0019)
    assert words.value(rare) == "0.040%"
    assert words.value(figure("toxicity.rate", 0.0004, 0.0001, 0.3)) == "0.040%", "whatever it stands beside"
    assert words.value(figure("toxicity.rate", 0.00003, 0.0, 0.3)) == "0.0030%"


def test_zero_carries_no_sign() -> None:
    assert words.value(figure("toxicity.difference", -0.0, -0.05, 0.05)) == "0.0 pp"
    assert words.value(figure("toxicity.difference", -0.00001, -0.05, 0.05)) == "−0.0010 pp", "is not 0"
    assert words.number(-0.0, "signed") == "0.0"


def test_a_figure_is_never_rounded_into_another_statement() -> None:
    """A ratio of 1.5 [0.0023, 10,720] once stood on a tile as "2 [0 to 10,721]"."""
    wild = figure("toxicity.disparate_impact_ratio", 1.5, 0.002336884413336332, 10720.625689698853)
    assert (words.value(wild), words.interval(wild)) == ("1.50", "0.0023 to 10,720")
    endless = figure("toxicity.disparate_impact_ratio", 1.0, 1e-22, 1.4660000000000001e22)
    assert words.interval(endless) == "under 0.001 to over 1,000,000"
    nearly = figure("nontoxic.disparate_impact_ratio", 0.9996, 0.996, 0.99999)
    assert (words.value(nearly), words.interval(nearly)) == ("0.9996", "0.996 to 0.99999")
    assert words.interval(figure("toxicity.rate", 0.01, 1.6e-8, 0.2)) == "under 0.001% to 20.0%"
    assert words.interval(figure("toxicity.rate", 0.01, 0.0, 0.2)) == "0.0% to 20.0%", "control: that is 0"
    assert words.value(figure("toxicity.rate", 0.9996, 0.9, 1.0)) == "99.96%"
    assert words.interval(figure("toxicity.rate", 0.9996, 0.9, 1.0)) == "90.00% to 100.0%"


@given(
    st.sampled_from(["share", "points", "ratio", "number", "signed"]),
    st.floats(1e-9, 1e6) | st.floats(-1e6, -1e-9),
    st.integers(0, 6),
)
def test_what_is_written_is_what_was_measured(form: words.Form, value: float, beside: int) -> None:
    """Within 5 % of the figure, with its sign, and never 0 or a landmark that it is not."""
    for text in (words.number(value, form), words.number(value, form, beside)):
        if text.startswith("under"):
            assert 0 < value < 0.001
            continue
        read = float(text.replace("−", "-").replace(",", "").removesuffix("%").removesuffix(" pp"))
        scaled = value * (100 if form in ("share", "points") else 1)
        assert read == pytest.approx(scaled, rel=0.051)
        assert form != "share" or (read == 100) == (scaled == 100)
        assert form != "ratio" or (read == 1) == (scaled == 1)


def test_the_same_figure_reads_the_same_at_every_level() -> None:
    """A gate shows a wider interval than the plot below it; the figure itself must not change for that."""
    for high in (1.51, 1.7, 9.0, 400.0, 1e6):
        assert words.value(figure("toxicity.disparate_impact_ratio", 1.5, 0.01, high)) == "1.50"


def test_what_is_not_known_is_said_and_not_written_as_nought() -> None:
    silent = unknown("toxicity.rate", "no answer names this group", 0, {"group": "x"}, "Wilson")
    assert words.value(silent) == "not known"
    assert words.interval(silent) == ""
    assert "no answer names this group" in words.tooltip(silent)


def test_a_count_of_everything_has_no_interval() -> None:
    count = exact("curate.rows.kept", 12345, 12345, {})
    assert (words.value(count), words.interval(count)) == ("12,345", "")


def test_support_names_n_clusters_method_and_instruments() -> None:
    told = words.support(figure("toxicity.rate", 0.1, 0.05, 0.2, clusters=20, rests_on=("toxicity@1",)))
    assert told == "n = 100 in 20 clusters; Wilson; 95% interval; rests on toxicity@1"


def test_an_unknown_metric_is_shown_under_its_own_name() -> None:
    known = words.metric("bbq.bias_score")
    assert (known.title, known.form) == ("Bbq, bias score", "number")
    assert words.metric("refusal.rate").form == "share"
    assert words.metric("x", unit="rows").form == "count"


def test_lists_read_as_sentences() -> None:
    assert [words.listed(["a"]), words.listed(["a", "b"]), words.listed(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
