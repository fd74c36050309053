"""Audit of a reward model: what it ranks, what it pays for besides quality, where it leads a policy."""
