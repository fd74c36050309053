"""Parcels open under their own key and address alone, and show neither."""

from __future__ import annotations

import pytest

from duecare.core import LedgerError
from duecare.vault import Parcels


def test_a_parcel_opens_where_it_was_sent_and_holds_nothing_that_can_be_read() -> None:
    parcels = Parcels()
    sealed = parcels.seal(b"my name is Ada", "to 3")
    assert parcels.open(sealed, "to 3") == b"my name is Ada"
    assert b"Ada" not in sealed
    assert parcels.seal(b"my name is Ada", "to 3") != sealed  # equal rows do not show that they are equal


@pytest.mark.parametrize("how", ["another's", "another run's", "changed", "cut", "empty"])
def test_a_parcel_of_others_is_refused(how: str) -> None:
    parcels = Parcels()
    sealed = parcels.seal(b"my name is Ada", "to 3")
    changed = {"changed": sealed[:-1] + bytes([sealed[-1] ^ 1]), "cut": sealed[:-1], "empty": b""}
    opener = Parcels() if how == "another run's" else parcels
    with pytest.raises(LedgerError, match="was changed under way") as told:
        opener.open(changed.get(how, sealed), "back 3" if how == "another's" else "to 3")
    assert "Ada" not in str(told.value)


def test_the_key_is_not_shown() -> None:
    parcels = Parcels(b"k" * 32)
    assert "k" * 8 not in repr(parcels)
