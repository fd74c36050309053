"""Rows that somebody may have planted are set aside for review, with the evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyarrow as pa

from duecare.core import Artifact, Artifacts, Note, Outcome, Tell, exact, refuse_unless
from duecare.core.table import TEXTS, texts
from duecare.curate.concealed import candidates, concealed
from duecare.curate.flow import BATCH, Sifted, batches, changes, sift, split_rows
from duecare.curate.near import prompts_near
from duecare.curate.texts import mask_of, owners

if TYPE_CHECKING:
    from duecare.curate.flips import Flip  # brings scipy, which a study check does without

Check = Literal["hidden", "triggers", "habits", "clusters", "flips"]
CHECKS: tuple[Check, ...] = get_args(Check)
ALIKE = 0.7
"""Jaccard similarity from which two instructions are near-identical."""

Reason = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Poisoning:
    """Set rows aside (or only flag them) that look planted; a person decides, by the evidence in the reasons.

    - checks: "hidden": instructions that a reader does not see or that speak to a model (unseen characters,
      chat markup, Base64, "ignore previous instructions"); "triggers": phrases tied to one answer whatever
      else is asked; "habits": phrases whose answers vary, yet nearly all hold the same words (a sentence, a
      link), refuse or are toxic, where others do not; "clusters": many near-identical instructions; "flips":
      labels of one group that suddenly change, or preferences that run against everyone's
    - mode: "drop" moves such rows to dropped.parquet for review, "flag" only records them; rows of clusters
      and of flips are only ever flagged, because honest data has them too
    - least: rows that a trigger phrase, or one with a habit, must have
    - cluster: rows that near-identical instructions must have to be told
    - alpha: accepted chance that any trigger, any habit, or any flip, is told where there is none
    - seed: of the pairs of rows that are compared
    """

    checks: tuple[Check, ...] = CHECKS
    mode: Literal["drop", "flag"] = "drop"
    least: int = 5
    cluster: int = 50
    alpha: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        known = (
            bool(self.checks)
            and len(set(self.checks)) == len(self.checks)
            and set(self.checks) <= set(CHECKS)
        )
        refuse_unless(
            "curate.poisoning",
            (known, "checks", self.checks, f"one or more of {', '.join(CHECKS)}, each once"),
            (self.mode in ("drop", "flag"), "mode", self.mode, "drop or flag"),
            (self.least >= 3, "least", self.least, "a whole number from 3"),
            (self.cluster >= 3, "cluster", self.cluster, "a whole number from 3"),
            (0 < self.alpha < 0.5, "alpha", self.alpha, "a number in (0, 0.5)"),
            (self.seed >= 0, "seed", self.seed, "a whole number, 0 or more"),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept, dropped and changes; tell how many rows each check points at.

        Holds prompts and answers in memory.
        """
        rows = _Rows()
        for batch in batches(inputs["examples"]):
            rows.add(batch)
        evidence = self._of_all(rows, inputs["examples"], out, tell)
        counts, done = Counter[str](), 0

        def operate(batch: pa.RecordBatch) -> Sifted:
            nonlocal done
            found = list(self.hidden(batch)) if "hidden" in self.checks else []
            for place in range(len(batch)):
                found += [(place, *each) for each in evidence.get(done + place, ())]
            done += len(batch)
            counts.update(each for _, each in {(place, check) for place, check, _ in found})
            return self._sifted(batch, found)

        outcome = sift(inputs, out, tell, operate)
        source = inputs["examples"].job.partition(":")[2]
        told = [
            exact(
                "curate.poisoning", counts[each], len(rows.names), {"source": source, "check": each}, "rows"
            )
            for each in self.checks
        ]
        return Outcome(files=outcome.files, estimates=(*outcome.estimates, *told))

    def hidden(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Check, Reason]]:
        """(row's position, check, reason) of what is hidden in the texts of a batch; a pure function."""
        flat, owner = texts(batch), owners(batch)
        worth = candidates(flat.column("text")).to_numpy(zero_copy_only=False)
        for place in np.flatnonzero(worth).tolist():
            for found in concealed(flat.column("text")[place].as_py()):
                yield (
                    int(owner[place]),
                    "hidden",
                    {
                        "reason": found.what,
                        "part": flat.column("part")[place].as_py(),
                        "start": found.start,
                        "end": found.end,
                        "label": "hidden",
                    },
                )

    def _of_all(
        self, rows: _Rows, artifact: Artifact, out: Path, tell: Tell
    ) -> dict[int, list[tuple[Check, Reason]]]:
        """Evidence that only all rows together give, by position."""
        found: dict[int, list[tuple[Check, Reason]]] = defaultdict(list)
        if "triggers" in self.checks:
            self._triggers(rows, found)
        if "habits" in self.checks:
            self._habits(rows, found)
        if "clusters" in self.checks:
            self._clusters(rows, artifact, out, tell, found)
        if "flips" in self.checks:
            for flip in self._flips(rows):
                tell(_note(flip))
                for place in flip.rows:
                    found[place].append(("flips", {"reason": _said(flip), "label": "flip"}))
        return found

    def _triggers(self, rows: _Rows, found: dict[int, list[tuple[Check, Reason]]]) -> None:
        from duecare.curate.trigger import phrase_digest, triggers

        asked, prompts, answers = rows.answered()
        for each in triggers(prompts, answers, least=self.least, alpha=self.alpha, seed=self.seed):
            reason = (
                f"phrase {phrase_digest(each.words)} of {len(each.words)} words is tied to one answer:"
                f" {len(each.rows)} of {each.holding} rows that hold it have it"
                f" (p = {each.p_value:.2g}; likeness of the rest {each.likeness:.2f},"
                f" of any rows {each.usual:.2f})"
            )
            for row in each.rows:
                found[asked[row]].append(("triggers", {"reason": reason, "label": "trigger"}))

    def _habits(self, rows: _Rows, found: dict[int, list[tuple[Check, Reason]]]) -> None:
        """A habit most of whose rows a trigger has is told as that."""
        from duecare.curate.habits import habits
        from duecare.curate.trigger import phrase_digest

        asked, prompts, answers = rows.answered()
        tied = {place for place, each in found.items() if any(check == "triggers" for check, _ in each)}
        flags = {"refusal": _refusing, "toxicity": _toxic}
        for each in habits(prompts, answers, flags, least=self.least, alpha=self.alpha, seed=self.seed):
            places = [asked[row] for row in each.rows]
            if len(tied & set(places)) > len(places) / 2:
                continue
            what = f"hold the same words ({phrase_digest(each.mark)})" if each.mark else _HAVE[each.what]
            reason = (
                f"phrase {phrase_digest(each.words)} of {len(each.words)} words is tied to a habit: the"
                f" answers of {len(each.rows)} of {each.holding} rows that hold it {what}, of other rows"
                f" {100 * each.elsewhere:.2g} % do (p = {each.p_value:.2g})"
            )
            for place in places:
                found[place].append(("habits", {"reason": reason, "label": "habit"}))

    def _clusters(
        self,
        rows: _Rows,
        artifact: Artifact,
        out: Path,
        tell: Tell,
        found: dict[int, list[tuple[Check, Reason]]],
    ) -> None:
        for members in prompts_near(artifact, ALIKE, out, tell):
            if len(members) >= self.cluster:
                first = rows.names[members[0]]
                reason = f"one of {len(members)} near-identical instructions, the first is {first}"
                for place in members:
                    found[int(place)].append(("clusters", {"reason": reason, "label": "cluster"}))

    def _flips(self, rows: _Rows) -> list[Flip]:
        from duecare.curate.flips import agreement, contrary, sudden

        groups = {key: np.array(places) for key, places in rows.groups.items()}
        found = sudden(rows.series(), groups, self.alpha)
        pairs = np.array(rows.pairs, dtype=np.int64)
        if len(pairs):
            agrees = agreement([rows.names[place] for place in pairs], rows.chosen, rows.rejected)
            where = {
                key: np.flatnonzero(np.isin(pairs, places)) for key, places in groups.items() if len(places)
            }
            flips = contrary(agrees, where, self.alpha) or sudden({"preference": agrees}, where, self.alpha)
            found += [_moved(flip, pairs) for flip in flips]
        return found

    def _sifted(self, batch: pa.RecordBatch, found: Sequence[tuple[int, Check, Reason]]) -> Sifted:
        """The batch with its reasons; a row goes by what is dropped for, and is kept by all else."""
        drop = {place for place, check, _ in found if self._drops(check)}
        kept, dropped = split_rows(batch, mask_of(sorted(drop), len(batch)))
        reasons = [
            {
                **reason,
                "row": batch.column("row")[place].as_py(),
                "key": batch.column("key")[place].as_py(),
                "step": "poisoning",
                "action": "dropped" if self._drops(check) else "flagged",
                "reason": f"for review: {reason['reason']}",
            }
            for place, check, reason in sorted(found, key=lambda each: each[0])
        ]
        return Sifted(kept, dropped, changes(reasons))

    def _drops(self, check: Check) -> bool:
        return self.mode == "drop" and check in ("hidden", "triggers", "habits")


