"""Training on Tunix, watched per group: Sft and Dpo, Limits and Privacy. Importing this imports no JAX."""

from duecare.train.limits import Limits
from duecare.train.prefer import Dpo
from duecare.train.private import Privacy
from duecare.train.sft import Sft

__all__ = ["Dpo", "Limits", "Privacy", "Sft"]
