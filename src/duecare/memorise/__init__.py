"""What a model kept of its rows: canaries that come back, and rows that can be told to have been read."""

from duecare.memorise.canaries import CanariesBack
from duecare.memorise.limits import MemoriseLimits
from duecare.memorise.records import RecordLimits, Records

__all__ = ["CanariesBack", "MemoriseLimits", "RecordLimits", "Records"]
