"""Given names that read as a woman's or as a man's, for surrogates that keep a sentence's grammar.

    python scripts/given_names.py $DUECARE_DATA

Writes src/duecare/curate/words/given_names.json from public records of the United States: first names of
the 1990 census (share of women and of men called so; public domain) and births in New York City by sex (NYC
Open Data). A name is listed where at least 95 in 100 of those who bear it, in every source that holds it
with enough bearers, were recorded as of one sex. All others, and names not listed, count as anybody's.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

OUT = Path(__file__).parent.parent / "src/duecare/curate/words/given_names.json"
SHARE, LEAST = 0.95, 20


def main(data: Path) -> None:
    """Write the two lists."""
    folder = data / "names-demographics"
    shares = [census(folder), births(folder)]
    files = ["dist.female.first.txt", "dist.male.first.txt", "Popular_Baby_Names.csv"]
    names: dict[str, list[str]] = {"feminine": [], "masculine": []}
    for name in sorted(set().union(*shares)):
        known = [share[name] for share in shares if name in share]
        if min(known) >= SHARE:
            names["feminine"].append(name)
        elif max(known) <= 1 - SHARE:
            names["masculine"].append(name)
    made = {
        "about": {
            "what": "given names of which at least 95 in 100 bearers were recorded as of one sex",
            "sources": "US Census 1990, first names (public domain); New York City births (NYC Open Data)",
            "sha256": {each: hashlib.sha256((folder / each).read_bytes()).hexdigest() for each in files},
        },
        "names": {kind: " ".join(listed) for kind, listed in names.items()},
    }
    OUT.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print({kind: len(listed) for kind, listed in names.items()})


def census(folder: Path) -> dict[str, float]:
    """Share of women among those called so, had there been as many women as men."""
    often: dict[str, dict[str, float]] = {}
    for sex in ("female", "male"):
        lines = (folder / f"dist.{sex}.first.txt").read_text("utf-8").splitlines()
        often[sex] = {line.split()[0].lower(): float(line.split()[1]) for line in lines if line.strip()}
    return {
        name: often["female"].get(name, 0) / total
        for name in often["female"].keys() | often["male"].keys()
        if (total := often["female"].get(name, 0) + often["male"].get(name, 0)) > 0
    }


def births(folder: Path) -> dict[str, float]:
    """Share of girls among the children given the name; names of fewer than 20 children are left out."""
    girls, all_ = Counter[str](), Counter[str]()
    with (folder / "Popular_Baby_Names.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name, count = row["Child's First Name"].strip().lower(), int(row["Count"])
            all_[name] += count
            girls[name] += count * (row["Gender"].upper() == "FEMALE")
    return {name: girls[name] / count for name, count in all_.items() if count >= LEAST and name.isalpha()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
