"""Training curves as static SVG: drawn by Vega without a browser, coloured by the page's own style.

The colours in the SVG are CSS variables, so one drawing serves light, dark and paper. Groups differ by
dash as well as by colour. Text is measured with a font that the drawing library carries, so the bytes
do not depend on the fonts of the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from duecare.report.curves import EVERYONE, STEPS, Panel

_COLOURS = 6
"""So many colours and dash patterns there are; a seventh group starts anew."""
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (4, 2), (1, 3))
_UNDONE = (1, 4)
_WIDTH, _HEIGHT = 360, 190
_FEW = 8
"""Up to so many points are drawn as dots too: a line through one point would be invisible."""
MEASURE_FONT = "Roboto"
STAND_INS = {
    name: f"#abcde{place:x}" for place, name in enumerate(["muted", "rule", *(f"g{i}" for i in range(6))])
}
"""What Vega is told for each colour; the drawing then names the CSS variable instead."""


@dataclass(frozen=True, slots=True)
class Ink:
    """How a curve is drawn: a CSS variable of the page (without "--") and a dash pattern."""

    colour: str
    dash: tuple[int, ...]


def paint(panel: Panel) -> tuple[Ink, ...]:
    """The ink of each curve of a panel; all rows together are drawn in grey beside their groups.

    What came after the model that is kept is dotted, in the colour of its group.
    """
    groups = [curve.group for curve in panel.curves if curve.of is None]
    inks = []
    for curve in panel.curves:
        group = curve.of or curve.group
        grey = bool(panel.axis) and group == EVERYONE
        number = (groups.index(group) if group in groups else len(groups)) % _COLOURS
        dash = _UNDONE if curve.of else (1, 0) if grey else DASHES[number]
        inks.append(Ink("muted" if grey else f"g{number}", dash))
    return tuple(inks)


def draw(panel: Panel) -> str:
    """One panel as an SVG element with a title for those who cannot see it."""
    import altair as alt
    import vl_convert

    ends = _heights(panel)
    data = alt.Data(values=_values(panel, ends))
    inks = paint(panel)
    names = [str(place) for place in range(len(inks))]
    colour = alt.Color(
        "group:N",
        sort=names,
        legend=None,
        scale=alt.Scale(domain=names, range=[STAND_INS[ink.colour] for ink in inks]),
    )
    dash = alt.StrokeDash(
        "group:N",
        sort=names,
        legend=None,
        scale=alt.Scale(domain=names, range=[list(ink.dash) for ink in inks]),
    )
    doubling = panel.along != STEPS
    along = alt.Scale(type="log", base=2, nice=False) if doubling else alt.Scale(nice=False)
    x = alt.X("step:Q", title=panel.along, scale=along, axis=alt.Axis(tickCount=5, format="d"))
    scale = alt.Scale(zero=False, nice=False, domain=list(ends))
    y = alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(tickCount=4))
    few = max(len(curve.points) for curve in panel.curves) <= _FEW
    line = (
        alt.Chart(data).mark_line(strokeWidth=1.8, point=few).encode(x=x, y=y, color=colour, strokeDash=dash)
    )
    layers = [line]
    if any(point.low is not None for curve in panel.curves for point in curve.points):
        band = alt.Chart(data).transform_filter("isValid(datum.low)").mark_area(opacity=0.16)
        layers.insert(
            0, band.encode(x=x, y=alt.Y("low:Q", title=None, scale=scale), y2="high:Q", color=colour)
        )
    chart = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, background="transparent")
    return own(vl_convert.vegalite_to_svg(chart.configure(**config()).to_dict()), describe(panel))


def _heights(panel: Panel) -> tuple[float, float]:
    """The ends of the vertical scale: all values, and of the bands as much again, so that the wide band of
    a group with few rows does not flatten every curve."""
    points = [point for curve in panel.curves for point in curve.points]
    values = [point.value for point in points]
    lows = [point.low for point in points if point.low is not None]
    highs = [point.high for point in points if point.high is not None]
    low, high = min(values), max(values)
    reach = (high - low) or max([abs(end - low) for end in (*lows, *highs)], default=0.0) or 1.0
    bottom, top = max(min([low, *lows]), low - reach), min(max([high, *highs]), high + reach)
    room = 0.04 * (top - bottom) or 0.5
    return bottom - room, top + room


def _values(panel: Panel, ends: tuple[float, float]) -> list[dict[str, Any]]:
    """The points as Vega reads them; groups by number, so that no name of a stranger reaches the drawing.

    Bands are cut at the scale's ends here: Vega would cut them with ids that differ from call to call.
    """
    bottom, top = ends
    return [
        {
            "group": str(place),
            "step": point.step,
            "value": point.value,
            "low": None if point.low is None else max(point.low, bottom),
            "high": None if point.high is None else min(point.high, top),
        }
        for place, curve in enumerate(panel.curves)
        for point in curve.points
    ]


def config() -> dict[str, Any]:
    """How every drawing of ours is set."""
    return {
        "aria": False,
        "font": MEASURE_FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": STAND_INS["muted"],
            "titleColor": STAND_INS["muted"],
            "titleFontWeight": "normal",
            "gridColor": STAND_INS["rule"],
            "domain": False,
            "ticks": False,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "labelPadding": 6,
            "minExtent": 38,
            "maxExtent": 38,
        },
        "axisX": {"grid": False, "minExtent": 16, "maxExtent": 16},
    }


def own(svg: str, said: str) -> str:
    """The drawing, described by `said`, as an element of our page: no namespaces, no fixed size, the page's
    font, a title."""
    from markupsafe import escape

    box = re.search(r'viewBox="([^"]*)"', svg)
    inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    inner = re.sub(r'<path class="(?:back|fore)ground"[^>]*/>', "", inner)
    inner = re.sub(r' (?:font-family|aria-[a-z]+|role|pointer-events)="[^"]*"', "", inner)
    for name, colour in STAND_INS.items():
        inner = inner.replace(colour, f"var(--{name})")
    described = escape(said)
    size = box[1] if box else f"0 0 {_WIDTH} {_HEIGHT}"
    return (
        f'<svg class="curve" viewBox="{size}" role="img" aria-label="{described}">'
        f"<title>{described}</title>{inner}</svg>"
    )


def describe(panel: Panel) -> str:
    """What a panel shows, in words: each group's first and last value."""
    ends = [
        f"{curve.group} from {curve.points[0].value:.3g} to {curve.points[-1].value:.3g}"
        for curve in panel.curves
        if curve.points
    ]
    return f"{panel.job}, {panel.title}: {'; '.join(ends)}"
