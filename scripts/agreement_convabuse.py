"""Write how far the people behind a public set of labels agree, as tables of Markdown in docs/agreement.md.

    python scripts/agreement_convabuse.py $DUECARE_DATA [--page docs/agreement.md]

Reads the train and validation splits of ConvAbuse (Cercas Curry, Abercrombie and Rieser 2021): eight people
rated turns of talks between users and chatbots from 1 (friendly) to -3 (very strongly abusive). Figures only;
no row, no text. Talks are the independent units. What stands between the markers of the page is replaced.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from duecare.measure import Interval, Ratings, agree, dawid_skene, mace, self_consistency, severities
from duecare.measure.annotators import competences, vote_shares

SPLITS = ("train", "valid")
SCALE = (-3.0, -2.0, -1.0, 0.0, 1.0)
RATERS = range(1, 9)


def ratings_of(path: Path) -> Iterator[tuple[str, str, int, float]]:
    """Item, talk, rater and severity of every rating of a split; repeats follow the first one."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for rater in RATERS:
                flags = [row[f"Annotator{rater}_is_abuse.{int(value)}"].split(", ") for value in SCALE]
                if flags[0] == [""]:
                    continue
                for turn in range(len(flags[0])):
                    (value,) = (
                        value for value, marks in zip(SCALE, flags, strict=True) if marks[turn] == "1"
                    )
                    yield row["example_id"], row["conv_id"], rater, value


def first_of(rows: Sequence[tuple[str, str, int, float]], abusive: bool) -> Ratings:
    """The first rating of each item by each rater, on the whole scale or as abusive or not."""
    seen: dict[tuple[str, int], tuple[str, float]] = {}
    for item, talk, rater, value in rows:
        seen.setdefault((item, rater), (talk, float(value < 0) if abusive else value))
    return Ratings.of(
        [item for item, _ in seen],
        [rater for _, rater in seen],
        [value for _, value in seen.values()],
        categories=(0.0, 1.0) if abusive else SCALE,
        units=[talk for talk, _ in seen.values()],
    )


def shown(found: Interval) -> str:
    """A figure with its interval, or why there is none."""
    if found.value is None or found.low is None or found.high is None:
        return found.reason or ""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def together(splits: dict[str, list[tuple[str, str, int, float]]]) -> str:
    """All coefficients, for both splits and both readings of the scale."""
    rows = []
    for split, read in splits.items():
        for abusive in (True, False):
            ratings = first_of(read, abusive)
            rng = np.random.default_rng(0)
            figures = {
                "percent agreement": agree.percent(ratings, rng),
                "Fleiss' kappa": agree.fleiss(ratings, rng),
                "Krippendorff's alpha, nominal": agree.krippendorff_alpha(ratings, rng),
                "Gwet's AC1": agree.gwet_ac1(ratings, rng),
            }
            if not abusive:
                figures |= {
                    "Krippendorff's alpha, ordinal": agree.krippendorff_alpha(ratings, rng, "ordinal"),
                    "Krippendorff's alpha, interval": agree.krippendorff_alpha(ratings, rng, "interval"),
                    "Gwet's AC2, quadratic": agree.gwet_ac2(ratings, rng, "quadratic"),
                }
            what = "abusive or not" if abusive else "five steps"
            rows += [
                [split, what, name, shown(found), f"{found.n:,}", f"{found.clusters:,}"]
                for name, found in figures.items()
            ]
    return table(("split", "scale", "figure", "value (95 % interval)", "ratings", "talks"), rows)


def each(read: list[tuple[str, str, int, float]]) -> str:
    """Every rater: repeats, severity, competence under both models."""
    ratings, graded = first_of(read, True), first_of(read, False)
    models = [
        competences(model(ratings), np.random.default_rng(0), resamples=200) for model in (dawid_skene, mace)
    ]
    severe = {found.rater: found for found in severities(graded, within=(-3.0, 1.0))}
    items, raters, values = zip(*((item, rater, value < 0) for item, _, rater, value in read), strict=True)
    repeats = self_consistency(raters, items, values)
    rows = []
    for rater in RATERS:
        lean = severe[rater]
        sign = "" if lean.adjusted is None else f", p {max(lean.adjusted, 0.0001):.4f}"
        rows.append(
            [
                str(rater),
                f"{repeats[rater].n}",
                shown(repeats[rater]),
                shown(lean.interval) + sign,
                shown(models[0][rater]),
                shown(models[1][rater]),
            ]
        )
    head = ("rater", "repeats", "same again", "kinder than others", "Dawid-Skene", "MACE")
    return table(head, rows)


def votes(splits: dict[str, list[tuple[str, str, int, float]]]) -> str:
    """Where models of raters and the majority differ."""
    rows = []
    for split, read in splits.items():
        ratings = first_of(read, True)
        rated = ratings.per_item() > 0
        share = vote_shares(ratings)[rated, 1]
        for name, model in (("Dawid-Skene", dawid_skene), ("MACE", mace)):
            found = model(ratings)
            soft = found.labels[rated, 1]
            decided = share != 0.5
            moved = ((soft > 0.5) != (share > 0.5)) & decided
            rows.append(
                [
                    split,
                    name,
                    f"{int(rated.sum()):,}",
                    f"{int((~decided).sum()):,}",
                    f"{int(moved.sum()):,}",
                    f"{float((share > 0.5).sum()) / rated.sum():.3f}",
                    f"{soft.mean():.3f}",
                    str(found.rounds),
                ]
            )
    head = ("split", "model", "items", "ties of votes", "majority overruled", "abusive by majority",
            "abusive by model", "rounds of EM")  # fmt: skip
    return table(head, rows)


def main() -> None:
    """Read the splits, and put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--page", type=Path, default=Path("docs/agreement.md"))
    told = parser.parse_args()
    folder = told.data / "convabuse-raters"
    splits = {split: list(ratings_of(folder / f"ConvAbuseEMNLP{split}.csv")) for split in SPLITS}
    page = told.page.read_text("utf-8")
    for name, text in (
        ("together", together(splits)),
        ("each", each(splits["train"])),
        ("votes", votes(splits)),
    ):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        if not re.search(pattern, page, re.S):
            raise SystemExit(f"{told.page}: has no place marked {name}")
        page = re.sub(pattern, lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page, flags=re.S)
    told.page.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
