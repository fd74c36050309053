"""How far the swap of women and men reaches: against published word lists, sentence pairs and first names.

    python scripts/swap_coverage.py $DUECARE_DATA

The lists are only compared with: none of their words was taken over. Prints shares with 95 % intervals.

- lists: pairs of gn_glove and debiaswe of which our list knows both words as a pair
- sentences: WinoBias has each sentence for both sides; the share that our swap turns into its twin
- rows: how many rows of everyday sets that name a side get a copy
- names: our paired first names whose bearers in the US Census of 1990 are of one side in 95 % or more
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from train_her import rows

from duecare.curate.swap import FIXED, Twin, twin
from duecare.curate.wording import Refusal
from duecare.measure import proportion

OURS = json.loads((resources.files("duecare.curate") / "words" / "gender.json").read_text("utf-8"))


def told(what: str, hits: int, total: int) -> None:
    """One line."""
    found = proportion(hits, total)
    print(f"{what}: {hits} of {total}, {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")


def pairs_of(data: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The published pairs, lower case, single words."""
    folder = data / "gn-glove-lists"
    women, men = (
        (folder / f"{side}_word_file.txt").read_text("utf-8").split() for side in ("female", "male")
    )
    yield "gn_glove", list(zip(women, men, strict=False))
    for name in ("definitional_pairs", "equalize_pairs"):
        raw = json.loads((data / "debiaswe-lists" / f"{name}.json").read_text("utf-8"))
        yield f"debiaswe {name}", [(a.lower(), b.lower()) for a, b in raw if "_" not in a + b]


def on_lists(data: Path) -> None:
    """Share of published pairs that our list pairs alike."""
    known = {frozenset(pair) for pair in OURS["pairs"]}
    known |= {frozenset(("her", "his")), frozenset(name.lower() for name in ("Mary", "John"))}
    for name, pairs in pairs_of(data):
        told(f"pairs of {name}", sum(frozenset(pair) in known for pair in pairs), len(pairs))
        words = {word for pair in OURS["pairs"] for word in pair} | OURS["no_way_back"].keys()
        listed = {word for pair in pairs for word in pair}
        told(f"words of {name} that are exchanged or refused", len(words & listed), len(listed))


def sentences(path: Path) -> list[str]:
    """WinoBias: the number and the brackets left out."""
    return [
        re.sub(r"[\[\]]", "", line.split(" ", 1)[1]).strip()
        for line in path.read_text("utf-8").splitlines()
        if line
    ]


def on_sentences(data: Path) -> None:
    """WinoBias, both ways."""
    done = refused = right = 0
    for path in sorted((data / "winobias").glob("pro_*")):
        other = path.with_name(path.name.replace("pro_", "anti_"))
        for one, two in zip(sentences(path), sentences(other), strict=True):
            for text, gold in ((one, two), (two, one)):
                found = twin([text], "gender", FIXED["gender"])
                done += 1
                refused += isinstance(found, Refusal)
                right += isinstance(found, Twin) and _same(found.texts[0], gold)
    told("WinoBias sentences refused", refused, done)
    told("WinoBias sentences right, of those exchanged", right, done - refused)


def _same(ours: str, gold: str) -> bool:
    """Case and white space aside; WinoBias itself is not even in them."""
    return " ".join(ours.lower().split()) == " ".join(gold.lower().split())


def on_rows(data: Path) -> None:
    """Share of the rows that name women or men which get a copy."""
    for name in ("cfpb-complaints", "hh-rlhf-harmless"):
        found = [twin([text], "gender", FIXED["gender"]) for text in rows(data, name)]
        named = [each for each in found if each is not None]
        told(f"rows of {name} that get a copy", sum(isinstance(each, Twin) for each in named), len(named))


def on_names(data: Path) -> None:
    """Our paired names in the Census of 1990: how one-sided, and how many of the people they cover."""
    shares = [_census(data / "names-demographics" / f"dist.{side}.first.txt") for side in ("female", "male")]
    one_sided = known = 0
    for pair in OURS["names"]:
        for side, name in enumerate(pair):
            mine, other = (shares[place].get(name.upper(), 0.0) for place in (side, 1 - side))
            known += mine + other > 0
            one_sided += mine > 0 and mine / (mine + other) >= 0.95
    told("paired names in the Census", known, 2 * len(OURS["names"]))
    told("of these one-sided", one_sided, known)
    for side, label in enumerate(("women", "men")):
        covered = sum(shares[side].get(pair[side].upper(), 0.0) for pair in OURS["names"])
        print(f"share of {label} in the Census with a paired name: {covered / 100:.3f}")


def _census(path: Path) -> dict[str, float]:
    """Name -> per cent of the people of one side."""
    rows: Iterable[list[str]] = (
        line.split() for line in path.read_text("utf-8").splitlines() if line.strip()
    )
    return {row[0]: float(row[1]) for row in rows}


if __name__ == "__main__":
    on_lists(Path(sys.argv[1]))
    on_sentences(Path(sys.argv[1]))
    on_rows(Path(sys.argv[1]))
    on_names(Path(sys.argv[1]))
