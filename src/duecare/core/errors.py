"""The errors duecare raises on purpose.

```
DuecareError
├── StudyError    a study file or a step's setting is wrong (carries every Problem found)
├── DataError     a source or a table cannot be read as what it was declared to be
├── ModelError    a model cannot be loaded, mended or exported faithfully
└── LedgerError   a run folder, a key or the ledger is not in a state that can be used

KeyboardInterrupt
└── StoppedError  a signal asked to stop, and what was done is kept
```

An error names the field, its value and what was expected. It never carries a row's text: personal
data may stand in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field.

    `where` is a dotted path ("curate.0.toxicity.limit"), `value` its offending value as shown to the
    reader, `expected` what would have been right, `line` the 1-based line of the study file if known.
    """

    where: str
    value: str
    expected: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.where} = {self.value}: expected {self.expected}"


class DuecareError(Exception):
    """Base of all errors that duecare raises on purpose."""


class StudyError(DuecareError):
    """A study or a step's settings are wrong; `problems` holds all of them, not only the first.

    `about` says what has them: the study, or the call of a command that reads none.
    """

    about = "the study"

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem(where="study", value="", expected=problems)]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(DuecareError):
    """A source or table cannot be read as what it was declared to be."""


class ModelError(DuecareError):
    """A model cannot be loaded, mended or exported faithfully."""


class LedgerError(DuecareError):
    """A run folder, a key or the ledger is not in a state that can be used."""


class StoppedError(KeyboardInterrupt):
    """A signal asked to stop; its words say what is kept and how to go on. Not a failure: no DuecareError."""


def refuse_unless(step: str, *rules: tuple[bool, str, object, str]) -> None:
    """Raise one StudyError with every broken rule of a step.

    A rule is `(holds, field, value, expected)`. Meant for `__post_init__` of step dataclasses:

    >>> refuse_unless("curate.toxicity", (False, "limit", 1.5, "a number in (0, 1]"))
    Traceback (most recent call last):
    ...
    duecare.core.errors.StudyError: curate.toxicity.limit = 1.5: expected a number in (0, 1]
    """
    problems = [
        Problem(where=f"{step}.{field}", value=repr(value), expected=expected)
        for holds, field, value, expected in rules
        if not holds
    ]
    if problems:
        raise StudyError(problems)
