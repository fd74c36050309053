"""Training on Tunix, watched per group: a class for each step and for what they share. Imports no JAX."""

from duecare.train.adversary import Adversary
from duecare.train.debias import Debias
from duecare.train.distill import Distill
from duecare.train.drift import Drift
from duecare.train.heads import Robust
from duecare.train.influence import Influence
from duecare.train.limits import Limits
from duecare.train.prefer import Dpo
from duecare.train.private import Privacy
from duecare.train.probing import Probes
from duecare.train.reinforce import Grpo, Ppo
from duecare.train.reward_model import RewardModel
from duecare.train.robust import GroupDro, Pairing
from duecare.train.sampled import Sampled
from duecare.train.sft import Sft

__all__ = [
    "Adversary",
    "Debias",
    "Distill",
    "Dpo",
    "Drift",
    "GroupDro",
    "Grpo",
    "Influence",
    "Limits",
    "Pairing",
    "Ppo",
    "Privacy",
    "Probes",
    "RewardModel",
    "Robust",
    "Sampled",
    "Sft",
]
