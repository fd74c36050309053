"""Human review: rounds of items, the people who judge them, and what their judgements return to a run."""
