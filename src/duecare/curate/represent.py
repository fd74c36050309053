"""Who is in the data, how they are answered, and weights that balance them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.compute as pc

from duecare.core import Artifacts, Outcome, Tell, exact, refuse_unless
from duecare.core.table import EXAMPLES, group_column
from duecare.curate.flow import batches, file_name, sealing, sift, table_writer
from duecare.curate.population import read_population, weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """Measure who is represented and how they are answered, before anything is removed.

    - population: CSV with columns axis, value, share, to compare declared groups with; in a study, if not
      given, the one that the source is balanced to; without either every group is compared with an even
      share, and a group is only noticed, not judged
    - mentions: axes of identity looked for in the texts (gender, religion, age, ...), counted as words
      found, never as facts about a person
    - outcomes: kept columns whose values are compared between groups
    - tolerance: how far below its stated share a group may lie, as a share of it (0.2: four fifths)
    """

    population: str | None = None
    mentions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
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

        census = take_census(batches(inputs["examples"]), self.mentions, self.outcomes)
        source = inputs["examples"].job.partition(":")[2]
        stated = read_population(Path(self.population)) if self.population else {}
        estimates, findings = judge(census, source, stated, self.tolerance)
        seal = sealing(inputs["examples"])
        with table_writer(out, "kept", EXAMPLES, seal) as writer:
            for batch in batches(inputs["examples"]):
                writer.write_batch(batch)
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
    """Give rows weights so that declared groups count as in a population; no row is removed.

    - by: the declared column (axis) to balance
    - to: CSV with columns axis, value, share; without it every group counts the same
    - mode: "weights" (the only way now: removing rows would remove those whom it should serve)
    - most: the largest weight a row may get; beyond it the group stays short, and that is said
    """

    by: str
    to: str | None = None
    mode: Literal["weights"] = "weights"
    most: float = 10.0

    def __post_init__(self) -> None:
        refuse_unless(
            "curate.balance",
            (bool(self.by), "by", self.by, "a declared group column"),
            (self.mode == "weights", "mode", self.mode, "weights"),
            (
                isinstance(self.most, int | float) and 1 <= self.most <= 1000,
                "most",
                self.most,
                "a number from 1 to 1000",
            ),
        )

    def run(self, inputs: Artifacts, out: Path, tell: Tell) -> Outcome:
        """Write kept (with weights), dropped (empty) and changes (one for each reweighted row)."""
        from duecare.curate.balancing import Balancing

        stated = read_population(Path(self.to)).get(self.by) if self.to else None
        counts = self._counts(inputs)
        source = inputs["examples"].job.partition(":")[2]
        balancing = Balancing(self.by, weights(counts, stated, self.by, self.most))
        outcome = sift(inputs, out, tell, balancing.operate)
        told = balancing.estimates(counts, source)
        return Outcome(
            files=outcome.files,
            estimates=(*outcome.estimates, *told),
            findings=tuple(balancing.findings(counts, stated, source)),
        )

    def _counts(self, inputs: Artifacts) -> dict[str, int]:
        counted: dict[str, int] = {}
        for batch in batches(inputs["examples"]):
            found = pc.value_counts(group_column(batch, self.by).drop_null())
            for each in found.to_pylist():
                counted[each["values"]] = counted.get(each["values"], 0) + each["counts"]
        return dict(sorted(counted.items()))
