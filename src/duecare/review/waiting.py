"""The step of a study that waits for people: it takes a closed round's export in, or says what is missing."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from duecare.core.errors import DataError, refuse_unless
from duecare.core.step import Artifact, Artifacts, Outcome, Tell
from duecare.core.wire import decode
from duecare.ledger.layout import REVIEW
from duecare.review.errors import ReviewError
from duecare.review.plan import Point
from duecare.review.question import Question

PLACE = REVIEW
"""The folder of a run in which the store and the exports lie."""
STORE = "review.sqlite"
ELSEWHERE = "DUECARE_REVIEW_STORE"
"""The environment variable that names a team's database."""
ABOUT = "round.json"
CLOSED = "review.closed"
"""Topic of the note that a closed round leaves in the ledger: its counts, and the digest of each file."""
When = Literal["train", "release"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


class PendingError(ReviewError):
    """A run waits for people; it goes on when their round is closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """Wait for a round of human review.

    - before: what may not begin without it: "train" or "release"
    - point: what is reviewed: "data" (rows of a source), "pairs" (preference pairs), "reward" (pairs with the
      scores of the reward model), "model" (answers of the evaluation)
    - on: the source whose rows are reviewed; for "model" nothing
    - name: of the round (left out: the point and the source)
    - items: how many are reviewed at least
    - overlap: people who judge each item
    - guideline: how to judge (left out: a general one for the point)
    - questions: what is asked (left out: general ones for the point)
    - cover: axes of groups, each combination of which is among the items
    - panels: an axis on which reviewers may say something of themselves: in the preference pairs that choices
      become, each group of reviewers who say the same counts alike, however many they are
    """

    before: When = "train"
    point: Point = "data"
    on: str = ""
    name: str = ""
    items: int = 100
    overlap: int = 3
    guideline: str = ""
    questions: tuple[Question, ...] = ()
    cover: tuple[str, ...] = ()
    panels: str = ""

    def __post_init__(self) -> None:
        early = self.point in ("data", "pairs")
        refuse_unless(
            "review",
            (self.before in get_args(When), "before", self.before, f"one of {', '.join(get_args(When))}"),
            (self.point in get_args(Point), "point", self.point, f"one of {', '.join(get_args(Point))}"),
            (
                early or self.before == "release",
                "point",
                self.point,
                "data or pairs, where it is before train",
            ),
            (self.point == "model" or bool(self.on), "on", self.on, "a source under `data`"),
            (
                not self.name or bool(_NAME.fullmatch(self.name)),
                "name",
                self.name,
                "letters, digits, - and _, at most 60",
            ),
            (not self.panels or self.point != "data", "panels", self.panels, "pairs or answers to compare"),
            (self.items >= 1, "items", self.items, "a whole number, at least 1"),
            (self.overlap >= 1, "overlap", self.overlap, "a whole number, at least 1"),
        )

    @property
    def round(self) -> str:
        """What the round is called."""
        return self.name or (f"{self.point}-{self.on}" if self.on else self.point)

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Take the export of the closed round in, and what it gives back (`results.given_back`).

        Raises PendingError where there is none yet, DataError where too little was judged.
        """
        from duecare.review.results import given_back

        given = inputs["reviewed"]
        place = given.path.parents[1] / PLACE
        folder = place / folder_of(self.round)
        about: dict[str, Any] = {}
        if (folder / ABOUT).is_file():
            about = decode((folder / ABOUT).read_bytes(), dict[str, Any])
        if about.get("state") != "closed" or about["source_digest"] != given.digest:
            raise PendingError(self._missing(place, given))
        self._expect(about)
        self._expect_unchanged(folder, place.parent, str(about["round"]))
        for path in sorted(folder.iterdir()):
            shutil.copyfile(path, out / path.name)
        found = given_back(out, given.path, out, panels=self.panels)
        files = {path.stem: path.name for path in sorted(out.iterdir()) if path.is_file()}
        return Outcome(files=files, estimates=found.estimates)

    def _expect(self, about: dict[str, Any]) -> None:
        """The export holds as much as was asked for."""
        complete, items = about["counts"]["complete"], about["counts"]["items"]
        wanted = min(self.items, about["settings"]["candidates"])
        if about["overlap"] < self.overlap or complete < wanted:
            raise DataError(
                f"round {self.round}: {complete} of {items} items were judged by {about['overlap']} people, "
                f"the study asks for {wanted} by {self.overlap}"
            )

    def _expect_unchanged(self, folder: Path, run: Path, round: str) -> None:
        """Every file is the one whose digest the ledger was told when the round was closed."""
        from duecare.ledger.digest import file_digest
        from duecare.ledger.read import entries

        notes = [entry.note for entry in entries(run) if entry.note is not None]
        told = [note.data for note in notes if note.topic == CLOSED and note.data["round"] == round]
        known = {name: value for name, value in (told[-1] if told else {}).items() if "." in name}
        for name in sorted(known.keys() | {path.name for path in folder.iterdir()}):
            if not (folder / name).is_file() or file_digest(folder / name) != known.get(name):
                raise DataError(
                    f"round {self.round}: {name} is not as it was when the round was closed; export it anew "
                    f"with `duecare review close {run} --round {self.round}`"
                )

    def _missing(self, place: Path, given: Artifact) -> str:
        """What people still have to do, and with which command."""
        said = f"round {self.round} is required before {self.before}"
        begin = f"open it with `duecare review open {place.parent} --round {self.round}`"
        close = f"`duecare review close {place.parent} --round {self.round}`"
        store = os.environ.get(ELSEWHERE) or place / STORE
        if isinstance(store, Path) and not store.exists():
            return f"{said}: {begin}"
        from duecare.review.rounds import progress, round_of
        from duecare.review.store import Store

        with Store.open(store) as opened:
            try:
                found, done = round_of(opened, self.round), progress(opened, self.round)
            except ReviewError:
                return f"{said}: {begin}"
        if found.source_digest != given.digest:
            end = begin if found.state == "closed" else f"close it with {close} --early, then {begin}"
            return f"{said}: the one that is there reviewed other rows than {given.job} has now; {end}"
        if found.state == "closed":
            return f"{said}: it is closed, but its export is not there: make it with {close}"
        judged = f"{done.complete} of {done.items} items are judged by all"
        return f"{said}: {judged}; then close it with {close}, and run again"


def folder_of(round: str) -> str:
    """The folder of a round's export: its name, if that is safe as one, else a digest of it."""
    from duecare.ledger.digest import bytes_digest

    return f"export-{round}" if _NAME.fullmatch(round) else f"export-{bytes_digest(round.encode())[:16]}"
