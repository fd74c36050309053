"""The report of a run: one HTML page, a model card and the figures as JSON, from the run folder alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from duecare.core import Outcome, refuse_unless
from duecare.core.wire import encode
from duecare.report import best, chart, words
from duecare.report.card import model_card
from duecare.report.croissant import croissant
from duecare.report.datasheet import data_card
from duecare.report.documents import annex_iv, bom, frameworks, markdown
from duecare.report.documents import page as paper_page
from duecare.report.summary import summary
from duecare.report.view import View, view

BOM = "bom.cdx.json"
_BESIDE = (
    ("model_card.md", "the model card, with Hugging Face metadata"),
    ("data_card.md", "the data card: what a stranger asks of each source"),
    ("croissant.json", "the curated tables as other programs load them (MLCommons Croissant)"),
    (BOM, "the bill of materials (CycloneDX): model, data, software, figures"),
    ("annex_iv.html", "technical documentation along Annex IV of the EU AI Act"),
    ("frameworks.html", "evidence by framework: NIST, ISO/IEC 42001, OECD, Google"),
    ("report.json", "every figure for other programs"),
)
_MOST_FIGURES = 200
"""So many figures of one ledger entry stand on the page; all of them are in report.json."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Write the report from the run folder: the page, cards, documents and every figure as JSON.

    - cases: how many affected rows and answers are shown behind each number; 0 leaves every text out.
    """

    cases: int = 5

    def __post_init__(self) -> None:
        refuse_unless("report", (0 <= self.cases <= 50, "cases", self.cases, "a whole number from 0 to 50"))

    def build(self, run: Path, out: Path) -> Outcome:
        """Read `run`, write the files into `out`; the same run folder gives the same bytes.

        Raises LedgerError where the ledger holds nothing or is not what its head signs.
        """
        seen = view(run, self.cases)
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_bytes(html(seen).encode("utf-8"))
        (out / "model_card.md").write_bytes(model_card(seen).encode("utf-8"))
        (out / "data_card.md").write_bytes(data_card(seen).encode("utf-8"))
        (out / "croissant.json").write_bytes(croissant(seen))
        (out / "report.json").write_bytes(encode(summary(seen)) + b"\n")
        files = {"page": "report.html", "card": "model_card.md", "data": "data_card.md"}
        files |= {"croissant": "croissant.json", "figures": "report.json"}
        return Outcome(files=files | _documents(seen, out))


def _documents(seen: View, out: Path) -> dict[str, str]:
    """Write the documents for outsiders; what each is -> its file."""
    (out / BOM).write_bytes(bom(seen))
    files = {"bom": BOM}
    for name, paper in (("annex_iv", annex_iv(seen)), ("frameworks", frameworks(seen))):
        (out / f"{name}.md").write_bytes(markdown(paper, seen).encode("utf-8"))
        (out / f"{name}.html").write_bytes(paper_page(paper, seen).encode("utf-8"))
        files |= {name: f"{name}.md", f"{name}_page": f"{name}.html"}
    return files


def html(seen: View) -> str:
    """The page. Every value is escaped; only our own drawings and style sheet are put in as they are."""
    bests = best.bests(seen.story)
    panels = [*seen.panels, *(each.curve for each in bests)]
    drawings = {id(panel): Markup(chart.draw(panel)) for panel in panels}  # noqa: S704 - own SVG, names escaped
    style = (resources.files("duecare.report") / "pages" / "style.css").read_text("utf-8")
    page = _pages().get_template("report.html")
    return page.render(
        view=seen,
        story=seen.story,
        bests=bests,
        draw=lambda panel: drawings[id(panel)],
        style=Markup(style),  # noqa: S704 - our own file
        paint=chart.paint,
        most_figures=_MOST_FIGURES,
        beside=_BESIDE,
    )


@lru_cache(maxsize=1)
def _pages() -> jinja2.Environment:
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("duecare.report", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(
        shown=words.value,
        interval=words.interval,
        support=words.support,
        tooltip=words.tooltip,
        is_exact=words.is_exact,
        plural=words.plural,
        subject=words.subject,
        titled=words.title,
        slug=lambda name: re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "none",
        when=lambda time: time[:16].replace("T", " ") + " UTC",
        wire=lambda value: encode(value).decode(),
    )
    return pages