@dataclass(slots=True)
class _Rows:
    """What all rows together are looked at for."""

    names: list[str] = field(default_factory=list)
    prompts: list[str | None] = field(default_factory=list)
    answers: list[str | None] = field(default_factory=list)
    groups: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    fields: list[dict[str, str]] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            place = len(self.names)
            self.names.append(row["row"])
            prompt, answer = _asked(row)
            self.prompts.append(prompt)
            self.answers.append(answer)
            self.fields.append({each["name"]: each["value"] for each in row["fields"]})
            for each in row["groups"]:
                self.groups[each["axis"], each["value"]].append(place)
            if row["kind"] == "preference":
                self.pairs.append(place)
                self.chosen.append(row["chosen"] or "")
                self.rejected.append(row["rejected"] or "")

    def answered(self) -> tuple[list[int], list[str], list[str]]:
        """Positions, prompts and answers of the rows that have both."""
        asked = [place for place, prompt in enumerate(self.prompts) if prompt and self.answers[place]]
        prompts, answers = ([each[place] or "" for place in asked] for each in (self.prompts, self.answers))
        return asked, prompts, answers

    def series(self) -> dict[str, np.ndarray]:
        """Kept columns of few values, as one series of true and false for each value but the rarest."""
        found: dict[str, np.ndarray] = {}
        for name in sorted({name for each in self.fields for name in each}):
            column = [each.get(name) for each in self.fields]
            counts = Counter(value for value in column if value is not None)
            if 2 <= len(counts) <= MOST_VALUES and sum(counts.values()) >= len(column) / 2:
                for value, _ in counts.most_common()[: max(1, len(counts) - 1)]:
                    found[f"{name} = {value}"] = np.array([each == value for each in column])
        return found


