"""Training on Tunix, watched per group: the steps Sft and Dpo, with Limits and Probes. Imports no JAX."""

from duecare.train.limits import Limits
from duecare.train.prefer import Dpo
from duecare.train.probing import Probes
from duecare.train.sft import Sft

__all__ = ["Dpo", "Limits", "Probes", "Sft"]
