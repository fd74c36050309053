"""The `storage` section of a study: what is encrypted at rest, how keys are kept, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from duecare.core.errors import refuse_unless
from duecare.vault.envelope import Keeping
from duecare.vault.guards import Guard, KeyCommand, KeyFile, Keyring, Passphrase, Plain

ROWS, WEIGHTS = "rows", "weights"
_BY_WORD: Mapping[str, type[Plain] | type[Passphrase] | type[Keyring]] = {
    each.kind: each for each in (Plain, Passphrase, Keyring)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FileKey:
    """Data keys are wrapped with what a file holds.

    - file: a file of 32 random bytes or more, which nobody but you may read
    """

    file: str

    def __post_init__(self) -> None:
        KeyFile(self.file)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandKey:
    """Data keys are wrapped and unwrapped by commands, as a key management service does.

    - wrap, unwrap: a program, which $DUECARE_KEY_COMMANDS must name, and its arguments; no shell. 32 bytes go
      to the standard input of `wrap`, what it writes goes to that of `unwrap`, which gives the 32 bytes back
    """

    wrap: tuple[str, ...]
    unwrap: tuple[str, ...]

    def __post_init__(self) -> None:
        KeyCommand(self.wrap, self.unwrap)


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """What of a run is encrypted at rest, how its keys are kept, and until when its data may be.

    - seal: `rows`: rows of every source, until personal data is taken out of them; `weights`: of every model
      that is trained
    - key: what data keys are wrapped with: `home` (nothing; they lie in files of yours), `passphrase`,
      `keyring` (of the operating system), `{file: PATH}`, or `{wrap: [...], unwrap: [...]}`
    - keep_until: a day (YYYY-MM-DD) after which rows and weights stay shut
    - index: whether a keyed index is built by which `duecare forget` finds a person
    """

    seal: tuple[Literal["rows", "weights"], ...] = ("rows",)
    key: Literal["home", "passphrase", "keyring"] | FileKey | CommandKey = "home"
    keep_until: str | None = None
    index: bool = True

    def __post_init__(self) -> None:
        known = isinstance(self.key, FileKey | CommandKey) or self.key in _BY_WORD
        refuse_unless(
            "storage",
            (
                bool(self.seal)
                and set(self.seal) <= {ROWS, WEIGHTS}
                and len(set(self.seal)) == len(self.seal),
                "seal",
                list(self.seal),
                "rows, weights or both, each once",
            ),
            (known, "key", "(not shown)", f"one of {', '.join(_BY_WORD)}, a file, or two commands"),
            (self.keep_until is None or _day(self.keep_until), "keep_until", self.keep_until, "YYYY-MM-DD"),
        )

    @property
    def guard(self) -> Guard:
        """What wraps data keys."""
        if isinstance(self.key, FileKey):
            return KeyFile(self.key.file)
        if isinstance(self.key, CommandKey):
            return KeyCommand(self.key.wrap, self.key.unwrap)
        return _BY_WORD[self.key]()

    @property
    def keeping(self) -> Keeping:
        """How keys are kept while a run of such a study goes on."""
        return Keeping(self.guard, self.until)

    @property
    def until(self) -> date | None:
        """The last day, if there is one."""
        return date.fromisoformat(self.keep_until) if self.keep_until else None

    def recorded(self) -> dict[str, Any]:
        """What the ledger says of it: of the key, which sort it is, and neither path nor command."""
        return {
            "seal": list(self.seal),
            "key": self.guard.kind,
            "keep_until": self.keep_until,
            "index": self.index,
        }


def _day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except (ValueError, TypeError):
        return False
