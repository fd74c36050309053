"""Drawings by layer: lines with their bands, and a map of parts by layer. Drawn by Vega without a browser.

A map tells a share by the size of a square, its sign by a filled or a hollow one, and certainty by a heavy
outline: so it reads in grey and on paper. Names reach the drawing by number only; see `chart`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duecare.report.chart import DASHES, STAND_INS, config, own

_WIDTH, _HEIGHT, _ROW = 420, 170, 22
_LARGEST = 330
"""Square pixels of a square that stands for all of the gap."""
_MOST = 1.5
"""Shares are drawn up to this size: one pair with a small gap would else shrink all others."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a line at a layer, with its interval."""

    layer: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through the layers."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of a map: its row (by number), layer, share, and whether it stands out for certain."""

    row: int
    layer: int
    share: float
    found: bool


def lines(title: str, axis: str, drawn: Sequence[Line]) -> str:
    """Lines through the layers as an SVG element; `axis` says what goes up."""
    import altair as alt
    import vl_convert

    values = [
        {"line": str(place), "layer": each.layer, "value": each.value, "low": each.low, "high": each.high}
        for place, line in enumerate(drawn)
        for each in line.points
    ]
    names = [str(place) for place in range(len(drawn))]
    inks = [STAND_INS[f"g{place % 6}"] for place in range(len(drawn))]
    dashes = [list(DASHES[place % len(DASHES)]) for place in range(len(drawn))]
    colour = alt.Color("line:N", sort=names, legend=None, scale=alt.Scale(domain=names, range=inks))
    dash = alt.StrokeDash("line:N", sort=names, legend=None, scale=alt.Scale(domain=names, range=dashes))
    x = alt.X("layer:Q", title="layer", scale=alt.Scale(nice=False), axis=alt.Axis(format="d", tickCount=8))
    scale = alt.Scale(zero=False)
    y = alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(tickCount=4))
    base = alt.Chart(alt.Data(values=values))
    band = base.mark_area(opacity=0.14).encode(
        x=x, y=alt.Y("low:Q", title=None, scale=scale), y2="high:Q", color=colour
    )
    line = base.mark_line(strokeWidth=1.8, point=True).encode(x=x, y=y, color=colour, strokeDash=dash)
    chart = alt.layer(band, line).properties(width=_WIDTH, height=_HEIGHT, background="transparent")
    said = "; ".join(f"{each.name} {_course(each)}" for each in drawn if each.points)
    return own(_svg(vl_convert, chart), f"{title} ({axis}) by layer: {said}")


def _course(line: Line) -> str:
    first, last = line.points[0], line.points[-1]
    top = max(line.points, key=lambda each: each.value)
    return (
        f"from {first.value:.3g} at layer {first.layer} to {last.value:.3g} at layer {last.layer},"
        f" highest {top.value:.3g} at layer {top.layer}"
    )


def squares(title: str, rows: Sequence[str], drawn: Sequence[Square]) -> str:
    """A map as an SVG element: a row a part of the run, a column a layer. Row names are drawn by the page."""
    import altair as alt
    import vl_convert

    values = [
        {
            "row": each.row,
            "layer": each.layer,
            "size": min(abs(each.share), _MOST) * _LARGEST,
            "negative": each.share < 0,
            "found": each.found,
        }
        for each in drawn
    ]
    marks = _marks(alt, values, len(rows))
    chart = marks.properties(width=_WIDTH, height=_ROW * len(rows), background="transparent")
    top = sorted((each for each in drawn if each.found), key=lambda each: -abs(each.share))[:4]
    told = "; ".join(f"{rows[each.row]} of layer {each.layer}: {each.share:.0%}" for each in top)
    return own(_svg(vl_convert, chart), f"{title}. {told or 'No part stands out for certain'}")


def _marks(alt: Any, values: list[dict[str, Any]], rows: int) -> Any:
    """The squares of a map of so many rows; rows are called by number."""
    ink, rule = STAND_INS["g0"], STAND_INS["muted"]
    layers = sorted({each["layer"] for each in values})
    x = alt.X("layer:O", title="layer (0: the words themselves)", sort=layers, axis=alt.Axis(labelAngle=0))
    places = list(range(rows))
    y = alt.Y(
        "row:O",
        title=None,
        sort=places,
        scale=alt.Scale(domain=places),
        axis=alt.Axis(labelExpr="toNumber(datum.value) + 1"),
    )
    return (
        alt.Chart(alt.Data(values=values))
        .mark_point(shape="square", opacity=1)
        .encode(
            x=x,
            y=y,
            size=alt.Size("size:Q", legend=None, scale=None),
            fill=alt.condition("datum.negative", alt.value("transparent"), alt.value(ink)),
            fillOpacity=alt.condition("datum.found", alt.value(1.0), alt.value(0.35)),
            stroke=alt.condition("datum.found", alt.value(ink), alt.value(rule)),
            strokeWidth=alt.condition("datum.found", alt.value(2.2), alt.value(0.8)),
        )
    )


def strip(title: str, models: Sequence[str], drawn: Sequence[Square]) -> str:
    """Layers from model to model as an SVG element: a column a model (`row` of a Square, by number), a row a
    layer, the deepest on top. Models are named by the page."""
    import altair as alt
    import vl_convert

    layers = sorted({each.layer for each in drawn}, reverse=True)
    values = [
        {
            "row": each.row,
            "layer": each.layer,
            "size": min(max(each.share, 0.0), 1.0) * _LARGEST,
            "negative": False,
            "found": each.found,
        }
        for each in drawn
    ]
    places = list(range(len(models)))
    marks = _marks(alt, values, len(models)).encode(
        x=alt.X(
            "row:O",
            title="model, in the order of training",
            sort=places,
            scale=alt.Scale(domain=places),
            axis=alt.Axis(labelExpr="toNumber(datum.value) + 1", labelAngle=0),
        ),
        y=alt.Y("layer:O", title=None, sort=layers),
    )
    chart = marks.properties(width=_WIDTH, height=_ROW * len(layers), background="transparent")
    top = max(
        (each for each in drawn if each.row == len(models) - 1), key=lambda each: each.share, default=None
    )
    told = f"{title}, by the way from random labels to all read right"
    if top is not None:
        at = {each.row: each.share for each in drawn if each.layer == top.layer}
        told += f"; layer {top.layer}: " + ", ".join(f"{models[row]} {at[row]:.0%}" for row in sorted(at))
    return own(_svg(vl_convert, chart), told)


def _svg(vl_convert: Any, chart: Any) -> str:
    return str(vl_convert.vegalite_to_svg(chart.configure(**config()).to_dict()))
