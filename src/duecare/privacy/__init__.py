"""Differential privacy: the accountant, clipping, noise, sampling, and the checks of each."""

from duecare.privacy.account import Plan, Promise, epsilon_of, plan
from duecare.privacy.noise import Secret, kept_secret
from duecare.privacy.sample import poisson_batch

__all__ = ["Plan", "Promise", "Secret", "epsilon_of", "kept_secret", "plan", "poisson_batch"]
