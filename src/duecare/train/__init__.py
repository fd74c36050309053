"""Training on Tunix, watched per group: the steps Sft and Dpo, and Limits. Importing this imports no JAX."""

from duecare.train.limits import Limits
from duecare.train.prefer import Dpo
from duecare.train.sft import Sft

__all__ = ["Dpo", "Limits", "Sft"]
