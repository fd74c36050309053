"""Training on Tunix, watched per group: the steps, and Limits. Importing this imports no JAX."""

from duecare.train.limits import Limits
from duecare.train.prefer import Dpo
from duecare.train.reinforce import Grpo, Ppo
from duecare.train.sft import Sft

__all__ = ["Dpo", "Grpo", "Limits", "Ppo", "Sft"]
