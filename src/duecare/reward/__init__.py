"""Audit of a reward model: what it ranks, what it pays for besides quality, where it leads a policy."""

from duecare.reward.audit import Audit
from duecare.reward.best import BestOfN
from duecare.reward.limits import AuditLimits
from duecare.reward.people import People

__all__ = ["Audit", "AuditLimits", "BestOfN", "People"]