_HAVE = {"refusal": "decline", "toxicity": "are toxic"}
TOXIC = 0.5
"""Score of the fast tier from which an answer is toxic."""


def _refusing(answers: Sequence[str]) -> np.ndarray:
    """Which answers decline."""
    from duecare.detect.refusal import refused

    return refused(pa.array(answers, pa.string()))


def _toxic(answers: Sequence[str]) -> np.ndarray:
    """Which answers are toxic."""
    from duecare.detect import scorer_of

    scorer, found = scorer_of("toxicity"), [np.zeros(0, dtype=bool)]
    for first in range(0, len(answers), BATCH):
        some = pa.array(answers[first : first + BATCH], pa.string())
        names = pa.repeat(pa.scalar(""), len(some))
        scores = scorer(pa.RecordBatch.from_arrays([names, names, names, some], schema=TEXTS))
        values = scores.column("value").to_numpy(zero_copy_only=False).astype(float)
        found.append(np.nan_to_num(values) >= TOXIC)
    return np.concatenate(found)


MOST_VALUES = 8
"""A kept column with more different values is no label."""


def _asked(row: dict[str, Any]) -> tuple[str | None, str | None]:
    """What a user said last, and the answer that is taught: the last one, or the chosen one.

    Earlier turns are left out: in a long talk some phrase goes with some closing word by the topic alone.
    """
    users = [turn["content"] for turn in row["messages"] if turn["role"] == "user"]
    said = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
    answer = row["chosen"] if row["kind"] == "preference" else said[-1] if said else None
    return (users[-1] if users else None), answer


def _moved(flip: Flip, pairs: np.ndarray) -> Flip:
    """The flip with the positions of its pairs among all rows."""
    return replace(flip, rows=tuple(pairs[list(flip.rows)].tolist()))


def _said(flip: Flip) -> str:
    """ "labels of women (gender) flip: outcome = closed in 81 % before, in 20 % from here on"."""
    first, second = (f"{100 * (each.value or 0):.0f} %" for each in (flip.first, flip.second))
    whose = f"{flip.group} ({flip.axis})"
    if flip.throughout:
        return f"preferences of {whose} agree with others' in {first}, those of all in {second}"
    return f"labels of {whose} change: {flip.what} in {first} before, in {second} from some row on"


def _note(flip: Flip) -> Note:
    return Note(
        topic="poisoning.flip",
        text=_said(flip),
        data={
            "axis": flip.axis,
            "group": flip.group,
            "rows": str(len(flip.rows)),
            "p_value": f"{flip.p_value:.3g}",
        },
    )
