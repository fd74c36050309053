"""What the review application refuses, in words that may be shown to whoever asked.

```
ReviewError          something cannot be done as asked; `field` names a form's field where one is wrong
├── DeniedError      this person may not do this
├── GoneError        what is asked for is not here: unknown, another's, expired or closed
├── BusyError        too many attempts, or the store cannot be reached just now: try again (`after` seconds)
└── StoreError       the store itself cannot be used
```
"""

from __future__ import annotations

from duecare.core.errors import DuecareError


class ReviewError(DuecareError):
    """Something cannot be done as asked. Never carries a text that is reviewed."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class DeniedError(ReviewError):
    """This person may not do this."""


class GoneError(ReviewError):
    """What is asked for is not here: unknown, somebody else's, expired or closed."""


class BusyError(ReviewError):
    """Nothing was changed or acknowledged; the same request may succeed after `after` seconds."""

    def __init__(self, message: str, *, after: float = 1.0) -> None:
        super().__init__(message)
        self.after = after


class StoreError(ReviewError):
    """The store cannot be opened or is not in a state that can be used."""
