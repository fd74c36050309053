"""Notes that the store keeps for the ledger, handed on as soon as somebody listens."""

from __future__ import annotations

import threading

from duecare.review.notes import untold, was_told
from duecare.review.pages.settings import Settings
from duecare.review.store import Store

_one_at_a_time = threading.Lock()


def tell(store: Store, settings: Settings) -> int:
    """Tell what was not told yet; how many notes. Without a listener they stay in the store.

    The ledger has a note before the store forgets that it waits: after a kill in between it is told
    twice, never lost.
    """
    if settings.tell is None:
        return 0
    with _one_at_a_time:
        waiting = untold(store)
        for name, note in waiting:
            settings.tell(note)
            was_told(store, name)
    return len(waiting)
