"""Who is in the data, how they are answered, and weights that balance them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from duecare.core import Artifacts, Estimate, Finding, Outcome, Tell, exact, refuse_unless
from duecare.core.table import EXAMPLES
from duecare.curate.flow import batches, file_name, sealing, sift, table_writer
from duecare.curate.population import Population, read_population, shares, weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """Measure who is represented and how they are answered, before anything is removed.

    - population: CSV with columns axis, value, share, to compare declared groups with; in a study, if not
      given, the one that the source is balanced to; without either every group is compared with an even
      share, and a group is only noticed, not judged
    - mentions: axes of identity looked for in the texts (gender, religion, age, ...), counted as words
      found, never as facts about a person
    - outcomes: kept columns whose values are compared between groups; so is how rows are answered (declines,
      breaks off, very short)
    - topic: kept column that says what a row is about; without it, words tell
    - tolerance: how far below its stated share a group may lie, as a share of it (0.2: four fifths)
    """

    population: str | None = None
    mentions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    topic: str | None = None
    tolerance: float = 0.2

    def __post_init__(self) -> None:
        refuse_unless(
            "curate.audit",
            (
                isinstance(self.tolerance, int | float) and 0 < self.tolerance < 1,
                "tolerance",
                self.tolerance,
                "a number in (0, 1)",
            ),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write the rows as they came; tell shares, lengths, mentions and outcomes by group."""
        from duecare.curate.census import take_census
        from duecare.curate.judge import judge

        seal = sealing(inputs["examples"])
        with table_writer(out, "kept", EXAMPLES, seal) as writer:

            def written() -> Iterator[pa.RecordBatch]:
                for batch in batches(inputs["examples"]):
                    writer.write_batch(batch)
                    yield batch

            census = take_census(written(), self.mentions, self.outcomes, self.topic)
        source = inputs["examples"].job.partition(":")[2]
        stated = read_population(Path(self.population)) if self.population else {}
        estimates, findings = judge(census, source, stated, self.tolerance)
        counts = tuple(
            exact(f"curate.rows.{what}", census.rows, census.rows, {"source": source}, "rows")
            for what in ("in", "kept")
        )
        return Outcome(
            files={"kept": file_name("kept", EXAMPLES, seal)},
            estimates=(*counts, *estimates),
            findings=tuple(findings),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """Let declared groups count as in a population: by weights, or by dropping and copying rows.

    - by: the declared column (axis) to balance
    - cross: a second declared column; weights are then such that both count as in the population (raking)
    - to: CSV with columns axis, value, share; without it every group counts the same
    - mode: "weights" removes no row; "sampling" drops and copies rows, each recorded, and is refused where it
      would take rows from a group that has too few
    - draw: for sampling, "both" keeps the number of rows, "down" only drops, "up" only copies
    - most: the largest weight a row may get, or how often it may be copied; a group that would need more
      stays short by weights, which is said, and is refused by sampling
    - seed: another seed draws other rows
    """

    by: str
    cross: str | None = None
    to: str | None = None
    mode: Literal["weights", "sampling"] = "weights"
    draw: Literal["both", "down", "up"] = "both"
    most: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        alone = self.cross is None or (self.mode == "weights" and self.cross != self.by)
        refuse_unless(
            "curate.balance",
            (bool(self.by), "by", self.by, "a declared group column"),
            (alone, "cross", self.cross, "another declared group column, with mode weights"),
            (self.mode in ("weights", "sampling"), "mode", self.mode, "weights or sampling"),
            (self.draw in ("both", "down", "up"), "draw", self.draw, "both, down or up"),
            (
                isinstance(self.most, int | float) and 1 <= self.most <= 1000,
                "most",
                self.most,
                "a number from 1 to 1000",
            ),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept (with weights or copies), dropped and changes (one for each row that was touched).

        Raises DataError for a population that does not fit, for pairs of groups without a row, and for a
        sample that would drop rows of a group that has too few.
        """
        stated = read_population(Path(self.to)) if self.to else {}
        if self.mode == "sampling":
            return self._sample(inputs, out, tell, stated.get(self.by))
        return (
            self._cross(inputs, out, tell, stated) if self.cross else self._weigh(inputs, out, tell, stated)
        )

    def _weigh(self, inputs: Artifacts, out: Path, tell: Tell, stated: Population) -> Outcome:
        from duecare.curate.balancing import Balancing

        counts, source = self._counts(inputs, (self.by,)), _source(inputs)
        balancing = Balancing((self.by,), weights(counts, stated.get(self.by), self.by, self.most))
        outcome = sift(inputs, out, tell, balancing.operate)
        return Outcome(
            files=outcome.files,
            estimates=(*outcome.estimates, *balancing.estimates(counts, source)),
            findings=tuple(balancing.findings(counts, stated.get(self.by), source)),
        )

    def _cross(self, inputs: Artifacts, out: Path, tell: Tell, stated: Population) -> Outcome:
        from duecare.curate.balancing import CROSSED, Balancing, margins
        from duecare.curate.raking import rake

        axes, source = (self.by, str(self.cross)), _source(inputs)
        counts = self._counts(inputs, axes)
        targets = (stated.get(axes[0], {}), stated.get(axes[1], {}))
        pairs = {(name.partition(CROSSED)[0], name.partition(CROSSED)[2]): n for name, n in counts.items()}
        raked = rake(pairs, targets, axes, self.most)
        by_pair = {
            CROSSED.join((one, two)): float(raked.weight[i, j])
            for i, one in enumerate(raked.groups[0])
            for j, two in enumerate(raked.groups[1])
        }
        balancing = Balancing(axes, by_pair)
        outcome = sift(inputs, out, tell, balancing.operate)
        told = [*margins(raked, axes, targets, source)]
        return Outcome(
            files=outcome.files,
            estimates=(
                *outcome.estimates,
                *balancing.estimates(counts, source),
                *(each for each in told if isinstance(each, Estimate)),
            ),
            findings=tuple(each for each in told if isinstance(each, Finding)),
        )

    def _sample(
        self, inputs: Artifacts, out: Path, tell: Tell, stated: Mapping[str, float] | None
    ) -> Outcome:
        from duecare.curate.sampling import Sampling, plan

        counts, source = self._counts(inputs, (self.by,)), _source(inputs)
        share = shares(counts, stated, self.by)
        wanted = plan(counts, share, self.draw, self.by, self.most)
        sampling = Sampling(self.by, wanted, self.seed)
        sampling.rank(inputs["examples"])
        outcome = sift(inputs, out, tell, sampling.operate)
        total = sum(wanted.values())
        told = [
            exact(
                "balance.share",
                wanted[group] / total,
                total,
                {"source": source, "axis": self.by, "group": group},
            )
            for group in sorted(wanted)
        ]
        distinct = sum(min(counts[group], wanted[group]) for group in counts)
        told.append(
            exact("balance.distinct_rows", distinct, total, {"source": source, "axis": self.by}, "rows")
        )
        return Outcome(files=outcome.files, estimates=(*outcome.estimates, *told))

    def _counts(self, inputs: Artifacts, axes: tuple[str, ...]) -> dict[str, int]:
        from duecare.curate.balancing import groups_of

        counted: Counter[str] = Counter()
        for batch in batches(inputs["examples"]):
            for each in pc.value_counts(groups_of(batch, axes).drop_null()).to_pylist():
                counted[each["values"]] += each["counts"]
        return dict(sorted(counted.items()))


def _source(inputs: Artifacts) -> str:
    return inputs["examples"].job.partition(":")[2]
