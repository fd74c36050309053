"""Training on Tunix, watched per group: steps, limits, debiasing. Importing this imports no JAX."""

from duecare.train.adversary import Adversary
from duecare.train.debias import Debias
from duecare.train.limits import Limits
from duecare.train.prefer import Dpo
from duecare.train.robust import GroupDro, Pairing
from duecare.train.sft import Sft

__all__ = ["Adversary", "Debias", "Dpo", "GroupDro", "Limits", "Pairing", "Sft"]
