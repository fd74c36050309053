"""What must stay secret, and destroyable: study secrets, the row keys and sealed files that hang on them."""

from duecare.vault.envelope import data_key, keeping
from duecare.vault.keys import destroy, held, home, row_key, secret
from duecare.vault.mapping import MapWriter, Replaced, map_writer, read_map
from duecare.vault.parcel import Parcels
from duecare.vault.sealed import SUFFIX, opened, sealed_with, stored, writing

__all__ = [
    "SUFFIX",
    "MapWriter",
    "Parcels",
    "Replaced",
    "data_key",
    "destroy",
    "held",
    "home",
    "keeping",
    "map_writer",
    "opened",
    "read_map",
    "row_key",
    "sealed_with",
    "secret",
    "stored",
    "writing",
]
